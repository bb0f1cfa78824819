package broker

import (
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/metadata"
)

// CreateTopics, key 19.
//
//	v2  earlier ones were removed in Kafka 4.0 (KIP-896)
//	v4  -1 partitions or replicas stand for the broker's default (KIP-464)
//	v5  flexible; the response has partitions, replicas and configs (KIP-525)
//	v7  topic ids (KIP-516)
func init() { register(19, 2, 7, handleCreateTopics) }

func handleCreateTopics(c *call, req *kmsg.CreateTopicsRequest) reply {
	resp := req.ResponseKind().(*kmsg.CreateTopicsResponse)
	names := map[string]int{}
	for i := range req.Topics {
		names[req.Topics[i].Topic]++
	}
	told := map[string]bool{} // a name that is there twice is answered once
	req.Topics = slices.DeleteFunc(req.Topics, func(t kmsg.CreateTopicsRequestTopic) bool {
		again := told[t.Topic]
		told[t.Topic] = true
		return again
	})
	resp.Topics = make([]kmsg.CreateTopicsResponseTopic, len(req.Topics))
	var wanted []metadata.NewTopic
	var places []int
	for i := range req.Topics {
		rt, st := &req.Topics[i], &resp.Topics[i]
		st.Default()
		st.Topic = rt.Topic
		n, err := c.newTopic(rt)
		if names[rt.Topic] > 1 {
			err = detailed(kerr.InvalidRequest, "Duplicate topic name.")
		}
		if err == nil && !req.ValidateOnly && c.meta.Topic(rt.Topic) == nil {
			err = c.mutate(n.Partitions, c.version >= 6)
		}
		if err != nil {
			failTopic(st, err)
			continue
		}
		wanted, places = append(wanted, n), append(places, i)
	}
	if len(wanted) == 0 {
		return answer(resp)
	}
	made, errs, err := c.meta.CreateAll(wanted, req.ValidateOnly)
	for k, i := range places {
		st := &resp.Topics[i]
		switch {
		case err != nil:
			failTopic(st, err)
		case errs[k] != nil:
			failTopic(st, errs[k])
		default:
			c.describeCreated(st, made[k])
		}
	}
	return answer(resp)
}

func failTopic(st *kmsg.CreateTopicsResponseTopic, err error) {
	st.ErrorCode, st.ErrorMessage = codeOf(err), messageOf(err)
	st.NumPartitions, st.ReplicationFactor = -1, -1
}

// detailed is a protocol error with a sentence of its own.
func detailed(code *kerr.Error, format string, args ...any) error {
	return &metadata.Error{Code: code, Text: fmt.Sprintf(format, args...)}
}

// newTopic takes a topic out of a request: partitions by number or by an assignment, which can only be to this node.
func (c *call) newTopic(rt *kmsg.CreateTopicsRequestTopic) (metadata.NewTopic, error) {
	n := metadata.NewTopic{Name: rt.Topic, Partitions: rt.NumPartitions, Configs: map[string]string{}}
	if len(rt.ReplicaAssignment) > 0 {
		if rt.NumPartitions != -1 || rt.ReplicationFactor != -1 {
			return n, detailed(kerr.InvalidRequest, "Both partitions or replicationFactor and an assignment were given.")
		}
		replicas := make(map[int32][]int32, len(rt.ReplicaAssignment))
		for _, a := range rt.ReplicaAssignment {
			replicas[a.Partition] = a.Replicas
		}
		if n.Partitions = int32(len(replicas)); len(replicas) != len(rt.ReplicaAssignment) {
			return n, detailed(kerr.InvalidReplicaAssignment, "A partition is assigned twice.")
		}
		for i := range n.Partitions {
			if err := c.checkReplicas(i, replicas[i]); err != nil {
				return n, err
			}
		}
	} else {
		if n.Partitions == -1 {
			n.Partitions = int32(c.meta.SettingInt("num.partitions"))
		}
		if rt.ReplicationFactor == 0 || rt.ReplicationFactor < -1 {
			return n, detailed(kerr.InvalidReplicationFactor, "Replication factor must be larger than 0, or -1 to use the default value.")
		}
		if rt.ReplicationFactor > 1 {
			return n, detailed(kerr.InvalidReplicationFactor,
				"Unable to replicate the partition %d time(s): The target replication factor of %d cannot be reached because only 1 broker(s) are registered.",
				rt.ReplicationFactor, rt.ReplicationFactor)
		}
	}
	for _, config := range rt.Configs {
		if config.Value == nil {
			return n, detailed(kerr.InvalidConfig, "Null value not supported for topic configs: %s", config.Name)
		}
		n.Configs[config.Name] = *config.Value
	}
	return n, nil
}

// checkReplicas accepts a partition's assignment to this node alone.
func (c *call) checkReplicas(partition int32, replicas []int32) error {
	node := c.meta.Identity().NodeID
	if len(replicas) != 1 || replicas[0] != node {
		return detailed(kerr.InvalidReplicaAssignment, "Partition %d must be assigned to broker %d, the only one, and not to %v.",
			partition, node, replicas)
	}
	return nil
}

func (c *call) describeCreated(st *kmsg.CreateTopicsResponseTopic, t *metadata.Topic) {
	st.TopicID, st.NumPartitions, st.ReplicationFactor = t.ID, t.Partitions, 1
	for _, spec := range metadata.TopicConfigSpecs() {
		if spec.Hidden {
			continue
		}
		v := c.meta.TopicConfig(t, spec)
		sc := kmsg.NewCreateTopicsResponseTopicConfig()
		sc.Name, sc.Value, sc.Source = spec.Name, &v.Value, int8(v.Source)
		st.Configs = append(st.Configs, sc)
	}
}
