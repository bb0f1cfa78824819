package node

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/engine"
	"github.com/millrace/millrace/internal/vfs"
)

// TestCancelSettles cancels jobs that cannot go on, whose last transaction a crash has left
// open: it is ended as the journal says, and aborted where that cannot be read. Readers wait
// for it no longer.
func TestCancelSettles(t *testing.T) {
	for _, c := range []struct {
		name   string
		point  string // of the crash
		damage func(t *testing.T, fs *vfs.Mem, id string)
		reads  string
		told   string
	}{
		{"unknown, not committed", "before-journal", damageSystem, `{"x":1} {"x":2}`, "does not know this job"},
		{"unknown, committed", "after-journal", damageSystem, `{"x":1} {"x":2} {"x":3}`, "does not know this job"},
		{"damaged journal", "after-journal", damageJournal, `{"x":1} {"x":2}`, "its open transactions were aborted, in copied-0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			fs, id := crashedCopy(t, c.point)
			c.damage(t, fs, id)
			var mu sync.Mutex
			var told []string
			n := openMemory(t, fs, func(line string) {
				mu.Lock()
				defer mu.Unlock()
				told = append(told, line)
			})
			defer n.Close()
			j := n.job(id).(*job)
			<-j.done
			if st := j.Status(); st.State != engine.Failed || st.Err == nil {
				t.Fatalf("the job is %s, %v", st.State, st.Err)
			}
			log, err := n.broker.Metadata().Partition("copied", 0)
			if err != nil {
				t.Fatal(err)
			}
			if log.LastStableOffset() >= log.EndOffset() {
				t.Fatal("no transaction is open")
			}
			if err := j.End(context.Background()); err != nil {
				t.Fatal(err)
			}
			if log.LastStableOffset() < log.EndOffset() {
				t.Error("readers still wait")
			}
			if got := consumed(t, n, "copied"); got != c.reads {
				t.Errorf("read are %s, want %s", got, c.reads)
			}
			if st := j.Status().State; st != engine.Canceled {
				t.Errorf("the job is %s", st)
			}
			if n.broker.Metadata().Topic(journalPrefix+id) != nil {
				t.Error("the journal is still there")
			}
			mu.Lock()
			defer mu.Unlock()
			if !strings.Contains(strings.Join(told, "\n"), c.told) {
				t.Errorf("told: %q", told)
			}
		})
	}
}

func damageSystem(t *testing.T, fs *vfs.Mem, _ string) { damageRecords(t, fs, 0, -1) }

// damageJournal damages an epoch that others were committed after.
func damageJournal(t *testing.T, fs *vfs.Mem, id string) {
	damageTopic(t, fs, journalPrefix+id, 1, 1)
}

// crashedCopy is what is left of a node whose process ended at a point of the commit of its
// job's third record.
func crashedCopy(t *testing.T, point string) (left *vfs.Mem, id string) {
	t.Helper()
	fs := vfs.NewMem()
	var crashed sync.Once
	var arm bool
	var mu sync.Mutex
	done := make(chan struct{})
	hook := func(p string) {
		mu.Lock()
		defer mu.Unlock()
		if p == point && arm {
			crashed.Do(func() {
				left = fs.CrashClone(vfs.CrashOptions{UnsyncedDataPercent: 100})
				close(done)
			})
		}
	}
	n, err := Open(Config{files: fs, Hook: hook})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	j := submitCopy(t, n, nil)
	produce(t, n, `{"x":2}`)
	// Until its second row is read, and nothing of it is under way.
	for consumed(t, n, "copied") != `{"x":1} {"x":2}` || j.Status().Epoch < 2 {
		time.Sleep(time.Millisecond)
	}
	mu.Lock()
	arm = true
	mu.Unlock()
	produce(t, n, `{"x":3}`)
	<-done
	return left, j.ID()
}
