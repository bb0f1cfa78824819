package broker

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/millrace/millrace/internal/broker/auth"
	"github.com/millrace/millrace/internal/broker/metadata"
	"github.com/millrace/millrace/internal/commitlog"
)

// Fetch, key 1.
//
//	v4   isolation level, last stable offset, aborted transactions (KIP-98); earlier ones were removed in Kafka 4.0 (KIP-896)
//	v5   log start offset
//	v7   fetch sessions (KIP-227): see fetch_session.go
//	v9   the leader epoch a client believes in (KIP-320)
//	v11  the client's rack, a preferred replica (KIP-392)
//	v12  flexible; the epoch of the last record fetched, and where the log diverges from it (KIP-595)
//	v13  topic ids instead of names (KIP-516)
//	v15  the replica's id moves into a tag (KIP-903)
//	v16  who leads now (KIP-951): told to those who believe that they are replicas
//	v17  the replica's directory (KIP-853)
//	v18  the replica's high watermark (KIP-1166)
func init() { registerRaw(1, 4, 18, handleFetch) }

type fetchRequest struct {
	version      int16
	maxWait      time.Duration
	minBytes     int
	maxBytes     int
	committed    bool  // read_committed
	replica      int32 // -1 for a client
	node         int32 // us
	sessionID    int32
	sessionEpoch int32
	topics       []fetchTopic
	forgotten    []sessionKey
	throttleMS   int32
	err          error         // of the request as a whole
	session      *fetchSession // that the request is part of
	begins       bool          // a session
}

type fetchTopic struct {
	name   string
	id     metadata.UUID
	topic  *metadata.Topic // nil if there is none
	gone   bool            // there was one
	denied bool            // it may not be read
	parts  []fetchPartition
}

// fetchWish is what a client wants of a partition.
type fetchWish struct {
	epoch     int32 // of the leader that the client knows; -1 for none
	lastEpoch int32 // of the last record that it has; -1 if it does not say
	offset    int64
	maxBytes  int
}

type fetchPartition struct {
	fetchWish
	index int32

	log       *commitlog.Log
	err       error
	hw, lso   int64
	start     int64
	diverges  bool // from what the client has, at the end of an epoch
	endEpoch  int32
	endOffset int64
	aborted   []commitlog.AbortedTxn
	chunk     commitlog.Chunk
	in        *sessionPartition // of the request's session
	omit      bool              // from the answer
}

// partitions calls fn for each partition until it returns false.
func (f *fetchRequest) partitions(fn func(*fetchTopic, *fetchPartition) bool) {
	for i := range f.topics {
		t := &f.topics[i]
		for j := range t.parts {
			if !fn(t, &t.parts[j]) {
				return
			}
		}
	}
}

func handleFetch(c *call, r *reader) (reply, error) {
	r.whole()
	f, err := c.decodeFetch(r.b)
	if err != nil {
		return reply{}, err
	}
	if f.err = c.sessions.open(f, c.config.Now(), c.meta); f.err != nil {
		f.topics, f.sessionID = nil, 0
		return reply{body: f}, nil
	}
	if most, limited := c.fetchAllowance(); limited {
		f.maxBytes, f.minBytes = min(f.maxBytes, most), min(f.minBytes, most)
	}
	return reply{wait: func() reply {
		c.fetch(f)
		c.sessions.close(f, c.config.Now())
		return reply{body: f}
	}}, nil
}

// fetch reads what is asked for, waiting up to maxWait for minBytes. An error is answered at once.
func (c *call) fetch(f *fetchRequest) {
	for i := range f.topics {
		t := &f.topics[i]
		t.denied = !c.mayUse(auth.Read, t.topic, t.name)
	}
	f.partitions(func(t *fetchTopic, p *fetchPartition) bool { c.resolve(f, t, p); return true })
	if c.readFetch(f) || f.maxWait <= 0 {
		return
	}
	wake := make(chan struct{}, 1)
	var cancels []func()
	f.partitions(func(_ *fetchTopic, p *fetchPartition) bool {
		cancels = append(cancels, p.log.Watch(func() {
			select {
			case wake <- struct{}{}:
			default: // it is going to look anyway
			}
		}))
		return true
	})
	defer func() {
		for _, cancel := range cancels {
			cancel()
		}
	}()
	ctx, cancel := context.WithTimeout(c.conn.ctx, f.maxWait)
	defer cancel()
	for !c.readFetch(f) { // what came before the watch is seen by the first of these
		select {
		case <-wake:
		case <-c.stopping:
			return
		case <-ctx.Done():
			return
		}
	}
}

func (c *call) resolve(f *fetchRequest, t *fetchTopic, p *fetchPartition) {
	switch {
	case t.topic == nil && f.version >= 13 && !t.gone:
		p.err = kerr.UnknownTopicID
		return
	case t.denied:
		p.err = kerr.TopicAuthorizationFailed
		return
	case t.topic == nil:
		p.err = kerr.UnknownTopicOrPartition
		return
	}
	if p.log, p.err = c.meta.PartitionOf(t.topic, p.index); p.err != nil {
		return
	}
	if p.err = checkEpoch(p.epoch); p.err == nil && f.replica >= 0 {
		p.err = kerr.NotLeaderForPartition // nobody has a replica of ours
	}
}

// readFetch reads all partitions within the limits, and says whether that is worth an answer. The first batch of the first partition
// that has any comes whatever its size, or a small limit would stop the client for ever (KIP-74).
func (c *call) readFetch(f *fetchRequest) bool {
	began := c.quotas.clock()
	defer c.spend(began)
	f.releaseChunks()
	left, total := min(f.maxBytes, c.limits.fetchBytes), 0
	failed := false
	f.partitions(func(t *fetchTopic, p *fetchPartition) bool {
		if p.err == nil {
			p.err = p.read(f, max(min(left, p.maxBytes), 0), total == 0)
			c.noteOffline(t.topic, p.index, p.log, p.err)
		}
		failed = failed || p.err != nil
		left -= p.chunk.Len()
		total += p.chunk.Len()
		return true
	})
	return failed || total >= f.minBytes || len(f.topics) == 0
}

func (p *fetchPartition) read(f *fetchRequest, maxBytes int, oneBatch bool) (err error) {
	// The start is read before the rest and the last stable offset before the watermark, so that a client sees them in order.
	p.start, p.lso = p.log.StartOffset(), p.log.LastStableOffset()
	p.hw = p.log.HighWatermark()
	if p.lastEpoch >= 0 {
		if err := p.checkDivergence(); err != nil || p.diverges {
			return err
		}
	}
	limit, end := commitlog.HighWatermark, p.hw
	if f.committed {
		limit, end = commitlog.LastStable, p.lso
	}
	if p.offset == end {
		return nil // nothing new: most of a large request's partitions
	}
	p.chunk, err = p.log.Read(p.offset, maxBytes, limit, oneBatch)
	if err == nil && f.committed && p.chunk.Len() > 0 {
		p.aborted, err = p.log.AbortedTxns(p.chunk.FirstBatchOffset, p.chunk.Below)
	}
	return err
}

// checkDivergence compares the epoch of the client's last record with the log (KIP-595): a client that has more of it than there is
// must go back to where it ends.
func (p *fetchPartition) checkDivergence() error {
	p.endEpoch, p.endOffset = endOfEpoch(p.log, p.lastEpoch)
	if p.endEpoch < 0 {
		return commitlog.ErrOffsetOutOfRange
	}
	p.diverges = p.endEpoch < p.lastEpoch || p.endOffset < p.offset
	return nil
}

// releaseChunks forgets what was read.
func (f *fetchRequest) releaseChunks() {
	f.partitions(func(_ *fetchTopic, p *fetchPartition) bool {
		p.chunk.Release()
		p.aborted = nil
		return true
	})
}

func (f *fetchRequest) release() { f.releaseChunks() }

// setThrottle makes the answer an empty one, which only tells its client to be silent.
func (f *fetchRequest) setThrottle(ms int32) {
	f.releaseChunks()
	f.topics, f.throttleMS = nil, ms
}

func (c *call) decodeFetch(body []byte) (*fetchRequest, error) {
	version := c.version
	r := &reader{b: body, flexible: version >= 12}
	f := &fetchRequest{version: version, replica: -1, node: c.meta.Identity().NodeID, sessionEpoch: finalFetch}
	if version <= 14 {
		f.replica = r.int32()
	}
	f.maxWait = time.Duration(r.int32()) * time.Millisecond
	f.minBytes = int(r.int32())
	f.maxBytes = int(r.int32())
	f.committed = r.int8() == 1
	if version >= 7 {
		f.sessionID, f.sessionEpoch = r.int32(), r.int32()
	}
	f.topics = make([]fetchTopic, r.array(topicSize(r.flexible)))
	for i := range f.topics {
		c.decodeFetchTopic(r, &f.topics[i])
	}
	f.decodeForgotten(r)
	if version >= 11 {
		r.string() // rack: there is only one replica to prefer
	}
	r.tagged(func(tag int, r *reader) {
		if tag == replicaStateTag && version >= 15 {
			f.replica = r.int32()
		}
	})
	if r.bad || len(r.b) != 0 {
		return nil, errMalformed
	}
	return f, nil
}

func (c *call) decodeFetchTopic(r *reader, t *fetchTopic) {
	if c.version >= 13 {
		t.id = r.uuid()
		t.topic = c.meta.TopicByID(t.id)
	} else {
		t.name, _ = r.string()
		t.topic = c.meta.Topic(t.name)
	}
	t.parts = make([]fetchPartition, r.array(16))
	for i := range t.parts {
		p := &t.parts[i]
		*p = fetchPartition{index: r.int32(), fetchWish: fetchWish{epoch: -1, lastEpoch: -1}, hw: -1, lso: -1, start: -1}
		if c.version >= 9 {
			p.epoch = r.int32()
		}
		p.offset = r.int64()
		if c.version >= 12 {
			p.lastEpoch = r.int32()
		}
		if c.version >= 5 {
			r.int64() // the replica's log start
		}
		p.maxBytes = int(r.int32())
		r.tags()
	}
	r.tags()
}

// replicaStateTag has, since v15, what was the replica's id.
const replicaStateTag = 1

// decodeForgotten reads what a session's client no longer wants.
func (f *fetchRequest) decodeForgotten(r *reader) {
	if f.version < 7 {
		return
	}
	for range r.array(topicSize(r.flexible)) {
		var key sessionKey
		if f.version >= 13 {
			key.id = r.uuid()
		} else {
			key.name, _ = r.string()
		}
		for range r.array(4) {
			key.index = r.int32()
			f.forgotten = append(f.forgotten, key)
		}
		r.tags()
	}
}
