package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

func consumeCommand() *cobra.Command {
	var addr, group, separator string
	var follow, uncommitted bool
	var count int64
	c := &cobra.Command{
		Use:   "consume TOPIC",
		Short: "Print the records of a topic, a line each, up to its present end",
		Args:  exactly("TOPIC"),
		RunE: func(cmd *cobra.Command, args []string) error {
			// Markers of transactions are asked for too: the last offset of a topic may
			// be one, and is what says that its end is reached.
			opts := []kgo.Opt{kgo.ConsumeTopics(args[0]), kgo.KeepControlRecords(), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())}
			if !uncommitted {
				opts = append(opts, kgo.FetchIsolationLevel(kgo.ReadCommitted()))
			}
			if group != "" {
				opts = append(opts, kgo.ConsumerGroup(group))
			}
			cl, err := dial(addr, opts...)
			if err != nil {
				return err
			}
			defer cl.Close()
			if err := ping(cmd.Context(), cl, addr); err != nil {
				return err
			}
			p := &recordPrinter{w: bufio.NewWriter(os.Stdout), separator: separator, left: count, limited: count > 0}
			if !follow {
				if err := p.until(cmd.Context(), cl, args[0], uncommitted); err != nil {
					return err
				}
			}
			return p.run(cmd.Context(), cl, group != "")
		},
	}
	addrFlag(c, &addr)
	f := c.Flags()
	f.StringVar(&group, "group", "", "consumer group whose offsets are used and committed")
	f.StringVar(&separator, "key-separator", "", "print the key too, with this between key and value")
	f.BoolVarP(&follow, "follow", "f", false, "go on waiting for new records")
	f.BoolVar(&uncommitted, "read-uncommitted", false, "also records of open and aborted transactions")
	f.Int64VarP(&count, "count", "n", 0, "end after so many records")
	return c
}

// recordPrinter prints records until the ends are reached, if there are any, or the
// count is.
type recordPrinter struct {
	w         *bufio.Writer
	separator string
	limited   bool
	left      int64
	ends      map[int32]int64 // offset at which each partition ends; nil to go on for ever
}

// until takes the present ends: those that a reader of this isolation level can see.
func (p *recordPrinter) until(ctx context.Context, cl *kgo.Client, topic string, uncommitted bool) error {
	a := kadm.NewClient(cl)
	list := a.ListCommittedOffsets
	if uncommitted {
		list = a.ListEndOffsets
	}
	ends, err := list(ctx, topic)
	if err != nil {
		return err
	}
	starts, err := a.ListStartOffsets(ctx, topic)
	if err != nil {
		return err
	}
	p.ends = map[int32]int64{}
	for _, o := range ends[topic] {
		if o.Err != nil {
			return fmt.Errorf("topic %s: %w", topic, o.Err)
		}
		if s, ok := starts.Lookup(topic, o.Partition); !ok || s.Offset < o.Offset {
			p.ends[o.Partition] = o.Offset
		}
	}
	return nil
}

func (p *recordPrinter) run(ctx context.Context, cl *kgo.Client, commit bool) error {
	for !p.done() {
		fetches := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			break
		}
		var failed error
		fetches.EachError(func(topic string, partition int32, err error) {
			failed = errors.Join(failed, fmt.Errorf("topic %s, partition %d: %w", topic, partition, err))
		})
		if failed != nil {
			return failed
		}
		fetches.EachRecord(p.print)
		if err := p.w.Flush(); err != nil {
			return err
		}
		if commit {
			if err := cl.CommitUncommittedOffsets(ctx); err != nil {
				return err
			}
		}
	}
	return p.w.Flush()
}

func (p *recordPrinter) done() bool {
	return p.limited && p.left <= 0 || p.ends != nil && len(p.ends) == 0
}

func (p *recordPrinter) print(r *kgo.Record) {
	if p.limited && p.left <= 0 {
		return
	}
	end, bounded := p.ends[r.Partition]
	if p.ends != nil && (!bounded || r.Offset >= end) {
		return
	}
	if r.Offset+1 >= end {
		delete(p.ends, r.Partition)
	}
	if r.Attrs.IsControl() {
		return
	}
	p.left--
	if p.separator != "" {
		p.w.Write(r.Key)
		p.w.WriteString(p.separator)
	}
	p.w.Write(r.Value)
	p.w.WriteByte('\n')
}
