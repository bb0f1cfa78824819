// Package auth says who a client is and what it may do: principals and the rules that make them of certificates, SASL mechanisms,
// users' credentials, and ACLs with the semantics of Kafka's StandardAuthorizer.
//
// It does no I/O and keeps no clock: certificates, keys, stored users and times come in as arguments. What it holds it never shows:
// a password, a salted password or a token is in no error and in no String of this package.
package auth

import (
	"fmt"
	"strings"
)

// Principal is who a client is, as ACLs name it.
type Principal struct {
	Type string // "User", unless a super user or an ACL says otherwise
	Name string
}

// UserType is the type of every principal that authentication gives.
const UserType = "User"

// Anonymous is who comes over a connection that does not ask.
var Anonymous = User("ANONYMOUS")

// User is the principal of a user.
func User(name string) Principal { return Principal{UserType, name} }

func (p Principal) String() string { return p.Type + ":" + p.Name }

// ParsePrincipal reads Type:Name.
func ParsePrincipal(s string) (Principal, error) {
	kind, name, ok := strings.Cut(s, ":")
	if !ok || kind == "" {
		return Principal{}, fmt.Errorf("principal %q: expected TYPE:NAME, such as User:alice", s)
	}
	return Principal{kind, name}, nil
}

// ParseSuperUsers reads the setting super.users: principals with semicolons between them, since a distinguished name has commas.
func ParseSuperUsers(s string) (map[Principal]bool, error) {
	users := map[Principal]bool{}
	for _, one := range strings.Split(s, ";") {
		if one = strings.TrimSpace(one); one == "" {
			continue
		}
		p, err := ParsePrincipal(one)
		if err != nil {
			return nil, err
		}
		users[p] = true
	}
	return users, nil
}
