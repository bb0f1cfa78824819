package node

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/sql/session"
	"github.com/millrace/millrace/internal/vfs"
)

// TestDescribeJob asks a node why a window does not fire whose topic has a partition that
// stands, and one that was never written to.
func TestDescribeJob(t *testing.T) {
	n := openMemory(t, vfs.NewMem(), nil)
	defer n.Close()
	s := session.New(n, session.Options{})
	execute := func(text string) *session.Result {
		t.Helper()
		r, err := s.Execute(context.Background(), text)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	execute(`CREATE TABLE rides (k STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '2' SECOND)
		WITH ('topic' = 'rides', 'topic.partitions' = '8', 'key.fields' = 'k', 'key.format' = 'raw')`)
	execute(`CREATE TABLE counts (n BIGINT, e TIMESTAMP(3)) WITH ('topic' = 'counts')`)
	execute(`SET 'table.dml-sync' = 'true'`)
	insert := execute(`INSERT INTO rides VALUES ('a', TIMESTAMP '2026-01-01 12:00:30'), ('c', TIMESTAMP '2026-01-01 12:05:00')`)
	if _, err := insert.Next(context.Background()); err == nil {
		t.Fatal("an INSERT has no rows")
	}
	execute(`SET 'table.dml-sync' = 'false'`)
	execute(`INSERT INTO counts SELECT COUNT(*), window_end FROM TABLE(TUMBLE(TABLE rides, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end`)
	jobs := n.Jobs()
	id := jobs[len(jobs)-1].ID()
	want := []string{
		"Source(rides)", "3 rows, ", "window end 2026-01-01 12:01:00\n", "active  0", "idle",
		"waits for the watermark 2026-01-01 12:00:59.999; it is 2026-01-01 12:00:28, held back by rides-",
		"set 'scan.watermark.idle-timeout' on the table so that it does not hold the others back",
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		b, err := execute(`DESCRIBE JOB '` + id + `'`).Next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		text, missing := string(b.Cols[4].Data), ""
		for _, w := range want {
			if !strings.Contains(text, w) {
				missing = w
			}
		}
		if missing == "" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%q is not in\n%s", missing, text)
		}
	}
	if _, err := s.Execute(context.Background(), `DESCRIBE JOB 'x'`); err == nil || !strings.Contains(err.Error(), "there is no job 'x'") {
		t.Fatal(err)
	}
}
