package broker

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/group"
	"github.com/millrace/millrace/internal/broker/metadata"
)

// OffsetCommit, key 8.
//
//	v2  how long to keep the offset, which v5 drops: it is kept as long as the group
//	v6  leader epoch
//	v7  static members
//	v8  flexible
//	v9  errors of KIP-848
//	v10 topic ids (KIP-848)
func init() { register(8, 2, 10, handleOffsetCommit) }

func handleOffsetCommit(c *call, req *kmsg.OffsetCommitRequest) reply {
	var offsets []offsetToCommit
	for _, t := range req.Topics {
		name, err := t.Topic, error(nil)
		if c.version >= 10 {
			name, err = c.topicName(t.TopicID)
		}
		for _, p := range t.Partitions {
			o := newOffsetToCommit(name, p.Partition, p.Offset, p.LeaderEpoch, p.Metadata)
			o.err = err
			offsets = append(offsets, o)
		}
	}
	by := group.Committer{MemberID: req.MemberID, InstanceID: req.InstanceID, Generation: req.Generation, Checks: c.version >= 9}
	at, err := c.groups.commit(req.Group, by, -1, -1, offsets)
	return later(func() kmsg.Response {
		if err == nil {
			err = c.groups.settled(c.conn.ctx, at)
		}
		resp := req.ResponseKind().(*kmsg.OffsetCommitResponse)
		for _, t := range req.Topics {
			rt := kmsg.NewOffsetCommitResponseTopic()
			rt.Topic, rt.TopicID = t.Topic, t.TopicID
			for _, p := range t.Partitions {
				rp := kmsg.NewOffsetCommitResponseTopicPartition()
				rp.Partition, rp.ErrorCode = p.Partition, offsets[0].code(err)
				rt.Partitions, offsets = append(rt.Partitions, rp), offsets[1:]
			}
			resp.Topics = append(resp.Topics, rt)
		}
		return resp
	})
}

// topicName is the name of the topic that has an id.
func (b *Broker) topicName(id metadata.UUID) (string, error) {
	if t := b.meta.TopicByID(id); t != nil {
		return t.Name, nil
	}
	return "", kerr.UnknownTopicID
}

func newOffsetToCommit(topic string, partition int32, at int64, epoch int32, metadata *string) offsetToCommit {
	o := offsetToCommit{Partition: group.Partition{Topic: topic, Partition: partition}, Offset: group.Offset{At: at, LeaderEpoch: epoch}}
	if metadata != nil {
		o.Metadata = *metadata
	}
	return o
}

// code is the number for one partition, err being the whole commit's.
func (o *offsetToCommit) code(err error) int16 {
	if err == nil {
		err = o.err
	}
	return groupCode(err)
}
