package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/internal/engine/operator"
	"github.com/millrace/millrace/internal/vec"
)

// beside are the points that a commit passes while the job computes.
var beside = []string{"before-prepare", "prepared", "before-journal", "after-journal", "before-commit", "committed", "after-commit", "trimmed"}

// slowAt makes commits wait at a point. In a synctest bubble they wait until the job can
// do nothing more without them.
func slowAt(point string) func(string) {
	return func(p string) {
		if p == point {
			time.Sleep(time.Millisecond)
		}
	}
}

// TestOverlap: while a commit waits, at whatever point, the job goes on until it has read
// all or the sink keeps as much as it may; and the result is the same.
func TestOverlap(t *testing.T) {
	const rows, keys = 60, 7
	for _, point := range beside {
		for _, limit := range []int{0, 1, 20} {
			for _, workers := range []int{1, 2} {
				synctest.Test(t, func(t *testing.T) {
					w := &world{filledTopic(3, rows, keys), newMemLog(), newLedger()}
					sink := newLedgerSink(w.ledger)
					sink.limit = limit
					slow := slowAt(point)
					most := 0
					config := Config{Workers: workers, StepRows: 1, CommitInterval: 1, SnapshotBytes: 2000, Hook: func(p string) {
						if p == "before-append" {
							time.Sleep(time.Microsecond) // a step takes less than a commit
						}
						if slow(p); p != point {
							return
						}
						disk.Lock()
						defer disk.Unlock()
						if sink.shut == nil { // the commit is in, and what comes is handed over
							most = max(most, len(sink.l.open))
						} else {
							most = max(most, len(sink.kept))
						}
					}}
					j := NewJob(JobSpec{ID: "job", Graph: countGraph(w.topic, sink), Journal: w.journal, Config: config})
					if err := j.Run(context.Background()); err != nil {
						t.Fatal(err)
					}
					w.check(t, expected(rows, keys))
					if want := map[int]int{0: 20, 1: 1, 20: 10}[limit]; most < want {
						t.Fatalf("slow at %s, limit %d: at most %d rows beside a commit", point, limit, most)
					}
				})
			}
		}
	}
}

// TestOverlapCrash kills at every point while commits are slow at another.
func TestOverlapCrash(t *testing.T) {
	const rows, keys = 40, 5
	want := expected(rows, keys)
	for _, slow := range beside {
		for _, point := range Points {
			for i, stepRows := range []int{1, 9} {
				synctest.Test(t, func(t *testing.T) {
					config := Config{Workers: 1 + i, StepRows: stepRows, CommitInterval: 1, SnapshotBytes: 1000, Hook: slowAt(slow)}
					w := &world{filledTopic(3, rows, keys), newMemLog(), newLedger()}
					for n := 1; n < 5; n++ {
						if crashed := w.crashAt(t, config, point, n); crashed != nil {
							w = crashed
						}
					}
					config.Hook = nil
					if err := w.job(config).Run(context.Background()); err != nil {
						t.Fatalf("slow at %s, killed at %s: %v", slow, point, err)
					}
					w.check(t, want)
				})
			}
		}
	}
}

// TestOverlapEnds ends a job while a commit is at a point: by its context, by a row
// that fails it, by a panic. The commit is decided by itself; what was computed beside
// it is dropped.
func TestOverlapEnds(t *testing.T) {
	broken := errors.New("broken row")
	for _, point := range beside {
		for _, how := range []string{"cancel", "error", "panic"} {
			synctest.Test(t, func(t *testing.T) {
				w := &world{filledTopic(2, 30, 5), newMemLog(), newLedger()}
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				var inside, ended atomic.Bool
				sink := newLedgerSink(w.ledger)
				g := countGraph(w.topic, sink)
				g.Nodes[1].Make = made(func() operator.Operator {
					return &stateless{process: func(_ int, b *vec.Batch, out operator.Emit) error {
						time.Sleep(time.Microsecond) // a step takes less than a commit
						if !inside.Load() {
							return out(b)
						}
						ended.Store(true)
						switch how {
						case "cancel":
							cancel()
						case "error":
							return broken
						case "panic":
							panic("oh")
						}
						return out(b)
					}}
				})
				config := Config{StepRows: 2, CommitInterval: 1, SnapshotBytes: 100, Hook: func(p string) {
					if p == point {
						inside.Store(true)
						time.Sleep(time.Millisecond)
						inside.Store(false)
					}
				}}
				err := NewJob(JobSpec{ID: "job", Graph: g, Journal: w.journal, Config: config}).Run(ctx)
				var mistake *AssertionError
				if ok := map[string]bool{"cancel": errors.Is(err, context.Canceled), "error": errors.Is(err, broken), "panic": errors.As(err, &mistake)}; !ok[how] || !ended.Load() {
					t.Fatalf("%s at %s: %v", how, point, err)
				}
				if len(w.ledger.open) > 0 || len(w.ledger.committed) == 0 {
					t.Fatalf("%s at %s: %d rows committed, %d open", how, point, len(w.ledger.committed), len(w.ledger.open))
				}
				if err := w.job(Config{}).Run(context.Background()); err != nil {
					t.Fatal(err)
				}
				w.check(t, expected(30, 5))
			})
		}
	}
}

// TestFailsBeside: a commit fails while the job is in the middle of a step that waits
// for it. The step ends, and the job says what failed.
func TestFailsBeside(t *testing.T) {
	broken := errors.New("broken disk")
	for _, call := range []string{"prepare", "commit", "durable"} {
		synctest.Test(t, func(t *testing.T) {
			w := &world{filledTopic(2, 40, 5), newMemLog(), newLedger()}
			refuse := func(c string) error {
				if c == call && len(w.ledger.identity) > 0 {
					time.Sleep(time.Millisecond)
					return broken
				}
				return nil
			}
			sink := newLedgerSink(w.ledger)
			sink.limit, sink.refuse = 1, refuse
			w.journal.fail = refuse
			j := NewJob(JobSpec{ID: "job", Graph: countGraph(w.topic, sink), Journal: w.journal, Config: Config{Workers: 2, StepRows: 1, CommitInterval: 1}})
			if err := j.Run(context.Background()); !errors.Is(err, broken) || j.Status().State != Failed {
				t.Fatalf("%s: %v, %s", call, err, j.Status().State)
			}
			w = w.clone()
			if err := w.job(Config{}).Run(context.Background()); err != nil {
				t.Fatal(err)
			}
			w.check(t, expected(40, 5))
		})
	}
}

// TestCommitPace: a job that has taken all that there was commits at once, and again as
// soon as a commit is done; one that is behind commits by the interval; neither before
// the pause is over.
func TestCommitPace(t *testing.T) {
	for _, c := range []struct {
		pause, interval time.Duration
		behind          bool
		want            time.Duration // between two commits
	}{
		{0, time.Second, false, time.Millisecond},
		{30 * time.Millisecond, time.Second, false, 30 * time.Millisecond},
		{0, 50 * time.Millisecond, true, 50 * time.Millisecond},
		{0, 10 * time.Second, true, commitFloor},
		{300 * time.Millisecond, 50 * time.Millisecond, true, 300 * time.Millisecond},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				top := filledTopic(1, 100_000, 5)
				top.bounded = false
				if !c.behind {
					top = newTopic(1)
				}
				var at []time.Time
				config := Config{StepRows: 1, CommitInterval: c.interval, CommitPause: c.pause, Hook: func(p string) {
					switch p {
					case "before-append": // a step takes 100 µs
						time.Sleep(100 * time.Microsecond)
					case "after-commit":
						at = append(at, time.Now())
					}
				}}
				ctx, cancel := context.WithTimeout(t.Context(), 1300*time.Millisecond)
				defer cancel()
				done := make(chan error)
				go func() {
					done <- NewJob(JobSpec{Graph: countGraph(top, newLedgerSink(newLedger())), Journal: newMemLog(), Config: config}).Run(ctx)
				}()
				for !c.behind && ctx.Err() == nil {
					top.append(0, time.Now(), row{})
					time.Sleep(time.Millisecond)
				}
				<-done
				var gaps []time.Duration
				for i := 1; i < len(at); i++ {
					gaps = append(gaps, at[i].Sub(at[i-1]))
				}
				slices.Sort(gaps)
				if got := gaps[len(gaps)/2]; got < c.want || got > c.want+c.want/5 {
					t.Fatalf("commits %v apart, want %v", got, c.want)
				}
			})
		})
	}
}
