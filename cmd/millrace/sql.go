package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/millrace/millrace/internal/gateway"
	"github.com/millrace/millrace/internal/node"
	"github.com/millrace/millrace/internal/shell"
	"github.com/millrace/millrace/internal/sql/session"
)

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

func sqlCommand() *cobra.Command {
	var file, statement, addr, data, output, user, passwordFile string
	c := &cobra.Command{
		Use:   "sql",
		Short: "A SQL shell on a node: one that serves (--addr) or a data directory (--data)",
		Args:  exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			format, err := shell.ParseFormat(output)
			if err != nil {
				return fmt.Errorf("--output: %w", err)
			}
			script, err := readScript(file, statement)
			if err != nil {
				return err
			}
			login, err := sqlLogin(user, passwordFile, commandConfig)
			if err != nil {
				return err
			}
			x, closeAll, err := connect(cmd.Context(), addr, data, file, login)
			if err != nil {
				return err
			}
			defer closeAll()
			if script == nil {
				return shell.Interactive(cmd.Context(), x, format, os.Stdout)
			}
			script.Format, script.Out = format, os.Stdout
			stmts, err := script.Parse()
			if err != nil {
				return err
			}
			return script.Run(cmd.Context(), stmts, x)
		},
	}
	f := c.Flags()
	f.StringVarP(&file, "file", "f", "", "run a script and end")
	f.StringVarP(&statement, "execute", "e", "", "run statements and end")
	f.StringVar(&addr, "addr", "127.0.0.1:8083", "HTTP address of a node")
	f.StringVar(&data, "data", "", "open this data directory instead of asking a node")
	f.StringVar(&user, "user", "", "log in to the node as this user")
	f.StringVar(&passwordFile, "password-file", "", "a file whose first line is the user's password; without it a terminal is asked")
	f.StringVar(&commandConfig, "command-config", "", "a file of Kafka client properties, of which security.protocol, sasl.jaas.config and ssl.… count here")
	f.StringVar(&output, "output", "table", "how results are printed: table, json or csv; json has a line {\"op\":\"+I\",\"row\":{…}} for each row")
	return c
}

// readScript is what -f or -e says, or standard input where it is no terminal; nil
// for a conversation.
func readScript(file, statement string) (*shell.Script, error) {
	switch {
	case file != "" && statement != "":
		return nil, fmt.Errorf("give -f FILE or -e STATEMENT, not both")
	case file != "":
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("cannot read the script: %w", err)
		}
		return &shell.Script{Name: file, Text: string(text)}, nil
	case statement != "":
		return &shell.Script{Name: "-e", Text: statement}, nil
	case !isTerminal(os.Stdin):
		text, err := io.ReadAll(os.Stdin)
		return &shell.Script{Name: "stdin", Text: string(text)}, err
	}
	return nil, nil
}

func connect(ctx context.Context, addr, data, file string, login gateway.Login) (shell.Executor, func(), error) {
	if data == "" {
		c, err := gateway.Dial(ctx, addr, login)
		if err != nil {
			return nil, nil, err
		}
		return c, func() { c.Close() }, nil
	}
	n, err := node.Open(node.Config{Data: data, Report: report})
	if err != nil {
		return nil, nil, err
	}
	dir := "."
	if file != "" {
		dir = filepath.Dir(file)
	}
	s := n.Session(session.Options{Dir: dir, Report: report})
	return node.Local(s), func() { n.Close() }, nil
}
