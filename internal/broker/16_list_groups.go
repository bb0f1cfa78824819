package broker

import (
	"slices"
	"sort"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// ListGroups, key 16.
//
//	v3  flexible
//	v4  states (KIP-518)
//	v5  types (KIP-848)
func init() { register(16, 0, 5, handleListGroups) }

func handleListGroups(c *call, req *kmsg.ListGroupsRequest) reply {
	resp := req.ResponseKind().(*kmsg.ListGroupsResponse)
	wanted := func(filter []string, value string) bool {
		return len(filter) == 0 || slices.ContainsFunc(filter, func(f string) bool { return strings.EqualFold(f, value) })
	}
	gc := c.groups
	gc.mu.Lock()
	defer gc.mu.Unlock()
	resp.ErrorCode = groupCode(gc.load())
	for id, g := range gc.state.all {
		if !wanted(req.StatesFilter, string(g.State)) || !wanted(req.TypesFilter, g.Type()) {
			continue
		}
		rg := kmsg.NewListGroupsResponseGroup()
		rg.Group, rg.ProtocolType, rg.GroupState, rg.GroupType = id, g.ProtocolType, string(g.State), g.Type()
		resp.Groups = append(resp.Groups, rg)
	}
	sort.Slice(resp.Groups, func(i, j int) bool { return resp.Groups[i].Group < resp.Groups[j].Group })
	return answer(resp)
}
