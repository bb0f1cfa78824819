package broker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/auth"
)

// session is who is at the other end of a connection, and how far it has come in saying so. The connection's reader owns it; what
// others read of it, principal and host, stands still once a request other than SASL's is let in.
//
//	          SaslHandshake            SaslAuthenticate, once or more
//	greeting ───────────────► exchange ──────────────────────────────► open ── SaslHandshake ► exchange … (KIP-368)
//	    '── ApiVersions                 '── tokens without headers, after SaslHandshake v0
//
// Anything else than what an arrow says closes the connection. A connection to a listener without SASL is open from the start.
type session struct {
	principal auth.Principal
	host      string // the client's address, as ACLs name it
	stage     stage
	mechanism string
	exchange  auth.Exchange
	bare      bool  // tokens come without headers
	refuse    error // what the coming SaslAuthenticate is to fail with
	expires   time.Time
	renewed   time.Time // when the last re-authentication began
	again     bool      // the exchange is a re-authentication
}

type stage int

const (
	stageOpen stage = iota
	stageGreeting
	stageExchange
)

const (
	keySaslHandshake    = 17
	keySaslAuthenticate = 36
)

// renewAfter is how soon after one re-authentication another may begin.
const renewAfter = time.Second

// errLoginFailed ends a connection whose client has been told why.
var errLoginFailed = errors.New("authentication failed")

// admit says whether a request may come now.
func (s *session) admit(key int16, now time.Time) error {
	switch {
	case s.stage == stageGreeting && key != keyApiVersions && key != keySaslHandshake:
		return badf("a %s request before SASL authentication", kmsg.NameForKey(key))
	case s.stage == stageExchange && key != keySaslAuthenticate:
		return badf("a %s request during SASL authentication", kmsg.NameForKey(key))
	case s.stage == stageOpen && key != keySaslHandshake && !s.expires.IsZero() && now.After(s.expires):
		return badf("the session of %s has expired, and was not authenticated again", s.principal)
	}
	return nil
}

// begin starts an exchange.
func (c *conn) begin(mechanism string, bare bool, now time.Time) {
	s := &c.session
	s.again = s.stage == stageOpen
	s.refuse = nil
	if s.again {
		s.renewed = now
		if mechanism != s.mechanism {
			s.refuse = &auth.Failure{Text: fmt.Sprintf("SASL mechanism '%s' requested by client is not supported for re-authentication of mechanism '%s'",
				mechanism, s.mechanism)}
		}
	} else {
		s.mechanism = mechanism
	}
	s.stage, s.bare = stageExchange, bare
	s.exchange = c.listener.sasl.directories[s.mechanism].Begin(s.mechanism)
}

// step takes a token of the client. After an error the connection ends.
func (c *conn) step(token []byte) (challenge []byte, err error) {
	s, now := &c.session, c.b.config.Now()
	if s.refuse != nil {
		return nil, s.refuse
	}
	challenge, done, err := s.exchange.Step(now, token)
	if err != nil || !done {
		return challenge, err
	}
	login := s.exchange.Login()
	p := auth.User(login.Name)
	if s.again && p != s.principal {
		return nil, &auth.Failure{Text: fmt.Sprintf("Cannot change principals during re-authentication from %s: %s", s.principal, p)}
	}
	if !s.again { // what others read is written once
		s.principal = p
	}
	s.stage, s.bare, s.exchange = stageOpen, false, nil
	if s.expires = login.Expires; c.listener.sasl.reauth[s.mechanism] > 0 {
		if end := now.Add(c.listener.sasl.reauth[s.mechanism]); s.expires.IsZero() || end.Before(s.expires) {
			s.expires = end
		}
	}
	c.authBy = time.Time{}
	return challenge, nil
}

// lifetime is what the client is told of its session's end; 0 for none.
func (s *session) lifetime(now time.Time) int64 {
	if s.stage != stageOpen || s.expires.IsZero() {
		return 0
	}
	return max(s.expires.Sub(now).Milliseconds(), 0)
}

// loginFailed counts and reports a failure, in a line that has no secret in it, and gives what the client is told.
func (c *conn) loginFailed(err error) string {
	c.b.stats.FailedLogins.Add(1)
	text := "Authentication failed due to invalid credentials with SASL mechanism " + c.session.mechanism
	var failure *auth.Failure
	if errors.As(err, &failure) {
		text = failure.Text
	}
	c.b.reportLogin(fmt.Sprintf("listener %s: a login from %s by %s was refused: %s", c.listener.name, c.nc.RemoteAddr(), c.session.mechanism, text))
	return text
}

// pauseFailed keeps who guesses passwords waiting.
func (c *conn) pauseFailed() {
	t := time.NewTimer(c.b.limits.failedLogin)
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.b.stopping:
	}
}

// readToken reads and answers a token without a header, as clients that know only SaslHandshake v0 send it: four bytes of size, the
// token; and the same back. A failure has no answer.
func (c *conn) readToken() (p pending, err error) {
	var head [4]byte
	if _, err := io.ReadFull(c.in, head[:]); err != nil {
		return p, err
	}
	size := int(int32(binary.BigEndian.Uint32(head[:])))
	if size < 0 || size > c.listener.sasl.maxReceive {
		return p, badf("a SASL token of %d bytes (sasl.server.max.receive.size is %d)", size, c.listener.sasl.maxReceive)
	}
	token, err := (*framePool)(nil).read(c.in, size)
	if err != nil {
		return p, err
	}
	challenge, err := c.step(token)
	if err != nil {
		c.loginFailed(err)
		c.pauseFailed()
		return p, errLoginFailed
	}
	return pending{api: bareToken, reply: reply{body: bareReply(challenge)}}, nil
}

// bareToken stands for the API that tokens without headers do not have.
var bareToken = &api{key: keySaslAuthenticate, flexible: 1}

type bareReply []byte

func (b bareReply) write(c *conn, at int) error {
	c.out = append(c.out[:at+4], b...) // without a correlation id
	c.setSize(at, 0)
	return nil
}

func (b bareReply) release() {}

// mechanisms are what a listener offers, in order.
func (s *saslListener) mechanisms() []string {
	var names []string
	for name := range s.directories {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
