package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/internal/engine/journal"
	"github.com/millrace/millrace/internal/engine/operator"
	"github.com/millrace/millrace/internal/vec"
)

// world is all that survives a crash.
type world struct {
	topic   *topic
	journal *memLog
	ledger  *ledger
}

func (w *world) clone() *world {
	disk.Lock()
	defer disk.Unlock()
	return &world{topic: w.topic, journal: w.journal.clone(), ledger: w.ledger.clone()}
}

// countGraph is scan ─ calc ─ hash ─ count ─ sink.
func countGraph(t *topic, sink *ledgerSink) *Graph {
	return &Graph{Nodes: []*Node{
		{ID: "scan", Name: "TableSourceScan(t)", Types: rowTypes, Source: &SourceSpec{
			Table: "t", Source: t, Columns: []int{0, 1, 2}, RowTime: 1, Watermark: watermarkExpr(0),
		}},
		{ID: "calc", Name: "Calc", Types: rowTypes, Inputs: []Input{{Node: 0}}, Make: made(func() operator.Operator { return &stateless{} })},
		{ID: "count", Name: "Count", Types: rowTypes[:1], Inputs: []Input{{Node: 1, Ship: Hash, Keys: []int{0}}},
			Make: made(func() operator.Operator { return &counter{} })},
		{ID: "sink", Name: "Sink(ledger)", Inputs: []Input{{Node: 2}}, Sink: &SinkSpec{Table: "ledger", Sink: sink}},
	}}
}

func filledTopic(splits, rows, keys int) *topic {
	t := newTopic(splits)
	t.bounded = true
	at := time.Unix(1000, 0)
	for i := range rows {
		t.append(i%splits, at, row{key: int64(i * 5 % keys), ts: int64(i), n: int64(i)})
	}
	return t
}

// expected is every key with 1, 2, 3, … as often as it occurs, sorted.
func expected(rows, keys int) []string {
	counts := map[int]int{}
	var out []string
	for i := range rows {
		k := i * 5 % keys
		counts[k]++
		out = append(out, fmt.Sprintf("+I %d %d", k, counts[k]))
	}
	slices.Sort(out)
	return out
}

func (w *world) check(t *testing.T, want []string) {
	t.Helper()
	got := slices.Sorted(slices.Values(w.ledger.committed))
	if !slices.Equal(got, want) {
		t.Fatalf("%d rows committed, want %d; first of each: %v, %v", len(got), len(want), head(got), head(want))
	}
}

func head(rows []string) []string { return rows[:min(len(rows), 5)] }

func (w *world) job(c Config) *Job {
	return NewJob(JobSpec{ID: "job", Name: "count", Graph: countGraph(w.topic, newLedgerSink(w.ledger)), Journal: w.journal, Config: c})
}

var errKilled = errors.New("killed")

// crashAt runs until the n-th time that a point is passed, and returns the world
// as it was then; nil if the job ended before.
func (w *world) crashAt(t *testing.T, c Config, point string, n int) *world {
	t.Helper()
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	var crashed *world
	var mu sync.Mutex
	slow := c.Hook
	c.Hook = func(p string) {
		if slow != nil {
			slow(p)
		}
		mu.Lock()
		defer mu.Unlock()
		if p == point && crashed == nil {
			if n--; n == 0 {
				crashed = w.clone()
				cancel(errKilled)
			}
		}
	}
	if err := w.job(c).Run(ctx); err != nil && crashed == nil {
		t.Fatal(err)
	}
	return crashed
}

// TestCrash kills a job at every point of its commits and goes on from what was
// left, with as many workers or others: the committed output is always that of a
// run that nobody killed.
func TestCrash(t *testing.T) {
	const rows, keys = 60, 7
	want := expected(rows, keys)
	for _, workers := range []int{1, 2, 4} {
		for i, stepRows := range []int{1, 7, 1000} {
			config := Config{
				Workers: workers, StepRows: stepRows, CommitInterval: 1,
				SnapshotBytes: []int64{900, 2000}[(workers+i)%2], SnapshotPiece: []int{30, 1 << 20}[(workers+i)%2],
			}
			t.Run(fmt.Sprintf("workers=%d/rows=%d", workers, stepRows), func(t *testing.T) {
				calm := &world{filledTopic(3, rows, keys), newMemLog(), newLedger()}
				if err := calm.job(config).Run(context.Background()); err != nil {
					t.Fatal(err)
				}
				calm.check(t, want)
				for _, point := range Points {
					for n := 1; n < 12; n += 3 {
						w := &world{filledTopic(3, rows, keys), newMemLog(), newLedger()}
						crashed := w.crashAt(t, config, point, n)
						if crashed == nil {
							break
						}
						w = crashed
						w.topic.append(0, time.Unix(2000, 0), row{key: 1}) // behind the bound
						for _, next := range []int{workers, workers%4 + 1, 1} {
							again := config
							again.Workers = next
							if crashed := w.crashAt(t, again, point, 2); crashed != nil {
								w = crashed
							}
						}
						if err := w.job(config).Run(context.Background()); err != nil {
							t.Fatalf("%s, %d: %v", point, n, err)
						}
						w.check(t, want)
						if w.topic.asked != 1 {
							t.Fatalf("the splits were asked for %d times", w.topic.asked)
						}
					}
				}
			})
		}
	}
}

// TestFinished: a job that has ended says so again, and does nothing.
func TestFinished(t *testing.T) {
	w := &world{filledTopic(2, 10, 3), newMemLog(), newLedger()}
	for range 2 {
		j := w.job(Config{Workers: 2})
		if err := j.Run(context.Background()); err != nil {
			t.Fatal(err)
		}
		w.check(t, expected(10, 3))
		s := j.Status()
		if s.State != Finished || s.Nodes[0].RowsOut != 10 || s.Nodes[3].RowsIn != 10 || s.Progress.RowsOut != 10 {
			t.Fatalf("%+v", s)
		}
	}
}

// TestQuietEpochs: an epoch without output does not make a sink forget what it
// committed before, in a full run neither.
func TestQuietEpochs(t *testing.T) {
	for _, bytes := range []int64{1, 1 << 20} {
		w := &world{filledTopic(1, 20, 3), newMemLog(), newLedger()}
		w.topic.bounded = false
		sink := newLedgerSink(w.ledger)
		g := countGraph(w.topic, sink)
		g.Nodes[1].Make = made(func() operator.Operator {
			return &stateless{process: func(_ int, b *vec.Batch, out operator.Emit) error {
				if b.Cols[2].I64[0] < 20 {
					return out(b)
				}
				return nil
			}}
		})
		ctx, cancel := context.WithCancel(context.Background())
		config := Config{StepRows: 1, CommitInterval: 1, SnapshotBytes: bytes}
		quiet := 0
		config.Hook = func(p string) {
			if p != "after-commit" || len(sink.visible()) < 20 {
				return
			}
			if quiet++; quiet > 10 {
				cancel()
			}
			w.topic.append(0, time.Unix(2000, 0), row{n: 20})
		}
		if err := NewJob(JobSpec{ID: "job", Graph: g, Journal: w.journal, Config: config}).Run(ctx); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		rec, err := journal.Open(w.journal)
		if err != nil {
			t.Fatal(err)
		}
		last := slices.Max(slices.Collect(maps.Keys(w.ledger.done)))
		if string(rec.Tokens[0]) != string(encodePos(int(last))) || rec.Epoch < last+10 {
			t.Fatalf("%+v, the last epoch with rows is %d", rec, last)
		}
	}
}

// TestFailures: whatever fails in a commit, the job fails, and the next start
// finds the epoch whole or not at all.
func TestFailures(t *testing.T) {
	broken := errors.New("broken")
	nth := func(n int, call string) func(string) error {
		return func(c string) error {
			if c == call {
				if n--; n == 0 {
					return broken
				}
			}
			return nil
		}
	}
	for _, call := range []string{"prepare", "commit", "append", "durable"} {
		for n := 2; n < 8; n++ {
			synctest.Test(t, func(t *testing.T) {
				w := &world{filledTopic(2, 40, 5), newMemLog(), newLedger()}
				sink := newLedgerSink(w.ledger)
				sink.refuse = nth(n, call)
				w.journal.fail = nth(n, call)
				config := Config{StepRows: 3, CommitInterval: 1, Hook: lockstep}
				j := NewJob(JobSpec{ID: "job", Graph: countGraph(w.topic, sink), Journal: w.journal, Config: config})
				if err := j.Run(context.Background()); !errors.Is(err, broken) {
					t.Fatalf("%s %d: %v", call, n, err)
				}
				if s := j.Status(); s.State != Failed || !sink.closed {
					t.Fatalf("%s: %+v", call, s)
				}
				if call == "commit" && len(w.ledger.open) > 0 {
					t.Fatalf("a committed epoch was left invisible")
				}
				w.journal = w.journal.clone()
				if err := w.job(config).Run(context.Background()); err != nil {
					t.Fatalf("%s %d: %v", call, n, err)
				}
				w.check(t, expected(40, 5))
			})
		}
	}
}

// lockstep lets the commit of an epoch end in the step after it, so that each step is
// an epoch.
func lockstep(point string) {
	if point == "before-append" {
		time.Sleep(time.Millisecond)
	}
}

// TestOtherQuery: a journal is not applied to another query, or another job.
func TestOtherQuery(t *testing.T) {
	w := &world{filledTopic(2, 10, 3), newMemLog(), newLedger()}
	if err := w.job(Config{}).Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	g := countGraph(w.topic, newLedgerSink(w.ledger))
	g.Nodes[2].ID = "other"
	err := NewJob(JobSpec{ID: "job", Graph: g, Journal: w.journal}).Run(context.Background())
	if err == nil || err.Error() != "the journal is of another query: it has 4 operators, this has 4, of which new: other; run it as a new job" {
		t.Fatal(err)
	}
	err = NewJob(JobSpec{ID: "job2", Graph: countGraph(w.topic, newLedgerSink(w.ledger)), Journal: w.journal}).Run(context.Background())
	if err == nil || err.Error() != `the journal is of job "job", not "job2"` {
		t.Fatal(err)
	}
}
