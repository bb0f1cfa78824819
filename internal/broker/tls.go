package broker

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/millrace/millrace/internal/broker/auth"
)

// tlsListener is a listener's TLS. Its files are looked at again at a handshake, once a second at most: a certificate is renewed by
// writing the file, and one that cannot be used leaves the last in force.
type tlsListener struct {
	keyFile, trustFile string // empty where the settings hold the PEM
	keyPEM, trustPEM   []byte
	base               tls.Config
	mapping            *auth.Mapping
	report             func(string)

	mu struct {
		sync.Mutex
		looked time.Time
		seen   [2]fileState // of keyFile and trustFile
		config *tls.Config
	}
}

type fileState struct {
	modified time.Time
	size     int64
}

// lookAgain is how often files are looked at.
const lookAgain = time.Second

func newTLSListener(s listenerSettings, sasl bool, report func(string)) (*tlsListener, error) {
	t := &tlsListener{report: report, keyFile: s.get("ssl.keystore.location"), trustFile: s.get("ssl.truststore.location")}
	if chain, key := s.get("ssl.keystore.certificate.chain"), s.get("ssl.keystore.key"); chain != "" || key != "" {
		t.keyFile, t.keyPEM = "", []byte(unfold(key)+"\n"+unfold(chain))
	}
	if text := s.get("ssl.truststore.certificates"); text != "" {
		t.trustFile, t.trustPEM = "", []byte(unfold(text))
	}
	if t.keyFile == "" && t.keyPEM == nil {
		return nil, errors.New("TLS needs a certificate: set ssl.keystore.location to a PEM file with key and certificate chain, or ssl.keystore.certificate.chain and ssl.keystore.key")
	}
	for _, name := range []string{"ssl.keystore.type", "ssl.truststore.type"} {
		if kind := s.get(name); kind != "PEM" {
			return nil, fmt.Errorf("%s = %s: only PEM is read; keytool -importkeystore and openssl pkcs12 make PEM of JKS and PKCS12", name, kind)
		}
	}
	var err error
	if t.mapping, err = auth.ParseMapping(s.get("ssl.principal.mapping.rules")); err != nil {
		return nil, err
	}
	clientAuth, own := s.own("ssl.client.auth")
	if !own && !sasl { // with SASL certificates are not what names the client, so it takes an explicit wish
		clientAuth = s.get("ssl.client.auth")
	}
	switch clientAuth {
	case "required":
		t.base.ClientAuth = tls.RequireAndVerifyClientCert
	case "requested":
		t.base.ClientAuth = tls.VerifyClientCertIfGiven
	}
	if err := t.versions(s); err != nil {
		return nil, err
	}
	t.mu.config, err = t.load()
	return t, err
}

// unfold gives a PEM text its lines back, which a properties file may have written as \n or as spaces.
func unfold(s string) string {
	s = strings.ReplaceAll(s, `\n`, "\n")
	if strings.Contains(s, "\n") {
		return s
	}
	var b strings.Builder
	for i, part := range strings.Split(s, "-----") {
		switch {
		case i%2 == 1:
			b.WriteString("-----" + part + "-----\n")
		default:
			for _, line := range strings.Fields(part) {
				b.WriteString(line + "\n")
			}
		}
	}
	return b.String()
}

func (t *tlsListener) versions(s listenerSettings) error {
	enabled := s.list("ssl.enabled.protocols")
	t.base.MinVersion, t.base.MaxVersion = tls.VersionTLS12, tls.VersionTLS13
	if !slices.Contains(enabled, "TLSv1.2") {
		t.base.MinVersion = tls.VersionTLS13
	}
	if !slices.Contains(enabled, "TLSv1.3") {
		t.base.MaxVersion = tls.VersionTLS12
	}
	if len(enabled) == 0 {
		return errors.New("ssl.enabled.protocols names none")
	}
	for _, name := range s.list("ssl.cipher.suites") {
		i := slices.IndexFunc(tls.CipherSuites(), func(c *tls.CipherSuite) bool { return c.Name == name })
		if i < 0 {
			return fmt.Errorf("ssl.cipher.suites: %s is not a suite that is held to be safe", name)
		}
		t.base.CipherSuites = append(t.base.CipherSuites, tls.CipherSuites()[i].ID)
	}
	return nil
}

// load reads the files and makes the configuration of them.
func (t *tlsListener) load() (*tls.Config, error) {
	key, trust := t.keyPEM, t.trustPEM
	var err error
	if t.keyFile != "" {
		if key, err = os.ReadFile(t.keyFile); err != nil {
			return nil, fmt.Errorf("ssl.keystore.location: %w", err)
		}
	}
	if t.trustFile != "" {
		if trust, err = os.ReadFile(t.trustFile); err != nil {
			return nil, fmt.Errorf("ssl.truststore.location: %w", err)
		}
	}
	if bytes.Contains(key, []byte("ENCRYPTED")) {
		return nil, errors.New("the private key is encrypted, which is not supported: decrypt it with openssl pkey and protect the file")
	}
	config := t.base.Clone()
	pair, err := tls.X509KeyPair(key, key)
	if err != nil { // whose errors say what is missing, and not what is there
		return nil, fmt.Errorf("the PEM of certificate chain and private key: %w", err)
	}
	config.Certificates = []tls.Certificate{pair}
	if len(trust) > 0 {
		config.ClientCAs = x509.NewCertPool()
		if !config.ClientCAs.AppendCertsFromPEM(trust) {
			return nil, errors.New("the truststore has no PEM certificate")
		}
	} else if config.ClientAuth != tls.NoClientCert {
		return nil, errors.New("ssl.client.auth needs ssl.truststore.location or ssl.truststore.certificates, a PEM of who signs clients' certificates")
	}
	return config, nil
}

// current is the configuration of the files as they are.
func (t *tlsListener) current(now time.Time) *tls.Config {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(t.mu.looked) < lookAgain && now.After(t.mu.looked) {
		return t.mu.config
	}
	t.mu.looked = now
	var seen [2]fileState
	for i, name := range []string{t.keyFile, t.trustFile} {
		if name == "" {
			continue
		}
		if info, err := os.Stat(name); err == nil {
			seen[i] = fileState{info.ModTime(), info.Size()}
		}
	}
	changed := seen != t.mu.seen
	if t.mu.seen = seen; !changed {
		return t.mu.config
	}
	config, err := t.load()
	if err != nil {
		t.report(fmt.Sprintf("TLS files that have changed cannot be used, the ones before stay in force: %v", err))
		return t.mu.config
	}
	t.mu.config = config
	return config
}

// handshake makes a connection one of TLS, and says who the certificate names, if the client showed one.
func (c *conn) handshake(ctx context.Context) error {
	t := c.listener.tls
	tc := tls.Server(c.nc, t.current(time.Now()))
	if err := tc.HandshakeContext(ctx); err != nil {
		return err
	}
	if chain := tc.ConnectionState().PeerCertificates; len(chain) > 0 && c.listener.sasl == nil {
		name, err := t.nameOf(chain)
		if err != nil {
			return err
		}
		c.session.principal = auth.User(name)
	}
	c.nc = tc
	return nil
}

// nameOf is the user that a client's certificate names.
func (t *tlsListener) nameOf(chain []*x509.Certificate) (string, error) {
	dn, err := auth.DistinguishedName(chain[0].RawSubject)
	if err != nil {
		return "", err
	}
	return t.mapping.Name(dn)
}
