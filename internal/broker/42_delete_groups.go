package broker

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/group"
)

// DeleteGroups, key 42.
//
//	v2  flexible
func init() { register(42, 0, 2, handleDeleteGroups) }

func handleDeleteGroups(c *call, req *kmsg.DeleteGroupsRequest) reply {
	places := make([]place, len(req.Groups))
	errs := make([]error, len(req.Groups))
	for i, id := range req.Groups {
		places[i], errs[i] = c.groups.remove(id)
	}
	return later(func() kmsg.Response {
		resp := req.ResponseKind().(*kmsg.DeleteGroupsResponse)
		for i, id := range req.Groups {
			if errs[i] == nil {
				errs[i] = c.groups.settled(c.conn.ctx, places[i])
			}
			rg := kmsg.NewDeleteGroupsResponseGroup()
			rg.Group, rg.ErrorCode = id, groupCode(errs[i])
			resp.Groups = append(resp.Groups, rg)
		}
		return resp
	})
}

// remove deletes a group that has no members.
func (gc *groups) remove(id string) (at place, err error) {
	gc.mu.Lock()
	defer gc.mu.Unlock()
	if err := gc.load(); err != nil {
		return at, err
	}
	g := gc.state.all[id]
	switch {
	case g == nil:
		return at, kerr.GroupIDNotFound
	case g.State != group.Empty:
		return at, kerr.NonEmptyGroup
	}
	if g.Share() != nil { // should only this come to be durable, the group begins anew where it is told to
		if _, err := gc.b.shares.forget(g.Share().Keys()); err != nil {
			return at, err
		}
	}
	return gc.drop(g, gc.b.config.Now(), nil, true)
}
