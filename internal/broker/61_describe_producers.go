package broker

import "github.com/twmb/franz-go/pkg/kmsg"

// DescribeProducers, key 61 (KIP-664).
func init() { register(61, 0, 0, handleDescribeProducers) }

func handleDescribeProducers(c *call, req *kmsg.DescribeProducersRequest) reply {
	resp := req.ResponseKind().(*kmsg.DescribeProducersResponse)
	for i := range req.Topics {
		rt := &req.Topics[i]
		st := kmsg.NewDescribeProducersResponseTopic()
		st.Topic = rt.Topic
		for _, p := range rt.Partitions {
			st.Partitions = append(st.Partitions, c.describeProducers(rt.Topic, p))
		}
		resp.Topics = append(resp.Topics, st)
	}
	return answer(resp)
}

func (c *call) describeProducers(topic string, partition int32) kmsg.DescribeProducersResponseTopicPartition {
	sp := kmsg.NewDescribeProducersResponseTopicPartition()
	sp.Partition = partition
	log, err := c.meta.Partition(topic, partition)
	if err != nil {
		sp.ErrorCode, sp.ErrorMessage = codeOf(err), messageOf(err)
		return sp
	}
	for _, p := range log.Producers() {
		a := kmsg.NewDescribeProducersResponseTopicPartitionActiveProducer()
		a.ProducerID, a.ProducerEpoch, a.LastSequence = p.ProducerID, int32(p.Epoch), p.LastSequence
		a.LastTimestamp, a.CoordinatorEpoch, a.CurrentTxnStartOffset = p.LastTimestamp, p.CoordinatorEpoch, p.TxnFirstOffset
		sp.ActiveProducers = append(sp.ActiveProducers, a)
	}
	return sp
}
