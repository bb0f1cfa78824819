package auth

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// A JSON Web Token is checked with the standard library: what Kafka accepts here is a signature over two dotted parts and five claims,
// and a JOSE library would bring the algorithms that must never be taken (none, and HMAC with a public key as its secret).

// TokenValidator checks tokens, as Kafka's BrokerJwtValidator does. Its fields are the settings sasl.oauthbearer.*.
type TokenValidator struct {
	// Keys gives the issuer's keys as they are now.
	Keys func() *KeySet
	// Missing is told that a token named a key that is not there, so that the keys be fetched again; nil for nobody.
	Missing func(keyID string)
	// Issuer, where set, must be the token's; of Audiences, where there are any, one must be.
	Issuer    string
	Audiences []string
	// Scopes must all be the token's. Kafka's broker asks for none.
	Scopes []string
	// SubjectClaim and ScopeClaim name the claims; empty for "sub" and "scope".
	SubjectClaim, ScopeClaim string
	// Skew is by how much clocks may differ.
	Skew time.Duration
}

// Claims are what a valid token says.
type Claims struct {
	Subject string
	Scopes  []string
	Expires time.Time
}

var errToken = errors.New("the token is not a signed JWT")

// Validate checks a token's signature, then its claims. The errors name claims, never the token.
func (v *TokenValidator) Validate(now time.Time, token string) (Claims, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return Claims{}, errToken
	}
	var header struct {
		Algorithm string   `json:"alg"`
		KeyID     string   `json:"kid"`
		Critical  []string `json:"crit"`
	}
	var claims map[string]any
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || !decodePart(parts[0], &header) || !decodePart(parts[1], &claims) || len(header.Critical) > 0 {
		return Claims{}, errToken
	}
	keys := v.Keys()
	if header.KeyID != "" && !keys.has(header.KeyID) && v.Missing != nil {
		v.Missing(header.KeyID)
	}
	if err := keys.verify(header.Algorithm, header.KeyID, []byte(parts[0]+"."+parts[1]), signature); err != nil {
		return Claims{}, err
	}
	return v.check(now, claims)
}

func decodePart(part string, into any) bool {
	b, err := base64.RawURLEncoding.DecodeString(part)
	return err == nil && json.Unmarshal(b, into) == nil
}

func (v *TokenValidator) check(now time.Time, claims map[string]any) (c Claims, err error) {
	var ok bool
	if c.Expires, ok = timeClaim(claims["exp"]); !ok {
		return c, errors.New("the token has no exp claim")
	}
	if _, ok := timeClaim(claims["iat"]); !ok {
		return c, errors.New("the token has no iat claim")
	}
	if !now.Add(-v.Skew).Before(c.Expires) {
		return c, fmt.Errorf("the token expired at %s", c.Expires.UTC().Format(time.RFC3339))
	}
	if before, ok := timeClaim(claims["nbf"]); ok && now.Add(v.Skew).Before(before) {
		return c, fmt.Errorf("the token is not valid before %s", before.UTC().Format(time.RFC3339))
	} else if !ok && claims["nbf"] != nil {
		return c, errors.New("the token's nbf claim is not a time")
	}
	if v.Issuer != "" && claims["iss"] != any(v.Issuer) {
		return c, fmt.Errorf("the token's issuer is not %s", v.Issuer)
	}
	if !slices.ContainsFunc(texts(claims["aud"]), func(a string) bool { return len(v.Audiences) == 0 || slices.Contains(v.Audiences, a) }) &&
		len(v.Audiences) > 0 {
		return c, fmt.Errorf("the token's audience is not %s", strings.Join(v.Audiences, " or "))
	}
	name := or(v.SubjectClaim, "sub")
	if c.Subject, ok = claims[name].(string); !ok || strings.TrimSpace(c.Subject) == "" {
		return c, fmt.Errorf("the token has no %s claim", name)
	}
	name = or(v.ScopeClaim, "scope")
	for _, s := range texts(claims[name]) {
		c.Scopes = append(c.Scopes, strings.Fields(s)...)
	}
	for _, s := range v.Scopes {
		if !slices.Contains(c.Scopes, s) {
			return c, fmt.Errorf("the token's %s claim has no %s", name, s)
		}
	}
	return c, nil
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// timeClaim reads seconds since 1970.
func timeClaim(v any) (time.Time, bool) {
	f, ok := v.(float64)
	if !ok || math.IsNaN(f) || f < 0 || f > 1<<40 {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(f * 1000)), true
}

// texts reads a text or a list of them.
func texts(v any) (out []string) {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		for _, e := range v {
			if s, ok := e.(string); ok {
				out = append(out, s)
			}
		}
	}
	return out
}
