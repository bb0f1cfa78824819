package commitlog

import (
	"math"
	"slices"
)

// scan reads what follows the recovery point, and cuts the log at the first batch that is not sound.
func (r *recovery) scan() error {
	r.end = r.ck.recovery
	for i := r.last; i < len(r.segments); i++ {
		s := r.segments[i]
		if i > r.last && (s.base != r.end.offset || r.end.pos < r.segments[i-1].size.Load()) {
			return r.cutSegments(i)
		}
		if i > r.last {
			r.segments[i-1].seal(s.base)
			r.end = position{s.base, s.base, 0}
			s.trusted, s.trustedEnd = 0, s.base
			s.mu.loaded, s.mu.surveyed, s.mu.stale = true, true, true
			r.changed = true
		}
		if err := r.scanSegment(s); err != nil {
			return err
		}
		r.last = i
	}
	return nil
}

// scanSegment also writes the sound bytes again as they are: if the write-back of a former sync failed, the kernel holds them for
// clean though the disk does not have them, and only what is written is synced.
func (r *recovery) scanSegment(s *segment) error {
	size := s.size.Load()
	f, err := s.open()
	if err != nil || size == r.end.pos {
		return err
	}
	r.read += size - r.end.pos
	w := newWindow(f, size)
	defer w.release()
	for r.end.pos < size {
		b, err := w.ordered(r.end.pos, r.end.offset, math.MaxInt64)
		if err != nil || r.exact && b.BaseOffset() != r.end.offset {
			break
		}
		if _, err := f.WriteAt(b, r.end.pos); err != nil && !isFull(err) {
			return err
		}
		s.note(b, r.end.pos, r.config.Load().IndexIntervalBytes)
		r.apply(s, b, r.now().UnixMilli(), r.from)
		r.end.pos += int64(b.Size())
		r.end.offset = b.NextOffset()
	}
	if r.end.pos < size {
		r.report(Finding{Path: s.logPath(), Pos: r.end.pos, Bytes: size - r.end.pos, First: -1, Next: -1, Cut: true,
			What: "torn tail"})
		if err := f.Truncate(r.end.pos); err != nil {
			return err
		}
		r.changed = true
		s.size.Store(r.end.pos)
		// What follows cannot be joined to this segment's end.
		if next := slices.Index(r.segments, s) + 1; next < len(r.segments) {
			if err := r.cutSegments(next); err != nil {
				return err
			}
		}
	}
	return f.Sync()
}

// cutSegments removes the segments from the i-th on, which begin after the log's end.
func (r *recovery) cutSegments(i int) error {
	for _, s := range r.segments[i:] {
		r.report(Finding{Path: s.logPath(), Bytes: s.size.Load(), First: -1, Next: -1, Cut: true, What: "segment after a torn tail"})
		if err := s.remove(); err != nil {
			return err
		}
		s.release()
	}
	if r.segments = r.segments[:i:i]; i > 0 {
		r.segments[i-1].next.Store(math.MaxInt64)
	}
	r.changed = true
	return nil
}
