package broker

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/auth"
)

// The guards of APIs that are about producers and their transactions.
func init() {
	guarded(22, guardInitProducerID)
	guarded(24, guardAddPartitionsToTxn)
	guarded(25, func(c *call, req *kmsg.AddOffsetsToTxnRequest, next func() reply) reply {
		code := txnDenied
		if c.allowed(auth.Write, auth.TransactionalID, req.TransactionalID) {
			if code = groupDenied; c.allowed(auth.Read, auth.Group, req.Group) {
				return next()
			}
		}
		return respond(req, func(resp *kmsg.AddOffsetsToTxnResponse) { resp.ErrorCode = code })
	})
	whole(26, func(c *call, req *kmsg.EndTxnRequest) bool {
		return c.allowed(auth.Write, auth.TransactionalID, req.TransactionalID)
	},
		func(resp *kmsg.EndTxnResponse) { resp.ErrorCode = txnDenied })
	guarded(27, guardWriteTxnMarkers)
	guarded(28, guardTxnOffsetCommit)
	guarded(65, guardDescribeTransactions)
	guarded(66, func(c *call, _ *kmsg.ListTransactionsRequest, next func() reply) reply {
		return edit(next(), func(resp *kmsg.ListTransactionsResponse) {
			resp.TransactionStates = slices.DeleteFunc(resp.TransactionStates, func(t kmsg.ListTransactionsResponseTransactionState) bool {
				return !c.allowed(auth.Describe, auth.TransactionalID, t.TransactionalID)
			})
		})
	})
}

// guardInitProducerID: a producer without transactions needs a topic that it may write to, or the old right of idempotent producers
// (KIP-679).
func guardInitProducerID(c *call, req *kmsg.InitProducerIDRequest, next func() reply) reply {
	code := txnDenied
	switch {
	case req.TransactionalID != nil:
		if c.allowed(auth.Write, auth.TransactionalID, *req.TransactionalID) {
			return next()
		}
	case c.allowedCluster(auth.IdempotentWrite) || c.allowedSome(auth.Write, auth.Topic):
		return next()
	default:
		code = clusterDenied
	}
	return respond(req, func(resp *kmsg.InitProducerIDResponse) {
		resp.ErrorCode, resp.ProducerID, resp.ProducerEpoch = code, -1, -1
	})
}

// guardAddPartitionsToTxn: the partitions join the transaction all or none, so one that is denied keeps the others out.
func guardAddPartitionsToTxn(c *call, req *kmsg.AddPartitionsToTxnRequest, next func() reply) reply {
	if c.version >= 4 { // which brokers send each other
		if c.allowedCluster(auth.ClusterAction) {
			return next()
		}
		return respond(req, func(resp *kmsg.AddPartitionsToTxnResponse) { resp.ErrorCode = clusterDenied })
	}
	may := c.allowed(auth.Write, auth.TransactionalID, req.TransactionalID)
	if may && !slices.ContainsFunc(req.Topics, func(t kmsg.AddPartitionsToTxnRequestTopic) bool {
		return !c.allowed(auth.Write, auth.Topic, t.Topic)
	}) {
		return next()
	}
	return respond(req, func(resp *kmsg.AddPartitionsToTxnResponse) {
		for _, t := range req.Topics {
			rt := kmsg.NewAddPartitionsToTxnResponseTopic()
			rt.Topic = t.Topic
			topic := c.meta.Topic(t.Topic)
			for _, p := range t.Partitions {
				rp := kmsg.NewAddPartitionsToTxnResponseTopicPartition()
				switch rp.Partition = p; {
				case !may:
					rp.ErrorCode = txnDenied
				case !c.allowed(auth.Write, auth.Topic, t.Topic):
					rp.ErrorCode = topicDenied
				case topic == nil || p < 0 || p >= topic.Partitions:
					rp.ErrorCode = kerr.UnknownTopicOrPartition.Code
				default:
					rp.ErrorCode = kerr.OperationNotAttempted.Code
				}
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
	})
}

// guardWriteTxnMarkers: a broker's right, or, to abort a hanging transaction, that to alter the cluster (KIP-664).
func guardWriteTxnMarkers(c *call, req *kmsg.WriteTxnMarkersRequest, next func() reply) reply {
	if c.allowedCluster(auth.Alter) || c.allowedCluster(auth.ClusterAction) {
		return next()
	}
	return respond(req, func(resp *kmsg.WriteTxnMarkersResponse) {
		for _, m := range req.Markers {
			rm := kmsg.NewWriteTxnMarkersResponseMarker()
			rm.ProducerID = m.ProducerID
			for _, t := range m.Topics {
				rt := kmsg.NewWriteTxnMarkersResponseMarkerTopic()
				rt.Topic = t.Topic
				for _, p := range t.Partitions {
					rp := kmsg.NewWriteTxnMarkersResponseMarkerTopicPartition()
					rp.Partition, rp.ErrorCode = p, clusterDenied
					rt.Partitions = append(rt.Partitions, rp)
				}
				rm.Topics = append(rm.Topics, rt)
			}
			resp.Markers = append(resp.Markers, rm)
		}
	})
}

func guardTxnOffsetCommit(c *call, req *kmsg.TxnOffsetCommitRequest, next func() reply) reply {
	code := int16(0)
	switch {
	case !c.allowed(auth.Write, auth.TransactionalID, req.TransactionalID):
		code = txnDenied
	case !c.allowed(auth.Read, auth.Group, req.Group):
		code = groupDenied
	}
	denied := split(&req.Topics, func(t *kmsg.TxnOffsetCommitRequestTopic) bool {
		return code == 0 && c.mayTopic(auth.Read, t.Topic, t.TopicID)
	})
	r := respond(req, func(*kmsg.TxnOffsetCommitResponse) {})
	if code == 0 {
		code = topicDenied
		if len(denied) == 0 || len(req.Topics) > 0 {
			r = next()
		}
	}
	return edit(r, func(resp *kmsg.TxnOffsetCommitResponse) {
		for _, t := range denied {
			rt := kmsg.NewTxnOffsetCommitResponseTopic()
			rt.Topic, rt.TopicID = t.Topic, t.TopicID
			for _, p := range t.Partitions {
				rp := kmsg.NewTxnOffsetCommitResponseTopicPartition()
				rp.Partition, rp.ErrorCode = p.Partition, code
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
	})
}

func guardDescribeTransactions(c *call, req *kmsg.DescribeTransactionsRequest, next func() reply) reply {
	denied := split(&req.TransactionalIDs, func(id *string) bool { return c.allowed(auth.Describe, auth.TransactionalID, *id) })
	return edit(next(), func(resp *kmsg.DescribeTransactionsResponse) {
		for i := range resp.TransactionStates {
			s := &resp.TransactionStates[i]
			s.Topics = slices.DeleteFunc(s.Topics, func(t kmsg.DescribeTransactionsResponseTransactionStateTopic) bool {
				return !c.allowed(auth.Describe, auth.Topic, t.Topic)
			})
		}
		for _, id := range denied {
			rs := kmsg.NewDescribeTransactionsResponseTransactionState()
			rs.TransactionalID, rs.ErrorCode = id, txnDenied
			resp.TransactionStates = append(resp.TransactionStates, rs)
		}
	})
}
