package metadata

import (
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// securityConfigs are the broker's configs of listeners, authentication and authorization that act.
var securityConfigs = []ConfigSpec{
	{Name: "advertised.listeners", Null: true, Note: "Without it clients are told the address that they connected to."},
	{Name: "authorizer.class.name", Note: "Kafka's StandardAuthorizer, by its name; empty for none."},
	{Name: "connection.failed.authentication.delay.ms", Default: "100"},
	{Name: "connections.max.reauth.ms", Default: "0", Note: atStart},
	{Name: "listener.security.protocol.map", Default: "SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT", Note: "HTTP is the name of the SQL gateway. " + atStart},
	{Name: "listeners", Note: "It stands for the command line's --kafka. " + atStart},
	{Name: "max.connections", Default: "2147483647", Note: "One more is closed at once."},
	{Name: "max.connections.per.ip", Default: "2147483647"},
	{Name: "max.connections.per.ip.overrides"},
	{Name: "sasl.enabled.mechanisms", Default: "SCRAM-SHA-256,SCRAM-SHA-512", Note: "GSSAPI, Kafka's default, is not served. " + atStart},
	{Name: "sasl.jaas.config", Null: true, Note: "Of PLAIN, whose users it names. " + atStart},
	{Name: "sasl.oauthbearer.clock.skew.seconds", Default: "30"},
	{Name: "sasl.oauthbearer.expected.audience"},
	{Name: "sasl.oauthbearer.expected.issuer", Null: true},
	{Name: "sasl.oauthbearer.jwks.endpoint.refresh.ms", Default: "3600000"},
	{Name: "sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms", Default: "10000"},
	{Name: "sasl.oauthbearer.jwks.endpoint.retry.backoff.ms", Default: "100"},
	{Name: "sasl.oauthbearer.jwks.endpoint.url", Null: true, Note: "A file, file:///…, is read again when it changes."},
	{Name: "sasl.oauthbearer.scope.claim.name", Default: "scope"},
	{Name: "sasl.oauthbearer.sub.claim.name", Default: "sub"},
	{Name: "sasl.server.max.receive.size", Default: "65536", Note: "Kafka's default is eight times that, for Kerberos. " + atStart},
	{Name: "ssl.cipher.suites", Note: "Of TLS 1.2. " + atStart},
	{Name: "ssl.client.auth", Default: "none", Note: "Of SASL_SSL only with the listener's prefix, as in Kafka. " + atStart},
	{Name: "ssl.enabled.protocols", Default: "TLSv1.2,TLSv1.3", Note: atStart},
	{Name: "ssl.keystore.certificate.chain", Null: true, Note: atStart},
	{Name: "ssl.keystore.key", Null: true, Note: "Encrypted keys are refused. " + atStart},
	{Name: "ssl.keystore.location", Null: true, Note: "A PEM file with key and certificates, read again when it changes."},
	{Name: "ssl.keystore.type", Default: "PEM", Note: "PEM is the only type."},
	{Name: "ssl.principal.mapping.rules", Default: "DEFAULT", Note: "Patterns are RE2's: no look-around, no back-references."},
	{Name: "ssl.truststore.certificates", Null: true, Note: atStart},
	{Name: "ssl.truststore.location", Null: true, Note: "A PEM file, read again when it changes."},
	{Name: "ssl.truststore.type", Default: "PEM", Note: "PEM is the only type."},

	{Name: "allow.everyone.if.no.acl.found", Type: kmsg.ConfigTypeBoolean, Default: "false", Importance: "high", Hidden: true,
		Doc: "Whether a resource that no ACL is about is open to all. A setting of Kafka's StandardAuthorizer."},
	{Name: "super.users", Type: kmsg.ConfigTypeString, Importance: "high", Hidden: true,
		Doc: "Principals that may do everything, with semicolons between: User:admin;User:CN=node. A setting of Kafka's StandardAuthorizer."},
}

const atStart = "It is taken at the start."

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
	if !ofListener(rest) {
		_, rest, _ = strings.Cut(rest, ".")
	}
	if !ofListener(rest) {
		return nil
	}
	return BrokerConfigSpec(rest)
}

// ofListener says whether a name can have a listener's prefix.
func ofListener(name string) bool {
	return strings.HasPrefix(name, "ssl.") || strings.HasPrefix(name, "sasl.") || name == "max.connections" || name == "connections.max.reauth.ms"
}

// SecurityDefault is what a setting of a listener is without being set.
func SecurityDefault(name string) string { return brokerConfigs.byName[name].Default }

// listenerHint names the setting that an unknown one, of a listener or not, is nearest to.
func listenerHint(name string) string {
	table := allConfigs().broker
	rest, ok := strings.CutPrefix(name, listenerPrefix)
	if !ok {
		return table.hint(name)
	}
	listener, rest, _ := strings.Cut(rest, ".")
	hint := table.hint(rest)
	if near, ok := strings.CutPrefix(hint, " (did you mean "); ok {
		return " (did you mean " + listenerPrefix + listener + "." + near
	}
	return hint
}
