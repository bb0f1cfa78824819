package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"
)

func produceCommand() *cobra.Command {
	var addr, separator string
	c := &cobra.Command{
		Use:   "produce TOPIC",
		Short: "Write the lines of standard input to a topic, a record each",
		Args:  exactly("TOPIC"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cl, err := dial(addr, kgo.DefaultProduceTopic(args[0]), kgo.AllowAutoTopicCreation())
			if err != nil {
				return err
			}
			defer cl.Close()
			if err := ping(cmd.Context(), cl, addr); err != nil {
				return err
			}
			n, err := produceLines(cmd.Context(), cl, os.Stdin, separator)
			fmt.Fprintf(os.Stderr, "%d records written to %s\n", n, args[0])
			return err
		},
	}
	addrFlag(c, &addr)
	c.Flags().StringVar(&separator, "key-separator", "", "what stands between key and value in a line; without it records have no key")
	return c
}

// produceLines writes each line as a record and waits until all are durable. It
// stops reading after the first record that could not be written.
func produceLines(ctx context.Context, cl *kgo.Client, in io.Reader, separator string) (written int64, err error) {
	var mu sync.Mutex
	var failed error
	r := bufio.NewReaderSize(in, 1<<20)
	for eof := false; !eof; {
		line, rerr := r.ReadBytes('\n')
		if eof = errors.Is(rerr, io.EOF); rerr != nil && !eof {
			return written, rerr
		}
		if line = bytes.TrimRight(line, "\r\n"); eof && len(line) == 0 {
			break
		}
		mu.Lock()
		stop := failed != nil
		mu.Unlock()
		if stop {
			break
		}
		cl.Produce(ctx, lineRecord(line, separator), func(_ *kgo.Record, err error) {
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = errors.Join(failed, err)
				return
			}
			written++
		})
	}
	err = cl.Flush(ctx)
	mu.Lock()
	defer mu.Unlock()
	if failed != nil {
		err = fmt.Errorf("a record was not written: %w", failed)
	}
	return written, err
}

func lineRecord(line []byte, separator string) *kgo.Record {
	if separator != "" {
		if key, value, ok := bytes.Cut(line, []byte(separator)); ok {
			return &kgo.Record{Key: key, Value: value}
		}
	}
	return &kgo.Record{Value: line}
}
