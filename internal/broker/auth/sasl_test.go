package auth

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"strings"
	"testing"
	"time"
)

var now = time.Unix(1_800_000_000, 0)

type users map[string]Credential

func (u users) Credential(name string, m ScramMechanism) (Credential, bool) {
	c, ok := u[name]
	return c, ok && c.Mechanism == m
}

// TestScramOfRFC7677 is the exchange that the RFC prints.
func TestScramOfRFC7677(t *testing.T) {
	salt, _ := base64.StdEncoding.DecodeString("W22ZaJ0SNY7soEsUEjb6gQ==")
	d := &Directory{Users: users{"user": NewCredential(ScramSHA256, salt, ScramSHA256.Salt("pencil", salt, 4096), 4096)}, Decoy: []byte("d")}
	const snonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
	start := func() *scram {
		return &scram{users: d, mechanism: ScramSHA256, nonce: func() string { return snonce }}
	}
	s := start()
	got, done, err := s.Step(now, []byte("n,,n=user,r=rOprNGfwEbeRWgbNEkqO"))
	if want := "r=rOprNGfwEbeRWgbNEkqO" + snonce + ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"; string(got) != want || done || err != nil {
		t.Fatalf("%s %v %v, want %s", got, done, err, want)
	}
	final := "c=biws,r=rOprNGfwEbeRWgbNEkqO" + snonce + ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
	got, done, err = s.Step(now, []byte(final))
	if string(got) != "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=" || !done || err != nil || s.Login().Name != "user" {
		t.Fatalf("%s %v %v", got, done, err)
	}
	if _, _, err := s.Step(now, []byte(final)); err == nil {
		t.Error("an exchange that has ended goes on")
	}
	for name, wrong := range map[string]string{
		"another channel binding": strings.Replace(final, "biws", "eSws", 1),
		"another server's nonce":  strings.Replace(final, "%hvY", "%hvX", 1),
		"another proof":           strings.Replace(final, "dHzb", "dHzc", 1),
		"a short proof":           "c=biws,r=rOprNGfwEbeRWgbNEkqO" + snonce + ",p=dHzb",
		"no proof":                "c=biws,r=rOprNGfwEbeRWgbNEkqO" + snonce,
	} {
		s := start()
		if _, _, err := s.Step(now, []byte("n,,n=user,r=rOprNGfwEbeRWgbNEkqO")); err != nil {
			t.Fatal(err)
		}
		if _, done, err := s.Step(now, []byte(wrong)); err == nil || done {
			t.Errorf("%s is taken", name)
		}
	}
}

// TestScramTellsNothing: who does not exist is asked the same, always with the same salt, and fails at the same place.
func TestScramTellsNothing(t *testing.T) {
	d := &Directory{Users: users{}, Decoy: []byte("secret of the process")}
	ask := func(name string) string {
		t.Helper()
		got, done, err := d.Begin(MechanismScram256).Step(now, []byte("n,,n="+name+",r=abc"))
		if err != nil || done {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(got), ",")
		return rest
	}
	if ask("nobody") != ask("nobody") || ask("nobody") == ask("somebody") {
		t.Error("the salt of nobody tells that there is nobody")
	}
}

func TestPlain(t *testing.T) {
	salt := NewSalt()
	d := &Directory{
		Passwords: map[string]string{"jaas": "p"}, Decoy: []byte("d"),
		Users: users{"stored": NewCredential(ScramSHA512, salt, ScramSHA512.Salt("q", salt, 4096), 4096)},
	}
	for message, want := range map[string]string{
		"\x00jaas\x00p": "jaas", "jaas\x00jaas\x00p": "jaas", "\x00stored\x00q": "stored",
		"other\x00jaas\x00p": "", "\x00jaas\x00q": "", "\x00stored\x00p": "", "\x00\x00p": "", "\x00jaas\x00": "", "jaas": "", "": "", "\x00jaas\x00p\x00": "",
	} {
		e := d.Begin(MechanismPlain)
		_, done, err := e.Step(now, []byte(message))
		if done != (want != "") || done == (err != nil) || e.Login().Name != want {
			t.Errorf("%q: %v %v %v", message, done, err, e.Login())
		}
	}
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// signer is a key with what a JWKS and a token say of it.
type signer struct {
	algorithm string
	jwk       map[string]string
	sign      func(text []byte) []byte
}

func signers(t testing.TB) []signer {
	t.Helper()
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	e, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	point, _ := e.PublicKey.Bytes()
	public, private, _ := ed25519.GenerateKey(rand.Reader)
	return []signer{
		{"RS256", map[string]string{"kty": "RSA", "n": b64(r.N.Bytes()), "e": b64(big.NewInt(int64(r.E)).Bytes())}, func(text []byte) []byte {
			d := sha256.Sum256(text)
			s, _ := rsa.SignPKCS1v15(rand.Reader, r, 5, d[:]) // 5 is SHA-256
			return s
		}},
		{"ES256", map[string]string{"kty": "EC", "crv": "P-256", "x": b64(point[1:33]), "y": b64(point[33:])}, func(text []byte) []byte {
			d := sha256.Sum256(text)
			a, b, _ := ecdsa.Sign(rand.Reader, e, d[:])
			out := make([]byte, 64)
			a.FillBytes(out[:32])
			b.FillBytes(out[32:])
			return out
		}},
		{"EdDSA", map[string]string{"kty": "OKP", "crv": "Ed25519", "x": b64(public)}, func(text []byte) []byte { return ed25519.Sign(private, text) }},
	}
}

func (s signer) token(header string, claims map[string]any) string {
	body, _ := json.Marshal(claims)
	text := b64([]byte(header)) + "." + b64(body)
	return text + "." + b64(s.sign([]byte(text)))
}

func keySet(t testing.TB, all ...signer) *KeySet {
	t.Helper()
	var keys []map[string]string
	for _, s := range all {
		k := maps.Clone(s.jwk)
		k["kid"], k["use"] = s.algorithm, "sig"
		keys = append(keys, k)
	}
	doc, _ := json.Marshal(map[string]any{"keys": append(keys, map[string]string{"kty": "oct", "k": "c2VjcmV0", "kid": "HS256"})})
	set, err := ParseKeySet(doc)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestTokens(t *testing.T) {
	all := signers(t)
	keys := keySet(t, all...)
	missing := map[string]bool{}
	v := &TokenValidator{
		Keys: func() *KeySet { return keys }, Missing: func(id string) { missing[id] = true }, Issuer: "https://issuer", Audiences: []string{"kafka", "other"},
		Scopes: []string{"write"}, Skew: 30 * time.Second,
	}
	good := func() map[string]any {
		return map[string]any{
			"sub": "alice", "iss": "https://issuer", "aud": []string{"kafka"}, "scope": "read write", "iat": now.Unix() - 10,
			"nbf": now.Unix() - 10, "exp": now.Unix() + 100,
		}
	}
	with := func(name string, value any) map[string]any {
		c := good()
		if c[name] = value; value == nil {
			delete(c, name)
		}
		return c
	}
	for _, s := range all {
		header := fmt.Sprintf(`{"alg":%q,"kid":%q}`, s.algorithm, s.algorithm)
		c, err := v.Validate(now, s.token(header, good()))
		if err != nil || c.Subject != "alice" || !c.Expires.Equal(now.Add(100*time.Second)) {
			t.Errorf("%s: %+v, %v", s.algorithm, c, err)
		}
		if _, err := v.Validate(now, s.token(fmt.Sprintf(`{"alg":%q}`, s.algorithm), good())); err != nil {
			t.Errorf("%s without a key's id: %v", s.algorithm, err)
		}
		for name, token := range map[string]string{
			"expired":             s.token(header, with("exp", now.Unix()-31)),
			"no exp":              s.token(header, with("exp", nil)),
			"exp is no time":      s.token(header, with("exp", "soon")),
			"no iat":              s.token(header, with("iat", nil)),
			"not yet":             s.token(header, with("nbf", now.Unix()+31)),
			"another issuer":      s.token(header, with("iss", "https://other")),
			"another audience":    s.token(header, with("aud", "mine")),
			"no audience":         s.token(header, with("aud", nil)),
			"too little scope":    s.token(header, with("scope", "read")),
			"no subject":          s.token(header, with("sub", nil)),
			"an empty subject":    s.token(header, with("sub", " ")),
			"no algorithm":        s.token(`{"kid":"`+s.algorithm+`"}`, good()),
			"alg none":            s.token(`{"alg":"none"}`, good()),
			"alg HS256":           s.token(`{"alg":"HS256","kid":"HS256"}`, good()),
			"critical extensions": s.token(`{"alg":"`+s.algorithm+`","crit":["b64"]}`, good()),
			"an unknown key":      s.token(`{"alg":"`+s.algorithm+`","kid":"new"}`, good()),
			"no signature":        strings.Join(strings.Split(s.token(header, good()), ".")[:2], ".") + ".",
			"two parts":           "a.b",
			"nothing":             "",
		} {
			if c, err := v.Validate(now, token); err == nil {
				t.Errorf("%s, %s: taken as %+v", s.algorithm, name, c)
			} else if token != "" && strings.Contains(err.Error(), token) {
				t.Errorf("%s, %s: the error holds the token", s.algorithm, name)
			}
		}
		parts := strings.Split(s.token(header, good()), ".")
		other, _ := json.Marshal(with("sub", "root"))
		if _, err := v.Validate(now, parts[0]+"."+b64(other)+"."+parts[2]); err == nil {
			t.Errorf("%s: a changed claim is taken", s.algorithm)
		}
	}
	if len(missing) != 2 || !missing["new"] || !missing["HS256"] {
		t.Errorf("the keys that are missing are said to be %v", missing)
	}
	// A signature by one's key under another's algorithm.
	if _, err := v.Validate(now, all[0].token(`{"alg":"ES256","kid":"RS256"}`, good())); err == nil {
		t.Error("an RSA signature is taken as ECDSA's")
	}
}

func TestMapping(t *testing.T) {
	for _, c := range []struct{ rules, dn, want string }{
		{"", "CN=a,O=b", "CN=a,O=b"},
		{"DEFAULT", "CN=a,O=b", "CN=a,O=b"},
		{`RULE:^CN=(.*?),OU=ServiceUsers.*$/$1/`, "CN=kafka,OU=ServiceUsers,O=x", "kafka"},
		{`RULE:^CN=(.*?),OU=ServiceUsers.*$/$1/L, DEFAULT`, "CN=Kafka,OU=Other", "CN=Kafka,OU=Other"},
		{`RULE:^CN=(.*?),OU=(.*?),O=(.*?),L=(.*?),ST=(.*?),C=(.*?)$/$1@$2/`, "CN=a,OU=b,O=c,L=d,ST=e,C=f", "a@b"},
		{`RULE:^.*[Cc][Nn]=([a-zA-Z0-9.]*).*$/$1/U`, "O=x,CN=node.1,C=de", "NODE.1"},
		{`RULE:^CN=([^,ADEFLTU,]+)(,.*|$)/$1/,DEFAULT`, "CN=x,O=y", "x"},
		{`RULE:^CN=a\/b$/x\/y/`, "CN=a/b", "x/y"},
		{`RULE:^CN=(.*)$/\$1/`, "CN=a", "$1"},
		{`RULE:^CN=a$/a/`, "CN=b", "error"},
		{"default", "", "bad"}, {"DEFAULT/L", "", "bad"}, {"RULE:CN=(.*)", "", "bad"}, {"RULE:^CN=(.*)$/$1/A", "", "bad"}, {"RULE:[/x/", "", "bad"},
	} {
		m, err := ParseMapping(c.rules)
		if err != nil {
			if c.want != "bad" {
				t.Errorf("%s: %v", c.rules, err)
			}
			continue
		}
		got, err := m.Name(c.dn)
		if err != nil {
			got = "error"
		}
		if got != c.want {
			t.Errorf("%s on %s: %q, want %q", c.rules, c.dn, got, c.want)
		}
	}
}

// TestDistinguishedName: as Java's X500Principal.getName() writes it.
func TestDistinguishedName(t *testing.T) {
	name := pkix.Name{CommonName: `a, "b"`, OrganizationalUnit: []string{"ou"}, Organization: []string{"Ö"}, Country: []string{"DE"}, SerialNumber: "7"}
	der, err := asn1.Marshal(name.ToRDNSequence())
	if err != nil {
		t.Fatal(err)
	}
	got, err := DistinguishedName(der)
	if want := `2.5.4.5=#130137,CN=a\, \"b\",OU=ou,O=Ö,C=DE`; got != want || err != nil {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
}

func TestJAAS(t *testing.T) {
	module, options, err := ParseJAAS("org.x.PlainLoginModule required\n username=\"a\"\tpassword=\"p \\\" ;=\" user_alice='s';")
	if err != nil || module != "org.x.PlainLoginModule" || options["password"] != `p " ;=` || JAASUsers(options)["alice"] != "s" || len(JAASUsers(options)) != 1 {
		t.Errorf("%s %v %v", module, options, err)
	}
	for _, bad := range []string{"", "m", "m required", `m required a="b"`, `m required a="b;`, "m required a;", `m required ="b";`} {
		if _, o, err := ParseJAAS(bad); err == nil && len(o) > 0 {
			t.Errorf("%q is taken: %v", bad, o)
		}
	}
}

func TestFilterOfPatternType(t *testing.T) {
	acls := []ACL{
		{Topic, "orders", Literal, "User:a", "*", Read, Allow}, {Topic, "ord", Prefixed, "User:a", "*", Read, Allow},
		{Topic, "*", Literal, "User:a", "*", Read, Allow}, {Topic, "other", Literal, "User:a", "*", Read, Allow}, {Group, "orders", Literal, "User:b", "*", Read, Deny},
	}
	x := NewIndex(acls)
	name := "orders"
	for pattern, want := range map[Pattern]int{1: 1, 2: 3, Literal: 1, Prefixed: 0} {
		if got := x.Select(Filter{Resource: Topic, Name: &name, Pattern: pattern, Operation: Any, Permission: 1}); len(got) != want {
			t.Errorf("pattern type %d: %v, want %d", pattern, got, want)
		}
	}
	if got := x.Select(Filter{Resource: 1, Pattern: 1, Operation: Any, Permission: Deny}); len(got) != 1 {
		t.Errorf("denied: %v", got)
	}
}

// FuzzExchange: whatever a client sends, no exchange panics, and none ends well without its secret.
func FuzzExchange(f *testing.F) {
	salt := []byte("0123456789abcdefghij")
	keys := keySet(f, signers(f)...)
	d := &Directory{
		Passwords: map[string]string{"u": "a password that nobody guesses"}, Decoy: []byte("d"),
		Users:  users{"u": NewCredential(ScramSHA256, salt, ScramSHA256.Salt("another that nobody guesses", salt, 4096), 4096)},
		Tokens: &TokenValidator{Keys: func() *KeySet { return keys }},
	}
	f.Add(uint8(0), []byte("n,,\x01auth=Bearer a.b.c\x01\x01"), []byte("\x01"))
	f.Add(uint8(1), []byte("\x00u\x00p"), []byte(""))
	f.Add(uint8(2), []byte("n,,n=u,r=abc"), []byte("c=biws,r=abcdef,p=AAAA"))
	f.Add(uint8(3), []byte("y,a=u,n=u=2C=3D,r=abc,ext=1"), []byte("c=eSw=,r=,p="))
	f.Fuzz(func(t *testing.T, mechanism uint8, first, second []byte) {
		e := d.Begin(Mechanisms[int(mechanism)%len(Mechanisms)])
		for _, message := range [][]byte{first, second} {
			_, done, err := e.Step(now, message)
			if done {
				t.Fatalf("%q and %q log in as %v", first, second, e.Login())
			}
			if err != nil {
				return
			}
		}
	})
}

// FuzzKeySet: no document makes it panic, and what it takes can be asked.
func FuzzKeySet(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"},{"kty":"EC","crv":"P-256","x":"","y":""},{"kty":"OKP","crv":"Ed25519","x":"AA"}]}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		keys, err := ParseKeySet(doc)
		if err != nil {
			return
		}
		for algorithm := range signatures {
			if keys.verify(algorithm, "", []byte("text"), make([]byte, 64)) == nil {
				t.Fatal("nothing is a signature")
			}
		}
	})
}

// FuzzTexts: the settings' readers and the certificate's.
func FuzzTexts(f *testing.F) {
	f.Add(`RULE:^CN=(.*)$/$1/L,DEFAULT`)
	f.Add(`m required a="b";`)
	f.Fuzz(func(t *testing.T, s string) {
		if m, err := ParseMapping(s); err == nil {
			m.Name(s)
		}
		ParseJAAS(s)
		ParseSuperUsers(s)
		DistinguishedName([]byte(s))
	})
}
