package txn

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// ErrRecord is a record of __transaction_state that cannot be read.
var ErrRecord = errors.New("malformed record of a transaction")

// Record is the key and value of __transaction_state, as Kafka writes it at transaction.version 2: a value of version 1, whose tags
// have what KIP-890 added.
func (t *Txn) Record() (key, value []byte) {
	k := kmsg.TxnMetadataKey{TransactionalID: t.ID}
	v := kmsg.NewTxnMetadataValue()
	v.Version = 1
	v.PreviousProducerID, v.NextProducerID, v.ClientTransactionVersion = t.LastProducerID, t.NextProducerID, t.Version
	v.ProducerID, v.ProducerEpoch, v.TimeoutMillis, v.State = t.ProducerID, t.Epoch, int32(t.Timeout.Milliseconds()), t.State
	v.LastUpdateTimestamp, v.StartTimestamp = t.Updated.UnixMilli(), -1
	if !t.Started.IsZero() {
		v.StartTimestamp = t.Started.UnixMilli()
	}
	if t.State != Empty {
		v.Topics = []kmsg.TxnMetadataValueTopic{} // Kafka writes null for a producer that has not begun
	}
	for _, p := range t.Sorted() {
		if n := len(v.Topics); n == 0 || v.Topics[n-1].Topic != p.Topic {
			v.Topics = append(v.Topics, kmsg.TxnMetadataValueTopic{Topic: p.Topic})
		}
		last := &v.Topics[len(v.Topics)-1]
		last.Partitions = append(last.Partitions, p.Partition)
	}
	return k.AppendTo(nil), v.AppendTo(nil)
}

// Tombstone is the record that gives an id up.
func (t *Txn) Tombstone() (key []byte) {
	k := kmsg.TxnMetadataKey{TransactionalID: t.ID}
	return k.AppendTo(nil)
}

// Replay applies a record read from the log.
func Replay(txns map[string]*Txn, key, value []byte) error {
	if len(key) < 2 || binary.BigEndian.Uint16(key) != 0 {
		return ErrRecord
	}
	var k kmsg.TxnMetadataKey
	if err := k.ReadFrom(key); err != nil {
		return errors.Join(ErrRecord, err)
	}
	if value == nil {
		delete(txns, k.TransactionalID)
		return nil
	}
	v := kmsg.NewTxnMetadataValue()
	if err := v.ReadFrom(value); err != nil {
		return errors.Join(ErrRecord, err)
	}
	t := &Txn{
		ID: k.TransactionalID, ProducerID: v.ProducerID, Epoch: v.ProducerEpoch, LastEpoch: -1, State: v.State,
		LastProducerID: v.PreviousProducerID, NextProducerID: v.NextProducerID, Version: v.ClientTransactionVersion,
		Timeout: time.Duration(v.TimeoutMillis) * time.Millisecond, Updated: time.UnixMilli(v.LastUpdateTimestamp),
		Partitions: map[Partition]struct{}{},
	}
	if v.StartTimestamp >= 0 {
		t.Started = time.UnixMilli(v.StartTimestamp)
	}
	for _, topic := range v.Topics {
		for _, p := range topic.Partitions {
			t.Partitions[Partition{topic.Topic, p}] = struct{}{}
		}
	}
	txns[t.ID] = t
	return nil
}
