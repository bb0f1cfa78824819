package txn

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// TestEndRaising is the table above EndRaising, and what is around it.
func TestEndRaising(t *testing.T) {
	const same = "same" // an answer that was lost
	for _, c := range []struct {
		state         State
		epoch         int16
		commit, abort any // an error, same, or the state that comes
	}{
		{Empty, 4, kerr.ProducerFenced, kerr.ProducerFenced},
		{Empty, 5, kerr.InvalidTxnState, PrepareAbort},
		{CompleteAbort, 4, kerr.InvalidTxnState, same},
		{CompleteAbort, 5, kerr.InvalidTxnState, PrepareAbort},
		{CompleteCommit, 4, same, kerr.InvalidTxnState},
		{CompleteCommit, 5, kerr.InvalidTxnState, PrepareAbort},
		{CompleteCommit, 3, kerr.ProducerFenced, kerr.ProducerFenced},
		{Ongoing, 4, kerr.ProducerFenced, kerr.ProducerFenced},
		{Ongoing, 5, PrepareCommit, PrepareAbort},
		{Ongoing, 6, kerr.ProducerFenced, kerr.ProducerFenced},
		{PrepareCommit, 4, kerr.ConcurrentTransactions, kerr.InvalidTxnState},
		{PrepareCommit, 5, kerr.ProducerFenced, kerr.ProducerFenced},
		{PrepareAbort, 4, kerr.InvalidTxnState, kerr.ConcurrentTransactions},
	} {
		for _, commit := range []bool{true, false} {
			want := c.abort
			if commit {
				want = c.commit
			}
			next, err := txnAt(c.state).EndRaising(t0, 1, c.epoch, commit, ids(9))
			switch want := want.(type) {
			case *kerr.Error:
				if !errors.Is(err, want) {
					t.Errorf("%v at epoch %d, commit %v: %v, want %v", c.state, c.epoch, commit, err, want)
				}
			case string:
				if next != nil || err != nil {
					t.Errorf("%v at epoch %d, commit %v: %v, %v, want the same again", c.state, c.epoch, commit, next, err)
				}
			case State:
				if err != nil || next.State != want || next.Epoch != 6 || next.LastEpoch != 5 || next.Version != 2 {
					t.Errorf("%v at epoch %d, commit %v: %+v, %v, want %v", c.state, c.epoch, commit, next, err, want)
				}
			}
		}
	}
	for _, nobody := range []*Txn{nil, txnAt(Ongoing)} {
		if _, err := nobody.EndRaising(t0, 2, 5, true, ids(9)); !errors.Is(err, kerr.InvalidProducerIDMapping) {
			t.Errorf("somebody else's: %v", err)
		}
	}
}

// TestEpochsRunOut follows a producer over its greatest epoch: the markers have it, the producer goes on with another id, and may ask
// again whether it was so.
func TestEpochsRunOut(t *testing.T) {
	last := txnAt(Ongoing)
	last.Epoch = math.MaxInt16 - 1
	ending, err := last.EndRaising(t0, 1, math.MaxInt16-1, true, ids(9))
	if err != nil || ending.Epoch != math.MaxInt16 || ending.ProducerID != 1 || ending.NextProducerID != 9 {
		t.Fatalf("%+v, %v", ending, err)
	}
	done := ending.Complete(t0)
	if done.ProducerID != 9 || done.Epoch != 0 || done.NextProducerID != -1 || done.State != CompleteCommit {
		t.Fatalf("%+v", done)
	}
	if next, err := done.EndRaising(t0, 1, math.MaxInt16-1, true, ids(10)); next != nil || err != nil {
		t.Errorf("asked again: %v, %v", next, err)
	}
	if _, err := done.EndRaising(t0, 1, math.MaxInt16-1, false, ids(10)); !errors.Is(err, kerr.InvalidTxnState) {
		t.Errorf("the opposite: %v", err)
	}
	if next, _, err := Init(done, t0, "x", time.Second, Recovering{1, math.MaxInt16 - 1}, ids(10)); err != nil || next.ProducerID != 9 || next.Epoch != 0 {
		t.Errorf("recovering by the old id: %+v, %v", next, err)
	}
	// The coordinator's abort of the last epoch is one more.
	aborted, aborting, err := Init(last, t0, "x", time.Second, NewProducer, ids(11))
	if err != nil || !aborting || aborted.Epoch != math.MaxInt16 || aborted.Complete(t0).ProducerID != 11 {
		t.Errorf("%+v, %v", aborted, err)
	}
	if _, err := last.EndRaising(t0, 1, math.MaxInt16-1, true, func() (int64, error) { return 0, kerr.CoordinatorNotAvailable }); err == nil {
		t.Error("without a new id the transaction must not end: its producer could not go on")
	}
}

func TestForgotten(t *testing.T) {
	for s, want := range map[State]bool{Empty: true, CompleteCommit: true, CompleteAbort: true, Ongoing: false, PrepareCommit: false, PrepareAbort: false} {
		if got := txnAt(s).Forgotten(t0.Add(time.Hour), time.Hour); got != want {
			t.Errorf("%v: %v", s, got)
		}
		if txnAt(s).Forgotten(t0.Add(time.Hour-1), time.Hour) {
			t.Errorf("%v before its time", s)
		}
	}
}
