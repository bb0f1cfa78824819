package txn

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// EndRaising decides the transaction of a client of transaction.version 2, with a greater epoch for what comes after (KIP-890). nil
// without an error is an answer that was lost: the same was decided, and the producer is to be told what it has now.
//
// Since the epoch says which transaction is meant, an abort of nothing is allowed, and ends what a client is in doubt about:
//
//	               | abort                          | commit
//	               | epoch before | epoch           | epoch before | epoch
//	Empty          | fenced       | raised          | fenced       | invalid
//	CompleteAbort  | as it is     | raised          | invalid      | invalid
//	CompleteCommit | invalid      | raised          | as it is     | invalid
func (t *Txn) EndRaising(now time.Time, pid int64, epoch int16, commit bool, newID func() (int64, error)) (*Txn, error) {
	if t == nil {
		return nil, kerr.InvalidProducerIDMapping
	}
	overflown := pid != t.ProducerID && pid == t.LastProducerID && epoch == lastEpoch && t.Epoch == 0
	again := overflown || int(t.Epoch) == int(epoch)+1
	current := epoch == t.Epoch
	complete := t.State == CompleteAbort || t.State == CompleteCommit
	switch {
	case pid != t.ProducerID && !overflown:
		return nil, kerr.InvalidProducerIDMapping
	case t.Preparing() && !again, complete && !again && !current, !t.Preparing() && !complete && !current:
		return nil, kerr.ProducerFenced
	}
	if again {
		return nil, t.sameEnd(commit)
	}
	switch {
	case t.State == Ongoing && commit:
		return t.raise(now, PrepareCommit, newID)
	case !commit:
		return t.raise(now, PrepareAbort, newID)
	}
	return nil, kerr.InvalidTxnState
}

// sameEnd says whether the transaction ended as asked.
func (t *Txn) sameEnd(commit bool) error {
	switch {
	case commit != (t.State == PrepareCommit || t.State == CompleteCommit):
		return kerr.InvalidTxnState
	case t.Preparing():
		return kerr.ConcurrentTransactions
	}
	return nil
}

// raise ends the transaction with an epoch that no batch of it has. The markers carry that epoch; the greatest there is only they
// ever have, and the producer goes on with another id.
func (t *Txn) raise(now time.Time, prepare State, newID func() (int64, error)) (next *Txn, err error) {
	next = t.become(now, prepare)
	next.Version, next.Epoch, next.LastEpoch = 2, t.Epoch+1, t.Epoch
	if t.State != Ongoing {
		next.Started, next.Partitions = now, nil
	}
	if t.Epoch >= lastEpoch {
		if next.NextProducerID, err = newID(); err != nil {
			return nil, err
		}
	}
	return next, nil
}
