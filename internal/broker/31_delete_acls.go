package broker

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/auth"
)

// DeleteAcls, key 31.
//
//	v1  pattern types (KIP-290); v0 was removed in Kafka 4.0 (KIP-896)
//	v2  flexible
//	v3  users as resources (KIP-373)
func init() { register(31, 1, 3, handleDeleteACLs) }

func handleDeleteACLs(c *call, req *kmsg.DeleteACLsRequest) reply {
	resp := req.ResponseKind().(*kmsg.DeleteACLsResponse)
	errs := make([]error, len(req.Filters))
	var filters []auth.Filter
	for i, n := range req.Filters {
		f := auth.Filter{
			Resource: n.ResourceType, Name: n.ResourceName, Pattern: n.ResourcePatternType,
			Principal: n.Principal, Host: n.Host, Operation: n.Operation, Permission: n.PermissionType,
		}
		if c.authorizer == nil {
			errs[i] = errNoAuthorizer
		} else if err := f.Check(); err != nil {
			errs[i] = detailed(kerr.InvalidRequest, "%v", err)
		} else {
			filters = append(filters, f)
		}
	}
	var deleted [][]auth.ACL
	var failed error
	if len(filters) > 0 {
		deleted, failed = c.meta.DeleteACLs(filters)
	}
	for _, err := range errs {
		r := kmsg.NewDeleteACLsResponseResult()
		if err == nil {
			if err = failed; err == nil {
				r.MatchingACLs = matchingACLs(deleted[0])
			}
			deleted = deleted[1:]
		}
		r.ErrorCode, r.ErrorMessage = metadataCode(err), messageOf(err)
		resp.Results = append(resp.Results, r)
	}
	return answer(resp)
}

func matchingACLs(acls []auth.ACL) (out []kmsg.DeleteACLsResponseResultMatchingACL) {
	for _, a := range acls {
		m := kmsg.NewDeleteACLsResponseResultMatchingACL()
		m.ResourceType, m.ResourceName, m.ResourcePatternType = a.Resource, a.Name, a.Pattern
		m.Principal, m.Host, m.Operation, m.PermissionType = a.Principal, a.Host, a.Operation, a.Permission
		out = append(out, m)
	}
	return out
}
