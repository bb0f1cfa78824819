package node

import (
	"context"
	"io"
	"strings"
	"testing"

	_ "github.com/millrace/millrace/internal/format/json"
	"github.com/millrace/millrace/internal/shell"
	"github.com/millrace/millrace/internal/vfs"
)

// TestFullDisk: a run that a full disk ends names the table, the topic and the cause, and
// the cause once, though the job, its end and the closing of the log all met it.
func TestFullDisk(t *testing.T) {
	for name, faults := range map[string]string{
		"topic":      "write */t-0/*.log enospc",
		"everything": "write * after=60 enospc",
		"syncs":      "sync * after=30 enospc",
		"journal":    "write */__millrace_journal_*/*.log enospc",
	} {
		t.Run(name, func(t *testing.T) {
			files, err := vfs.WithFaults(vfs.NewMem(), faults)
			if err != nil {
				t.Fatal(err)
			}
			err = RunScript(context.Background(), ScriptRun{
				Config: Config{files: files},
				File:   "full.sql",
				Text: `SET 'table.dml-sync' = 'true';
CREATE TABLE t (a INT) WITH ('topic' = 't');
INSERT INTO t VALUES (1); INSERT INTO t VALUES (1); INSERT INTO t VALUES (1); INSERT INTO t VALUES (1); INSERT INTO t VALUES (1); INSERT INTO t VALUES (1);`,
				Format: shell.CSV, Out: io.Discard,
			})
			if err == nil {
				t.Fatal("a run on a full disk ends well")
			}
			t.Log(err)
			if n := strings.Count(err.Error(), "no space left on device"); n != 1 {
				t.Errorf("the cause stands there %d times: %v", n, err)
			}
		})
	}
}
