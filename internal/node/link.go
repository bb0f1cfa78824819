package node

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/millrace/millrace/internal/broker"
	"github.com/millrace/millrace/internal/broker/metadata"
	"github.com/millrace/millrace/internal/commitlog"
	logconn "github.com/millrace/millrace/internal/connector/log"
	"github.com/millrace/millrace/internal/engine/journal"
)

// logBroker hands the node's own log to the log connector: both halves of the
// node meet here, without a socket.
type logBroker struct {
	broker *broker.Broker
	// closing ends when the node closes.
	closing context.Context
	// ensure is held while a topic is looked up and made.
	ensure sync.Mutex
}

// Topics are the names of all topics but the node's own, in order.
func (l *logBroker) Topics() []string {
	var names []string
	for _, t := range l.broker.Metadata().Topics() {
		if !strings.HasPrefix(t.Name, "__") {
			names = append(names, t.Name)
		}
	}
	slices.Sort(names)
	return names
}

// EnsureTopic finds a topic or makes it.
func (l *logBroker) EnsureTopic(name string, partitions int, configs map[string]string) (logconn.Topic, error) {
	l.ensure.Lock()
	defer l.ensure.Unlock()
	meta := l.broker.Metadata()
	t := meta.Topic(name)
	if t == nil {
		if partitions < 1 {
			partitions = int(meta.SettingInt("num.partitions"))
		}
		made, err := meta.Create(name, int32(partitions), configs)
		if errors.Is(err, kerr.TopicAlreadyExists) {
			made, err = meta.Topic(name), nil
		}
		if err != nil {
			return logconn.Topic{}, err
		}
		t = made
	}
	out := logconn.Topic{Name: name, ID: logconn.TopicID(t.ID)}
	for i := range t.Partitions {
		p, err := openPartition(meta, t, i)
		if err != nil {
			return out, err
		}
		p.room = l.awaitSpace
		out.Partitions = append(out.Partitions, p)
	}
	return out, nil
}

// AllocateProducerID gives out a producer id.
func (l *logBroker) AllocateProducerID() (int64, error) {
	return l.broker.Metadata().AllocateProducerIDs(1)
}

// GroupOffset is the committed offset of a consumer group.
func (l *logBroker) GroupOffset(group, topic string, partition int) (int64, bool) {
	return l.broker.CommittedOffset(group, topic, int32(partition))
}

// partition is a partition of the log as its connector and the journals see it.
type partition struct {
	log *commitlog.Log
	// room waits while the disk is almost full, as clients do who are told to try again; nil for what is written all the same.
	room func() error
}

// spacePause is how often a waiting job asks whether the disk has room.
const spacePause = 100 * time.Millisecond

func (l *logBroker) awaitSpace() error {
	for l.broker.Metadata().SpaceLow() {
		select {
		case <-l.closing.Done():
			return context.Cause(l.closing)
		case <-time.After(spacePause):
		}
	}
	return nil
}

// openPartition opens a partition for a job. One that its disk has taken offline is read
// again: only the disk knows what it holds.
func openPartition(meta *metadata.Store, t *metadata.Topic, i int32) (partition, error) {
	log, err := meta.PartitionOf(t, i)
	if err == nil && log.Err() != nil {
		meta.Offline(t, i, log)
		log, err = meta.PartitionOf(t, i)
	}
	return partition{log: log}, err
}

// leaderEpoch is that of a node that never had a second leader.
const leaderEpoch = 0

// Append writes batches that the node itself made.
func (p partition) Append(batches []byte) (int64, error) {
	if p.room != nil {
		if err := p.room(); err != nil {
			return 0, err
		}
	}
	info, err := p.log.Append(batches, commitlog.Internal, leaderEpoch)
	return info.LastOffset, err
}

// AppendMarker ends a transaction of a producer.
func (p partition) AppendMarker(producerID int64, epoch int16, commit bool) (int64, error) {
	return p.log.AppendMarker(producerID, epoch, commit, 0)
}

// WaitDurable waits until offset can survive a crash.
func (p partition) WaitDurable(ctx context.Context, offset int64) error {
	return p.log.WaitDurable(ctx, offset)
}

func (p partition) read(offset int64, max int, buf []byte, limit commitlog.Limit, whole bool) ([]byte, error) {
	chunk, err := p.log.Read(offset, max, limit, true)
	if err != nil {
		return nil, err
	}
	defer chunk.Release()
	if whole && chunk.Damage != nil {
		return nil, chunk.Damage
	}
	if chunk.Range.Len == 0 {
		return nil, nil
	}
	return chunk.Bytes(buf)
}

// Read copies batches up to the last stable offset. Damaged ones are passed over, as by Kafka's clients.
func (p partition) Read(offset int64, max int, buf []byte) ([]byte, error) {
	return p.read(offset, max, buf, commitlog.LastStable, false)
}

// Aborted lists aborted transactions.
func (p partition) Aborted(from, to int64) ([]logconn.Aborted, error) {
	txns, err := p.log.AbortedTxns(from, to)
	out := make([]logconn.Aborted, len(txns))
	for i, t := range txns {
		out[i] = logconn.Aborted{ProducerID: t.ProducerID, First: t.FirstOffset, Last: t.LastOffset}
	}
	return out, err
}

func (p partition) StartOffset() int64      { return p.log.StartOffset() }
func (p partition) LastStableOffset() int64 { return p.log.LastStableOffset() }
func (p partition) HighWatermark() int64    { return p.log.HighWatermark() }
func (p partition) LastAppend() time.Time   { return p.log.LastAppend() }
func (p partition) Watch(fn func()) func()  { return p.log.Watch(fn) }

// OffsetForTime is the first offset at or after a time.
func (p partition) OffsetForTime(ts int64) (int64, bool, error) {
	offset, _, ok, err := p.log.OffsetForTime(ts)
	return offset, ok, err
}

// Producer is the partition's state of a producer.
func (p partition) Producer(id int64) (logconn.Producer, bool) {
	s, ok := p.log.Producer(id)
	return logconn.Producer{Epoch: s.Epoch, LastSequence: s.LastSequence, TxnFirst: s.TxnFirstOffset}, ok
}

// journalLog is a partition that a job's journal is written to. Nobody else writes
// it, and it is read before the job writes, so that its end is durable by then.
type journalLog struct{ partition }

func (j journalLog) Start() int64 { return j.log.StartOffset() }
func (j journalLog) End() int64   { return j.log.EndOffset() }

// Read copies batches up to the end. Damage is an error: a journal must know what it has lost.
func (j journalLog) Read(from int64, max int, buf []byte) ([]byte, error) {
	if from >= j.log.EndOffset() {
		return nil, nil
	}
	return j.read(from, max, buf, commitlog.End, true)
}

// DeleteBefore lets the log forget what a snapshot has replaced.
func (j journalLog) DeleteBefore(offset int64) error {
	_, err := j.log.DeleteBefore(offset)
	return err
}

var _ journal.Log = journalLog{}
