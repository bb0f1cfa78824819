package broker

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/auth"
	"github.com/millrace/millrace/internal/broker/group"
	"github.com/millrace/millrace/internal/broker/metadata"
)

// The guards of APIs of consumer groups (KIP-848) and share groups (KIP-932).
func init() {
	guarded(68, guardConsumerGroupHeartbeat)
	guarded(69, guardConsumerGroupDescribe)
	guarded(76, guardShareGroupHeartbeat)
	guarded(77, guardShareGroupDescribe)
	// The group only: what a session reads was said with an earlier request, and the handler asks for each topic.
	whole(78, func(c *call, req *kmsg.ShareFetchRequest) bool { return c.mayReadGroup(req.GroupID) },
		func(resp *kmsg.ShareFetchResponse) { resp.ErrorCode = groupDenied })
	guarded(79, guardShareAcknowledge)
	guarded(90, guardDescribeShareGroupOffsets)
	guarded(91, guardAlterShareGroupOffsets)
	guarded(92, guardDeleteShareGroupOffsets)
}

// maySubscribe is the error of a heartbeat, 0 for none: a member may not learn of topics, by subscribing to their names, that it may
// not describe.
func (c *call) maySubscribe(id string, topics []string) int16 {
	if !c.allowed(auth.Read, auth.Group, id) {
		return groupDenied
	}
	for _, t := range topics {
		if !c.allowed(auth.Describe, auth.Topic, t) {
			return topicDenied
		}
	}
	return 0
}

// describer says which topics a regular expression may show to the client; nil for all.
func (c *call) describer() group.Describer {
	if c.authorizer == nil {
		return nil
	}
	return func(topic string) bool { return c.allowed(auth.Describe, auth.Topic, topic) }
}

func guardConsumerGroupHeartbeat(c *call, req *kmsg.ConsumerGroupHeartbeatRequest, next func() reply) reply {
	code := c.maySubscribe(req.Group, req.SubscribedTopicNames)
	if code == 0 {
		return next()
	}
	return respond(req, func(resp *kmsg.ConsumerGroupHeartbeatResponse) { resp.ErrorCode = code })
}

func guardShareGroupHeartbeat(c *call, req *kmsg.ShareGroupHeartbeatRequest, next func() reply) reply {
	code := c.maySubscribe(req.GroupID, req.SubscribedTopicNames)
	if code == 0 {
		return next()
	}
	return respond(req, func(resp *kmsg.ShareGroupHeartbeatResponse) { resp.ErrorCode = code })
}

// hidesTopic is the message of a group that is not described because a member of it has a topic that the client may not describe.
const hidesTopic = "The group has described topic(s) that the client is not authorized to describe."

func guardConsumerGroupDescribe(c *call, req *kmsg.ConsumerGroupDescribeRequest, next func() reply) reply {
	denied := split(&req.Groups, func(id *string) bool { return c.allowed(auth.Describe, auth.Group, *id) })
	hidden := func(m kmsg.ConsumerGroupDescribeResponseGroupMember) bool {
		is := func(t kmsg.AssignmentTopicPartition) bool { return !c.allowed(auth.Describe, auth.Topic, t.Topic) }
		return slices.ContainsFunc(m.Assignment.TopicPartitions, is) || slices.ContainsFunc(m.TargetAssignment.TopicPartitions, is)
	}
	return edit(next(), func(resp *kmsg.ConsumerGroupDescribeResponse) {
		for i := range resp.Groups {
			g := &resp.Groups[i]
			if slices.ContainsFunc(g.Members, hidden) {
				g.ErrorCode, g.ErrorMessage, g.Members = topicDenied, kmsg.StringPtr(hidesTopic), nil
			} else if req.IncludeAuthorizedOperations && g.ErrorCode == 0 {
				g.AuthorizedOperations = c.operations(auth.Group, g.Group)
			}
		}
		for _, id := range denied {
			rg := kmsg.NewConsumerGroupDescribeResponseGroup()
			rg.Group, rg.ErrorCode, rg.AuthorizedOperations = id, groupDenied, noOperations
			resp.Groups = append(resp.Groups, rg)
		}
	})
}

func guardShareGroupDescribe(c *call, req *kmsg.ShareGroupDescribeRequest, next func() reply) reply {
	denied := split(&req.GroupIDs, func(id *string) bool { return c.allowed(auth.Describe, auth.Group, *id) })
	hidden := func(m kmsg.ShareGroupDescribeResponseGroupMember) bool {
		for _, t := range m.Assignment.TopicPartitions {
			if !c.allowed(auth.Describe, auth.Topic, t.Topic) {
				return true
			}
		}
		return false
	}
	return edit(next(), func(resp *kmsg.ShareGroupDescribeResponse) {
		for i := range resp.Groups {
			g := &resp.Groups[i]
			if slices.ContainsFunc(g.Members, hidden) {
				g.ErrorCode, g.ErrorMessage, g.Members = topicDenied, kmsg.StringPtr(hidesTopic), nil
			} else if req.IncludeAuthorizedOperations && g.ErrorCode == 0 {
				g.AuthorizedOperations = c.operations(auth.Group, g.GroupID)
			}
		}
		for _, id := range denied {
			rg := kmsg.NewShareGroupDescribeResponseGroup()
			rg.GroupID, rg.ErrorCode, rg.AuthorizedOperations = id, groupDenied, noOperations
			resp.Groups = append(resp.Groups, rg)
		}
	})
}

func (c *call) mayReadGroup(id *string) bool {
	return id == nil || c.allowed(auth.Read, auth.Group, *id)
}

func (c *call) mayReadID(id metadata.UUID) bool { return c.mayTopic(auth.Read, "", id) }

func guardShareAcknowledge(c *call, req *kmsg.ShareAcknowledgeRequest, next func() reply) reply {
	if !c.mayReadGroup(req.GroupID) {
		return respond(req, func(resp *kmsg.ShareAcknowledgeResponse) { resp.ErrorCode = groupDenied })
	}
	denied := split(&req.Topics, func(t *kmsg.ShareAcknowledgeRequestTopic) bool { return c.mayReadID(t.TopicID) })
	return edit(next(), func(resp *kmsg.ShareAcknowledgeResponse) {
		for _, t := range denied {
			rt := kmsg.NewShareAcknowledgeResponseTopic()
			rt.TopicID = t.TopicID
			for _, p := range t.Partitions {
				rp := kmsg.NewShareAcknowledgeResponseTopicPartition()
				rp.Partition, rp.ErrorCode = p.Partition, topicDenied
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
	})
}

func guardDescribeShareGroupOffsets(c *call, req *kmsg.DescribeShareGroupOffsetsRequest, next func() reply) reply {
	groups := split(&req.Groups, func(g *kmsg.DescribeShareGroupOffsetsRequestGroup) bool {
		return c.allowed(auth.Describe, auth.Group, g.GroupID)
	})
	denied := map[string][]kmsg.DescribeShareGroupOffsetsRequestGroupTopic{}
	for i := range req.Groups {
		if g := &req.Groups[i]; g.Topics != nil {
			denied[g.GroupID] = split(&g.Topics, func(t *kmsg.DescribeShareGroupOffsetsRequestGroupTopic) bool {
				return c.allowed(auth.Describe, auth.Topic, t.Topic)
			})
		}
	}
	return edit(next(), func(resp *kmsg.DescribeShareGroupOffsetsResponse) {
		for i := range resp.Groups {
			g := &resp.Groups[i]
			g.Topics = slices.DeleteFunc(g.Topics, func(t kmsg.DescribeShareGroupOffsetsResponseGroupTopic) bool {
				return !c.allowed(auth.Describe, auth.Topic, t.Topic)
			})
			for _, t := range denied[g.GroupID] {
				rt := kmsg.NewDescribeShareGroupOffsetsResponseGroupTopic()
				rt.Topic = t.Topic
				for _, p := range t.Partitions {
					rp := kmsg.NewDescribeShareGroupOffsetsResponseGroupTopicPartition()
					rp.Partition, rp.StartOffset, rp.ErrorCode, rp.ErrorMessage = p, -1, topicDenied, messageOf(deniedBy(auth.Topic))
					rt.Partitions = append(rt.Partitions, rp)
				}
				g.Topics = append(g.Topics, rt)
			}
		}
		for _, g := range groups {
			rg := kmsg.NewDescribeShareGroupOffsetsResponseGroup()
			rg.GroupID, rg.ErrorCode, rg.ErrorMessage = g.GroupID, groupDenied, messageOf(deniedBy(auth.Group))
			resp.Groups = append(resp.Groups, rg)
		}
	})
}

func guardAlterShareGroupOffsets(c *call, req *kmsg.AlterShareGroupOffsetsRequest, next func() reply) reply {
	if !c.allowed(auth.Read, auth.Group, req.GroupID) {
		return respond(req, func(resp *kmsg.AlterShareGroupOffsetsResponse) {
			resp.ErrorCode, resp.ErrorMessage = groupDenied, messageOf(deniedBy(auth.Group))
		})
	}
	denied := split(&req.Topics, func(t *kmsg.AlterShareGroupOffsetsRequestTopic) bool {
		return c.allowed(auth.Read, auth.Topic, t.Topic)
	})
	return edit(next(), func(resp *kmsg.AlterShareGroupOffsetsResponse) {
		for _, t := range denied {
			rt := kmsg.NewAlterShareGroupOffsetsResponseTopic()
			rt.Topic = t.Topic
			for _, p := range t.Partitions {
				rp := kmsg.NewAlterShareGroupOffsetsResponseTopicPartition()
				rp.Partition, rp.ErrorCode, rp.ErrorMessage = p.Partition, topicDenied, messageOf(deniedBy(auth.Topic))
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
	})
}

func guardDeleteShareGroupOffsets(c *call, req *kmsg.DeleteShareGroupOffsetsRequest, next func() reply) reply {
	if !c.allowed(auth.Delete, auth.Group, req.GroupID) {
		return respond(req, func(resp *kmsg.DeleteShareGroupOffsetsResponse) {
			resp.ErrorCode, resp.ErrorMessage = groupDenied, messageOf(deniedBy(auth.Group))
		})
	}
	denied := split(&req.Topics, func(t *kmsg.DeleteShareGroupOffsetsRequestTopic) bool {
		return c.allowed(auth.Read, auth.Topic, t.Topic)
	})
	return edit(next(), func(resp *kmsg.DeleteShareGroupOffsetsResponse) {
		for _, t := range denied {
			rt := kmsg.NewDeleteShareGroupOffsetsResponseTopic()
			rt.Topic, rt.ErrorCode, rt.ErrorMessage = t.Topic, topicDenied, messageOf(deniedBy(auth.Topic))
			resp.Topics = append(resp.Topics, rt)
		}
	})
}
