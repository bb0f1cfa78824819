package broker

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/group"
	"github.com/millrace/millrace/internal/broker/share"
)

// AlterShareGroupOffsets, key 91 (KIP-932). It makes a group that is not there.
func init() { register(91, 0, 0, handleAlterShareGroupOffsets) }

func handleAlterShareGroupOffsets(c *call, req *kmsg.AlterShareGroupOffsetsRequest) reply {
	resp := req.ResponseKind().(*kmsg.AlterShareGroupOffsetsResponse)
	keys, starts := c.alteredShares(req, resp)
	var states places
	var at place
	err := error(kerr.InvalidGroupID)
	if req.GroupID != "" {
		at, err = c.groups.settling(req.GroupID, true, func(g *group.Group, _ time.Time) error {
			return g.ShareDo(true, "", func(s *share.Group) error {
				epoch, err := s.Alter(keys)
				if err == nil {
					states, err = c.shares.initialize(keys, epoch, func(k share.Key) int64 { return starts[k] })
				}
				return err
			})
		})
	}
	return later(func() kmsg.Response {
		if err == nil {
			err = states.settled(c)
		}
		if err == nil {
			err = c.groups.settled(c.conn.ctx, at)
		}
		if err != nil {
			resp.Topics, resp.ErrorCode, resp.ErrorMessage = nil, groupCode(err), faultText(err)
		}
		return resp
	})
}

// alteredShares are the share partitions that a request can alter, and where they are to start. The others are answered.
func (c *call) alteredShares(req *kmsg.AlterShareGroupOffsetsRequest, resp *kmsg.AlterShareGroupOffsetsResponse) (keys []share.Key, starts map[share.Key]int64) {
	starts = map[share.Key]int64{}
	for _, t := range req.Topics {
		rt := kmsg.NewAlterShareGroupOffsetsResponseTopic()
		rt.Topic = t.Topic
		topic := c.meta.Topic(t.Topic)
		if topic != nil {
			rt.TopicID = topic.ID
		}
		for _, p := range t.Partitions {
			rp := kmsg.NewAlterShareGroupOffsetsResponseTopicPartition()
			if rp.Partition = p.Partition; topic == nil || !hasPartition(topic, p.Partition) {
				err := kerr.UnknownTopicOrPartition
				rp.ErrorCode, rp.ErrorMessage = err.Code, messageOf(err)
			} else {
				k := share.Key{Group: req.GroupID, Topic: topic.ID, Partition: p.Partition}
				if _, twice := starts[k]; !twice {
					keys = append(keys, k)
				}
				starts[k] = max(p.StartOffset, -1)
			}
			rt.Partitions = append(rt.Partitions, rp)
		}
		resp.Topics = append(resp.Topics, rt)
	}
	return keys, starts
}
