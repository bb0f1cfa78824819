package commitlog

import (
	"fmt"
	"math"
	"sort"

	"github.com/millrace/millrace/internal/vfs"
)

// Limit is how far a reader may see.
type Limit int8

const (
	// HighWatermark is for readers of what is durable: read_uncommitted.
	HighWatermark Limit = iota
	// LastStable is for readers of what is decided: read_committed.
	LastStable
	// End is for the log's own kind: what is written, durable or not.
	End
)

// FileRange is a stretch of a file.
type FileRange struct {
	File vfs.File
	Off  int64
	Len  int
}

// Chunk is whole batches of the log, in a file. The range may be read, or sent with sendfile, until Release. An empty chunk has
// nothing to release, though it may be.
type Chunk struct {
	// FirstBatchOffset is the base offset of the first batch, -1 if the chunk is empty.
	FirstBatchOffset int64
	// Below bounds the offsets of the records: all are less. It is what the index knows without reading, and may be more than need be.
	Below int64
	Range FileRange
	// Damage, if not nil, says that the chunk stands for records that cannot be read: one batch without records (gap.go).
	Damage  *DamageError
	segment *segment
}

// Len is the number of bytes.
func (c *Chunk) Len() int { return c.Range.Len }

// Bytes reads the chunk into buf, or a larger one if need be.
func (c *Chunk) Bytes(buf []byte) ([]byte, error) {
	if cap(buf) < c.Range.Len {
		buf = make([]byte, c.Range.Len)
	}
	buf = buf[:c.Range.Len]
	if c.Range.Len == 0 {
		return buf, nil
	}
	_, err := readFull(c.Range.File, buf, c.Range.Off)
	return buf, err
}

// Release lets go of the file.
func (c *Chunk) Release() {
	if c.segment != nil {
		c.segment.release()
		c.segment, c.Range = nil, FileRange{}
	}
}

// Read returns batches from the one that contains offset on: at most maxBytes of them and at most up to the limit, all from one
// segment. With minOneBatch the first batch comes even if it is larger. Between the limit and the log's end the chunk is empty.
// Damaged records are replaced by a batch without records. Where compaction has taken the batch that contained offset, the next one
// comes first.
func (l *Log) Read(offset int64, maxBytes int, limit Limit, minOneBatch bool) (Chunk, error) {
	empty := Chunk{FirstBatchOffset: -1}
	for {
		if start, end := l.start.Load(), l.end.Load(); offset < start || offset > end {
			return empty, fmt.Errorf("%w: %d, the log has %d to %d", ErrOffsetOutOfRange, offset, start, end)
		}
		s, ok := l.find(offset)
		if !ok {
			continue // deleted meanwhile: the log start has moved
		}
		if s == nil {
			return l.gapInstead(l.closed(), offset, limit, maxBytes, minOneBatch)
		}
		c, next, err := l.readSegment(s, offset, maxBytes, limit, minOneBatch)
		if err != nil || c.segment == nil {
			s.release()
		}
		if err != nil {
			return l.gapInstead(err, offset, limit, maxBytes, minOneBatch)
		}
		if offset = next; next < 0 {
			return c, nil
		}
	}
}

func (l *Log) closed() error {
	if err := l.Err(); err != nil {
		return err
	}
	return &DamageError{Path: l.dir, First: l.start.Load(), Next: (*l.segments.Load())[0].base}
}

// find acquires the segment that holds an offset; ok is false if it has just been deleted, and the segment nil if there is none.
func (l *Log) find(offset int64) (s *segment, ok bool) {
	list := *l.segments.Load()
	i := sort.Search(len(list), func(i int) bool { return list[i].base > offset })
	if i == 0 {
		return nil, l.start.Load() <= offset
	}
	s = list[i-1]
	if s.acquire() {
		return s, true
	}
	l.state.Lock()
	ended := l.state.ended != nil
	l.state.Unlock()
	return nil, ended
}

// readSegment is Read in one segment. If compaction has left nothing in it from the offset on, next is where the following one
// begins; otherwise it is -1.
func (l *Log) readSegment(s *segment, offset int64, maxBytes int, limit Limit, minOneBatch bool) (c Chunk, next int64, err error) {
	empty := Chunk{FirstBatchOffset: -1}
	interval := l.config.Load().IndexIntervalBytes
	if err := s.load(interval); err != nil {
		return empty, -1, err
	}
	below, end, err := l.limits(s, limit, interval)
	if err != nil || offset >= below {
		return empty, -1, err
	}
	var pos, base, cut int64
	for settled := false; !settled; {
		surveyed := s.surveyed()
		if pos, base, err = s.locate(offset, end, interval); err != nil {
			return empty, -1, err
		}
		if base < 0 {
			if next = s.next.Load(); next >= below {
				next = -1
			}
			return empty, next, nil
		}
		if cut, err = s.fit(pos, end, maxBytes, minOneBatch); err != nil || cut <= pos {
			return empty, -1, err
		}
		if err := s.verify(pos, cut, interval); err != nil {
			return empty, -1, err
		}
		settled = surveyed == s.surveyed() // otherwise the index, which fit trusted, was wrong
	}
	if cut = s.damagedAfter(pos, cut); cut <= pos {
		d, _ := s.damagedAt(pos)
		return empty, -1, &DamageError{s.logPath(), d.first, d.next}
	}
	f, err := s.open()
	if err != nil {
		return empty, -1, err
	}
	return Chunk{FirstBatchOffset: base, Below: min(s.above(cut), below), Range: FileRange{f, pos, int(cut - pos)}, segment: s}, -1, nil
}

// limits is the offset below which a reader may see, and the position in the segment where its sight ends.
func (l *Log) limits(s *segment, limit Limit, interval int) (below, end int64, err error) {
	if limit == End {
		l.mu.Lock()
		p := l.endLocked()
		l.mu.Unlock()
		return p.offset, p.within(s), nil
	}
	lso := l.lso.Load() // before the high watermark, so as not to be above it
	l.state.Lock()
	hw := l.state.hw
	l.state.Unlock()
	if limit == HighWatermark || lso >= hw.offset {
		return hw.offset, hw.within(s), nil
	}
	if lso >= s.next.Load() {
		return lso, s.size.Load(), nil
	}
	if lso <= s.base {
		return lso, 0, nil
	}
	end, _, err = s.locate(lso, hw.within(s), interval)
	return lso, end, err
}

// within is how much of a segment lies before a position.
func (p position) within(s *segment) int64 {
	switch {
	case s.base < p.base:
		return s.size.Load()
	case s.base == p.base:
		return p.pos
	}
	return 0
}

// locate finds the batch that contains an offset, in the bytes before end. In a compacted segment it is the first batch that is not
// before the offset; base is -1, and pos the end, if there is none.
func (s *segment) locate(offset, end int64, interval int) (pos, base int64, err error) {
	f, err := s.open()
	if err != nil {
		return 0, 0, err
	}
	w := newWindow(f, end)
	defer w.release()
	surveyed := s.surveyed()
	pos = s.floor(offset)
	expect := int64(-1)
	for pos < end {
		if err := s.verify(pos, pos+1, interval); err != nil {
			return 0, 0, err
		}
		if !surveyed && s.surveyed() { // the index that led here may have been wrong
			surveyed, pos, expect = true, s.floor(offset), -1
			continue
		}
		if d, bad := s.damagedAt(pos); bad {
			if offset < d.next && offset >= d.first {
				return 0, 0, &DamageError{s.logPath(), d.first, d.next}
			}
			pos, expect = d.end, d.next
			continue
		}
		b, err := w.header(pos)
		if err != nil {
			return 0, 0, fmt.Errorf("%s at %d: %w: %v", s.logPath(), pos, ErrCorrupt, err)
		}
		if b.LastOffset() >= offset {
			// A batch that begins later than the offset is what compaction leaves.
			return pos, b.BaseOffset(), nil
		}
		pos += int64(b.Size())
		expect = b.NextOffset()
	}
	if s.sparse {
		return end, -1, nil
	}
	next := s.next.Load()
	if next == math.MaxInt64 {
		next = offset + 1
	}
	d := &DamageError{s.logPath(), max(expect, s.base), next}
	s.reportGap(d)
	return 0, 0, d
}

func (s *segment) floor(offset int64) int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.mu.index.floor(offset - s.base)
}

// fit is the end of the last batch from pos on that ends within maxBytes and before end.
func (s *segment) fit(pos, end int64, maxBytes int, minOneBatch bool) (int64, error) {
	if end-pos <= int64(maxBytes) {
		return end, nil
	}
	limit := pos + int64(maxBytes)
	f, err := s.open()
	if err != nil {
		return 0, err
	}
	w := newWindow(f, end)
	defer w.release()
	cut := max(pos, s.boundary(limit))
	for {
		b, err := w.header(cut)
		if err != nil {
			// Damage: what is before it is served, and the next read meets it.
			if cut > pos {
				return cut, nil
			}
			return 0, fmt.Errorf("%s at %d: %w: %v", s.logPath(), cut, ErrCorrupt, err)
		}
		next := cut + int64(b.Size())
		if next > limit {
			if cut == pos && minOneBatch {
				return next, nil
			}
			return cut, nil
		}
		cut = next
	}
}

// above is an offset that is above those of all batches before a position.
func (s *segment) above(pos int64) int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if i := s.mu.index.interval(pos - 1); i < len(s.mu.index) {
		return s.base + int64(s.mu.index[i].rel) + 1
	}
	return s.next.Load()
}

func (s *segment) surveyed() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.mu.surveyed
}

// boundary is the last batch boundary that the index knows at or before a position.
func (s *segment) boundary(pos int64) int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if i := s.mu.index.interval(pos); i > 0 {
		return int64(s.mu.index[i-1].pos)
	}
	return 0
}

// AbortedTxns lists the aborted transactions that have records in the offsets [from, to), by marker. It is exact for offsets below
// the last stable offset.
func (l *Log) AbortedTxns(from, to int64) ([]AbortedTxn, error) {
	var list []AbortedTxn
	for _, s := range *l.segments.Load() {
		if s.next.Load() <= from || !s.acquire() {
			continue
		}
		err := s.load(l.config.Load().IndexIntervalBytes)
		var done bool
		if err == nil {
			list, done = s.abortedIn(list, from, to)
		}
		s.release()
		if err != nil || done {
			return list, err
		}
	}
	return list, nil
}

// abortedIn adds the transactions that a segment's markers aborted; done says that later ones begin at or after to.
func (s *segment) abortedIn(list []AbortedTxn, from, to int64) (_ []AbortedTxn, done bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, a := range s.mu.aborted {
		if a.LastOffset >= from && a.FirstOffset < to {
			list = append(list, a.AbortedTxn)
		}
		if a.stable >= to {
			return list, true
		}
	}
	return list, false
}
