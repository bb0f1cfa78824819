package broker

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// SaslAuthenticate, key 36.
//
//	v1  the session's lifetime, within which the client is to authenticate again (KIP-368)
//	v2  flexible
func init() { register(keySaslAuthenticate, 0, 2, handleSaslAuthenticate) }

// The answer to a failure waits, and the connection ends behind it.
func handleSaslAuthenticate(c *call, req *kmsg.SASLAuthenticateRequest) reply {
	resp := req.ResponseKind().(*kmsg.SASLAuthenticateResponse)
	s := &c.conn.session
	if s.stage != stageExchange {
		text := "SaslAuthenticate request received after successful authentication"
		resp.ErrorCode, resp.ErrorMessage = kerr.IllegalSaslState.Code, &text
		return answer(resp)
	}
	challenge, err := c.conn.step(req.SASLAuthBytes)
	if err != nil {
		text := c.conn.loginFailed(err)
		resp.ErrorCode, resp.ErrorMessage = kerr.SaslAuthenticationFailed.Code, &text
		return reply{last: errLoginFailed, wait: func() reply {
			c.conn.pauseFailed()
			return answer(resp)
		}}
	}
	resp.SASLAuthBytes, resp.SessionLifetimeMillis = challenge, s.lifetime(c.config.Now())
	return answer(resp)
}
