package broker

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/group"
)

// SyncGroup, key 14.
//
//	v3  static members
//	v4  flexible
//	v5  protocol and its type, to be checked (KIP-559)
func init() { register(14, 0, 5, handleSyncGroup) }

func handleSyncGroup(c *call, req *kmsg.SyncGroupRequest) reply {
	if req.Group == "" {
		resp := req.ResponseKind().(*kmsg.SyncGroupResponse)
		resp.ErrorCode = kerr.InvalidGroupID.Code
		return answer(resp)
	}
	sync := group.SyncRequest{
		MemberID: req.MemberID, InstanceID: req.InstanceID, Generation: req.Generation,
		ProtocolType: req.ProtocolType, Protocol: req.Protocol, Assignments: map[string][]byte{},
	}
	for _, a := range req.GroupAssignment {
		sync.Assignments[a.MemberID] = a.MemberAssignment
	}
	ch := c.groups.do(req.Group, func(g *group.Group, now time.Time, ticket uint64) {
		sync.Ticket = ticket
		g.Sync(now, sync)
	})
	return later(func() kmsg.Response {
		resp := req.ResponseKind().(*kmsg.SyncGroupResponse)
		r := c.groups.await(c, ch)
		if r.err == nil {
			r.err = fault(r.Synced.Err)
		}
		if resp.ErrorCode = groupCode(r.err); r.err == nil {
			resp.ProtocolType, resp.Protocol, resp.MemberAssignment = &r.Synced.ProtocolType, &r.Synced.Protocol, r.Synced.Assignment
		}
		return resp
	})
}
