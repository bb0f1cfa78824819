package auth

import (
	"bytes"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

// scram is RFC 5802 without channel binding, as Kafka speaks it:
//
//	C: n,,n=user,r=CNONCE                     client-first
//	S: r=CNONCE SNONCE,s=salt,i=iterations    server-first
//	C: c=biws,r=CNONCE SNONCE,p=proof         client-final
//	S: v=signature                            server-final
//
// A user that does not exist gets a salt too, and fails where one with a wrong password does.
type scram struct {
	users     *Directory
	mechanism ScramMechanism
	nonce     func() string

	stage       int
	user        string
	known       bool
	credential  Credential
	header      string // gs2
	first       string // client-first-bare
	serverFirst string
	serverNonce string
}

func newNonce() string { return rand.Text() }

func (s *scram) Step(_ time.Time, response []byte) ([]byte, bool, error) {
	s.stage++
	switch s.stage {
	case 1:
		challenge, err := s.begin(string(response))
		return challenge, false, err
	case 2:
		challenge, err := s.finish(response)
		return challenge, err == nil, err
	}
	return nil, false, errEnded
}

func (s *scram) Login() Login { return Login{Name: s.user} }

func (s *scram) begin(message string) ([]byte, error) {
	flag, rest, _ := strings.Cut(message, ",")
	as, bare, ok := strings.Cut(rest, ",")
	if !ok || flag != "n" && flag != "y" {
		return nil, fail("malformed client-first message, or one that asks for channel binding")
	}
	name, rest, ok := strings.Cut(bare, ",")
	nonce, extensions, _ := strings.Cut(rest, ",")
	if !ok || !strings.HasPrefix(name, "n=") || !strings.HasPrefix(nonce, "r=") || nonce == "r=" {
		return nil, fail("malformed client-first message")
	}
	if s.user, ok = saslName(name[2:]); !ok || s.user == "" {
		return nil, fail("malformed user name")
	}
	if as != "" {
		if id, ok := saslName(strings.TrimPrefix(as, "a=")); !ok || !strings.HasPrefix(as, "a=") || id != s.user {
			return nil, fail("Client requested an authorization id that is different from username")
		}
	}
	for extension := range strings.SplitSeq(extensions, ",") {
		if extension == "tokenauth=true" {
			return nil, fail("delegation tokens are not supported")
		}
	}
	if s.users.Users != nil {
		s.credential, s.known = s.users.Users.Credential(s.user, s.mechanism)
	}
	if !s.known || s.credential.Iterations < MinIterations {
		s.known, s.credential = false, s.users.decoy(s.user, s.mechanism)
	}
	s.header, s.first = flag+","+as+",", bare
	s.serverNonce = nonce[2:] + s.nonce()
	s.serverFirst = "r=" + s.serverNonce + ",s=" + base64.StdEncoding.EncodeToString(s.credential.Salt) +
		",i=" + strconv.Itoa(s.credential.Iterations)
	return []byte(s.serverFirst), nil
}

func (s *scram) finish(message []byte) ([]byte, error) {
	at := bytes.LastIndex(message, []byte(",p="))
	if at < 0 {
		return nil, fail("malformed client-final message")
	}
	withoutProof := string(message[:at])
	binding, nonce, _ := strings.Cut(withoutProof, ",")
	nonce, _, _ = strings.Cut(nonce, ",")
	// librdkafka before 2.6.1 writes its own nonce once more before the two. Kafka 3.9 takes that, 4.x does not and so keeps these
	// clients out; what has to be there, so that nothing can be replayed, is the server's nonce, and the proof is over all of it.
	nonce, named := strings.CutPrefix(nonce, "r=")
	header, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(binding, "c="))
	if err != nil || !strings.HasPrefix(binding, "c=") || string(header) != s.header || !named || !strings.HasSuffix(nonce, s.serverNonce) {
		return nil, fail("malformed client-final message")
	}
	proof, err := base64.StdEncoding.DecodeString(string(message[at+3:]))
	if err != nil {
		return nil, fail("malformed client-final message")
	}
	m := s.mechanism
	text := []byte(s.first + "," + s.serverFirst + "," + withoutProof)
	key := m.mac(s.credential.StoredKey, text)
	if len(proof) != len(key) {
		return nil, errScram
	}
	subtle.XORBytes(key, key, proof)
	if subtle.ConstantTimeCompare(m.digest(key), s.credential.StoredKey) != 1 || !s.known {
		return nil, errScram
	}
	return []byte("v=" + base64.StdEncoding.EncodeToString(m.mac(s.credential.ServerKey, text))), nil
}

// saslName reads a user's name, in which a comma is =2C and an equals sign =3D.
func saslName(s string) (string, bool) {
	var b strings.Builder
	for {
		plain, rest, ok := strings.Cut(s, "=")
		b.WriteString(plain)
		switch {
		case !ok:
			return b.String(), true
		case strings.HasPrefix(rest, "2C"):
			b.WriteByte(',')
		case strings.HasPrefix(rest, "3D"):
			b.WriteByte('=')
		default:
			return "", false
		}
		s = rest[2:]
	}
}
