package broker

import (
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/metadata"
)

// DescribeConfigs, key 32.
//
//	v1  sources and synonyms (KIP-226); v0 was removed in Kafka 4.0 (KIP-896)
//	v3  types and documentation (KIP-569)
//	v4  flexible
func init() { register(32, 1, 4, handleDescribeConfigs) }

func handleDescribeConfigs(c *call, req *kmsg.DescribeConfigsRequest) reply {
	resp := req.ResponseKind().(*kmsg.DescribeConfigsResponse)
	for i := range req.Resources {
		rr := &req.Resources[i]
		sr := kmsg.NewDescribeConfigsResponseResource()
		sr.ResourceType, sr.ResourceName = rr.ResourceType, rr.ResourceName
		values, err := c.resourceConfigs(rr)
		sr.ErrorCode, sr.ErrorMessage = codeOf(err), messageOf(err)
		for _, v := range values {
			if rr.ConfigNames == nil || slices.Contains(rr.ConfigNames, v.Spec.Name) {
				sr.Configs = append(sr.Configs, describeConfig(v, rr.ResourceType, req))
			}
		}
		resp.Resources = append(resp.Resources, sr)
	}
	return answer(resp)
}

// resourceConfigs are all configs of a resource, with the values in force.
func (c *call) resourceConfigs(rr *kmsg.DescribeConfigsRequestResource) (values []metadata.ConfigValue, err error) {
	switch rr.ResourceType {
	case kmsg.ConfigResourceTypeTopic:
		t := c.meta.Topic(rr.ResourceName)
		if t == nil {
			if err := metadata.CheckName(rr.ResourceName); err != nil {
				return nil, err
			}
			return nil, kerr.UnknownTopicOrPartition
		}
		for _, spec := range metadata.TopicConfigSpecs() {
			values = append(values, c.meta.TopicConfig(t, spec))
		}
	case kmsg.ConfigResourceTypeBroker:
		if err := c.checkBrokerResource(rr.ResourceName); err != nil {
			return nil, err
		}
		for _, spec := range metadata.BrokerConfigSpecs() {
			v := c.brokerConfig(spec)
			if rr.ResourceName != "" || v.Source == kmsg.ConfigSourceDynamicBrokerConfig {
				values = append(values, v)
			}
		}
	case kmsg.ConfigResourceTypeBrokerLogger, kmsg.ConfigResourceTypeClientMetrics, kmsg.ConfigResourceTypeGroupConfig:
		// Known kinds, of which nothing is configured.
	default:
		return nil, detailed(kerr.InvalidRequest, "Unsupported resource type %d", rr.ResourceType)
	}
	return values, nil
}

// brokerConfig is a broker's config, with what is known only here.
func (c *call) brokerConfig(spec *metadata.ConfigSpec) metadata.ConfigValue {
	v := c.meta.BrokerConfig(spec)
	address := c.conn.listener.name + "://" + c.conn.host + ":" + strconv.Itoa(int(c.conn.port))
	switch spec.Name {
	case "broker.id", "node.id":
		v.Value = strconv.Itoa(int(c.meta.Identity().NodeID))
	case "log.dirs":
		v.Value = c.meta.Dir()
	case "listeners", "advertised.listeners":
		if v.Value == "" {
			v.Value = address
		}
	default:
		return v
	}
	v.Source = kmsg.ConfigSourceStaticBrokerConfig
	v.Synonyms = []metadata.ConfigSynonym{{Name: spec.Name, Value: v.Value, Source: v.Source}}
	return v
}

// checkBrokerResource accepts this node's id, and the empty name, which stands for the defaults of all nodes.
func (c *call) checkBrokerResource(name string) error {
	if name == "" || name == strconv.Itoa(int(c.meta.Identity().NodeID)) {
		return nil
	}
	return detailed(kerr.InvalidRequest, "Unexpected broker id, expected %d or empty, but received %s", c.meta.Identity().NodeID, name)
}

func describeConfig(v metadata.ConfigValue, kind kmsg.ConfigResourceType, req *kmsg.DescribeConfigsRequest) kmsg.DescribeConfigsResponseResourceConfig {
	sc := kmsg.NewDescribeConfigsResponseResourceConfig()
	sc.Name, sc.Value, sc.Source, sc.ConfigType = v.Spec.Name, nullIfUnset(v.Spec, v.Value), v.Source, v.Spec.Type
	sc.IsSensitive = v.Spec.Secret()
	sc.IsDefault = v.Source == kmsg.ConfigSourceDefaultConfig
	sc.ReadOnly = kind == kmsg.ConfigResourceTypeBroker && !v.Spec.Dynamic
	if req.IncludeDocumentation {
		sc.Documentation = &v.Spec.Doc
	}
	if req.IncludeSynonyms {
		for _, s := range v.Synonyms {
			ss := kmsg.NewDescribeConfigsResponseResourceConfigConfigSynonym()
			ss.Name, ss.Value, ss.Source = s.Name, nullIfUnset(v.Spec, s.Value), s.Source
			sc.ConfigSynonyms = append(sc.ConfigSynonyms, ss)
		}
	}
	return sc
}

// nullIfUnset tells an unset value from an empty one, which only a list can have. A secret is never told.
func nullIfUnset(spec *metadata.ConfigSpec, value string) *string {
	if value == "" && spec.Type != kmsg.ConfigTypeList || spec.Secret() {
		return nil
	}
	return &value
}

// deletes says whether a topic's cleanup policy deletes records.
func (b *Broker) deletes(t *metadata.Topic) bool {
	return strings.Contains(b.meta.TopicConfig(t, metadata.TopicConfigSpec("cleanup.policy")).Value, "delete")
}
