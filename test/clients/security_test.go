package clients

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/test/harness"
)

// secured is a node with a listener of each protocol, an authorizer and two users: admin, who may do everything, and alice.
type secured struct {
	dir   string
	addrs map[string]string
	http  string
	key   *ecdsa.PrivateKey // of the token issuer
}

const adminPassword, alicePassword = "admin secret", "alice=s,ecret"

func startSecured(t *testing.T, settings ...string) *secured {
	t.Helper()
	s := &secured{dir: t.TempDir(), addrs: map[string]string{}}
	s.certificates(t)
	s.issuer(t)
	data := filepath.Join(s.dir, "data")
	first := harness.Serve(t, data) // which makes the directory
	first.Stop()
	for user, password := range map[string]string{"admin": adminPassword, "alice": alicePassword} {
		run(t, password+"\n", harness.Binary(t), "user", "create", user, "--data", data)
	}
	config := fmt.Sprintf(`# a node that lets nobody in without a name
listeners=SSL://127.0.0.1:0,SASL_PLAINTEXT://127.0.0.1:0,\
          SASL_SSL://127.0.0.1:0
ssl.keystore.type=PEM
ssl.keystore.location=%s/node.pem
ssl.truststore.location=%s/ca.pem
ssl.client.auth=required
ssl.principal.mapping.rules=RULE:^CN=([^,]*),OU=services.*$/$1/L,DEFAULT
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER
sasl.oauthbearer.jwks.endpoint.url=file://%s/jwks.json
sasl.oauthbearer.expected.audience=millrace
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:admin
`, s.dir, s.dir, s.dir)
	s.write(t, "server.properties", []byte(config))
	args := []string{"--config", filepath.Join(s.dir, "server.properties")}
	for _, set := range settings {
		args = append(args, "--set", set)
	}
	server := harness.ServeWith(t, data, args...)
	for i, addr := range strings.Split(server.Kafka, ",") {
		s.addrs[[]string{"SSL", "SASL_PLAINTEXT", "SASL_SSL"}[i]] = addr
	}
	s.http = server.HTTP
	return s
}

func (s *secured) write(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// certificates writes ca.pem, node.pem, and client.pem for CN=Billing,OU=services.
func (s *secured) certificates(t *testing.T) {
	t.Helper()
	caKey, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, "ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	for name, subject := range map[string]pkix.Name{
		"node.pem": {CommonName: "node"}, "client.pem": {CommonName: "Billing", OrganizationalUnit: []string{"services"}},
	} {
		key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		leaf := &x509.Certificate{
			SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: subject, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		}
		der, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, caKey)
		if err != nil {
			t.Fatal(err)
		}
		secret, _ := x509.MarshalPKCS8PrivateKey(key)
		s.write(t, name, append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...))
	}
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (s *secured) issuer(t *testing.T) {
	t.Helper()
	var err error
	if s.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	point, _ := s.key.PublicKey.Bytes()
	doc, _ := json.Marshal(map[string]any{"keys": []any{map[string]string{
		"kty": "EC", "crv": "P-256", "kid": "k1", "use": "sig", "x": b64(point[1:33]), "y": b64(point[33:]),
	}}})
	s.write(t, "jwks.json", doc)
}

func (s *secured) token(t *testing.T, subject string, expires time.Time) string {
	t.Helper()
	body, _ := json.Marshal(map[string]any{
		"sub": subject, "aud": "millrace", "iat": time.Now().Add(-2 * time.Hour).Unix(), "exp": expires.Unix(), "scope": "kafka",
	})
	text := b64([]byte(`{"alg":"ES256","kid":"k1"}`)) + "." + b64(body)
	digest := sha256.Sum256([]byte(text))
	r, v, err := ecdsa.Sign(rand.Reader, s.key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	v.FillBytes(signature[32:])
	return text + "." + b64(signature)
}

// properties writes a client's configuration, which Java's tools and our own take alike.
func (s *secured) properties(t *testing.T, protocol, mechanism, user, password string) string {
	t.Helper()
	text := "security.protocol=" + protocol + "\n"
	if strings.HasSuffix(protocol, "SSL") {
		text += "ssl.truststore.type=PEM\nssl.truststore.location=" + s.dir + "/ca.pem\n"
	}
	if protocol == "SSL" {
		text += "ssl.keystore.type=PEM\nssl.keystore.location=" + s.dir + "/client.pem\n"
	}
	module := "org.apache.kafka.common.security.scram.ScramLoginModule"
	switch mechanism {
	case "":
		return s.write(t, protocol+".properties", []byte(text))
	case "PLAIN":
		module = "org.apache.kafka.common.security.plain.PlainLoginModule"
	}
	text += fmt.Sprintf("sasl.mechanism=%s\nsasl.jaas.config=%s required username=\"%s\" password=\"%s\";\n", mechanism, module, user, password)
	return s.write(t, protocol+mechanism+user+".properties", []byte(text))
}

// TestSecuredCommandLine: users and ACLs by millrace's own commands, records by its own clients.
func TestSecuredCommandLine(t *testing.T) {
	s := startSecured(t)
	addr := s.addrs["SASL_SSL"]
	admin, alice := s.properties(t, "SASL_SSL", "SCRAM-SHA-512", "admin", adminPassword), s.properties(t, "SASL_SSL", "PLAIN", "alice", alicePassword)
	cli := func(as, input string, args ...string) (string, error) {
		t.Helper()
		return try(input, harness.Binary(t), append(args, "--addr", addr, "--command-config", as)...)
	}
	must := func(as, input string, args ...string) string {
		t.Helper()
		out, err := cli(as, input, args...)
		if err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		return out
	}
	must(admin, "", "topic", "create", "orders")
	if out, err := cli(alice, "a\n", "produce", "orders"); err == nil || !strings.Contains(err.Error(), "TOPIC_AUTHORIZATION_FAILED") {
		t.Errorf("alice without rights: %v %s", err, out)
	}
	if out := must(alice, "", "topic", "list"); out != "" {
		t.Errorf("alice sees %s", out)
	}
	must(admin, "", "acl", "add", "--principal", "User:alice", "--operation", "read,write", "--topic", "ord", "--prefixed")
	must(alice, "a\nb\n", "produce", "orders")
	if out := must(alice, "", "consume", "orders"); out != "a\nb\n" {
		t.Errorf("alice reads %q", out)
	}
	if out := must(admin, "", "acl", "list", "--principal", "User:alice"); !strings.Contains(out, "topic     ord   prefixed  User:alice  *     read       allow") {
		t.Errorf("acl list:\n%s", out)
	}
	if out := must(admin, "", "user", "list"); !strings.Contains(out, "alice  SCRAM-SHA-256  4096") {
		t.Errorf("user list:\n%s", out)
	}
	must(admin, "another\n", "user", "create", "bob")
	must(admin, "", "user", "delete", "alice")
	if _, err := cli(alice, "", "topic", "list"); err == nil || !strings.Contains(err.Error(), "refuses") || strings.Contains(err.Error(), alicePassword) {
		t.Errorf("alice is gone: %v", err)
	}
	must(admin, "", "acl", "remove", "--principal", "User:alice")
	if out := must(admin, "", "acl", "list"); strings.Contains(out, "alice") {
		t.Errorf("acl list:\n%s", out)
	}
}

// TestSecuredSQL: SQL over HTTP is served as the strongest of the listeners is, unless a setting says otherwise, and knows the same users.
func TestSecuredSQL(t *testing.T) {
	s := startSecured(t)
	sql := func(s *secured, as, statement string) (string, error) {
		t.Helper()
		return try("", harness.Binary(t), "sql", "--addr", s.http, "--command-config", as, "--output", "csv", "-e", statement)
	}
	alice := s.properties(t, "SASL_SSL", "SCRAM-SHA-512", "alice", alicePassword)
	if out, err := sql(s, alice, "SELECT 7"); err != nil || out != "7\n" {
		t.Errorf("alice: %q %v", out, err)
	}
	for name, as := range map[string]string{
		"in the clear":       s.properties(t, "SASL_PLAINTEXT", "SCRAM-SHA-512", "alice", alicePassword),
		"of another issuer":  s.write(t, "stranger.properties", []byte("security.protocol=SSL\n")),
		"without a password": s.properties(t, "SSL", "", "", ""),
		"a wrong password":   s.properties(t, "SASL_SSL", "SCRAM-SHA-256", "alice", "guess"),
	} {
		if out, err := sql(s, as, "SELECT 7"); err == nil || strings.Contains(err.Error(), "guess") {
			t.Errorf("%s: %q %v", name, out, err)
		}
	}
	bearer := func(subject string, expires time.Time) string {
		return s.write(t, subject+".properties", fmt.Appendf(nil, `security.protocol=SASL_SSL
ssl.truststore.type=PEM
ssl.truststore.location=%s/ca.pem
sasl.mechanism=OAUTHBEARER
sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required token="%s";
`, s.dir, s.token(t, subject, expires)))
	}
	if _, err := sql(s, bearer("carol", time.Now().Add(time.Hour)), "CREATE TABLE t (a INT)"); err == nil || !strings.Contains(err.Error(), "User:carol may not CREATE TOPIC 't'") {
		t.Errorf("carol's token: %v", err)
	}
	if _, err := sql(s, bearer("late", time.Now().Add(-time.Hour)), "SELECT 7"); err == nil {
		t.Error("a token that has expired is accepted")
	}

	certified := startSecured(t, "listener.security.protocol.map=HTTP:SSL,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL",
		`listener.name.http.ssl.principal.mapping.rules=RULE:^CN=([^,]*),OU=services.*$/sql-$1/L`)
	if _, err := sql(certified, certified.properties(t, "SSL", "", "", ""), "CREATE TABLE t (a INT)"); err == nil ||
		!strings.Contains(err.Error(), "User:sql-billing may not CREATE TOPIC 't'") {
		t.Errorf("a client's certificate: %v", err)
	}
	nobody := certified.write(t, "nobody.properties", []byte("security.protocol=SSL\nssl.truststore.location="+certified.dir+"/ca.pem\n"))
	if _, err := sql(certified, nobody, "SELECT 7"); err == nil {
		t.Error("a client without a certificate is let in")
	}
}

// TestKcatSecured is librdkafka's: every protocol and mechanism that it has.
func TestKcatSecured(t *testing.T) {
	bin := kcat(t)
	show := shows(t, "kcat", kcatVersion(t, bin))
	s := startSecured(t)
	admin := s.properties(t, "SASL_SSL", "SCRAM-SHA-256", "admin", adminPassword)
	cli := func(args ...string) {
		t.Helper()
		run(t, "", harness.Binary(t), append(args, "--addr", s.addrs["SASL_SSL"], "--command-config", admin)...)
	}
	cli("topic", "create", "words")
	for _, who := range []string{"User:alice", "User:billing"} {
		cli("acl", "add", "--principal", who, "--operation", "read,write", "--topic", "words")
	}
	n := 0
	for protocol, addr := range s.addrs {
		mechanisms := []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}
		if protocol == "SSL" {
			mechanisms = []string{""}
		}
		for _, m := range mechanisms {
			t.Run(protocol+" "+m, func(t *testing.T) {
				args := []string{"-b", addr, "-q", "-X", "security.protocol=" + protocol, "-X", "ssl.ca.location=" + s.dir + "/ca.pem"}
				if m == "" {
					args = append(args, "-X", "ssl.certificate.location="+s.dir+"/client.pem", "-X", "ssl.key.location="+s.dir+"/client.pem")
				} else {
					args = append(args, "-X", "sasl.mechanism="+m, "-X", "sasl.username=alice", "-X", "sasl.password="+alicePassword)
				}
				n++
				word := fmt.Sprint("word", n)
				run(t, word+"\n", bin, append(args, "-P", "-t", "words")...)
				if out := run(t, "", bin, append(args, "-C", "-t", "words", "-o", "-1", "-e")...); strings.TrimSpace(out) != word {
					t.Errorf("got %q, want %s", out, word)
				}
			})
		}
	}
	show("TLS with a client's certificate; SASL PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512, with and without TLS, under ACLs")
}

// TestJavaToolsSecured is the Java clients': admin tools, producer and consumer, over TLS with SCRAM, certificates and tokens.
func TestJavaToolsSecured(t *testing.T) {
	jvm := java(t)
	show := shows(t, kafkaTools, javaVersion)
	s := startSecured(t)
	tool := func(input, class string, args ...string) (string, error) {
		t.Helper()
		all := append([]string{"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=file://" + s.dir + "/carol.jwt,file://" + s.dir + "/late.jwt"}, jvm[1:]...)
		return try(input, jvm[0], append(append(all, class), args...)...)
	}
	must := func(input, class string, args ...string) string {
		t.Helper()
		out, err := tool(input, class, args...)
		if err != nil {
			t.Fatalf("%s %v: %v\n%s", class, args, err, out)
		}
		return out
	}
	admin := s.properties(t, "SASL_SSL", "SCRAM-SHA-512", "admin", adminPassword)
	at := []string{"--bootstrap-server", s.addrs["SASL_SSL"], "--command-config", admin}
	const topics, acls, configs = "org.apache.kafka.tools.TopicCommand", "org.apache.kafka.tools.AclCommand", "kafka.admin.ConfigCommand"
	must("", topics, append(at, "--create", "--topic", "orders")...)
	must("", configs, append(at, "--alter", "--entity-type", "users", "--entity-name", "carol", "--add-config", "SCRAM-SHA-256=[iterations=8192,password=carol-secret]")...)
	if out := must("", configs, append(at, "--describe", "--entity-type", "users", "--entity-name", "carol")...); !strings.Contains(out, "SCRAM-SHA-256=iterations=8192") {
		t.Errorf("describe user:\n%s", out)
	}
	must("", acls, append(at, "--add", "--allow-principal", "User:carol", "--allow-principal", "User:billing", "--producer", "--consumer", "--topic", "orders", "--group", "*")...)
	if out := must("", acls, append(at, "--list", "--topic", "orders")...); strings.Count(out, "User:carol") < 3 {
		t.Errorf("acls:\n%s", out)
	}
	carol := s.properties(t, "SASL_PLAINTEXT", "SCRAM-SHA-256", "carol", "carol-secret")
	must("one\ntwo\n", "org.apache.kafka.tools.ConsoleProducer", "--bootstrap-server", s.addrs["SASL_PLAINTEXT"], "--command-config", carol, "--topic", "orders")
	billing := s.properties(t, "SSL", "", "", "")
	read := func(addr, config string) (string, error) {
		return tool("", "org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server", addr, "--command-config", config,
			"--topic", "orders", "--from-beginning", "--max-messages", "2", "--timeout-ms", "20000")
	}
	if out, err := read(s.addrs["SSL"], billing); err != nil || out != "one\ntwo\n" {
		t.Errorf("by certificate: %q, %v", out, err)
	}
	bearer := func(name, token string) string {
		s.write(t, name+".jwt", []byte(token))
		return s.write(t, name+".properties", []byte("security.protocol=SASL_PLAINTEXT\nsasl.mechanism=OAUTHBEARER\n"+
			"sasl.oauthbearer.token.endpoint.url=file://"+s.dir+"/"+name+".jwt\n"+
			"sasl.login.callback.handler.class=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler\n"+
			"sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;\n"))
	}
	if out, err := read(s.addrs["SASL_PLAINTEXT"], bearer("carol", s.token(t, "carol", time.Now().Add(time.Hour)))); err != nil || out != "one\ntwo\n" {
		t.Errorf("by token: %q, %v", out, err)
	}
	if out, err := read(s.addrs["SASL_PLAINTEXT"], bearer("late", s.token(t, "carol", time.Now().Add(-time.Hour)))); err == nil && out != "" {
		t.Errorf("by an expired token: %q", out)
	}
	wrong := s.properties(t, "SASL_PLAINTEXT", "PLAIN", "carol", "wrong")
	if out, err := tool("", topics, "--bootstrap-server", s.addrs["SASL_PLAINTEXT"], "--command-config", wrong, "--list"); err == nil && !strings.Contains(out, "SaslAuthenticationException") {
		t.Errorf("a wrong password: %s", out)
	}
	must("", acls, append(at, "--remove", "--force", "--allow-principal", "User:carol", "--operation", "Read", "--topic", "orders")...)
	if out, err := read(s.addrs["SASL_PLAINTEXT"], carol); err == nil && strings.Contains(out, "one") {
		t.Errorf("without the right: %q", out)
	}
	show("kafka-acls, kafka-configs for SCRAM users; TLS with a client's certificate, SASL PLAIN, SCRAM and OAUTHBEARER; a right that is taken away")
}
