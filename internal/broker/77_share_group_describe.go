package broker

import (
	"math"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/group"
	"github.com/millrace/millrace/internal/broker/share"
)

// ShareGroupDescribe, key 77 (KIP-932).
func init() { register(77, 1, 1, handleShareGroupDescribe) }

func handleShareGroupDescribe(c *call, req *kmsg.ShareGroupDescribeRequest) reply {
	resp := req.ResponseKind().(*kmsg.ShareGroupDescribeResponse)
	for _, id := range req.GroupIDs {
		rg := kmsg.NewShareGroupDescribeResponseGroup()
		rg.GroupID, rg.AuthorizedOperations = id, math.MinInt32
		text := "Group " + id + " not found."
		found := false
		_, err := c.groups.look(id, func(g *group.Group) {
			if g == nil {
				return
			}
			if text = "Group " + id + " is not a share group."; g.Share() != nil {
				found = true
				c.describeShareGroup(&rg, g.Share().Describe())
			}
		})
		switch {
		case err != nil:
			rg.ErrorCode, rg.ErrorMessage = groupCode(err), messageOf(err)
		case !found:
			rg.ErrorCode, rg.ErrorMessage = kerr.GroupIDNotFound.Code, &text
		}
		resp.Groups = append(resp.Groups, rg)
	}
	return answer(resp)
}

func (c *call) describeShareGroup(rg *kmsg.ShareGroupDescribeResponseGroup, d share.Description) {
	rg.GroupState, rg.GroupEpoch, rg.AssignmentEpoch, rg.Assignor = d.State, d.Epoch, d.TargetEpoch, "simple"
	for i := range d.Members {
		m := &d.Members[i]
		rm := kmsg.NewShareGroupDescribeResponseGroupMember()
		rm.MemberID, rm.RackID, rm.MemberEpoch = m.ID, m.RackID, m.Epoch
		rm.ClientID, rm.ClientHost, rm.SubscribedTopicNames = m.ClientID, m.ClientHost, m.Topics
		m.Assigned.EachTopic(func(id share.TopicID, partitions []int32) {
			if t := c.meta.TopicByID(id); t != nil { // those that are gone are left out
				tp := kmsg.NewShareGroupDescribeResponseGroupMemberAssignmentTopicPartition()
				tp.TopicID, tp.Topic, tp.Partitions = id, t.Name, partitions
				rm.Assignment.TopicPartitions = append(rm.Assignment.TopicPartitions, tp)
			}
		})
		rg.Members = append(rg.Members, rm)
	}
}
