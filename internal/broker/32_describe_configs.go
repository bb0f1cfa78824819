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
			if v.Spec.Hidden {
				continue
			}
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
			return nil, detailed(kerr.UnknownTopicOrPartition, "")
		}
		for _, spec := range metadata.TopicConfigSpecs() {
			values = append(values, c.meta.TopicConfig(t, spec))
		}
	case kmsg.ConfigResourceTypeBroker:
		if err := c.checkBrokerResource(rr.ResourceName, "Broker", " or empty string"); err != nil {
			return nil, err
		}
		for _, spec := range metadata.BrokerConfigSpecs() {
			if rr.ResourceName != "" {
				values = append(values, c.brokerConfig(spec))
			} else if v, ok := c.clusterConfig(spec); ok {
				values = append(values, v)
			}
		}
		values = append(values, c.meta.ForeignConfigs(rr.ResourceName == "")...)
	case kmsg.ConfigResourceTypeClientMetrics, kmsg.ConfigResourceTypeGroupConfig:
		if rr.ResourceName == "" {
			return nil, detailed(kerr.InvalidRequest, "%s name must not be empty", resourceKindName(rr.ResourceType))
		}
		for _, spec := range configSpecs(rr.ResourceType) {
			values = append(values, c.meta.ResourceConfig(metadata.Resource{Kind: rr.ResourceType, Name: rr.ResourceName}, spec))
		}
	case kmsg.ConfigResourceTypeBrokerLogger:
		return nil, c.checkBrokerResource(rr.ResourceName, "Broker", "")
	default:
		return nil, detailed(kerr.InvalidRequest, "Unsupported resource type %d", rr.ResourceType)
	}
	return values, nil
}

// clusterConfig is a config of all brokers, if it is set.
func (c *call) clusterConfig(spec *metadata.ConfigSpec) (v metadata.ConfigValue, ok bool) {
	value, ok := c.meta.ResourceConfigs(metadata.Resource{Kind: kmsg.ConfigResourceTypeBroker})[spec.Name]
	source := kmsg.ConfigSourceDynamicDefaultBrokerConfig
	return metadata.ConfigValue{
		Spec: spec, Value: value, Source: source, Synonyms: []metadata.ConfigSynonym{{Name: spec.Name, Value: value, Source: source}},
	}, ok
}

func resourceKindName(kind kmsg.ConfigResourceType) string {
	if kind == kmsg.ConfigResourceTypeGroupConfig {
		return "Group"
	}
	return "Client metrics subscription"
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
		if v.Value = c.config.Settings[spec.Name]; v.Value == "" {
			v.Value = address
		}
	default:
		return v
	}
	v.Source, v.Null = kmsg.ConfigSourceStaticBrokerConfig, false
	v.Synonyms = []metadata.ConfigSynonym{{Name: spec.Name, Value: v.Value, Source: v.Source}}
	return v
}

// checkBrokerResource accepts this node's id, and the empty name, which stands for the defaults of all nodes. Kafka words it in two ways.
func (c *call) checkBrokerResource(name, node, orEmpty string) error {
	id := strconv.Itoa(int(c.meta.Identity().NodeID))
	if name == "" || name == id {
		return nil
	}
	if _, err := strconv.ParseInt(name, 10, 32); err != nil {
		return detailed(kerr.InvalidRequest, "%s id must be an integer, but it is: %s", node, name)
	}
	return detailed(kerr.InvalidRequest, "Unexpected broker id, expected %s%s, but received %s", id, orEmpty, name)
}

func describeConfig(v metadata.ConfigValue, kind kmsg.ConfigResourceType, req *kmsg.DescribeConfigsRequest) kmsg.DescribeConfigsResponseResourceConfig {
	sc := kmsg.NewDescribeConfigsResponseResourceConfig()
	sc.Name, sc.Source, sc.ConfigType, sc.IsSensitive = v.Spec.Name, v.Source, v.Spec.Type, v.Spec.Sensitive()
	if !v.Null && !sc.IsSensitive {
		sc.Value = &v.Value
	}
	sc.IsDefault = v.Source == kmsg.ConfigSourceDefaultConfig
	sc.ReadOnly = kind == kmsg.ConfigResourceTypeBroker && v.Spec.Scope == ""
	if req.IncludeDocumentation {
		doc := v.Spec.Documentation()
		sc.Documentation = &doc
	}
	if req.IncludeSynonyms {
		for _, s := range v.Synonyms {
			ss := kmsg.NewDescribeConfigsResponseResourceConfigConfigSynonym()
			ss.Name, ss.Source = s.Name, s.Source
			if !sc.IsSensitive {
				ss.Value = &s.Value
			}
			sc.ConfigSynonyms = append(sc.ConfigSynonyms, ss)
		}
	}
	return sc
}

// deletes says whether a topic's cleanup policy deletes records.
func (b *Broker) deletes(t *metadata.Topic) bool {
	return strings.Contains(b.meta.TopicConfig(t, metadata.TopicConfigSpec("cleanup.policy")).Value, "delete")
}
