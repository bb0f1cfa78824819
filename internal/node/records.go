package node

import (
	"bytes"
	"context"
	"fmt"
	"time"

	logconn "github.com/millrace/millrace/internal/connector/log"
	"github.com/millrace/millrace/internal/wire"
)

// Record is a record for, or from, a Go program that holds the node.
type Record struct {
	Partition  int
	Offset     int64
	Timestamp  time.Time
	Key, Value []byte
	// Index is the caller's.
	Index int
}

// Produce writes records to a topic, each to its key's partition, and waits until
// they are durable. It fills in Partition and Offset.
func (n *Node) Produce(ctx context.Context, topic string, records []*Record) error {
	t, err := n.link.EnsureTopic(topic, 0, nil)
	if err != nil {
		return err
	}
	byPartition := map[int][]*Record{}
	for _, r := range records {
		r.Partition = 0
		if r.Key != nil {
			r.Partition = logconn.PartitionOf(r.Key, len(t.Partitions))
		}
		byPartition[r.Partition] = append(byPartition[r.Partition], r)
	}
	last := map[int]int64{}
	for p, list := range byPartition {
		b := wire.NewBuilder(nil)
		for _, r := range list {
			if r.Timestamp.IsZero() {
				r.Timestamp = n.now()
			}
			b.Append(r.Timestamp.UnixMilli(), r.Key, r.Value, nil)
		}
		if last[p], err = t.Partitions[p].Append(b.Bytes()); err != nil {
			return err
		}
		for i, r := range list {
			r.Offset = last[p] - int64(len(list)-1-i)
		}
	}
	for p, offset := range last {
		if err := t.Partitions[p].WaitDurable(ctx, offset); err != nil {
			return err
		}
	}
	return nil
}

// consumeBytes is how much of a partition is read at once.
const consumeBytes = 256 << 10

// Consume calls fn with the committed records of a topic until it returns false,
// ctx ends, or, with untilEnd, the end that the topic has now is reached.
func (n *Node) Consume(ctx context.Context, topic string, untilEnd bool, fn func(*Record) bool) error {
	if n.broker.Metadata().Topic(topic) == nil {
		return fmt.Errorf("there is no topic %s", topic)
	}
	t, err := n.link.EnsureTopic(topic, 0, nil)
	if err != nil {
		return err
	}
	wake := make(chan struct{}, 1)
	readers := make([]*recordReader, len(t.Partitions))
	for i, p := range t.Partitions {
		readers[i] = &recordReader{partition: p, number: i, next: p.StartOffset(), end: -1}
		if untilEnd {
			readers[i].end = p.LastStableOffset()
		}
		defer p.Watch(func() {
			select {
			case wake <- struct{}{}:
			default:
			}
		})()
	}
	for {
		progress, left := false, false
		for _, r := range readers {
			more, ok, err := r.read(fn)
			if err != nil || !ok {
				return err
			}
			progress, left = progress || more, left || r.end < 0 || r.next < r.end
		}
		if !left {
			return nil
		}
		if progress {
			continue
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// recordReader reads a partition record by record, read_committed.
type recordReader struct {
	partition logconn.Partition
	number    int
	next, end int64
	buf       []byte
	scratch   wire.Decompressor
}

// read hands over what there is now; more says whether there was something, ok
// whether fn wants more.
func (r *recordReader) read(fn func(*Record) bool) (more, ok bool, err error) {
	if r.end >= 0 && r.next >= r.end {
		return false, true, nil
	}
	if r.buf, err = r.partition.Read(r.next, consumeBytes, r.buf[:0]); err != nil || len(r.buf) == 0 {
		return false, true, err
	}
	aborted, err := r.partition.Aborted(r.next, r.partition.LastStableOffset())
	if err != nil {
		return false, true, err
	}
	for rest := r.buf; len(rest) > 0; {
		var b wire.Batch
		if b, rest, err = wire.ParseBatch(rest); err != nil {
			return true, true, err
		}
		if !b.IsControl() && !logconn.IsAborted(aborted, b) {
			if ok, err = r.batch(b, fn); err != nil || !ok {
				return true, ok, err
			}
		}
		r.next = max(r.next, b.NextOffset())
	}
	return true, true, nil
}

func (r *recordReader) batch(b wire.Batch, fn func(*Record) bool) (ok bool, err error) {
	it := wire.Records(b, &r.scratch)
	for it.Next() {
		rec := it.Record()
		if rec.Offset < r.next || r.end >= 0 && rec.Offset >= r.end {
			continue
		}
		out := &Record{
			Partition: r.number, Offset: rec.Offset, Timestamp: time.UnixMilli(rec.Timestamp),
			Key: bytes.Clone(rec.Key), Value: bytes.Clone(rec.Value),
		}
		if !fn(out) {
			return false, nil
		}
	}
	return true, it.Err()
}
