package clients

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/millrace/millrace/test/harness"
)

// TestSarama is sarama's conversation, a module of its own in the folder sarama.
func TestSarama(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "sarama")
	build := exec.Command("go", "build", "-o", bin, ".")
	build.Dir = "sarama"
	build.Env = append(os.Environ(), "GOPROXY=off", "GOFLAGS=-mod=readonly", "GOWORK=off")
	fetched := exec.Command("go", "list", "-deps", ".")
	fetched.Dir, fetched.Env = build.Dir, build.Env
	if err := fetched.Run(); err != nil {
		t.Skip("sarama is not in the module cache (test/peers/install says why)")
	}
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s := harness.Serve(t, t.TempDir(), "--set", "group.initial.rebalance.delay.ms=0")
	told(t, run(t, "", bin, s.Kafka))
}
