package broker

import "github.com/twmb/franz-go/pkg/kmsg"

// AlterConfigs, key 33: replaces all configs of a resource. Its successor is IncrementalAlterConfigs.
//
//	v2  flexible
func init() { register(33, 0, 2, handleAlterConfigs) }

func handleAlterConfigs(c *call, req *kmsg.AlterConfigsRequest) reply {
	resp := req.ResponseKind().(*kmsg.AlterConfigsResponse)
	for i := range req.Resources {
		rr := &req.Resources[i]
		err := c.alterResource(rr.ResourceType, rr.ResourceName, req.ValidateOnly, func(configs map[string]string) error {
			clear(configs)
			for _, config := range rr.Configs {
				if config.Value != nil {
					configs[config.Name] = *config.Value
				}
			}
			return nil
		})
		sr := kmsg.NewAlterConfigsResponseResource()
		sr.ResourceType, sr.ResourceName = rr.ResourceType, rr.ResourceName
		sr.ErrorCode, sr.ErrorMessage = codeOf(err), messageOf(err)
		resp.Resources = append(resp.Resources, sr)
	}
	return answer(resp)
}
