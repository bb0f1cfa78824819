package metadata

import (
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// securityConfigs are the broker's configs of listeners, authentication and authorization. Where Kafka's default is another, the doc
// says so.
var securityConfigs = []ConfigSpec{
	{Name: "allow.everyone.if.no.acl.found", Type: kmsg.ConfigTypeBoolean, Default: "false",
		Doc: "Whether a resource that no ACL is about is open to all."},
	{Name: "authorizer.class.name", Type: kmsg.ConfigTypeString, oneOf: []string{"", StandardAuthorizer},
		Doc: "The authorizer; empty for none: then everything is allowed to everybody who is let in."},
	{Name: "connection.failed.authentication.delay.ms", Type: kmsg.ConfigTypeInt, Default: "100", max: 10000,
		Doc: "How long the answer to a failed authentication waits."},
	{Name: "connections.max.reauth.ms", Type: kmsg.ConfigTypeLong, Default: "0",
		Doc: "How long a session lasts that is not authenticated again (KIP-368); 0 for as long as its credential."},
	{Name: "inter.broker.listener.name", Type: kmsg.ConfigTypeString, Inert: true, Doc: "The listener among brokers, of which there is one."},
	{Name: "listener.security.protocol.map", Type: kmsg.ConfigTypeString, Default: "PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL",
		Doc: "The security protocol of each listener's name."},
	{Name: "max.connections", Type: kmsg.ConfigTypeInt, Default: "2147483647",
		Doc: "The most connections at a time; with a listener's prefix, of it. One more is closed at once."},
	{Name: "max.connections.per.ip", Type: kmsg.ConfigTypeInt, Default: "2147483647", Doc: "The most connections of one address at a time."},
	{Name: "max.connections.per.ip.overrides", Type: kmsg.ConfigTypeString, Doc: "Other values of max.connections.per.ip for addresses: 10.0.0.1:100,10.0.0.2:5."},
	{Name: "principal.builder.class", Type: kmsg.ConfigTypeString, oneOf: []string{"", "org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder"},
		Doc: "What makes principals: Kafka's default builder."},
	{Name: "sasl.enabled.mechanisms", Type: kmsg.ConfigTypeList, Default: "SCRAM-SHA-256,SCRAM-SHA-512",
		oneOf: []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"},
		Doc:   "The mechanisms of SASL listeners. Kafka's default is GSSAPI, which is not served."},
	{Name: "sasl.jaas.config", Type: kmsg.ConfigTypePassword,
		Doc: "Users of PLAIN: org.apache.kafka.common.security.plain.PlainLoginModule required user_NAME=\"PASSWORD\";"},
	{Name: "sasl.mechanism.inter.broker.protocol", Type: kmsg.ConfigTypeString, Inert: true, Doc: "The mechanism among brokers, of which there is one."},
	{Name: "sasl.oauthbearer.clock.skew.seconds", Type: kmsg.ConfigTypeInt, Default: "30", Doc: "By how much the clock of a token's issuer may differ."},
	{Name: "sasl.oauthbearer.expected.audience", Type: kmsg.ConfigTypeList, Doc: "Audiences of which a token must name one."},
	{Name: "sasl.oauthbearer.expected.issuer", Type: kmsg.ConfigTypeString, Doc: "The issuer that a token must name."},
	{Name: "sasl.oauthbearer.jwks.endpoint.refresh.ms", Type: kmsg.ConfigTypeLong, Default: "3600000", min: 1, Doc: "How often the issuer's keys are fetched."},
	{Name: "sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms", Type: kmsg.ConfigTypeLong, Default: "10000", min: 1, Doc: "The longest wait after a fetch that failed."},
	{Name: "sasl.oauthbearer.jwks.endpoint.retry.backoff.ms", Type: kmsg.ConfigTypeLong, Default: "100", min: 1, Doc: "The first wait after a fetch that failed."},
	{Name: "sasl.oauthbearer.jwks.endpoint.url", Type: kmsg.ConfigTypeString, Doc: "Where the issuer's keys are: https://…, or file:///… for a file, which is read again when it changes."},
	{Name: "sasl.oauthbearer.scope.claim.name", Type: kmsg.ConfigTypeString, Default: "scope", Doc: "The claim that has a token's scope."},
	{Name: "sasl.oauthbearer.sub.claim.name", Type: kmsg.ConfigTypeString, Default: "sub", Doc: "The claim that has the user's name."},
	{Name: "sasl.server.max.receive.size", Type: kmsg.ConfigTypeInt, Default: "65536", min: 64,
		Doc: "The largest request before and during authentication. Kafka's default is 524288, for Kerberos."},
	{Name: "security.inter.broker.protocol", Type: kmsg.ConfigTypeString, Inert: true, Doc: "The protocol among brokers, of which there is one."},
	{Name: "ssl.cipher.suites", Type: kmsg.ConfigTypeList, Doc: "The cipher suites of TLS 1.2, by their IANA names; those of 1.3 are not chosen."},
	{Name: "ssl.client.auth", Type: kmsg.ConfigTypeString, Default: "none", oneOf: []string{"none", "requested", "required"},
		Doc: "Whether clients show a certificate. For SASL_SSL only with the listener's prefix."},
	{Name: "ssl.enabled.protocols", Type: kmsg.ConfigTypeList, Default: "TLSv1.2,TLSv1.3", oneOf: []string{"TLSv1.2", "TLSv1.3"}, Doc: "The versions of TLS."},
	{Name: "ssl.key.password", Type: kmsg.ConfigTypePassword, Doc: "The password of the private key. Encrypted keys are refused."},
	{Name: "ssl.keystore.certificate.chain", Type: kmsg.ConfigTypePassword, Doc: "The certificate chain, as PEM."},
	{Name: "ssl.keystore.key", Type: kmsg.ConfigTypePassword, Doc: "The private key, as PEM (PKCS #8)."},
	{Name: "ssl.keystore.location", Type: kmsg.ConfigTypeString, Doc: "A PEM file with the private key and the certificate chain; read again when it changes."},
	{Name: "ssl.keystore.type", Type: kmsg.ConfigTypeString, Default: "PEM", oneOf: []string{"PEM"}, Doc: "PEM. Kafka's default is JKS, which is not read."},
	{Name: "ssl.principal.mapping.rules", Type: kmsg.ConfigTypeString, Default: "DEFAULT", Doc: "Rules that make a user's name of a certificate's (KIP-371)."},
	{Name: "ssl.protocol", Type: kmsg.ConfigTypeString, Default: "TLSv1.3", Inert: true, Doc: "The TLS of a Java server's context."},
	{Name: "ssl.truststore.certificates", Type: kmsg.ConfigTypePassword, Doc: "The certificates that sign clients', as PEM."},
	{Name: "ssl.truststore.location", Type: kmsg.ConfigTypeString, Doc: "A PEM file of the certificates that sign clients'; read again when it changes."},
	{Name: "ssl.truststore.type", Type: kmsg.ConfigTypeString, Default: "PEM", oneOf: []string{"PEM"}, Doc: "PEM. Kafka's default is JKS, which is not read."},
	{Name: "super.users", Type: kmsg.ConfigTypeString, Doc: "Principals that may do everything, with semicolons between: User:admin;User:CN=node."},
}

// StandardAuthorizer is the name of Kafka's authorizer, whose semantics ours has.
const StandardAuthorizer = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"

// listenerPrefix begins the settings of one listener: listener.name.NAME.SETTING, and, of one mechanism of it,
// listener.name.NAME.MECHANISM.SETTING; NAME and MECHANISM in lower case.
const listenerPrefix = "listener.name."

// SettingSpec finds the spec of a setting, a listener's own included; nil if there is none.
func SettingSpec(name string) *ConfigSpec {
	rest, ok := strings.CutPrefix(name, listenerPrefix)
	if !ok {
		return BrokerConfigSpec(name)
	}
	_, rest, _ = strings.Cut(rest, ".")
	if spec := securitySpec(rest); spec != nil {
		return spec
	}
	_, rest, _ = strings.Cut(rest, ".")
	return securitySpec(rest)
}

func securitySpec(name string) *ConfigSpec {
	if i := slices.IndexFunc(securityConfigs, func(c ConfigSpec) bool { return c.Name == name }); i >= 0 {
		return &securityConfigs[i]
	}
	return nil
}

// listenerHint names the setting that a listener's unknown one is nearest to.
func listenerHint(name string) string {
	rest, ok := strings.CutPrefix(name, listenerPrefix)
	if !ok {
		return brokerConfigs.hint(name)
	}
	listener, rest, _ := strings.Cut(rest, ".")
	hint := brokerConfigs.hint(rest)
	if near, ok := strings.CutPrefix(hint, " (did you mean "); ok {
		return fmt.Sprintf(" (did you mean %s%s.%s", listenerPrefix, listener, near)
	}
	return hint
}

// Secret says whether a config's value is not to be shown.
func (c *ConfigSpec) Secret() bool { return c.Type == kmsg.ConfigTypePassword }
