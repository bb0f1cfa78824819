package commitlog

import (
	"slices"

	"github.com/millrace/millrace/internal/wire"
)

// abortedOf computes the aborted transactions of a closed segment: from the newest sound snapshot at or before its base, batch by
// batch, to its end. What it cannot read it passes over.
func (l *Log) abortedOf(s *segment) ([]abortedEntry, error) {
	ps, at, err := l.producersBefore(s.base)
	if err != nil {
		return nil, err
	}
	var list []abortedEntry
	for _, from := range l.segmentsNow() {
		if from.next.Load() <= at || from.base > s.base || !from.acquire() {
			continue
		}
		err := from.eachSound(func(b wire.Batch, _ int64) {
			if b.BaseOffset() < at {
				return
			}
			if !b.IsControl() {
				ps.add(b, 0)
			} else if m, err := wire.ParseMarker(b); err == nil {
				if e, aborted := ps.addMarker(b, m, 0); aborted && from == s {
					list = append(list, e)
				}
			}
		})
		from.release()
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// segmentsNow are the log's segments, also while it is being opened.
func (l *Log) segmentsNow() []*segment {
	if list := l.segments.Load(); list != nil {
		return *list
	}
	return l.opening
}

// producersBefore is the producer state at the newest sound snapshot at or before an offset.
func (l *Log) producersBefore(offset int64) (ps *producers, at int64, err error) {
	names, err := l.fs.List(l.dir)
	if err != nil {
		return nil, 0, err
	}
	for _, name := range slices.Backward(names) {
		base, ok := parseName(name, snapshotSuffix)
		if !ok || base > offset {
			continue
		}
		b, err := readFile(l.fs, l.path(base, snapshotSuffix))
		if err != nil {
			return nil, 0, err
		}
		if ps, ok := parseSnapshot(b); ok {
			return ps, base, nil
		}
	}
	return newProducers(), 0, nil
}

// eachSound hands the sound batches of what is below trusted to fn.
func (s *segment) eachSound(fn func(b wire.Batch, pos int64)) error {
	f, err := s.open()
	if err != nil {
		return err
	}
	w := newWindow(f, s.trusted)
	defer w.release()
	expect := s.base
	for pos := int64(0); pos < s.trusted; {
		b, err := w.ordered(pos, expect, s.trustedEnd)
		if err != nil {
			d := s.resync(w, pos, expect)
			pos, expect = d.end, d.next
			continue
		}
		fn(b, pos)
		pos += int64(b.Size())
		expect = b.NextOffset()
	}
	return nil
}
