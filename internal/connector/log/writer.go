package log

import (
	"context"
	"fmt"
	"sync"

	"github.com/millrace/millrace/internal/format"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
	"github.com/millrace/millrace/internal/wire"
)

// writer encodes the rows of one worker, a batch a partition.
type writer struct {
	*sink
	key, value format.Encoder
	meta       recordMeta
	keyCols    []int
	valueCols  []int
	keyBuf     []byte
	valueBuf   []byte
	ctx        context.Context

	// mu is held by Write and Flush; the sink takes it when the gate opens.
	mu struct {
		sync.Mutex
		batches []*wire.Builder
		robin   int
	}
}

func newWriter(ctx context.Context, s *sink) (w *writer, err error) {
	w = &writer{sink: s, ctx: ctx, meta: recordMeta{timestamp: -1, headers: -1}}
	persisted := s.persisted()
	at := indexOf(persisted)
	for _, c := range s.layout.metadata {
		switch i, ok := at[c]; {
		case !ok:
		case s.table.Columns[c].Metadata == "timestamp":
			w.meta.timestamp = i
		case s.table.Columns[c].Metadata == "headers":
			w.meta.headers = i
		}
	}
	for _, c := range s.layout.value {
		w.valueCols = append(w.valueCols, at[c])
	}
	for _, c := range s.layout.key {
		w.keyCols = append(w.keyCols, at[c])
	}
	if w.key, w.value, err = s.encoders(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w.mu.batches = make([]*wire.Builder, len(s.mu.topic.Partitions))
	s.mu.writers = append(s.mu.writers, w)
	return w, nil
}

// encoders are those of a record's key, nil if it has none, and value.
func (l *layout) encoders() (key, value format.Encoder, err error) {
	if value, err = l.valueFormat.NewEncoder(l.config(l.valueFormat, l.value, false)); err == nil && l.key != nil {
		key, err = l.keyFormat.NewEncoder(l.config(l.keyFormat, l.key, true))
	}
	return key, value, err
}

// persisted are the table's columns that a sink gets, in order.
func (s *sink) persisted() []int {
	var out []int
	for i, c := range s.table.Columns {
		if !c.Virtual {
			out = append(out, i)
		}
	}
	return out
}

func pick(cols []*vec.Vector, at []int) []*vec.Vector {
	out := make([]*vec.Vector, len(at))
	for i, c := range at {
		out[i] = cols[c]
	}
	return out
}

// Write encodes the selected rows and appends the batches that are full. A row that is
// taken away, by -D or by a -U that the planner could not drop, is a record without a
// value, as in Flink's upsert-kafka; but a -U that the +U of the same key follows is
// no record.
func (w *writer) Write(b *vec.Batch) error {
	keys, values := pick(b.Cols, w.keyCols), pick(b.Cols, w.valueCols)
	now := w.now()
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range b.Len() {
		r := b.Row(i)
		kind := b.Kind(r)
		if kind == types.UpdateBefore && i+1 < b.Len() && replaced(keys, b, r, b.Row(i+1)) {
			continue
		}
		key, value, err := w.encode(keys, values, r, kind)
		if err != nil {
			return vec.RowErrorf(r, "table %s: %v", w.table.Path[2], err)
		}
		ts, headers, err := w.meta.of(b, r, now)
		if err != nil {
			return vec.RowErrorf(r, "table %s: %v", w.table.Path[2], err)
		}
		if err := w.add(ts, key, value, headers); err != nil {
			return err
		}
	}
	return nil
}

// replaced says whether row next is the new state of row r.
func replaced(keys []*vec.Vector, b *vec.Batch, r, next int) bool {
	if b.Kind(next) != types.UpdateAfter {
		return false
	}
	for _, k := range keys {
		if vec.Compare(k, r, k, next) != 0 {
			return false
		}
	}
	return true
}

func (w *writer) encode(keys, values []*vec.Vector, r int, kind types.RowKind) (key, value []byte, err error) {
	if w.key != nil {
		if w.keyBuf, err = w.key.Encode(w.keyBuf[:0], keys, r); err != nil {
			return nil, nil, fmt.Errorf("key: %w", err)
		}
		key = w.keyBuf
	}
	if !kind.Adds() {
		return key, nil, nil
	}
	w.valueBuf, err = w.value.Encode(w.valueBuf[:0], values, r)
	return key, w.valueBuf, err
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
	if w.mu.batches[n], err = w.append(w.ctx, n, b); err != nil {
		return err
	}
	w.mu.robin = (w.mu.robin + 1) % len(w.mu.batches)
	return nil
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
