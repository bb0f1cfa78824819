package broker

import (
	"crypto/rand"
	"fmt"
	"math"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/millrace/millrace/internal/broker/auth"
)

// listener is what connections to one address have in common.
type listener struct {
	ListenerConfig
	name    string
	host    string // advertised; empty for the connection's own
	port    int32
	tls     *tlsListener  // nil without TLS
	sasl    *saslListener // nil without SASL
	maximum int           // of connections
}

// saslListener is how a listener's clients log in.
type saslListener struct {
	directories map[string]*auth.Directory // of each mechanism that is offered
	reauth      map[string]time.Duration   // connections.max.reauth.ms of each
	maxReceive  int
}

// listenersOf makes the listeners that the settings name; what is wrong with one is said here, before anything is served.
func (b *Broker) listenersOf(settings map[string]string) error {
	configs, err := ParseListeners(settings)
	if err != nil {
		return err
	}
	b.byName = map[string]*listener{}
	for _, config := range append([]ListenerConfig{plaintext}, configs...) {
		l, err := b.newListener(config, listenerSettings{settings: settings, name: config.Name})
		if err != nil {
			return fmt.Errorf("listener %s: %w", config.Name, err)
		}
		b.byName[config.Name] = l
	}
	return nil
}

func (b *Broker) newListener(config ListenerConfig, s listenerSettings) (*listener, error) {
	l := &listener{ListenerConfig: config, name: config.Name, maximum: math.MaxInt}
	if _, ok := s.own("max.connections"); ok {
		l.maximum = int(s.number("max.connections"))
	}
	advertised := config.Advertised
	if advertised == "" {
		advertised = b.config.Advertised
	}
	if advertised != "" {
		var err error
		if l.host, l.port, err = splitAddress(advertised); err != nil {
			return nil, fmt.Errorf("advertised address %s: %w", advertised, err)
		}
	}
	var err error
	if config.tls() {
		if l.tls, err = newTLSListener(s, config.sasl(), b.config.Report); err != nil {
			return nil, err
		}
	}
	if config.sasl() {
		l.sasl, err = b.newSASL(s)
	}
	return l, err
}

func (b *Broker) newSASL(s listenerSettings) (*saslListener, error) {
	out := &saslListener{
		directories: map[string]*auth.Directory{}, reauth: map[string]time.Duration{},
		maxReceive: int(s.number("sasl.server.max.receive.size")),
	}
	decoy := make([]byte, 32)
	rand.Read(decoy)
	for _, mechanism := range s.list("sasl.enabled.mechanisms") {
		d := &auth.Directory{Users: b.meta, Decoy: decoy}
		switch mechanism {
		case auth.MechanismPlain:
			if text := s.of(mechanism, "sasl.jaas.config"); text != "" {
				_, options, err := auth.ParseJAAS(text)
				if err != nil {
					return nil, fmt.Errorf("sasl.jaas.config of PLAIN: %w", err)
				}
				d.Passwords = auth.JAASUsers(options)
			}
		case auth.MechanismScram256, auth.MechanismScram512:
		case auth.MechanismOAuthBearer:
			var err error
			if d.Tokens, err = b.newTokens(s); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("sasl.enabled.mechanisms: %s is not served; there are %s", mechanism, strings.Join(auth.Mechanisms, ", "))
		}
		out.directories[mechanism] = d
		ms, _ := strconv.ParseInt(s.of(mechanism, "connections.max.reauth.ms"), 10, 64)
		out.reauth[mechanism] = time.Duration(ms) * time.Millisecond
	}
	if len(out.directories) == 0 {
		return nil, fmt.Errorf("sasl.enabled.mechanisms names none")
	}
	return out, nil
}

// parseOverrides reads max.connections.per.ip.overrides.
func parseOverrides(value string) (map[string]int, error) {
	out := map[string]int{}
	for one := range strings.SplitSeq(value, ",") {
		if one = strings.TrimSpace(one); one == "" {
			continue
		}
		at := strings.LastIndexByte(one, ':')
		n, err := strconv.Atoi(one[at+1:])
		if at < 0 || err != nil || n < 0 {
			return nil, fmt.Errorf("max.connections.per.ip.overrides: %q: expected ADDRESS:NUMBER", one)
		}
		host := strings.Trim(one[:at], "[]")
		if ips, err := net.LookupIP(host); err == nil {
			for _, ip := range ips {
				out[hostAddress(&net.TCPAddr{IP: ip})] = n
			}
		} else {
			return nil, fmt.Errorf("max.connections.per.ip.overrides: %w", err)
		}
	}
	return out, nil
}

// admission counts connections. It is guarded by Broker.mu.
type admission struct {
	all        int
	most       int
	mostOfOne  int            // address
	overrides  map[string]int // of mostOfOne
	perAddress map[string]int
	perName    map[string]int
	reported   time.Time
}

// admitConn counts a connection in, or says why it is not. The caller holds b.mu.
func (b *Broker) admitConn(l *listener, host string) (refused string) {
	a := &b.mu.admission
	most, ok := a.overrides[host]
	if !ok {
		most = a.mostOfOne
	}
	switch {
	case a.perAddress[host] >= most:
		return fmt.Sprintf("%s has %d connections, the most by max.connections.per.ip", host, most)
	case a.all >= a.most || a.perName[l.name] >= l.maximum:
		return fmt.Sprintf("there are %d connections, the most by max.connections", min(a.most, l.maximum))
	}
	a.all++
	a.perAddress[host]++
	a.perName[l.name]++
	return ""
}

// forgetConn counts one out. The caller holds b.mu.
func (b *Broker) forgetConn(l *listener, host string) {
	a := &b.mu.admission
	a.all--
	a.perName[l.name]--
	if a.perAddress[host]--; a.perAddress[host] == 0 {
		delete(a.perAddress, host)
	}
}

// loadAdmission takes the limits as they are set now.
func (b *Broker) loadAdmission() error {
	overrides, err := parseOverrides(b.meta.Setting("max.connections.per.ip.overrides"))
	most, ofOne := int(b.meta.SettingInt("max.connections")), int(b.meta.SettingInt("max.connections.per.ip"))
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mu.admission.most, b.mu.admission.mostOfOne = most, ofOne; err == nil {
		b.mu.admission.overrides = overrides
	}
	return err
}

// reportEvery is how often a person is told of connections that are refused, which come in thousands if they come.
const reportEvery = 10 * time.Second
