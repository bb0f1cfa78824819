package node

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/shell"
)

// TestStateOnDisk: queries over state that is many times larger than their memory give
// the right result; while they run, state lies in the data directory, and not after.
func TestStateOnDisk(t *testing.T) {
	const rows, keys = 60_000, 20_000
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	var file bytes.Buffer
	for i := range rows {
		fmt.Fprintf(&file, "%d,%0*d\n", i*7%keys, 100+i%50, i)
	}
	path := filepath.Join(dir, "t.csv")
	if err := os.WriteFile(path, file.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ query, want string }{
		{"SELECT COUNT(*), SUM(n), MAX(p) > '' FROM (SELECT k, COUNT(*) AS n, MAX(pad) AS p FROM t GROUP BY k) HAVING SUM(n) = 60000", "20000,60000,true"},
		{"SELECT COUNT(*) FROM t AS a JOIN t AS b ON a.k = b.k AND a.pad <= b.pad HAVING COUNT(*) = 120000", "120000"},
	} {
		var s screen
		err := RunScript(context.Background(), ScriptRun{
			File: "large.sql", Config: Config{Data: data},
			Text: fmt.Sprintf(`SET 'taskmanager.memory.managed.size' = '1 mb';
SET 'execution.checkpointing.interval' = '20 ms';
CREATE TABLE t (k BIGINT, pad STRING) WITH ('connector' = 'filesystem', 'path' = '%s', 'format' = 'csv');
%s;`, path, c.query),
			Format: shell.CSV, Out: &s, Progress: &s,
		})
		if err != nil {
			t.Fatal(err)
		}
		if out := s.mu.text.String(); !strings.Contains(out, c.want) {
			t.Errorf("%s:\n%s", c.query, out)
		}
		if left, err := os.ReadDir(filepath.Join(data, stateDir)); err == nil && len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
		// What a process leaves that was killed goes with the next start.
		if err := os.MkdirAll(filepath.Join(data, stateDir, "killed"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if memTotal("MemFree: 1 kB\nMemTotal:       16384 kB\n", 5) != 16<<20 || memTotal("", 5) != 5 {
		t.Error("memTotal")
	}
}
