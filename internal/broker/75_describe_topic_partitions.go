package broker

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/metadata"
)

// DescribeTopicPartitions, key 75 (KIP-966): Metadata in pages.
func init() { register(75, 0, 0, handleDescribeTopicPartitions) }

// maxDescribed is Kafka's max.request.partition.size.limit.
const maxDescribed = 2000

func handleDescribeTopicPartitions(c *call, req *kmsg.DescribeTopicPartitionsRequest) reply {
	resp := req.ResponseKind().(*kmsg.DescribeTopicPartitionsResponse)
	names := make([]string, 0, len(req.Topics))
	for _, rt := range req.Topics {
		names = append(names, rt.Topic)
	}
	if len(req.Topics) == 0 {
		for _, t := range c.meta.Topics() {
			names = append(names, t.Name)
		}
	}
	if at := req.Cursor; at != nil && at.Partition < 0 {
		for _, name := range names {
			st := kmsg.NewDescribeTopicPartitionsResponseTopic()
			st.Topic, st.ErrorCode = &name, kerr.InvalidRequest.Code
			resp.Topics = append(resp.Topics, st)
		}
		return answer(resp)
	}
	slices.Sort(names) // the cursor is a place in this order
	first := int32(0)
	left := min(req.ResponsePartitionLimit, maxDescribed)
	for _, name := range slices.Compact(names) {
		if at := req.Cursor; at != nil {
			if name < at.Topic {
				continue
			}
			if first = 0; name == at.Topic {
				first = at.Partition
			}
		}
		if left <= 0 {
			resp.NextCursor = &kmsg.DescribeTopicPartitionsResponseNextCursor{Topic: name, Partition: first}
			break
		}
		st, next := c.describePartitions(name, first, left)
		resp.Topics = append(resp.Topics, st)
		left -= max(int32(len(st.Partitions)), 1)
		if next > 0 {
			resp.NextCursor = &kmsg.DescribeTopicPartitionsResponseNextCursor{Topic: name, Partition: next}
			break
		}
	}
	return answer(resp)
}

// describePartitions describes up to limit partitions of a topic; next is the one after them, 0 if there is none.
func (c *call) describePartitions(name string, first, limit int32) (st kmsg.DescribeTopicPartitionsResponseTopic, next int32) {
	st.Default()
	st.Topic = &name
	t := c.meta.Topic(name)
	if t == nil {
		st.ErrorCode = kerr.UnknownTopicOrPartition.Code
		if metadata.CheckName(name) != nil {
			st.ErrorCode = kerr.InvalidTopicException.Code
		}
		return st, 0
	}
	st.TopicID, st.IsInternal, st.AuthorizedOperations = t.ID, t.Internal(), topicOperations
	node := []int32{c.meta.Identity().NodeID}
	end := min(t.Partitions, first+limit)
	for i := max(first, 0); i < end; i++ {
		sp := kmsg.NewDescribeTopicPartitionsResponseTopicPartition()
		sp.Partition, sp.LeaderID, sp.LeaderEpoch, sp.Replicas, sp.ISR = i, node[0], leaderEpoch, node, node
		sp.EligibleLeaderReplicas, sp.LastKnownELR, sp.OfflineReplicas = []int32{}, []int32{}, []int32{}
		st.Partitions = append(st.Partitions, sp)
	}
	if end < t.Partitions {
		next = end
	}
	return st, next
}
