package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	logconn "github.com/millrace/millrace/internal/connector/log"
	"github.com/millrace/millrace/internal/wire"
)

// shortWait is how long a broker may hold a request that leaves a partition out because
// its queue is full: it may be read empty meanwhile.
const shortWait = 5 * time.Millisecond

// fetcher asks one broker for the partitions that it leads, one request at a time, while
// what came before is decoded.
type fetcher struct {
	cluster *cluster
	client  *kgo.Client
	broker  int32
	kicked  chan struct{} // holds one token while there may be something to ask for
	stop    context.CancelFunc

	parts []*partition // guarded by the cluster's lock
}

// asked is what a request asked of a partition: an answer to something else is dropped.
type asked struct {
	part   *partition
	offset int64
}

// place gives a partition to its leader's fetcher, or has the leader looked for. The
// lock is held.
func (c *cluster) place(p *partition) {
	if p.fetcher != nil {
		p.fetcher.kick()
		return
	}
	if p.leader < 0 || c.mu.client == nil {
		c.lose(p, kerr.LeaderNotAvailable)
		return
	}
	f := c.mu.fetchers[p.leader]
	if f == nil {
		ctx, stop := context.WithCancel(context.Background())
		f = &fetcher{cluster: c, client: c.mu.client, broker: p.leader, kicked: make(chan struct{}, 1), stop: stop}
		c.mu.fetchers[p.leader] = f
		go f.run(ctx)
	}
	f.parts = append(f.parts, p)
	p.fetcher = f
	f.kick()
}

// unplace takes a partition from its fetcher, which ends with its last one.
func (c *cluster) unplace(p *partition) {
	f := p.fetcher
	c.mu.lost = slices.DeleteFunc(c.mu.lost, func(o *partition) bool { return o == p })
	if f == nil {
		return
	}
	p.fetcher = nil
	f.parts = slices.DeleteFunc(f.parts, func(o *partition) bool { return o == p })
	if len(f.parts) == 0 {
		delete(c.mu.fetchers, f.broker)
		f.stop()
	}
}

// forget ends the reading of a partition that is closed.
func (c *cluster) forget(p *partition) {
	c.unplace(p)
	p.wake, p.queue, p.queued, p.reading = nil, nil, 0, false
}

func (f *fetcher) kick() {
	select {
	case f.kicked <- struct{}{}:
	default:
	}
}

func (f *fetcher) run(ctx context.Context) {
	for {
		req, list := f.request()
		if len(list) == 0 {
			select {
			case <-f.kicked:
				continue
			case <-ctx.Done():
				return
			}
		}
		resp, err := f.client.Broker(int(f.broker)).Request(ctx, req)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = kerr.ErrorForCode(resp.(*kmsg.FetchResponse).ErrorCode)
		}
		if err != nil {
			f.cluster.loseAll(list, err)
			continue
		}
		f.take(resp.(*kmsg.FetchResponse), list)
	}
}

// request asks for all partitions that have room.
func (f *fetcher) request() (*kmsg.FetchRequest, []asked) {
	c := f.cluster
	c.mu.Lock()
	defer c.mu.Unlock()
	req := kmsg.NewPtrFetchRequest()
	req.ReplicaID, req.SessionEpoch = -1, -1
	req.MinBytes, req.MaxBytes = c.config.minBytes, c.config.maxBytes
	req.MaxWaitMillis = int32(c.config.maxWait.Milliseconds())
	if c.config.committed {
		req.IsolationLevel = 1
	}
	var list []asked
	for _, p := range f.parts {
		if !p.hungry() {
			req.MaxWaitMillis = min(req.MaxWaitMillis, int32(shortWait.Milliseconds()))
			continue
		}
		list = append(list, asked{p, p.next})
		ask := kmsg.NewFetchRequestTopicPartition()
		ask.Partition, ask.FetchOffset, ask.PartitionMaxBytes = p.number, p.next, c.config.partBytes
		i := slices.IndexFunc(req.Topics, func(t kmsg.FetchRequestTopic) bool { return t.Topic == p.topic })
		if i < 0 {
			topic := kmsg.NewFetchRequestTopic()
			topic.Topic, topic.TopicID = p.topic, p.id
			req.Topics, i = append(req.Topics, topic), len(req.Topics)
		}
		req.Topics[i].Partitions = append(req.Topics[i].Partitions, ask)
	}
	// The largest share of an answer should not always be the same partition's.
	if n := len(f.parts); n > 1 {
		f.parts = append(f.parts[1:n:n], f.parts[0])
	}
	return req, list
}

// take hands an answer out.
func (f *fetcher) take(resp *kmsg.FetchResponse, list []asked) {
	for i := range resp.Topics {
		t := &resp.Topics[i]
		for j := range t.Partitions {
			a := &t.Partitions[j]
			n := slices.IndexFunc(list, func(l asked) bool {
				return l.part.number == a.Partition && (t.Topic != "" && l.part.topic == t.Topic || t.Topic == "" && l.part.id == t.TopicID)
			})
			if n < 0 {
				continue
			}
			ch, err := readChunk(a, list[n].offset)
			f.cluster.mu.Lock()
			if l := list[n]; l.part.fetcher == f && l.part.next == l.offset {
				l.part.take(a, ch, err)
			}
			f.cluster.mu.Unlock()
		}
	}
}

// take puts what came into the queue. The lock is held.
func (p *partition) take(a *kmsg.FetchResponseTopicPartition, ch chunk, bad error) {
	switch err := kerr.ErrorForCode(a.ErrorCode); {
	case err == nil:
	case errors.Is(err, kerr.OffsetOutOfRange):
		p.fail(fmt.Errorf("the job is at offset %d, and the log begins at %d: records were deleted before they were read, or the end was cut", p.next, a.LogStartOffset))
		return
	case kerr.IsRetriable(err):
		p.cluster.lose(p, err)
		return
	default:
		p.fail(explain(&p.cluster.config, err))
		return
	}
	p.found()
	if bad != nil {
		p.fail(bad)
		return
	}
	if a.LogStartOffset >= 0 {
		p.start = a.LogStartOffset
	}
	if p.stable = a.HighWatermark; p.cluster.config.committed && a.LastStableOffset >= 0 {
		p.stable = a.LastStableOffset
	}
	if len(ch.bytes) == 0 {
		return
	}
	p.queue = append(p.queue, ch)
	p.queued += len(ch.bytes)
	p.next, p.last = ch.next, time.Now()
	if p.wake != nil {
		p.wake()
	}
}

// readChunk checks the batches that a broker sent, drops one that was cut off at the end,
// and finds where each aborted transaction ends: brokers tell only where it began, the
// marker of its producer tells the rest.
func readChunk(a *kmsg.FetchResponseTopicPartition, from int64) (chunk, error) {
	open := make([]logconn.Aborted, len(a.AbortedTransactions))
	for i, t := range a.AbortedTransactions {
		open[i] = logconn.Aborted{ProducerID: t.ProducerID, First: t.FirstOffset, Last: 1<<63 - 1}
	}
	slices.SortFunc(open, func(x, y logconn.Aborted) int { return int(min(max(x.First-y.First, -1), 1)) })
	ch := chunk{next: from, aborted: open}
	rest := a.RecordBatches
	for len(rest) > 0 {
		b, after, err := wire.ParseBatch(rest)
		if errors.Is(err, wire.ErrTruncated) && len(ch.bytes) > 0 {
			break
		}
		if err == nil {
			err = b.CheckCRC()
		}
		if err != nil {
			return ch, fmt.Errorf("the batch at offset %d that the broker sent: %w", ch.next, err)
		}
		if b.IsControl() {
			closeAborted(open, b)
		}
		ch.next = max(ch.next, b.NextOffset())
		rest = after
		ch.bytes = a.RecordBatches[:len(a.RecordBatches)-len(rest)]
	}
	return ch, nil
}

// closeAborted ends the oldest open transaction of a marker's producer.
func closeAborted(open []logconn.Aborted, marker wire.Batch) {
	for i := range open {
		t := &open[i]
		if t.ProducerID == marker.ProducerID() && t.Last == 1<<63-1 && t.First < marker.BaseOffset() {
			t.Last = marker.BaseOffset()
			return
		}
	}
}
