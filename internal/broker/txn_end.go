package broker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/millrace/millrace/internal/broker/txn"
	"github.com/millrace/millrace/internal/commitlog"
)

// markerPause is how long after a failure a marker is tried again.
const markerPause = 100 * time.Millisecond

// finish carries out a decision whose Prepare record was put.
func (tc *transactions) finish(e *txnEntry) *ending {
	end := &ending{done: make(chan struct{})}
	if tc.mu.closed {
		end.err = errNotLoaded
		close(end.done)
		return end
	}
	tc.state.ending++
	t, at, life := e.Txn, e.at, tc.state.life
	go func() {
		end.err = tc.carryOut(life, e, t, at)
		tc.mu.Lock()
		tc.state.ending--
		tc.state.changed.Broadcast()
		tc.mu.Unlock()
		close(end.done)
	}()
	return end
}

func (tc *transactions) carryOut(life context.Context, e *txnEntry, t *txn.Txn, at place) error {
	if err := tc.settled(life, at); err != nil {
		return err
	}
	tc.mu.Lock()
	for e.held > 0 && life.Err() == nil {
		tc.state.changed.Wait()
	}
	tc.mu.Unlock()
	if err := tc.mark(life, t); err != nil {
		return err
	}
	for {
		complete, err := tc.complete(life, t)
		if err == nil {
			return tc.settled(life, complete)
		}
		if !pause(life, markerPause) {
			return err
		}
	}
}

func (tc *transactions) complete(life context.Context, t *txn.Txn) (place, error) {
	tc.mu.Lock()
	defer tc.mu.Unlock()
	if err := life.Err(); err != nil {
		return place{}, err
	}
	e, err := tc.put(t.Complete(tc.b.config.Now()))
	if err != nil {
		return place{}, err
	}
	return e.at, nil
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// mark writes the markers, durably. All are written before the first is waited for; those that fail are written again, for ever:
// the transaction is decided.
func (tc *transactions) mark(life context.Context, t *txn.Txn) error {
	for todo, tries := t.Sorted(), 0; ; tries++ {
		var failed []txn.Partition
		var cause error
		places := make([]place, len(todo))
		errs := make([]error, len(todo))
		for i, p := range todo {
			if err := life.Err(); err != nil {
				return err
			}
			places[i], errs[i] = tc.marker(t, p)
		}
		for i, p := range todo {
			if errs[i] == nil {
				errs[i] = tc.markerDurable(life, p, places[i])
			}
			if errs[i] != nil {
				failed, cause = append(failed, p), errs[i]
			}
		}
		if len(failed) == 0 {
			return nil
		}
		if tries == 0 {
			tc.b.config.Report(fmt.Sprintf("transaction of %s: %d markers are not written yet: %v", t.ID, len(failed), cause))
		}
		if todo = failed; !pause(life, markerPause) {
			return life.Err()
		}
	}
}

// marker appends the marker of one partition. A partition that is gone, or has seen a later producer, needs none.
func (tc *transactions) marker(t *txn.Txn, p txn.Partition) (at place, err error) {
	commit := t.State == txn.PrepareCommit
	if p.Topic == offsetsTopic {
		at, err = tc.b.groups.endTxn(p.Partition, t.ProducerID, t.Epoch, commit, coordinatorEpoch)
	} else if at.log, err = tc.b.meta.Partition(p.Topic, p.Partition); err == nil {
		at.offset, err = at.log.AppendMarker(t.ProducerID, t.Epoch, commit, coordinatorEpoch)
	}
	switch {
	case errors.Is(err, kerr.UnknownTopicOrPartition), errors.Is(err, commitlog.ErrInvalidProducerEpoch),
		errors.Is(err, commitlog.ErrCoordinatorFenced): // somebody wrote markers by hand
		return place{}, nil
	case errors.Is(err, commitlog.ErrOffline):
		tc.noteOffline(p, at.log, err)
	}
	return at, err
}

func (tc *transactions) markerDurable(life context.Context, p txn.Partition, at place) error {
	err := at.durable(life)
	if errors.Is(err, commitlog.ErrOffline) {
		tc.noteOffline(p, at.log, err)
	}
	return err
}

func (tc *transactions) noteOffline(p txn.Partition, log *commitlog.Log, err error) {
	if p.Topic == offsetsTopic {
		tc.b.groups.giveUpUnlocked(err)
	} else if topic := tc.b.meta.Topic(p.Topic); topic != nil {
		tc.b.noteOffline(topic, p.Partition, log, err)
	}
}

// Enter implements TxnVerifier.
func (tc *transactions) Enter(ctx context.Context, batch TxnBatch, add bool) (leave func(), errs []error) {
	errs = make([]error, len(batch.Partitions))
	fail := func(err error) (func(), []error) {
		for i := range errs {
			errs[i] = err
		}
		return func() {}, errs
	}
	parts := make([]txn.Partition, len(batch.Partitions))
	for i, p := range batch.Partitions {
		parts[i] = txn.Partition(p)
	}
	if add {
		if _, err := tc.add(batch.ID, batch.ProducerID, batch.Epoch, parts, 2); err != nil {
			return fail(produceError(err))
		}
	}
	e, err := tc.hold(batch, parts, errs)
	if err != nil {
		return fail(produceError(err))
	}
	leave = func() {
		tc.mu.Lock()
		defer tc.mu.Unlock()
		e.held--
		tc.state.changed.Broadcast()
	}
	// What is appended must not be in a transaction that a crash can make unknown.
	if err := tc.settled(ctx, tc.place(e)); err != nil {
		leave()
		return fail(produceError(err))
	}
	return leave, errs
}

func (tc *transactions) place(e *txnEntry) place {
	tc.mu.Lock()
	defer tc.mu.Unlock()
	return e.at
}

// hold checks each partition, and keeps the transaction from ending.
func (tc *transactions) hold(batch TxnBatch, parts []txn.Partition, errs []error) (*txnEntry, error) {
	tc.mu.Lock()
	defer tc.mu.Unlock()
	if err := tc.load(); err != nil {
		return nil, err
	}
	e := tc.state.all[batch.ID]
	if e == nil {
		return nil, kerr.InvalidProducerIDMapping
	}
	for i, p := range parts {
		if err := e.Verify(batch.ProducerID, batch.Epoch, p); err != nil {
			errs[i] = produceError(err)
		}
	}
	e.held++
	return e, nil
}

// produceError is an error in words that a producer understands on Produce: fenced is an old epoch there, and what passes by itself is
// a retry with the same sequence numbers.
func produceError(err error) error {
	var code *kerr.Error
	switch {
	case errors.Is(err, kerr.ProducerFenced):
		return kerr.InvalidProducerEpoch
	case errors.Is(err, kerr.ConcurrentTransactions), !errors.As(err, &code):
		return kerr.NotEnoughReplicas
	}
	return err
}
