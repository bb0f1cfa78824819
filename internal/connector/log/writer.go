package log

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/internal/vec"
	"github.com/millrace/millrace/internal/wire"
)

// writer encodes the rows of one worker, a batch a partition.
type writer struct {
	*sink
	rows *Rows
	put  Put
	ctx  context.Context
	// blocked is how long, in ns, it waited at the gate.
	blocked atomic.Int64

	// mu is held by Write and Flush; the sink takes it when the gate opens.
	mu struct {
		sync.Mutex
		batches []*wire.Builder
		robin   int
	}
}

func newWriter(ctx context.Context, s *sink) (w *writer, err error) {
	w = &writer{sink: s, ctx: ctx}
	w.put = w.add
	if w.rows, err = newRows(s.layout); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w.mu.batches = make([]*wire.Builder, len(s.mu.topic.Partitions))
	s.mu.writers = append(s.mu.writers, w)
	return w, nil
}

// Write encodes the selected rows and appends the batches that are full.
func (w *writer) Write(b *vec.Batch) error {
	now := w.now()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rows.Encode(b, now, w.put)
}

func (w *writer) add(ts int64, key, value []byte, headers []wire.Header) error {
	n := w.mu.robin
	if key != nil {
		n = PartitionOf(key, len(w.mu.batches))
	}
	b := w.mu.batches[n]
	if b == nil {
		b = wire.NewBuilder(nil)
		w.mu.batches[n] = b
	}
	b.Append(ts, key, value, headers)
	if b.Len() < flushBytes {
		return nil
	}
	return w.flush(n)
}

// flush hands over a partition's batch. Keyless records go to the next partition
// after each, so that they spread without making small batches.
func (w *writer) flush(n int) (err error) {
	b := w.mu.batches[n]
	if b == nil || b.Count() == 0 {
		return nil
	}
	if w.mu.batches[n], err = w.append(w.ctx, n, b, &w.blocked); err != nil {
		return err
	}
	w.next(w.mu.batches[n])
	return nil
}

// next goes on with an empty batch.
func (w *writer) next(b *wire.Builder) {
	b.Reset(nil)
	w.mu.robin = (w.mu.robin + 1) % len(w.mu.batches)
}

func (w *writer) flushAll() error {
	for n := range w.mu.batches {
		if err := w.flush(n); err != nil {
			return err
		}
	}
	return nil
}

// Flush hands over all batches, unless they would be kept: they may as well grow.
func (w *writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.holding() {
		return nil
	}
	return w.flushAll()
}

func (w *writer) Close() error { return nil }

// Blocked is how long the writer has waited at the sink's gate.
func (w *writer) Blocked() time.Duration { return time.Duration(w.blocked.Load()) }
