package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/millrace/millrace/internal/node"
	"github.com/millrace/millrace/internal/shell"
)

func runCommand() *cobra.Command {
	var data, output, kafka, http string
	var discard, resume bool
	c := &cobra.Command{
		Use:   "run FILE.sql",
		Short: "Run a script in a node of its own, until its bounded jobs have ended",
		Long: `Run a script in a node of its own, until its bounded jobs have ended.

With --data the topics stay, for serve and for the next run. A run that was killed
goes on where it was when it is started again with the same script.`,
		Args: exactly("FILE.sql"),
		RunE: func(cmd *cobra.Command, args []string) error {
			format, err := shell.ParseFormat(output)
			if err != nil {
				return fmt.Errorf("--output: %w", err)
			}
			text, err := os.ReadFile(args[0])
			if err != nil {
				return fmt.Errorf("cannot read the script: %w", err)
			}
			quietMonitor()
			return node.RunScript(cmd.Context(), node.ScriptRun{
				Config:   node.Config{Data: data, Kafka: kafka, HTTP: http, Report: report, Getenv: os.Getenv},
				File:     args[0],
				Text:     string(text),
				Format:   format,
				Out:      os.Stdout,
				Progress: os.Stderr,
				Terminal: isTerminal(os.Stderr),
				Discard:  discard,
				Resume:   resume,
			})
		},
	}
	f := c.Flags()
	f.StringVar(&data, "data", "", "data directory; without it the log is in memory and gone at the end")
	f.StringVar(&output, "output", "table", "how results are printed: table, json or csv")
	f.StringVar(&kafka, "kafka", "", "also serve Kafka clients on this address while the script runs")
	f.StringVar(&http, "http", "", "also serve SQL on this address while the script runs")
	f.BoolVar(&resume, "resume", false, "do nothing if the last run of this script was completed, instead of starting anew")
	f.BoolVar(&discard, "discard-unfinished", false, "give up an unfinished run of another script: its jobs are cancelled")
	return c
}
