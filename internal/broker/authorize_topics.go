package broker

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/auth"
	"github.com/millrace/millrace/internal/broker/metadata"
)

// The guards of APIs that are about topics.
func init() {
	guarded(2, guardListOffsets)
	guarded(3, guardMetadata)
	guarded(19, guardCreateTopics)
	guarded(20, guardDeleteTopics)
	guarded(21, guardDeleteRecords)
	guarded(23, guardOffsetForLeaderEpoch)
	guarded(37, guardCreatePartitions)
	guarded(61, guardDescribeProducers)
	guarded(75, guardDescribeTopicPartitions)
}

func guardListOffsets(c *call, req *kmsg.ListOffsetsRequest, next func() reply) reply {
	denied := split(&req.Topics, func(t *kmsg.ListOffsetsRequestTopic) bool { return c.allowed(auth.Describe, auth.Topic, t.Topic) })
	return edit(next(), func(resp *kmsg.ListOffsetsResponse) {
		for _, t := range denied {
			rt := kmsg.NewListOffsetsResponseTopic()
			rt.Topic = t.Topic
			for _, p := range t.Partitions {
				rp := kmsg.NewListOffsetsResponseTopicPartition()
				rp.Partition, rp.ErrorCode, rp.Offset, rp.Timestamp, rp.LeaderEpoch = p.Partition, topicDenied, -1, -1, -1
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
	})
}

// guardMetadata: of all topics, those that may not be described are left out; one asked for by name has an error, whether it exists or
// not. A topic is made on being asked for only by who may create it.
func guardMetadata(c *call, req *kmsg.MetadataRequest, next func() reply) reply {
	all := req.Topics == nil || c.version == 0 && len(req.Topics) == 0
	denied := split(&req.Topics, func(t *kmsg.MetadataRequestTopic) bool {
		name := ""
		if t.Topic != nil {
			name = *t.Topic
		}
		return c.mayTopic(auth.Describe, name, t.TopicID) && (name == "" || c.mayAutoCreate(req, name))
	})
	none := c.version == 0 && !all && len(req.Topics) == 0 // which would stand for all
	return edit(next(), func(resp *kmsg.MetadataResponse) {
		if all || none {
			resp.Topics = slices.DeleteFunc(resp.Topics, func(t kmsg.MetadataResponseTopic) bool {
				return none || !c.allowed(auth.Describe, auth.Topic, *t.Topic)
			})
		}
		for i := range resp.Topics {
			if t := &resp.Topics[i]; req.IncludeTopicAuthorizedOperations && t.ErrorCode == 0 {
				t.AuthorizedOperations = c.operations(auth.Topic, *t.Topic)
			}
		}
		if req.IncludeClusterAuthorizedOperations {
			resp.AuthorizedOperations = c.clusterOperations()
		}
		for _, t := range denied {
			rt := kmsg.NewMetadataResponseTopic()
			rt.Topic, rt.TopicID, rt.ErrorCode = t.Topic, t.TopicID, topicDenied
			if t.Topic == nil && c.version < 12 {
				rt.Topic = new(string)
			}
			resp.Topics = append(resp.Topics, rt)
		}
	})
}

// mayAutoCreate: a topic that is not there would be made, if the client may make it.
func (c *call) mayAutoCreate(req *kmsg.MetadataRequest, name string) bool {
	creates := (c.version < 4 || req.AllowAutoTopicCreation) && c.meta.Setting("auto.create.topics.enable") == "true"
	return !creates || c.meta.Topic(name) != nil || c.allowedCluster(auth.Create) || c.allowed(auth.Create, auth.Topic, name)
}

// guardCreateTopics: who may not describe configs is not told those of the topic that was made.
func guardCreateTopics(c *call, req *kmsg.CreateTopicsRequest, next func() reply) reply {
	every := c.allowedCluster(auth.Create)
	denied := split(&req.Topics, func(t *kmsg.CreateTopicsRequestTopic) bool {
		return every || c.allowed(auth.Create, auth.Topic, t.Topic)
	})
	return edit(next(), func(resp *kmsg.CreateTopicsResponse) {
		for i := range resp.Topics {
			if t := &resp.Topics[i]; t.ErrorCode == 0 && !c.allowed(auth.DescribeConfigs, auth.Topic, t.Topic) {
				t.Configs, t.ConfigErrorCode, t.NumPartitions, t.ReplicationFactor = nil, topicDenied, -1, -1
			}
		}
		for _, t := range denied {
			rt := kmsg.NewCreateTopicsResponseTopic()
			rt.Topic, rt.ErrorCode, rt.NumPartitions, rt.ReplicationFactor = t.Topic, topicDenied, -1, -1
			rt.ErrorMessage = kmsg.StringPtr("Authorization failed.")
			resp.Topics = append(resp.Topics, rt)
		}
	})
}

// guardDeleteTopics: the name of a topic asked for by id is told only to who may describe it.
func guardDeleteTopics(c *call, req *kmsg.DeleteTopicsRequest, next func() reply) reply {
	may := func(name string, id metadata.UUID) bool {
		return c.mayTopic(auth.Describe, name, id) && c.mayTopic(auth.Delete, name, id)
	}
	names := split(&req.TopicNames, func(name *string) bool { return may(*name, metadata.UUID{}) })
	topics := split(&req.Topics, func(t *kmsg.DeleteTopicsRequestTopic) bool {
		if t.Topic != nil && t.TopicID != (metadata.UUID{}) {
			return true // which the handler refuses
		}
		name := ""
		if t.Topic != nil {
			name = *t.Topic
		}
		return may(name, t.TopicID)
	})
	return edit(next(), func(resp *kmsg.DeleteTopicsResponse) {
		fail := func(name *string, id metadata.UUID) {
			rt := kmsg.NewDeleteTopicsResponseTopic()
			rt.Topic, rt.TopicID, rt.ErrorCode, rt.ErrorMessage = name, id, topicDenied, messageOf(deniedBy(auth.Topic))
			resp.Topics = append(resp.Topics, rt)
		}
		for _, name := range names {
			fail(&name, metadata.UUID{})
		}
		for _, t := range topics {
			if topic := c.meta.TopicByID(t.TopicID); t.Topic == nil && topic != nil && c.allowed(auth.Describe, auth.Topic, topic.Name) {
				t.Topic = &topic.Name
			}
			fail(t.Topic, t.TopicID)
		}
	})
}

func guardDeleteRecords(c *call, req *kmsg.DeleteRecordsRequest, next func() reply) reply {
	denied := split(&req.Topics, func(t *kmsg.DeleteRecordsRequestTopic) bool { return c.allowed(auth.Delete, auth.Topic, t.Topic) })
	return edit(next(), func(resp *kmsg.DeleteRecordsResponse) {
		for _, t := range denied {
			rt := kmsg.NewDeleteRecordsResponseTopic()
			rt.Topic = t.Topic
			for _, p := range t.Partitions {
				rp := kmsg.NewDeleteRecordsResponseTopicPartition()
				rp.Partition, rp.ErrorCode, rp.LowWatermark = p.Partition, topicDenied, -1
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
	})
}

// guardOffsetForLeaderEpoch: brokers ask by their right to act for the cluster, consumers by that to describe the topic (KIP-320).
func guardOffsetForLeaderEpoch(c *call, req *kmsg.OffsetForLeaderEpochRequest, next func() reply) reply {
	broker := c.allowedCluster(auth.ClusterAction)
	denied := split(&req.Topics, func(t *kmsg.OffsetForLeaderEpochRequestTopic) bool {
		return broker || c.allowed(auth.Describe, auth.Topic, t.Topic)
	})
	return edit(next(), func(resp *kmsg.OffsetForLeaderEpochResponse) {
		for _, t := range denied {
			rt := kmsg.NewOffsetForLeaderEpochResponseTopic()
			rt.Topic = t.Topic
			for _, p := range t.Partitions {
				rp := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
				rp.Partition, rp.ErrorCode, rp.LeaderEpoch, rp.EndOffset = p.Partition, topicDenied, -1, -1
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
	})
}

func guardCreatePartitions(c *call, req *kmsg.CreatePartitionsRequest, next func() reply) reply {
	denied := split(&req.Topics, func(t *kmsg.CreatePartitionsRequestTopic) bool { return c.allowed(auth.Alter, auth.Topic, t.Topic) })
	return edit(next(), func(resp *kmsg.CreatePartitionsResponse) {
		for _, t := range denied {
			rt := kmsg.NewCreatePartitionsResponseTopic()
			rt.Topic, rt.ErrorCode = t.Topic, topicDenied
			resp.Topics = append(resp.Topics, rt)
		}
	})
}

func guardDescribeProducers(c *call, req *kmsg.DescribeProducersRequest, next func() reply) reply {
	denied := split(&req.Topics, func(t *kmsg.DescribeProducersRequestTopic) bool { return c.allowed(auth.Read, auth.Topic, t.Topic) })
	return edit(next(), func(resp *kmsg.DescribeProducersResponse) {
		for _, t := range denied {
			rt := kmsg.NewDescribeProducersResponseTopic()
			rt.Topic = t.Topic
			for _, p := range t.Partitions {
				rp := kmsg.NewDescribeProducersResponseTopicPartition()
				rp.Partition, rp.ErrorCode = p, topicDenied
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
	})
}

// guardDescribeTopicPartitions names the topics itself where all are asked for, so that the pages have only those that may be seen.
func guardDescribeTopicPartitions(c *call, req *kmsg.DescribeTopicPartitionsRequest, next func() reply) reply {
	all := len(req.Topics) == 0
	if all {
		for _, t := range c.meta.Topics() {
			req.Topics = append(req.Topics, kmsg.DescribeTopicPartitionsRequestTopic{Topic: t.Name})
		}
	}
	denied := split(&req.Topics, func(t *kmsg.DescribeTopicPartitionsRequestTopic) bool {
		return c.allowed(auth.Describe, auth.Topic, t.Topic)
	})
	r := respond(req, func(*kmsg.DescribeTopicPartitionsResponse) {})
	if len(req.Topics) > 0 {
		r = next()
	}
	return edit(r, func(resp *kmsg.DescribeTopicPartitionsResponse) {
		for i := range resp.Topics {
			if t := &resp.Topics[i]; t.ErrorCode == 0 {
				t.AuthorizedOperations = c.operations(auth.Topic, *t.Topic)
			}
		}
		for _, t := range denied {
			if all || req.Cursor != nil && t.Topic < req.Cursor.Topic {
				continue
			}
			rt := kmsg.NewDescribeTopicPartitionsResponseTopic()
			rt.Topic, rt.ErrorCode = &t.Topic, topicDenied
			resp.Topics = append(resp.Topics, rt)
		}
	})
}
