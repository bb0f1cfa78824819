package broker

import (
	"github.com/twmb/franz-go/pkg/kmsg"
)

// EndTxn, key 26.
//
//	v2  PRODUCER_FENCED instead of INVALID_PRODUCER_EPOCH (KIP-588)
//	v3  flexible
//	v4  no change but the errors of KIP-890
//	v5  transaction.version 2: the answer has the producer's next epoch, or id (KIP-890)
func init() { register(keyEndTxn, 0, 5, handleEndTxn) }

// The answer waits for the markers, though the decision is final before: what the producer's client does next then finds the
// transaction's records, and its group's offsets.
func handleEndTxn(c *call, req *kmsg.EndTxnRequest) reply {
	end, now, err := c.states.end(req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Commit, c.version >= 5)
	return later(func() kmsg.Response {
		if end != nil {
			select {
			case <-end.done:
				err = end.err
			case <-c.conn.ctx.Done():
				err = c.conn.ctx.Err()
			}
		}
		resp := req.ResponseKind().(*kmsg.EndTxnResponse)
		resp.ErrorCode = txnCode(err, c.version >= 2)
		if resp.ProducerID, resp.ProducerEpoch = -1, -1; err == nil && c.version >= 5 {
			resp.ProducerID, resp.ProducerEpoch = now.ProducerID, now.Epoch
		}
		return resp
	})
}
