package broker

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// AddRaftVoter, key 80, and RemoveRaftVoter, key 81 (KIP-853): the quorum is this node. They answer as Kafka does while its feature
// kraft.version is 0.
//
//	v1 of AddRaftVoter  an answer before the change is committed (KIP-1186)
func init() {
	register(80, 0, 1, handleAddRaftVoter)
	register(81, 0, 0, handleRemoveRaftVoter)
}

func handleAddRaftVoter(_ *call, req *kmsg.AddRaftVoterRequest) reply {
	resp := req.ResponseKind().(*kmsg.AddRaftVoterResponse)
	err := detailed(kerr.UnsupportedVersion, "Cluster doesn't support adding voter because the kraft.version feature is 0")
	resp.ErrorCode, resp.ErrorMessage = codeOf(err), messageOf(err)
	return answer(resp)
}

func handleRemoveRaftVoter(_ *call, req *kmsg.RemoveRaftVoterRequest) reply {
	resp := req.ResponseKind().(*kmsg.RemoveRaftVoterResponse)
	err := detailed(kerr.UnsupportedVersion, "Cluster doesn't support removing voter because the kraft.version feature is 0")
	resp.ErrorCode, resp.ErrorMessage = codeOf(err), messageOf(err)
	return answer(resp)
}
