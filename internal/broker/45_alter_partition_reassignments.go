package broker

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// AlterPartitionReassignments, key 45 (KIP-455). There is one node: a partition may be assigned to where it is, and nowhere else.
//
//	v1  the number of replicas may be kept from changing (KIP-860)
func init() { register(45, 0, 1, handleAlterPartitionReassignments) }

func handleAlterPartitionReassignments(c *call, req *kmsg.AlterPartitionAssignmentsRequest) reply {
	resp := req.ResponseKind().(*kmsg.AlterPartitionAssignmentsResponse)
	resp.AllowReplicationFactorChange = req.AllowReplicationFactorChange
	for _, t := range req.Topics {
		st := kmsg.NewAlterPartitionAssignmentsResponseTopic()
		st.Topic = t.Topic
		for _, p := range t.Partitions {
			err := c.reassign(t.Topic, p.Partition, p.Replicas)
			sp := kmsg.NewAlterPartitionAssignmentsResponseTopicPartition()
			sp.Partition, sp.ErrorCode, sp.ErrorMessage = p.Partition, codeOf(err), messageOf(err)
			st.Partitions = append(st.Partitions, sp)
		}
		resp.Topics = append(resp.Topics, st)
	}
	return answer(resp)
}

// reassign says what becomes of an assignment; null replicas cancel one that is under way, and none ever is.
func (c *call) reassign(topic string, partition int32, replicas []int32) error {
	t := c.meta.Topic(topic)
	switch {
	case t == nil:
		return detailed(kerr.UnknownTopicOrPartition, "Unable to find a topic named %s.", topic)
	case partition < 0 || partition >= t.Partitions:
		return detailed(kerr.UnknownTopicOrPartition, "Unable to find partition %s:%d.", topic, partition)
	case replicas == nil:
		return kerr.NoReassignmentInProgress
	}
	return c.checkReplicas(partition, replicas)
}
