package engine

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/engine/state"
)

// TestStateLargerThanItsBudget: a job whose state is many times its budget gives the
// same result, killed and restored too, and leaves nothing on disk.
func TestStateLargerThanItsBudget(t *testing.T) {
	const rows, keys = 6000, 1499
	dir := filepath.Join(t.TempDir(), "state")
	for _, workers := range []int{1, 2} {
		w := &world{filledTopic(3, rows, keys), newMemLog(), newLedger()}
		c := Config{
			Workers: workers, StepRows: 50, CommitInterval: 1, SnapshotBytes: 20_000, SnapshotPiece: 3000,
			State: StateConfig{Bytes: 8000, Dir: dir},
		}
		// The first commit: a later one may be the last, for steps do not wait for commits.
		left := w.crashAt(t, c, "after-journal", 1)
		if left == nil {
			t.Fatal("not killed")
		}
		job := left.job(c)
		if err := job.Run(context.Background()); err != nil {
			t.Fatal(err)
		}
		left.check(t, expected(rows, keys))
		final := job.Status().Nodes[2].State
		if final.Rows < keys || final.Bytes > 3*8000 || final.Bytes > keys*30 {
			t.Fatalf("%+v", final)
		}
		if _, err := os.Stat(dir); !os.IsNotExist(err) {
			t.Fatalf("the directory is left: %v", err)
		}
	}
}

// TestSharedBudget: two jobs share one budget.
func TestSharedBudget(t *testing.T) {
	budget := state.NewBudget(10_000)
	done := make(chan error)
	for range 2 {
		w := &world{filledTopic(2, 3000, 801), newMemLog(), newLedger()}
		go func() {
			c := Config{StepRows: 50, CommitInterval: time.Millisecond, State: StateConfig{Budget: budget}}
			err := w.job(c).Run(context.Background())
			if err == nil {
				w.check(t, expected(3000, 801))
			}
			done <- err
		}()
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}
