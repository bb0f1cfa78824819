package metadata

import (
	"encoding/binary"
	"errors"

	"github.com/millrace/millrace/internal/broker/auth"
)

// Records of who may log in and of what they may do:
//
//	32 credential         v0  user string · mechanism 1 · iterations uvarint · salt string · stored key string · server key string
//	33 credential deleted v0  user string · mechanism 1
//	34 acl                v0  acl
//	35 acl deleted        v0  acl
//
//	acl: resource type 1 · pattern type 1 · operation 1 · permission 1 · name string · principal string · host string
const (
	kindCredential        = 32
	kindCredentialDeleted = 33
	kindACL               = 34
	kindACLDeleted        = 35
)

type credentialRecord struct {
	user       string
	credential auth.Credential
}

type credentialDeletedRecord struct {
	user      string
	mechanism auth.ScramMechanism
}

type aclRecord struct{ acl auth.ACL }

type aclDeletedRecord struct{ acl auth.ACL }

func (r credentialRecord) appendTo(dst []byte) []byte {
	c := r.credential
	dst = append(appendString(append(dst, kindCredential, 0), r.user), byte(c.Mechanism))
	dst = binary.AppendUvarint(dst, uint64(c.Iterations))
	return appendString(appendString(appendString(dst, string(c.Salt)), string(c.StoredKey)), string(c.ServerKey))
}

func (r credentialDeletedRecord) appendTo(dst []byte) []byte {
	return append(appendString(append(dst, kindCredentialDeleted, 0), r.user), byte(r.mechanism))
}

func (r aclRecord) appendTo(dst []byte) []byte { return appendACL(append(dst, kindACL, 0), r.acl) }

func (r aclDeletedRecord) appendTo(dst []byte) []byte {
	return appendACL(append(dst, kindACLDeleted, 0), r.acl)
}

func appendACL(dst []byte, a auth.ACL) []byte {
	dst = append(dst, byte(a.Resource), byte(a.Pattern), byte(a.Operation), byte(a.Permission))
	return appendString(appendString(appendString(dst, a.Name), a.Principal), a.Host)
}

// decodeAuth reads a record of these kinds; nil for another kind.
func decodeAuth(kind byte, d *decoder) record {
	switch kind {
	case kindCredential:
		r := credentialRecord{user: d.string()}
		r.credential = auth.Credential{
			Mechanism: auth.ScramMechanism(d.byte()), Iterations: int(d.int32()),
			Salt: []byte(d.string()), StoredKey: []byte(d.string()), ServerKey: []byte(d.string()),
		}
		return r
	case kindCredentialDeleted:
		return credentialDeletedRecord{d.string(), auth.ScramMechanism(d.byte())}
	case kindACL:
		return aclRecord{d.acl()}
	case kindACLDeleted:
		return aclDeletedRecord{d.acl()}
	}
	return nil
}

func (d *decoder) byte() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) acl() auth.ACL {
	return auth.ACL{
		Resource: auth.Resource(d.byte()), Pattern: auth.Pattern(d.byte()), Operation: auth.Operation(d.byte()),
		Permission: auth.Permission(d.byte()), Name: d.string(), Principal: d.string(), Host: d.string(),
	}
}

// authState is the part of the state that these records make.
type authState struct {
	credentials map[credentialKey]auth.Credential
	acls        map[auth.ACL]struct{}
}

type credentialKey struct {
	user      string
	mechanism auth.ScramMechanism
}

func newAuthState() authState {
	return authState{map[credentialKey]auth.Credential{}, map[auth.ACL]struct{}{}}
}

// apply takes a record; those of other kinds it passes over.
func (s *authState) apply(r record) error {
	switch r := r.(type) {
	case credentialRecord:
		s.credentials[credentialKey{r.user, r.credential.Mechanism}] = r.credential
	case credentialDeletedRecord:
		delete(s.credentials, credentialKey{r.user, r.mechanism})
	case aclRecord:
		s.acls[r.acl] = struct{}{}
	case aclDeletedRecord:
		if _, ok := s.acls[r.acl]; !ok {
			return errors.New("an ACL is deleted and was never created")
		}
		delete(s.acls, r.acl)
	}
	return nil
}

func (s *authState) snapshot() (rs []record) {
	for k, c := range s.credentials {
		rs = append(rs, credentialRecord{k.user, c})
	}
	for a := range s.acls {
		rs = append(rs, aclRecord{a})
	}
	return rs
}
