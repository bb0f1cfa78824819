package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/internal/engine/operator"
	"github.com/millrace/millrace/internal/vec"
)

// clockWorld is a job that goes by the clock, and all that survives a crash: windows of
// processing time, and rows stamped with it.
type clockWorld struct {
	topic          *topic
	journal        *memLog
	windows, stamp *ledger
}

func (w *clockWorld) clone() *clockWorld {
	disk.Lock()
	defer disk.Unlock()
	return &clockWorld{w.topic, w.journal.clone(), w.windows.clone(), w.stamp.clone()}
}

// stamper puts the step's time in the place of the event time: CURRENT_TIMESTAMP.
type stamper struct {
	stateless
	ctx *operator.Context
}

func (s *stamper) Open(ctx *operator.Context) error { s.ctx = ctx; return nil }

func (s *stamper) Process(_ int, b *vec.Batch, out operator.Emit) error {
	at := vec.New(rowTypes[1], b.N, 0)
	for i := range at.I64 {
		at.I64[i] = s.ctx.Eval.Now.UnixMilli()
	}
	return out(b.With([]*vec.Vector{b.Cols[0], at}))
}

func (w *clockWorld) job(t *testing.T, c Config) *Job {
	window := operator.WindowAggregateSpec{
		Input: rowTypes, Windows: operator.Windows{Kind: operator.Tumble, Size: time.Second, ProcTime: true}, Keys: []int{0},
		Calls: []operator.AggCall{{Fn: aggregate(t, "COUNT"), Filter: -1}}, Properties: []operator.WindowProperty{operator.WindowEnd},
	}
	stamps := sinkNode(newLedgerSink(w.stamp), Input{Node: 3, Ship: Single})
	stamps.ID = "stamps"
	return NewJob(JobSpec{ID: "job", Journal: w.journal, Config: c, Graph: &Graph{Nodes: []*Node{
		scan(w.topic),
		opNode("window", func() operator.Operator { return operator.NewWindowAggregate(window) }, Input{Ship: Hash, Keys: []int{0}}),
		sinkNode(newLedgerSink(w.windows), Input{Node: 1}),
		opNode("stamp", func() operator.Operator { return &stamper{} }, Input{}),
		stamps,
	}}})
}

// run runs the job, kills it where the n-th point is passed if that is not 0, and
// returns what was left then. The test's goroutine goes on meanwhile.
func (w *clockWorld) run(t *testing.T, c Config, point string, n int) (stop func() *clockWorld) {
	ctx, cancel := context.WithCancel(t.Context())
	var mu sync.Mutex
	var crashed *clockWorld
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
	j, done := w.job(t, c), make(chan error)
	go func() { done <- j.Run(ctx) }()
	return func() *clockWorld {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if crashed != nil {
			return crashed
		}
		return w
	}
}

// feed appends a row every 300 ms.
func (w *clockWorld) feed(from, rows int) {
	for i := from; i < from+rows; i++ {
		time.Sleep(300 * time.Millisecond)
		w.topic.append(i%2, time.Now(), row{key: int64(i % 3), n: int64(i)})
	}
}

// TestProcessingTime kills a job that goes by the clock at every point of its commits,
// lets it be down for a while, and starts it with a clock that is behind the old one:
// windows fire without input, every row counts in one window, what was committed stays,
// and the clock of the results never goes back.
func TestProcessingTime(t *testing.T) {
	const before, down, after = 9, 4, 9
	runs, fired := 0, 0
	for _, behind := range []time.Duration{0, 2500 * time.Millisecond} {
		for _, workers := range []int{1, 2} {
			for i, point := range Points {
				synctest.Test(t, func(t *testing.T) {
					w := &clockWorld{newTopic(2), newMemLog(), newLedger(), newLedger()}
					config := Config{Workers: workers, SnapshotBytes: 500}
					stop := w.run(t, config, point, 4+4*(i%3))
					w.feed(0, before)
					w = stop()
					old := w.windows.clone()
					w.feed(before, down)
					config.Workers = 3 - workers
					config.Now = func() time.Time { return time.Now().Add(-behind) }
					stop = w.run(t, config, "", 0)
					w.feed(before+down, after)
					time.Sleep(behind + 2*time.Second)
					w = stop()
					checkWindows(t, old.committed, w.windows.committed, before+down+after)
					checkStamps(t, w.stamp.committed, before+down+after)
					if runs++; len(old.committed) > 0 {
						fired++
					}
				})
			}
		}
	}
	if fired < runs/2 {
		t.Fatalf("in %d of %d runs only a window had fired before the kill", fired, runs)
	}
}

// checkWindows wants every row counted once, what had been committed first, and no
// window to fire twice, or behind one that had fired before the kill.
func checkWindows(t *testing.T, old, all []string, rows int) {
	t.Helper()
	total, last := 0, 0
	seen := map[string]bool{}
	for i, r := range all {
		var kind string
		var key, n, end int
		if _, err := fmt.Sscan(r, &kind, &key, &n, &end); err != nil {
			t.Fatal(err)
		}
		total += n
		id := fmt.Sprint(key, end)
		if seen[id] {
			t.Fatalf("the window of key %d that ends at %d fired twice: %v", key, end, all)
		}
		seen[id] = true
		switch {
		case i < len(old) && old[i] != r:
			t.Fatalf("%q was committed before the kill, now it is %q", old[i], r)
		case i < len(old):
			last = max(last, end)
		case end <= last:
			t.Fatalf("a window that ends at %d came after the kill, one of %d had fired before: %v", end, last, all)
		}
	}
	if total != rows {
		t.Fatalf("%d rows are in windows, want %d; %d windows before the kill: %v", total, rows, len(old), all)
	}
}

func checkStamps(t *testing.T, all []string, rows int) {
	t.Helper()
	last := 0
	for _, r := range all {
		var kind string
		var key, at int
		if _, err := fmt.Sscan(r, &kind, &key, &at); err != nil {
			t.Fatal(err)
		}
		if at < last {
			t.Fatalf("the clock went back: %v", all)
		}
		last = at
	}
	if len(all) != rows {
		t.Fatalf("%d rows have a time, want %d", len(all), rows)
	}
}
