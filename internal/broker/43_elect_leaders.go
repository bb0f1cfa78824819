package broker

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ElectLeaders, key 43 (KIP-183). There is one node, and it leads: an election that is asked for is never needed.
//
//	v1  unclean elections (KIP-460), an error for the whole
//	v2  flexible
func init() { register(43, 0, 2, handleElectLeaders) }

const maxElectionType = 1

func handleElectLeaders(c *call, req *kmsg.ElectLeadersRequest) reply {
	resp := req.ResponseKind().(*kmsg.ElectLeadersResponse)
	var fault error
	if c.version >= 1 && (req.ElectionType < 0 || req.ElectionType > maxElectionType) {
		fault = detailed(kerr.InvalidRequest, "Unknown election type %d.", req.ElectionType)
		resp.ErrorCode = kerr.InvalidRequest.Code
	}
	for _, t := range req.Topics { // null stands for all that need one: none
		st := kmsg.NewElectLeadersResponseTopic()
		st.Topic = t.Topic
		topic := c.meta.Topic(t.Topic)
		for _, p := range t.Partitions {
			err := fault
			if err == nil && (topic == nil || p < 0 || p >= topic.Partitions) {
				err = detailed(kerr.UnknownTopicOrPartition, "No such partition as %s-%d", t.Topic, p)
			} else if err == nil {
				err = kerr.ElectionNotNeeded
			}
			sp := kmsg.NewElectLeadersResponseTopicPartition()
			sp.Partition, sp.ErrorCode, sp.ErrorMessage = p, codeOf(err), messageOf(err)
			st.Partitions = append(st.Partitions, sp)
		}
		resp.Topics = append(resp.Topics, st)
	}
	return answer(resp)
}
