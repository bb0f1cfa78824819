package clients

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/test/harness"
)

// TestJavaConsumerGroups is the conversation of the Java client and the group tool in the consumer protocol (KIP-848): a member of the
// classic protocol and one of the new in one group, offsets moved and deleted by the tool, and the records that DumpLogSegments reads.
func TestJavaConsumerGroups(t *testing.T) {
	jvm := java(t)
	show := shows(t, kafkaTools, javaVersion)
	data := t.TempDir()
	s := harness.Serve(t, data, "--set", "offsets.topic.num.partitions=1", "--set", "group.consumer.heartbeat.interval.ms=500")
	tool := func(input, class string, args ...string) string {
		t.Helper()
		all := append(append([]string{}, jvm[1:]...), class, "--bootstrap-server", s.Kafka)
		return run(t, input, jvm[0], append(all, args...)...)
	}
	const groups = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"
	const console = "org.apache.kafka.tools.consumer.ConsoleConsumer"
	tool("", "org.apache.kafka.tools.TopicCommand", "--create", "--topic", "orders", "--partitions", "4")
	var in []string
	for i := range 200 {
		in = append(in, fmt.Sprintf("k%d:order %d", i, i))
	}
	tool(strings.Join(in, "\n")+"\n", "org.apache.kafka.tools.ConsoleProducer", "--topic", "orders", "--reader-property", "parse.key=true", "--reader-property", "key.separator=:")
	read := []string{"--topic", "orders", "--group", "billing", "--from-beginning", "--max-messages", "200", "--command-property", "group.protocol=consumer"}
	if got := lines(tool("", console, read...)); len(got) != 200 {
		t.Fatalf("%d records", len(got))
	}
	member := func(args ...string) {
		t.Helper()
		ctx, stop := context.WithCancel(context.Background())
		all := append(append([]string{}, jvm[1:]...), console, "--bootstrap-server", s.Kafka, "--group", "mixed")
		cmd := exec.CommandContext(ctx, jvm[0], append(all, args...)...)
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // it leaves its group
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { stop(); cmd.Wait() })
	}
	settled := func(absent string, want ...string) string {
		t.Helper()
		var got string
		for end := time.Now().Add(time.Minute); time.Now().Before(end); {
			got, _ = try("", jvm[0], append(append([]string{}, jvm[1:]...), groups, "--bootstrap-server", s.Kafka, "--describe", "--group", "mixed", "--members", "--verbose")...)
			missing := strings.Contains(got, absent)
			for _, w := range want {
				missing = missing || !strings.Contains(got, w)
			}
			if !missing {
				return got
			}
		}
		t.Fatalf("waited in vain for %q:\n%s", want, got)
		return ""
	}
	member("--topic", "orders")
	settled("nothing", "orders:0,1,2,3")
	member("--topic", "orders", "--command-property", "group.protocol=consumer")
	got := settled("orders:0,1,2,3", "orders:0,1 ", "orders:2,3 ", "true", "false")
	if strings.Count(got, "orders:0,1 ") != 2 || strings.Count(got, "orders:2,3 ") != 2 { // what each has, and its target
		t.Errorf("not two owners:\n%s", got)
	}
	if got := tool("", groups, "--describe", "--group", "billing", "--state"); !strings.Contains(got, "uniform") || !strings.Contains(got, "Empty") {
		t.Errorf("state:\n%s", got)
	}
	if got := tool("", groups, "--list", "--type", "consumer"); !strings.Contains(got, "billing") {
		t.Errorf("list:\n%s", got)
	}
	if got := tool("", groups, "--reset-offsets", "--to-earliest", "--execute", "--topic", "orders", "--group", "billing"); strings.Count(got, "billing") != 4 {
		t.Errorf("reset:\n%s", got)
	}
	if got := tool("", groups, "--delete-offsets", "--topic", "orders:0", "--group", "billing"); !strings.Contains(got, "Successful") {
		t.Errorf("delete-offsets:\n%s", got)
	}
	if got := tool("", groups, "--delete", "--group", "billing"); !strings.Contains(got, "was successful") {
		t.Errorf("delete:\n%s", got)
	}
	log := filepath.Join(data, "__consumer_offsets-0", "00000000000000000000.log")
	dump := append(append([]string{}, jvm[1:]...), "org.apache.kafka.tools.DumpLogSegments", "--offsets-decoder", "--files", log)
	got = run(t, "", jvm[0], dump...)
	for _, want := range []string{
		`"metadataHash":`, `"assignmentTimestamp":`, `"assignmentEpochs":[`, `"topicPartitions":[{"topicId":`, `"classicMemberMetadata":{"sessionTimeoutMs":45000`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("DumpLogSegments does not show %s", want)
		}
	}
	show("kafka-consumer-groups on a group of the consumer protocol (KIP-848): described, listed, offsets reset and deleted, deleted; a classic member and a new one share it")
	show("kafka-dump-log reads __consumer_offsets")
}
