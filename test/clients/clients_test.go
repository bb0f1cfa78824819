// Package clients lets other people's clients hold a conversation with the log: the
// judges of whether it is a Kafka broker.
package clients

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/test/harness"
)

// run runs a client with an input and gives what it printed; it must end well.
func run(t *testing.T, input string, name string, args ...string) string {
	t.Helper()
	out, err := try(input, name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(name), strings.Join(args, " "), err, out)
	}
	return out
}

func try(input string, name string, args ...string) (string, error) {
	ctx, stop := context.WithTimeout(context.Background(), 5*time.Minute)
	defer stop()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin = strings.NewReader(input)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%w\n%s", err, errs.String())
	}
	return out.String(), nil
}

func lines(s string) []string {
	out := strings.Split(strings.TrimSpace(s), "\n")
	sort.Strings(out)
	return out
}

func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

func kcat(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"kcat", "kafkacat"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("kcat is not installed (test/peers/install says why)")
	return ""
}

// TestKcat is librdkafka's conversation: metadata, auto-creation, idempotent and
// transactional-free produce with every compression, keys and headers, consume by
// offset and by group, offsets by time.
func TestKcat(t *testing.T) {
	bin := kcat(t)
	show := shows(t, "kcat", kcatVersion(t, bin))
	s := harness.Serve(t, t.TempDir())
	k := func(input string, args ...string) string {
		t.Helper()
		return run(t, input, bin, append([]string{"-b", s.Kafka, "-q"}, args...)...)
	}
	for _, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		t.Run(codec, func(t *testing.T) {
			topic := "words-" + codec
			var in []string
			for i := range 500 {
				in = append(in, fmt.Sprintf("k%d:value %d of %s", i%7, i, codec))
			}
			k(strings.Join(in, "\n")+"\n", "-P", "-t", topic, "-K", ":", "-z", codec, "-X", "enable.idempotence=true")
			sort.Strings(in)
			equal(t, "consumed", lines(k("", "-C", "-t", topic, "-e", "-o", "beginning", "-K", ":")), in)
		})
	}
	t.Run("headers and offsets", func(t *testing.T) {
		k("a\nb\nc\n", "-P", "-t", "plain", "-H", "h=1")
		equal(t, "from offset 1", lines(k("", "-C", "-t", "plain", "-p", "0", "-o", "1", "-e", "-f", "%o %s %h\n")), []string{"1 b h=1", "2 c h=1"})
		equal(t, "last two", lines(k("", "-C", "-t", "plain", "-p", "0", "-o", "-2", "-e")), []string{"b", "c"})
		if got := k("", "-Q", "-t", "plain:0:-1"); !strings.Contains(got, "offset 3") {
			t.Errorf("query of the end: %s", got)
		}
	})
	t.Run("group", func(t *testing.T) {
		args := []string{"-G", "readers", "-e", "-X", "auto.offset.reset=earliest", "-X", "session.timeout.ms=6000"}
		equal(t, "first", lines(k("", append(args, "plain")...)), []string{"a", "b", "c"})
		k("d\n", "-P", "-t", "plain")
		equal(t, "after the committed offset", lines(k("", append(args, "plain")...)), []string{"d"})
	})
	t.Run("metadata", func(t *testing.T) {
		if got := k("", "-L"); !strings.Contains(got, `topic "plain" with 1 partitions`) {
			t.Errorf("metadata:\n%s", got)
		}
	})
	show("an idempotent producer with each of gzip, snappy, lz4, zstd, with keys, into topics that are made as it produces")
	show("headers, offsets from the start and from the end, offsets by time, groups, metadata")
}

// kcatVersion is what kcat says of itself.
func kcatVersion(t *testing.T, bin string) string {
	t.Helper()
	_, version, _ := strings.Cut(run(t, "", bin, "-V"), "Version ")
	version, _, _ = strings.Cut(version, " ")
	return version
}

// java finds the class path of Kafka's tools.
func java(t *testing.T) []string {
	t.Helper()
	libs, err := harness.KafkaLibs()
	if err != nil {
		t.Skip(err)
	}
	config := filepath.Join(t.TempDir(), "log4j2.properties")
	if err := os.WriteFile(config, []byte("rootLogger.level=ERROR\nrootLogger.appenderRef.e.ref=E\nappender.e.type=Console\nappender.e.name=E\nappender.e.target=SYSTEM_ERR\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"java", "-Dlog4j2.configurationFile=" + config, "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", filepath.Join(libs, "*")}
}

// TestJavaTools is the conversation of Apache Kafka's console tools: topics, the
// console producer (idempotent, as is its default) and consumers, groups, offsets,
// configs, and the transactional performance test.
func TestJavaTools(t *testing.T) {
	jvm := java(t)
	show := shows(t, kafkaTools, javaVersion)
	s := harness.Serve(t, t.TempDir())
	tool := func(input, class string, args ...string) string {
		t.Helper()
		all := append(append([]string{}, jvm[1:]...), class, "--bootstrap-server", s.Kafka)
		return run(t, input, jvm[0], append(all, args...)...)
	}
	tool("", "org.apache.kafka.tools.TopicCommand", "--create", "--topic", "orders", "--partitions", "2", "--config", "retention.ms=3600000")
	if got := tool("", "org.apache.kafka.tools.TopicCommand", "--describe", "--topic", "orders"); !strings.Contains(got, "PartitionCount: 2") || !strings.Contains(got, "retention.ms=3600000") {
		t.Errorf("describe:\n%s", got)
	}
	var in []string
	for i := range 300 {
		in = append(in, fmt.Sprintf("customer%d:order %d", i%5, i))
	}
	tool(strings.Join(in, "\n")+"\n", "org.apache.kafka.tools.ConsoleProducer", "--topic", "orders", "--reader-property", "parse.key=true", "--reader-property", "key.separator=:")
	sort.Strings(in)
	consume := []string{"--topic", "orders", "--from-beginning", "--max-messages", "300", "--formatter-property", "print.key=true", "--formatter-property", "key.separator=:", "--group", "billing"}
	equal(t, "consumed", lines(tool("", "org.apache.kafka.tools.consumer.ConsoleConsumer", consume...)), in)
	if got := tool("", "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", "--describe", "--group", "billing"); strings.Count(got, "orders") != 2 {
		t.Errorf("group:\n%s", got)
	}
	if got := tool("", "org.apache.kafka.tools.GetOffsetShell", "--topic", "orders"); totalOffsets(got) != 300 {
		t.Errorf("offsets:\n%s", got)
	}
	if got := tool("", "kafka.admin.ConfigCommand", "--describe", "--entity-type", "topics", "--entity-name", "orders"); !strings.Contains(got, "retention.ms=3600000") {
		t.Errorf("configs:\n%s", got)
	}
	all := append(append([]string{}, jvm[1:]...), "org.apache.kafka.tools.ProducerPerformance", "--topic", "txns", "--num-records", "2000", "--record-size", "100",
		"--throughput", "-1", "--transaction-duration-ms", "50", "--transactional-id", "perf", "--bootstrap-server", s.Kafka)
	run(t, "", jvm[0], all...)
	got := tool("", "org.apache.kafka.tools.consumer.ConsoleConsumer", "--topic", "txns", "--from-beginning", "--max-messages", "2000", "--isolation-level", "read_committed")
	if n := len(lines(got)); n != 2000 {
		t.Errorf("%d committed records, want 2000", n)
	}
	tool("", "org.apache.kafka.tools.TopicCommand", "--delete", "--topic", "orders")
	if got := tool("", "org.apache.kafka.tools.TopicCommand", "--list"); strings.Contains(got, "orders") {
		t.Errorf("list after delete:\n%s", got)
	}
	show("kafka-topics, kafka-console-producer (idempotent), kafka-console-consumer (in a group, read_committed), kafka-consumer-groups, kafka-get-offsets, kafka-configs")
	show("kafka-producer-perf-test with transactions")
}

// totalOffsets sums up lines of the form topic:partition:offset.
func totalOffsets(s string) (n int) {
	for _, l := range lines(s) {
		var offset int
		fmt.Sscan(l[strings.LastIndexByte(l, ':')+1:], &offset)
		n += offset
	}
	return n
}
