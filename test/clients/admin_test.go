package clients

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/broker"
	"github.com/millrace/millrace/internal/vfs"
	"github.com/millrace/millrace/test/harness"
)

// TestJavaAdminTools is the conversation of the tools that configure and describe a cluster: kafka-configs for every kind of entity,
// kafka-client-metrics, kafka-features, kafka-metadata-quorum, kafka-log-dirs, kafka-cluster, kafka-delegation-tokens.
func TestJavaAdminTools(t *testing.T) {
	jvm := java(t)
	show := shows(t, kafkaTools, javaVersion)
	s := harness.Serve(t, t.TempDir())
	empty := filepath.Join(t.TempDir(), "client.properties")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const configs = "kafka.admin.ConfigCommand"
	const tools = "org.apache.kafka.tools."
	cases := []struct {
		args string
		// want are parts of what is printed; refused: the tool fails with it.
		want    []string
		refused bool
	}{
		{args: tools + "TopicCommand --create --topic t --partitions 2 --config retention.ms=1000"},
		{args: configs + " --alter --entity-type topics --entity-name t --add-config cleanup.policy=[compact,delete],segment.ms=77", want: []string{"Completed updating config"}},
		{args: configs + " --alter --entity-type topics --entity-name t --delete-config segment.ms", want: []string{"Completed updating config"}},
		{args: configs + " --describe --entity-type topics --entity-name t", want: []string{
			"cleanup.policy=compact,delete sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:cleanup.policy=compact,delete, DEFAULT_CONFIG:log.cleanup.policy=delete}", "retention.ms=1000"}},
		{args: configs + " --describe --all --entity-type topics --entity-name t", want: []string{
			"segment.ms=604800000 sensitive=false synonyms={}", "max.message.bytes=1048588 sensitive=false synonyms={DEFAULT_CONFIG:message.max.bytes=1048588}"}},
		{args: configs + " --alter --entity-type topics --entity-name t --add-config nosuch=1", want: []string{"Unknown topic config name: nosuch"}, refused: true},
		{args: configs + " --alter --entity-type brokers --entity-default --add-config log.retention.ms=70000", want: []string{"Completed updating default config for brokers"}},
		{args: configs + " --alter --entity-type brokers --entity-name 1 --add-config message.max.bytes=2000000", want: []string{"Completed updating config for broker 1"}},
		{args: configs + " --describe --entity-type brokers --entity-name 1", want: []string{
			"message.max.bytes=2000000 sensitive=false synonyms={DYNAMIC_BROKER_CONFIG:message.max.bytes=2000000, DEFAULT_CONFIG:message.max.bytes=1048588}"}},
		{args: configs + " --describe --entity-type brokers --entity-default", want: []string{"log.retention.ms=70000"}},
		{args: configs + " --describe --all --entity-type brokers --entity-name 1", want: []string{"num.partitions=1", "ssl.keystore.password=null sensitive=true"}},
		{args: configs + " --describe --entity-type broker-loggers --entity-name 1"},
		{args: configs + " --alter --entity-type groups --entity-name g --add-config consumer.session.timeout.ms=50000", want: []string{"Completed updating config for group g"}},
		{args: configs + " --describe --entity-type groups --entity-name g", want: []string{"consumer.session.timeout.ms=50000"}},
		{args: configs + " --alter --entity-type users --entity-name alice --entity-type clients --entity-default --add-config producer_byte_rate=1000,request_percentage=20.5", want: []string{"Completed updating config"}},
		{args: configs + " --alter --entity-type ips --entity-name 127.0.0.9 --add-config connection_creation_rate=50", want: []string{"Completed updating config"}},
		{args: configs + " --describe --entity-type users --entity-name alice --entity-type clients --entity-default", want: []string{
			"Quota configs for user-principal 'alice', the default client-id are", "producer_byte_rate=1000.0", "request_percentage=20.5"}},
		{args: configs + " --describe --entity-type ips", want: []string{"Quota configs for ip '127.0.0.9' are connection_creation_rate=50.0"}},
		{args: tools + "ClientMetricsCommand --alter --name m --interval 1000 --metrics org.apache.kafka.producer. --match client_id=p.*", want: []string{"Altered client metrics config for m"}},
		{args: tools + "ClientMetricsCommand --describe --name m", want: []string{"interval.ms=1000", "match=client_id=p.*", "metrics=org.apache.kafka.producer."}},
		{args: tools + "ClientMetricsCommand --list", want: []string{"m"}},
		{args: tools + "FeatureCommand describe", want: []string{"Feature: transaction.version"}},
		{args: tools + "FeatureCommand upgrade --feature nosuch=1", want: []string{"does not support this feature"}, refused: true},
		{args: tools + "MetadataQuorumCommand describe --status", want: []string{"LeaderId:               1", "MaxFollowerLag:         0"}},
		{args: tools + "MetadataQuorumCommand describe --replication", want: []string{"Leader"}},
		{args: tools + "LogDirsCommand --describe --topic-list t", want: []string{`"partition":"t-1"`, `"error":null`}},
		{args: tools + "ClusterTool cluster-id", want: []string{"Cluster ID: "}},
		{args: tools + "ClusterTool list-endpoints", want: []string{"broker"}},
		{args: tools + "ClusterTool unregister --id 7", want: []string{"Broker ID 7 is not currently registered"}, refused: true},
		{args: tools + "DelegationTokenCommand --create --max-life-time-period -1 --command-config " + empty, want: []string{"Delegation Token requests are not allowed on PLAINTEXT"}, refused: true},
	}
	var script strings.Builder
	for _, c := range cases {
		words := strings.Fields(c.args)
		at := 1 // of the options
		if words[0] == tools+"ClusterTool" {
			at = 2 // behind its subcommand
		}
		words = append(append(append([]string{}, words[:at]...), "--bootstrap-server", s.Kafka), words[at:]...)
		fmt.Fprintln(&script, strings.Join(words, " "))
	}
	printed := run(t, script.String(), jvm[0], append(append([]string{}, jvm[1:]...), filepath.Join("testdata", "Tools.java"))...)
	for i, c := range cases {
		out, rest, ok := strings.Cut(printed, "\n=== ")
		if !ok {
			t.Fatalf("the tools ended before %s; the last printed:\n%s", cases[i].args, printed)
		}
		code, after, _ := strings.Cut(rest, "\n")
		printed = "\n" + after
		if (code != "0") != c.refused {
			t.Errorf("%s ended with %s:\n%s", c.args, code, out)
			continue
		}
		for _, part := range c.want {
			if !strings.Contains(out, part) {
				t.Errorf("%s printed\n%s\nwithout %q", c.args, out, part)
			}
		}
	}
	show("kafka-configs for topics, brokers, broker loggers, groups, users, clients and addresses; kafka-client-metrics; kafka-features; kafka-metadata-quorum; kafka-log-dirs; kafka-cluster; kafka-delegation-tokens (refused)")
}

// TestJavaTelemetry: a Java producer that a subscription asks pushes its metrics, compressed as it chooses, and they can be read.
func TestJavaTelemetry(t *testing.T) {
	jvm := java(t)
	show := shows(t, kafkaClients, javaVersion)
	b, err := broker.Open(broker.Config{FS: vfs.OS, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- b.Serve(l) }()
	defer func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		<-served
	}()
	tool := func(input string, args ...string) string {
		t.Helper()
		return run(t, input, jvm[0], append(append(append([]string{}, jvm[1:]...), args[0], "--bootstrap-server", l.Addr().String()), args[1:]...)...)
	}
	tool("", "org.apache.kafka.tools.ClientMetricsCommand", "--alter", "--name", "m", "--interval", "100", "--metrics", "org.apache.kafka.producer.", "--match", "client_software_name=apache-kafka-java")
	var in strings.Builder
	for i := range 200 {
		fmt.Fprintf(&in, "line %d\n", i)
	}
	tool(in.String(), "org.apache.kafka.tools.ConsoleProducer", "--topic", "t")
	// The producer pushes a last time as it closes, so nothing is waited for.
	names := map[string]bool{}
	for _, r := range b.ClientMetrics().Reports() {
		for _, s := range r.Samples {
			names[s.Name] = true
		}
		if age := time.Since(r.At); age < 0 || age > 5*time.Minute || r.Client.Labels["client_id"] == "" {
			t.Errorf("report of %v, %v old", r.Client, age)
		}
	}
	if !names["org.apache.kafka.producer.connection.creation.total"] {
		t.Errorf("names told: %v; %+v", names, b.ClientMetrics().Stats())
	}
	show("a producer pushes its metrics (KIP-714) as it is asked to")
}
