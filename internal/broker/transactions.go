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
// After the first step nothing can change the outcome; a restart goes on with the second. As in groups, memory that the log did not
// take is thrown away; it is read again when nobody writes markers from it any more, lest a late one end the next transaction.
type transactions struct {
	b  *Broker
	mu struct {
		sync.Mutex
		changed        sync.Cond // held or ending went down
		loaded, closed bool
		all            map[string]*txnEntry
		ending         int // goroutines that write markers
		life           context.Context
		end            context.CancelFunc // of life
	}
}

// txnEntry is a transactional id with what surrounds it.
type txnEntry struct {
	*txn.Txn
	at    place // of its last record
	held  int   // batches between their check and their append
	timer *time.Timer
}

// ending is a transaction's end under way.
type ending struct {
	done chan struct{}
	err  error // once done is closed
}

func newTransactions(b *Broker) *transactions {
	tc := &transactions{b: b}
	tc.mu.changed.L = &tc.mu.Mutex
	tc.mu.all = map[string]*txnEntry{}
	tc.mu.life, tc.mu.end = context.WithCancel(b.ctx)
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
	tc.mu.closed = true
	tc.mu.end()
	tc.stopTimers()
	tc.mu.changed.Broadcast()
	for tc.mu.ending > 0 {
		tc.mu.changed.Wait()
	}
}

func (tc *transactions) stopTimers() {
	for _, e := range tc.mu.all {
		if e.timer != nil {
			e.timer.Stop()
		}
	}
}

func (tc *transactions) load() error {
	for tc.mu.ending > 0 && !tc.mu.loaded && !tc.mu.closed {
		tc.mu.changed.Wait()
	}
	if tc.mu.closed {
		return commitlog.ErrClosed
	}
	if tc.mu.loaded {
		return nil
	}
	txns := map[string]*txn.Txn{}
	err := tc.b.replay(txnTopic, func(_ int32, _ wire.Batch, r *wire.Record) error {
		if r == nil {
			return nil
		}
		return txn.Replay(txns, r.Key, r.Value)
	})
	if err != nil {
		return err
	}
	tc.mu.life, tc.mu.end = context.WithCancel(tc.b.ctx)
	tc.mu.all = make(map[string]*txnEntry, len(txns))
	for id, t := range txns {
		log, _, err := tc.b.stateLog(txnTopic, id)
		if err != nil {
			return err
		}
		tc.mu.all[id] = &txnEntry{Txn: t, at: endOf(log)}
	}
	tc.mu.loaded = true
	for _, e := range tc.mu.all {
		if e.Preparing() {
			tc.finish(e)
		}
		tc.arm(e)
	}
	return nil
}

// giveUp throws memory away.
func (tc *transactions) giveUp(cause error) {
	if tc.mu.closed || !tc.mu.loaded {
		return
	}
	tc.b.config.Report(fmt.Sprintf("transaction coordinator: %v; reading %s again", cause, txnTopic))
	tc.stopTimers()
	tc.mu.end()
	tc.mu.loaded, tc.mu.all = false, map[string]*txnEntry{}
	tc.mu.changed.Broadcast()
	tc.b.giveUpOffline(txnTopic)
}

// settled waits until what an answer is built on is durable.
func (tc *transactions) settled(ctx context.Context, at place) error {
	err := at.durable(ctx)
	if errors.Is(err, commitlog.ErrOffline) {
		tc.mu.Lock()
		tc.giveUp(err)
		tc.mu.Unlock()
	}
	return err
}

// put appends what a transaction becomes, and makes it so.
func (tc *transactions) put(next *txn.Txn) (*txnEntry, error) {
	log, _, err := tc.b.stateLog(txnTopic, next.ID)
	if err != nil {
		return nil, err
	}
	key, value := next.Record()
	b := wire.NewBuilder(nil)
	b.Append(next.Updated.UnixMilli(), key, value, nil)
	if _, err := log.Append(b.Bytes(), commitlog.Internal, leaderEpoch); err != nil {
		if errors.Is(err, commitlog.ErrOffline) {
			tc.giveUp(err)
		}
		return nil, err
	}
	e := tc.mu.all[next.ID]
	if e == nil {
		e = &txnEntry{}
		tc.mu.all[next.ID] = e
	}
	e.Txn, e.at = next, endOf(log)
	tc.arm(e)
	return e, nil
}

// get is the transaction of an id, nil if there is none.
func (tc *transactions) get(id string) *txn.Txn {
	if e := tc.mu.all[id]; e != nil {
		return e.Txn
	}
	return nil
}

// arm sets the timer of an ongoing transaction.
func (tc *transactions) arm(e *txnEntry) {
	if e.timer != nil {
		e.timer.Stop()
		e.timer = nil
	}
	if d := e.Deadline(); !d.IsZero() {
		id := e.ID
		e.timer = time.AfterFunc(max(d.Sub(tc.b.config.Now()), time.Millisecond), func() { tc.expire(id) })
	}
}

// expire aborts a transaction whose time is up.
func (tc *transactions) expire(id string) {
	tc.mu.Lock()
	defer tc.mu.Unlock()
	e := tc.mu.all[id]
	if tc.mu.closed || e == nil {
		return
	}
	next, err := e.Expire(tc.b.config.Now(), tc.b.NextProducerID)
	if err != nil {
		e.timer = time.AfterFunc(markerPause, func() { tc.expire(id) })
		return
	}
	if next == nil {
		tc.arm(e)
		return
	}
	tc.b.config.Report(fmt.Sprintf("transaction of %s aborted: open for longer than %v", id, next.Timeout))
	if e, err := tc.put(next); err == nil {
		tc.finish(e)
	} else if e := tc.mu.all[id]; e != nil {
		// A full disk, say: the transaction holds readers back until it can be ended.
		e.timer = time.AfterFunc(markerPause, func() { tc.expire(id) })
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
		return tc.mu.all[id].at, nil
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
