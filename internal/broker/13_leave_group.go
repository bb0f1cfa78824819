package broker

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/group"
)

// LeaveGroup, key 13.
//
//	v3  several members, by instance id too (KIP-345)
//	v4  flexible
//	v5  the reason (KIP-800)
func init() { register(13, 0, 5, handleLeaveGroup) }

func handleLeaveGroup(c *call, req *kmsg.LeaveGroupRequest) reply {
	resp := req.ResponseKind().(*kmsg.LeaveGroupResponse)
	if req.Group == "" {
		resp.ErrorCode = kerr.InvalidGroupID.Code
		return answer(resp)
	}
	leave := func(id string, instance *string) int16 {
		return groupCode(c.groups.on(req.Group, func(g *group.Group, now time.Time) error {
			return fault(g.Leave(now, id, instance))
		}))
	}
	if c.version < 3 {
		resp.ErrorCode = leave(req.MemberID, nil)
		return answer(resp)
	}
	for _, m := range req.Members {
		rm := kmsg.NewLeaveGroupResponseMember()
		rm.MemberID, rm.InstanceID, rm.ErrorCode = m.MemberID, m.InstanceID, leave(m.MemberID, m.InstanceID)
		resp.Members = append(resp.Members, rm)
	}
	return answer(resp)
}
