package auth

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"fmt"
	"hash"
)

// ScramMechanism is one of the two hashes of SCRAM, by the protocol's code (KIP-554).
type ScramMechanism int8

// The mechanisms, and the bounds of their iterations.
const (
	ScramSHA256 ScramMechanism = 1
	ScramSHA512 ScramMechanism = 2

	MinIterations = 4096
	MaxIterations = 16384
)

// ScramMechanisms are those that there are.
var ScramMechanisms = []ScramMechanism{ScramSHA256, ScramSHA512}

func (m ScramMechanism) String() string {
	switch m {
	case ScramSHA256:
		return "SCRAM-SHA-256"
	case ScramSHA512:
		return "SCRAM-SHA-512"
	}
	return "UNKNOWN"
}

func (m ScramMechanism) hash() func() hash.Hash {
	if m == ScramSHA512 {
		return sha512.New
	}
	return sha256.New
}

// Salt hashes a password, salted, as a client sends it with AlterUserScramCredentials and as SCRAM does at a login.
func (m ScramMechanism) Salt(password string, salt []byte, iterations int) []byte {
	h := m.hash()
	key, err := pbkdf2.Key(h, password, salt, iterations, h().Size())
	if err != nil { // only for key lengths and, in FIPS mode, for salts that are too short
		return nil
	}
	return key
}

func (m ScramMechanism) mac(key, text []byte) []byte {
	h := hmac.New(m.hash(), key)
	h.Write(text)
	return h.Sum(nil)
}

func (m ScramMechanism) digest(b []byte) []byte {
	h := m.hash()()
	h.Write(b)
	return h.Sum(nil)
}

// Credential is what is stored of a password: enough to check who knows it, not enough to log in with.
type Credential struct {
	Mechanism  ScramMechanism
	Salt       []byte
	Iterations int
	StoredKey  []byte
	ServerKey  []byte
}

// String hides everything that could help to guess a password.
func (c Credential) String() string {
	return fmt.Sprintf("%v, %d iterations", c.Mechanism, c.Iterations)
}

// GoString hides the same from %#v.
func (c Credential) GoString() string { return c.String() }

// NewCredential makes a credential of a salted password.
func NewCredential(m ScramMechanism, salt, salted []byte, iterations int) Credential {
	return Credential{
		Mechanism: m, Salt: salt, Iterations: iterations,
		StoredKey: m.digest(m.mac(salted, []byte("Client Key"))),
		ServerKey: m.mac(salted, []byte("Server Key")),
	}
}

// NewSalt is a salt that nobody else has.
func NewSalt() []byte {
	salt := make([]byte, 20)
	rand.Read(salt) // which never fails
	return salt
}

// Knows says whether a password is the credential's.
func (c Credential) Knows(password string) bool {
	salted := c.Mechanism.Salt(password, c.Salt, c.Iterations)
	got := c.Mechanism.digest(c.Mechanism.mac(salted, []byte("Client Key")))
	return salted != nil && subtle.ConstantTimeCompare(got, c.StoredKey) == 1
}
