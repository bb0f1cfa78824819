package broker

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/auth"
)

// The guards of APIs that are about groups of the classic protocol, and their offsets.
func init() {
	guarded(8, guardOffsetCommit)
	guarded(9, guardOffsetFetch)
	guarded(10, guardFindCoordinator)
	guarded(11, guardJoinGroup)
	whole(12, func(c *call, req *kmsg.HeartbeatRequest) bool { return c.allowed(auth.Read, auth.Group, req.Group) },
		func(resp *kmsg.HeartbeatResponse) { resp.ErrorCode = groupDenied })
	whole(13, func(c *call, req *kmsg.LeaveGroupRequest) bool { return c.allowed(auth.Read, auth.Group, req.Group) },
		func(resp *kmsg.LeaveGroupResponse) { resp.ErrorCode = groupDenied })
	whole(14, func(c *call, req *kmsg.SyncGroupRequest) bool { return c.allowed(auth.Read, auth.Group, req.Group) },
		func(resp *kmsg.SyncGroupResponse) { resp.ErrorCode = groupDenied })
	guarded(15, guardDescribeGroups)
	guarded(16, guardListGroups)
	guarded(42, guardDeleteGroups)
	guarded(47, guardOffsetDelete)
}

func guardOffsetCommit(c *call, req *kmsg.OffsetCommitRequest, next func() reply) reply {
	code, may := groupDenied, c.allowed(auth.Read, auth.Group, req.Group)
	denied := split(&req.Topics, func(t *kmsg.OffsetCommitRequestTopic) bool {
		return may && c.mayTopic(auth.Read, t.Topic, t.TopicID)
	})
	r := respond(req, func(*kmsg.OffsetCommitResponse) {})
	if may {
		r, code = next(), topicDenied
	}
	return edit(r, func(resp *kmsg.OffsetCommitResponse) {
		for _, t := range denied {
			rt := kmsg.NewOffsetCommitResponseTopic()
			rt.Topic, rt.TopicID = t.Topic, t.TopicID
			for _, p := range t.Partitions {
				rp := kmsg.NewOffsetCommitResponseTopicPartition()
				rp.Partition, rp.ErrorCode = p.Partition, code
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
	})
}

// guardOffsetFetch: of all of a group's offsets, those of topics that may not be described are left out.
func guardOffsetFetch(c *call, req *kmsg.OffsetFetchRequest, next func() reply) reply {
	if c.version < 8 {
		return guardOffsetFetchOne(c, req, next)
	}
	groups := split(&req.Groups, func(g *kmsg.OffsetFetchRequestGroup) bool { return c.allowed(auth.Describe, auth.Group, g.Group) })
	topics := make([][]kmsg.OffsetFetchRequestGroupTopic, len(req.Groups))
	for i := range req.Groups {
		if g := &req.Groups[i]; g.Topics != nil {
			topics[i] = split(&g.Topics, func(t *kmsg.OffsetFetchRequestGroupTopic) bool { return c.mayTopic(auth.Describe, t.Topic, t.TopicID) })
		}
	}
	return edit(next(), func(resp *kmsg.OffsetFetchResponse) {
		for i := range resp.Groups {
			g := &resp.Groups[i]
			g.Topics = slices.DeleteFunc(g.Topics, func(t kmsg.OffsetFetchResponseGroupTopic) bool {
				return !c.mayTopic(auth.Describe, t.Topic, t.TopicID)
			})
			if i >= len(topics) || g.ErrorCode != 0 {
				continue
			}
			for _, t := range topics[i] {
				rt := kmsg.NewOffsetFetchResponseGroupTopic()
				rt.Topic, rt.TopicID = t.Topic, t.TopicID
				for _, p := range t.Partitions {
					rt.Partitions = append(rt.Partitions, deniedOffset(p, topicDenied))
				}
				g.Topics = append(g.Topics, rt)
			}
		}
		for _, g := range groups {
			rg := kmsg.NewOffsetFetchResponseGroup()
			rg.Group, rg.ErrorCode = g.Group, groupDenied
			resp.Groups = append(resp.Groups, rg)
		}
	})
}

func deniedOffset(partition int32, code int16) kmsg.OffsetFetchResponseGroupTopicPartition {
	rp := kmsg.NewOffsetFetchResponseGroupTopicPartition()
	rp.Partition, rp.Offset, rp.LeaderEpoch, rp.Metadata, rp.ErrorCode = partition, -1, -1, new(string), code
	return rp
}

// guardOffsetFetchOne is for versions of one group.
func guardOffsetFetchOne(c *call, req *kmsg.OffsetFetchRequest, next func() reply) reply {
	may := c.allowed(auth.Describe, auth.Group, req.Group)
	var denied []kmsg.OffsetFetchRequestTopic
	if req.Topics != nil {
		denied = split(&req.Topics, func(t *kmsg.OffsetFetchRequestTopic) bool {
			return may && c.allowed(auth.Describe, auth.Topic, t.Topic)
		})
	}
	if !may {
		return respond(req, func(resp *kmsg.OffsetFetchResponse) {
			if resp.ErrorCode = groupDenied; c.version < 2 {
				resp.Topics = deniedOffsets(denied, groupDenied)
			}
		})
	}
	return edit(next(), func(resp *kmsg.OffsetFetchResponse) {
		resp.Topics = slices.DeleteFunc(resp.Topics, func(t kmsg.OffsetFetchResponseTopic) bool {
			return !c.allowed(auth.Describe, auth.Topic, t.Topic)
		})
		if resp.ErrorCode == 0 {
			resp.Topics = append(resp.Topics, deniedOffsets(denied, topicDenied)...)
		}
	})
}

func deniedOffsets(denied []kmsg.OffsetFetchRequestTopic, code int16) (out []kmsg.OffsetFetchResponseTopic) {
	for _, t := range denied {
		rt := kmsg.NewOffsetFetchResponseTopic()
		rt.Topic = t.Topic
		for _, p := range t.Partitions {
			rt.Partitions = append(rt.Partitions, kmsg.OffsetFetchResponseTopicPartition(deniedOffset(p, code)))
		}
		out = append(out, rt)
	}
	return out
}

func guardFindCoordinator(c *call, req *kmsg.FindCoordinatorRequest, next func() reply) reply {
	may := func(key string) *kerr.Error {
		op, kind, name := auth.Describe, auth.Group, key
		switch req.CoordinatorType {
		case coordinatorGroup:
		case coordinatorTxn:
			kind = auth.TransactionalID
		default: // of share groups, which brokers ask for
			op, kind, name = auth.ClusterAction, auth.Cluster, auth.ClusterName
		}
		if c.allowed(op, kind, name) {
			return nil
		}
		return deniedBy(kind)
	}
	if c.version < 4 {
		err := may(req.CoordinatorKey)
		if err == nil {
			return next()
		}
		return respond(req, func(resp *kmsg.FindCoordinatorResponse) {
			resp.NodeID, resp.Port, resp.ErrorCode, resp.ErrorMessage = -1, -1, err.Code, messageOf(err)
		})
	}
	denied := split(&req.CoordinatorKeys, func(key *string) bool { return may(*key) == nil })
	return edit(next(), func(resp *kmsg.FindCoordinatorResponse) {
		for _, key := range denied {
			err := may(key)
			if err == nil { // allowed meanwhile
				err = kerr.CoordinatorNotAvailable
			}
			sc := kmsg.NewFindCoordinatorResponseCoordinator()
			sc.Key, sc.NodeID, sc.Port, sc.ErrorCode, sc.ErrorMessage = key, -1, -1, err.Code, messageOf(err)
			resp.Coordinators = append(resp.Coordinators, sc)
		}
	})
}

func guardJoinGroup(c *call, req *kmsg.JoinGroupRequest, next func() reply) reply {
	if c.allowed(auth.Read, auth.Group, req.Group) {
		return next()
	}
	return respond(req, func(resp *kmsg.JoinGroupResponse) {
		resp.ErrorCode, resp.Generation = groupDenied, -1
		if c.version < 7 {
			resp.Protocol = new(string)
		}
	})
}

func guardDescribeGroups(c *call, req *kmsg.DescribeGroupsRequest, next func() reply) reply {
	denied := split(&req.Groups, func(id *string) bool { return c.allowed(auth.Describe, auth.Group, *id) })
	return edit(next(), func(resp *kmsg.DescribeGroupsResponse) {
		for i := range resp.Groups {
			if g := &resp.Groups[i]; req.IncludeAuthorizedOperations && g.ErrorCode == 0 {
				g.AuthorizedOperations = c.operations(auth.Group, g.Group)
			}
		}
		for _, id := range denied {
			rg := kmsg.NewDescribeGroupsResponseGroup()
			rg.Group, rg.ErrorCode, rg.AuthorizedOperations = id, groupDenied, noOperations
			resp.Groups = append(resp.Groups, rg)
		}
	})
}

// guardListGroups: who may describe the cluster sees all groups, others those that they may describe.
func guardListGroups(c *call, _ *kmsg.ListGroupsRequest, next func() reply) reply {
	if c.allowedCluster(auth.Describe) {
		return next()
	}
	return edit(next(), func(resp *kmsg.ListGroupsResponse) {
		resp.Groups = slices.DeleteFunc(resp.Groups, func(g kmsg.ListGroupsResponseGroup) bool {
			return !c.allowed(auth.Describe, auth.Group, g.Group)
		})
	})
}

func guardDeleteGroups(c *call, req *kmsg.DeleteGroupsRequest, next func() reply) reply {
	denied := split(&req.Groups, func(id *string) bool { return c.allowed(auth.Delete, auth.Group, *id) })
	return edit(next(), func(resp *kmsg.DeleteGroupsResponse) {
		for _, id := range denied {
			rg := kmsg.NewDeleteGroupsResponseGroup()
			rg.Group, rg.ErrorCode = id, groupDenied
			resp.Groups = append(resp.Groups, rg)
		}
	})
}

func guardOffsetDelete(c *call, req *kmsg.OffsetDeleteRequest, next func() reply) reply {
	if !c.allowed(auth.Delete, auth.Group, req.Group) {
		return respond(req, func(resp *kmsg.OffsetDeleteResponse) { resp.ErrorCode = groupDenied })
	}
	denied := split(&req.Topics, func(t *kmsg.OffsetDeleteRequestTopic) bool { return c.allowed(auth.Read, auth.Topic, t.Topic) })
	return edit(next(), func(resp *kmsg.OffsetDeleteResponse) {
		if resp.ErrorCode != 0 {
			return
		}
		for _, t := range denied {
			rt := kmsg.NewOffsetDeleteResponseTopic()
			rt.Topic = t.Topic
			for _, p := range t.Partitions {
				rp := kmsg.NewOffsetDeleteResponseTopicPartition()
				rp.Partition, rp.ErrorCode = p.Partition, topicDenied
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
	})
}
