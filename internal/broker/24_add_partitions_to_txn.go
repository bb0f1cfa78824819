package broker

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/txn"
)

// AddPartitionsToTxn, key 24. What v4 adds is for brokers among themselves.
//
//	v2  PRODUCER_FENCED instead of INVALID_PRODUCER_EPOCH (KIP-588)
//	v3  flexible
func init() { register(24, 0, 3, handleAddPartitionsToTxn) }

// The partitions join the transaction all, or, if one of them is not there, none.
func handleAddPartitionsToTxn(c *call, req *kmsg.AddPartitionsToTxnRequest) reply {
	var partitions []txn.Partition
	missing := map[txn.Partition]bool{}
	for _, t := range req.Topics {
		topic := c.meta.Topic(t.Topic)
		for _, i := range t.Partitions {
			p := txn.Partition{Topic: t.Topic, Partition: i}
			partitions = append(partitions, p)
			if topic == nil || topic.Internal() || i < 0 || i >= topic.Partitions {
				missing[p] = true
			}
		}
	}
	var at place
	var err error = kerr.OperationNotAttempted
	if len(missing) == 0 {
		at, err = c.states.add(req.TransactionalID, req.ProducerID, req.ProducerEpoch, partitions)
	}
	return later(func() kmsg.Response {
		if err == nil {
			err = c.states.settled(c.conn.ctx, at)
		}
		resp := req.ResponseKind().(*kmsg.AddPartitionsToTxnResponse)
		for _, t := range req.Topics {
			rt := kmsg.NewAddPartitionsToTxnResponseTopic()
			rt.Topic = t.Topic
			for _, i := range t.Partitions {
				rp := kmsg.NewAddPartitionsToTxnResponseTopicPartition()
				rp.Partition, rp.ErrorCode = i, txnCode(err, c.version >= 2)
				if missing[txn.Partition{Topic: t.Topic, Partition: i}] {
					rp.ErrorCode = kerr.UnknownTopicOrPartition.Code
				}
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
		return resp
	})
}
