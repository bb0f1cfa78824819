package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/millrace/millrace/internal/node"
)

func serveCommand() *cobra.Command {
	var config node.Config
	var settings []string
	var file string
	c := &cobra.Command{
		Use:   "serve --data DIR",
		Short: "Serve a data directory: its topics to Kafka clients, SQL over HTTP",
		Long: `Serve a data directory: its topics to Kafka clients, SQL over HTTP.

Jobs that had not ended when the node stopped go on. When everything is served,
"ready kafka=HOST:PORT http=HOST:PORT" is printed.`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if config.Data == "" {
				return fmt.Errorf("serve needs --data DIR, the directory that holds the log; a new one is made")
			}
			var err error
			if config.Settings, err = readSettings(file, settings); err != nil {
				return err
			}
			if config.Settings["listeners"] != "" && !cmd.Flags().Changed("kafka") {
				config.Kafka = ""
			}
			config.Report, config.Getenv = report, os.Getenv
			// Jobs commit always, as Flink's with checkpoints do, whose default this is.
			config.RestartStrategy = "exponential-delay"
			quietMonitor()
			n, err := node.Open(config)
			if err != nil {
				return err
			}
			fmt.Printf("ready kafka=%s http=%s\n", n.KafkaAddr(), n.HTTPAddr())
			<-cmd.Context().Done()
			return n.Close()
		},
	}
	f := c.Flags()
	f.StringVar(&config.Data, "data", "", "data directory; made if it is not there")
	f.StringVar(&config.Kafka, "kafka", "127.0.0.1:9092", "address for Kafka clients; port 0 picks one")
	f.StringVar(&config.HTTP, "http", "127.0.0.1:8083", "address of the SQL gateway; port 0 picks one")
	f.StringVar(&config.Advertised, "advertise", "", "address that Kafka clients are told, if not the one they connected to")
	f.BoolVar(&config.HTTPOpen, "http-open", false, "serve HTTP in the clear and without a login, and let everybody do everything there, for something before it lets in only who may")
	f.StringVar(&file, "config", "", "a file of broker settings, in the syntax of Kafka's server.properties; --set goes over it")
	f.StringArrayVar(&settings, "set", nil, "a broker setting by Kafka's name: --set num.partitions=3")
	return c
}

// report writes what a person should know, on stderr.
func report(line string) { fmt.Fprintln(os.Stderr, "millrace: "+line) }

func parseSettings(list []string) (map[string]string, error) {
	out := map[string]string{}
	for _, s := range list {
		k, v, ok := strings.Cut(s, "=")
		if !ok {
			return nil, fmt.Errorf("--set %s: expected NAME=VALUE", s)
		}
		out[k] = v
	}
	return out, nil
}
