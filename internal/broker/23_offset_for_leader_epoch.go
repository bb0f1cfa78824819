package broker

import "github.com/twmb/franz-go/pkg/kmsg"

// OffsetForLeaderEpoch, key 23 (KIP-320).
//
//	v2  the epoch a client believes in; earlier ones were removed in Kafka 4.0 (KIP-896)
//	v3  the replica's id
//	v4  flexible
func init() { register(23, 2, 4, handleOffsetForLeaderEpoch) }

func handleOffsetForLeaderEpoch(c *call, req *kmsg.OffsetForLeaderEpochRequest) reply {
	resp := req.ResponseKind().(*kmsg.OffsetForLeaderEpochResponse)
	for i := range req.Topics {
		rt := &req.Topics[i]
		st := kmsg.NewOffsetForLeaderEpochResponseTopic()
		st.Topic = rt.Topic
		for j := range rt.Partitions {
			st.Partitions = append(st.Partitions, c.endOfEpoch(rt.Topic, &rt.Partitions[j]))
		}
		resp.Topics = append(resp.Topics, st)
	}
	return answer(resp)
}

// endOfEpoch is where an epoch ends; for the present one, what is durable: nobody has seen more.
func (c *call) endOfEpoch(topic string, p *kmsg.OffsetForLeaderEpochRequestTopicPartition) kmsg.OffsetForLeaderEpochResponseTopicPartition {
	sp := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
	sp.Partition, sp.LeaderEpoch, sp.EndOffset = p.Partition, -1, -1
	err := checkEpoch(p.CurrentLeaderEpoch)
	if err == nil {
		log, openErr := c.meta.Partition(topic, p.Partition)
		switch {
		case openErr != nil:
			err = openErr
		case p.LeaderEpoch == leaderEpoch:
			sp.LeaderEpoch, sp.EndOffset = leaderEpoch, log.HighWatermark()
		default:
			sp.LeaderEpoch, sp.EndOffset = log.LeaderEpochEnd(p.LeaderEpoch)
			sp.EndOffset = min(sp.EndOffset, log.HighWatermark())
		}
	}
	sp.ErrorCode = codeOf(err)
	return sp
}
