package broker

import (
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/metadata"
)

// FindCoordinator, key 10.
//
//	v0  of a group
//	v1  of a transactional id too; error message
//	v3  flexible
//	v4  several at once (KIP-699)
//	v5  no change but the errors of KIP-890
//	v6  of a share partition (KIP-932), named group:topic id:partition; that of a share group is a group's
func init() { register(10, 0, 6, handleFindCoordinator) }

const (
	coordinatorGroup = 0
	coordinatorTxn   = 1
	coordinatorShare = 2
)

// isShareKey says whether a key names a share partition. The group may have colons in it.
func isShareKey(key string) bool {
	parts := strings.Split(key, ":")
	n := len(parts)
	if n < 3 || strings.TrimSpace(strings.Join(parts[:n-2], ":")) == "" {
		return false
	}
	_, bad := metadata.ParseUUID(parts[n-2])
	_, nan := strconv.ParseInt(parts[n-1], 10, 32)
	return bad == nil && nan == nil
}

func handleFindCoordinator(c *call, req *kmsg.FindCoordinatorRequest) reply {
	resp := req.ResponseKind().(*kmsg.FindCoordinatorResponse)
	find := func(key string) (sc kmsg.FindCoordinatorResponseCoordinator) {
		sc.Default()
		sc.Key, sc.NodeID, sc.Host, sc.Port = key, c.meta.Identity().NodeID, c.conn.host, c.conn.port
		known := req.CoordinatorType == coordinatorGroup || req.CoordinatorType == coordinatorTxn
		if req.CoordinatorType == coordinatorShare && c.version >= 6 {
			known = isShareKey(key)
		}
		if !known {
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
