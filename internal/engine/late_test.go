package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/engine/operator"
	"github.com/millrace/millrace/internal/types"
)

// lateWorld is a job with a window and a late topic, and all that survives a crash.
type lateWorld struct {
	topic         *topic
	journal       *memLog
	results, late *ledger
}

func newLateWorld() *lateWorld {
	top := newTopic(3)
	top.bounded = true
	for i := range 90 {
		ts := int64(i * 4)
		if i%7 == 6 {
			ts -= 70 // behind the watermark of its split by then
		}
		top.append(i%3, time.Unix(1000, 0), row{key: int64(i % 5), ts: max(ts, 0), n: int64(i)})
	}
	return &lateWorld{top, newMemLog(), newLedger(), newLedger()}
}

func (w *lateWorld) clone() *lateWorld {
	disk.Lock()
	defer disk.Unlock()
	return &lateWorld{w.topic, w.journal.clone(), w.results.clone(), w.late.clone()}
}

func (w *lateWorld) job(t *testing.T, c Config) *Job {
	window := operator.WindowAggregateSpec{
		Input: rowTypes, Windows: operator.Windows{Kind: operator.Tumble, Size: 20 * time.Millisecond, TimeCol: 1},
		Keys: []int{0}, Calls: []operator.AggCall{{Fn: aggregate(t, "COUNT"), Filter: -1}}, Properties: []operator.WindowProperty{operator.WindowEnd},
	}
	fields := []types.Field{{Name: "k", Type: rowTypes[0]}, {Name: "ts", Type: rowTypes[1]}, {Name: "n", Type: rowTypes[2]}}
	side := &Late{Labels: []string{"Window"}, Types: append([]types.Type{types.TString}, operator.LateTypes(rowTypes[1], types.TRow(fields...))...)}
	g := &Graph{Nodes: []*Node{
		scan(w.topic),
		opNode("window", func() operator.Operator { return operator.NewWindowAggregate(window) }, Input{Ship: Hash, Keys: []int{0}}),
		sinkNode(newLedgerSink(w.results), Input{Node: 1}),
		{ID: "late", Name: "late", Inputs: []Input{{Node: 1, Late: side}}, Sink: &SinkSpec{Sink: newLedgerSink(w.late), Late: true}},
	}}
	return NewJob(JobSpec{ID: "job", Graph: g, Journal: w.journal, Config: c})
}

// crashAt runs until the n-th time that a point is passed, and returns the world as it
// was then; nil if the job ended before.
func (w *lateWorld) crashAt(t *testing.T, c Config, point string, n int) (crashed *lateWorld) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var mu sync.Mutex
	c.Hook = func(p string) {
		mu.Lock()
		defer mu.Unlock()
		if p == point && crashed == nil {
			if n--; n == 0 {
				crashed = w.clone()
				cancel()
			}
		}
	}
	if err := w.job(t, c).Run(ctx); err != nil && crashed == nil {
		t.Fatal(err)
	}
	return crashed
}

// TestLateRows: every row counts in its window or is in the late topic, once, wherever
// the job is killed; and the late topic says the same however rows fall into steps.
func TestLateRows(t *testing.T) {
	var want []string
	for _, workers := range []int{1, 3} {
		for _, rows := range []int{1, 7, 1000} {
			config := Config{Workers: workers, StepRows: rows, CommitInterval: 1}
			calm := newLateWorld()
			j := calm.job(t, config)
			if err := j.Run(context.Background()); err != nil {
				t.Fatal(err)
			}
			late := calm.sorted()
			if want == nil {
				want = late
			}
			counted := countedRows(t, calm.results.committed)
			s := j.Status()
			if len(late) < 8 || counted+len(late) != 90 || s.Nodes[1].LateRows != int64(len(late)) || s.Progress.RowsOut != s.Nodes[2].RowsIn {
				t.Fatalf("%d rows counted, %d late, status %+v", counted, len(late), s.Nodes)
			}
			if !slices.Equal(late, want) {
				t.Fatalf("%d workers, steps of %d rows: late are\n%s\nwant\n%s", workers, rows, strings.Join(late, "\n"), strings.Join(want, "\n"))
			}
			for _, point := range Points {
				for n := 1; n < 9; n += 3 {
					w := newLateWorld().crashAt(t, config, point, n)
					if w == nil {
						break
					}
					if err := w.job(t, Config{Workers: workers%3 + 1, StepRows: rows}).Run(context.Background()); err != nil {
						t.Fatalf("%s, %d: %v", point, n, err)
					}
					if got := w.sorted(); !slices.Equal(got, want) || countedRows(t, w.results.committed) != counted {
						t.Fatalf("killed at %s, %d: %d late rows, want %d; %d counted, want %d", point, n, len(got), len(want), countedRows(t, w.results.committed), counted)
					}
				}
			}
		}
	}
}

func (w *lateWorld) sorted() []string { return slices.Sorted(slices.Values(w.late.committed)) }

func countedRows(t *testing.T, rows []string) (total int) {
	for _, r := range rows {
		var kind, end string
		var key, n int
		if _, err := fmt.Sscan(r, &kind, &key, &n, &end); err != nil {
			t.Fatal(err, r)
		}
		total += n
	}
	return total
}
