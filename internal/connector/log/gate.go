package log

import (
	"context"

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

// keep takes a batch and gives an empty one for it.
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
		b.Reset(nil)
		g.spare = append(g.spare, b)
	}
}

// append takes a batch of one partition, and gives an empty builder for it. With the
// gate shut it keeps the batch, or waits while it has too many.
func (s *sink) append(ctx context.Context, n int, b *wire.Builder) (*wire.Builder, error) {
	for {
		next, wait, err := s.tryAppend(n, b)
		if wait == nil {
			return next, err
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return b, ctx.Err()
		}
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
		err := s.appendLocked(n, b)
		b.Reset(nil)
		return b, nil, err
	case g.bytes < keepBytes:
		return g.keep(n, b), nil, nil
	}
	return b, g.opened, nil
}

// release opens the gate, after the markers. What cannot be appended is the next
// epoch's failure, not this one's: the writers and Prepare return it.
func (s *sink) release() {
	s.mu.Lock()
	g := &s.mu.gate
	was := g.opened != nil
	for _, k := range g.kept {
		if g.err == nil {
			g.err = s.appendLocked(k.partition, k.batch)
		}
		g.reuse(k.batch)
	}
	g.open()
	writers := s.mu.writers
	s.mu.Unlock()
	if !was {
		return
	}
	for _, w := range writers {
		// One that is writing flushes when it has done so.
		if w.mu.TryLock() {
			err := w.flushAll()
			w.mu.Unlock()
			s.fail(err)
		}
	}
}

// fail keeps the first error of an append that nobody waits for.
func (s *sink) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.gate.err == nil {
		s.mu.gate.err = err
	}
}

// holding says whether the gate is shut.
func (s *sink) holding() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.gate.opened != nil
}
