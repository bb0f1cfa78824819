package broker

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/group"
)

// OffsetDelete, key 47 (KIP-496).
func init() { register(47, 0, 0, handleOffsetDelete) }

func handleOffsetDelete(c *call, req *kmsg.OffsetDeleteRequest) reply {
	subscribed := map[string]bool{}
	unknown := map[string]bool{}
	for _, t := range req.Topics {
		unknown[t.Topic] = c.meta.Topic(t.Topic) == nil
	}
	at, err := c.groups.deleteOffsets(req, subscribed)
	return later(func() kmsg.Response {
		resp := req.ResponseKind().(*kmsg.OffsetDeleteResponse)
		if err == nil {
			err = c.groups.settled(c.conn.ctx, at)
		}
		if resp.ErrorCode = groupCode(err); err != nil {
			return resp
		}
		for _, t := range req.Topics {
			rt := kmsg.NewOffsetDeleteResponseTopic()
			rt.Topic = t.Topic
			for _, p := range t.Partitions {
				rp := kmsg.NewOffsetDeleteResponseTopicPartition()
				if rp.Partition = p.Partition; unknown[t.Topic] {
					rp.ErrorCode = kerr.UnknownTopicOrPartition.Code
				} else if subscribed[t.Topic] {
					rp.ErrorCode = kerr.GroupSubscribedToTopic.Code
				}
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
		return resp
	})
}

// deleteOffsets deletes those of topics that no member reads, and notes the others.
func (gc *groups) deleteOffsets(req *kmsg.OffsetDeleteRequest, subscribed map[string]bool) (at place, err error) {
	gc.mu.Lock()
	defer gc.mu.Unlock()
	if err := gc.load(); err != nil {
		return at, err
	}
	g := gc.state.all[req.Group]
	switch {
	case g == nil || g.Share() != nil:
		return at, kerr.GroupIDNotFound
	case g.State != group.Empty && g.ProtocolType != "consumer":
		return at, kerr.NonEmptyGroup
	}
	named := map[group.Partition]bool{}
	for _, t := range req.Topics {
		if g.Subscribes(t.Topic) {
			subscribed[t.Topic] = true
			continue
		}
		for _, p := range t.Partitions {
			named[group.Partition{Topic: t.Topic, Partition: p.Partition}] = true
		}
	}
	return gc.drop(g, gc.b.config.Now(), func(p group.Partition) bool { return named[p] }, false)
}
