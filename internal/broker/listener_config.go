package broker

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/millrace/millrace/internal/broker/metadata"
)

// ListenerConfig is one of the addresses that a broker is to serve, as the settings listeners, advertised.listeners and
// listener.security.protocol.map say it.
type ListenerConfig struct {
	Name string
	// Protocol is PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL.
	Protocol string
	// Address is where to listen, HOST:PORT; an empty host stands for all addresses.
	Address string
	// Advertised is the HOST:PORT that clients are told; empty for the one that each of them connected to.
	Advertised string
}

func (l ListenerConfig) tls() bool  { return strings.HasSuffix(l.Protocol, "SSL") }
func (l ListenerConfig) sasl() bool { return strings.HasPrefix(l.Protocol, "SASL_") }

// plaintext is the listener of a broker whose settings name none.
var plaintext = ListenerConfig{Name: "PLAINTEXT", Protocol: "PLAINTEXT"}

var protocols = []string{"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"}

// ParseListeners reads the listeners that settings name: none if there is no setting of them.
func ParseListeners(settings map[string]string) ([]ListenerConfig, error) {
	addresses, err := parseEndpoints("listeners", settings["listeners"], 0)
	if err != nil {
		return nil, err
	}
	advertised, err := parseEndpoints("advertised.listeners", settings["advertised.listeners"], 1)
	if err != nil {
		return nil, err
	}
	protocol, err := parseProtocols(settings)
	if err != nil {
		return nil, err
	}
	// A controller's listener is not for clients, and there is no controller apart from the node.
	controllers := strings.FieldsFunc(strings.ToUpper(settings["controller.listener.names"]), isComma)
	ofController := func(e endpoint) bool { return slices.Contains(controllers, e.name) }
	addresses, advertised = slices.DeleteFunc(addresses, ofController), slices.DeleteFunc(advertised, ofController)
	var list []ListenerConfig
	for _, e := range addresses {
		l := ListenerConfig{Name: e.name, Protocol: protocol[e.name], Address: e.address}
		if l.Protocol == "" {
			return nil, fmt.Errorf("listeners: nothing says which protocol %s has; add %s:PROTOCOL to listener.security.protocol.map", e.name, e.name)
		}
		list = append(list, l)
	}
	for _, e := range advertised {
		i := slices.IndexFunc(list, func(l ListenerConfig) bool { return l.Name == e.name })
		if i < 0 && len(list) > 0 {
			return nil, fmt.Errorf("advertised.listeners: there is no listener %s", e.name)
		}
		if i >= 0 {
			list[i].Advertised = e.address
		}
	}
	return list, nil
}

type endpoint struct{ name, address string }

// parseEndpoints reads NAME://HOST:PORT, with commas between; a host and a least port may be asked for.
func parseEndpoints(setting, value string, minPort uint64) (out []endpoint, err error) {
	for one := range strings.SplitSeq(value, ",") {
		if one = strings.TrimSpace(one); one == "" {
			continue
		}
		name, address, ok := strings.Cut(one, "://")
		host, text, err := net.SplitHostPort(address)
		port, perr := strconv.ParseUint(text, 10, 16)
		if err = errors.Join(err, perr); !ok || name == "" || err != nil || port < minPort || minPort > 0 && host == "" {
			return nil, fmt.Errorf("%s: %q: expected NAME://HOST:PORT", setting, one)
		}
		name = strings.ToUpper(name)
		if slices.ContainsFunc(out, func(e endpoint) bool { return e.name == name }) {
			return nil, fmt.Errorf("%s: %s stands there twice", setting, name)
		}
		out = append(out, endpoint{name, address})
	}
	return out, nil
}

func parseProtocols(settings map[string]string) (map[string]string, error) {
	value, ok := settings["listener.security.protocol.map"]
	if !ok {
		value = metadata.SecurityDefault("listener.security.protocol.map")
	}
	out := map[string]string{}
	for one := range strings.SplitSeq(value, ",") {
		if one = strings.TrimSpace(one); one == "" {
			continue
		}
		name, protocol, ok := strings.Cut(one, ":")
		protocol = strings.ToUpper(strings.TrimSpace(protocol))
		if !ok || !slices.Contains(protocols, protocol) {
			return nil, fmt.Errorf("listener.security.protocol.map: %q: expected NAME:PROTOCOL, of %s", one, strings.Join(protocols, ", "))
		}
		out[strings.ToUpper(strings.TrimSpace(name))] = protocol
	}
	return out, nil
}

// listenerSettings finds a listener's settings: its own by prefix, and of a mechanism, over those for all, over the defaults.
type listenerSettings struct {
	settings map[string]string
	name     string
	like     string // another listener, whose settings are its too; empty for none
}

// own is a setting with the listener's prefix.
func (s listenerSettings) own(name string) (string, bool) {
	v, ok := s.settings["listener.name."+strings.ToLower(s.name)+"."+name]
	if !ok && s.like != "" {
		v, ok = s.settings["listener.name."+strings.ToLower(s.like)+"."+name]
	}
	return v, ok
}

func (s listenerSettings) get(name string) string {
	if v, ok := s.own(name); ok {
		return v
	}
	if v, ok := s.settings[name]; ok {
		return v
	}
	return metadata.SecurityDefault(name)
}

// of is a setting of a mechanism.
func (s listenerSettings) of(mechanism, name string) string {
	if v, ok := s.own(strings.ToLower(mechanism) + "." + name); ok {
		return v
	}
	return s.get(name)
}

func (s listenerSettings) list(name string) (out []string) {
	for v := range strings.SplitSeq(s.get(name), ",") {
		if v = strings.TrimSpace(v); v != "" {
			out = append(out, v)
		}
	}
	return out
}

// number is for settings that have been checked to be one.
func (s listenerSettings) number(name string) int64 {
	n, _ := strconv.ParseInt(s.get(name), 10, 64)
	return n
}
