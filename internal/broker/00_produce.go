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
//	v12  a partition joins its producer's transaction by being produced to (KIP-890, transaction.version 2)
//	v13  topic ids instead of names (KIP-516)
//
// Acks of 1 and -1 mean the same here: there is one replica, and what is acknowledged is on disk. The errors that leave here are
// those after which the Java client neither duplicates nor reorders (KAFKA-14034): see protocolError.
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
	records []byte // aliases the request: nil once appended
	log     *commitlog.Log
	info    commitlog.AppendInfo
	err     error
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

func handleProduce(c *call, body []byte) (reply, error) {
	p, err := decodeProduce(body, c.version)
	if err != nil {
		return reply{}, err
	}
	for i := range p.topics {
		t := &p.topics[i]
		if c.version >= 13 {
			t.topic = c.meta.TopicByID(t.id)
		} else {
			t.topic = c.meta.Topic(t.name)
		}
		t.denied = !c.mayUse(auth.Write, t.topic, t.name)
	}
	p.denied = p.transactional && !c.allowed(auth.Write, auth.TransactionalID, p.txnID)
	p.partitions(func(t *produceTopic, part *producePartition) { part.err = c.admitProduce(p, t, part) })
	leave := c.enterTransaction(p)
	p.partitions(func(t *produceTopic, part *producePartition) {
		if part.err == nil {
			part.info, part.err = part.log.Append(part.records, commitlog.FromClient, leaderEpoch)
			c.noteOffline(t.topic, part.index, part.log, part.err)
		}
		part.records = nil
	})
	leave()
	if p.acks == 0 {
		return reply{silent: true}, p.failure()
	}
	return reply{wait: func() reply {
		c.awaitDurable(p)
		return reply{body: p}
	}}, nil
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
	switch {
	case p.acks < -1 || p.acks > 1:
		return kerr.InvalidRequiredAcks
	case p.denied:
		return kerr.TransactionalIDAuthorizationFailed
	case t.denied:
		return kerr.TopicAuthorizationFailed
	case t.topic == nil && p.version >= 13:
		return kerr.UnknownTopicID
	case t.topic == nil:
		return kerr.UnknownTopicOrPartition
	case t.topic.Internal():
		return kerr.InvalidTopicException
	}
	h, _, err := wire.ParseHeader(part.records)
	if err == nil && h.Codec() == wire.Zstd && p.version < 7 {
		return kerr.UnsupportedCompressionType
	}
	part.log, err = b.meta.PartitionOf(t.topic, part.index)
	return err
}

// enterTransaction asks the transaction coordinator about transactional batches, and holds their transaction open while they are
// appended.
func (c *call) enterTransaction(p *produceRequest) (leave func()) {
	txn := TxnBatch{ID: p.txnID}
	var parts []*producePartition
	p.partitions(func(t *produceTopic, part *producePartition) {
		h, _, err := wire.ParseHeader(part.records)
		if err != nil || part.err != nil || !h.IsTransactional() {
			return
		}
		if !p.transactional || c.txns == nil || len(parts) > 0 && (h.ProducerID() != txn.ProducerID || h.ProducerEpoch() != txn.Epoch) {
			part.err = kerr.InvalidTxnState
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
		part.err = errs[i]
	}
	return leave
}

// noteOffline gives up a log that went offline, so that the client's next try meets it read again from disk.
func (b *Broker) noteOffline(t *metadata.Topic, i int32, log *commitlog.Log, err error) {
	if errors.Is(err, commitlog.ErrOffline) {
		b.meta.Offline(t, i, log)
	}
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

func decodeProduce(body []byte, version int16) (*produceRequest, error) {
	r := &reader{b: body, flexible: version >= 9}
	p := &produceRequest{version: version}
	p.txnID, p.transactional = r.string()
	p.acks = r.int16()
	p.timeout = time.Duration(r.int32()) * time.Millisecond
	p.topics = make([]produceTopic, r.array(6))
	for i := range p.topics {
		t := &p.topics[i]
		if version >= 13 {
			t.id = r.uuid()
		} else {
			t.name, _ = r.string()
		}
		t.parts = make([]producePartition, r.array(5))
		for j := range t.parts {
			t.parts[j].index = r.int32()
			t.parts[j].records = r.bytes()
			r.tags()
		}
		r.tags()
	}
	r.tags()
	if r.bad || len(r.b) != 0 {
		return nil, errMalformed
	}
	return p, nil
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

func (part *producePartition) write(w *writer, version int16) {
	first, start, appended := part.info.FirstOffset, part.info.LogStart, part.info.LogAppendTime
	if part.err != nil {
		first, start, appended = -1, -1, -1
	}
	w.int32(part.index)
	w.int16(codeOf(part.err))
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
