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
var kgoNotAsked = []string{
	"TestConsumeRegexShareSkipsInternal", "TestSCRAMAuth", "TestSCRAMAuthBadCredentials", "TestShareGroup", "TestShareGroupAckOnClose",
	"TestShareGroupETL", "TestShareGroupOffsetsAdmin",
}

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
	s := harness.Serve(t, t.TempDir())
	cmd := exec.Command(bin, "-test.v", "-test.timeout=15m")
	cmd.Dir = dir // it looks for its sources there
	cmd.Env = append(os.Environ(), "KGO_SEEDS="+s.Kafka, "KGO_TEST_RF=1", "KGO_TEST_UNSAFE=1", "KGO_TEST_RECORDS=50000", "KGO_LOG_LEVEL=none")
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
	shows(t, "franz-go (kgo's own tests)", version)("%d of its integration tests; it skips, as it asks for what is not there: %s", passed, strings.Join(kgoNotAsked, ", "))
}
