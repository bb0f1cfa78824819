package broker

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/group"
)

// TxnOffsetCommit, key 28.
//
//	v2  leader epoch
//	v3  flexible; the member that commits, which a rebalance fences (KIP-447)
//	v4  TRANSACTION_ABORTABLE (KIP-890)
//	v5  the group joins its producer's transaction by committing to it (KIP-890, transaction.version 2)
func init() { register(28, 0, 5, handleTxnOffsetCommit) }

func handleTxnOffsetCommit(c *call, req *kmsg.TxnOffsetCommitRequest) reply {
	var offsets []offsetToCommit
	for _, t := range req.Topics {
		for _, p := range t.Partitions {
			offsets = append(offsets, newOffsetToCommit(t.Topic, p.Partition, p.Offset, p.LeaderEpoch, p.Metadata))
		}
	}
	at, err := c.commitInTransaction(req, offsets)
	return later(func() kmsg.Response {
		if err == nil {
			err = c.groups.settled(c.conn.ctx, at)
		}
		resp := req.ResponseKind().(*kmsg.TxnOffsetCommitResponse)
		for _, t := range req.Topics {
			rt := kmsg.NewTxnOffsetCommitResponseTopic()
			rt.Topic = t.Topic
			for _, p := range t.Partitions {
				rp := kmsg.NewTxnOffsetCommitResponseTopicPartition()
				rp.Partition, rp.ErrorCode = p.Partition, offsets[0].code(err)
				rt.Partitions, offsets = append(rt.Partitions, rp), offsets[1:]
			}
			resp.Topics = append(resp.Topics, rt)
		}
		return resp
	})
}

// commitInTransaction is to __consumer_offsets what Produce is to other topics: the transaction is held open while it appends.
func (c *call) commitInTransaction(req *kmsg.TxnOffsetCommitRequest, offsets []offsetToCommit) (at place, err error) {
	partition, err := c.offsetsPartition(req.Group)
	if err != nil {
		return at, err
	}
	leave, errs := c.states.Enter(c.conn.ctx, TxnBatch{
		ID: req.TransactionalID, ProducerID: req.ProducerID, Epoch: req.ProducerEpoch, Partitions: []TxnPartition{TxnPartition(partition)},
	}, c.version >= 5)
	defer leave()
	if errs[0] != nil {
		return at, offsetsError(errs[0], c.version >= 4)
	}
	by := group.Committer{MemberID: req.MemberID, InstanceID: req.InstanceID, Generation: req.Generation, InTxn: true}
	if c.version < 3 {
		by.Generation = -1
	}
	return c.groups.commit(req.Group, by, req.ProducerID, req.ProducerEpoch, offsets)
}

// offsetsError is what Enter says, in words that TxnOffsetCommit's clients know.
func offsetsError(err error, knowsAbortable bool) error {
	switch {
	case errors.Is(err, kerr.NotEnoughReplicas):
		return kerr.CoordinatorNotAvailable // the client tries again
	case errors.Is(err, kerr.TransactionAbortable) && !knowsAbortable:
		return kerr.InvalidTxnState
	}
	return err
}
