package broker

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/millrace/millrace/internal/broker/auth"
	"github.com/millrace/millrace/internal/broker/metadata"
	"github.com/millrace/millrace/internal/commitlog"
	"github.com/millrace/millrace/internal/wire"
)

// Produce, key 0.
//
//	v3   record batches (magic 2), transactional id; earlier ones were removed in Kafka 4.0 (KIP-896)
//	v5   log start offset in the response
//	v7   zstd is allowed (KIP-110)
//	v8   an error's message, and the records it is about (KIP-467)
//	v9   flexible
//	v10  who leads now, when it is not us (KIP-951): never the case here
//	v11  TRANSACTION_ABORTABLE (KIP-890)
//	v12  a partition joins its producer's transaction by being produced to (KIP-890, transaction.version 2)
//	v13  topic ids instead of names (KIP-516)
//
// Acks of 1 and -1 mean the same here: there is one replica, and what is acknowledged is on disk. The errors that leave here are
// those after which the Java client neither duplicates nor reorders (KAFKA-14034): see produce_errors.go.
func init() { registerRaw(0, 3, 13, handleProduce) }

type produceRequest struct {
	version       int16
	transactional bool
	txnID         string
	acks          int16
	timeout       time.Duration
	denied        bool // the transactional id may not be used
	topics        []produceTopic
	throttleMS    int32
}

type produceTopic struct {
	name   string
	id     metadata.UUID
	topic  *metadata.Topic // nil if there is none
	denied bool            // it may not be written to
	parts  []producePartition
}

type producePartition struct {
	index   int32
	records []byte     // aliases the request: nil once appended
	header  wire.Batch // of the first of them, nil if there is none
	tried   bool       // the log was asked
	log     *commitlog.Log
	info    commitlog.AppendInfo
	err     error
}

func (part *producePartition) isTransactional() bool {
	return part.header != nil && part.header.IsTransactional()
}

// partitions calls fn for each partition.
func (p *produceRequest) partitions(fn func(*produceTopic, *producePartition)) {
	for i := range p.topics {
		t := &p.topics[i]
		for j := range t.parts {
			fn(t, &t.parts[j])
		}
	}
}

// A large request is handled partition by partition as it comes, so that its records are checked and written while the processor has
// them in its cache, and no more memory is needed than for the largest of them. What of it came before its connection broke is in the
// log, without an answer, as it is where the answer is lost. A transactional request is decided about as a whole, and so waits for its
// end.
func handleProduce(c *call, r *reader) (reply, error) {
	p := &produceRequest{version: c.version}
	p.decodeHeader(r)
	p.denied = p.transactional && !c.allowed(auth.Write, auth.TransactionalID, p.txnID)
	var arrived func(*produceTopic, *producePartition)
	if p.transactional {
		r.whole()
	} else if r.frame != nil {
		arrived = func(t *produceTopic, part *producePartition) {
			part.err = c.admitProduce(p, t, part)
			if part.isTransactional() { // see refuseMixed; what came before it in this request stays
				part.err = kerr.TransactionalIDAuthorizationFailed
			}
			c.appendTo(t, part)
		}
	}
	if err := p.decodeTopics(r, c.named, arrived); err != nil {
		return reply{}, err
	}
	if arrived == nil {
		c.appendAll(p)
	}
	if p.acks == 0 {
		return reply{silent: true}, p.failure()
	}
	return reply{ready: p.durable, wait: func() reply {
		if !p.durable() {
			c.awaitDurable(p)
		}
		return reply{body: p}
	}}, nil
}

// named finds the topic that a request names, and whether it may be written to.
func (c *call) named(t *produceTopic) {
	if c.version >= 13 {
		t.topic = c.meta.TopicByID(t.id)
	} else {
		t.topic = c.meta.Topic(t.name)
	}
	t.denied = !c.mayUse(auth.Write, t.topic, t.name)
}

// appendAll handles a request that is there as a whole.
func (c *call) appendAll(p *produceRequest) {
	p.partitions(func(t *produceTopic, part *producePartition) { part.err = c.admitProduce(p, t, part) })
	p.refuseMixed()
	leave := c.enterTransaction(p)
	p.partitions(c.appendTo)
	leave()
}

// appendTo appends what is to be appended.
func (c *call) appendTo(t *produceTopic, part *producePartition) {
	if part.err == nil {
		part.tried = true
		part.info, part.err = part.log.Append(part.records, commitlog.FromClient, leaderEpoch)
		c.noteOffline(t.topic, part.index, part.log, part.err)
	}
	part.records, part.header = nil, nil
}

// failure is an error of a request that nobody is told of but by the end of the connection, as Kafka does it.
func (p *produceRequest) failure() (err error) {
	p.partitions(func(t *produceTopic, part *producePartition) {
		if err == nil {
			err = part.err
		}
	})
	return err
}

// admitProduce finds the partition and checks what can be checked without it.
func (b *Broker) admitProduce(p *produceRequest, t *produceTopic, part *producePartition) error {
	if h, _, err := wire.ParseHeader(part.records); err == nil {
		part.header = h
	}
	switch {
	case p.denied:
		return kerr.TransactionalIDAuthorizationFailed
	case t.denied:
		return kerr.TopicAuthorizationFailed
	case t.topic == nil && p.version >= 13:
		return kerr.UnknownTopicID
	case t.topic == nil:
		return kerr.UnknownTopicOrPartition
	case p.acks < -1 || p.acks > 1:
		return kerr.InvalidRequiredAcks
	case t.topic.Internal():
		return kerr.InvalidTopicException
	}
	if part.header != nil && part.header.Codec() == wire.Zstd && p.version < 7 {
		return kerr.UnsupportedCompressionType
	}
	if len(part.records) == 0 {
		return kerr.InvalidRecord
	}
	var err error
	part.log, err = b.meta.PartitionOf(t.topic, part.index)
	return err
}

// refuseMixed refuses a request that has transactional batches and does not name their transactional id (in the word that Kafka has
// for it: who has no id has no right to one), or that has those of several producers,
// of which the coordinator would be asked about one.
func (p *produceRequest) refuseMixed() {
	var refused error
	first, epoch := int64(-1), int16(-1)
	p.partitions(func(_ *produceTopic, part *producePartition) {
		h := part.header
		switch {
		case !part.isTransactional():
		case !p.transactional:
			refused = kerr.TransactionalIDAuthorizationFailed
		case first >= 0 && (h.ProducerID() != first || h.ProducerEpoch() != epoch):
			refused = kerr.InvalidProducerIDMapping
		default:
			first, epoch = h.ProducerID(), h.ProducerEpoch()
		}
	})
	if refused != nil {
		p.partitions(func(_ *produceTopic, part *producePartition) { part.err = refused })
	}
}

// enterTransaction asks the transaction coordinator about transactional batches, and holds their transaction open while they are
// appended.
func (c *call) enterTransaction(p *produceRequest) (leave func()) {
	txn := TxnBatch{ID: p.txnID}
	var parts []*producePartition
	p.partitions(func(t *produceTopic, part *producePartition) {
		h := part.header
		if part.err != nil || !part.isTransactional() {
			return
		}
		if part.err = admitTransactional(part.log, h, p.version >= 12); part.err != nil {
			part.tried = errors.Is(part.err, commitlog.ErrOutOfOrderSequence)
			return
		}
		txn.ProducerID, txn.Epoch = h.ProducerID(), h.ProducerEpoch()
		txn.Partitions = append(txn.Partitions, TxnPartition{t.topic.Name, part.index})
		parts = append(parts, part)
	})
	if len(parts) == 0 {
		return func() {}
	}
	leave, errs := c.txns.Enter(c.conn.ctx, txn, p.version >= 12)
	for i, part := range parts {
		if part.err = errs[i]; p.version < 11 && errors.Is(part.err, kerr.TransactionAbortable) {
			part.err = kerr.InvalidTxnState
		}
	}
	return leave
}

// admitTransactional refuses what the partition alone can tell is late, before the coordinator is asked. A producer that begins every
// transaction with an epoch of its own, with raised, begins it with sequence 0: if the log does not know the producer, a greater one
// means that a batch before it is missing (KIP-890).
func admitTransactional(log *commitlog.Log, h wire.Batch, raised bool) error {
	known, ok := log.Producer(h.ProducerID())
	switch {
	case ok && known.Epoch > h.ProducerEpoch():
		return kerr.InvalidProducerEpoch
	case !ok && raised && h.BaseSequence() > 0:
		return commitlog.ErrOutOfOrderSequence
	}
	return nil
}

// noteOffline gives up a log that went offline, so that the client's next try meets it read again from disk.
func (b *Broker) noteOffline(t *metadata.Topic, i int32, log *commitlog.Log, err error) {
	if errors.Is(err, commitlog.ErrOffline) {
		b.meta.Offline(t, i, log)
	}
}

// durable says that what was appended is durable already.
func (p *produceRequest) durable() bool {
	for i := range p.topics {
		for j := range p.topics[i].parts {
			if part := &p.topics[i].parts[j]; part.err == nil && part.log.HighWatermark() <= part.info.LastOffset {
				return false
			}
		}
	}
	return true
}

// awaitDurable waits for all partitions: their syncs run at the same time, so the waits may come one after the other.
func (c *call) awaitDurable(p *produceRequest) {
	ctx, cancel := context.WithTimeout(c.conn.ctx, p.timeout)
	defer cancel()
	p.partitions(func(t *produceTopic, part *producePartition) {
		if part.err != nil {
			return
		}
		part.err = part.log.WaitDurable(ctx, part.info.LastOffset)
		c.noteOffline(t.topic, part.index, part.log, part.err)
	})
}

func (p *produceRequest) decodeHeader(r *reader) {
	r.flexible = p.version >= 9
	p.txnID, p.transactional = r.string()
	p.acks = r.int16()
	p.timeout = time.Duration(r.int32()) * time.Millisecond
}

// decodeTopics reads the rest. named, where set, is called for each topic when its name is known, and arrived for each partition when
// its records are, which are gone with the next.
func (p *produceRequest) decodeTopics(r *reader, named func(*produceTopic), arrived func(*produceTopic, *producePartition)) error {
	// Memory follows the bytes: a count is only a claim.
	for n := r.array(topicSize(r.flexible)); n > 0 && !r.bad; n-- {
		p.topics = append(p.topics, produceTopic{})
		t := &p.topics[len(p.topics)-1]
		if p.version >= 13 {
			t.id = r.uuid()
		} else {
			t.name, _ = r.string()
		}
		if named != nil && !r.bad {
			named(t)
		}
		count := r.array(5)
		t.parts = make([]producePartition, 0, min(count, 64))
		for ; count > 0 && !r.bad; count-- {
			t.parts = append(t.parts, producePartition{index: r.int32()})
			part := &t.parts[len(t.parts)-1]
			if part.records = r.bytes(); arrived != nil && !r.bad {
				arrived(t, part)
			}
			r.tags()
		}
		r.tags()
	}
	r.tags()
	if r.bad || r.left() != 0 {
		return errMalformed
	}
	return nil
}

func (p *produceRequest) release() {}

func (p *produceRequest) setThrottle(ms int32) { p.throttleMS = ms }

func (p *produceRequest) write(c *conn, at int) error {
	w := &writer{b: c.out, flexible: p.version >= 9}
	w.length(len(p.topics))
	for i := range p.topics {
		t := &p.topics[i]
		if p.version >= 13 {
			w.uuid(t.id)
		} else {
			w.string(t.name)
		}
		w.length(len(t.parts))
		for j := range t.parts {
			t.parts[j].write(w, p.version)
		}
		w.tags()
	}
	w.int32(p.throttleMS)
	w.tags()
	c.out = w.b
	c.setSize(at, 0)
	return nil
}

// tellsStart says whether an error comes with the start of the log, by which a client tells a producer id that was forgotten with its
// records from records that were lost (KIP-360): those for which Kafka looked into the log.
func (part *producePartition) tellsStart() bool {
	if !part.tried {
		return false
	}
	switch protocolError(part.err) {
	case kerr.InvalidRecord, kerr.InvalidTimestamp, kerr.OutOfOrderSequenceNumber, kerr.InvalidProducerEpoch, kerr.InvalidTxnState,
		kerr.UnknownProducerID:
		return true
	}
	return false
}

func (part *producePartition) write(w *writer, version int16) {
	first, start, appended := part.info.FirstOffset, part.info.LogStart, part.info.LogAppendTime
	if part.err != nil {
		first, appended = -1, -1
		if !part.tellsStart() {
			start = -1
		}
	}
	w.int32(part.index)
	w.int16(produceCode(part.err, version))
	w.int64(first)
	w.int64(appended)
	if version >= 5 {
		w.int64(start)
	}
	if version >= 8 {
		writeRecordErrors(w, part.err)
		message := messageOf(part.err)
		if message == nil {
			w.nullableString("", true)
		} else {
			w.nullableString(*message, false)
		}
	}
	w.tags()
}
