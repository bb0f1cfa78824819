package node

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/commitlog"
	_ "github.com/millrace/millrace/internal/format/json"
	"github.com/millrace/millrace/internal/sql/session"
	"github.com/millrace/millrace/internal/vfs"
)

// TestHeldBack: a job that does not go on, because damage has taken what the node knew of it,
// has left a transaction open. A line says which topic's readers wait for it, and what to do.
func TestHeldBack(t *testing.T) {
	fs := vfs.NewMem()
	var written atomic.Pointer[commitlog.Log] // the topic b, once the job has committed
	crashed := make(chan *vfs.Mem, 1)
	n, err := Open(Config{files: fs, Hook: func(point string) {
		if b := written.Load(); point == "after-prepare" && b != nil && b.LastStableOffset() < b.EndOffset() && written.CompareAndSwap(b, nil) {
			crashed <- fs.CrashClone(vfs.CrashOptions{UnsyncedDataPercent: 100})
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	run := session.New(n, session.Options{})
	execute := func(statement string) string {
		t.Helper()
		r, err := run.Execute(context.Background(), statement)
		if err != nil {
			t.Fatal(err)
		}
		r.Next(context.Background())
		return r.JobID()
	}
	execute("CREATE TABLE a (x INT) WITH ('topic' = 'a')")
	execute("CREATE TABLE b (x INT) WITH ('topic' = 'b', 'topic.partitions' = '1')")
	id := execute("INSERT INTO b SELECT x FROM a") // the third record of the system topic
	execute("SET 'table.dml-sync' = 'true'")
	execute("INSERT INTO a VALUES (1)")
	for n.broker.Metadata().Topic("b") == nil { // the job makes it
		time.Sleep(time.Millisecond)
	}
	b, err := n.broker.Metadata().Partition("b", 0)
	if err != nil {
		t.Fatal(err)
	}
	first := make(chan struct{}, 1)
	defer b.Watch(func() {
		select {
		case first <- struct{}{}:
		default:
		}
	})()
	for b.LastStableOffset() == 0 {
		<-first
	}
	written.Store(b)
	execute("INSERT INTO a VALUES (2)")
	clone := <-crashed
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}

	damageRecords(t, clone, 2, 2)
	reports := make(chan string, 100)
	m := openMemory(t, clone, func(line string) { reports <- line })
	defer m.Close()
	for line := range reports {
		if strings.Contains(line, "holds back") {
			if want := "job " + id + ", which does not go on, holds back read_committed readers of b: `millrace job cancel " + id + "` ends its transactions"; line != want {
				t.Errorf("said %q, want %q", line, want)
			}
			return
		}
	}
}
