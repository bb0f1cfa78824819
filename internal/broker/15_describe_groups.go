package broker

import (
	"math"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/group"
)

// DescribeGroups, key 15.
//
//	v3  authorized operations
//	v4  static members
//	v5  flexible
//	v6  GROUP_ID_NOT_FOUND instead of a dead group (KIP-1043)
func init() { register(15, 0, 6, handleDescribeGroups) }

func handleDescribeGroups(c *call, req *kmsg.DescribeGroupsRequest) reply {
	resp := req.ResponseKind().(*kmsg.DescribeGroupsResponse)
	for _, id := range req.Groups {
		rg := kmsg.NewDescribeGroupsResponseGroup()
		rg.Group, rg.AuthorizedOperations = id, math.MinInt32
		_, err := c.groups.look(id, func(g *group.Group) {
			text := "Group " + id + " not found."
			if g != nil && g.Type() == "classic" {
				describeGroup(&rg, g)
				return
			} else if g != nil {
				text = "Group " + id + " is not a classic group."
			}
			rg.State = string(group.Dead)
			if c.version >= 6 {
				rg.ErrorCode, rg.ErrorMessage = kerr.GroupIDNotFound.Code, &text
			}
		})
		if err != nil {
			rg.ErrorCode, rg.ErrorMessage = groupCode(err), messageOf(err)
		}
		resp.Groups = append(resp.Groups, rg)
	}
	return answer(resp)
}

func describeGroup(rg *kmsg.DescribeGroupsResponseGroup, g *group.Group) {
	rg.State, rg.ProtocolType = string(g.State), g.ProtocolType
	if g.State == group.Stable {
		rg.Protocol = g.Protocol
	}
	for _, m := range g.Members() {
		rm := kmsg.NewDescribeGroupsResponseGroupMember()
		rm.MemberID, rm.InstanceID, rm.ClientID, rm.ClientHost = m.ID, m.InstanceID, m.ClientID, m.ClientHost
		if rm.MemberAssignment = m.Assignment; g.State == group.Stable {
			rm.ProtocolMetadata = m.Subscription
		}
		rg.Members = append(rg.Members, rm)
	}
}
