// Package log is the connector of the embedded log: tables that are topics of the
// node itself. It declares what it needs of a broker and is handed the real one, so
// that log and processor meet without a socket and without an import.
package log

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/types"
)

// Broker is what the connector needs of the node's log.
type Broker interface {
	// Topics are the names of the topics that there are, in order.
	Topics() []string
	// EnsureTopic makes the topic if there is none and returns it. partitions
	// and configs count only for a topic that is made; partitions < 1 means the
	// broker's default.
	EnsureTopic(name string, partitions int, configs map[string]string) (Topic, error)
	// AllocateProducerID gives out a producer id that was never given before.
	AllocateProducerID() (int64, error)
	// GroupOffset is the committed offset of a consumer group.
	GroupOffset(group, topic string, partition int) (offset int64, ok bool)
}

// Reading is what a source needs of a broker: the node's own, or another cluster's.
type Reading interface {
	// Topics are the names of the topics that there are, in order.
	Topics(ctx context.Context) ([]string, error)
	// OpenTopic finds a topic.
	OpenTopic(ctx context.Context, name string) (ReadTopic, error)
	// GroupOffset is the committed offset of a consumer group.
	GroupOffset(ctx context.Context, group, topic string, partition int) (offset int64, ok bool, err error)
}

// ReadTopic is a topic to read, with its partitions in order.
type ReadTopic struct {
	Name       string
	ID         TopicID
	Partitions []ReadPartition
}

// TopicID is a topic's identity: a topic deleted and made again has another one.
type TopicID [16]byte

// Topic is a topic with its partitions in order.
type Topic struct {
	Name       string
	ID         TopicID
	Partitions []Partition
}

// ReadPartition is one partition to read, read_committed. It is safe for concurrent
// use.
type ReadPartition interface {
	// Read gives whole batches from the one that contains offset on, about max
	// bytes but at least one batch, and not past the last stable offset; nothing
	// if there is nothing yet. It may use buf, which the caller gives up.
	Read(offset int64, max int, buf []byte) ([]byte, error)
	// Aborted lists the aborted transactions that reach into [from, to); from is the
	// offset that was read last.
	Aborted(from, to int64) ([]Aborted, error)
	StartOffset() int64
	LastStableOffset() int64
	// OffsetForTime is the first offset whose timestamp is ts or later.
	OffsetForTime(ts int64) (offset int64, ok bool, err error)
	// Watch calls fn, which must not block, whenever more can be read.
	Watch(fn func()) (cancel func())
	// LastAppend is when the partition last got a batch, zero if never.
	LastAppend() time.Time
}

// Partition is one partition of the embedded log. It is safe for concurrent use.
type Partition interface {
	ReadPartition
	// HighWatermark is the end of what is durable: what lies between the last stable
	// offset and it belongs to transactions that are open, or stands behind them.
	HighWatermark() int64
	// Append gives the batches their offsets and writes them; they are not
	// durable yet. It returns the last offset.
	Append(batches []byte) (last int64, err error)
	// AppendMarker ends the open transaction of a producer and returns the marker's
	// offset.
	AppendMarker(producerID int64, epoch int16, commit bool) (offset int64, err error)
	// WaitDurable waits until offset can survive a crash.
	WaitDurable(ctx context.Context, offset int64) error
	// Producer is what the partition knows of a producer.
	Producer(producerID int64) (Producer, bool)
}

// Aborted is an aborted transaction: all batches of the producer in
// [First, Last] are dropped by a read_committed reader.
type Aborted struct{ ProducerID, First, Last int64 }

// Producer is a partition's state of a producer. TxnFirst is the first offset of
// its open transaction, -1 if none is open.
type Producer struct {
	Epoch        int16
	LastSequence int32
	TxnFirst     int64
}

var options = []connector.Option{
	{Name: "topic", Type: "string", Check: checkTopics, Doc: "The topic, or a list separated by ';' for a table that is only read; the table's name if not given."},
	{Name: "topic-pattern", Type: "string", Check: checkPattern, Doc: "The topics of a table that is only read, by a regular expression over their whole names; taken when the job starts."},
	{Name: "topic.partitions", Type: "int", Check: connector.Between(1, maxPartitions), Doc: "Number of partitions if the topic has to be made; millrace's own option."},
	{Name: "key.fields", Type: "string", Doc: "Columns of the record's key, separated by ';'. A primary key is the default."},
	{Name: "key.fields-prefix", Type: "string", Doc: "Prefix that the key's columns have in the table and not in the key."},
	{Name: "value.fields-include", Type: "enum", Values: []string{"ALL", "EXCEPT_KEY"}, Default: "ALL", Doc: "Whether the value repeats the key's columns."},
	{Name: "scan.startup.mode", Type: "enum", Values: []string{"earliest-offset", "latest-offset", "group-offsets", "timestamp", "specific-offsets"}, Default: "earliest-offset", Doc: "Where a new job begins to read."},
	{Name: "scan.startup.timestamp-millis", Type: "int", Check: connector.AtLeast(0), Doc: "Start of the mode timestamp, epoch milliseconds."},
	{Name: "scan.startup.specific-offsets", Type: "string", Check: checkOffsets, Doc: "Start of the mode specific-offsets: 'partition:0,offset:42;partition:1,offset:300'."},
	{Name: "scan.bounded.mode", Type: "enum", Values: []string{"unbounded", "latest-offset", "group-offsets", "timestamp", "specific-offsets"}, Default: "unbounded", Doc: "Where a job ends; taken when it starts."},
	{Name: "scan.bounded.timestamp-millis", Type: "int", Check: connector.AtLeast(0), Doc: "End of the mode timestamp, epoch milliseconds."},
	{Name: "scan.bounded.specific-offsets", Type: "string", Check: checkOffsets, Doc: "End of the mode specific-offsets."},
	{Name: "sink.partitioner", Type: "enum", Values: []string{"default", "fixed", "round-robin"}, Default: "default", Doc: "Partition of a record without a key; records with one go by its murmur2 hash, as in Kafka."},
	{Name: "sink.delivery-guarantee", Type: "enum", Values: []string{connector.ExactlyOnce, connector.AtLeastOnce, connector.NoGuarantee}, Default: connector.ExactlyOnce, Doc: "How results are written: seen when committed, and once; seen at once, and some again after a failure; or without waiting for the disk either. Not given, 'execution.checkpointing.mode' says so too."},
	{Name: "sink.transactional-id-prefix", Type: "string", Doc: "Accepted for Flink's sake; the job's journal is the coordinator."},
	{Name: "properties.", Type: "map", Doc: "Client properties; of these group.id acts here."},
}

var metadata = []connector.Column{
	// Flink's writable topic chooses among several; a table has one here.
	{Name: "topic", Metadata: "topic", Type: types.TString.Required(), Virtual: true},
	{Name: "partition", Metadata: "partition", Type: types.TInt.Required(), Virtual: true},
	{Name: "offset", Metadata: "offset", Type: types.TBigInt.Required(), Virtual: true},
	{Name: "headers", Metadata: "headers", Type: types.TMap(types.TString, types.TBytes).Required()},
	{Name: "leader-epoch", Metadata: "leader-epoch", Type: types.TInt, Virtual: true},
	{Name: "timestamp", Metadata: "timestamp", Type: types.TTimestampLTZ(3).Required()},
	{Name: "timestamp-type", Metadata: "timestamp-type", Type: types.TString.Required(), Virtual: true},
}

// Factory is the connector over a broker.
func Factory(b Broker) *connector.Factory {
	return &connector.Factory{
		Name:     "log",
		Summary:  "A topic of the embedded log. A table without a connector, or with Flink's kafka or upsert-kafka and no bootstrap servers, is one.",
		Options:  options,
		Formats:  connector.KeyAndValue,
		Metadata: metadata,
		Check:    Check,
		Touches:  touches,

		DefaultFormat: defaultFormat,
		NewSource: func(t connector.Table, env connector.Env) (connector.Source, error) {
			l, err := newLayout(t, env)
			if err != nil {
				return nil, err
			}
			return newSource(l, &own{l, b})
		},
		NewSink: func(t connector.Table, env connector.Env) (connector.Sink, error) {
			l, err := newLayout(t, env)
			if err != nil {
				return nil, err
			}
			if err := l.writable(); err != nil {
				return nil, err
			}
			if _, _, err := l.encoders(); err != nil {
				return nil, err
			}
			return newSink(l, b)
		},
	}
}

// NewSource is the source of a table over any broker: formats, positions and modes of
// reading are the same for all.
func NewSource(t connector.Table, env connector.Env, b Reading) (connector.Source, error) {
	l, err := newLayout(t, env)
	if err != nil {
		return nil, err
	}
	return newSource(l, b)
}

// own is the embedded log as sources see it. A topic that is named is made if there is
// none: the job may begin before its first record comes.
type own struct {
	*layout
	broker Broker
}

func (o *own) Topics(context.Context) ([]string, error) { return o.broker.Topics(), nil }

func (o *own) OpenTopic(_ context.Context, name string) (ReadTopic, error) {
	t, err := o.ensure(o.broker, name)
	out := ReadTopic{Name: t.Name, ID: t.ID, Partitions: make([]ReadPartition, len(t.Partitions))}
	for i, p := range t.Partitions {
		out.Partitions[i] = p
	}
	return out, err
}

func (o *own) GroupOffset(_ context.Context, group, topic string, partition int) (int64, bool, error) {
	offset, ok := o.broker.GroupOffset(group, topic, partition)
	return offset, ok, nil
}

// topicsOf are the topics that a table is; "*", which stands for all, of one by a pattern.
func topicsOf(t connector.Table) []string {
	if t.Options["topic-pattern"] != "" {
		return []string{"*"}
	}
	return strings.Split(cmp.Or(t.Options["topic"], t.Path[2]), ";")
}

// transactionalID names the transactions of tables that give no prefix, to who decides
// on the right to open some: a transaction holds back the readers of its topics.
const transactionalID = "millrace"

func touches(t connector.Table, write bool) connector.Touches {
	out := connector.Touches{Topics: topicsOf(t)}
	if write {
		if g := t.Options["sink.delivery-guarantee"]; g == "" || g == "exactly-once" {
			out.TransactionalID = cmp.Or(t.Options["sink.transactional-id-prefix"], transactionalID)
		}
		return out
	}
	if t.Options["scan.startup.mode"] == "group-offsets" || t.Options["scan.bounded.mode"] == "group-offsets" {
		out.Group = t.Options["properties.group.id"]
	}
	return out
}
