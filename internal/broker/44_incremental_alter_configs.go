package broker

import (
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/metadata"
)

// IncrementalAlterConfigs, key 44 (KIP-339).
//
//	v1  flexible
func init() { register(44, 0, 1, handleIncrementalAlterConfigs) }

func handleIncrementalAlterConfigs(c *call, req *kmsg.IncrementalAlterConfigsRequest) reply {
	resp := req.ResponseKind().(*kmsg.IncrementalAlterConfigsResponse)
	for i := range req.Resources {
		rr := &req.Resources[i]
		err := c.alterResource(rr.ResourceType, rr.ResourceName, req.ValidateOnly, func(configs map[string]string) error {
			return c.editConfigs(rr, configs)
		})
		sr := kmsg.NewIncrementalAlterConfigsResponseResource()
		sr.ResourceType, sr.ResourceName = rr.ResourceType, rr.ResourceName
		sr.ErrorCode, sr.ErrorMessage = codeOf(err), messageOf(err)
		resp.Resources = append(resp.Resources, sr)
	}
	return answer(resp)
}

// alterResource edits the configs set on a resource.
func (c *call) alterResource(kind kmsg.ConfigResourceType, name string, validate bool, edit func(map[string]string) error) error {
	switch kind {
	case kmsg.ConfigResourceTypeTopic:
		if name == "" {
			return detailed(kerr.InvalidRequest, "Default topic resources are not allowed.")
		}
		return c.meta.SetConfigs(name, validate, edit)
	case kmsg.ConfigResourceTypeBroker:
		if err := c.checkBrokerResource(name, "Node", ""); err != nil {
			return err
		}
		return c.meta.SetBrokerConfigs(name == "", validate, edit)
	case kmsg.ConfigResourceTypeGroupConfig, kmsg.ConfigResourceTypeClientMetrics:
		return c.meta.SetResourceConfigs(metadata.Resource{Kind: kind, Name: name}, validate, edit)
	case kmsg.ConfigResourceTypeBrokerLogger:
		return c.checkLoggers(name, edit)
	}
	return detailed(kerr.InvalidRequest, "Unsupported resource type %d", kind)
}

var logLevels = []string{"DEBUG", "ERROR", "FATAL", "INFO", "TRACE", "WARN"}

// checkLoggers refuses to change what is logged: there are no loggers here.
func (c *call) checkLoggers(name string, edit func(map[string]string) error) error {
	if node := strconv.Itoa(int(c.meta.Identity().NodeID)); name != node {
		return detailed(kerr.InvalidRequest, "Unexpected node id. Expected %s, but received %s", node, name)
	}
	levels := map[string]string{}
	if err := edit(levels); err != nil {
		return err
	}
	for logger, level := range levels {
		if !slices.Contains(logLevels, level) {
			return detailed(kerr.InvalidConfig, "Cannot set the log level of %s to %s as it is not a supported log level. Valid log levels are %s",
				logger, level, strings.Join(logLevels, ", "))
		}
		return detailed(kerr.InvalidConfig, "Logger %s does not exist!", logger)
	}
	return nil
}

func (c *call) editConfigs(rr *kmsg.IncrementalAlterConfigsRequestResource, configs map[string]string) error {
	seen := map[string]bool{}
	for _, change := range rr.Configs {
		if seen[change.Name] {
			return detailed(kerr.InvalidRequest, "Error due to duplicate config keys")
		}
		seen[change.Name] = true
		if err := c.editConfig(rr, configs, change); err != nil {
			return err
		}
	}
	return nil
}

// editConfig does one change. Appending and subtracting start from the default, where the config is not set.
func (c *call) editConfig(rr *kmsg.IncrementalAlterConfigsRequestResource, configs map[string]string, change kmsg.IncrementalAlterConfigsRequestResourceConfig) error {
	spec := configSpec(rr.ResourceType, change.Name)
	if change.Op == kmsg.IncrementalAlterConfigOpDelete {
		delete(configs, change.Name)
		return nil
	}
	if change.Value == nil {
		return detailed(kerr.InvalidRequest, "Null value not supported for : %s", change.Name)
	}
	if spec == nil || change.Op == kmsg.IncrementalAlterConfigOpSet {
		configs[change.Name] = *change.Value // an unknown name is refused with the rest
		return nil
	}
	if spec.Type != kmsg.ConfigTypeList || rr.ResourceType == kmsg.ConfigResourceTypeClientMetrics { // Kafka does not know the types of these
		return detailed(kerr.InvalidConfig, "Can't %s to key %s because its type is not LIST.", change.Op, change.Name)
	}
	now, ok := configs[change.Name]
	if !ok {
		now = c.inheritedConfig(rr, spec)
	}
	list := strings.FieldsFunc(now, isComma)
	for _, v := range strings.FieldsFunc(*change.Value, isComma) {
		has := slices.Contains(list, v)
		switch {
		case change.Op == kmsg.IncrementalAlterConfigOpAppend && !has:
			list = append(list, v)
		case change.Op == kmsg.IncrementalAlterConfigOpSubtract && has:
			list = slices.DeleteFunc(list, func(s string) bool { return s == v })
		}
	}
	configs[change.Name] = strings.Join(list, ",")
	return nil
}

func isComma(r rune) bool { return r == ',' || r == ' ' }

// configSpec finds a config of a kind of resource; nil if there is none of the name.
func configSpec(kind kmsg.ConfigResourceType, name string) *metadata.ConfigSpec {
	for _, spec := range configSpecs(kind) {
		if spec.Name == name {
			return spec
		}
	}
	return nil
}

func configSpecs(kind kmsg.ConfigResourceType) []*metadata.ConfigSpec {
	switch kind {
	case kmsg.ConfigResourceTypeTopic:
		return metadata.TopicConfigSpecs()
	case kmsg.ConfigResourceTypeBroker:
		return metadata.BrokerConfigSpecs()
	case kmsg.ConfigResourceTypeGroupConfig:
		return metadata.GroupConfigSpecs()
	case kmsg.ConfigResourceTypeClientMetrics:
		return metadata.ClientMetricsConfigSpecs()
	}
	return nil
}

// inheritedConfig is the value of a config that is not set on the resource itself.
func (c *call) inheritedConfig(rr *kmsg.IncrementalAlterConfigsRequestResource, spec *metadata.ConfigSpec) string {
	switch rr.ResourceType {
	case kmsg.ConfigResourceTypeTopic:
		return c.meta.TopicConfig(&metadata.Topic{}, spec).Value
	case kmsg.ConfigResourceTypeBroker:
		return spec.Default
	}
	return c.meta.ResourceConfig(metadata.Resource{Kind: rr.ResourceType}, spec).Value
}
