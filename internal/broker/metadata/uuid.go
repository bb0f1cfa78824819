package metadata

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
)

// UUID is a topic id.
type UUID [16]byte

// MetadataTopicID is the id that Kafka reserves for the metadata log (KIP-595).
var MetadataTopicID = UUID{15: 1}

// String is how Kafka writes an id: 22 characters of URL-safe base64.
func (u UUID) String() string { return base64.RawURLEncoding.EncodeToString(u[:]) }

// ParseUUID reads what String wrote.
func ParseUUID(text string) (u UUID, err error) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) != len(u) {
		return u, fmt.Errorf("%s is not an id: expected 22 characters of base64", text)
	}
	return UUID(b), nil
}

func (u UUID) hex() string { return hex.EncodeToString(u[:]) }

// NewUUID makes a random id (version 4). Ids whose text begins with a dash are passed over, as Kafka does, because command lines
// take them for flags; so are the reserved ones, which have fifteen zero bytes.
func NewUUID(random io.Reader) (UUID, error) {
	if random == nil {
		random = rand.Reader
	}
	for {
		var u UUID
		if _, err := io.ReadFull(random, u[:]); err != nil {
			return u, err
		}
		u[6] = u[6]&0x0f | 0x40
		u[8] = u[8]&0x3f | 0x80
		if u.String()[0] != '-' {
			return u, nil
		}
	}
}
