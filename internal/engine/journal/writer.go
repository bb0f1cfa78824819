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
	// anew.
	SnapshotBytes = 16 << 20
	// batchBytes is where a batch is closed and appended.
	batchBytes = 1 << 20
)

// ErrInDoubt wraps an error that leaves open whether the commit record became
// durable: only reading the journal can tell.
var ErrInDoubt = errors.New("the commit may or may not have reached the journal")

// Writer appends runs. The calls for one are
//
//	Open ── Begin? ── Piece … State … ── Complete? ── Commit ── Trim
//
// Piece and State may be called by several goroutines at once, and in any order;
// the others may not. A snapshot begins with the run that has a Begin and ends with
// the one that has a Complete; a full run has both, and so begins and completes
// it at once: that is how a job's first run and a savepoint are written.
type Writer struct {
	log Log
	// SnapshotBytes is the constant of this name, unless a test sets another.
	SnapshotBytes int64
	// Workers is how many call State and Piece; 0: not known.
	Workers int

	mu struct {
		sync.Mutex
		main, pieces part
		appended     int64 // records of the run that are in the log
		spans        []span
		scratch      []byte
		err          error
	}

	epoch  int64
	start  int64 // offset of the open record
	stamp  int64 // the records' timestamp
	bytes  int64 // of this run, but for pieces
	whole  bool  // this run completes a snapshot
	last   int64 // offset of the last commit record, plus 1
	latest snapshot

	since    int64 // bytes appended since the last complete snapshot began, but for pieces
	size     int64 // bytes of the last complete snapshot
	needFull bool  // nothing is there to build on
	needNew  bool  // a snapshot is to begin, whatever the journal's size
}

// part is a batch that is being filled.
type part struct {
	batch   *wire.Builder
	records int64
}

// snapshot is one that has been begun.
type snapshot struct {
	begun, complete bool
	start           int64 // offset of the open record of its first run
	bytes           int64
	since           int64 // what was appended since, but for pieces
}

// NewWriter writes after what Open recovered, which is nil for an empty journal. A
// snapshot that was not completed is given up: the rows have other numbers now.
//
// After damage a snapshot begins with the first run, so that the damaged part goes
// soon.
func NewWriter(log Log, rec *Recovered) *Writer {
	w := &Writer{log: log, SnapshotBytes: SnapshotBytes}
	w.mu.main.batch, w.mu.pieces.batch = wire.NewBuilder(nil), wire.NewBuilder(nil)
	if rec == nil {
		w.needFull = true
		return w
	}
	w.since, w.size, w.last = rec.since, rec.size, rec.last+1
	w.needNew = len(rec.Damage) > 0
	return w
}

// Due says that a snapshot should begin with the next run: the journal would
// otherwise grow without bound. It is due when the journal since the last one has
// twice its size, so that all snapshots together cost half of what the rest does.
// It is not while one is being written.
func (w *Writer) Due() bool {
	return w.needFull || !w.Snapshotting() && (w.needNew || w.since > max(w.SnapshotBytes, 2*w.size))
}

// Empty says that the next run must be a full one: there is none yet.
func (w *Writer) Empty() bool { return w.needFull }

// Snapshotting says that a snapshot has begun and is not complete.
func (w *Writer) Snapshotting() bool { return w.latest.begun && !w.latest.complete }

// Behind is how far the journal has grown past the size at which the snapshot that
// is being written was due, as a multiple of that size.
func (w *Writer) Behind() float64 {
	return float64(w.latest.since) / float64(max(w.SnapshotBytes, 2*w.size))
}

// Open begins the run of an epoch.
func (w *Writer) Open(epoch int64, full bool, stampMillis int64) {
	w.epoch, w.stamp, w.whole = epoch, stampMillis, full
	w.start, w.bytes = w.log.End(), 0
	w.mu.appended, w.mu.spans, w.mu.err = 0, nil, nil
	w.mu.main.reset()
	w.mu.pieces.reset()
	o := openRecord{epoch: epoch, full: full, follows: w.last, workers: w.Workers}
	w.add(&w.mu.main, kindOpen, o.append(w.mu.scratch[:0]), nil)
}

func (p *part) reset() {
	p.batch.Reset(nil)
	p.records = 0
}

// Begin appends the begin record: with this run a snapshot begins, and one that was
// begun before is given up. The run's Commit has all splits, nodes and tokens.
func (w *Writer) Begin(b *Begin) {
	w.latest = snapshot{begun: true, start: w.start}
	w.add(&w.mu.main, kindBegin, b.append(w.mu.scratch[:0]), nil)
}

// State appends what an epoch has changed in a node's state.
func (w *Writer) State(node, worker int, delta []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.add(&w.mu.main, kindState, appendState(w.mu.scratch[:0], node, worker), delta)
	return w.mu.err
}

// Piece appends a piece of the snapshot: rows of a node's state as they are after
// the epoch.
func (w *Writer) Piece(node, worker int, rows []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.add(&w.mu.pieces, kindPiece, appendState(w.mu.scratch[:0], node, worker), rows)
	w.latest.bytes += int64(len(rows))
	return w.mu.err
}

// Complete says that this run has the last piece.
func (w *Writer) Complete() { w.whole = true }

// add appends one record, whose value is head and tail.
func (w *Writer) add(p *part, kind byte, head, tail []byte) {
	value := append(head, tail...)
	w.mu.scratch = value
	p.records++
	p.batch.Append(w.stamp, []byte{kind}, value, nil)
	if p.batch.Len() >= batchBytes {
		w.flush(p)
	}
}

// flush appends a batch; the first error stays, and Commit returns it. The open
// record comes before all else.
func (w *Writer) flush(p *part) (last int64) {
	if p.records == 0 || w.mu.err != nil {
		return -1
	}
	pieces := p == &w.mu.pieces
	if pieces && w.mu.appended == 0 {
		w.flush(&w.mu.main)
	}
	batch := p.batch.Bytes()
	if pieces {
		w.mu.spans = append(w.mu.spans, span{w.mu.appended, p.records})
	} else {
		w.bytes += int64(len(batch))
	}
	last, w.mu.err = w.log.Append(batch)
	w.mu.appended += p.records
	p.reset()
	return last
}

// Commit closes the run and returns when it is durable: the epoch is committed.
// An error that is not ErrInDoubt means that it is not.
func (w *Writer) Commit(ctx context.Context, c *Commit) error {
	c.Epoch = w.epoch
	w.mu.Lock()
	defer w.mu.Unlock()
	w.flush(&w.mu.pieces)
	if w.mu.err != nil {
		return fmt.Errorf("journal: epoch %d: %w", w.epoch, w.mu.err)
	}
	e := extent{complete: w.whole, pieces: w.mu.spans, records: int(w.mu.appended+w.mu.main.records) + 1}
	if w.whole {
		e.snapshot = w.latest.bytes
	}
	w.mu.main.records++
	w.mu.main.batch.Append(w.stamp, []byte{kindCommit}, c.append(nil, e), nil)
	last := w.flush(&w.mu.main)
	if w.mu.err == nil {
		w.mu.err = w.log.WaitDurable(ctx, last)
	}
	if w.mu.err != nil {
		return fmt.Errorf("journal: epoch %d: %w: %w", w.epoch, ErrInDoubt, w.mu.err)
	}
	w.committed(last)
	return nil
}

// committed notes that the run's commit record is durable at offset last.
func (w *Writer) committed(last int64) {
	w.last = last + 1
	w.since += w.bytes
	w.latest.since += w.bytes
	if w.latest.begun {
		w.needFull, w.needNew = false, false
	}
	if w.whole {
		w.latest.complete = true
		w.since, w.size = w.latest.since, w.latest.bytes
	}
}

// RunBytes is the size of the run just committed.
func (w *Writer) RunBytes() int64 { return w.bytes }

// Full says whether the run just committed completed a snapshot.
func (w *Writer) Full() bool { return w.whole }

// Trim lets the log forget what the snapshot replaces that the run just committed
// has completed.
func (w *Writer) Trim() error {
	if !w.whole {
		return nil
	}
	if err := w.log.DeleteBefore(w.latest.start); err != nil {
		return fmt.Errorf("journal: deleting before offset %d: %w", w.latest.start, err)
	}
	return nil
}
