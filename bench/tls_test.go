package bench

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/millrace/millrace/test/harness"
)

// BenchmarkTLS is the bulk load of BenchmarkPeers over an open connection and over TLS, on one node: what encrypting
// costs it. Over TLS records are copied, where they are else sent from the file.
func BenchmarkTLS(b *testing.B) {
	file, trust := certificate(b)
	secure := fmt.Sprintf("127.0.0.1:%d", freePort(b))
	open := fmt.Sprintf("127.0.0.1:%d", freePort(b))
	s := harness.ServeWith(b, b.TempDir(), "--set", "num.partitions=6", "--set", "ssl.keystore.location="+file,
		"--set", "listeners=PLAINTEXT://"+open+",SSL://"+secure)
	for _, way := range []struct {
		name, addr string
		opts       []kgo.Opt
	}{
		{"plaintext", open, nil},
		{"tls", secure, []kgo.Opt{kgo.DialTLSConfig(&tls.Config{RootCAs: trust})}},
	} {
		b.Run(way.name, func(b *testing.B) {
			for b.Loop() {
				measureBulk(b, &running{addr: way.addr, pid: s.PID()}, 1_000_000, func(name string, value float64) { b.ReportMetric(value, name) }, way.opts...)
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// certificate makes one for this address: the file for the node, and what its clients trust.
func certificate(b *testing.B) (file string, trust *x509.CertPool) {
	b.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		b.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		b.Fatal(err)
	}
	var text bytes.Buffer
	for kind, content := range map[string][]byte{"PRIVATE KEY": secret, "CERTIFICATE": der} {
		if err := pem.Encode(&text, &pem.Block{Type: kind, Bytes: content}); err != nil {
			b.Fatal(err)
		}
	}
	file = filepath.Join(b.TempDir(), "node.pem")
	if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
		b.Fatal(err)
	}
	trust = x509.NewCertPool()
	trust.AppendCertsFromPEM(text.Bytes())
	return file, trust
}
