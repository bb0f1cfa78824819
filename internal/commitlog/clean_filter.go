package commitlog

import (
	"sort"

	"github.com/millrace/millrace/internal/wire"
)

// What compaction keeps, decided batch by batch in the order of the log, without any I/O. The rules are Kafka's:
//
//   - A record stays if no newer one has its key. Records above what the offset map covers stay; records without a key go.
//   - A tombstone stays until its batch's delete horizon: the first cleaning that keeps one sets it to then plus
//     delete.retention.ms, so that a reader who is that fast sees it (KIP-534).
//   - Records of an aborted transaction go at once, also if their keys have no newer record, and count for no key.
//   - A marker stays while a batch of its transaction is before it. The first cleaning that finds none sets its horizon; it goes
//     with the first cleaning after that.
//   - The last batch of a producer that the log remembers stays, without its records: it holds sequence number and epoch. If only a
//     marker is known of its epoch, it is the marker.
//   - The last batch of what is cleaned stays likewise, so that a reader who follows offsets arrives at the end.

// cleanedTxns follows the transactions while batches are read in order: in each cleaning twice, for the map and for the copy.
type cleanedTxns struct {
	pending   []abortedEntry // aborted transactions ahead, by first offset
	aborted   map[int64]*abortedTxn
	committed map[int64]bool // producers with batches of a transaction that is not aborted, before its marker
	keep      func(abortedEntry)
}

// abortedTxn is an aborted transaction that has begun; seen says that batches of it were still there.
type abortedTxn struct {
	abortedEntry
	seen bool
}

// newCleanedTxns begins at an offset. Keep is told of transactions whose markers stay though their records go.
func newCleanedTxns(aborted []abortedEntry, from int64, keep func(abortedEntry)) *cleanedTxns {
	t := &cleanedTxns{aborted: map[int64]*abortedTxn{}, committed: map[int64]bool{}, keep: keep}
	for _, a := range aborted {
		if a.LastOffset >= from {
			t.pending = append(t.pending, a)
		}
	}
	sort.Slice(t.pending, func(i, j int) bool { return t.pending[i].FirstOffset < t.pending[j].FirstOffset })
	return t
}

// begin enters the transactions that begin up to an offset.
func (t *cleanedTxns) begin(offset int64) {
	for len(t.pending) > 0 && t.pending[0].FirstOffset <= offset {
		if a := t.pending[0]; t.aborted[a.ProducerID] == nil {
			t.aborted[a.ProducerID] = &abortedTxn{abortedEntry: a}
		}
		t.pending = t.pending[1:]
	}
}

// batch says whether the transactions let a batch go: data because it was aborted, a marker because nothing is left to decide.
func (t *cleanedTxns) batch(b wire.Batch) (discard bool) {
	t.begin(b.LastOffset())
	if b.IsControl() {
		return t.marker(b)
	}
	if !b.IsTransactional() {
		return false
	}
	if a := t.aborted[b.ProducerID()]; a != nil {
		a.seen = true
		return true
	}
	t.committed[b.ProducerID()] = true
	return false
}

func (t *cleanedTxns) marker(b wire.Batch) (discard bool) {
	if b.RecordCount() == 0 {
		return true // cleaned before
	}
	m, err := wire.ParseMarker(b)
	if err != nil {
		return false // another kind of control record: it is not ours to judge
	}
	pid := b.ProducerID()
	if m.Commit {
		seen := t.committed[pid]
		delete(t.committed, pid)
		return !seen
	}
	a := t.aborted[pid]
	delete(t.aborted, pid)
	if a == nil || !a.seen {
		return true
	}
	if t.keep != nil {
		t.keep(a.abortedEntry)
	}
	return false
}

// lastRecord is what a producer's state hangs on: its last data batch, or if it has none in its epoch, the markers of that.
type lastRecord struct {
	epoch  int16
	offset int64 // of its last data record, -1 if there is none
}

func (ps *producers) lastRecords() map[int64]lastRecord {
	out := make(map[int64]lastRecord, len(ps.byID))
	for _, p := range ps.byID {
		r := lastRecord{p.epoch, -1}
		if m := p.last(); m != nil {
			r.offset = m.lastOffset
		}
		out[p.id] = r
	}
	return out
}

// cleanFilter is the copy's half of a cleaning.
type cleanFilter struct {
	keys      *offsetMap
	txns      *cleanedTxns
	producers map[int64]lastRecord
	now       int64 // ms
	horizon   int64 // for tombstones and markers that have none yet
	filter    wire.Filter
	out       []byte

	batch   wire.Batch // what keep is asked about
	discard bool
	keepFn  func(*wire.Record) bool
	stats   CleanStats
}

// apply gives what is left of a batch: the batch itself, another one, which is valid until the next call, or nothing.
func (f *cleanFilter) apply(b wire.Batch) (wire.Batch, error) {
	done := f.txns.batch(b)
	emptyTxn := done && b.IsControl()
	horizon, has := b.DeleteHorizon()
	f.batch, f.discard = b, done && (!b.IsControl() || has && horizon <= f.now)
	last := f.holdsState(b)
	f.stats.RecordsRead += int64(b.RecordCount())
	if f.discard && !last {
		return nil, nil
	}
	r, err := f.filter.Scan(b, f.keepFn)
	if err != nil {
		return nil, err
	}
	f.stats.RecordsKept += int64(r.Kept)
	set := !has && (r.Tombstones || emptyTxn)
	switch {
	case r.Kept == 0 && !last:
		return nil, nil
	case r.Kept == 0 && r.Read == 0:
		return b, nil // empty before
	case r.Kept == 0:
		f.out = wire.AppendEmpty(f.out[:0], b)
	case r.Kept == r.Read && !set:
		return b, nil
	default:
		if set {
			horizon = f.horizon
		} else if !has {
			horizon = -1
		}
		if f.out, err = f.filter.Append(f.out[:0], b, horizon); err != nil {
			return nil, err
		}
	}
	return wire.Batch(f.out), nil
}

// holdsState says whether a batch stays even if it loses its records.
func (f *cleanFilter) holdsState(b wire.Batch) bool {
	if b.LastOffset() == f.keys.latest {
		return true
	}
	p, ok := f.producers[b.ProducerID()]
	if !ok || b.ProducerID() < 0 {
		return false
	}
	if p.offset >= 0 {
		return b.LastOffset() == p.offset
	}
	return b.IsControl() && b.ProducerEpoch() == p.epoch
}

func (f *cleanFilter) keep(r *wire.Record) bool {
	switch {
	case f.discard:
		return false
	case f.batch.IsControl() || r.Offset > f.keys.latest:
		return true
	case r.Key == nil:
		return false
	}
	if newest := f.keys.get(r.Key); r.Offset < newest {
		return false
	}
	horizon, has := f.batch.DeleteHorizon()
	return r.Value != nil || !has || f.now < horizon
}
