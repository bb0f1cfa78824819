package commitlog

import (
	"fmt"

	"github.com/millrace/millrace/internal/wire"
)

// Damage can hide a transaction's marker, and with it whether its records count. Once the marker is in a producer snapshot and in the
// index of aborted transactions, nothing is lost; before, when recovery has to pass over the damage, it is in this order:
//
//  1. a marker in which one bit has flipped is read all the same: its checksum says which bit it was, with one chance in millions
//     that it was not (its 78 bytes are too few for two places to fit)
//  2. damage that is one batch by its length, and not of a marker's size, hides no marker: the transaction stays open
//  3. of anything else the transactions that were open before it are taken for aborted, since nothing that was aborted may be shown
//
// A reader needs the abort marker too: a Kafka client takes all of a producer's records for aborted until it meets it. So the batches
// that stand for damage have the abort markers that the index knows of (gap.go).

// markerSize is what every marker takes.
var markerSize = int64(len(wire.BuildMarker(0, 0, false, 0, 0)))

// repairMarker reads a marker in which one bit is wrong.
func repairMarker(b []byte, offset int64) (wire.Batch, wire.Marker, bool) {
	if int64(len(b)) != markerSize {
		return nil, wire.Marker{}, false
	}
	for bit := range len(b) * 8 {
		b[bit/8] ^= 1 << (bit % 8)
		batch, rest, err := wire.ParseBatch(b)
		if err == nil && len(rest) == 0 && batch.CheckCRC() == nil && batch.IsControl() {
			if m, err := wire.ParseMarker(batch); err == nil {
				batch.SetBaseOffset(offset)
				return batch, m, true
			}
		}
		b[bit/8] ^= 1 << (bit % 8)
	}
	return nil, wire.Marker{}, false
}

// markerIn reads the marker that a stretch of damage was.
func (s *segment) markerIn(d damage) (wire.Batch, wire.Marker, bool) {
	if d.end-d.pos != markerSize || d.next-d.first != 1 {
		return nil, wire.Marker{}, false
	}
	f, err := s.open()
	if err != nil {
		return nil, wire.Marker{}, false
	}
	b := make([]byte, markerSize)
	if _, err := readFull(f, b, d.pos); err != nil {
		return nil, wire.Marker{}, false
	}
	return repairMarker(b, d.first)
}

// passDamage does to the producers what damage may have hidden, and returns the transactions that it aborted.
func (s *segment) passDamage(ps *producers, d damage, now int64) (aborted []abortedEntry) {
	if b, m, ok := s.markerIn(d); ok {
		if e, ok := ps.addMarker(b, m, now); ok {
			aborted = append(aborted, e)
		}
		return aborted
	}
	if d.whole && d.end-d.pos != markerSize {
		return nil
	}
	open := append([]txn(nil), ps.open...)
	at := max(d.next-int64(len(open)), d.first)
	for _, t := range open {
		if at >= d.next {
			break // more of them than offsets: the rest stays open
		}
		e, ok := ps.giveUp(t.pid, at)
		if ok {
			aborted = append(aborted, e)
		}
		at++
		s.report(Finding{Path: s.logPath(), Pos: d.pos, Bytes: d.end - d.pos, First: t.first, Next: d.next,
			What: fmt.Sprintf("the end of a transaction of producer %d may be lost: what it wrote before is taken for aborted", t.pid)})
	}
	return aborted
}

// giveUp ends a producer's open transaction as aborted, as if by a marker at an offset.
func (ps *producers) giveUp(pid, at int64) (e abortedEntry, ok bool) {
	p := ps.byID[pid]
	b := wire.Batch(wire.BuildMarker(pid, p.epoch, false, p.coord, 0))
	b.SetBaseOffset(at)
	return ps.addMarker(b, wire.Marker{CoordinatorEpoch: p.coord}, p.seen)
}

// standIn are the batches that stand for the offsets from first up to next: without records, but for the abort markers that a reader
// has to meet.
func (l *Log) standIn(first, next int64) []byte {
	var out []byte
	fill := func(to int64) {
		for first < to {
			b := wire.EmptyBatch(first, to-1)
			out = append(out, b...)
			first = b.NextOffset()
		}
	}
	for _, m := range l.markersIn(first, next) {
		fill(m.BaseOffset())
		out = append(out, m...)
		first = m.NextOffset()
	}
	fill(next)
	return out
}

// markersIn are the markers that belong to the offsets from first up to next, by offset: one that can be read all the same, or the
// abort markers that the index knows.
func (l *Log) markersIn(first, next int64) (markers []wire.Batch) {
	for _, s := range l.segmentsNow() {
		if s.next.Load() <= first || s.base >= next || !s.acquire() {
			continue
		}
		if err := s.load(l.config.Load().IndexIntervalBytes); err != nil {
			s.release()
			continue // the log's own reads say it
		}
		s.mu.RLock()
		damages, aborted := s.mu.damage, s.mu.aborted
		s.mu.RUnlock()
		for _, d := range damages {
			if b, _, ok := s.markerIn(d); ok && d.first >= first && d.first < next {
				markers = append(markers, b)
			}
		}
		s.release()
		if len(markers) > 0 {
			return markers
		}
		for _, a := range aborted {
			if a.LastOffset >= first && a.LastOffset < next {
				b := wire.Batch(wire.BuildMarker(a.ProducerID, 0, false, 0, 0))
				b.SetBaseOffset(a.LastOffset)
				markers = append(markers, b)
			}
		}
	}
	return markers
}

// closeGap looks after the transactions that were open at the end of a segment whose follower, from an offset on, is gone, and with it
// perhaps their markers and the index of them: those that the next snapshot does not know as open are taken for aborted.
func (s *segment) closeGap(from int64) error {
	next := s.next.Load()
	s.report(Finding{Path: s.path(from, logSuffix), First: from, Next: next, What: "segment file is missing"})
	s.gapTold.Store(true)
	_, ps, err := s.log.abortedOf(s)
	if err != nil {
		return err
	}
	after, at, err := s.log.producersBefore(next)
	if err != nil {
		return err
	}
	var lost []int64
	for _, t := range ps.open {
		if p := after.byID[t.pid]; at < next || p == nil || p.txnFirst != t.first {
			lost = append(lost, t.pid)
		}
	}
	marker := max(next-int64(len(lost)), from)
	s.mu.Lock()
	for _, pid := range lost {
		if e, ok := ps.giveUp(pid, marker); ok && marker < next {
			s.mu.aborted = append(s.mu.aborted, e)
		}
		marker++
	}
	s.mu.Unlock()
	// What cannot be written now is found again by the next load.
	if s.flush() == nil {
		_ = s.writeSums()
	}
	return nil
}
