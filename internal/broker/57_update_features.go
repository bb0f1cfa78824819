package broker

import (
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// UpdateFeatures, key 57 (KIP-584). The levels of features follow from what is served, and cannot be changed: asking for the level that
// there is succeeds, and nothing else does.
//
//	v1  the kind of the change, validation only
//	v2  no results by feature (they only ever said that all is well)
func init() { register(57, 0, 2, handleUpdateFeatures) }

func handleUpdateFeatures(c *call, req *kmsg.UpdateFeaturesRequest) reply {
	resp := req.ResponseKind().(*kmsg.UpdateFeaturesResponse)
	for _, u := range req.FeatureUpdates {
		if err := c.updateFeature(&u); err != nil {
			text := "The update failed for all features since the following feature had an error: " + *messageOf(err)
			resp.ErrorCode, resp.ErrorMessage, resp.Results = codeOf(err), &text, nil
			return answer(resp)
		}
		sr := kmsg.NewUpdateFeaturesResponseResult()
		sr.Feature = u.Feature
		resp.Results = append(resp.Results, sr)
	}
	return answer(resp)
}

func (c *call) updateFeature(u *kmsg.UpdateFeaturesRequestFeatureUpdate) error {
	list := features()
	i := slices.IndexFunc(list, func(f feature) bool { return f.name == u.Feature })
	node := c.meta.Identity().NodeID
	refuse := func(format string, args ...any) error {
		return detailed(kerr.InvalidUpdateVersion, "Invalid update version %d for feature %s. %s", u.MaxVersionLevel, u.Feature, fmt.Sprintf(format, args...))
	}
	switch {
	case i < 0:
		return refuse("Local controller %d does not support this feature.", node)
	case u.MaxVersionLevel < list[i].min || u.MaxVersionLevel > list[i].max:
		return refuse("Local controller %d only supports versions %d-%d", node, list[i].min, list[i].max)
	case u.MaxVersionLevel != list[i].max:
		return refuse("Local controller %d has it at version %d, which cannot be changed in millrace.", node, list[i].max)
	}
	return nil
}
