package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/millrace/millrace/bench/nexmark"
)

func benchCommand() *cobra.Command {
	c := &cobra.Command{Use: "bench", Short: "Measure what queries cost on this machine", Args: knownCommand, RunE: showHelp}
	c.AddCommand(benchNexmark())
	return c
}

// nexmarkBench is `millrace bench nexmark`. Each query is measured in a process of its
// own, this program again, so that CPU and memory are those of the query.
type nexmarkBench struct {
	queries, source, data, profile string
	events                         int64
	workers, repeat                int
	json, one                      bool
}

func benchNexmark() *cobra.Command {
	var b nexmarkBench
	c := &cobra.Command{
		Use:   "nexmark",
		Short: "Run the queries of the Nexmark benchmark",
		Long: `Run the queries of the Nexmark benchmark, each in a process of its own.

The events come from the generator, from a topic of the embedded log that is filled
first (in --data, or in a directory that is removed at the end), or from a topic of any
Kafka cluster. Results are compared with those of Apache Flink over the same events,
which are known for 100,000 and 1,000,000: a wrong one ends the run with status 1.`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error { return b.run(cmd.Context()) },
	}
	f := c.Flags()
	f.StringVar(&b.queries, "queries", "all", "queries, separated by commas: q0 to q23, cep0 to cep3, or all")
	f.Int64Var(&b.events, "events", 1_000_000, "how many events")
	f.StringVar(&b.source, "source", "generator", "generator, log, or kafka=HOST:PORT/TOPIC")
	f.IntVar(&b.workers, "workers", 1, "workers of a query's job")
	f.IntVar(&b.repeat, "repeat", 1, "run each query so often; the fastest run counts")
	f.StringVar(&b.data, "data", "", "directory for the log and for files; a new one if not given")
	f.StringVar(&b.profile, "profile", "", "directory for a CPU profile of each query, for go tool pprof")
	f.BoolVar(&b.json, "json", false, "print a line of JSON for each result")
	f.BoolVar(&b.one, "one", false, "measure one query in this process")
	f.MarkHidden("one")
	return c
}

func (b *nexmarkBench) run(ctx context.Context) error {
	queries, err := nexmark.Select(b.queries)
	if err != nil {
		return fmt.Errorf("--queries: %w", err)
	}
	r := nexmark.Run{Events: b.events, Workers: b.workers, Data: b.data}
	switch source, address, _ := strings.Cut(b.source, "="); source {
	case "generator", "log":
		r.Source = source
	case "kafka":
		r.Source = source
		var ok bool
		if r.Brokers, r.Topic, ok = strings.Cut(address, "/"); !ok || r.Topic == "" {
			return fmt.Errorf("--source: expected kafka=HOST:PORT/TOPIC, found '%s'", b.source)
		}
	default:
		return fmt.Errorf("--source: expected generator, log or kafka=HOST:PORT/TOPIC, found '%s'", b.source)
	}
	if b.events < 1 || b.workers < 1 || b.repeat < 1 {
		return fmt.Errorf("--events, --workers and --repeat must be positive")
	}
	if b.one {
		r.Query = queries[0]
		if b.profile != "" {
			r.Profile = filepath.Join(b.profile, r.Query.Name+".pprof")
		}
		m, err := nexmark.Measure(ctx, r)
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(m)
	}
	return b.all(ctx, r, queries)
}

func (b *nexmarkBench) all(ctx context.Context, r nexmark.Run, queries []nexmark.Query) error {
	if b.data == "" {
		dir, err := os.MkdirTemp("", "millrace-bench-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		b.data = dir
	}
	if r.Source == "log" {
		if err := nexmark.Fill(ctx, b.data, b.events); err != nil {
			return fmt.Errorf("filling the topic: %w", err)
		}
	}
	if !b.json {
		fmt.Printf("%-6s %10s %9s %12s %9s %9s %9s %10s  %-16s %s\n", "query", "events", "seconds", "events/s", "CPU s", "ns/event", "peak MB", "rows", "checksum", "")
	}
	wrong := 0
	for _, q := range queries {
		m, err := b.best(ctx, q)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			m.Query, m.Error = q.Name, oneLine(err)
		}
		if m.Check == "differs" || m.Error != "" {
			wrong++
		}
		b.print(m)
	}
	if wrong > 0 {
		return fmt.Errorf("%d of %d queries failed, or gave another result than Apache Flink", wrong, len(queries))
	}
	return nil
}

// best measures a query in a process of its own, as often as was asked for.
func (b *nexmarkBench) best(ctx context.Context, q nexmark.Query) (best nexmark.Measured, err error) {
	self, err := os.Executable()
	if err != nil {
		return best, err
	}
	for i := range b.repeat {
		args := []string{"bench", "nexmark", "--one", "--queries", q.Name, "--events", strconv.FormatInt(b.events, 10), "--source", b.source,
			"--workers", strconv.Itoa(b.workers), "--data", b.data, "--profile", b.profile}
		var out, said bytes.Buffer
		cmd := exec.CommandContext(ctx, self, args...)
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
		cmd.WaitDelay = 10 * time.Second
		cmd.Stdout, cmd.Stderr = &out, &said
		if err := cmd.Run(); err != nil {
			return best, fmt.Errorf("%s", strings.TrimPrefix(strings.TrimSpace(said.String()), "millrace: "))
		}
		var m nexmark.Measured
		if err := json.Unmarshal(out.Bytes(), &m); err != nil {
			return best, err
		}
		if i == 0 || m.Seconds < best.Seconds || m.Check == "differs" {
			best = m
		}
	}
	return best, nil
}

func (b *nexmarkBench) print(m nexmark.Measured) {
	if b.json {
		json.NewEncoder(os.Stdout).Encode(m)
		return
	}
	if m.Error != "" {
		fmt.Printf("%-6s %s\n", m.Query, m.Error)
		return
	}
	fmt.Printf("%-6s %10d %9.3f %12.0f %9.3f %9.0f %9.1f %10d  %-16s %s\n", m.Query, m.Events, m.Seconds, m.PerSecond, m.CPUSeconds, m.NanosPerEvent,
		float64(m.PeakBytes)/(1<<20), m.Rows, m.Checksum, map[string]string{"flink": "as Flink", "differs": "DIFFERS FROM FLINK"}[m.Check])
}
