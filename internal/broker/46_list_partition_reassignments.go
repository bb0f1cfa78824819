package broker

import "github.com/twmb/franz-go/pkg/kmsg"

// ListPartitionReassignments, key 46 (KIP-455). One node has nothing to reassign; kafka-topics --describe asks every time.
func init() { register(46, 0, 0, handleListPartitionReassignments) }

func handleListPartitionReassignments(_ *call, req *kmsg.ListPartitionReassignmentsRequest) reply {
	return answer(req.ResponseKind())
}
