package broker

import (
	"slices"
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
		return c.meta.SetConfigs(name, validate, edit)
	case kmsg.ConfigResourceTypeBroker:
		if err := c.checkBrokerResource(name); err != nil {
			return err
		}
		return c.meta.SetBrokerConfigs(validate, edit)
	}
	return detailed(kerr.InvalidRequest, "Unsupported resource type %d", kind)
}

func (c *call) editConfigs(rr *kmsg.IncrementalAlterConfigsRequestResource, configs map[string]string) error {
	seen := map[string]bool{}
	for _, change := range rr.Configs {
		if seen[change.Name] {
			return detailed(kerr.InvalidRequest, "Error due to duplicate config keys: %s", change.Name)
		}
		seen[change.Name] = true
		if err := c.editConfig(rr.ResourceType, configs, change); err != nil {
			return err
		}
	}
	return nil
}

// editConfig does one change. Appending and subtracting start from the default, where the config is not set.
func (c *call) editConfig(kind kmsg.ConfigResourceType, configs map[string]string, change kmsg.IncrementalAlterConfigsRequestResourceConfig) error {
	spec, now := c.currentConfig(kind, configs, change.Name)
	if spec == nil {
		configs[change.Name] = "" // the name is refused with the rest
		return nil
	}
	if change.Op == kmsg.IncrementalAlterConfigOpDelete {
		delete(configs, change.Name)
		return nil
	}
	if change.Value == nil {
		return detailed(kerr.InvalidRequest, "Null value not supported for : %s", change.Name)
	}
	if change.Op == kmsg.IncrementalAlterConfigOpSet {
		configs[change.Name] = *change.Value
		return nil
	}
	if spec.Type != kmsg.ConfigTypeList {
		return detailed(kerr.InvalidConfig, "Config value append is not allowed for config key: %s", change.Name)
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

// currentConfig is a config's spec, nil if there is none of the name, and its value in what is being edited.
func (c *call) currentConfig(kind kmsg.ConfigResourceType, configs map[string]string, name string) (*metadata.ConfigSpec, string) {
	spec := metadata.TopicConfigSpec(name)
	if kind == kmsg.ConfigResourceTypeBroker {
		spec = metadata.BrokerConfigSpec(name)
	}
	if spec == nil {
		return nil, ""
	}
	if value, ok := configs[name]; ok {
		return spec, value
	}
	return spec, spec.Default
}
