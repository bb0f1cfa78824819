package broker

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/metadata"
)

// DescribeQuorum, key 55 (KIP-595): who keeps the metadata log. One node is a quorum of one, which leads and is never behind.
//
//	v1  when a replica last fetched and caught up (KIP-836)
//	v2  error messages, directories and endpoints (KIP-853)
func init() { register(55, 0, 2, handleDescribeQuorum) }

func handleDescribeQuorum(c *call, req *kmsg.DescribeQuorumRequest) reply {
	resp := req.ResponseKind().(*kmsg.DescribeQuorumResponse)
	id, known := c.meta.Identity(), false
	for _, rt := range req.Topics {
		st := kmsg.NewDescribeQuorumResponseTopic()
		st.Topic = rt.Topic
		for _, rp := range rt.Partitions {
			sp := kmsg.NewDescribeQuorumResponseTopicPartition()
			sp.Partition, sp.LeaderEpoch = rp.Partition, leaderEpoch
			if rt.Topic != metadata.MetadataTopic || rp.Partition != 0 {
				sp.ErrorCode, sp.ErrorMessage = kerr.UnknownTopicOrPartition.Code, &kerr.UnknownTopicOrPartition.Description
			} else {
				known = true
				sp.LeaderID, sp.HighWatermark = id.NodeID, c.meta.LogEnd()
				voter := kmsg.NewDescribeQuorumResponseTopicPartitionReplicaState()
				voter.ReplicaID, voter.LogEndOffset = id.NodeID, sp.HighWatermark
				voter.ReplicaDirectoryID, _ = metadata.ParseUUID(id.DirectoryID)
				voter.LastFetchTimestamp = c.config.Now().UnixMilli()
				voter.LastCaughtUpTimestamp = voter.LastFetchTimestamp
				sp.CurrentVoters = append(sp.CurrentVoters, voter)
			}
			st.Partitions = append(st.Partitions, sp)
		}
		resp.Topics = append(resp.Topics, st)
	}
	if !known {
		return answer(resp)
	}
	node, listener := kmsg.NewDescribeQuorumResponseNode(), kmsg.NewDescribeQuorumResponseNodeListener()
	listener.Name, listener.Host, listener.Port = "PLAINTEXT", c.conn.host, uint16(c.conn.port)
	node.NodeID, node.Listeners = id.NodeID, append(node.Listeners, listener)
	resp.Nodes = append(resp.Nodes, node)
	return answer(resp)
}
