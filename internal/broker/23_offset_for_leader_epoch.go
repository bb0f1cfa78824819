package broker

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/commitlog"
)

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
			st.Partitions = append(st.Partitions, c.answerEpoch(rt.Topic, &rt.Partitions[j]))
		}
		resp.Topics = append(resp.Topics, st)
	}
	return answer(resp)
}

// answerEpoch tells where an epoch ends; for the present one, what is durable: nobody has seen more.
func (c *call) answerEpoch(topic string, p *kmsg.OffsetForLeaderEpochRequestTopicPartition) kmsg.OffsetForLeaderEpochResponseTopicPartition {
	sp := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
	sp.Partition, sp.LeaderEpoch, sp.EndOffset = p.Partition, -1, -1
	log, err := c.meta.Partition(topic, p.Partition)
	if err == nil {
		err = checkEpoch(p.CurrentLeaderEpoch)
	}
	if err == nil {
		sp.LeaderEpoch, sp.EndOffset = endOfEpoch(log, p.LeaderEpoch)
	}
	sp.ErrorCode = codeOf(err)
	return sp
}

// endOfEpoch is the greatest epoch up to the one asked for, and where it ends; -1 and -1 if the log has not come to it.
func endOfEpoch(log *commitlog.Log, epoch int32) (int32, int64) {
	if epoch == leaderEpoch {
		return leaderEpoch, log.HighWatermark()
	}
	found, end := log.LeaderEpochEnd(epoch)
	return found, min(end, log.HighWatermark())
}
