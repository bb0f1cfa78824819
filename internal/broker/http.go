package broker

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/millrace/millrace/internal/broker/auth"
)

// httpName is the name that settings have for the listener of HTTP.
const httpName = "HTTP"

// HTTPConfig says how HTTP is served: by the protocol that listener.security.protocol.map gives the name HTTP (chosen is true), else with
// TLS if one of the listeners has it, and with a login if one of them asks for one, so that HTTP is no way past them.
func HTTPConfig(settings map[string]string) (c ListenerConfig, chosen bool, err error) {
	listeners, err := ParseListeners(settings)
	if err != nil {
		return c, false, err
	}
	protocols, err := parseProtocols(settings)
	if err != nil {
		return c, false, err
	}
	c = ListenerConfig{Name: httpName, Protocol: protocols[httpName]}
	if c.Protocol != "" {
		return c, true, nil
	}
	withSASL, withTLS := slices.ContainsFunc(listeners, ListenerConfig.sasl), slices.ContainsFunc(listeners, ListenerConfig.tls)
	c.Protocol = map[[2]bool]string{{false, false}: "PLAINTEXT", {false, true}: "SSL", {true, false}: "SASL_PLAINTEXT", {true, true}: "SASL_SSL"}[[2]bool{withSASL, withTLS}]
	return c, false, nil
}

// SendsPasswords says whether passwords pass in the clear, as HTTP's always do.
func (l ListenerConfig) SendsPasswords() bool { return l.sasl() && !l.tls() }

// HTTP is the listener of HTTP: who is there, by the settings that its listener.name.http has, or those of the listener that it follows.
type HTTP struct {
	b     *Broker
	l     *listener
	users *auth.Directory // of those who log in with a password or a token; nil where nobody logs in

	mu struct {
		sync.Mutex
		known map[[sha256.Size]byte]knownLogin
		key   []byte // of the hashes in known
	}
}

// knownLogin is a login that was checked a moment ago. A client of HTTP sends its password with each request, and checking one takes
// milliseconds of a CPU on purpose.
type knownLogin struct {
	name  string
	until time.Time
}

// loginPatience is for how long a login is not checked again, and with it how long one may still be let in whose password was changed.
const loginPatience = 5 * time.Second

// mostKnown bounds how many logins are remembered.
const mostKnown = 1024

// HTTP makes the listener of HTTP; nil if it is open to all, as on a node without an authorizer and without listeners that ask who is
// there.
func (b *Broker) HTTP() (*HTTP, error) {
	settings := b.config.Settings
	config, _, err := HTTPConfig(settings)
	if err != nil {
		return nil, err
	}
	if config.Protocol == "PLAINTEXT" && b.authorizer == nil {
		return nil, nil
	}
	s := listenerSettings{settings: settings, name: httpName, like: followed(settings, config)}
	l, err := b.newListener(config, s)
	if err != nil {
		return nil, fmt.Errorf("HTTP, served by %s: %w; settings that begin with listener.name.http. are its own, and "+
			"HTTP:PLAINTEXT in listener.security.protocol.map is another protocol for it", config.Protocol, err)
	}
	h := &HTTP{b: b, l: l}
	if l.sasl != nil {
		h.users = l.sasl.forHTTP()
	}
	h.mu.known, h.mu.key = map[[sha256.Size]byte]knownLogin{}, make([]byte, 32)
	rand.Read(h.mu.key)
	return h, nil
}

// followed is the listener whose settings HTTP shares: the one that has most of what HTTP has.
func followed(settings map[string]string, config ListenerConfig) (name string) {
	listeners, _ := ParseListeners(settings)
	most := -1
	for _, l := range listeners {
		alike := 0
		if l.tls() && config.tls() {
			alike += 2
		}
		if l.sasl() && config.sasl() {
			alike++
		}
		if alike > most {
			name, most = l.Name, alike
		}
	}
	return name
}

// forHTTP puts together what the mechanisms of a listener accept.
func (s *saslListener) forHTTP() *auth.Directory {
	out := &auth.Directory{}
	for mechanism, d := range s.directories {
		out.Decoy = d.Decoy
		switch mechanism {
		case auth.MechanismPlain:
			out.Passwords, out.Users = d.Passwords, d.Users
		case auth.MechanismOAuthBearer:
			out.Tokens = d.Tokens
		default:
			out.Users = d.Users
		}
	}
	return out
}

// TLS is how connections are to be secured; nil for not.
func (h *HTTP) TLS() *tls.Config {
	if h.l.tls == nil {
		return nil
	}
	return &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return h.l.tls.current(time.Now()), nil }}
}

// Caller is who a request is of, and from where, as ACLs name them.
type Caller struct {
	Principal auth.Principal
	Host      string
}

// Allowed says whether a caller may do an operation on a resource.
func (b *Broker) Allowed(c Caller, op auth.Operation, kind auth.Resource, name string) bool {
	return b.authorizer == nil || b.authorizer.Allowed(b.meta.ACLs(), c.Principal, c.Host, op, kind, name)
}

// Caller says who a request is of: the name of a login, else that of the client's certificate, else ANONYMOUS.
func (h *HTTP) Caller(r *http.Request) (Caller, error) {
	c := Caller{Principal: auth.Anonymous, Host: r.RemoteAddr}
	if at, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		c.Host = hostAddress(net.TCPAddrFromAddrPort(at))
	}
	switch {
	case h.users != nil:
		name, err := h.login(r)
		c.Principal = auth.User(name)
		return c, err
	case h.l.tls != nil && r.TLS != nil && len(r.TLS.PeerCertificates) > 0:
		name, err := h.l.tls.nameOf(r.TLS.PeerCertificates)
		c.Principal = auth.User(name)
		return c, err
	}
	return c, nil
}

var errNoLogin = errors.New("this node asks for a login")

// login is the name in a request's Authorization, if it proves to be that user's.
func (h *HTTP) login(r *http.Request) (string, error) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return "", errNoLogin
	}
	now := time.Now()
	id := h.identify(header)
	if name, ok := h.remembered(id, now); ok {
		return name, nil
	}
	user, password, isBasic := r.BasicAuth()
	scheme, token, _ := strings.Cut(header, " ")
	isBearer := strings.EqualFold(scheme, "Bearer")
	known := knownLogin{name: user, until: now.Add(loginPatience)}
	var err error
	switch {
	case isBasic && h.users.Users != nil:
		if user == "" || !h.users.CheckPassword(user, password) {
			err = errors.New("Invalid username or password")
		}
	case isBearer && h.users.Tokens != nil:
		var claims auth.Claims
		if claims, err = h.users.Tokens.Validate(now, token); err == nil {
			known.name = claims.Subject
			if claims.Expires.Before(known.until) {
				known.until = claims.Expires
			}
		}
	default:
		err = errors.New("the way of logging in is not one that this node has")
	}
	if err != nil {
		h.b.stats.FailedLogins.Add(1)
		h.b.reportLogin(fmt.Sprintf("HTTP: a login from %s was refused: %s", r.RemoteAddr, err))
		h.pause(r)
		return "", errors.New("Authentication failed: invalid credentials")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.mu.known) >= mostKnown {
		clear(h.mu.known)
	}
	h.mu.known[id] = known
	return known.name, nil
}

// identify stands for what a client shows of itself, which is not kept.
func (h *HTTP) identify(header string) (id [sha256.Size]byte) {
	m := hmac.New(sha256.New, h.mu.key)
	m.Write([]byte(header))
	m.Sum(id[:0])
	return id
}

func (h *HTTP) remembered(id [sha256.Size]byte, now time.Time) (string, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	k, ok := h.mu.known[id]
	return k.name, ok && now.Before(k.until)
}

// pause keeps who guesses passwords waiting.
func (h *HTTP) pause(r *http.Request) {
	t := time.NewTimer(h.b.limits.failedLogin)
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.Context().Done():
	case <-h.b.stopping:
	}
}

// Challenge says how to log in, for the header WWW-Authenticate.
func (h *HTTP) Challenge() (list []string) {
	if h.users != nil && h.users.Users != nil {
		list = append(list, `Basic realm="millrace", charset="UTF-8"`)
	}
	if h.users != nil && h.users.Tokens != nil {
		list = append(list, `Bearer realm="millrace"`)
	}
	return list
}

// ReportHandshake tells of a handshake that failed, in the words of net/http.
func (h *HTTP) ReportHandshake(line string) {
	h.b.stats.FailedLogins.Add(1)
	h.b.reportLogin("HTTP: " + line)
}
