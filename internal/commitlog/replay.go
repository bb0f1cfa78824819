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

// loadIndexes takes the index entries of the last synced segment that had been synced at the mark.
func (r *recovery) loadIndexes() error {
	s := r.segments[r.last]
	p, m := r.ck.recovery, r.ck.mark
	s.trusted, s.trustedEnd = p.pos, p.offset
	s.mu.stale = true
	if p.pos == 0 {
		s.mu.loaded, s.mu.surveyed = true, true
		return nil
	}
	if m.base == s.base && r.prefix(s, m) {
		s.mu.loaded, r.noted = true, m.pos
		return nil
	}
	r.noted = p.pos
	if err := s.survey(r.config.Load().IndexIntervalBytes, true); err != nil {
		return err
	}
	return s.reloadAborted(r.from)
}

// reloadAborted takes the aborted transactions that end before an offset from their file.
func (s *segment) reloadAborted(from int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.loadAbortedLocked(); err != nil {
		return err
	}
	n := 0
	for n < len(s.mu.aborted) && s.mu.aborted[n].LastOffset < from {
		n++
	}
	s.mu.aborted, s.mu.flushed.aborted = s.mu.aborted[:n], n
	return nil
}

// prefix loads as many index entries as the mark counts; false if they are not there.
func (r *recovery) prefix(s *segment, m mark) bool {
	index, err := readFile(s.fs, s.path(s.base, indexSuffix))
	if err != nil && m.index > 0 || len(index) < m.index*indexEntrySize {
		return false
	}
	times, err := readFile(s.fs, s.path(s.base, timeSuffix))
	if err != nil && m.times > 0 || len(times) < m.times*timeEntrySize {
		return false
	}
	if s.reloadAborted(m.offset) != nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var clean, cleanTimes bool
	s.mu.index, clean = parseIndex(index[:m.index*indexEntrySize], max(m.pos, 1))
	s.mu.times, cleanTimes = parseTimes(times[:m.times*timeEntrySize])
	if !clean || !cleanTimes {
		return false
	}
	if n := len(s.mu.index); n > 0 {
		if ok, err := s.entryLocked(s.mu.index[n-1]); !ok || err != nil {
			return false
		}
	}
	s.mu.flushed.index, s.mu.flushed.times = m.index, m.times
	if m.times > 0 {
		s.mu.newest = s.mu.times[m.times-1]
	}
	return true
}

// replay reads the headers from the snapshot to the recovery point.
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
			if err := s.reloadAborted(r.from); err != nil {
				return err
			}
		}
	}
	f, err := s.open()
	if err != nil {
		return err
	}
	w := newWindow(f, s.trusted)
	defer w.release()
	for expect := s.base; pos < s.trusted; {
		if d, bad := s.damagedAt(pos); bad {
			pos, expect = d.end, d.next
			continue
		}
		b, err := w.header(pos)
		if err == nil && b.IsControl() {
			b, err = w.batch(pos)
		}
		if err != nil || b.BaseOffset() < expect || b.LastOffset() >= s.trustedEnd {
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
