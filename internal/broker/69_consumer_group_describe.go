package broker

import (
	"math"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/group"
)

// ConsumerGroupDescribe, key 69 (KIP-848).
//
//	v1  the protocol of each member
func init() { register(69, 0, 1, handleConsumerGroupDescribe) }

func handleConsumerGroupDescribe(c *call, req *kmsg.ConsumerGroupDescribeRequest) reply {
	resp := req.ResponseKind().(*kmsg.ConsumerGroupDescribeResponse)
	for _, id := range req.Groups {
		rg := kmsg.NewConsumerGroupDescribeResponseGroup()
		rg.Group, rg.AuthorizedOperations = id, math.MinInt32
		text := "Group " + id + " not found."
		found := false
		_, err := c.groups.look(id, func(g *group.Group) {
			if g == nil {
				return
			}
			var d group.ConsumerGroup
			if d, found = g.DescribeConsumer(); found {
				c.describeConsumerGroup(&rg, d)
			}
			text = "Group " + id + " is not a consumer group."
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

func (c *call) describeConsumerGroup(rg *kmsg.ConsumerGroupDescribeResponseGroup, d group.ConsumerGroup) {
	rg.State, rg.Epoch, rg.AssignmentEpoch, rg.AssignorName = string(d.State), d.Epoch, d.TargetEpoch, d.Assignor
	for i := range d.Members {
		m := &d.Members[i]
		rm := kmsg.NewConsumerGroupDescribeResponseGroupMember()
		rm.MemberID, rm.InstanceID, rm.RackID, rm.MemberEpoch = m.ID, m.InstanceID, m.RackID, m.Epoch
		rm.ClientID, rm.ClientHost, rm.SubscribedTopics, rm.SubscribedTopicRegex = m.ClientID, m.ClientHost, m.Topics, &m.Pattern
		rm.Assignment, rm.TargetAssignment = c.namedAssignment(m.Assigned), c.namedAssignment(m.Target)
		if rm.MemberType = 1; m.Classic {
			rm.MemberType = 0
		}
		rg.Members = append(rg.Members, rm)
	}
}

// namedAssignment leaves out topics that are gone.
func (c *call) namedAssignment(a group.Assignment) (out kmsg.Assignment) {
	a.EachTopic(func(id group.TopicID, partitions []int32) {
		if t := c.meta.TopicByID(id); t != nil {
			tp := kmsg.NewAssignmentTopicPartition()
			tp.TopicID, tp.Topic, tp.Partitions = id, t.Name, partitions
			out.TopicPartitions = append(out.TopicPartitions, tp)
		}
	})
	return out
}
