// Package print is Flink's print connector: a sink that writes each row as a line,
// at least once.
package print

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"sync"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// Factory is the connector; rows go to out, and to err with 'standard-error'.
func Factory(out, err io.Writer) *connector.Factory {
	var mu sync.Mutex
	return &connector.Factory{
		Name:    "print",
		Summary: "A sink that writes rows to the standard output, in Flink's form: +I[1, a].",
		Options: []connector.Option{
			{Name: "print-identifier", Type: "string", Doc: "Stands before each row, with '> '."},
			{Name: "standard-error", Type: "bool", Default: "false", Doc: "Write to the standard error."},
		},
		NewSink: func(t connector.Table, _ connector.Env) (connector.Sink, error) {
			s := &sink{mu: &mu, w: out, prefix: t.Options["print-identifier"]}
			if to, _ := strconv.ParseBool(t.Options["standard-error"]); to {
				s.w = err
			}
			return s, nil
		},
	}
}

type sink struct {
	mu     *sync.Mutex
	w      io.Writer
	prefix string
}

func (s *sink) ChangelogMode(query types.KindSet) types.KindSet { return query }
func (s *sink) Transactional() bool                             { return false }
func (s *sink) Identity(context.Context) ([]byte, error)        { return nil, nil }
func (s *sink) Recover(context.Context, []byte, []byte) error   { return nil }
func (s *sink) Seal()                                           {}
func (s *sink) Prepare(context.Context, int64) ([]byte, error)  { return nil, nil }
func (s *sink) Commit(context.Context, []byte) error            { return nil }
func (s *sink) Abort(context.Context) error                     { return nil }
func (s *sink) Close() error                                    { return nil }

func (s *sink) Writer(_ context.Context, worker, workers int) (connector.Writer, error) {
	return &writer{sink: s, prefix: linePrefix(s.prefix, worker, workers)}, nil
}

// linePrefix is Flink's: the identifier, the worker (from 1) where there are several.
func linePrefix(id string, worker, workers int) string {
	switch {
	case id != "" && workers > 1:
		return fmt.Sprintf("%s:%d> ", id, worker+1)
	case id != "":
		return id + "> "
	case workers > 1:
		return fmt.Sprintf("%d> ", worker+1)
	}
	return ""
}

type writer struct {
	*sink
	prefix string
	buf    []byte
}

// Write writes the rows of a batch at once, so that workers do not mix in a line.
func (w *writer) Write(b *vec.Batch) error {
	w.buf = w.buf[:0]
	for i := range b.Len() {
		r := b.Row(i)
		w.buf = append(w.buf, w.prefix...)
		w.buf = append(w.buf, b.Kind(r).String()...)
		w.buf = append(w.buf, '[')
		for c, col := range b.Cols {
			if c > 0 {
				w.buf = append(w.buf, ", "...)
			}
			if col.IsNull(r) {
				w.buf = append(w.buf, "null"...)
			} else {
				w.buf = vec.AppendText(w.buf, col, r)
			}
		}
		w.buf = append(w.buf, ']', '\n')
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := w.w.Write(w.buf)
	return err
}

func (w *writer) Flush() error { return nil }
func (w *writer) Close() error { return nil }
