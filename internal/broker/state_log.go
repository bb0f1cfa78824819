package broker

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf16"

	"github.com/millrace/millrace/internal/commitlog"
	"github.com/millrace/millrace/internal/wire"
)

// The coordinators' topics.
const (
	offsetsTopic = "__consumer_offsets"
	txnTopic     = "__transaction_state"
	shareTopic   = "__share_group_state"
)

// errNotLoaded is told to who waited when a coordinator gave up its memory, because the log did not take what it had decided.
var errNotLoaded = errors.New("the coordinator reads its log again")

// place is where in a log something was written, or the end of what had been when something was read.
type place struct {
	log    *commitlog.Log
	offset int64
}

func (p place) durable(ctx context.Context) error {
	if p.log == nil || p.offset < p.log.HighWatermark() {
		return nil
	}
	return p.log.WaitDurable(ctx, p.offset)
}

// endOf is the place of the last record.
func endOf(log *commitlog.Log) place { return place{log, log.EndOffset() - 1} }

// slot is the partition, of n, that holds a key, as Kafka finds it: by Java's hash of a string.
func slot(key string, n int32) int32 {
	var h int32
	for _, u := range utf16.Encode([]rune(key)) {
		h = 31*h + int32(u)
	}
	return h & 0x7fffffff % n
}

// stateLog finds the partition of a coordinator's topic for a key, creating the topic if it is not there.
func (b *Broker) stateLog(topic, key string) (*commitlog.Log, int32, error) {
	t, err := b.internalTopic(topic)
	if err != nil {
		return nil, 0, err
	}
	i := slot(key, t.Partitions)
	log, err := b.meta.PartitionOf(t, i)
	return log, i, err
}

// giveUpOffline gives up the partitions of a coordinator's topic whose disk failed, so that reading them again reads the disk.
func (b *Broker) giveUpOffline(topic string) {
	t := b.meta.Topic(topic)
	if t == nil {
		return
	}
	for i := range t.Partitions {
		if log, err := b.meta.OpenLog(t, i); err == nil && log != nil {
			b.noteOffline(t, i, log, log.Err())
		}
	}
}

// replay reads a coordinator's topic from its start: partition, batch, and record, which is nil for a control batch. Damaged records
// are passed over, and the log reports them; those that make no sense are reported here. None must take all groups with it.
func (b *Broker) replay(topic string, apply func(i int32, batch wire.Batch, r *wire.Record) error) error {
	t := b.meta.Topic(topic)
	if t == nil {
		return nil
	}
	for i := range t.Partitions {
		log, err := b.meta.OpenLog(t, i)
		if err != nil {
			return err
		}
		if log == nil {
			continue
		}
		report := func(err error) { b.config.Report(fmt.Sprintf("reading %s-%d: %v", topic, i, err)) }
		if err := replayLog(log, report, func(batch wire.Batch, r *wire.Record) error { return apply(i, batch, r) }); err != nil {
			return err
		}
	}
	return nil
}

// replayBytes is how much is read at a time.
const replayBytes = 1 << 20

func replayLog(log *commitlog.Log, report func(error), apply func(wire.Batch, *wire.Record) error) error {
	var buf []byte
	var scratch wire.Decompressor
	for at := log.StartOffset(); at < log.EndOffset(); {
		chunk, err := log.Read(at, replayBytes, commitlog.End, true)
		if err != nil {
			return err
		}
		buf, err = chunk.Bytes(buf)
		chunk.Release()
		if err != nil {
			return err
		}
		if len(buf) == 0 {
			return fmt.Errorf("offset %d of %d is not there", at, log.EndOffset())
		}
		// What a state machine keeps of a record are copies that kmsg makes, or bytes of the chunk: those must not be read over.
		rest := append([]byte(nil), buf...)
		for len(rest) > 0 {
			var batch wire.Batch
			if batch, rest, err = wire.ParseBatch(rest); err != nil {
				return err
			}
			if err := replayBatch(batch, &scratch, apply); err != nil {
				report(err)
			}
			at = batch.NextOffset()
		}
	}
	return nil
}

func replayBatch(batch wire.Batch, scratch *wire.Decompressor, apply func(wire.Batch, *wire.Record) error) (bad error) {
	if batch.IsControl() && batch.RecordCount() == 0 {
		return nil // what compaction has left of a marker, when all that it decided was gone
	}
	if batch.IsControl() {
		return apply(batch, nil)
	}
	it := wire.Records(batch, scratch)
	for it.Next() {
		if err := apply(batch, it.Record()); err != nil {
			bad = err
		}
	}
	return errors.Join(bad, it.Err())
}
