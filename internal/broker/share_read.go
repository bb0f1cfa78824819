package broker

import (
	"context"
	"errors"
	"io"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/millrace/millrace/internal/broker/auth"
	"github.com/millrace/millrace/internal/broker/share"
	"github.com/millrace/millrace/internal/commitlog"
	"github.com/millrace/millrace/internal/wire"
)

// The reading part of a ShareFetch. A share partition is read by one request at a time, and without the coordinator's mu, for a read may
// have to check what it finds on disk:
//
//	mu: where to read next, "reading" ──▶ read ──▶ mu: acquire of what was read, not "reading"

// shareFetch reads and acquires, waiting up to maxWait for minBytes.
func (c *call) shareFetch(f *shareFetch) {
	failed := 0
	for i := range f.parts {
		if p := &f.parts[i]; !c.resolveShare(p) {
			failed++
		}
	}
	if failed == len(f.parts) || c.tryShareFetch(f, f.maxWait <= 0) {
		return
	}
	w := &shareWaiter{wake: make(chan struct{}, 1)}
	for i := range f.parts {
		if p := &f.parts[i]; p.err == nil {
			defer p.log.Watch(w.signal)()
			defer c.shares.wait(p.key, w)()
		}
	}
	ctx, cancel := context.WithTimeout(c.conn.ctx, f.maxWait)
	defer cancel()
	for !c.tryShareFetch(f, false) { // what came before the watch is seen by the first of these
		select {
		case <-w.wake:
		case <-c.stopping:
			return
		case <-ctx.Done():
			if c.conn.ctx.Err() == nil {
				c.tryShareFetch(f, true)
			}
			return
		}
	}
}

// errNotShared is Kafka's answer to who reads what its group does not have: it finds no state, and has no word for that.
var errNotShared = kerr.UnknownServerError

func (c *call) resolveShare(p *shareFetchPart) bool {
	t := c.meta.TopicByID(p.ID)
	switch {
	case t == nil:
		p.err = kerr.UnknownTopicID
	case !c.allowed(auth.Read, auth.Topic, t.Name):
		p.err = kerr.TopicAuthorizationFailed
	case !hasPartition(t, p.Partition):
		p.err = kerr.UnknownTopicOrPartition
	case !c.groups.hasShare(p.key):
		p.err = errNotShared
	default:
		p.log, p.err = c.meta.PartitionOf(t, p.Partition)
	}
	return p.err == nil
}

// wait makes a waiter hear of a share partition, until the function that it gives is called.
func (sc *shares) wait(k share.Key, w *shareWaiter) func() {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	s := sc.state.live[k]
	if s == nil {
		return func() {}
	}
	s.waiting[w] = struct{}{}
	return func() {
		sc.mu.Lock()
		defer sc.mu.Unlock()
		delete(s.waiting, w)
	}
}

// tryShareFetch says whether there is an answer: enough was read and some of it acquired, or with last whatever there is.
func (c *call) tryShareFetch(f *shareFetch, last bool) bool {
	began := c.quotas.clock()
	defer c.spend(began)
	f.committed = c.meta.GroupSetting(f.key.Group, "share.isolation.level") == "read_committed"
	lim := c.shares.limits(f.key.Group)
	parts := c.shares.take(f, lim)
	total, failed := 0, false
	for _, p := range parts {
		p.readLog(f, max(f.maxBytes/len(parts), 1), total == 0)
		total += p.chunk.Len()
		failed = failed || p.err != nil
	}
	acquire := last || failed || len(parts) > 0 && total >= f.minBytes
	acquired, err := c.shares.give(f, parts, lim, acquire)
	for _, p := range parts {
		if p.err != nil {
			if t := c.meta.TopicByID(p.ID); t != nil {
				c.noteOffline(t, p.Partition, p.log, p.err)
			}
		}
	}
	if err == nil {
		err = f.begun.settled(c)
	}
	if err != nil {
		f.fail(err)
		return true
	}
	return last || failed || acquired || acquire && f.minBytes <= 0
}

// fail makes the answer one error for all partitions.
func (f *shareFetch) fail(err error) {
	for i := range f.parts {
		p := &f.parts[i]
		p.chunk.Release()
		p.err, p.got = err, nil
	}
}

// take marks the partitions that can be read now as being read.
func (sc *shares) take(f *shareFetch, lim *share.Limits) (list []*shareFetchPart) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	for i := range f.parts {
		p := &f.parts[i]
		if p.err != nil {
			continue
		}
		if p.err = sc.load(); p.err != nil {
			continue
		}
		s, at, err := sc.open(p.key, p.log)
		switch {
		case err != nil:
			p.err = err
			continue
		case s.reading:
			s.passed = true
			continue
		case !s.Room(lim):
			continue
		}
		if at.log != nil {
			f.begun = append(f.begun, at)
		}
		s.reading, p.live, p.asked = true, s, true
		p.from, p.end = s.Next(), s.End()
		list = append(list, p)
	}
	return list
}

// readLog reads from where the share partition wants to go on.
func (p *shareFetchPart) readLog(f *shareFetch, maxBytes int, oneBatch bool) {
	limit, end := commitlog.HighWatermark, p.log.HighWatermark()
	if f.committed {
		limit, end = commitlog.LastStable, p.log.LastStableOffset()
	}
	if p.from == end {
		return
	}
	p.chunk, p.err = p.log.Read(p.from, maxBytes, limit, oneBatch)
	if errors.Is(p.err, commitlog.ErrOffsetOutOfRange) && p.from < p.log.StartOffset() {
		p.err = nil // give moves it on
		return
	}
	if p.err == nil {
		p.err = p.read.parse(&p.chunk, max(p.end, p.from)+int64(f.wish.MaxRecords))
	}
	if p.err == nil && f.committed && p.chunk.Len() > 0 {
		p.err = p.read.markAborted(p.log)
	}
}

// give acquires records out of what was read, and lets others read.
func (sc *shares) give(f *shareFetch, parts []*shareFetchPart, lim *share.Limits, acquire bool) (acquired bool, err error) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	now, wish := sc.b.config.Now(), f.wish
	for _, p := range parts {
		s := p.live
		s.reading, p.live = false, nil
		if s.passed {
			s.passed = false
			s.signal()
		}
		if sc.state.live[p.key] != s { // given up meanwhile: nothing of it is to be given
			p.chunk.Release()
			continue
		}
		if start := p.log.StartOffset(); p.err == nil && p.from < start {
			s.Trim(start)
			s.signal()
		}
		if acquire && p.err == nil && err == nil && sc.state.sessions.Find(f.key) == f.session {
			p.got = s.Acquire(now, lim, wish, p.from, p.read.batches)
			_, err = sc.changed(p.key, s, now)
		}
		for _, r := range p.got {
			wish.MaxRecords -= int(r.Last - r.First + 1)
		}
		if len(p.got) == 0 {
			p.chunk.Release()
			continue
		}
		acquired = true
		p.read.slice(&p.chunk, p.got[0].First, p.got[len(p.got)-1].Last)
	}
	return acquired, err
}

// shareRead is what was read of a partition, batch by batch.
type shareRead struct {
	batches []share.LogBatch
	heads   []batchHead
}

type batchHead struct {
	off, size int // within the chunk
	producer  int64
	txn       bool // its records are part of a transaction; false for a marker
}

// headWindow is how much is read at a time for the heads of batches: small ones come many at a time.
const headWindow = 32 << 10

// parse reads the heads of a chunk's batches, up to the one that holds an offset; the chunk ends there then.
func (r *shareRead) parse(c *commitlog.Chunk, enough int64) error {
	r.batches, r.heads = r.batches[:0], r.heads[:0]
	var window []byte
	at := 0 // of the window
	for off := 0; off < c.Len(); {
		if off+wire.HeaderSize > at+len(window) {
			if window == nil {
				window = make([]byte, min(headWindow, c.Len()))
			}
			window, at = window[:min(cap(window), c.Len()-off)], off
			if n, err := c.Range.File.ReadAt(window, c.Range.Off+int64(off)); n < len(window) {
				if err == nil || errors.Is(err, io.EOF) {
					err = io.ErrUnexpectedEOF
				}
				return err
			}
			if len(window) < wire.HeaderSize {
				return commitlog.ErrCorrupt
			}
		}
		b := wire.Batch(window[off-at:])
		size := b.Size()
		if size < wire.HeaderSize || size > c.Len()-off {
			return commitlog.ErrCorrupt
		}
		r.batches = append(r.batches, share.LogBatch{First: b.BaseOffset(), Last: b.LastOffset()})
		r.heads = append(r.heads, batchHead{off, size, b.ProducerID(), b.IsTransactional() && !b.IsControl()})
		if off += size; b.LastOffset() >= enough {
			c.Range.Len = off
		}
	}
	return nil
}

// markAborted marks the batches of transactions that were aborted.
func (r *shareRead) markAborted(log *commitlog.Log) error {
	aborted, err := log.AbortedTxns(r.batches[0].First, r.batches[len(r.batches)-1].Last+1)
	for _, a := range aborted {
		for i := range r.batches {
			if b, h := &r.batches[i], &r.heads[i]; h.txn && h.producer == a.ProducerID && b.First >= a.FirstOffset && b.Last <= a.LastOffset {
				b.Aborted = true
			}
		}
	}
	return err
}

// slice leaves of a chunk the batches that hold offsets.
func (r *shareRead) slice(c *commitlog.Chunk, first, last int64) {
	from, to := -1, 0
	for i, b := range r.batches {
		if b.Last >= first && b.First <= last {
			if from < 0 {
				from = r.heads[i].off
			}
			to = r.heads[i].off + r.heads[i].size
		}
	}
	if from >= 0 {
		c.Range.Off, c.Range.Len = c.Range.Off+int64(from), to-from
	}
}
