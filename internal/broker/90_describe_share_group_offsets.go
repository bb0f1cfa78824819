package broker

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/group"
	"github.com/millrace/millrace/internal/broker/metadata"
	"github.com/millrace/millrace/internal/broker/share"
)

// DescribeShareGroupOffsets, key 90 (KIP-932).
//
//	v1  the lag (KIP-1226)
func init() { register(90, 0, 1, handleDescribeShareGroupOffsets) }

func handleDescribeShareGroupOffsets(c *call, req *kmsg.DescribeShareGroupOffsetsRequest) reply {
	resp := req.ResponseKind().(*kmsg.DescribeShareGroupOffsetsResponse)
	var at places
	for i := range req.Groups {
		g := &req.Groups[i]
		rg := kmsg.NewDescribeShareGroupOffsetsResponseGroup()
		rg.GroupID = g.GroupID
		topics := g.Topics
		if topics == nil {
			var err error
			if topics, err = c.sharedTopics(g.GroupID); err != nil {
				rg.ErrorCode, rg.ErrorMessage = groupCode(err), messageOf(err)
			}
		}
		for _, t := range topics {
			rg.Topics = append(rg.Topics, c.describeShareOffsets(g.GroupID, &t, &at))
		}
		resp.Groups = append(resp.Groups, rg)
	}
	return later(func() kmsg.Response {
		if err := at.settled(c); err != nil {
			for i := range resp.Groups {
				g := &resp.Groups[i]
				g.Topics, g.ErrorCode, g.ErrorMessage = nil, groupCode(err), messageOf(err)
			}
		}
		return resp
	})
}

// sharedTopics are what a group has share partitions of; nothing for a group that is not there.
func (c *call) sharedTopics(id string) (topics []kmsg.DescribeShareGroupOffsetsRequestGroupTopic, err error) {
	_, err = c.groups.look(id, func(g *group.Group) {
		if g == nil || g.Share() == nil {
			return
		}
		g.Share().EachInitialized(func(id share.TopicID, partitions []int32) {
			if t := c.meta.TopicByID(id); t != nil {
				rt := kmsg.NewDescribeShareGroupOffsetsRequestGroupTopic()
				rt.Topic, rt.Partitions = t.Name, partitions
				topics = append(topics, rt)
			}
		})
	})
	return topics, err
}

// describeShareOffsets describes partitions of a topic; where there is nothing to tell the offset is -1, as for consumer groups.
func (c *call) describeShareOffsets(id string, asked *kmsg.DescribeShareGroupOffsetsRequestGroupTopic, at *places) kmsg.DescribeShareGroupOffsetsResponseGroupTopic {
	rt := kmsg.NewDescribeShareGroupOffsetsResponseGroupTopic()
	rt.Topic = asked.Topic
	t := c.meta.Topic(asked.Topic)
	if t != nil {
		rt.TopicID = t.ID
	}
	for _, i := range asked.Partitions {
		rp := kmsg.NewDescribeShareGroupOffsetsResponseGroupTopicPartition()
		rp.Partition, rp.StartOffset, rp.Lag = i, -1, -1
		if t != nil && hasPartition(t, i) {
			c.describeShareOffset(share.Key{Group: id, Topic: t.ID, Partition: i}, t, &rp, at)
		}
		rt.Partitions = append(rt.Partitions, rp)
	}
	return rt
}

func (c *call) describeShareOffset(k share.Key, t *metadata.Topic, rp *kmsg.DescribeShareGroupOffsetsResponseGroupTopicPartition, at *places) {
	s, ok, end, err := c.shares.summary(k)
	if err == nil && ok {
		*at = append(*at, end)
		if rp.StartOffset, rp.LeaderEpoch = s.Start, s.LeaderEpoch; s.Start >= 0 && s.Complete >= 0 {
			log, lerr := c.meta.PartitionOf(t, k.Partition)
			if err = lerr; err == nil {
				rp.Lag = log.HighWatermark() - s.Start - int64(s.Complete)
			}
		}
	}
	if err != nil {
		rp.ErrorCode, rp.ErrorMessage = groupCode(err), messageOf(err)
	}
}
