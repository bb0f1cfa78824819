package clients

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/test/harness"
)

// kgoNotAsked are tests of kgo that ask for what this node does not have, and so are
// skipped by kgo itself. The list is exact: what is closed must leave it.
var kgoNotAsked []string

var kgoResult = regexp.MustCompile(`(?m)^\s*--- (PASS|FAIL|SKIP): (\S+)`)

// TestKgo runs kgo's own integration tests, of the version in go.mod, against a node.
func TestKgo(t *testing.T) {
	if testing.Short() {
		t.Skip("kgo's own tests take a minute")
	}
	const module = "github.com/twmb/franz-go/pkg/kgo"
	bin := filepath.Join(t.TempDir(), "kgo.test")
	run(t, "", "go", "test", "-c", "-o", bin, module)
	dir := strings.TrimSpace(run(t, "", "go", "list", "-f", "{{.Dir}}", module))
	data := t.TempDir()
	harness.Serve(t, data).Stop() // it makes the directory
	run(t, "secret\n", harness.Binary(t), "user", "create", "kgo", "--data", data)
	s := harness.ServeWith(t, data, "--set", "listeners=PLAINTEXT://127.0.0.1:0,SASL_PLAINTEXT://127.0.0.1:0", "--set", "sasl.enabled.mechanisms=SCRAM-SHA-256")
	open, scram, _ := strings.Cut(s.Kafka, ",")
	cmd := exec.Command(bin, "-test.v", "-test.timeout=15m")
	cmd.Dir = dir // it looks for its sources there
	cmd.Env = append(os.Environ(), "KGO_SEEDS="+open, "KGO_TEST_SCRAM_SEEDS="+scram, "KGO_TEST_SCRAM=kgo:secret", "KGO_TEST_RF=1", "KGO_TEST_UNSAFE=1", "KGO_TEST_RECORDS=50000", "KGO_LOG_LEVEL=none")
	out, err := cmd.CombinedOutput()
	passed, skipped := 0, []string{}
	for _, m := range kgoResult.FindAllStringSubmatch(string(out), -1) {
		switch m[1] {
		case "PASS":
			passed++
		case "SKIP":
			skipped = append(skipped, m[2])
		case "FAIL":
			t.Errorf("%s failed", m[2])
		}
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out[max(0, len(out)-8<<10):])
	}
	slices.Sort(skipped)
	equal(t, "skipped", skipped, kgoNotAsked)
	version := strings.TrimPrefix(strings.TrimSpace(run(t, "", "go", "list", "-m", "-f", "{{.Version}}", "github.com/twmb/franz-go")), "v")
	shows(t, "franz-go (kgo's own tests)", version)("%d of its integration tests, %d skipped", passed, len(kgoNotAsked))
}
