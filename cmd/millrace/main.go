// Command millrace is a Kafka-compatible log and a Flink-compatible SQL processor in
// one program.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/millrace/millrace/internal/node"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first signal asks for an orderly end; a second one ends the process at once.
	context.AfterFunc(ctx, stop)
	if err := root().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "millrace: "+oneLine(err))
		os.Exit(1)
	}
}

// oneLine keeps an error on one line, as all errors a person sees are.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

func root() *cobra.Command {
	c := &cobra.Command{
		Use:           "millrace",
		Short:         "A Kafka-compatible log and a Flink-compatible SQL processor in one program.",
		Version:       node.Version,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          knownCommand,
		RunE:          showHelp,
	}
	c.SetFlagErrorFunc(flagError)
	c.AddCommand(serveCommand(), runCommand(), sqlCommand(), topicCommand(), produceCommand(), consumeCommand(), userCommand(), aclCommand(), jobCommand(), benchCommand())
	return c
}
