package broker

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// DescribeCluster, key 60 (KIP-700).
//
//	v1  brokers or controllers (KIP-919)
//	v2  fenced brokers (KIP-1073)
func init() { register(60, 0, 2, handleDescribeCluster) }

const endpointBrokers = 1

func handleDescribeCluster(c *call, req *kmsg.DescribeClusterRequest) reply {
	resp := req.ResponseKind().(*kmsg.DescribeClusterResponse)
	id := c.meta.Identity()
	resp.ControllerID = -1
	if c.version >= 1 && req.EndpointType != endpointBrokers {
		err := detailed(kerr.MismatchedEndpointType, "The request was sent to an endpoint of the wrong type.")
		resp.ErrorCode, resp.ErrorMessage = codeOf(err), messageOf(err)
		return answer(resp)
	}
	resp.ClusterID, resp.ControllerID, resp.EndpointType = id.ClusterID, id.NodeID, endpointBrokers
	if req.IncludeClusterAuthorizedOperations {
		resp.ClusterAuthorizedOperations = clusterOperations
	}
	sb := kmsg.NewDescribeClusterResponseBroker()
	sb.NodeID, sb.Host, sb.Port, sb.Rack = id.NodeID, c.conn.host, c.conn.port, c.rack()
	resp.Brokers = append(resp.Brokers, sb)
	return answer(resp)
}
