package broker

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/commitlog"
)

// DeleteRecords, key 21.
//
//	v2  flexible
func init() { register(21, 0, 2, handleDeleteRecords) }

func handleDeleteRecords(c *call, req *kmsg.DeleteRecordsRequest) reply {
	resp := req.ResponseKind().(*kmsg.DeleteRecordsResponse)
	for i := range req.Topics {
		rt := &req.Topics[i]
		st := kmsg.NewDeleteRecordsResponseTopic()
		st.Topic = rt.Topic
		for _, p := range rt.Partitions {
			sp := kmsg.NewDeleteRecordsResponseTopicPartition()
			sp.Partition = p.Partition
			low, err := c.deleteRecords(rt.Topic, p.Partition, p.Offset)
			if sp.LowWatermark, sp.ErrorCode = low, codeOf(err); err != nil {
				sp.LowWatermark = -1
			}
			st.Partitions = append(st.Partitions, sp)
		}
		resp.Topics = append(resp.Topics, st)
	}
	return answer(resp)
}

// deleteRecords deletes what is before an offset, -1 for all there is. A topic that is only compacted keeps its records.
func (c *call) deleteRecords(topic string, partition int32, offset int64) (low int64, err error) {
	log, err := c.meta.Partition(topic, partition)
	if err != nil {
		return -1, err
	}
	switch t := c.meta.Topic(topic); {
	case t != nil && t.Internal():
		return -1, kerr.InvalidTopicException
	case t != nil && !c.deletes(t):
		return -1, kerr.PolicyViolation
	}
	if offset == -1 {
		offset = log.HighWatermark()
	}
	if offset < 0 || offset > log.HighWatermark() {
		return -1, commitlog.ErrOffsetOutOfRange
	}
	return log.DeleteBefore(offset)
}
