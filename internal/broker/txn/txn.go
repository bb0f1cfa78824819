// Package txn decides for transactional producers (KIP-98, at transaction.version 1): who has the id now, which partitions are in
// the transaction, whether it may end. It is pure: a decision takes the transaction as it is, and gives the one that it becomes; that
// one is in force once it is in the log.
//
//	        add partitions          end                        markers in all partitions
//	Empty ───────────────▶ Ongoing ─────▶ PrepareCommit ──────────────────▶ CompleteCommit ─┐
//	  ▲                     │    ▲        PrepareAbort                      CompleteAbort   │ add partitions
//	  │ init                │    └──────────────▲──────────────────────────────────────────┘
//	  └─ of the complete    └─ init, time out ──┘ with a greater epoch
package txn

import (
	"encoding/binary"
	"errors"
	"math"
	"sort"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// State is where a transaction is, by the numbers in Kafka's records.
type State = kmsg.TransactionState

// The states that there are here.
const (
	Empty          = kmsg.TransactionStateEmpty
	Ongoing        = kmsg.TransactionStateOngoing
	PrepareCommit  = kmsg.TransactionStatePrepareCommit
	PrepareAbort   = kmsg.TransactionStatePrepareAbort
	CompleteCommit = kmsg.TransactionStateCompleteCommit
	CompleteAbort  = kmsg.TransactionStateCompleteAbort
)

// Partition names a partition.
type Partition struct {
	Topic     string
	Partition int32
}

// Txn is a transactional id with its producer and its transaction. It is a value: decisions make another.
type Txn struct {
	ID         string
	ProducerID int64
	Epoch      int16
	// LastEpoch is the one before Epoch if its owner raised it, so that the owner may ask again; -1 if it was fenced.
	LastEpoch int16
	// LastProducerID is the id before ProducerID, whose epochs ran out; -1 if there was none.
	LastProducerID   int64
	Timeout          time.Duration
	State            State
	Partitions       map[Partition]struct{}
	Updated, Started time.Time // Started is zero outside a transaction
}

// lastEpoch is the greatest epoch that a producer gets; the one above it is kept for fencing that producer.
const lastEpoch = math.MaxInt16 - 1

// Preparing says that the transaction's end is decided, and its markers are not all written.
func (t *Txn) Preparing() bool { return t.State == PrepareCommit || t.State == PrepareAbort }

// Has says whether a partition is in the transaction.
func (t *Txn) Has(p Partition) bool {
	_, ok := t.Partitions[p]
	return ok
}

// Deadline is when the transaction is aborted; zero outside one.
func (t *Txn) Deadline() time.Time {
	if t.State != Ongoing {
		return time.Time{}
	}
	return t.Started.Add(t.Timeout)
}

func (t *Txn) become(now time.Time, s State) *Txn {
	next := *t
	next.State, next.Updated = s, now
	return &next
}

// Recovering is what a producer says of itself when it asks for another epoch (KIP-360); both -1 for a producer that begins.
type Recovering struct {
	ProducerID int64
	Epoch      int16
}

// NewProducer is a Recovering that names nobody.
var NewProducer = Recovering{-1, -1}

// Init gives the transactional id to a producer, fencing those before. An ongoing transaction is aborted first: then aborting is
// true, and Init is to be asked again once the abort is complete. t is nil for a new id.
func Init(t *Txn, now time.Time, id string, timeout time.Duration, rec Recovering, newID func() (int64, error)) (next *Txn, aborting bool, err error) {
	if t == nil {
		pid, err := newID()
		return &Txn{ID: id, ProducerID: pid, LastEpoch: -1, LastProducerID: -1, Timeout: timeout, State: Empty, Updated: now}, false, err
	}
	again := rec.ProducerID == t.ProducerID && rec.Epoch == t.LastEpoch && rec.Epoch >= 0
	switch {
	case t.Preparing():
		return nil, false, kerr.ConcurrentTransactions
	case rec.ProducerID >= 0 && !again && !(rec.ProducerID == t.ProducerID && rec.Epoch == t.Epoch) &&
		!(rec.ProducerID == t.LastProducerID && rec.Epoch >= lastEpoch):
		return nil, false, kerr.ProducerFenced
	case t.State == Ongoing:
		return t.abortFenced(now), true, nil
	}
	next = t.become(now, Empty)
	next.Timeout, next.Partitions, next.Started = timeout, nil, time.Time{}
	switch {
	case again: // its first request was answered, and the answer lost
	case t.Epoch >= lastEpoch:
		next.LastProducerID, next.LastEpoch, next.Epoch = t.ProducerID, t.Epoch, 0
		if next.ProducerID, err = newID(); err != nil {
			return nil, false, err
		}
	default:
		next.Epoch, next.LastEpoch = t.Epoch+1, -1
		if rec.ProducerID >= 0 {
			next.LastEpoch = t.Epoch
		}
	}
	return next, false, nil
}

// abortFenced aborts a transaction that its producer did not end, with an epoch that the producer does not have.
func (t *Txn) abortFenced(now time.Time) *Txn {
	next := t.become(now, PrepareAbort)
	next.LastEpoch = -1
	if next.Epoch < math.MaxInt16 {
		next.Epoch++
	}
	return next
}

// Expire aborts a transaction that is past its deadline; nil if it is not.
func (t *Txn) Expire(now time.Time) *Txn {
	if d := t.Deadline(); d.IsZero() || now.Before(d) {
		return nil
	}
	return t.abortFenced(now)
}

// owner checks that a request comes from the producer that has the id now.
func (t *Txn) owner(pid int64, epoch int16) error {
	switch {
	case t == nil || t.ProducerID != pid:
		return kerr.InvalidProducerIDMapping
	case t.Epoch != epoch:
		return kerr.ProducerFenced
	}
	return nil
}

// Add puts partitions into the transaction, beginning one if need be; nil without an error if they are in it already.
func (t *Txn) Add(now time.Time, pid int64, epoch int16, partitions []Partition) (*Txn, error) {
	if err := t.owner(pid, epoch); err != nil {
		return nil, err
	}
	if t.Preparing() {
		return nil, kerr.ConcurrentTransactions
	}
	next := t.become(now, Ongoing)
	next.Partitions = make(map[Partition]struct{}, len(t.Partitions)+len(partitions))
	if t.State == Ongoing {
		for p := range t.Partitions {
			next.Partitions[p] = struct{}{}
		}
	} else {
		next.Started = now
	}
	for _, p := range partitions {
		next.Partitions[p] = struct{}{}
	}
	if t.State == Ongoing && len(next.Partitions) == len(t.Partitions) {
		return nil, nil
	}
	return next, nil
}

// Verify says whether a batch of the producer may go into a partition (KIP-890): Jepsen found that a late batch otherwise lands in
// the producer's next transaction.
func (t *Txn) Verify(pid int64, epoch int16, p Partition) error {
	err := t.owner(pid, epoch)
	switch {
	case errors.Is(err, kerr.ProducerFenced):
		return kerr.InvalidProducerEpoch // Produce's word for it
	case err != nil:
		return err
	case t.State != Ongoing || !t.Has(p):
		return kerr.InvalidTxnState
	}
	return nil
}

// End decides the transaction; nil without an error if the same was decided, and is complete.
func (t *Txn) End(now time.Time, pid int64, epoch int16, commit bool) (*Txn, error) {
	if err := t.owner(pid, epoch); err != nil {
		return nil, err
	}
	prepare, complete := PrepareAbort, CompleteAbort
	if commit {
		prepare, complete = PrepareCommit, CompleteCommit
	}
	switch t.State {
	case Ongoing:
		return t.become(now, prepare), nil
	case prepare:
		return nil, kerr.ConcurrentTransactions
	case complete:
		return nil, nil
	}
	return nil, kerr.InvalidTxnState
}

// Complete is the transaction after its markers.
func (t *Txn) Complete(now time.Time) *Txn {
	s := CompleteAbort
	if t.State == PrepareCommit {
		s = CompleteCommit
	}
	next := t.become(now, s)
	next.Partitions, next.Started = nil, time.Time{}
	return next
}

// Sorted are the partitions in order.
func (t *Txn) Sorted() []Partition {
	out := make([]Partition, 0, len(t.Partitions))
	for p := range t.Partitions {
		out = append(out, p)
	}
	sort.Slice(out, func(i, j int) bool {
		if out[i].Topic != out[j].Topic {
			return out[i].Topic < out[j].Topic
		}
		return out[i].Partition < out[j].Partition
	})
	return out
}

// ErrRecord is a record of __transaction_state that cannot be read.
var ErrRecord = errors.New("malformed record of a transaction")

// Record is the key and value of __transaction_state, in the version that Kafka writes at transaction.version 1.
func (t *Txn) Record() (key, value []byte) {
	k := kmsg.TxnMetadataKey{TransactionalID: t.ID}
	v := kmsg.NewTxnMetadataValue()
	v.ProducerID, v.ProducerEpoch, v.TimeoutMillis, v.State = t.ProducerID, t.Epoch, int32(t.Timeout.Milliseconds()), t.State
	v.LastUpdateTimestamp, v.StartTimestamp = t.Updated.UnixMilli(), -1
	if !t.Started.IsZero() {
		v.StartTimestamp = t.Started.UnixMilli()
	}
	for _, p := range t.Sorted() {
		if n := len(v.Topics); n == 0 || v.Topics[n-1].Topic != p.Topic {
			v.Topics = append(v.Topics, kmsg.TxnMetadataValueTopic{Topic: p.Topic})
		}
		last := &v.Topics[len(v.Topics)-1]
		last.Partitions = append(last.Partitions, p.Partition)
	}
	return k.AppendTo(nil), v.AppendTo(nil)
}

// Replay applies a record read from the log.
func Replay(txns map[string]*Txn, key, value []byte) error {
	if len(key) < 2 || binary.BigEndian.Uint16(key) != 0 {
		return ErrRecord
	}
	var k kmsg.TxnMetadataKey
	if err := k.ReadFrom(key); err != nil {
		return errors.Join(ErrRecord, err)
	}
	if value == nil {
		delete(txns, k.TransactionalID)
		return nil
	}
	v := kmsg.NewTxnMetadataValue()
	if err := v.ReadFrom(value); err != nil {
		return errors.Join(ErrRecord, err)
	}
	t := &Txn{
		ID: k.TransactionalID, ProducerID: v.ProducerID, Epoch: v.ProducerEpoch, LastEpoch: -1, LastProducerID: -1, State: v.State,
		Timeout: time.Duration(v.TimeoutMillis) * time.Millisecond, Updated: time.UnixMilli(v.LastUpdateTimestamp),
		Partitions: map[Partition]struct{}{},
	}
	if v.StartTimestamp >= 0 {
		t.Started = time.UnixMilli(v.StartTimestamp)
	}
	for _, topic := range v.Topics {
		for _, p := range topic.Partitions {
			t.Partitions[Partition{topic.Topic, p}] = struct{}{}
		}
	}
	txns[t.ID] = t
	return nil
}
