package broker

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// CreateDelegationToken, key 38, RenewDelegationToken, 39, ExpireDelegationToken, 40, DescribeDelegationToken, 41 (KIP-48). There are no
// delegation tokens here: they answer as Kafka does without delegation.token.secret.key. Who is not authenticated is told that first.
//
//	v1  earlier ones were removed in Kafka 4.0 (KIP-896)
//	v2  flexible
//	v3  of 38 and 41: tokens for somebody else (KIP-373)
func init() {
	register(38, 1, 3, handleCreateDelegationToken)
	register(39, 1, 2, handleRenewDelegationToken)
	register(40, 1, 2, handleExpireDelegationToken)
	register(41, 1, 3, handleDescribeDelegationToken)
}

func (c *call) noTokens() int16 {
	if c.conn.user() == anonymous {
		return kerr.DelegationTokenRequestNotAllowed.Code
	}
	return kerr.DelegationTokenAuthDisabled.Code
}

func handleCreateDelegationToken(c *call, req *kmsg.CreateDelegationTokenRequest) reply {
	resp := req.ResponseKind().(*kmsg.CreateDelegationTokenResponse)
	resp.ErrorCode = c.noTokens()
	resp.PrincipalType, resp.PrincipalName = "User", c.conn.user()
	resp.TokenRequesterPrincipalType, resp.TokenRequesterPrincipalName = "User", c.conn.user()
	resp.IssueTimestamp, resp.ExpiryTimestamp, resp.MaxTimestamp = -1, -1, -1
	return answer(resp)
}

func handleRenewDelegationToken(c *call, req *kmsg.RenewDelegationTokenRequest) reply {
	resp := req.ResponseKind().(*kmsg.RenewDelegationTokenResponse)
	resp.ErrorCode, resp.ExpiryTimestamp = c.noTokens(), -1
	return answer(resp)
}

func handleExpireDelegationToken(c *call, req *kmsg.ExpireDelegationTokenRequest) reply {
	resp := req.ResponseKind().(*kmsg.ExpireDelegationTokenResponse)
	resp.ErrorCode, resp.ExpiryTimestamp = c.noTokens(), -1
	return answer(resp)
}

func handleDescribeDelegationToken(c *call, req *kmsg.DescribeDelegationTokenRequest) reply {
	resp := req.ResponseKind().(*kmsg.DescribeDelegationTokenResponse)
	resp.ErrorCode = c.noTokens()
	return answer(resp)
}
