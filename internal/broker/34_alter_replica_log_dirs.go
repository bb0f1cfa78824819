package broker

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// AlterReplicaLogDirs, key 34 (KIP-113): there is one directory, so a replica can only be moved to where it is.
//
//	v1  earlier ones were removed in Kafka 4.0 (KIP-896)
//	v2  flexible
func init() { register(34, 1, 2, handleAlterReplicaLogDirs) }

func handleAlterReplicaLogDirs(c *call, req *kmsg.AlterReplicaLogDirsRequest) reply {
	resp := req.ResponseKind().(*kmsg.AlterReplicaLogDirsResponse)
	places := map[string]int{}
	for _, rd := range req.Dirs {
		for _, rt := range rd.Topics {
			at, ok := places[rt.Topic]
			if !ok {
				at = len(resp.Topics)
				places[rt.Topic] = at
				st := kmsg.NewAlterReplicaLogDirsResponseTopic()
				st.Topic = rt.Topic
				resp.Topics = append(resp.Topics, st)
			}
			for _, p := range rt.Partitions {
				sp := kmsg.NewAlterReplicaLogDirsResponseTopicPartition()
				sp.Partition, sp.ErrorCode = p, codeOf(c.moveReplica(rd.Dir, rt.Topic, p))
				resp.Topics[at].Partitions = append(resp.Topics[at].Partitions, sp)
			}
		}
	}
	return answer(resp)
}

func (c *call) moveReplica(dir, topic string, partition int32) error {
	if dir != c.meta.Dir() {
		return kerr.LogDirNotFound
	}
	if t := c.meta.Topic(topic); t == nil || partition < 0 || partition >= t.Partitions {
		return kerr.UnknownTopicOrPartition // Kafka would keep the wish until the replica is made
	}
	return nil
}
