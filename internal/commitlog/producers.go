package commitlog

import (
	"fmt"
	"math"
	"sort"
	"time"

	"github.com/millrace/millrace/internal/wire"
)

// keptBatches is how many of a producer's last batches are remembered, so that a batch sent again is answered with the offset that it
// has: a client may have five requests in flight.
const keptBatches = 5

// batchMeta is a batch as its producer knows it.
type batchMeta struct {
	lastSeq    int32
	delta      int32
	lastOffset int64
	time       int64
}

func (m batchMeta) firstSeq() int32 { return subSequence(m.lastSeq, m.delta) }

// subSequence is the inverse of wire.AddSequence.
func subSequence(seq, n int32) int32 {
	if seq >= n {
		return seq - n
	}
	return math.MaxInt32 - (n - seq) + 1
}

// producer is what the log knows of one producer id. An open transaction begins at txnFirst; -1 if there is none.
type producer struct {
	id       int64
	epoch    int16
	coord    int32
	n        int // of batches, oldest first
	batches  [keptBatches]batchMeta
	txnFirst int64
	seen     int64 // broker time of the last append, ms; what expiry counts from
}

func (p *producer) last() *batchMeta {
	if p.n == 0 {
		return nil
	}
	return &p.batches[p.n-1]
}

func (p *producer) push(m batchMeta) {
	if p.n == keptBatches {
		copy(p.batches[:], p.batches[1:])
		p.n--
	}
	p.batches[p.n] = m
	p.n++
}

// find looks for a batch that was appended before.
func (p *producer) find(b wire.Batch) *batchMeta {
	if b.ProducerEpoch() != p.epoch {
		return nil
	}
	for i := range p.n {
		if m := &p.batches[i]; m.lastSeq == b.LastSequence() && m.firstSeq() == b.BaseSequence() {
			return m
		}
	}
	return nil
}

// txn is a transaction from its first record to, once decided, its marker.
type txn struct{ pid, first, marker int64 }

// producers is a partition's producer state: a function of the batches of the log in order, apart from the expiry of idle ones. It
// decides whether a batch may follow, and where the first undecided transaction begins.
//
// open has the undecided transactions by first offset. decided has those whose markers are in the log but perhaps not yet on disk,
// by marker: a reader must not see the records of a transaction as decided while a crash could undo the decision.
type producers struct {
	byID    map[int64]*producer
	open    []txn
	decided []txn
}

func newProducers() *producers { return &producers{byID: map[int64]*producer{}} }

// check says whether a data batch may be appended; dup is the batch as it was appended before.
func (ps *producers) check(b wire.Batch, origin Origin) (dup *batchMeta, err error) {
	pid := b.ProducerID()
	if pid < 0 {
		if b.IsTransactional() {
			return nil, fmt.Errorf("%w: transactional without a producer id", ErrInvalidRecord)
		}
		return nil, nil
	}
	p := ps.byID[pid]
	if p == nil {
		return nil, nil
	}
	if origin == FromClient {
		if m := p.find(b); m != nil {
			return m, nil
		}
	}
	if b.ProducerEpoch() < p.epoch {
		return nil, fmt.Errorf("%w: producer %d has epoch %d, the batch %d", ErrInvalidProducerEpoch, pid, p.epoch, b.ProducerEpoch())
	}
	if origin == FromClient {
		if err := p.checkSequence(b); err != nil {
			return nil, err
		}
	}
	if p.txnFirst >= 0 && !b.IsTransactional() {
		return nil, fmt.Errorf("%w: producer %d", ErrInvalidTxnState, pid)
	}
	return nil, nil
}

func (p *producer) checkSequence(b wire.Batch) error {
	want := int32(0)
	last := p.last()
	switch {
	case b.ProducerEpoch() != p.epoch:
		if p.epoch < 0 {
			return nil
		}
	case last == nil:
		// Only a marker is known of this epoch. A client begins an epoch with 0.
	default:
		want = wire.AddSequence(last.lastSeq, 1)
	}
	if got := b.BaseSequence(); got != want {
		return fmt.Errorf("%w: producer %d sent %d, expected is %d", ErrOutOfOrderSequence, p.id, got, want)
	}
	return nil
}

func (ps *producers) get(pid int64) *producer {
	p := ps.byID[pid]
	if p == nil {
		p = &producer{id: pid, epoch: -1, coord: -1, txnFirst: -1}
		ps.byID[pid] = p
	}
	return p
}

func (p *producer) raise(epoch int16) {
	if p.epoch != epoch {
		p.epoch, p.n = epoch, 0
	}
}

// add records a data batch that is in the log now.
func (ps *producers) add(b wire.Batch, now int64) {
	pid := b.ProducerID()
	if pid < 0 {
		return
	}
	p := ps.get(pid)
	p.raise(b.ProducerEpoch())
	p.seen = now
	m := batchMeta{lastSeq: b.LastSequence(), delta: b.LastOffsetDelta(), lastOffset: b.LastOffset(), time: b.MaxTimestamp()}
	if b.BaseSequence() < 0 {
		m.lastSeq = -1 // a coordinator's batch: compaction wants to know the producer's last one all the same
	}
	p.push(m)
	if b.IsTransactional() && p.txnFirst < 0 {
		p.txnFirst = b.BaseOffset()
		ps.open = append(ps.open, txn{pid: pid, first: p.txnFirst, marker: -1})
	}
}

// checkMarker says whether a transaction marker may be appended.
func (ps *producers) checkMarker(b wire.Batch, m wire.Marker) error {
	p := ps.byID[b.ProducerID()]
	if p == nil {
		return nil
	}
	if b.ProducerEpoch() < p.epoch {
		return fmt.Errorf("%w: producer %d has epoch %d, the marker %d", ErrInvalidProducerEpoch, p.id, p.epoch, b.ProducerEpoch())
	}
	if m.CoordinatorEpoch < p.coord {
		return fmt.Errorf("%w: epoch %d, known is %d", ErrCoordinatorFenced, m.CoordinatorEpoch, p.coord)
	}
	return nil
}

// addMarker records a marker that is in the log now. The entry is the aborted transaction's, if there was one to abort.
func (ps *producers) addMarker(b wire.Batch, m wire.Marker, now int64) (e abortedEntry, aborted bool) {
	p := ps.get(b.ProducerID())
	p.raise(b.ProducerEpoch())
	p.coord, p.seen = m.CoordinatorEpoch, now
	if p.txnFirst < 0 {
		return e, false
	}
	first := p.txnFirst
	p.txnFirst = -1
	i := sort.Search(len(ps.open), func(i int) bool { return ps.open[i].first >= first })
	ps.open = append(ps.open[:i], ps.open[i+1:]...)
	ps.decided = append(ps.decided, txn{p.id, first, b.BaseOffset()})
	if m.Commit {
		return e, false
	}
	e = abortedEntry{AbortedTxn{p.id, first, b.BaseOffset()}, b.NextOffset()}
	if len(ps.open) > 0 {
		e.stable = ps.open[0].first
	}
	return e, true
}

// addEmptyMarker records what compaction has left of a marker whose transaction is gone: the epoch.
func (ps *producers) addEmptyMarker(b wire.Batch, now int64) {
	if p := ps.get(b.ProducerID()); b.ProducerEpoch() > p.epoch {
		p.raise(b.ProducerEpoch())
		p.seen = now
	}
}

// stable is the last stable offset under a high watermark: nothing below it belongs to a transaction that is undecided, or whose
// decision is not durable.
func (ps *producers) stable(hw int64) int64 {
	n := 0
	for n < len(ps.decided) && ps.decided[n].marker < hw {
		n++
	}
	if n > 0 {
		ps.decided = append(ps.decided[:0], ps.decided[n:]...)
	}
	lso := hw
	if len(ps.open) > 0 {
		lso = min(lso, ps.open[0].first)
	}
	for _, t := range ps.decided {
		lso = min(lso, t.first)
	}
	return lso
}

// expire forgets producers that have been idle, never one in a transaction.
func (ps *producers) expire(now int64, after time.Duration) {
	for id, p := range ps.byID {
		if p.txnFirst < 0 && now-p.seen >= after.Milliseconds() {
			delete(ps.byID, id)
		}
	}
}

// sorted has the producers by id.
func (ps *producers) sorted() []*producer {
	list := make([]*producer, 0, len(ps.byID))
	for _, p := range ps.byID {
		list = append(list, p)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].id < list[j].id })
	return list
}
