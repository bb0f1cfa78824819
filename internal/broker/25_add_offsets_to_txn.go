package broker

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/txn"
)

// AddOffsetsToTxn, key 25.
//
//	v2  PRODUCER_FENCED instead of INVALID_PRODUCER_EPOCH (KIP-588)
//	v3  flexible
func init() { register(25, 0, 3, handleAddOffsetsToTxn) }

func handleAddOffsetsToTxn(c *call, req *kmsg.AddOffsetsToTxnRequest) reply {
	resp := req.ResponseKind().(*kmsg.AddOffsetsToTxnResponse)
	if req.Group == "" {
		resp.ErrorCode = kerr.InvalidGroupID.Code
		return answer(resp)
	}
	var at place
	partition, err := c.offsetsPartition(req.Group)
	if err == nil {
		at, err = c.states.add(req.TransactionalID, req.ProducerID, req.ProducerEpoch, []txn.Partition{partition})
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
