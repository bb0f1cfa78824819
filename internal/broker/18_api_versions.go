package broker

import (
	"regexp"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ApiVersions, key 18. It is a client's first request, so its response can be read without knowing anything: the header is always
// version 0, and an unknown version is answered with version 0, an error, and the versions that there are (KIP-511).
//
//	v1  throttle time
//	v3  flexible; the client's name and version; features (KIP-584)
//	v4  features whose least version is 0 (KAFKA-17011)
func init() { register(keyApiVersions, 0, 4, handleApiVersions) }

const (
	keyProduce                = 0
	keyApiVersions            = 18
	keyEndTxn                 = 26
	keyConsumerGroupHeartbeat = 68
)

var softwareName = regexp.MustCompile(`^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$`)

func handleApiVersions(c *call, req *kmsg.ApiVersionsRequest) reply {
	resp := req.ResponseKind().(*kmsg.ApiVersionsResponse)
	if c.version >= 3 && !(softwareName.MatchString(req.ClientSoftwareName) && softwareName.MatchString(req.ClientSoftwareVersion)) {
		resp.ErrorCode = kerr.InvalidRequest.Code
		return answer(resp)
	}
	c.conn.client = software{req.ClientSoftwareName, req.ClientSoftwareVersion}
	resp.ApiKeys = servedVersions()
	for _, f := range features() {
		if f.min > 0 || c.version >= 4 {
			supported := kmsg.NewApiVersionsResponseSupportedFeature()
			supported.Name, supported.MinVersion, supported.MaxVersion = f.name, f.min, f.max
			resp.SupportedFeatures = append(resp.SupportedFeatures, supported)
		}
		if f.max > 0 {
			final := kmsg.NewApiVersionsResponseFinalizedFeature()
			final.Name, final.MinVersionLevel, final.MaxVersionLevel = f.name, f.max, f.max
			resp.FinalizedFeatures = append(resp.FinalizedFeatures, final)
		}
	}
	resp.FinalizedFeaturesEpoch = 1
	return answer(resp)
}

func servedVersions() (keys []kmsg.ApiVersionsResponseApiKey) {
	for _, a := range apis {
		if a != nil {
			keys = append(keys, kmsg.ApiVersionsResponseApiKey{ApiKey: a.key, MinVersion: a.min, MaxVersion: a.max})
		}
	}
	return keys
}

// unsupportedApiVersions is the answer, of version 0, to a version that is not served.
func unsupportedApiVersions() *kmsg.ApiVersionsResponse {
	resp := kmsg.NewPtrApiVersionsResponse()
	resp.ErrorCode = kerr.UnsupportedVersion.Code
	resp.ApiKeys = servedVersions()
	return resp
}

type feature struct {
	name     string
	min, max int16
}

// The levels of metadata.version that Kafka 4.3 supports: 3.3-IV3, the first that it can start from, to 4.3-IV0. Nothing here depends
// on it, but clients and tools read the release from it.
const (
	metadataVersionMin = 7
	metadataVersionMax = 30
)

// features follow from the APIs that are served: a client may rely on transaction.version 2 if Produce adds partitions to
// transactions and EndTxn raises the producer epoch (KIP-890), on group.version 1 if there is a ConsumerGroupHeartbeat (KIP-848), on
// share.version 1 if there is a ShareGroupHeartbeat (KIP-932).
func features() []feature {
	txn, group, share := feature{name: "transaction.version"}, feature{name: "group.version"}, feature{name: "share.version"}
	if end := apis[keyEndTxn]; end != nil {
		if txn.max = 1; end.max >= 5 && apis[keyProduce].max >= 12 {
			txn.max = 2
		}
	}
	if apis[keyConsumerGroupHeartbeat] != nil {
		group.max = 1
	}
	if apis[keyShareGroupHeartbeat] != nil {
		share.max = 1
	}
	return []feature{{"metadata.version", metadataVersionMin, metadataVersionMax}, txn, group, share}
}
