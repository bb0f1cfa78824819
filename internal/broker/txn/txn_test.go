package txn

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

var (
	t0   = time.UnixMilli(1000)
	out0 = Partition{"out", 0}
)

func ids(first int64) func() (int64, error) {
	return func() (int64, error) { first++; return first - 1, nil }
}

// txnAt is producer 1 with epoch 5 in a state.
func txnAt(s State) *Txn {
	t := &Txn{ID: "x", ProducerID: 1, Epoch: 5, LastEpoch: 4, LastProducerID: -1, NextProducerID: -1, Timeout: time.Minute, State: s, Updated: t0}
	if s == Ongoing || t.Preparing() {
		t.Started, t.Partitions = t0, map[Partition]struct{}{out0: {}}
	}
	return t
}

func TestInit(t *testing.T) {
	exhausted := txnAt(Empty)
	exhausted.Epoch = math.MaxInt16 - 1
	for _, c := range []struct {
		name     string
		t        *Txn
		rec      Recovering
		pid      int64
		epoch    int16
		state    State
		aborting bool
		err      error
	}{
		{"a new id", nil, NewProducer, 9, 0, Empty, false, nil},
		{"another producer", txnAt(Empty), NewProducer, 1, 6, Empty, false, nil},
		{"after a commit", txnAt(CompleteCommit), NewProducer, 1, 6, Empty, false, nil},
		{"the owner raises its epoch", txnAt(CompleteAbort), Recovering{1, 5}, 1, 6, Empty, false, nil},
		{"the owner asks again", txnAt(Empty), Recovering{1, 4}, 1, 5, Empty, false, nil},
		{"a former owner", txnAt(Empty), Recovering{1, 3}, 0, 0, 0, false, kerr.ProducerFenced},
		{"a former owner of an open one", txnAt(Ongoing), Recovering{1, 3}, 0, 0, 0, false, kerr.ProducerFenced},
		{"an open one", txnAt(Ongoing), NewProducer, 1, 6, PrepareAbort, true, nil},
		{"one that ends", txnAt(PrepareCommit), NewProducer, 0, 0, 0, false, kerr.ConcurrentTransactions},
		{"no epochs left", exhausted, NewProducer, 9, 0, Empty, false, nil},
	} {
		next, aborting, err := Init(c.t, t0, "x", time.Second, c.rec, ids(9))
		if !errors.Is(err, c.err) || aborting != c.aborting {
			t.Errorf("%s: %v, aborting %v", c.name, err, aborting)
		}
		if err == nil && (next.ProducerID != c.pid || next.Epoch != c.epoch || next.State != c.state) {
			t.Errorf("%s: producer %d epoch %d %v", c.name, next.ProducerID, next.Epoch, next.State)
		}
	}
}

func TestAddAndEnd(t *testing.T) {
	for _, c := range []struct {
		state              State
		add, commit, abort error
	}{
		{Empty, nil, kerr.InvalidTxnState, kerr.InvalidTxnState},
		{Ongoing, nil, nil, nil},
		{PrepareCommit, kerr.ConcurrentTransactions, kerr.ConcurrentTransactions, kerr.InvalidTxnState},
		{PrepareAbort, kerr.ConcurrentTransactions, kerr.InvalidTxnState, kerr.ConcurrentTransactions},
		{CompleteCommit, nil, nil, kerr.InvalidTxnState},
		{CompleteAbort, nil, kerr.InvalidTxnState, nil},
	} {
		_, add := txnAt(c.state).Add(t0, 1, 5, []Partition{{"out", 1}}, 0)
		_, commit := txnAt(c.state).End(t0, 1, 5, true)
		_, abort := txnAt(c.state).End(t0, 1, 5, false)
		if !errors.Is(add, c.add) || !errors.Is(commit, c.commit) || !errors.Is(abort, c.abort) {
			t.Errorf("%v: add %v, commit %v, abort %v", c.state, add, commit, abort)
		}
		for _, who := range []struct {
			pid   int64
			epoch int16
			err   error
		}{{1, 4, kerr.ProducerFenced}, {1, 6, kerr.ProducerFenced}, {2, 5, kerr.InvalidProducerIDMapping}} {
			_, add := txnAt(c.state).Add(t0, who.pid, who.epoch, []Partition{out0}, 0)
			_, end := txnAt(c.state).End(t0, who.pid, who.epoch, true)
			if !errors.Is(add, who.err) || !errors.Is(end, who.err) {
				t.Errorf("%v by %d/%d: add %v, end %v", c.state, who.pid, who.epoch, add, end)
			}
		}
	}
	if next, err := txnAt(Ongoing).Add(t0, 1, 5, []Partition{out0}, 0); next != nil || err != nil {
		t.Errorf("a partition that is there: %v, %v", next, err)
	}
	if _, err := (*Txn)(nil).End(t0, 1, 5, true); !errors.Is(err, kerr.InvalidProducerIDMapping) {
		t.Errorf("no transaction: %v", err)
	}
}

func TestVerify(t *testing.T) {
	open := txnAt(Ongoing)
	for _, c := range []struct {
		t     *Txn
		pid   int64
		epoch int16
		p     Partition
		err   error
	}{
		{open, 1, 5, out0, nil},
		{open, 1, 5, Partition{"out", 1}, kerr.TransactionAbortable},
		{open, 1, 4, out0, kerr.ProducerFenced},
		{open, 2, 5, out0, kerr.InvalidProducerIDMapping},
		{txnAt(PrepareCommit), 1, 5, out0, kerr.ConcurrentTransactions},
		{txnAt(CompleteCommit), 1, 5, out0, kerr.TransactionAbortable},
	} {
		if err := c.t.Verify(c.pid, c.epoch, c.p); !errors.Is(err, c.err) {
			t.Errorf("%v by %d/%d: %v, want %v", c.t.State, c.pid, c.epoch, err, c.err)
		}
	}
}

func TestExpire(t *testing.T) {
	open := txnAt(Ongoing)
	if next, err := open.Expire(t0.Add(time.Minute-1), ids(9)); next != nil || err != nil {
		t.Error("before its time")
	}
	next, err := open.Expire(t0.Add(time.Minute), ids(9))
	if err != nil || next == nil || next.State != PrepareAbort || next.Epoch != 6 || !next.Has(out0) {
		t.Fatalf("%+v", next)
	}
	if done := next.Complete(t0); done.State != CompleteAbort || len(done.Partitions) != 0 || next.State != PrepareAbort {
		t.Errorf("%+v", done)
	}
	if again, err := next.Expire(t0.Add(time.Hour), ids(9)); again != nil || err != nil {
		t.Error("what is decided does not expire")
	}
}

func TestRecord(t *testing.T) {
	txns := map[string]*Txn{}
	want := txnAt(PrepareCommit)
	want.Version, want.LastProducerID, want.NextProducerID = 2, 7, 8
	want.Partitions[Partition{"out", 3}], want.Partitions[Partition{"also", 1}] = struct{}{}, struct{}{}
	key, value := want.Record()
	if err := Replay(txns, key, value); err != nil {
		t.Fatal(err)
	}
	got := txns["x"]
	if got.Version != 2 || got.LastProducerID != 7 || got.NextProducerID != 8 {
		t.Fatalf("%+v", got)
	}
	if got.ProducerID != 1 || got.Epoch != 5 || got.State != PrepareCommit || !got.Started.Equal(t0) || got.Timeout != time.Minute || len(got.Partitions) != 3 {
		t.Fatalf("%+v", got)
	}
	if err := Replay(txns, want.Tombstone(), nil); err != nil || len(txns) != 0 {
		t.Fatalf("a tombstone: %v, %v", err, txns)
	}
	for _, bad := range [][2]string{{"", ""}, {"\x00\x01", ""}, {"\x00\x00\x00\x09", ""}, {string(key), "\x00\x00"}} {
		if err := Replay(txns, []byte(bad[0]), []byte(bad[1])); !errors.Is(err, ErrRecord) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
