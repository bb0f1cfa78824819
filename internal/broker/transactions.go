package broker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/millrace/millrace/internal/broker/txn"
	"github.com/millrace/millrace/internal/commitlog"
	"github.com/millrace/millrace/internal/wire"
)

// coordinatorEpoch is written into markers: one node's coordinator is never succeeded by another's.
const coordinatorEpoch = 0

// transactions is the transaction coordinator: it runs the state machine of package txn over __transaction_state.
//
// The end of a transaction, each step durable before the next:
//
//	Prepare record ── no batch is under way (held) ── markers in all partitions ── Complete record ── answer
//
// After the first step nothing can change the outcome; a restart goes on with the second. Memory that was given up is read again only
// when nobody writes markers from it any more, lest a late one end the next transaction.
type transactions struct {
	coordinator
	// state is guarded by mu.
	state struct {
		changed sync.Cond // held or ending went down
		all     map[string]*txnEntry
		ending  int // goroutines that write markers
		life    context.Context
		end     context.CancelFunc // of life
	}
}

// txnEntry is a transactional id with what surrounds it.
type txnEntry struct {
	*txn.Txn
	at   place // of its last record
	held int   // batches between their check and their append
}

// ending is a transaction's end under way.
type ending struct {
	done chan struct{}
	err  error // once done is closed
}

func newTransactions(b *Broker) *transactions {
	tc := &transactions{}
	tc.setup(b, "transaction", txnTopic, tc.readAll, tc.forgetAll)
	tc.state.changed.L = &tc.mu.Mutex
	tc.state.all = map[string]*txnEntry{}
	tc.state.life, tc.state.end = context.WithCancel(b.ctx)
	return tc
}

// start goes on with what a former process left, whether or not a client comes.
func (tc *transactions) start() {
	if tc.b.meta.Topic(txnTopic) == nil {
		return
	}
	tc.mu.Lock()
	defer tc.mu.Unlock()
	if err := tc.load(); err != nil {
		tc.b.config.Report(fmt.Sprintf("transaction coordinator: %v; it is tried again when a client asks", err))
	}
}

// close ends timers, and waits until no marker is being written.
func (tc *transactions) close() {
	tc.mu.Lock()
	defer tc.mu.Unlock()
	tc.stop()
	tc.state.end()
	tc.state.changed.Broadcast()
	for tc.state.ending > 0 {
		tc.state.changed.Wait()
	}
}

// load also waits for those who still write markers from memory that was given up.
func (tc *transactions) load() error {
	for tc.state.ending > 0 && !tc.mu.loaded && !tc.mu.closed {
		tc.state.changed.Wait()
	}
	return tc.coordinator.load()
}

func (tc *transactions) readAll() error {
	txns := map[string]*txn.Txn{}
	err := tc.replay(func(_ int32, _ wire.Batch, r *wire.Record) error {
		if r == nil {
			return nil
		}
		return txn.Replay(txns, r.Key, r.Value)
	})
	if err != nil {
		return err
	}
	all := make(map[string]*txnEntry, len(txns))
	for id, t := range txns {
		at, err := tc.coordinator.end(id)
		if err != nil {
			return err
		}
		all[id] = &txnEntry{Txn: t, at: at}
	}
	tc.state.life, tc.state.end = context.WithCancel(tc.b.ctx)
	tc.state.all = all
	for _, e := range all {
		if e.Preparing() {
			tc.finish(e)
		}
		tc.armEntry(e)
	}
	return nil
}

func (tc *transactions) forgetAll() {
	tc.state.end()
	tc.state.all = map[string]*txnEntry{}
	tc.state.changed.Broadcast()
}

// put appends what a transaction becomes, and makes it so.
func (tc *transactions) put(next *txn.Txn) (*txnEntry, error) {
	key, value := next.Record()
	b := wire.NewBuilder(nil)
	b.Append(next.Updated.UnixMilli(), key, value, nil)
	_, at, err := tc.write(next.ID, b, commitlog.Internal)
	if err != nil {
		if errors.Is(err, commitlog.ErrOffline) {
			tc.giveUp(err)
		}
		return nil, err
	}
	e := tc.state.all[next.ID]
	if e == nil {
		e = &txnEntry{}
		tc.state.all[next.ID] = e
	}
	e.Txn, e.at = next, at
	tc.armEntry(e)
	return e, nil
}

// get is the transaction of an id, nil if there is none.
func (tc *transactions) get(id string) *txn.Txn {
	if e := tc.state.all[id]; e != nil {
		return e.Txn
	}
	return nil
}

// armEntry sets the timer of an ongoing transaction.
func (tc *transactions) armEntry(e *txnEntry) {
	id := e.ID
	tc.arm(id, e.Deadline(), tc.b.config.Now(), func() { tc.expire(id) })
}

// expire aborts a transaction whose time is up.
func (tc *transactions) expire(id string) {
	tc.mu.Lock()
	defer tc.mu.Unlock()
	e := tc.state.all[id]
	if tc.mu.closed || e == nil {
		return
	}
	next, err := e.Expire(tc.b.config.Now(), tc.b.NextProducerID)
	if err == nil && next == nil {
		tc.armEntry(e)
		return
	}
	if err == nil {
		tc.b.config.Report(fmt.Sprintf("transaction of %s aborted: open for longer than %v", id, next.Timeout))
		e, err = tc.put(next)
	}
	if err == nil {
		tc.finish(e)
	} else if tc.mu.loaded {
		// A full disk, say: the transaction holds readers back until it can be ended.
		now := tc.b.config.Now()
		tc.arm(id, now.Add(markerPause), now, func() { tc.expire(id) })
	}
}

// add puts partitions into a producer's transaction; version is the client's transaction.version.
func (tc *transactions) add(id string, pid int64, epoch int16, partitions []txn.Partition, version int16) (at place, err error) {
	if id == "" {
		return at, kerr.InvalidRequest
	}
	tc.mu.Lock()
	defer tc.mu.Unlock()
	if err := tc.load(); err != nil {
		return at, err
	}
	next, err := tc.get(id).Add(tc.b.config.Now(), pid, epoch, partitions, version)
	if err != nil {
		return at, err
	}
	if next == nil {
		return tc.state.all[id].at, nil
	}
	e, err := tc.put(next)
	if err != nil {
		return at, err
	}
	return e.at, nil
}

// end decides a producer's transaction, with raise as transaction.version 2 does it. The ending is nil if it was over before; now is
// what the producer has after it.
func (tc *transactions) end(id string, pid int64, epoch int16, commit, raise bool) (end *ending, now *txn.Txn, err error) {
	if id == "" {
		return nil, nil, kerr.InvalidRequest
	}
	tc.mu.Lock()
	defer tc.mu.Unlock()
	if err := tc.load(); err != nil {
		return nil, nil, err
	}
	t, clock := tc.get(id), tc.b.config.Now()
	var next *txn.Txn
	if raise {
		next, err = t.EndRaising(clock, pid, epoch, commit, tc.b.NextProducerID)
	} else {
		next, err = t.End(clock, pid, epoch, commit)
	}
	if err != nil || next == nil {
		return nil, t, err
	}
	e, err := tc.put(next)
	if err != nil {
		return nil, nil, err
	}
	return tc.finish(e), next.Complete(clock), nil
}

// init gives a transactional id to a producer, once a transaction that it finds open is aborted.
func (tc *transactions) init(ctx context.Context, id string, timeout time.Duration, rec txn.Recovering) (*txn.Txn, error) {
	for {
		e, end, err := tc.tryInit(id, timeout, rec)
		if err != nil {
			return nil, err
		}
		if end == nil {
			return e.Txn, tc.settled(ctx, e.at)
		}
		select {
		case <-end.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if end.err != nil {
			return nil, end.err
		}
	}
}

func (tc *transactions) tryInit(id string, timeout time.Duration, rec txn.Recovering) (e txnEntry, end *ending, err error) {
	tc.mu.Lock()
	defer tc.mu.Unlock()
	if err := tc.load(); err != nil {
		return e, nil, err
	}
	next, aborting, err := txn.Init(tc.get(id), tc.b.config.Now(), id, timeout, rec, tc.b.NextProducerID)
	if err != nil {
		return e, nil, err
	}
	put, err := tc.put(next)
	if err != nil {
		return e, nil, err
	}
	if aborting {
		end = tc.finish(put)
	}
	return *put, end, nil
}

// txnCode is the number of an error; clients of old versions know only INVALID_PRODUCER_EPOCH of a producer that is fenced.
func txnCode(err error, knowsFenced bool) int16 {
	if errors.Is(err, kerr.ProducerFenced) && !knowsFenced {
		return kerr.InvalidProducerEpoch.Code
	}
	return groupCode(err)
}
