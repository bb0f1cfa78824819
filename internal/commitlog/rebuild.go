package commitlog

import (
	"slices"

	"github.com/millrace/millrace/internal/wire"
)

// abortedOf computes the aborted transactions of a closed segment, and the producers at its end: from the newest sound snapshot at or
// before its base, batch by batch. What it cannot read it passes over.
func (l *Log) abortedOf(s *segment) (list []abortedEntry, ps *producers, err error) {
	ps, at, err := l.producersBefore(s.base)
	if err != nil {
		return nil, nil, err
	}
	for _, from := range l.segmentsNow() {
		if from.next.Load() <= at || from.base > s.base || !from.acquire() {
			continue
		}
		note := func(e abortedEntry, aborted bool) {
			if aborted && from == s {
				list = append(list, e)
			}
		}
		err := from.eachSound(func(b wire.Batch, _ int64) {
			if b.BaseOffset() < at {
				return
			}
			if !b.IsControl() {
				ps.add(b, 0)
			} else if m, err := wire.ParseMarker(b); err == nil {
				note(ps.addMarker(b, m, 0))
			}
		}, func(d damage) {
			if d.first < at {
				return
			}
			for _, e := range from.passDamage(ps, d, 0) {
				note(e, true)
			}
		})
		from.release()
		if err != nil {
			return nil, nil, err
		}
	}
	return list, ps, nil
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

// eachSound hands the sound batches of what is below trusted to fn, and what is not sound to damaged.
func (s *segment) eachSound(fn func(b wire.Batch, pos int64), damaged func(damage)) error {
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
			damaged(d)
			pos, expect = d.end, d.next
			continue
		}
		fn(b, pos)
		pos += int64(b.Size())
		expect = b.NextOffset()
	}
	return nil
}
