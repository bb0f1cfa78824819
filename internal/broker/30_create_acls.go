package broker

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/auth"
)

// CreateAcls, key 30.
//
//	v1  pattern types (KIP-290); v0 was removed in Kafka 4.0 (KIP-896)
//	v2  flexible
//	v3  users as resources (KIP-373)
func init() { register(30, 1, 3, handleCreateACLs) }

// Each ACL is created or has its error; those that are valid are durable, all in one write, before the answer.
func handleCreateACLs(c *call, req *kmsg.CreateACLsRequest) reply {
	resp := req.ResponseKind().(*kmsg.CreateACLsResponse)
	errs := make([]error, len(req.Creations))
	var acls []auth.ACL
	for i, n := range req.Creations {
		a := auth.ACL{
			Resource: n.ResourceType, Name: n.ResourceName, Pattern: n.ResourcePatternType,
			Principal: n.Principal, Host: n.Host, Operation: n.Operation, Permission: n.PermissionType,
		}
		if c.authorizer == nil {
			errs[i] = errNoAuthorizer
		} else if err := a.Check(); err != nil {
			errs[i] = detailed(kerr.InvalidRequest, "%v", err)
		} else {
			acls = append(acls, a)
		}
	}
	var failed error
	if len(acls) > 0 {
		failed = c.meta.CreateACLs(acls)
	}
	for _, err := range errs {
		if err == nil {
			err = failed
		}
		r := kmsg.NewCreateACLsResponseResult()
		r.ErrorCode, r.ErrorMessage = metadataCode(err), messageOf(err)
		resp.Results = append(resp.Results, r)
	}
	return answer(resp)
}
