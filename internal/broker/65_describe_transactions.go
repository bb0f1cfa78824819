package broker

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// DescribeTransactions, key 65 (KIP-664).
func init() { register(65, 0, 0, handleDescribeTransactions) }

func handleDescribeTransactions(c *call, req *kmsg.DescribeTransactionsRequest) reply {
	resp := req.ResponseKind().(*kmsg.DescribeTransactionsResponse)
	tc := c.states
	tc.mu.Lock()
	defer tc.mu.Unlock()
	err := tc.load()
	for _, id := range req.TransactionalIDs {
		st := kmsg.NewDescribeTransactionsResponseTransactionState()
		st.TransactionalID, st.ErrorCode = id, groupCode(err)
		if id == "" {
			st.ErrorCode = kerr.InvalidRequest.Code
		} else if t := tc.get(id); t != nil {
			st.State, st.TimeoutMillis = t.State.String(), int32(t.Timeout.Milliseconds())
			if st.StartTimestamp = -1; !t.Started.IsZero() {
				st.StartTimestamp = t.Started.UnixMilli()
			}
			st.ProducerID, st.ProducerEpoch = t.ProducerID, t.Epoch
			for _, p := range t.Sorted() {
				if n := len(st.Topics); n == 0 || st.Topics[n-1].Topic != p.Topic {
					st.Topics = append(st.Topics, kmsg.DescribeTransactionsResponseTransactionStateTopic{Topic: p.Topic})
				}
				last := &st.Topics[len(st.Topics)-1]
				last.Partitions = append(last.Partitions, p.Partition)
			}
		} else if err == nil {
			st.ErrorCode = kerr.TransactionalIDNotFound.Code
		}
		resp.TransactionStates = append(resp.TransactionStates, st)
	}
	return answer(resp)
}
