package kill

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/test/harness"
)

// TestJobSurvivesKill gives a serving node a job, kills the node while records come,
// and finds every record counted once after each new start.
func TestJobSurvivesKill(t *testing.T) {
	data := t.TempDir()
	s := harness.Serve(t, data)
	sql := func(statement string) {
		t.Helper()
		if out := harness.Run(t, "sql", "--addr", s.HTTP, "-e", statement); out.Code != 0 {
			t.Fatalf("%s: %s", statement, out.Stderr)
		}
	}
	sql("CREATE TABLE clicks (page STRING) WITH ('topic.partitions' = '2', 'key.fields' = 'page', 'key.format' = 'raw')")
	sql("CREATE TABLE counts (page STRING, n BIGINT, PRIMARY KEY (page) NOT ENFORCED) WITH ('key.format' = 'raw')")
	sql("INSERT INTO counts SELECT page, COUNT(*) FROM clicks GROUP BY page")
	const pages, each, rounds = 7, 50, 4
	for round := 1; round <= rounds; round++ {
		produce(t, s.Kafka, pages, each)
		if round%2 == 0 {
			waitFor(t, s.Kafka, pages, round*each)
		}
		s.Kill()
		s = harness.Serve(t, data)
	}
	waitFor(t, s.Kafka, pages, rounds*each)
}

func produce(t *testing.T, addr string, pages, each int) {
	t.Helper()
	var in strings.Builder
	for range each {
		for p := range pages {
			fmt.Fprintf(&in, "p%d|{\"page\":\"p%d\"}\n", p, p)
		}
	}
	cmd := exec.Command(harness.Binary(t), "produce", "clicks", "--addr", addr, "--key-separator", "|")
	cmd.Stdin = strings.NewReader(in.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("produce: %v\n%s", err, out)
	}
}

// waitFor waits until each page's last count is want; a count above it, or one that
// goes back, is an error at once.
func waitFor(t *testing.T, addr string, pages, want int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		last := map[string]int{}
		for _, r := range harness.Records(t, addr, "counts") {
			var row struct {
				Page string `json:"page"`
				N    int    `json:"n"`
			}
			if err := json.Unmarshal(r.Value, &row); err != nil {
				t.Fatalf("%s: %v", r.Value, err)
			}
			if row.N <= last[row.Page] || row.N > want {
				t.Fatalf("page %s counts %d after %d; %d were written", row.Page, row.N, last[row.Page], want)
			}
			last[row.Page] = row.N
		}
		done := 0
		for _, n := range last {
			if n == want {
				done++
			}
		}
		if done == pages {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("counts are %v, want %d for each of %d pages", last, want, pages)
		}
	}
}
