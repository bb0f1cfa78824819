package broker

import (
	"regexp"
	"slices"
	"sort"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/txn"
)

// ListTransactions, key 66 (KIP-664).
//
//	v1  by how long they have been open (KIP-994)
//	v2  by a pattern of transactional ids (KIP-1152)
func init() { register(66, 0, 2, handleListTransactions) }

var txnStates = []txn.State{txn.Empty, txn.Ongoing, txn.PrepareCommit, txn.PrepareAbort, txn.CompleteCommit, txn.CompleteAbort}

func handleListTransactions(c *call, req *kmsg.ListTransactionsRequest) reply {
	resp := req.ResponseKind().(*kmsg.ListTransactionsResponse)
	var pattern *regexp.Regexp
	if req.TransactionalIDPattern != nil && *req.TransactionalIDPattern != "" {
		var err error
		if pattern, err = regexp.Compile("^(?:" + *req.TransactionalIDPattern + ")$"); err != nil {
			resp.ErrorCode = kerr.InvalidRegularExpression.Code
			return answer(resp)
		}
	}
	for _, s := range req.StateFilters {
		if !slices.ContainsFunc(txnStates, func(known txn.State) bool { return known.String() == s }) {
			resp.UnknownStateFilters = append(resp.UnknownStateFilters, s)
		}
	}
	tc, now := c.states, c.config.Now()
	tc.mu.Lock()
	defer tc.mu.Unlock()
	resp.ErrorCode = groupCode(tc.load())
	for id, t := range tc.state.all {
		if len(req.StateFilters) > 0 && !slices.Contains(req.StateFilters, t.State.String()) ||
			len(req.ProducerIDFilters) > 0 && !slices.Contains(req.ProducerIDFilters, t.ProducerID) ||
			// One that has not begun counts as begun long ago, as in Kafka.
			c.version >= 1 && req.DurationFilterMillis >= 0 && !t.Started.IsZero() && now.Sub(t.Started).Milliseconds() <= req.DurationFilterMillis ||
			pattern != nil && !pattern.MatchString(id) {
			continue
		}
		st := kmsg.NewListTransactionsResponseTransactionState()
		st.TransactionalID, st.ProducerID, st.TransactionState = id, t.ProducerID, t.State.String()
		resp.TransactionStates = append(resp.TransactionStates, st)
	}
	sort.Slice(resp.TransactionStates, func(i, j int) bool {
		return resp.TransactionStates[i].TransactionalID < resp.TransactionStates[j].TransactionalID
	})
	return answer(resp)
}
