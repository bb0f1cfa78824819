package broker

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/commitlog"
)

// ListOffsets, key 2.
//
//	v1   one offset with its timestamp; v0 was removed in Kafka 4.0 (KIP-896)
//	v2   isolation level: the end is the last stable offset for read_committed
//	v4   leader epochs (KIP-320)
//	v6   flexible
//	v7   timestamp -3: the record of the greatest timestamp (KIP-734)
//	v8   timestamp -4: the earliest offset on local disk (KIP-405): the earliest
//	v9   timestamp -5: the latest in tiered storage (KIP-1005): none
//	v10  a timeout for tiered storage (KIP-1075)
//	v11  timestamp -6: the earliest to be tiered (KIP-1023): none
func init() { register(2, 1, 11, handleListOffsets) }

const (
	timeLatest          = -1
	timeEarliest        = -2
	timeMax             = -3
	timeEarliestLocal   = -4
	timeLatestTiered    = -5
	timeEarliestPending = -6
)

func handleListOffsets(c *call, req *kmsg.ListOffsetsRequest) reply {
	resp := req.ResponseKind().(*kmsg.ListOffsetsResponse)
	for i := range req.Topics {
		rt := &req.Topics[i]
		topic := kmsg.NewListOffsetsResponseTopic()
		topic.Topic = rt.Topic
		for j := range rt.Partitions {
			topic.Partitions = append(topic.Partitions, c.listOffset(rt.Topic, &rt.Partitions[j], req.IsolationLevel == 1))
		}
		resp.Topics = append(resp.Topics, topic)
	}
	return answer(resp)
}

func (c *call) listOffset(topic string, p *kmsg.ListOffsetsRequestTopicPartition, committed bool) kmsg.ListOffsetsResponseTopicPartition {
	sp := kmsg.NewListOffsetsResponseTopicPartition()
	sp.Partition, sp.Offset, sp.Timestamp, sp.LeaderEpoch = p.Partition, -1, -1, -1
	err := checkEpoch(p.CurrentLeaderEpoch)
	if err == nil {
		var log *commitlog.Log
		if log, err = c.meta.Partition(topic, p.Partition); err == nil {
			sp.Offset, sp.Timestamp, err = findOffset(log, p.Timestamp, committed, c.version)
		}
	}
	if sp.ErrorCode = codeOf(err); err == nil && sp.Offset >= 0 {
		sp.LeaderEpoch = leaderEpoch
	}
	return sp
}

// findOffset is the offset that a timestamp stands for, -1 if there is none below where the client may read.
func findOffset(log *commitlog.Log, ts int64, committed bool, version int16) (offset, timestamp int64, err error) {
	end := log.HighWatermark()
	if committed {
		end = log.LastStableOffset()
	}
	found := true
	switch ts {
	case timeLatest:
		return end, -1, nil
	case timeEarliest:
		return log.StartOffset(), -1, nil
	case timeEarliestLocal:
		if version >= 8 {
			return log.StartOffset(), -1, nil
		}
		return -1, -1, kerr.UnsupportedForMessageFormat
	case timeLatestTiered, timeEarliestPending:
		return -1, -1, nil
	case timeMax:
		offset, timestamp = log.MaxTimestamp()
	default:
		offset, timestamp, found, err = log.OffsetForTime(ts)
	}
	if err != nil || !found || offset < 0 || offset >= end {
		return -1, -1, err
	}
	return offset, timestamp, nil
}
