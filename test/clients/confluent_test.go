package clients

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/millrace/millrace/test/harness"
)

// peer finds what test/peers/install has put into a folder of .peers, or skips.
func peer(t *testing.T, name, program string) (dir, bin string) {
	t.Helper()
	dir = filepath.Join(harness.Root(), ".peers", name)
	bin, err := exec.LookPath(program)
	if _, serr := os.Stat(filepath.Join(dir, ".complete")); err != nil || serr != nil {
		t.Skipf("%s is not installed (test/peers/install says why)", name)
	}
	return dir, bin
}

// TestConfluentPython is the conversation of confluent-kafka for Python, whose librdkafka is newer than kcat's: testdata/confluent.py.
func TestConfluentPython(t *testing.T) {
	dir, python := peer(t, "confluent-kafka", "python3")
	t.Setenv("PYTHONPATH", dir)
	s := harness.Serve(t, t.TempDir(), append([]string{"--set", "group.consumer.heartbeat.interval.ms=500", "--set", "group.initial.rebalance.delay.ms=0"}, everybody...)...)
	told(t, run(t, "", python, filepath.Join("testdata", "confluent.py"), s.Kafka))
}
