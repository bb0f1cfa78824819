package kafka

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	logconn "github.com/millrace/millrace/internal/connector/log"
)

// partition is a partition of a cluster that is read. It implements
// logconn.ReadPartition: what was fetched waits in a queue, as the bytes that came.
//
//	fetcher ── take ──> queue of chunks ── Read ──> decoded where they lie
//
// What is below `guarded` is guarded by the cluster's lock.
type partition struct {
	cluster *cluster
	topic   string
	id      logconn.TopicID
	number  int32

	// guarded
	leader  int32
	fetcher *fetcher // nil: not read yet, or without a leader
	wake    func()   // nil: not watched
	start   int64
	stable  int64 // no reader goes past it
	last    time.Time
	next    int64 // the offset to fetch
	expect  int64 // the offset that Read is expected to ask for
	reading bool
	queue   []chunk
	queued  int // bytes
	aborted []logconn.Aborted
	since   time.Time // of the first of the failures that go on; zero: there is none
	err     error
}

// chunk is whole batches as a broker sent them.
type chunk struct {
	bytes   []byte
	next    int64 // the offset after them
	aborted []logconn.Aborted
}

// Read gives the next chunk. A partition is fetched from its first Read on.
func (p *partition) Read(offset int64, _ int, _ []byte) ([]byte, error) {
	c := p.cluster
	c.mu.Lock()
	defer c.mu.Unlock()
	if p.err != nil {
		return nil, p.err
	}
	if !p.reading || p.expect != offset {
		p.reading, p.next, p.expect = true, offset, offset
		p.queue, p.queued = nil, 0
		c.place(p)
		return nil, nil
	}
	if len(p.queue) == 0 {
		return nil, nil
	}
	full := !p.hungry()
	head := p.queue[0]
	p.queue[0] = chunk{}
	p.queue = p.queue[1:]
	p.queued -= len(head.bytes)
	p.expect, p.aborted = head.next, head.aborted
	if full && p.hungry() && p.fetcher != nil {
		p.fetcher.kick()
	}
	return head.bytes, nil
}

// hungry says that there is room for another chunk.
func (p *partition) hungry() bool { return p.queued < int(p.cluster.config.partBytes) }

// Aborted are the aborted transactions of the chunk that was read last.
func (p *partition) Aborted(int64, int64) ([]logconn.Aborted, error) {
	p.cluster.mu.Lock()
	defer p.cluster.mu.Unlock()
	return p.aborted, nil
}

// StartOffset is where the log begins, as far as is known.
func (p *partition) StartOffset() int64 { return locked(p, func() int64 { return p.start }) }

// LastStableOffset is how far the partition can be read, as far as is known.
func (p *partition) LastStableOffset() int64 { return locked(p, func() int64 { return p.stable }) }

// LastAppend is when something came last; it counts from the start for a partition that
// had something before.
func (p *partition) LastAppend() time.Time { return locked(p, func() time.Time { return p.last }) }

func locked[T any](p *partition, get func() T) T {
	p.cluster.mu.Lock()
	defer p.cluster.mu.Unlock()
	return get()
}

// OffsetForTime asks for the first offset at or after a time.
func (p *partition) OffsetForTime(ts int64) (offset int64, ok bool, err error) {
	err = p.cluster.ask(context.Background(), func(ctx context.Context, a *kadm.Client) error {
		list, err := a.ListOffsetsAfterMilli(ctx, ts, p.topic)
		if err != nil {
			return err
		}
		o, found := list.Lookup(p.topic, p.number)
		if found && o.Err != nil {
			return o.Err
		}
		// Where no record is that late, the end is given, without a time.
		offset, ok = o.Offset, found && o.Timestamp >= 0
		return nil
	})
	return offset, ok, err
}

// Watch has fn called when there is more to read; until it is cancelled the client stays
// connected.
func (p *partition) Watch(fn func()) (cancel func()) {
	c := p.cluster
	_, err := c.acquire()
	c.mu.Lock()
	defer c.mu.Unlock()
	p.wake, p.err = fn, err
	return func() {
		c.mu.Lock()
		c.forget(p)
		c.mu.Unlock()
		if err == nil {
			c.release()
		}
	}
}

// fail ends the partition's reading. The cluster's lock is held.
func (p *partition) fail(err error) {
	p.err = fmt.Errorf("topic %s, partition %d: %w", p.topic, p.number, err)
	p.cluster.unplace(p)
	if p.wake != nil {
		p.wake()
	}
}

var _ logconn.ReadPartition = (*partition)(nil)
var _ logconn.Reading = (*cluster)(nil)
