package broker

import (
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/share"
	"github.com/millrace/millrace/internal/commitlog"
)

// ShareFetch, key 78 (KIP-932): records are acquired, and acknowledged those that were.
//
//	v1  the first: v0 was never released
//	v2  record_limit: no more records than asked for (KIP-1206); renewing locks (KIP-1222)
func init() { register(78, 1, 2, handleShareFetch) }

// shareFetch is a ShareFetch on its way: its session's partitions, and the acknowledgements that came with it.
type shareFetch struct {
	key       share.SessionKey
	session   *share.Session
	first     bool // of its session
	wish      share.Wish
	maxWait   time.Duration
	minBytes  int
	maxBytes  int
	committed bool
	parts     []shareFetchPart
	acks      []shareAck
	begun     places // of where share partitions began to be read
	answer    shareFetchAnswer
}

// shareFetchPart is one partition of the session.
type shareFetchPart struct {
	share.IDPartition
	key share.Key
	log *commitlog.Log
	err error

	live  *liveShare // while it is being read
	from  int64
	end   int64 // how far the records in flight go
	chunk commitlog.Chunk
	read  shareRead
	got   []share.Range
	asked bool // it was read, whatever came of it
}

func handleShareFetch(c *call, req *kmsg.ShareFetchRequest) reply {
	f := &shareFetch{
		first: req.ShareSessionEpoch == share.InitialEpoch, maxWait: time.Duration(req.MaxWaitMillis) * time.Millisecond,
		minBytes: int(req.MinBytes), maxBytes: int(req.MaxBytes),
	}
	key, err := shareSessionKey(req.GroupID, req.MemberID)
	if err == nil {
		f.key = key
		f.wish = share.Wish{Member: key.Member, Exact: req.ShareAcquireMode == 1, MaxRecords: int(req.MaxRecords), BatchSize: int(req.BatchSize)}
		err = checkRenew(req)
	}
	if err == nil {
		err = c.shares.begin(c.conn, f, req)
	}
	if errors.Is(err, kerr.ShareSessionLimitReached) { // it would come again at once
		return reply{wait: func() reply {
			c.pauseFor(f.maxWait)
			return reply{body: f.refused(err)}
		}}
	}
	if err != nil {
		return reply{body: f.refused(err)}
	}
	c.acknowledgeFetched(f, req)
	final := req.ShareSessionEpoch == share.FinalEpoch
	if final {
		c.shares.endSession(f.session)
	}
	if most, limited := c.fetchAllowance(); limited {
		f.maxBytes, f.minBytes = min(f.maxBytes, most), min(f.minBytes, most)
	}
	f.maxBytes = min(f.maxBytes, c.limits.fetchBytes)
	f.minBytes = min(f.minBytes, f.maxBytes)
	return reply{wait: func() reply {
		for i := range f.acks {
			f.acks[i].settle(c)
		}
		if !final && !req.IsRenewAck && f.maxBytes > 0 && f.wish.MaxRecords > 0 {
			c.shareFetch(f)
		}
		f.answer.lock = int32(c.shares.limits(f.key.Group).Lock.Milliseconds())
		c.shares.tell(f)
		return reply{body: &f.answer}
	}}
}

// checkRenew refuses a request that renews locks and asks for records: reading could take longer than the locks hold.
func checkRenew(req *kmsg.ShareFetchRequest) error {
	if !req.IsRenewAck {
		return nil
	}
	if req.MaxBytes != 0 || req.MinBytes != 0 || req.MaxRecords != 0 || req.MaxWaitMillis != 0 {
		return kerr.InvalidRequest
	}
	return nil
}

func (f *shareFetch) refused(err error) body {
	f.answer.code = groupCode(err) // without a sentence, as Kafka
	return &f.answer
}

// pauseFor waits, unless the client or the broker goes.
func (c *call) pauseFor(d time.Duration) {
	t := time.NewTimer(max(d, 0))
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.stopping:
	case <-c.conn.ctx.Done():
	}
}

// begin finds the session that a request is part of, and the partitions it reads.
func (sc *shares) begin(c *conn, f *shareFetch, req *kmsg.ShareFetchRequest) error {
	var add, forget []share.IDPartition
	acks := false
	for _, t := range req.Topics {
		for _, p := range t.Partitions {
			add = append(add, share.IDPartition{ID: t.TopicID, Partition: p.Partition})
			acks = acks || len(p.AcknowledgementBatches) > 0
		}
	}
	for _, t := range req.ForgottenTopicsData {
		for _, p := range t.Partitions {
			forget = append(forget, share.IDPartition{ID: t.TopicID, Partition: p})
		}
	}
	sc.mu.Lock()
	defer sc.mu.Unlock()
	if sc.mu.closed {
		return commitlog.ErrClosed
	}
	var err error
	if f.session, err = sc.state.sessions.Fetch(f.key, req.ShareSessionEpoch, c, add, forget, acks); err != nil {
		return err
	}
	if f.first {
		sc.own(c)
	}
	for _, p := range f.session.Partitions() {
		f.parts = append(f.parts, shareFetchPart{IDPartition: p, key: share.Key{Group: f.key.Group, Topic: p.ID, Partition: p.Partition}})
	}
	return nil
}

// acknowledgeFetched takes the acknowledgements that came with a fetch.
func (c *call) acknowledgeFetched(f *shareFetch, req *kmsg.ShareFetchRequest) {
	for _, t := range req.Topics {
		for _, p := range t.Partitions {
			if len(p.AcknowledgementBatches) == 0 {
				continue
			}
			acks := make([]share.Ack, len(p.AcknowledgementBatches))
			for i, b := range p.AcknowledgementBatches {
				acks[i] = share.Ack{First: b.FirstOffset, Last: b.LastOffset, Types: b.AcknowledgeTypes}
			}
			f.acks = append(f.acks, c.acknowledge(f.key, share.IDPartition{ID: t.TopicID, Partition: p.Partition}, acks, req.IsRenewAck))
		}
	}
}

// tell puts into the answer what the session's member is to be told.
func (sc *shares) tell(f *shareFetch) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	for i := range f.parts {
		p := &f.parts[i]
		if !p.asked && p.err == nil {
			continue
		}
		if told := f.session.Tell(p.IDPartition, len(p.got) > 0, p.err != nil); told || f.first {
			a := f.answer.part(p.IDPartition)
			a.err, a.chunk, a.got = p.err, p.chunk, p.got
			p.chunk = commitlog.Chunk{}
		}
		p.chunk.Release()
	}
	for i := range f.acks {
		f.answer.part(f.acks[i].IDPartition).ackErr = f.acks[i].err
	}
}
