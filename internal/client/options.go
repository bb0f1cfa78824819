// Package client is how the clients in this program connect to Kafka: by the properties
// that Kafka's own clients have.
package client

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/millrace/millrace/internal/broker/auth"
)

// Options make a client connect as Kafka's client properties say: security.protocol and
// what belongs to it. Properties that have nothing to do with it are passed over.
func Options(p map[string]string) ([]kgo.Opt, error) {
	var opts []kgo.Opt
	protocol := strings.ToUpper(p["security.protocol"])
	switch protocol {
	case "", "PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL":
	default:
		return nil, fmt.Errorf("security.protocol = %s: expected PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL", protocol)
	}
	if strings.HasSuffix(protocol, "SSL") {
		config, err := TLS(p)
		if err != nil {
			return nil, err
		}
		opts = append(opts, kgo.DialTLSConfig(config))
	}
	if strings.HasPrefix(protocol, "SASL") {
		m, err := clientSASL(p)
		if err != nil {
			return nil, err
		}
		opts = append(opts, kgo.SASL(m))
	}
	return opts, nil
}

// TLS is the configuration of connections as the properties named ssl.… say.
func TLS(p map[string]string) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	trust, err := pemOf(p, "ssl.truststore.certificates", "ssl.truststore")
	if err != nil {
		return nil, err
	}
	if trust != nil {
		if config.RootCAs = x509.NewCertPool(); !config.RootCAs.AppendCertsFromPEM(trust) {
			return nil, errors.New("the truststore has no PEM certificate")
		}
	}
	key, err := pemOf(p, "ssl.keystore.key", "ssl.keystore")
	if err != nil {
		return nil, err
	}
	if key != nil {
		key = append(append(key, '\n'), p["ssl.keystore.certificate.chain"]...)
		pair, err := tls.X509KeyPair(key, key)
		if err != nil {
			return nil, fmt.Errorf("the keystore's PEM: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	if algorithm, ok := p["ssl.endpoint.identification.algorithm"]; ok && algorithm == "" {
		// As in Kafka: the certificate is checked, whom it names is not.
		config.InsecureSkipVerify = true
		config.VerifyConnection = func(s tls.ConnectionState) error {
			between := x509.NewCertPool()
			for _, c := range s.PeerCertificates[1:] {
				between.AddCert(c)
			}
			_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: config.RootCAs, Intermediates: between})
			return err
		}
	}
	return config, nil
}

// pemOf is what a name holds, or the file that a store's location names.
func pemOf(p map[string]string, name, store string) ([]byte, error) {
	if text := p[name]; text != "" {
		return []byte(text), nil
	}
	file := p[store+".location"]
	if file == "" {
		return nil, nil
	}
	if kind := p[store+".type"]; kind != "" && kind != "PEM" {
		return nil, fmt.Errorf("%s.type = %s: only PEM is read", store, kind)
	}
	return os.ReadFile(file)
}

func clientSASL(p map[string]string) (sasl.Mechanism, error) {
	_, options, err := auth.ParseJAAS(p["sasl.jaas.config"])
	if err != nil {
		return nil, fmt.Errorf("sasl.jaas.config: %w", err)
	}
	user, password := options["username"], options["password"]
	switch mechanism := p["sasl.mechanism"]; mechanism {
	case auth.MechanismPlain:
		return plain.Auth{User: user, Pass: password}.AsMechanism(), nil
	case auth.MechanismScram256:
		return scram.Auth{User: user, Pass: password}.AsSha256Mechanism(), nil
	case auth.MechanismScram512:
		return scram.Auth{User: user, Pass: password}.AsSha512Mechanism(), nil
	case auth.MechanismOAuthBearer:
		token := options["token"]
		if token == "" {
			return nil, errors.New("sasl.jaas.config of OAUTHBEARER: this client takes a token that is there already: token=\"…\"")
		}
		return oauth.Auth{Token: token}.AsMechanism(), nil
	default:
		return nil, fmt.Errorf("sasl.mechanism = %s: there are %s", mechanism, strings.Join(auth.Mechanisms, ", "))
	}
}
