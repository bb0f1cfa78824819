package broker

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/millrace/millrace/internal/broker/auth"
	"github.com/millrace/millrace/internal/broker/metadata"
	"github.com/millrace/millrace/internal/vfs"
)

// authority signs certificates for a test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
	next int64
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, _ := x509.ParseCertificate(der)
	return &authority{cert: cert, key: key, pem: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), next: 2}
}

// sign makes a certificate: its PEM with the private key's.
func (a *authority) sign(t testing.TB, subject pkix.Name) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a.next++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(a.next), Subject: subject, NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	secret, _ := x509.MarshalPKCS8PrivateKey(key)
	return append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
}

func (a *authority) client(t testing.TB, certificate []byte) *tls.Config {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(a.pem)
	c := &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"}
	if certificate != nil {
		pair, err := tls.X509KeyPair(certificate, certificate)
		if err != nil {
			t.Fatal(err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c
}

func write(t testing.TB, dir, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// securedBroker serves every listener of its settings, beside the open one of testBroker.
type securedBroker struct {
	*testBroker
	addrs map[string]string
}

func startSecured(t testing.TB, settings map[string]string, before ...func(*Broker)) *securedBroker {
	t.Helper()
	return startSecuredAs(t, Config{FS: vfs.NewMem(), Settings: settings}, before...)
}

func startSecuredAs(t testing.TB, config Config, before ...func(*Broker)) *securedBroker {
	t.Helper()
	settings := config.Settings
	sb := &securedBroker{testBroker: start(t, config), addrs: map[string]string{}}
	for _, fn := range before {
		fn(sb.Broker)
	}
	configs, err := ParseListeners(settings)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range configs {
		l, err := net.Listen("tcp", c.Address)
		if err != nil {
			t.Fatal(err)
		}
		sb.addrs[c.Name] = l.Addr().String()
		go sb.ServeAs(l, c.Name)
	}
	return sb
}

func (sb *securedBroker) user(t testing.TB, name, password string) {
	t.Helper()
	for _, m := range auth.ScramMechanisms {
		salt := auth.NewSalt()
		c := auth.NewCredential(m, salt, m.Salt(password, salt, auth.MinIterations), auth.MinIterations)
		if err := sb.meta.SetCredentials([]metadata.UserCredential{{User: name, Credential: c}}, nil); err != nil {
			t.Fatal(err)
		}
	}
}

func (sb *securedBroker) allow(t testing.TB, principal string, op auth.Operation, kind auth.Resource, name string) {
	t.Helper()
	acl := auth.ACL{Resource: kind, Name: name, Pattern: auth.Literal, Principal: principal, Host: "*", Operation: op, Permission: auth.Allow}
	if err := sb.meta.CreateACLs([]auth.ACL{acl}); err != nil {
		t.Fatal(err)
	}
}

func (sb *securedBroker) clientOf(t testing.TB, listener string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(sb.addrs[listener]), kgo.AllowAutoTopicCreation(), kgo.RetryTimeout(5 * time.Second), kgo.RequestRetries(2),
		kgo.FetchMaxWait(300 * time.Millisecond),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

func scramOf(user, password string, m auth.ScramMechanism) sasl.Mechanism {
	a := scram.Auth{User: user, Pass: password}
	if m == auth.ScramSHA512 {
		return a.AsSha512Mechanism()
	}
	return a.AsSha256Mechanism()
}

const fourListeners = "PLAINTEXT://127.0.0.1:0,SSL://127.0.0.1:0,SASL_PLAINTEXT://127.0.0.1:0,SASL_SSL://127.0.0.1:0"

// TestEveryWayIn produces and consumes a large record through every protocol and every mechanism.
func TestEveryWayIn(t *testing.T) {
	ca, dir := newAuthority(t), t.TempDir()
	issuer := newIssuer(t)
	sb := startSecured(t, map[string]string{
		"listeners":                                           fourListeners,
		"ssl.keystore.location":                               write(t, dir, "node.pem", ca.sign(t, pkix.Name{CommonName: "node"})),
		"sasl.enabled.mechanisms":                             "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
		"sasl.oauthbearer.jwks.endpoint.url":                  "file://" + write(t, dir, "jwks.json", issuer.jwks()),
		"listener.name.sasl_ssl.plain.sasl.jaas.config":       `org.apache.kafka.common.security.plain.PlainLoginModule required user_jaas="from the file";`,
		"listener.name.sasl_plaintext.plain.sasl.jaas.config": `org.apache.kafka.common.security.plain.PlainLoginModule required user_jaas="from the file";`,
	})
	sb.user(t, "alice", "a secret, =really")
	token := issuer.token(t, map[string]any{"sub": "alice", "exp": time.Now().Add(time.Hour).Unix()})
	mechanisms := map[string]sasl.Mechanism{
		"":              nil,
		"PLAIN":         plain.Auth{User: "jaas", Pass: "from the file"}.AsMechanism(),
		"PLAIN, stored": plain.Auth{User: "alice", Pass: "a secret, =really"}.AsMechanism(),
		"SCRAM-SHA-256": scramOf("alice", "a secret, =really", auth.ScramSHA256),
		"SCRAM-SHA-512": scramOf("alice", "a secret, =really", auth.ScramSHA512),
		"OAUTHBEARER":   oauth.Auth{Token: token}.AsMechanism(),
	}
	for _, listener := range []string{"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"} {
		for name, m := range mechanisms {
			if strings.HasPrefix(listener, "SASL") != (m != nil) {
				continue
			}
			t.Run(listener+" "+name, func(t *testing.T) {
				topic := strings.NewReplacer(" ", "", ",", "").Replace(listener + name)
				opts := []kgo.Opt{kgo.DefaultProduceTopic(topic), kgo.ConsumeTopics(topic), kgo.ProducerBatchCompression(kgo.NoCompression())}
				if strings.HasSuffix(listener, "SSL") {
					opts = append(opts, kgo.DialTLSConfig(ca.client(t, nil)))
				}
				if m != nil {
					opts = append(opts, kgo.SASL(m))
				}
				cl := sb.clientOf(t, listener, opts...)
				value := []byte(strings.Repeat("0123456789", 50_000))
				produce(t, cl, &kgo.Record{Value: value}, kgo.StringRecord("small"))
				got := consume(t, cl, 2)
				if string(got[0].Value) != string(value) || string(got[1].Value) != "small" {
					t.Fatal("values differ")
				}
			})
		}
	}
}

// TestWrongCredentials: each is refused in the same words, and its connection closed.
func TestWrongCredentials(t *testing.T) {
	issuer := newIssuer(t)
	sb := startSecured(t, map[string]string{
		"listeners": "SASL_PLAINTEXT://127.0.0.1:0", "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
		"sasl.oauthbearer.jwks.endpoint.url":        "file://" + write(t, t.TempDir(), "jwks.json", issuer.jwks()),
		"connection.failed.authentication.delay.ms": "1",
	})
	sb.user(t, "alice", "right")
	old := issuer.token(t, map[string]any{"sub": "alice", "exp": time.Now().Add(-time.Hour).Unix()})
	foreign := newIssuer(t).token(t, map[string]any{"sub": "alice", "exp": time.Now().Add(time.Hour).Unix()})
	for name, m := range map[string]sasl.Mechanism{
		"plain":              plain.Auth{User: "alice", Pass: "wrong"}.AsMechanism(),
		"plain, nobody":      plain.Auth{User: "nobody", Pass: "right"}.AsMechanism(),
		"scram 256":          scramOf("alice", "wrong", auth.ScramSHA256),
		"scram 512":          scramOf("alice", "wrong", auth.ScramSHA512),
		"scram, nobody":      scramOf("nobody", "right", auth.ScramSHA256),
		"expired token":      oauth.Auth{Token: old}.AsMechanism(),
		"another's token":    oauth.Auth{Token: foreign}.AsMechanism(),
		"nothing of a token": oauth.Auth{Token: "nothing"}.AsMechanism(),
	} {
		t.Run(name, func(t *testing.T) {
			cl := sb.clientOf(t, "SASL_PLAINTEXT", kgo.SASL(m))
			err := cl.Ping(testContext(t))
			// franz-go hangs up on the answer that says what is wrong with a token.
			if !errors.Is(err, kerr.SaslAuthenticationFailed) && !(strings.Contains(name, "token") && err != nil && strings.Contains(err.Error(), "oauth")) {
				t.Fatalf("got %v", err)
			}
		})
	}
	c := dialTo(t, sb.addrs["SASL_PLAINTEXT"])
	hand := kmsg.NewPtrSASLHandshakeRequest()
	hand.Version, hand.Mechanism = 1, "OAUTHBEARER"
	c.ask(t, hand)
	req := kmsg.NewPtrSASLAuthenticateRequest()
	req.Version, req.SASLAuthBytes = 2, []byte("n,,\x01auth=Bearer "+old+"\x01\x01")
	if resp := c.ask(t, req).(*kmsg.SASLAuthenticateResponse); resp.ErrorCode != 0 || string(resp.SASLAuthBytes) != `{"status":"invalid_token"}` {
		t.Errorf("%+v", resp)
	}
	req.SASLAuthBytes = []byte{1}
	if resp := c.ask(t, req).(*kmsg.SASLAuthenticateResponse); resp.ErrorCode != kerr.SaslAuthenticationFailed.Code || !strings.Contains(*resp.ErrorMessage, "expired") {
		t.Errorf("%+v", resp)
	}
	c.closed(t)
	if sb.stats.FailedLogins.Load() < 6 {
		t.Errorf("%d failed logins were counted", sb.stats.FailedLogins.Load())
	}
	for _, secret := range []string{"wrong", "right", old, foreign} {
		if sb.reports.has(secret) {
			t.Errorf("the reports have a secret in them: %v", sb.reports.lines)
		}
	}
}

// TestKeysRotate: keys are fetched again, and while they cannot be the last ones stay.
func TestKeysRotate(t *testing.T) {
	first, second := newIssuer(t), newIssuer(t)
	var doc atomic.Pointer[[]byte]
	var fetched atomic.Int32
	serve := func(b []byte) { doc.Store(&b) }
	serve(first.jwks())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fetched.Add(1)
		if b := *doc.Load(); b != nil {
			w.Write(b)
		} else {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	sb := startSecured(t, map[string]string{
		"listeners": "SASL_PLAINTEXT://127.0.0.1:0", "sasl.enabled.mechanisms": "OAUTHBEARER", "sasl.oauthbearer.jwks.endpoint.url": server.URL,
		"sasl.oauthbearer.jwks.endpoint.refresh.ms": "20", "connection.failed.authentication.delay.ms": "1",
	})
	claims := map[string]any{"sub": "alice", "exp": time.Now().Add(time.Hour).Unix()}
	await := func(what string, by *issuer, want bool) {
		t.Helper()
		token := by.token(t, claims)
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			err := sb.clientOf(t, "SASL_PLAINTEXT", kgo.SASL(oauth.Auth{Token: token}.AsMechanism())).Ping(testContext(t))
			if (err == nil) == want {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: %v", what, err)
			}
		}
	}
	await("the first key", first, true)
	serve(second.jwks())
	await("the second key", second, true)
	await("the first key, which is gone", first, false)
	serve(nil)
	for n := fetched.Load(); fetched.Load() < n+3; {
		time.Sleep(time.Millisecond)
	}
	await("the second key, while there is no answer", second, true)
}

// TestMutualTLS: the certificate's name, through mapping rules, is the principal that ACLs are about.
func TestMutualTLS(t *testing.T) {
	ca, dir := newAuthority(t), t.TempDir()
	sb := startSecured(t, map[string]string{
		"listeners":                               "SSL://127.0.0.1:0,REQUESTED://127.0.0.1:0",
		"listener.security.protocol.map":          "SSL:SSL,REQUESTED:SSL",
		"ssl.keystore.location":                   write(t, dir, "node.pem", ca.sign(t, pkix.Name{CommonName: "node"})),
		"ssl.truststore.location":                 write(t, dir, "ca.pem", ca.pem),
		"ssl.client.auth":                         "required",
		"listener.name.requested.ssl.client.auth": "requested",
		"ssl.principal.mapping.rules":             `RULE:^CN=([^,]*),OU=services.*$/$1/L,RULE:^CN=stranger$/stranger/`,
		"authorizer.class.name":                   metadata.StandardAuthorizer,
	})
	sb.create(t, "bills", 1, nil)
	sb.allow(t, "User:billing", auth.Write, auth.Topic, "bills")
	service := ca.sign(t, pkix.Name{CommonName: "Billing", OrganizationalUnit: []string{"services"}, Organization: []string{"Acme"}})
	cl := sb.clientOf(t, "SSL", kgo.DefaultProduceTopic("bills"), kgo.DialTLSConfig(ca.client(t, service)))
	produce(t, cl, kgo.StringRecord("x"))

	stranger := ca.sign(t, pkix.Name{CommonName: "stranger"})
	err := sb.clientOf(t, "SSL", kgo.DialTLSConfig(ca.client(t, stranger))).ProduceSync(testContext(t), &kgo.Record{Topic: "bills"}).FirstErr()
	if !errors.Is(err, kerr.TopicAuthorizationFailed) {
		t.Errorf("a stranger: %v", err)
	}
	err = sb.clientOf(t, "REQUESTED", kgo.DialTLSConfig(ca.client(t, nil))).ProduceSync(testContext(t), &kgo.Record{Topic: "bills"}).FirstErr()
	if !errors.Is(err, kerr.TopicAuthorizationFailed) {
		t.Errorf("anonymous: %v", err)
	}
	for name, certificate := range map[string][]byte{
		"no certificate": nil, "another authority's": newAuthority(t).sign(t, pkix.Name{CommonName: "Billing"}),
		"a name that no rule maps": ca.sign(t, pkix.Name{CommonName: "unknown"}),
	} {
		if err := sb.clientOf(t, "SSL", kgo.DialTLSConfig(ca.client(t, certificate))).Ping(testContext(t)); err == nil {
			t.Errorf("%s was let in", name)
		}
	}
}

// TestCertificateReload: a new certificate serves new connections, a broken one leaves the last in force.
func TestCertificateReload(t *testing.T) {
	ca, dir := newAuthority(t), t.TempDir()
	file := write(t, dir, "node.pem", ca.sign(t, pkix.Name{CommonName: "first"}))
	sb := startSecured(t, map[string]string{"listeners": "SSL://127.0.0.1:0", "ssl.keystore.location": file})
	l := sb.byName["SSL"].tls
	serves := func() string {
		t.Helper()
		l.mu.Lock()
		l.mu.looked = time.Time{} // as if a second had gone by
		l.mu.Unlock()
		nc, err := tls.Dial("tcp", sb.addrs["SSL"], ca.client(t, nil))
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		return nc.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	touch := func(content []byte, at time.Duration) {
		t.Helper()
		write(t, dir, "node.pem", content)
		when := time.Now().Add(at)
		if err := os.Chtimes(file, when, when); err != nil {
			t.Fatal(err)
		}
	}
	if got := serves(); got != "first" {
		t.Fatalf("serves %s", got)
	}
	touch(ca.sign(t, pkix.Name{CommonName: "second"}), time.Minute)
	if got := serves(); got != "second" {
		t.Fatalf("serves %s after the change", got)
	}
	touch([]byte("nonsense"), 2*time.Minute)
	if got := serves(); got != "second" || !sb.reports.has("stay in force") {
		t.Fatalf("serves %s after a bad change; said %v", got, sb.reports.lines)
	}
}

// TestReauthentication: within its lifetime a session is renewed on the same connection, as the same user; one that is not is closed.
func TestReauthentication(t *testing.T) {
	var ahead atomic.Int64 // of the clock
	sb := startSecuredAs(t, Config{FS: vfs.NewMem(), Settings: map[string]string{
		"listeners": "SASL_PLAINTEXT://127.0.0.1:0", "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256",
		"listener.name.sasl_plaintext.plain.connections.max.reauth.ms": "2500000", "connection.failed.authentication.delay.ms": "1",
	}, Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
	sb.user(t, "alice", "a")
	sb.user(t, "bob", "b")
	login := func(c *rawConn, user, password string) *kmsg.SASLAuthenticateResponse {
		t.Helper()
		hand := kmsg.NewPtrSASLHandshakeRequest()
		hand.Version, hand.Mechanism = 1, "PLAIN"
		if resp := c.ask(t, hand).(*kmsg.SASLHandshakeResponse); resp.ErrorCode != 0 {
			t.Fatalf("handshake: error %d", resp.ErrorCode)
		}
		req := kmsg.NewPtrSASLAuthenticateRequest()
		req.Version, req.SASLAuthBytes = 2, []byte("\x00"+user+"\x00"+password)
		return c.ask(t, req).(*kmsg.SASLAuthenticateResponse)
	}
	dial := func() *rawConn { return dialTo(t, sb.addrs["SASL_PLAINTEXT"]) }
	metadataOf := func(c *rawConn) {
		t.Helper()
		req := kmsg.NewPtrMetadataRequest()
		req.Version = 12
		c.ask(t, req)
	}
	c := dial()
	first := login(c, "alice", "a")
	if first.ErrorCode != 0 || first.SessionLifetimeMillis <= 0 || first.SessionLifetimeMillis > 2_500_000 {
		t.Fatalf("%+v", first)
	}
	metadataOf(c)
	for range 3 { // past the first lifetime
		ahead.Add(int64(1200 * time.Second))
		if again := login(c, "alice", "a"); again.ErrorCode != 0 || again.SessionLifetimeMillis <= 0 {
			t.Fatalf("%+v", again)
		}
	}
	metadataOf(c)

	other := dial()
	login(other, "alice", "a")
	if resp := login(other, "bob", "b"); resp.ErrorCode != kerr.SaslAuthenticationFailed.Code || !strings.Contains(*resp.ErrorMessage, "Cannot change principals") {
		t.Fatalf("another principal: %+v", resp)
	}
	other.closed(t)

	late := dial()
	login(late, "alice", "a")
	ahead.Add(int64(2600 * time.Second))
	req := kmsg.NewPtrMetadataRequest()
	req.Version = 12
	late.send(t, req)
	late.closed(t)
}

// TestBeforeAuthentication: nothing but what leads to a login, and little of that.
func TestBeforeAuthentication(t *testing.T) {
	sb := startSecured(t, map[string]string{"listeners": "SASL_PLAINTEXT://127.0.0.1:0", "sasl.enabled.mechanisms": "PLAIN"})
	sb.user(t, "alice", "a")
	dial := func() *rawConn { return dialTo(t, sb.addrs["SASL_PLAINTEXT"]) }
	handshake := func(version int16, mechanism string) *kmsg.SASLHandshakeRequest {
		r := kmsg.NewPtrSASLHandshakeRequest()
		r.Version, r.Mechanism = version, mechanism
		return r
	}
	t.Run("another request", func(t *testing.T) {
		c := dial()
		c.send(t, kmsg.NewPtrMetadataRequest())
		c.closed(t)
	})
	t.Run("a token before the handshake", func(t *testing.T) {
		c := dial()
		c.send(t, kmsg.NewPtrSASLAuthenticateRequest())
		c.closed(t)
	})
	t.Run("another request in between", func(t *testing.T) {
		c := dial()
		c.ask(t, handshake(1, "PLAIN"))
		c.send(t, kmsg.NewPtrMetadataRequest())
		c.closed(t)
	})
	t.Run("an unknown mechanism", func(t *testing.T) {
		c := dial()
		resp := c.ask(t, handshake(1, "GSSAPI")).(*kmsg.SASLHandshakeResponse)
		if resp.ErrorCode != kerr.UnsupportedSaslMechanism.Code || len(resp.SupportedMechanisms) != 1 {
			t.Fatalf("%+v", resp)
		}
		c.closed(t)
	})
	t.Run("a large frame", func(t *testing.T) {
		c := dial()
		c.Write([]byte{0, 2, 0, 0, 0, 18, 0, 3, 0, 0, 0, 1})
		c.closed(t)
	})
	t.Run("tokens without headers", func(t *testing.T) {
		c := dial()
		c.ask(t, handshake(0, "PLAIN"))
		token := []byte("\x00alice\x00a")
		c.Write(append([]byte{0, 0, 0, byte(len(token))}, token...))
		if got := c.frame(t); len(got) != 0 {
			t.Fatalf("got %q", got)
		}
		req := kmsg.NewPtrMetadataRequest()
		req.Version = 12
		c.ask(t, req)
	})
	t.Run("a wrong token without header", func(t *testing.T) {
		c := dial()
		c.ask(t, handshake(0, "PLAIN"))
		c.Write([]byte{0, 0, 0, 4, 0, 'a', 0, 'b'})
		c.closed(t)
	})
	t.Run("no SASL on a listener without", func(t *testing.T) {
		resp := sb.dial(t).ask(t, handshake(1, "PLAIN")).(*kmsg.SASLHandshakeResponse)
		if resp.ErrorCode != kerr.IllegalSaslState.Code {
			t.Fatalf("%+v", resp)
		}
	})
}

func dialTo(t testing.TB, addr string) *rawConn {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(20 * time.Second))
	return &rawConn{Conn: nc}
}

// TestTooManyConnections: one too many is closed, and one that ends makes room.
func TestTooManyConnections(t *testing.T) {
	sb := startSecured(t, map[string]string{
		"listeners": "A://127.0.0.1:0,B://127.0.0.1:0", "listener.security.protocol.map": "A:PLAINTEXT,B:PLAINTEXT",
		"max.connections.per.ip": "4", "listener.name.b.max.connections": "2",
	})
	versions := kmsg.NewPtrApiVersionsRequest()
	first := dialTo(t, sb.addrs["B"])
	first.ask(t, versions)
	dialTo(t, sb.addrs["B"]).ask(t, versions)
	dialTo(t, sb.addrs["B"]).closed(t)
	dialTo(t, sb.addrs["A"]).ask(t, versions)
	dialTo(t, sb.addrs["A"]).ask(t, versions)
	dialTo(t, sb.addrs["A"]).closed(t)
	first.Close()
	for deadline := time.Now().Add(10 * time.Second); sb.stats.Connections.Load() > 3; {
		if time.Now().After(deadline) {
			t.Fatal("the connection that ended is still counted")
		}
		time.Sleep(time.Millisecond)
	}
	dialTo(t, sb.addrs["B"]).ask(t, versions)
}

// TestSlowBeforeAuthentication: who says nothing, or not enough, is not waited for.
func TestSlowBeforeAuthentication(t *testing.T) {
	ca := newAuthority(t)
	sb := startSecured(t, map[string]string{
		"listeners": "SASL_SSL://127.0.0.1:0,SASL_PLAINTEXT://127.0.0.1:0", "connection.failed.authentication.delay.ms": "1",
		"ssl.keystore.location": write(t, t.TempDir(), "node.pem", ca.sign(t, pkix.Name{CommonName: "node"})),
	}, func(b *Broker) { b.limits.authentication = 200 * time.Millisecond })
	dialTo(t, sb.addrs["SASL_SSL"]).closed(t)
	half := dialTo(t, sb.addrs["SASL_PLAINTEXT"])
	half.Write([]byte{0, 0, 0, 40, 0, 18, 0, 0})
	half.closed(t)
	garbage := dialTo(t, sb.addrs["SASL_SSL"])
	garbage.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
	for {
		if _, err := garbage.Read(make([]byte, 100)); err != nil {
			break
		}
	}
}

// TestUsersAndACLsSurvive a restart, as they were acknowledged.
func TestUsersAndACLsSurvive(t *testing.T) {
	fs := vfs.NewMem()
	config := Config{FS: fs, Settings: map[string]string{"authorizer.class.name": metadata.StandardAuthorizer, "super.users": "User:ANONYMOUS"}}
	tb := start(t, config)
	adm, ctx := tb.admin(t), testContext(t)
	if _, err := adm.AlterUserSCRAMs(ctx, nil, []kadm.UpsertSCRAM{{User: "alice", Mechanism: kadm.ScramSha256, Iterations: 8192, Password: "p"}}); err != nil {
		t.Fatal(err)
	}
	b := kadm.NewACLs().Topics("t").ResourcePatternType(kadm.ACLPatternPrefixed).Allow("User:alice").AllowHosts("*").Operations(kadm.OpRead, kadm.OpWrite)
	if _, err := adm.CreateACLs(ctx, b); err != nil {
		t.Fatal(err)
	}
	if err := tb.Close(); err != nil {
		t.Fatal(err)
	}
	tb = start(t, config)
	adm = tb.admin(t)
	users, err := adm.DescribeUserSCRAMs(ctx)
	if err != nil || len(users) != 1 || users["alice"].CredInfos[0].Iterations != 8192 {
		t.Fatalf("%+v, %v", users, err)
	}
	if c, ok := tb.meta.Credential("alice", auth.ScramSHA256); !ok || !c.Knows("p") || c.Knows("q") || strings.Contains(fmt.Sprintf("%v %+v %#v", c, c, c), "StoredKey") {
		t.Fatal("the credential is not alice's, or tells of itself")
	}
	acls, err := adm.DescribeACLs(ctx, kadm.NewACLs().Topics().Allow().AllowHosts().Deny().DenyHosts().Operations().ResourcePatternType(kadm.ACLPatternAny))
	if err != nil || len(acls) == 0 || len(tb.meta.ACLs().All()) != 2 {
		t.Fatalf("%+v, %v", acls, err)
	}
	gone, err := adm.DeleteACLs(ctx, b)
	if err != nil || len(tb.meta.ACLs().All()) != 0 {
		t.Fatalf("%+v, %v", gone, err)
	}
	if _, err := adm.AlterUserSCRAMs(ctx, []kadm.DeleteSCRAM{{User: "alice", Mechanism: kadm.ScramSha256}}, nil); err != nil {
		t.Fatal(err)
	}
	if _, ok := tb.meta.Credential("alice", auth.ScramSHA256); ok {
		t.Fatal("alice is still there")
	}
}

// TestSecretsAreNotTold: neither by DescribeConfigs nor by the error about a setting.
func TestSecretsAreNotTold(t *testing.T) {
	sb := startSecured(t, map[string]string{"sasl.jaas.config": `m required user_x="verysecret";`})
	all, err := sb.admin(t).DescribeBrokerConfigs(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprintf("%+v", all); strings.Contains(text, "verysecret") {
		t.Error("DescribeConfigs tells a password")
	}
	for _, c := range all[0].Configs {
		if c.Key == "sasl.jaas.config" && (c.Value != nil || !c.Sensitive) {
			t.Errorf("%+v", c)
		}
	}
	_, err = Open(Config{FS: vfs.NewMem(), Dir: "/d", Settings: map[string]string{
		"listeners": "SASL_PLAINTEXT://127.0.0.1:0", "sasl.enabled.mechanisms": "PLAIN", "sasl.jaas.config": `m required user_x="verysecret`,
	}})
	if err == nil || strings.Contains(err.Error(), "verysecret") {
		t.Errorf("got %v", err)
	}
}

// TestControllersListener: of Kafka's own configuration only clients' listeners are served.
func TestControllersListener(t *testing.T) {
	list, err := ParseListeners(map[string]string{
		"listeners": "PLAINTEXT://:9092,CONTROLLER://:9093", "controller.listener.names": "CONTROLLER",
		"advertised.listeners": "PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093",
	})
	if want := (ListenerConfig{"PLAINTEXT", "PLAINTEXT", ":9092", "localhost:9092"}); err != nil || len(list) != 1 || list[0] != want {
		t.Errorf("%+v, %v", list, err)
	}
}

// TestListenerMistakes are said in one line that names the setting.
func TestListenerMistakes(t *testing.T) {
	for _, c := range []struct {
		settings map[string]string
		want     string
	}{
		{map[string]string{"listeners": "PLAINTEXT:/127.0.0.1:0"}, "expected NAME://HOST:PORT"},
		{map[string]string{"listeners": "INSIDE://127.0.0.1:0"}, "listener.security.protocol.map"},
		{map[string]string{"listeners": "PLAINTEXT://127.0.0.1:0", "advertised.listeners": "SSL://h:1"}, "there is no listener SSL"},
		{map[string]string{"listeners": "SSL://127.0.0.1:0"}, "ssl.keystore.location"},
		{map[string]string{"listeners": "SASL_PLAINTEXT://127.0.0.1:0", "sasl.enabled.mechanisms": "OAUTHBEARER"}, "sasl.oauthbearer.jwks.endpoint.url"},
		{map[string]string{"listeners": "SASL_PLAINTEXT://127.0.0.1:0", "sasl.enabled.mechanisms": "GSSAPI"}, "PLAIN"},
		{map[string]string{"listener.name.x.ssl.keystore.locatoin": "f"}, "did you mean listener.name.x.ssl.keystore.location"},
		{map[string]string{"super.users": "alice", "authorizer.class.name": metadata.StandardAuthorizer}, "User:alice"},
		{map[string]string{"authorizer.class.name": "com.example.Mine"}, "StandardAuthorizer"},
		{map[string]string{"max.connections.per.ip.overrides": "127.0.0.1"}, "ADDRESS:NUMBER"},
	} {
		b, err := Open(Config{FS: vfs.NewMem(), Dir: "/d", Settings: c.settings})
		if err == nil {
			b.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v: got %v, want %q", c.settings, err, c.want)
		}
	}
}
