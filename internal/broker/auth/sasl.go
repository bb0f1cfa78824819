package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"strings"
	"time"
)

// Exchange is a login in progress, on the server's side.
//
//	client: response ── Step ──> challenge … until done, or an error: then the connection is to be closed.
//
// An Exchange that has ended, well or badly, is not to be stepped again.
type Exchange interface {
	// Step takes what the client sent at now and gives what it is to be sent.
	Step(now time.Time, response []byte) (challenge []byte, done bool, err error)
	// Login is who has logged in, once Step said done.
	Login() Login
}

// Login is a login that succeeded.
type Login struct {
	Name string
	// Expires is when what the client showed stops being valid; zero for never.
	Expires time.Time
}

// Failure is a login that failed, in words that may be told to the client: they do not say whether the user exists.
type Failure struct{ Text string }

func (f *Failure) Error() string { return f.Text }

func fail(text string) error { return &Failure{"Authentication failed: " + text} }

var (
	errCredentials = fail("Invalid username or password")
	errScram       = fail("Invalid user credentials")
	errEnded       = errors.New("the exchange has ended")
)

// The names of the mechanisms.
const (
	MechanismPlain       = "PLAIN"
	MechanismScram256    = "SCRAM-SHA-256"
	MechanismScram512    = "SCRAM-SHA-512"
	MechanismOAuthBearer = "OAUTHBEARER"
)

// Mechanisms are those that are served, by name.
var Mechanisms = []string{MechanismOAuthBearer, MechanismPlain, MechanismScram256, MechanismScram512}

// Users is where credentials are.
type Users interface {
	// Credential finds a user's; false if there is none.
	Credential(user string, m ScramMechanism) (Credential, bool)
}

// Directory is what a listener checks logins against.
type Directory struct {
	// Passwords are users that the configuration names, for PLAIN.
	Passwords map[string]string
	// Users are those that were made over the protocol; nil for none. PLAIN accepts them too.
	Users Users
	// Tokens validates OAUTHBEARER's; nil for a listener that takes none.
	Tokens *TokenValidator
	// Decoy is a secret of this process, from which the salts of users that do not exist are made.
	Decoy []byte
}

// Begin starts a login by a mechanism; nil for an unknown one.
func (d *Directory) Begin(mechanism string) Exchange {
	switch mechanism {
	case MechanismPlain:
		return &plain{users: d}
	case MechanismScram256:
		return &scram{users: d, mechanism: ScramSHA256, nonce: newNonce}
	case MechanismScram512:
		return &scram{users: d, mechanism: ScramSHA512, nonce: newNonce}
	case MechanismOAuthBearer:
		if d.Tokens != nil {
			return &oauthBearer{validator: d.Tokens}
		}
	}
	return nil
}

// CheckPassword says whether a user has a password: one of the configuration's or one that was made over the protocol.
func (d *Directory) CheckPassword(user, password string) bool {
	if want, ok := d.Passwords[user]; ok {
		a, b := sha256.Sum256([]byte(want)), sha256.Sum256([]byte(password)) // so that not even the length is told by the time taken
		return subtle.ConstantTimeCompare(a[:], b[:]) == 1
	}
	if d.Users == nil {
		return false
	}
	for _, m := range ScramMechanisms {
		if c, ok := d.Users.Credential(user, m); ok {
			return c.Knows(password)
		}
	}
	d.decoy(user, ScramSHA256).Knows(password) // to take as long as for a user that exists
	return false
}

// decoy is the credential of a user that does not exist: always the same for the same name, and nobody's.
func (d *Directory) decoy(user string, m ScramMechanism) Credential {
	seed := m.mac(d.Decoy, []byte(user))
	return NewCredential(m, seed[:20], m.mac(d.Decoy, seed), MinIterations)
}

// plain is RFC 4616: one message, [authorization id] NUL user NUL password.
type plain struct {
	users *Directory
	login Login
}

func (p *plain) Step(_ time.Time, response []byte) ([]byte, bool, error) {
	if p.login.Name != "" {
		return nil, false, errEnded
	}
	parts := strings.Split(string(response), "\x00")
	if len(parts) != 3 {
		return nil, false, &Failure{"Invalid SASL/PLAIN response: expected 3 tokens"}
	}
	as, user, password := parts[0], parts[1], parts[2]
	switch {
	case user == "":
		return nil, false, fail("username not specified")
	case password == "":
		return nil, false, fail("password not specified")
	case !p.users.CheckPassword(user, password):
		return nil, false, errCredentials
	case as != "" && as != user:
		return nil, false, fail("Client requested an authorization id that is different from username")
	}
	p.login.Name = user
	return []byte{}, true, nil
}

func (p *plain) Login() Login { return p.login }
