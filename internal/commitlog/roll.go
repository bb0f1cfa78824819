package commitlog

import (
	"math"
	"math/rand/v2"
)

// makeRoom closes the active segment if the batches do not fit into it, or if it is too old or its index too large for more.
func (l *Log) makeRoom(size, next, newest int64, c *Config, now int64) error {
	s := l.mu.active
	have := s.size.Load()
	if have == 0 {
		return nil
	}
	age := now - s.created // by the broker's clock where records have no time
	if s.firstTS >= 0 && newest >= 0 {
		age = newest - s.firstTS
	}
	old := age > c.segmentAge(s.jitter).Milliseconds()
	if have+size > c.SegmentBytes || old || next-s.base > math.MaxInt32 || s.indexFull(c.IndexMaxBytes) {
		return l.rollLocked()
	}
	return nil
}

// rollLocked closes the active segment and begins another at the end of the log. Nothing is synced here: the next round syncs the
// closed one first, with its indexes and the producer snapshot that is taken now, then the directory, and only then acknowledges
// anything in the new one.
func (l *Log) rollLocked() error {
	base := l.end.Load()
	s, err := createSegment(&l.place, base)
	if err != nil {
		return err
	}
	s.created, s.jitter = l.now().UnixMilli(), rand.Uint32()
	last := l.mu.active
	last.seal(base)
	l.mu.sealed = append(l.mu.sealed, last)
	l.mu.snapshots[base] = l.mu.producers.snapshot()
	l.mu.newDir = true
	l.mu.active = s
	segments := append(append([]*segment(nil), *l.segments.Load()...), s)
	l.segments.Store(&segments)
	return nil
}
