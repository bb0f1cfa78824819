package broker

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/txn"
)

// AddOffsetsToTxn, key 25.
//
//	v2  PRODUCER_FENCED instead of INVALID_PRODUCER_EPOCH (KIP-588)
//	v3  flexible
//	v4  no change but the errors of KIP-890
func init() { register(25, 0, 4, handleAddOffsetsToTxn) }

func handleAddOffsetsToTxn(c *call, req *kmsg.AddOffsetsToTxnRequest) reply {
	resp := req.ResponseKind().(*kmsg.AddOffsetsToTxnResponse)
	var at place
	partition, err := c.offsetsPartition(req.Group)
	if err == nil {
		at, err = c.states.add(req.TransactionalID, req.ProducerID, req.ProducerEpoch, []txn.Partition{partition}, 0)
	}
	return later(func() kmsg.Response {
		if err == nil {
			err = c.states.settled(c.conn.ctx, at)
		}
		resp.ErrorCode = txnCode(err, c.version >= 2)
		return resp
	})
}

// offsetsPartition is where a group's offsets are.
func (b *Broker) offsetsPartition(id string) (txn.Partition, error) {
	t, err := b.internalTopic(offsetsTopic)
	if err != nil {
		return txn.Partition{}, err
	}
	return txn.Partition{Topic: offsetsTopic, Partition: slot(id, t.Partitions)}, nil
}
