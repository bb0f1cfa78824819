package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"golang.org/x/term"

	"github.com/millrace/millrace/internal/broker/auth"
	"github.com/millrace/millrace/internal/broker/metadata"
	"github.com/millrace/millrace/internal/vfs"
)

func userCommand() *cobra.Command {
	var addr string
	c := &cobra.Command{Use: "user", Short: "Create, list and delete users that log in with a password", Args: knownCommand, RunE: showHelp}
	addrFlag(c, &addr)
	c.AddCommand(userCreate(&addr), userList(&addr), userDelete(&addr))
	return c
}

func userCreate(addr *string) *cobra.Command {
	var mechanisms []string
	var iterations int32
	var data string
	c := &cobra.Command{
		Use: "create NAME", Short: "Create a user, or give one a new password", Args: exactly("NAME"),
		Long: `Create a user, or give one a new password, which is asked for, or read as the first
line of standard input where that is no terminal.

The user logs in with SCRAM, or with PLAIN where that is enabled. The first user of a
node that lets nobody in without a login is made while it is stopped, with --data.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			chosen, err := scramMechanisms(mechanisms)
			if err != nil {
				return err
			}
			if iterations < auth.MinIterations || iterations > auth.MaxIterations {
				return fmt.Errorf("--iterations %d: expected %d to %d", iterations, auth.MinIterations, auth.MaxIterations)
			}
			password, err := askPassword(args[0])
			if err != nil {
				return err
			}
			if data != "" {
				return createOffline(data, args[0], password, chosen, int(iterations))
			}
			return createUser(cmd.Context(), *addr, args[0], password, chosen, iterations)
		},
	}
	f := c.Flags()
	f.StringSliceVar(&mechanisms, "mechanism", []string{auth.MechanismScram256, auth.MechanismScram512}, "SCRAM mechanisms that the user can log in with")
	f.Int32Var(&iterations, "iterations", auth.MinIterations, "how often the password is hashed")
	f.StringVar(&data, "data", "", "the data directory of a node that is stopped, instead of --addr")
	return c
}

func scramMechanisms(names []string) (out []auth.ScramMechanism, err error) {
	for _, name := range names {
		i := slices.IndexFunc(auth.ScramMechanisms, func(m auth.ScramMechanism) bool { return strings.EqualFold(m.String(), name) })
		if i < 0 {
			return nil, fmt.Errorf("--mechanism %s: expected SCRAM-SHA-256 or SCRAM-SHA-512", name)
		}
		out = append(out, auth.ScramMechanisms[i])
	}
	if len(out) == 0 {
		return nil, errors.New("--mechanism: expected SCRAM-SHA-256 or SCRAM-SHA-512")
	}
	return out, nil
}

// askPassword asks twice at a terminal, and takes a line elsewhere.
func askPassword(user string) (string, error) {
	if !isTerminal(os.Stdin) {
		line, err := bufio.NewReader(os.Stdin).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			return "", errors.New("no password: it is the first line of standard input")
		}
		return line, nil
	}
	ask := func(prompt string) (string, error) {
		fmt.Fprint(os.Stderr, prompt)
		b, err := term.ReadPassword(int(os.Stdin.Fd()))
		fmt.Fprintln(os.Stderr)
		return string(b), err
	}
	first, err := ask("Password of " + user + ": ")
	if err != nil {
		return "", err
	}
	again, err := ask("Again: ")
	switch {
	case err != nil:
		return "", err
	case first == "":
		return "", errors.New("a password cannot be empty")
	case first != again:
		return "", errors.New("the passwords differ")
	}
	return first, nil
}

func createUser(ctx context.Context, addr, name, password string, mechanisms []auth.ScramMechanism, iterations int32) error {
	return withAdmin(ctx, addr, func(a *kadm.Client) error {
		var set []kadm.UpsertSCRAM
		for _, m := range mechanisms {
			salt := auth.NewSalt()
			set = append(set, kadm.UpsertSCRAM{
				User: name, Mechanism: kadm.ScramMechanism(m), Iterations: iterations, Salt: salt, SaltedPassword: m.Salt(password, salt, int(iterations)),
			})
		}
		rs, err := a.AlterUserSCRAMs(ctx, nil, set)
		if err != nil {
			return err
		}
		if r := rs[name]; r.Err != nil {
			return fmt.Errorf("user %s: %w%s", name, r.Err, because(r.ErrMessage))
		}
		return nil
	})
}

func createOffline(data, name, password string, mechanisms []auth.ScramMechanism, iterations int) (err error) {
	if _, err := os.Stat(data); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	store, err := metadata.Open(metadata.Options{FS: vfs.OS, Dir: data, Report: report})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	var set []metadata.UserCredential
	for _, m := range mechanisms {
		salt := auth.NewSalt()
		set = append(set, metadata.UserCredential{User: name, Credential: auth.NewCredential(m, salt, m.Salt(password, salt, iterations), iterations)})
	}
	return store.SetCredentials(set, nil)
}

func userList(addr *string) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "Users and the mechanisms they can log in with", Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withAdmin(cmd.Context(), *addr, func(a *kadm.Client) error {
				users, err := a.DescribeUserSCRAMs(cmd.Context())
				if err != nil {
					return err
				}
				w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
				fmt.Fprintln(w, "USER\tMECHANISM\tITERATIONS")
				for _, u := range users.Sorted() {
					for _, c := range u.CredInfos {
						fmt.Fprintf(w, "%s\t%s\t%d\n", u.User, auth.ScramMechanism(c.Mechanism), c.Iterations)
					}
				}
				return w.Flush()
			})
		},
	}
}

func userDelete(addr *string) *cobra.Command {
	return &cobra.Command{
		Use: "delete NAME", Short: "Delete a user; connections that are open stay", Args: exactly("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withAdmin(cmd.Context(), *addr, func(a *kadm.Client) error {
				users, err := a.DescribeUserSCRAMs(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				if err := users[args[0]].Err; err != nil {
					return fmt.Errorf("user %s: %w%s", args[0], err, because(users[args[0]].ErrMessage))
				}
				var gone []kadm.DeleteSCRAM
				for _, c := range users[args[0]].CredInfos {
					gone = append(gone, kadm.DeleteSCRAM{User: args[0], Mechanism: c.Mechanism})
				}
				rs, err := a.AlterUserSCRAMs(cmd.Context(), gone, nil)
				if err != nil {
					return err
				}
				if r := rs[args[0]]; r.Err != nil {
					return fmt.Errorf("user %s: %w%s", args[0], r.Err, because(r.ErrMessage))
				}
				return nil
			})
		},
	}
}
