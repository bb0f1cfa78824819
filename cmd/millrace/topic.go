package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/millrace/millrace/internal/broker/metadata"
)

// addrFlag is the address of the node, or of any Kafka broker.
func addrFlag(c *cobra.Command, addr *string) {
	c.PersistentFlags().StringVar(addr, "addr", "127.0.0.1:9092", "Kafka address of a node")
	c.PersistentFlags().StringVar(&commandConfig, "command-config", "", "a file of Kafka client properties: security.protocol, sasl.mechanism, sasl.jaas.config, ssl.…")
}

func dial(addr string, opts ...kgo.Opt) (*kgo.Client, error) {
	secure, err := securityOptions(commandConfig)
	if err != nil {
		return nil, err
	}
	opts = append(opts, secure...)
	return kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(addr), kgo.ClientID("millrace"), kgo.RetryTimeout(10 * time.Second)}, opts...)...)
}

// withAdmin runs fn with a connection that is known to work, so that a wrong
// address is said at once.
func withAdmin(ctx context.Context, addr string, fn func(*kadm.Client) error) error {
	return withClient(ctx, addr, func(cl *kgo.Client) error { return fn(kadm.NewClient(cl)) })
}

func withClient(ctx context.Context, addr string, fn func(*kgo.Client) error) error {
	cl, err := dial(addr)
	if err != nil {
		return err
	}
	defer cl.Close()
	if err := ping(ctx, cl, addr); err != nil {
		return err
	}
	return fn(cl)
}

func ping(ctx context.Context, cl *kgo.Client, addr string) error {
	ctx, stop := context.WithTimeout(ctx, 5*time.Second)
	defer stop()
	err := cl.Ping(ctx)
	var refused *kerr.Error
	if errors.As(err, &refused) {
		return fmt.Errorf("the broker on %s refuses the connection: %w", addr, err)
	}
	if err != nil {
		return fmt.Errorf("no broker answers on %s: start one with `millrace serve --data DIR`, or name another with --addr (%w)", addr, err)
	}
	return nil
}

func topicCommand() *cobra.Command {
	var addr string
	c := &cobra.Command{Use: "topic", Short: "List, describe, create and delete topics", Args: knownCommand, RunE: showHelp}
	addrFlag(c, &addr)
	c.AddCommand(topicList(&addr), topicDescribe(&addr), topicCreate(&addr), topicDelete(&addr))
	return c
}

func topicList(addr *string) *cobra.Command {
	var internal bool
	c := &cobra.Command{
		Use: "list", Short: "Names of the topics", Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withAdmin(cmd.Context(), *addr, func(a *kadm.Client) error {
				topics, err := a.ListTopicsWithInternal(cmd.Context())
				if err != nil {
					return err
				}
				for _, t := range topics.Sorted() {
					if internal || !t.IsInternal {
						fmt.Println(t.Topic)
					}
				}
				return nil
			})
		},
	}
	c.Flags().BoolVar(&internal, "internal", false, "also those that millrace keeps for itself")
	return c
}

func topicDescribe(addr *string) *cobra.Command {
	return &cobra.Command{
		Use: "describe TOPIC...", Short: "Partitions with their offsets", Args: atLeastOne("TOPIC"),
		RunE: func(cmd *cobra.Command, names []string) error {
			return withAdmin(cmd.Context(), *addr, func(a *kadm.Client) error {
				topics, err := a.ListTopics(cmd.Context(), names...)
				if err != nil {
					return err
				}
				if err := topics.Error(); err != nil {
					return fmt.Errorf("topic %s: %w", strings.Join(names, ", "), err)
				}
				starts, err := a.ListStartOffsets(cmd.Context(), names...)
				if err != nil {
					return err
				}
				ends, err := a.ListEndOffsets(cmd.Context(), names...)
				if err != nil {
					return err
				}
				w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
				fmt.Fprintln(w, "TOPIC\tPARTITION\tFIRST OFFSET\tEND OFFSET\tTOPIC ID")
				for _, t := range topics.Sorted() {
					for _, p := range t.Partitions.Sorted() {
						start, _ := starts.Lookup(t.Topic, p.Partition)
						end, _ := ends.Lookup(t.Topic, p.Partition)
						fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%s\n", t.Topic, p.Partition, start.Offset, end.Offset, t.ID)
					}
				}
				return w.Flush()
			})
		},
	}
}

func topicCreate(addr *string) *cobra.Command {
	var partitions int32
	var configs []string
	c := &cobra.Command{
		Use: "create TOPIC...", Short: "Create topics", Args: atLeastOne("TOPIC"),
		RunE: func(cmd *cobra.Command, names []string) error {
			settings, err := parseSettings(configs)
			if err != nil {
				return err
			}
			values := map[string]*string{}
			for k, v := range settings {
				if err := metadata.UnknownTopicConfig(k); err != nil {
					return err
				}
				values[k] = &v
			}
			return withAdmin(cmd.Context(), *addr, func(a *kadm.Client) error {
				for _, name := range names {
					r, err := a.CreateTopic(cmd.Context(), partitions, -1, values, name)
					if err != nil {
						return fmt.Errorf("topic %s: %w%s", name, err, because(r.ErrMessage))
					}
				}
				return nil
			})
		},
	}
	c.Flags().Int32Var(&partitions, "partitions", -1, "number of partitions; -1 for the broker's default")
	c.Flags().StringArrayVar(&configs, "set", nil, "a topic config by Kafka's name: --set retention.ms=3600000")
	return c
}

func topicDelete(addr *string) *cobra.Command {
	return &cobra.Command{
		Use: "delete TOPIC...", Short: "Delete topics with all their records", Args: atLeastOne("TOPIC"),
		RunE: func(cmd *cobra.Command, names []string) error {
			return withAdmin(cmd.Context(), *addr, func(a *kadm.Client) error {
				rs, err := a.DeleteTopics(cmd.Context(), names...)
				if err != nil {
					return err
				}
				for _, name := range slices.Sorted(slices.Values(names)) {
					if r := rs[name]; r.Err != nil {
						return fmt.Errorf("topic %s: %w%s", name, r.Err, because(r.ErrMessage))
					}
				}
				return nil
			})
		},
	}
}

func because(message string) string {
	if message == "" {
		return ""
	}
	return " (" + message + ")"
}
