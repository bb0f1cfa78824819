package auth

import (
	"encoding/json"
	"strings"
	"time"
)

// oauthBearer is RFC 7628 with Kafka's extensions (KIP-342):
//
//	C: n,[a=id],^Aauth=Bearer TOKEN^A[name=value^A]…^A
//	S: (empty), or, for a token that is not accepted, {"status":"invalid_token"}, to which
//	C: ^A
//	S: the failure
type oauthBearer struct {
	validator *TokenValidator
	login     Login
	failed    error
	done      bool
}

func (o *oauthBearer) Step(now time.Time, response []byte) ([]byte, bool, error) {
	switch {
	case o.done:
		return nil, false, errEnded
	case o.failed != nil:
		o.done = true
		return nil, false, o.failed
	}
	as, token, err := parseBearer(string(response))
	if err != nil {
		o.done = true
		return nil, false, err
	}
	claims, err := o.validator.Validate(now, token)
	if err == nil && as != "" && as != claims.Subject {
		err = fail("Client requested an authorization id that is different from the token's principal name")
	}
	if err != nil {
		// The reason is for the log of who runs the node: a client with a stolen or guessed token is told only that it is not valid.
		o.failed = fail(err.Error())
		answer := map[string]string{"status": "invalid_token"}
		if scope := strings.Join(o.validator.Scopes, " "); scope != "" {
			answer["scope"] = scope
		}
		challenge, _ := json.Marshal(answer)
		return challenge, false, nil
	}
	o.done, o.login = true, Login{Name: claims.Subject, Expires: claims.Expires}
	return []byte{}, true, nil
}

func (o *oauthBearer) Login() Login { return o.login }

// parseBearer reads the client's first message.
func parseBearer(message string) (as, token string, err error) {
	malformed := &Failure{"Invalid OAUTHBEARER client first message"}
	header, rest, ok := strings.Cut(message, "\x01")
	rest, end := strings.CutSuffix(rest, "\x01\x01")
	if !ok || !end {
		return "", "", malformed
	}
	flag, as, ok := strings.Cut(header, ",")
	as, closed := strings.CutSuffix(as, ",")
	if !ok || !closed || flag != "n" && flag != "y" {
		return "", "", malformed
	}
	if as != "" {
		id, named := strings.CutPrefix(as, "a=")
		if as, ok = saslName(id); !ok || !named {
			return "", "", malformed
		}
	}
	for _, pair := range strings.Split(rest, "\x01") {
		name, value, ok := strings.Cut(pair, "=")
		switch {
		case !ok || name == "":
			return "", "", malformed
		case name != "auth":
		case token != "":
			return "", "", malformed
		default:
			scheme, credentials, _ := strings.Cut(value, " ")
			if !strings.EqualFold(scheme, "bearer") || strings.TrimSpace(credentials) == "" {
				return "", "", malformed
			}
			token = strings.TrimSpace(credentials)
		}
	}
	if token == "" {
		return "", "", malformed
	}
	return as, token, nil
}
