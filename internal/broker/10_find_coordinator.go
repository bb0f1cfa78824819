package broker

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// FindCoordinator, key 10.
//
//	v0  of a group
//	v1  of a transactional id too; error message
//	v3  flexible
//	v4  several at once (KIP-699)
//	v5  no change but the errors of KIP-890
//	v6  of a share group (KIP-932): there is none
func init() { register(10, 0, 6, handleFindCoordinator) }

const (
	coordinatorGroup = 0
	coordinatorTxn   = 1
)

func handleFindCoordinator(c *call, req *kmsg.FindCoordinatorRequest) reply {
	resp := req.ResponseKind().(*kmsg.FindCoordinatorResponse)
	find := func(key string) (sc kmsg.FindCoordinatorResponseCoordinator) {
		sc.Default()
		sc.Key, sc.NodeID, sc.Host, sc.Port = key, c.meta.Identity().NodeID, c.conn.host, c.conn.port
		if req.CoordinatorType != coordinatorGroup && req.CoordinatorType != coordinatorTxn {
			err := kerr.InvalidRequest
			sc.NodeID, sc.Host, sc.Port, sc.ErrorCode, sc.ErrorMessage = -1, "", -1, err.Code, &err.Description
		}
		return sc
	}
	if c.version >= 4 {
		for _, key := range req.CoordinatorKeys {
			resp.Coordinators = append(resp.Coordinators, find(key))
		}
		return answer(resp)
	}
	sc := find(req.CoordinatorKey)
	resp.NodeID, resp.Host, resp.Port, resp.ErrorCode, resp.ErrorMessage = sc.NodeID, sc.Host, sc.Port, sc.ErrorCode, sc.ErrorMessage
	return answer(resp)
}
