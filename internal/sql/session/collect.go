package session

import (
	"context"
	"io"
	"sync"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// collector is the sink of a query: it hands rows to whoever reads the result, and
// makes the job wait while nobody does. There is nothing to recover: a query's job
// lives as long as its reader.
type collector struct {
	batches chan *vec.Batch
	closed  chan struct{} // the reader went away
	once    sync.Once
}

func newCollector() *collector {
	return &collector{batches: make(chan *vec.Batch, 4), closed: make(chan struct{})}
}

func (c *collector) ChangelogMode(query types.KindSet) types.KindSet { return query }
func (c *collector) Transactional() bool                             { return true }
func (c *collector) Identity(context.Context) ([]byte, error)        { return nil, nil }
func (c *collector) Recover(context.Context, []byte, []byte) error   { return nil }
func (c *collector) Seal()                                           {}
func (c *collector) Prepare(context.Context, int64) ([]byte, error)  { return nil, nil }
func (c *collector) Commit(context.Context, []byte) error            { return nil }
func (c *collector) Abort(context.Context) error                     { return nil }
func (c *collector) Close() error                                    { return nil }

func (c *collector) Writer(ctx context.Context, _, _ int) (connector.Writer, error) {
	return &collectWriter{collector: c, ctx: ctx}, nil
}

type collectWriter struct {
	*collector
	ctx context.Context
}

// Write copies the rows: the batch is the step's, the reader's copy its own.
func (w *collectWriter) Write(b *vec.Batch) error {
	if b.Len() == 0 {
		return nil
	}
	own := &vec.Batch{N: b.Len(), Cols: make([]*vec.Vector, len(b.Cols))}
	rows := make([]int32, b.Len())
	for i := range rows {
		rows[i] = int32(b.Row(i))
	}
	for i, c := range b.Cols {
		own.Cols[i] = vec.Copy(c, rows)
	}
	if b.Kinds != nil {
		own.Kinds = make([]types.RowKind, len(rows))
		for i, r := range rows {
			own.Kinds[i] = b.Kinds[r]
		}
	}
	select {
	case w.batches <- own:
		return nil
	case <-w.closed:
		return context.Canceled
	case <-w.ctx.Done():
		return w.ctx.Err()
	}
}

func (w *collectWriter) Flush() error { return nil }
func (w *collectWriter) Close() error { return nil }

// result reads what the job collects, until the job ends.
func (c *collector) result(columns []types.Field, streaming bool, job Job) *Result {
	ended := make(chan struct{})
	var failed error
	go func() {
		defer close(ended)
		failed = job.Wait(context.Background())
	}()
	return &Result{
		columns: columns, streaming: streaming,
		next: func(ctx context.Context) (*vec.Batch, error) {
			select {
			case b := <-c.batches:
				return b, nil
			case <-ended:
				return c.rest(failed)
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		},
		close: func() {
			c.once.Do(func() { close(c.closed) })
			job.Cancel()
		},
	}
}

// rest is what was queued when the job ended, then its error or the end.
func (c *collector) rest(failed error) (*vec.Batch, error) {
	select {
	case b := <-c.batches:
		return b, nil
	default:
	}
	if failed != nil {
		return nil, failed
	}
	return nil, io.EOF
}
