package broker

import (
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/txn"
)

// InitProducerId, key 22.
//
//	v2  flexible
//	v3  a producer that recovers names its id and epoch (KIP-360)
//	v4  PRODUCER_FENCED instead of INVALID_PRODUCER_EPOCH (KIP-588)
//	v5  errors of KIP-890
func init() { register(22, 0, 5, handleInitProducerID) }

// A producer that is only idempotent gets a new id each time: its epoch never rises, since nothing of it is to be fenced.
func handleInitProducerID(c *call, req *kmsg.InitProducerIDRequest) reply {
	resp := req.ResponseKind().(*kmsg.InitProducerIDResponse)
	resp.ProducerID, resp.ProducerEpoch = -1, -1
	if req.TransactionalID != nil {
		return c.initTransactional(req, resp)
	}
	id, err := c.NextProducerID()
	if err != nil {
		resp.ErrorCode = kerr.CoordinatorNotAvailable.Code // the client tries again
		return answer(resp)
	}
	resp.ProducerID, resp.ProducerEpoch = id, 0
	return answer(resp)
}

// initTransactional waits for the abort of a transaction that the producer before left open.
func (c *call) initTransactional(req *kmsg.InitProducerIDRequest, resp *kmsg.InitProducerIDResponse) reply {
	timeout := time.Duration(req.TransactionTimeoutMillis) * time.Millisecond
	longest := time.Duration(c.meta.SettingInt("transaction.max.timeout.ms")) * time.Millisecond
	rec := txn.NewProducer
	if c.version >= 3 {
		rec = txn.Recovering{ProducerID: req.ProducerID, Epoch: req.ProducerEpoch}
	}
	switch {
	case *req.TransactionalID == "", (rec.ProducerID < 0) != (rec.Epoch < 0):
		resp.ErrorCode = kerr.InvalidRequest.Code
		return answer(resp)
	case timeout <= 0 || timeout > longest:
		resp.ErrorCode = kerr.InvalidTransactionTimeout.Code
		return answer(resp)
	}
	return later(func() kmsg.Response {
		t, err := c.states.init(c.conn.ctx, *req.TransactionalID, timeout, rec)
		if err != nil {
			resp.ErrorCode = txnCode(err, c.version >= 4)
			return resp
		}
		resp.ProducerID, resp.ProducerEpoch = t.ProducerID, t.Epoch
		return resp
	})
}

// producerIDBlock is how many ids one record in the metadata log stands for, as in Kafka. A restart passes over those left.
const producerIDBlock = 1000

// producerIDs hands out ids from the block it has.
type producerIDs struct {
	mu struct {
		sync.Mutex
		next, end int64
	}
}

// NextProducerID is an id that no producer ever had.
func (b *Broker) NextProducerID() (int64, error) {
	b.ids.mu.Lock()
	defer b.ids.mu.Unlock()
	if b.ids.mu.next == b.ids.mu.end {
		first, err := b.meta.AllocateProducerIDs(producerIDBlock)
		if err != nil {
			return -1, err
		}
		b.ids.mu.next, b.ids.mu.end = first, first+producerIDBlock
	}
	id := b.ids.mu.next
	b.ids.mu.next++
	return id, nil
}
