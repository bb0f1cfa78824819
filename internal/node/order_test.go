package node

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"

	_ "github.com/millrace/millrace/internal/format/csv"
	_ "github.com/millrace/millrace/internal/format/json"
	"github.com/millrace/millrace/internal/shell"
)

// screen is where results and progress meet.
type screen struct {
	mu struct {
		sync.Mutex
		text bytes.Buffer
	}
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.text.Write(b)
}

// TestOutputIsCausal: with table.dml-sync the line that says how a statement's jobs ended
// stands before whatever a later statement prints.
func TestOutputIsCausal(t *testing.T) {
	for _, terminal := range []bool{false, true} {
		var s screen
		err := RunScript(context.Background(), ScriptRun{
			File: "order.sql",
			Text: `SET 'table.dml-sync' = 'true';
CREATE TABLE t (a STRING) WITH ('topic' = 't', 'scan.bounded.mode' = 'latest-offset');
INSERT INTO t VALUES ('one');
SELECT a FROM t;
EXECUTE STATEMENT SET BEGIN INSERT INTO t VALUES ('two'); INSERT INTO t VALUES ('three'); END;
SELECT COUNT(*) FROM t WHERE a <> 'one' HAVING COUNT(*) > 1;`,
			Format: shell.CSV, Out: &s, Progress: &s, Terminal: terminal,
		})
		if err != nil {
			t.Fatal(err)
		}
		var order []string
		for line := range strings.Lines(s.mu.text.String()) {
			_, line, _ = strings.Cut("\x1b[J"+line, "\x1b[J")
			if strings.Contains(line, "\x1b") {
				line = line[strings.LastIndex(line, "\x1b[J")+3:]
			}
			if w := strings.Fields(line)[0]; w != "running" && w != "created" {
				order = append(order, w)
			}
		}
		if got := strings.Join(order, " "); got != "finished one finished 2" {
			t.Errorf("terminal %v: %s\n%q", terminal, got, s.mu.text.String())
		}
	}
}
