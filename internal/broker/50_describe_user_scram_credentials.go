package broker

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/auth"
)

// DescribeUserScramCredentials, key 50 (KIP-554): which users have which mechanisms, and nothing of their passwords.
func init() { register(50, 0, 0, handleDescribeUserSCRAM) }

func handleDescribeUserSCRAM(c *call, req *kmsg.DescribeUserSCRAMCredentialsRequest) reply {
	resp := req.ResponseKind().(*kmsg.DescribeUserSCRAMCredentialsResponse)
	found := map[string][]auth.Credential{}
	var names []string
	for _, u := range c.meta.Credentials() {
		if found[u.User] == nil {
			names = append(names, u.User)
		}
		found[u.User] = append(found[u.User], u.Credential)
	}
	times := map[string]int{}
	if len(req.Users) > 0 {
		names = nil
		for _, u := range req.Users {
			if times[u.Name]++; times[u.Name] == 1 {
				names = append(names, u.Name)
			}
		}
	}
	for _, name := range names {
		r := kmsg.NewDescribeUserSCRAMCredentialsResponseResult()
		r.User = name
		var err error
		switch {
		case times[name] > 1:
			err = detailed(kerr.DuplicateResource, "Cannot describe SCRAM credentials for the same user twice in a single request: %s", name)
		case found[name] == nil:
			err = detailed(kerr.ResourceNotFound, "Attempt to describe a user credential that does not exist: %s", name)
		default:
			for _, f := range found[name] {
				r.CredentialInfos = append(r.CredentialInfos, kmsg.DescribeUserSCRAMCredentialsResponseResultCredentialInfo{
					Mechanism: int8(f.Mechanism), Iterations: int32(f.Iterations),
				})
			}
		}
		r.ErrorCode, r.ErrorMessage = codeOf(err), messageOf(err)
		resp.Results = append(resp.Results, r)
	}
	return answer(resp)
}
