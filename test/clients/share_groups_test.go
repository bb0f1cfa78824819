package clients

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/millrace/millrace/test/harness"
)

// TestJavaShareGroups is the conversation of the Java share consumer and the share group tool (KIP-932), and of DumpLogSegments with what
// they leave.
func TestJavaShareGroups(t *testing.T) {
	jvm := java(t)
	show := shows(t, kafkaTools, javaVersion)
	data := t.TempDir()
	s := harness.Serve(t, data, "--set", "offsets.topic.num.partitions=1", "--set", "share.coordinator.state.topic.num.partitions=1")
	tool := func(input, class string, args ...string) string {
		t.Helper()
		all := append(append([]string{}, jvm[1:]...), class, "--bootstrap-server", s.Kafka)
		return run(t, input, jvm[0], append(all, args...)...)
	}
	const groups = "org.apache.kafka.tools.consumer.group.ShareGroupCommand"
	const console = "org.apache.kafka.tools.consumer.ConsoleShareConsumer"
	tool("", "org.apache.kafka.tools.TopicCommand", "--create", "--topic", "orders", "--partitions", "3")
	var in []string
	for i := range 200 {
		in = append(in, fmt.Sprintf("order %d", i))
	}
	tool(strings.Join(in, "\n")+"\n", "org.apache.kafka.tools.ConsoleProducer", "--topic", "orders")
	tool("", "kafka.admin.ConfigCommand", "--alter", "--entity-type", "groups", "--entity-name", "billing", "--add-config", "share.auto.offset.reset=earliest")
	equal(t, "shared", lines(tool("", console, "--topic", "orders", "--group", "billing", "--max-messages", "200")), lines(strings.Join(in, "\n")))
	if got := tool("", groups, "--list"); !strings.Contains(got, "billing") {
		t.Errorf("list:\n%s", got)
	}
	if got := tool("", groups, "--describe", "--group", "billing", "--state"); !strings.Contains(got, "Empty") {
		t.Errorf("state:\n%s", got)
	}
	described := tool("", groups, "--describe", "--group", "billing")
	for p := range 3 {
		if !strings.Contains(strings.Join(strings.Fields(described), " "), fmt.Sprintf("billing orders %d", p)) {
			t.Errorf("offsets:\n%s", described)
		}
	}
	if got := tool("", groups, "--reset-offsets", "--to-earliest", "--execute", "--topic", "orders", "--group", "billing"); strings.Count(got, "billing") != 3 {
		t.Errorf("reset:\n%s", got)
	}
	equal(t, "shared again", lines(tool("", console, "--topic", "orders", "--group", "billing", "--max-messages", "200")), lines(strings.Join(in, "\n")))
	if got := tool("", groups, "--delete-offsets", "--topic", "orders", "--group", "billing"); !strings.Contains(got, "Successful") {
		t.Errorf("delete-offsets:\n%s", got)
	}
	if got := tool("", groups, "--delete", "--group", "billing"); !strings.Contains(got, "was successful") && !strings.Contains(got, "successful") {
		t.Errorf("delete:\n%s", got)
	}
	dump := func(topic, decoder string) string {
		log := filepath.Join(data, topic+"-0", "00000000000000000000.log")
		return run(t, "", jvm[0], append(append([]string{}, jvm[1:]...), "org.apache.kafka.tools.DumpLogSegments", decoder, "--files", log)...)
	}
	got := dump("__consumer_offsets", "--offsets-decoder")
	for _, want := range []string{`"type":"10"`, `"type":"11"`, `"type":"12"`, `"type":"13"`, `"type":"14"`, `"type":"15"`, `"initializedTopics":[{"topicId"`, `"subscribedTopicNames":["orders"]`} {
		if !strings.Contains(got, want) {
			t.Errorf("DumpLogSegments does not show %s:\n%s", want, got[:min(len(got), 3000)])
		}
	}
	got = dump("__share_group_state", "--share-group-state-decoder")
	for _, want := range []string{`"snapshotEpoch":`, `"deliveryCompleteCount":`, `"stateBatches":[{"firstOffset":`} {
		if !strings.Contains(got, want) {
			t.Errorf("DumpLogSegments does not show %s:\n%s", want, got[:min(len(got), 3000)])
		}
	}
	show("kafka-console-share-consumer; kafka-share-groups: listed, described, offsets reset and deleted, deleted (KIP-932)")
	show("kafka-dump-log reads share groups in __consumer_offsets and __share_group_state")
}
