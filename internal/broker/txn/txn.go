// Package txn decides for transactional producers (KIP-98, KIP-890): who has the id now, which partitions are in the transaction,
// whether it may end. It is pure: a decision takes the transaction as it is, and gives the one that it becomes; that one is in force
// once it is in the log.
//
// Two generations of clients share it. At transaction.version 1 a producer keeps its epoch, and says which partitions it is going to
// write to; its end names the epoch that it has. At version 2 each end raises the epoch (raise.go), so that whatever of a transaction
// is late is fenced wherever it arrives. The coordinator's own aborts raise it for both.
//
//	        add partitions          end                        markers in all partitions
//	Empty ───────────────▶ Ongoing ─────▶ PrepareCommit ──────────────────▶ CompleteCommit ─┐
//	  ▲                     │    ▲        PrepareAbort                      CompleteAbort   │ add partitions
//	  │ init                │    └──────────────▲──────────────────────────────────────────┘
//	  └─ of the complete    └─ init, time out ──┘ with a greater epoch
package txn

import (
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
	// LastEpoch is the one before Epoch if its owner knows it, so that the owner may ask again; -1 if another took the id. It is not
	// in the record: Kafka forgets it at a restart too.
	LastEpoch int16
	// LastProducerID is ProducerID as it was before the last change: another one if its epochs had run out. -1 for a new id.
	LastProducerID int64
	// NextProducerID, while the transaction ends, is what its producer gets in place of an id whose epochs ran out; otherwise -1.
	NextProducerID int64
	// Version is the transaction.version of the client that last changed it: 2, or 0 for all that came before.
	Version          int16
	Timeout          time.Duration
	State            State
	Partitions       map[Partition]struct{}
	Updated, Started time.Time // Started is that of the last transaction, zero if there was none since the epoch was given
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
	next.State, next.Updated, next.LastProducerID = s, now, t.ProducerID
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
		return &Txn{ID: id, ProducerID: pid, LastEpoch: -1, LastProducerID: -1, NextProducerID: -1, Timeout: timeout, State: Empty, Updated: now}, false, err
	}
	switch {
	case rec.ProducerID >= 0 && rec.ProducerID != t.ProducerID && !(rec.ProducerID == t.LastProducerID && rec.Epoch >= lastEpoch):
		return nil, false, kerr.ProducerFenced
	case t.Preparing():
		return nil, false, kerr.ConcurrentTransactions
	case rec.ProducerID >= 0 && rec.Epoch != t.Epoch && (rec.Epoch != t.LastEpoch || rec.Epoch < 0):
		return nil, false, kerr.ProducerFenced
	case t.State == Ongoing:
		next, err = t.raise(now, PrepareAbort, newID)
		return next, true, err
	}
	next = t.become(now, Empty)
	next.Timeout, next.Partitions, next.Started = timeout, nil, time.Time{}
	switch {
	case rec.ProducerID >= 0 && rec.Epoch != t.Epoch: // its first request was answered, and the answer lost
	case t.Epoch >= lastEpoch:
		next.Epoch, next.LastEpoch = 0, -1
		next.ProducerID, err = newID()
	default:
		next.Epoch, next.LastEpoch = t.Epoch+1, -1
	}
	if rec.ProducerID >= 0 && rec.Epoch == t.Epoch {
		next.LastEpoch = t.Epoch
	}
	return next, false, err
}

// Expire aborts a transaction that is past its deadline; nil if it is not.
func (t *Txn) Expire(now time.Time, newID func() (int64, error)) (*Txn, error) {
	if d := t.Deadline(); d.IsZero() || now.Before(d) {
		return nil, nil
	}
	return t.raise(now, PrepareAbort, newID)
}

// Forgotten says that nobody has used the id for so long that it may be given up (transactional.id.expiration.ms).
func (t *Txn) Forgotten(now time.Time, after time.Duration) bool {
	return t.State != Ongoing && !t.Preparing() && now.Sub(t.Updated) >= after
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

// Add puts partitions into the transaction, beginning one if need be; nil without an error if they are in it already. version is the
// client's transaction.version.
func (t *Txn) Add(now time.Time, pid int64, epoch int16, partitions []Partition, version int16) (*Txn, error) {
	if err := t.owner(pid, epoch); err != nil {
		return nil, err
	}
	if t.Preparing() {
		return nil, kerr.ConcurrentTransactions
	}
	next := t.become(now, Ongoing)
	next.Version = version
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
// the producer's next transaction. TRANSACTION_ABORTABLE is the word for a partition that is not in the transaction.
func (t *Txn) Verify(pid int64, epoch int16, p Partition) error {
	switch err := t.owner(pid, epoch); {
	case err != nil:
		return err
	case t.Preparing():
		return kerr.ConcurrentTransactions
	case t.State != Ongoing || !t.Has(p):
		return kerr.TransactionAbortable
	}
	return nil
}

// End decides the transaction of a client of transaction.version 1; nil without an error if the same was decided, and is complete.
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
		next := t.become(now, prepare)
		next.Version = 0
		return next, nil
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
	next.Partitions = nil
	if t.NextProducerID >= 0 {
		next.ProducerID, next.Epoch, next.NextProducerID = t.NextProducerID, 0, -1
	}
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
