package journal

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/millrace/millrace/internal/wire"
)

const (
	// SnapshotBytes is the least that a journal grows by before state is written
	// anew in full.
	SnapshotBytes = 16 << 20
	// batchBytes is where a batch is closed and appended.
	batchBytes = 1 << 20
)

// ErrInDoubt wraps an error that leaves open whether the commit record became
// durable: only reading the journal can tell.
var ErrInDoubt = errors.New("the commit may or may not have reached the journal")

// Writer appends runs. The calls for one are
//
//	Open ── Begin? ── State … State ── Commit ── (after a full run) Trim
//
// State may be called by several goroutines at once; the others may not.
type Writer struct {
	log Log
	// SnapshotBytes is the constant of this name, unless a test sets another.
	SnapshotBytes int64

	mu struct {
		sync.Mutex
		batch   *wire.Builder
		records int
		scratch []byte
		err     error
	}

	epoch int64
	full  bool
	start int64 // offset of the open record
	stamp int64 // the records' timestamp
	bytes int64 // of this run

	since    int64 // bytes appended since the last full run
	snapshot int64 // bytes of the last full run
	needFull bool
}

// NewWriter writes after what Open recovered, which is nil for an empty journal.
//
// The first run after a damage is full: a later reader then finds the damage
// before the point where it begins, and need not ask what it was.
func NewWriter(log Log, rec *Recovered) *Writer {
	w := &Writer{log: log, SnapshotBytes: SnapshotBytes}
	w.mu.batch = wire.NewBuilder(nil)
	if rec == nil {
		w.needFull = true
		return w
	}
	w.since, w.snapshot = rec.since, rec.snapshot
	w.needFull = len(rec.Damage) > 0
	return w
}

// Due says that the next run must be a full one: the journal would otherwise
// grow without bound. It is written when the journal since the last has twice its
// size, so that all full runs together cost half of what the others do.
func (w *Writer) Due() bool {
	return w.needFull || w.since > max(w.SnapshotBytes, 2*w.snapshot)
}

// Open begins the run of an epoch.
func (w *Writer) Open(epoch int64, full bool, stampMillis int64) {
	w.epoch, w.full, w.stamp = epoch, full, stampMillis
	w.start, w.bytes = w.log.End(), 0
	w.mu.records, w.mu.err = 0, nil
	w.add(kindOpen, appendOpen(w.mu.scratch[:0], epoch, full), nil)
}

// Begin appends the begin record; a full run has it.
func (w *Writer) Begin(b *Begin) { w.add(kindBegin, b.append(w.mu.scratch[:0]), nil) }

// State appends a piece of a node's state or of its change.
func (w *Writer) State(node, worker int, delta []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.add(kindState, appendState(w.mu.scratch[:0], node, worker), delta)
	return w.mu.err
}

// add appends one record, whose value is head and tail.
func (w *Writer) add(kind byte, head, tail []byte) {
	value := append(head, tail...)
	w.mu.scratch = value
	w.mu.records++
	w.mu.batch.Append(w.stamp, []byte{kind}, value, nil)
	if w.mu.batch.Len() >= batchBytes {
		w.flush()
	}
}

// flush appends the batch; the first error stays, and Commit returns it.
func (w *Writer) flush() (last int64) {
	batch := w.mu.batch.Bytes()
	if batch == nil || w.mu.err != nil {
		return -1
	}
	w.bytes += int64(len(batch))
	last, w.mu.err = w.log.Append(batch)
	w.mu.batch.Reset(nil)
	return last
}

// Commit closes the run and returns when it is durable: the epoch is committed.
// An error that is not ErrInDoubt means that it is not.
func (w *Writer) Commit(ctx context.Context, c *Commit) error {
	c.Epoch = w.epoch
	if w.mu.err != nil {
		return fmt.Errorf("journal: epoch %d: %w", w.epoch, w.mu.err)
	}
	w.mu.batch.Append(w.stamp, []byte{kindCommit}, c.append(nil, w.mu.records+1), nil)
	last := w.flush()
	if w.mu.err == nil {
		w.mu.err = w.log.WaitDurable(ctx, last)
	}
	if w.mu.err != nil {
		return fmt.Errorf("journal: epoch %d: %w: %w", w.epoch, ErrInDoubt, w.mu.err)
	}
	w.since += w.bytes
	if w.full {
		w.since, w.snapshot, w.needFull = 0, w.bytes, false
	}
	return nil
}

// Full says whether the run just committed was a full one.
func (w *Writer) Full() bool { return w.full }

// RunBytes is the size of the run just committed.
func (w *Writer) RunBytes() int64 { return w.bytes }

// Trim lets the log forget what the full run just committed replaces.
func (w *Writer) Trim() error {
	if !w.full {
		return nil
	}
	if err := w.log.DeleteBefore(w.start); err != nil {
		return fmt.Errorf("journal: deleting before offset %d: %w", w.start, err)
	}
	return nil
}
