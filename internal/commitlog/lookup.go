package commitlog

import (
	"errors"
	"math"
	"sync"

	"github.com/millrace/millrace/internal/wire"
)

var decompressors = sync.Pool{New: func() any { return &wire.Decompressor{} }}

// OffsetForTime finds the first record, below the high watermark, whose timestamp is at least ts.
func (l *Log) OffsetForTime(ts int64) (offset, timestamp int64, ok bool, err error) {
	start, hw := l.start.Load(), l.hw.Load()
	for _, s := range *l.segments.Load() {
		if s.next.Load() <= start || !s.acquire() {
			continue
		}
		offset, timestamp, ok, err = l.searchTime(s, ts, start, hw)
		s.release()
		if ok || err != nil {
			return offset, timestamp, ok, err
		}
	}
	return -1, -1, false, nil
}

// searchTime looks in one segment.
func (l *Log) searchTime(s *segment, ts, start, hw int64) (offset, timestamp int64, ok bool, err error) {
	interval := l.config.Load().IndexIntervalBytes
	if err := s.load(interval); err != nil {
		return -1, -1, false, err
	}
	if newest, _ := s.newest(); newest < ts {
		return -1, -1, false, nil
	}
	from := max(s.base+s.before(ts), start)
	err = l.scan(s, from, hw, func(b wire.Batch) (more bool, err error) {
		if b.MaxTimestamp() < ts {
			return true, nil
		}
		offset, timestamp, ok, err = firstRecord(b, func(r *wire.Record) bool { return r.Timestamp >= ts && r.Offset >= start })
		return !ok, err
	})
	return offset, timestamp, ok, err
}

func (s *segment) before(ts int64) int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.mu.times.before(ts)
}

// MaxTimestamp is the greatest timestamp below the high watermark and the first record that has it; -1 and -1 if there is none. A
// record that cannot be read is passed over for its batch's last offset.
func (l *Log) MaxTimestamp() (offset, ts int64) {
	offset, ts = -1, -1
	start, hw := l.start.Load(), l.hw.Load()
	for _, s := range *l.segments.Load() {
		if s.base >= hw || s.next.Load() <= start || !s.acquire() {
			continue
		}
		if o, t := l.newestIn(s, start, hw); t > ts {
			offset, ts = o, t
		}
		s.release()
	}
	return offset, ts
}

func (l *Log) newestIn(s *segment, start, hw int64) (offset, ts int64) {
	if s.load(l.config.Load().IndexIntervalBytes) != nil {
		return -1, -1
	}
	newest, last := s.newest()
	if newest < 0 || last < start {
		return -1, -1
	}
	from := last
	if last >= hw { // not durable yet: the greatest of what is
		newest, from = math.MinInt64, max(start, s.base)
	}
	offset, ts = -1, -1
	err := l.scan(s, from, hw, func(b wire.Batch) (bool, error) {
		if b.MaxTimestamp() <= ts {
			return true, nil
		}
		ts, offset = b.MaxTimestamp(), b.LastOffset()
		if o, _, ok, err := firstRecord(b, func(r *wire.Record) bool { return r.Timestamp == ts }); ok && err == nil {
			offset = o
		}
		return newest == math.MinInt64, nil
	})
	if err != nil && ts < 0 {
		return last, newest
	}
	return offset, ts
}

// scan hands the batches from the one that contains an offset to fn, up to the high watermark, while fn wants more. Damage is passed
// over.
func (l *Log) scan(s *segment, from, hw int64, fn func(wire.Batch) (more bool, err error)) error {
	interval := l.config.Load().IndexIntervalBytes
	_, end, err := l.limits(s, HighWatermark, interval)
	if err != nil {
		return err
	}
	f, err := s.open()
	if err != nil {
		return err
	}
	w := newWindow(f, end)
	defer w.release()
	for from < min(hw, s.next.Load()) {
		pos, _, err := s.locate(from, end, interval)
		var damaged *DamageError
		if errors.As(err, &damaged) {
			from = damaged.Next
			continue
		}
		if err != nil || pos >= end {
			return err
		}
		for pos < end {
			if err := s.verify(pos, pos+1, interval); err != nil {
				return err
			}
			if d, bad := s.damagedAt(pos); bad {
				from = d.next
				break
			}
			b, err := w.batch(pos)
			if err != nil {
				return err
			}
			if more, err := fn(b); !more || err != nil {
				return err
			}
			pos += int64(b.Size())
			from = b.NextOffset()
		}
	}
	return nil
}

// firstRecord finds the first record of a batch that matches.
func firstRecord(b wire.Batch, match func(*wire.Record) bool) (offset, ts int64, ok bool, err error) {
	d := decompressors.Get().(*wire.Decompressor)
	defer decompressors.Put(d)
	it := wire.Records(b, d)
	for it.Next() {
		if r := it.Record(); match(r) {
			return r.Offset, r.Timestamp, true, nil
		}
	}
	return -1, -1, false, it.Err()
}
