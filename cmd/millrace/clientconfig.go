package main

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/millrace/millrace/internal/client"
)

// commandConfig is the file of --command-config, which every command has that speaks
// to a node.
var commandConfig string

// securityOptions make a client connect as a file of Kafka's client properties says,
// the one that kafka-topics takes with --command-config.
func securityOptions(file string) ([]kgo.Opt, error) {
	if file == "" {
		return nil, nil
	}
	p, err := readProperties(file)
	if err != nil {
		return nil, err
	}
	opts, err := client.Options(p)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return opts, nil
}
