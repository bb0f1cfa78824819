package broker

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// UnregisterBroker, key 64 (KIP-500). There is one node, and it stays.
func init() { register(64, 0, 0, handleUnregisterBroker) }

func handleUnregisterBroker(c *call, req *kmsg.UnregisterBrokerRequest) reply {
	resp := req.ResponseKind().(*kmsg.UnregisterBrokerResponse)
	err := detailed(kerr.BrokerIDNotRegistered, "Broker ID %d is not currently registered", req.BrokerID)
	if req.BrokerID == c.meta.Identity().NodeID {
		err = detailed(kerr.InvalidRequest, "Broker %d is the only one and cannot be unregistered", req.BrokerID)
	}
	resp.ErrorCode, resp.ErrorMessage = codeOf(err), messageOf(err)
	return answer(resp)
}
