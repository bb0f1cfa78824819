package commitlog

import (
	"math"

	"github.com/millrace/millrace/internal/vfs"
	"github.com/millrace/millrace/internal/wire"
)

// Bytes that this process did not write are checked when they are first wanted, one interval of the offset index at a time: the
// checksums of its batches are computed, and one bit remembers that they were right. After that they go out by sendfile, unread.
//
// An interval that fails says little: the index may be wrong, or a batch's length, so that what follows it is not found. The whole
// segment is then surveyed once: each batch is checked, after a bad one the next sound one is looked for byte by byte, and the
// offset index is made anew. What lies between is damage: reading it is an error, what is around it is served.

// verify makes sure that the bytes [from, to) have been checked.
func (s *segment) verify(from, to int64, interval int) error {
	if to = min(to, s.trusted); from >= to {
		return nil
	}
	f, err := s.open()
	if err != nil {
		return err
	}
	for {
		a, b, ok := s.unchecked(from, to)
		if !ok {
			return nil
		}
		if !s.checkRange(f, a, b) {
			return s.survey(interval, false)
		}
		s.mark(a)
		from = b
	}
}

// unchecked finds the first unchecked interval that touches [from, to).
func (s *segment) unchecked(from, to int64) (a, b int64, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.mu.surveyed {
		return 0, 0, false
	}
	for i := s.mu.index.interval(from); i <= len(s.mu.index); i++ {
		a, b = s.mu.index.bounds(i, s.trusted)
		if a >= to {
			break
		}
		if i/64 >= len(s.mu.checked) || s.mu.checked[i/64]&(1<<(i%64)) == 0 {
			return a, b, true
		}
	}
	return 0, 0, false
}

// mark remembers that the interval at a position has been checked.
func (s *segment) mark(pos int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.mu.index.interval(pos)
	for len(s.mu.checked) <= i/64 {
		s.mu.checked = append(s.mu.checked, 0)
	}
	s.mu.checked[i/64] |= 1 << (i % 64)
}

// checkRange says whether [a, b) is made of sound batches.
func (s *segment) checkRange(f vfs.File, a, b int64) bool {
	w := newWindow(f, b)
	defer w.release()
	expect, entry := s.startOf(a)
	for a < b {
		batch, err := w.ordered(a, expect, s.trustedEnd)
		if err != nil || entry >= 0 && batch.LastOffset() != entry {
			return false
		}
		entry = -1
		expect = batch.NextOffset()
		a += int64(batch.Size())
	}
	return true
}

func (s *segment) survey(interval int, times bool) error {
	s.mu.Lock()
	err := s.surveyLocked(interval, times)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	s.remade.Store(true)
	// What cannot be written now stays in memory, and is written with what comes.
	if s.flush() == nil && s.next.Load() != math.MaxInt64 {
		_ = s.writeSums()
	}
	return nil
}

// startOf is what the index says about the interval that begins at a position: an offset that its batches are not below, and the last
// offset of the first of them, or -1.
func (s *segment) startOf(pos int64) (expect, last int64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	i := s.mu.index.interval(pos)
	if i == 0 {
		return s.base, -1
	}
	if expect = s.base; i > 1 {
		expect += int64(s.mu.index[i-2].rel) + 1
	}
	return expect, s.base + int64(s.mu.index[i-1].rel)
}

// surveyLocked checks everything below trusted, lists the damage, and makes the offset index anew up to there; with times, the time
// index too.
func (s *segment) surveyLocked(interval int, times bool) error {
	if s.mu.surveyed && s.mu.loaded {
		return nil
	}
	f, err := s.open()
	if err != nil {
		return err
	}
	later := s.laterLocked()
	saved := s.mu.times
	newest := s.mu.newest
	s.mu.index, s.mu.times, s.mu.since, s.mu.damage = nil, nil, 0, nil
	s.mu.newest = timeEntry{ts: -1}

	w := newWindow(f, s.trusted)
	defer w.release()
	expect := s.base
	for pos := int64(0); pos < s.trusted; {
		b, err := w.ordered(pos, expect, s.trustedEnd)
		if err == nil {
			s.noteLocked(b, pos, interval)
			pos += int64(b.Size())
			expect = b.NextOffset()
			continue
		}
		d := s.resync(w, pos, expect)
		s.mu.damage = append(s.mu.damage, d)
		s.report(Finding{Path: s.logPath(), Pos: d.pos, Bytes: d.end - d.pos, First: d.first, Next: d.next,
			What: "damaged (" + err.Error() + ")"})
		pos, expect = d.end, d.next
	}
	if len(s.mu.damage) == 0 && !times {
		s.report(Finding{Path: s.path(s.base, indexSuffix), First: -1, Next: -1, What: "index does not match the log: made anew"})
	}
	if expect < s.trustedEnd && !s.sparse {
		s.report(Finding{Path: s.logPath(), Pos: s.trusted, First: expect, Next: s.trustedEnd, What: "records are missing at the end"})
	}
	if times {
		s.noteTimeLocked()
	} else {
		s.mu.times, s.mu.newest = saved, newest
	}
	s.mu.index = append(s.mu.index, later...)
	s.mu.flushed.index = 0
	if times {
		s.mu.flushed.times = 0
	}
	s.mu.loaded, s.mu.surveyed, s.mu.checked, s.mu.stale = true, true, nil, true
	return nil
}

// laterLocked are the index entries of what this process has written.
func (s *segment) laterLocked() offsetIndex {
	i := len(s.mu.index)
	for i > 0 && int64(s.mu.index[i-1].pos) >= s.trusted {
		i--
	}
	return append(offsetIndex(nil), s.mu.index[i:]...)
}

// resync finds where sound batches begin again after a bad one: where the bad one's own length leads, if that is sound, and otherwise
// at the next byte from which a batch with a right checksum and a fitting offset can be read.
func (s *segment) resync(w *window, pos, expect int64) damage {
	d := damage{pos: pos, end: s.trusted, first: expect, next: s.trustedEnd}
	if h, err := w.header(pos); err == nil {
		end := pos + int64(h.Size())
		d.whole = end == s.trusted
		if b, err := w.sound(end, expect+1, s.trustedEnd); err == nil {
			d.end, d.next, d.whole = end, b.BaseOffset(), true
			return d
		}
	}
	for p := pos + 1; p+wire.HeaderSize <= s.trusted; p++ {
		b, err := w.at(p, wire.HeaderSize)
		if err != nil {
			break
		}
		if b[16] != 2 {
			continue
		}
		if b, err := w.sound(p, expect+1, s.trustedEnd); err == nil {
			d.end, d.next = p, b.BaseOffset()
			return d
		}
	}
	return d
}

// damagedAt is the damage that holds a position.
func (s *segment) damagedAt(pos int64) (damage, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, d := range s.mu.damage {
		if pos >= d.pos && pos < d.end {
			return d, true
		}
	}
	return damage{}, false
}

// damagedAfter is the position of the first damage in [pos, end), or end.
func (s *segment) damagedAfter(pos, end int64) int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, d := range s.mu.damage {
		if d.end > pos && d.pos < end {
			return max(d.pos, pos)
		}
	}
	return end
}
