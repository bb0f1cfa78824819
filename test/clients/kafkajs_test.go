package clients

import (
	"path/filepath"
	"testing"

	"github.com/millrace/millrace/test/harness"
)

// TestKafkajs is kafkajs's conversation: testdata/kafkajs.js.
func TestKafkajs(t *testing.T) {
	dir, node := peer(t, "kafkajs", "node")
	t.Setenv("NODE_PATH", filepath.Join(dir, "node_modules"))
	s := harness.Serve(t, t.TempDir(), "--set", "group.initial.rebalance.delay.ms=0")
	told(t, run(t, "", node, filepath.Join("testdata", "kafkajs.js"), s.Kafka))
}
