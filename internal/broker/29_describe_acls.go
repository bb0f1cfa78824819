package broker

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/auth"
)

// DescribeAcls, key 29.
//
//	v1  pattern types (KIP-290); v0 was removed in Kafka 4.0 (KIP-896)
//	v2  flexible
//	v3  users as resources (KIP-373)
func init() { register(29, 1, 3, handleDescribeACLs) }

// errNoAuthorizer is the answer where ACLs would be without effect.
var errNoAuthorizer = detailed(kerr.SecurityDisabled, "No Authorizer is configured.")

func handleDescribeACLs(c *call, req *kmsg.DescribeACLsRequest) reply {
	resp := req.ResponseKind().(*kmsg.DescribeACLsResponse)
	f := auth.Filter{
		Resource: req.ResourceType, Name: req.ResourceName, Pattern: req.ResourcePatternType,
		Principal: req.Principal, Host: req.Host, Operation: req.Operation, Permission: req.PermissionType,
	}
	err := f.Check()
	if err != nil {
		err = detailed(kerr.InvalidRequest, "%v", err)
	}
	if c.authorizer == nil {
		err = errNoAuthorizer
	}
	if err != nil {
		resp.ErrorCode, resp.ErrorMessage = codeOf(err), messageOf(err)
		return answer(resp)
	}
	for _, a := range c.meta.ACLs().Select(f) {
		n := len(resp.Resources)
		if n == 0 || resp.Resources[n-1].ResourceType != a.Resource || resp.Resources[n-1].ResourceName != a.Name ||
			resp.Resources[n-1].ResourcePatternType != a.Pattern {
			r := kmsg.NewDescribeACLsResponseResource()
			r.ResourceType, r.ResourceName, r.ResourcePatternType = a.Resource, a.Name, a.Pattern
			resp.Resources = append(resp.Resources, r)
			n++
		}
		e := kmsg.NewDescribeACLsResponseResourceACL()
		e.Principal, e.Host, e.Operation, e.PermissionType = a.Principal, a.Host, a.Operation, a.Permission
		resp.Resources[n-1].ACLs = append(resp.Resources[n-1].ACLs, e)
	}
	return answer(resp)
}

// metadataCode is the number of an error of a change of the metadata: 0 for nil.
func metadataCode(err error) int16 {
	var code *kerr.Error
	if err != nil && !errors.As(err, &code) {
		return kerr.UnknownServerError.Code
	}
	return codeOf(err)
}
