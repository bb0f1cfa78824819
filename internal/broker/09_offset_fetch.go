package broker

import (
	"sort"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/group"
)

// OffsetFetch, key 9.
//
//	v2  a null list of topics for all; an error for the group
//	v5  leader epoch
//	v6  flexible
//	v7  only offsets that no open transaction may change (KIP-447)
//	v8  several groups (KIP-709)
//	v9  the member that asks and its epoch, which groups of the consumer protocol check (KIP-848)
//	v10 topic ids (KIP-848)
func init() { register(9, 1, 10, handleOffsetFetch) }

func handleOffsetFetch(c *call, req *kmsg.OffsetFetchRequest) reply {
	groups := req.Groups
	if c.version < 8 {
		g := kmsg.NewOffsetFetchRequestGroup()
		g.Group = req.Group
		if c.version < 2 && req.Topics == nil {
			g.Topics = []kmsg.OffsetFetchRequestGroupTopic{}
		}
		for _, t := range req.Topics {
			gt := kmsg.NewOffsetFetchRequestGroupTopic()
			gt.Topic, gt.Partitions = t.Topic, t.Partitions
			g.Topics = append(g.Topics, gt)
		}
		if req.Topics != nil && g.Topics == nil {
			g.Topics = []kmsg.OffsetFetchRequestGroupTopic{}
		}
		groups = []kmsg.OffsetFetchRequestGroup{g}
	}
	var found []kmsg.OffsetFetchResponseGroup
	var places []place
	for i := range groups {
		g, at := c.fetchOffsets(&groups[i], req.RequireStable)
		found, places = append(found, g), append(places, at)
	}
	return later(func() kmsg.Response {
		for i := range found {
			if err := c.groups.settled(c.conn.ctx, places[i]); err != nil {
				found[i].Topics, found[i].ErrorCode = nil, groupCode(err)
			}
		}
		resp := req.ResponseKind().(*kmsg.OffsetFetchResponse)
		if resp.Groups = found; c.version < 8 {
			oneGroup(req, resp)
		}
		return resp
	})
}

func (c *call) fetchOffsets(req *kmsg.OffsetFetchRequestGroup, stable bool) (kmsg.OffsetFetchResponseGroup, place) {
	out := kmsg.NewOffsetFetchResponseGroup()
	out.Group = req.Group
	var refused *kerr.Error
	at, err := c.groups.look(req.Group, func(g *group.Group) {
		if g != nil && req.MemberID != nil {
			if refused = g.CheckFetch(*req.MemberID, req.MemberEpoch); refused != nil {
				return
			}
		}
		topics := req.Topics
		if topics == nil {
			topics = committedTopics(g)
		}
		for _, t := range topics {
			rt := kmsg.NewOffsetFetchResponseGroupTopic()
			rt.Topic, rt.TopicID = t.Topic, t.TopicID
			var unknown error
			if c.version >= 10 {
				if unknown = c.identify(&t); unknown != nil && req.Topics == nil {
					continue
				}
				rt.TopicID = t.TopicID
			}
			for _, i := range t.Partitions {
				if unknown != nil {
					rp := fetchOffset(nil, group.Partition{Partition: i}, false)
					rp.ErrorCode = groupCode(unknown)
					rt.Partitions = append(rt.Partitions, rp)
					continue
				}
				rt.Partitions = append(rt.Partitions, fetchOffset(g, group.Partition{Topic: t.Topic, Partition: i}, stable))
			}
			out.Topics = append(out.Topics, rt)
		}
	})
	if err == nil {
		err = fault(refused)
	}
	out.ErrorCode = groupCode(err)
	return out, at
}

// identify completes the id of a topic that was named, or the name of one that was asked for by its id.
func (c *call) identify(t *kmsg.OffsetFetchRequestGroupTopic) (err error) {
	if t.Topic == "" {
		t.Topic, err = c.topicName(t.TopicID)
		return err
	}
	if found := c.meta.Topic(t.Topic); found != nil {
		t.TopicID = found.ID
		return nil
	}
	return kerr.UnknownTopicID
}

func fetchOffset(g *group.Group, p group.Partition, stable bool) kmsg.OffsetFetchResponseGroupTopicPartition {
	rp := kmsg.NewOffsetFetchResponseGroupTopicPartition()
	rp.Partition, rp.Offset, rp.LeaderEpoch, rp.Metadata = p.Partition, -1, -1, new(string)
	if g == nil {
		return rp
	}
	if stable && g.Unstable(p) {
		rp.ErrorCode = kerr.UnstableOffsetCommit.Code
	} else if o, ok := g.Committed(p); ok {
		rp.Offset, rp.LeaderEpoch, rp.Metadata = o.At, o.LeaderEpoch, &o.Metadata
	}
	return rp
}

// committedTopics are the topics that a group has offsets for, in order.
func committedTopics(g *group.Group) (out []kmsg.OffsetFetchRequestGroupTopic) {
	if g == nil {
		return nil
	}
	partitions := map[string][]int32{}
	for p := range g.Offsets() {
		partitions[p.Topic] = append(partitions[p.Topic], p.Partition)
	}
	for topic, list := range partitions {
		sort.Slice(list, func(i, j int) bool { return list[i] < list[j] })
		t := kmsg.NewOffsetFetchRequestGroupTopic()
		t.Topic, t.Partitions = topic, list
		out = append(out, t)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Topic < out[j].Topic })
	return out
}

// oneGroup says it as versions before 8 do; those before 2 have an error for each partition only.
func oneGroup(req *kmsg.OffsetFetchRequest, resp *kmsg.OffsetFetchResponse) {
	g := resp.Groups[0]
	resp.Groups, resp.ErrorCode = nil, g.ErrorCode
	if g.ErrorCode != 0 && req.Version < 2 {
		for _, t := range req.Topics {
			rt := kmsg.NewOffsetFetchResponseGroupTopic()
			rt.Topic = t.Topic
			for _, i := range t.Partitions {
				rp := fetchOffset(nil, group.Partition{Topic: t.Topic, Partition: i}, false)
				rp.ErrorCode = g.ErrorCode
				rt.Partitions = append(rt.Partitions, rp)
			}
			g.Topics = append(g.Topics, rt)
		}
	}
	for _, t := range g.Topics {
		rt := kmsg.NewOffsetFetchResponseTopic()
		rt.Topic = t.Topic
		for _, p := range t.Partitions {
			rt.Partitions = append(rt.Partitions, kmsg.OffsetFetchResponseTopicPartition(p))
		}
		resp.Topics = append(resp.Topics, rt)
	}
}
