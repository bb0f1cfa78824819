package commitlog

import (
	"errors"
	"fmt"
)

// loadProducers takes the newest sound snapshot at or before the mark.
func (r *recovery) loadProducers() error {
	r.mu.producers = newProducers()
	r.replayed = r.segments[0].base
	for i := len(r.snapshots) - 1; i >= 0; i-- {
		at := r.snapshots[i]
		if at > r.from {
			continue
		}
		name := r.path(at, snapshotSuffix)
		b, err := readFile(r.fs, name)
		if err != nil {
			return err
		}
		if ps, ok := parseSnapshot(b); ok {
			r.mu.producers, r.replayed = ps, max(at, r.replayed)
			return nil
		}
		r.report(Finding{Path: name, First: -1, Next: -1, What: "producer snapshot is damaged: an earlier one is taken"})
	}
	return nil
}

// trustMark takes the index entries of the last synced segment that had been synced at the mark; if they are not as they were, the
// mark is moved to the segment's base: all from there on is computed again.
func (r *recovery) trustMark() error {
	s, m := r.segments[r.last], &r.ck.mark
	s.trusted, s.trustedEnd = r.ck.recovery.pos, r.ck.recovery.offset
	s.mu.stale = true
	r.noted = r.ck.recovery.pos
	if m.base == s.base && r.ck.recovery.pos > 0 {
		files, err := s.readIndexes()
		if err != nil {
			return err
		}
		if ok := files.cut(m.sums); ok && s.take(files, m.pos) {
			s.mu.loaded, r.noted = true, m.pos
		} else {
			r.report(Finding{Path: s.path(s.base, indexSuffix), First: -1, Next: -1, What: "index does not have its checksum: made anew"})
			*m = mark{position: position{s.base, s.base, 0}}
			r.changed = true
		}
	}
	r.from = m.offset
	return nil
}

// take makes index files those of the segment, if they can be right for so much of its log.
func (s *segment) take(files indexFiles, size int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	var clean, cleanTimes, cleanAborted bool
	s.mu.index, clean = parseIndex(files.index, max(size, 1))
	s.mu.times, cleanTimes = parseTimes(files.times)
	s.mu.aborted, cleanAborted = parseAborted(files.aborted, s.base)
	if !clean || !cleanTimes || !cleanAborted {
		s.mu.index, s.mu.times, s.mu.aborted = nil, nil, nil
		return false
	}
	s.mu.flushed.index, s.mu.flushed.times, s.mu.flushed.aborted = len(s.mu.index), len(s.mu.times), len(s.mu.aborted)
	if n := len(s.mu.times); n > 0 {
		s.mu.newest = s.mu.times[n-1]
	}
	return true
}

// loadIndexes makes those of the last synced segment that were not there.
func (r *recovery) loadIndexes() error {
	s := r.segments[r.last]
	switch {
	case s.mu.loaded:
		return nil
	case r.ck.recovery.pos == 0:
		s.mu.loaded, s.mu.surveyed = true, true
		return nil
	}
	return s.survey(r.config.Load().IndexIntervalBytes, true)
}

// cutAborted forgets the aborted transactions whose markers are at or after an offset.
func (s *segment) cutAborted(from int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for n < len(s.mu.aborted) && s.mu.aborted[n].LastOffset < from {
		n++
	}
	s.mu.aborted, s.mu.flushed.aborted, s.mu.stale = s.mu.aborted[:n], min(n, s.mu.flushed.aborted), true
}

// replay reads the batches from the snapshot to the recovery point.
func (r *recovery) replay() error {
	for i := 0; i <= r.last; i++ {
		s := r.segments[i]
		if i < r.last && s.next.Load() <= r.replayed {
			continue
		}
		if err := r.replaySegment(s, i == r.last); err != nil {
			return err
		}
	}
	return nil
}

func (r *recovery) replaySegment(s *segment, last bool) error {
	interval := r.config.Load().IndexIntervalBytes
	pos := int64(0)
	if last && r.replayed >= r.ck.mark.offset && r.noted <= r.ck.mark.pos {
		pos = r.noted
	} else if !last {
		if err := s.load(interval); err != nil {
			return err
		}
		if s.next.Load() > r.from {
			s.cutAborted(r.from)
		}
	}
	f, err := s.open()
	if err != nil {
		return err
	}
	w := newWindow(f, s.trusted)
	defer w.release()
	r.read += s.trusted - pos
	for expect := s.base; pos < s.trusted; {
		if d, bad := s.damagedAt(pos); bad {
			if d.first >= r.replayed {
				r.passDamage(s, d)
			}
			pos, expect = d.end, d.next
			continue
		}
		// Whole batches, for a header is not to be believed before its checksum is right: what is taken from it decides which
		// batches are duplicates and which transactions were aborted.
		b, err := w.ordered(pos, expect, s.trustedEnd)
		if err != nil {
			if s.surveyed() {
				return fmt.Errorf("%s at %d: cannot be read: %w", s.logPath(), pos, errors.Join(err, ErrCorrupt))
			}
			if err := s.survey(interval, true); err != nil {
				return err
			}
			if last {
				r.noted = s.trusted
			}
			continue
		}
		if last && pos >= r.noted {
			s.note(b, pos, interval)
		}
		if b.BaseOffset() >= r.replayed {
			r.apply(s, b, r.now().UnixMilli(), r.from)
		}
		pos += int64(b.Size())
		expect = b.NextOffset()
	}
	return nil
}

// passDamage goes on behind damage with the producer state that may have been decided in it.
func (r *recovery) passDamage(s *segment, d damage) {
	for _, e := range s.passDamage(r.mu.producers, d, r.now().UnixMilli()) {
		if e.LastOffset >= r.from {
			s.addAborted(e)
		}
	}
}
