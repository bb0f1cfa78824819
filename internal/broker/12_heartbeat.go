package broker

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/group"
)

// Heartbeat, key 12.
//
//	v3  static members
//	v4  flexible
func init() { register(12, 0, 4, handleHeartbeat) }

func handleHeartbeat(c *call, req *kmsg.HeartbeatRequest) reply {
	resp := req.ResponseKind().(*kmsg.HeartbeatResponse)
	if req.Group == "" {
		resp.ErrorCode = kerr.InvalidGroupID.Code
		return answer(resp)
	}
	resp.ErrorCode = groupCode(c.groups.on(req.Group, func(g *group.Group, now time.Time) error {
		return fault(g.Heartbeat(now, req.MemberID, req.InstanceID, req.Generation))
	}))
	return answer(resp)
}
