package broker

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// SaslHandshake, key 17.
//
//	v0  the tokens that follow have no headers
//	v1  they come in SaslAuthenticate (KIP-152)
func init() { register(keySaslHandshake, 0, 1, handleSaslHandshake) }

func handleSaslHandshake(c *call, req *kmsg.SASLHandshakeRequest) reply {
	resp := req.ResponseKind().(*kmsg.SASLHandshakeResponse)
	s, sasl, now := &c.conn.session, c.conn.listener.sasl, c.config.Now()
	if sasl == nil || s.stage == stageOpen && now.Sub(s.renewed) < renewAfter {
		resp.ErrorCode = kerr.IllegalSaslState.Code
		return answer(resp)
	}
	resp.SupportedMechanisms = sasl.mechanisms()
	if sasl.directories[req.Mechanism] == nil {
		resp.ErrorCode = kerr.UnsupportedSaslMechanism.Code
		r := answer(resp)
		r.last = errLoginFailed
		return r
	}
	c.conn.begin(req.Mechanism, c.version == 0, now)
	return answer(resp)
}
