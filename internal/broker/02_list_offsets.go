package broker

import (
	"math"

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
//
// A timestamp that the version does not have yet is answered with UNSUPPORTED_VERSION, a partition that is named twice with
// INVALID_REQUEST, once.
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
		seen := map[int32]int{} // places in the answer
		for j := range rt.Partitions {
			p := &rt.Partitions[j]
			if at, twice := seen[p.Partition]; twice {
				topic.Partitions[at] = noOffset(p.Partition, kerr.InvalidRequest)
				continue
			}
			seen[p.Partition] = len(topic.Partitions)
			topic.Partitions = append(topic.Partitions, c.listOffset(rt.Topic, p, req.IsolationLevel == 1))
		}
		resp.Topics = append(resp.Topics, topic)
	}
	return answer(resp)
}

func (c *call) listOffset(topic string, p *kmsg.ListOffsetsRequestTopicPartition, committed bool) kmsg.ListOffsetsResponseTopicPartition {
	sp := noOffset(p.Partition, nil)
	log, err := c.meta.Partition(topic, p.Partition)
	if p.Timestamp < timeLatest && c.version < sinceVersion(p.Timestamp) {
		err = kerr.UnsupportedVersion
	}
	if err == nil {
		if err = checkEpoch(p.CurrentLeaderEpoch); err == nil {
			sp.Offset, sp.Timestamp, err = findOffset(log, p.Timestamp, committed)
		}
	}
	if sp.ErrorCode = codeOf(err); err == nil && sp.Offset >= 0 {
		sp.LeaderEpoch = leaderEpoch
	}
	return sp
}

func noOffset(partition int32, err error) kmsg.ListOffsetsResponseTopicPartition {
	sp := kmsg.NewListOffsetsResponseTopicPartition()
	sp.Partition, sp.Offset, sp.Timestamp, sp.LeaderEpoch, sp.ErrorCode = partition, -1, -1, -1, codeOf(err)
	return sp
}

// sinceVersion is the first version that has a timestamp that is none.
func sinceVersion(ts int64) int16 {
	switch ts {
	case timeEarliest:
		return 1
	case timeMax:
		return 7
	case timeEarliestLocal:
		return 8
	case timeLatestTiered:
		return 9
	case timeEarliestPending:
		return 11
	}
	return math.MaxInt16
}

// findOffset is the offset that a timestamp stands for, -1 if there is none below where the client may read.
func findOffset(log *commitlog.Log, ts int64, committed bool) (offset, timestamp int64, err error) {
	end := log.HighWatermark()
	if committed {
		end = log.LastStableOffset()
	}
	found := true
	switch ts {
	case timeLatest:
		return end, -1, nil
	case timeEarliest, timeEarliestLocal:
		return log.StartOffset(), -1, nil
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
