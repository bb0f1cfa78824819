package broker

import (
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ListConfigResources, key 74. It began as ListClientMetricsResources (KIP-714).
//
//	v0  client-metrics subscriptions only
//	v1  resources of the types asked for; of all types, if none is (KIP-1142)
func init() { register(74, 0, 1, handleListConfigResources) }

var listedKinds = []kmsg.ConfigResourceType{
	kmsg.ConfigResourceTypeTopic, kmsg.ConfigResourceTypeBroker, kmsg.ConfigResourceTypeBrokerLogger,
	kmsg.ConfigResourceTypeClientMetrics, kmsg.ConfigResourceTypeGroupConfig,
}

func handleListConfigResources(c *call, req *kmsg.ListConfigResourcesRequest) reply {
	resp := req.ResponseKind().(*kmsg.ListConfigResourcesResponse)
	kinds := make([]kmsg.ConfigResourceType, 0, len(listedKinds))
	for _, k := range req.ResourceTypes {
		kinds = append(kinds, kmsg.ConfigResourceType(k))
	}
	switch {
	case c.version == 0:
		kinds = []kmsg.ConfigResourceType{kmsg.ConfigResourceTypeClientMetrics}
	case len(kinds) == 0:
		kinds = listedKinds
	}
	for _, kind := range kinds {
		if !slices.Contains(listedKinds, kind) {
			resp.ErrorCode, resp.ConfigResources = kerr.UnsupportedVersion.Code, nil
			return answer(resp)
		}
		for _, name := range c.resourceNames(kind) {
			sr := kmsg.NewListConfigResourcesResponseConfigResource()
			sr.Name, sr.Type = name, int8(kind)
			resp.ConfigResources = append(resp.ConfigResources, sr)
		}
	}
	return answer(resp)
}

// resourceNames are the resources of a kind: nodes and topics are there in any case, others if something is set on them.
func (b *Broker) resourceNames(kind kmsg.ConfigResourceType) (names []string) {
	switch kind {
	case kmsg.ConfigResourceTypeTopic:
		for _, t := range b.meta.Topics() {
			names = append(names, t.Name)
		}
		return names
	case kmsg.ConfigResourceTypeBroker, kmsg.ConfigResourceTypeBrokerLogger:
		return []string{strconv.Itoa(int(b.meta.Identity().NodeID))}
	}
	return b.meta.Resources(kind)
}
