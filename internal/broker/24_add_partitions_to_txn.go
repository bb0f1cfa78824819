package broker

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/txn"
)

// AddPartitionsToTxn, key 24.
//
//	v2  PRODUCER_FENCED instead of INVALID_PRODUCER_EPOCH (KIP-588)
//	v3  flexible
//	v4  several transactions at once, and asking whether a partition is in one (KIP-890): for brokers among themselves
//	v5  no change but TRANSACTION_ABORTABLE
func init() { register(24, 0, 5, handleAddPartitionsToTxn) }

// addition is one transaction of a request, and what becomes of it. The partitions join all, or, if one of them is not there, none.
type addition struct {
	kmsg.AddPartitionsToTxnRequestTransaction
	missing map[txn.Partition]bool
	at      place
	err     error
	errs    map[txn.Partition]error // of VerifyOnly
}

func handleAddPartitionsToTxn(c *call, req *kmsg.AddPartitionsToTxnRequest) reply {
	var list []addition
	if c.version < 4 {
		one := kmsg.NewAddPartitionsToTxnRequestTransaction()
		one.TransactionalID, one.ProducerID, one.ProducerEpoch = req.TransactionalID, req.ProducerID, req.ProducerEpoch
		for _, t := range req.Topics {
			one.Topics = append(one.Topics, kmsg.AddPartitionsToTxnRequestTransactionTopic{Topic: t.Topic, Partitions: t.Partitions})
		}
		list = append(list, addition{AddPartitionsToTxnRequestTransaction: one})
	}
	for _, t := range req.Transactions {
		list = append(list, addition{AddPartitionsToTxnRequestTransaction: t})
	}
	for i := range list {
		c.addPartitions(&list[i])
	}
	return later(func() kmsg.Response { return c.answerAdditions(req, list) })
}

func (c *call) addPartitions(a *addition) {
	var partitions []txn.Partition
	a.missing, a.errs = map[txn.Partition]bool{}, map[txn.Partition]error{}
	for _, t := range a.Topics {
		topic := c.meta.Topic(t.Topic)
		for _, i := range t.Partitions {
			p := txn.Partition{Topic: t.Topic, Partition: i}
			partitions = append(partitions, p)
			if topic == nil || topic.Internal() || i < 0 || i >= topic.Partitions {
				a.missing[p] = true
			}
		}
	}
	switch {
	case len(a.missing) > 0:
		a.err = kerr.OperationNotAttempted
	case a.VerifyOnly:
		a.err = c.states.verify(a.TransactionalID, a.ProducerID, a.ProducerEpoch, partitions, a.errs)
	default:
		a.at, a.err = c.states.add(a.TransactionalID, a.ProducerID, a.ProducerEpoch, partitions, 0)
	}
}

// verify says for each partition whether it is in the producer's transaction.
func (tc *transactions) verify(id string, pid int64, epoch int16, partitions []txn.Partition, errs map[txn.Partition]error) error {
	if id == "" {
		return kerr.InvalidRequest
	}
	tc.mu.Lock()
	defer tc.mu.Unlock()
	if err := tc.load(); err != nil {
		return err
	}
	for _, p := range partitions {
		errs[p] = tc.get(id).Verify(pid, epoch, p)
	}
	return nil
}

func (c *call) answerAdditions(req *kmsg.AddPartitionsToTxnRequest, list []addition) kmsg.Response {
	resp := req.ResponseKind().(*kmsg.AddPartitionsToTxnResponse)
	for i := range list {
		a := &list[i]
		if a.err == nil {
			a.err = c.states.settled(c.conn.ctx, a.at)
		}
		st := kmsg.NewAddPartitionsToTxnResponseTransaction()
		st.TransactionalID = a.TransactionalID
		for _, t := range a.Topics {
			rt := kmsg.NewAddPartitionsToTxnResponseTransactionTopic()
			rt.Topic = t.Topic
			for _, i := range t.Partitions {
				rp := kmsg.NewAddPartitionsToTxnResponseTransactionTopicPartition()
				rp.Partition, rp.ErrorCode = i, a.code(txn.Partition{Topic: t.Topic, Partition: i}, c.version)
				rt.Partitions = append(rt.Partitions, rp)
			}
			st.Topics = append(st.Topics, rt)
		}
		resp.Transactions = append(resp.Transactions, st)
	}
	if c.version < 4 {
		for _, t := range resp.Transactions[0].Topics {
			rt := kmsg.NewAddPartitionsToTxnResponseTopic()
			rt.Topic = t.Topic
			for _, p := range t.Partitions {
				rt.Partitions = append(rt.Partitions, kmsg.AddPartitionsToTxnResponseTopicPartition{Partition: p.Partition, ErrorCode: p.ErrorCode})
			}
			resp.Topics = append(resp.Topics, rt)
		}
		resp.Transactions = nil
	}
	return resp
}

func (a *addition) code(p txn.Partition, version int16) int16 {
	switch {
	case a.missing[p]:
		return kerr.UnknownTopicOrPartition.Code
	case a.err == nil:
		return txnCode(a.errs[p], version >= 2)
	}
	return txnCode(a.err, version >= 2)
}
