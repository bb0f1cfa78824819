package log

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/internal/wire"
)

const (
	// keepBytes is how much of the next epoch a sink keeps while one is committed;
	// beyond that its writers wait.
	keepBytes = 8 << 20
	// spareBuilders is how many empty ones it keeps for what it will keep.
	spareBuilders = 8
)

// gate holds back what belongs to the epoch after the one that is being committed: a
// marker decides everything that its producer has appended, so nothing may be appended
// between Seal and the markers. It is a part of sink.mu.
//
//	Seal ─ Write: batch being filled ── full: kept ── Commit: markers, kept, being filled ─ Write: appended
//	shut │                                                                           open │
//
// Batches that are not full stay with their writers, where more rows come to them: a
// commit of a few milliseconds would otherwise leave a batch for each step.
type gate struct {
	opened chan struct{} // closed when the gate opens; nil while it is open
	kept   []keptBatch   // in the order in which they were filled
	bytes  int           // of kept
	spare  []*wire.Builder
	err    error // what became of appending kept
}

type keptBatch struct {
	partition int
	batch     *wire.Builder
}

func (g *gate) shut() { g.opened = make(chan struct{}) }

func (g *gate) open() {
	if g.opened != nil {
		close(g.opened)
	}
	g.opened, g.kept, g.bytes = nil, nil, 0
}

// keep takes a batch and gives another builder for it.
func (g *gate) keep(n int, b *wire.Builder) *wire.Builder {
	g.kept, g.bytes = append(g.kept, keptBatch{n, b}), g.bytes+b.Len()
	if last := len(g.spare) - 1; last >= 0 {
		b, g.spare = g.spare[last], g.spare[:last]
		return b
	}
	return wire.NewBuilder(nil)
}

func (g *gate) reuse(b *wire.Builder) {
	if len(g.spare) < spareBuilders {
		g.spare = append(g.spare, b)
	}
}

// append takes a batch of one partition, and gives a builder for the next. With the
// gate shut it keeps the batch, or waits while it has too many; blocked gets for how long.
func (s *sink) append(ctx context.Context, n int, b *wire.Builder, blocked *atomic.Int64) (*wire.Builder, error) {
	for {
		next, wait, err := s.tryAppend(n, b)
		if wait == nil {
			return next, err
		}
		began := time.Now()
		select {
		case <-wait:
		case <-ctx.Done():
			return b, ctx.Err()
		}
		blocked.Add(int64(time.Since(began)))
	}
}

func (s *sink) tryAppend(n int, b *wire.Builder) (next *wire.Builder, wait <-chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := &s.mu.gate
	switch {
	case g.err != nil:
		return b, nil, g.err
	case g.opened == nil:
		return b, nil, s.appendLocked(n, b)
	case g.bytes < keepBytes:
		return g.keep(n, b), nil, nil
	}
	return b, g.opened, nil
}

// lockWriters keeps the writers from adding to their batches. One that is at work is
// left out: it hands over what it has when it is done.
func (s *sink) lockWriters() (locked []*writer) {
	s.mu.Lock()
	writers := s.mu.writers
	s.mu.Unlock()
	for _, w := range writers {
		if w.mu.TryLock() {
			locked = append(locked, w)
		}
	}
	return locked
}

func unlock(writers []*writer) {
	for _, w := range writers {
		w.mu.Unlock()
	}
}

// handOver appends what was kept for a partition, and what the writers have begun. It
// comes right behind the marker, before its sync begins if all goes well. What cannot be
// appended is the next epoch's failure, not this one's: the writers and Prepare return
// it.
func (s *sink) handOver(n int, writers []*writer) {
	g := &s.mu.gate
	g.kept = slices.DeleteFunc(g.kept, func(k keptBatch) bool {
		if k.partition != n || g.err != nil {
			return k.partition == n
		}
		g.err = s.appendLocked(n, k.batch)
		g.reuse(k.batch)
		return true
	})
	for _, w := range writers {
		if b := w.mu.batches[n]; b != nil && b.Count() > 0 && g.err == nil {
			g.err = s.appendLocked(n, b)
			w.next(b)
		}
	}
}

// holding says whether the gate is shut.
func (s *sink) holding() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.gate.opened != nil
}
