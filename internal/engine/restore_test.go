package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/engine/journal"
	"github.com/millrace/millrace/internal/engine/operator"
	"github.com/millrace/millrace/internal/engine/savepoint"
	"github.com/millrace/millrace/internal/vfs"
)

// saved writes a savepoint of the world's journal, and gives it as what a job begins with.
func (w *world) saved(t *testing.T, names ...string) func() (*Restore, error) {
	t.Helper()
	rec, err := journal.Open(w.journal)
	if err != nil {
		t.Fatal(err)
	}
	fs := vfs.NewMem()
	m := &savepoint.Manifest{}
	for i, id := range rec.Begin.Nodes {
		m.Operators = append(m.Operators, savepoint.Operator{ID: id, Name: names[i]})
	}
	if err := savepoint.Write(context.Background(), fs, "sp", rec, m); err != nil {
		t.Fatal(err)
	}
	return func() (*Restore, error) {
		sp, err := savepoint.Open(fs, "sp")
		if err != nil {
			return nil, err
		}
		r := &Restore{From: sp.State, Close: sp.Close}
		for _, o := range sp.Manifest.Operators {
			r.Names, r.StateBytes = append(r.Names, o.Name), append(r.StateBytes, o.StateBytes)
		}
		return r, nil
	}
}

var countNames = []string{"Source(t)", "Calc", "Count", "Sink(ledger)"}

// restored is a job of another id, journal and ledger that begins with a savepoint.
func (w *world) restored(c Config, r func() (*Restore, error)) (*world, *Job) {
	next := &world{topic: w.topic, journal: newMemLog(), ledger: newLedger()}
	job := NewJob(JobSpec{ID: "next", Name: "count", Graph: countGraph(next.topic, newLedgerSink(next.ledger)), Journal: next.journal, Restore: r, Config: c})
	return next, job
}

// TestRestore stops a job after each of its commits with a savepoint, and goes on from it
// with as many workers or others: what both have written is what one job writes that nobody
// stopped, every row once.
func TestRestore(t *testing.T) {
	const rows, keys = 60, 7
	want := expected(rows, keys)
	for _, workers := range [][2]int{{1, 1}, {2, 2}, {2, 4}, {4, 2}, {1, 8}, {8, 1}} {
		for _, stepRows := range []int{1, 7} {
			t.Run(fmt.Sprintf("workers=%d-%d/rows=%d", workers[0], workers[1], stepRows), func(t *testing.T) {
				for n := 1; n < 12; n++ {
					w := &world{filledTopic(3, rows, keys), newMemLog(), newLedger()}
					c := Config{Workers: workers[0], StepRows: stepRows, CommitInterval: 1, SnapshotBytes: 2000}
					stopped := w.crashAt(t, c, "after-commit", n)
					if stopped == nil {
						if n == 1 {
							t.Fatal("the job was never stopped")
						}
						break
					}
					c.Workers = workers[1]
					next, job := stopped.restored(c, stopped.saved(t, countNames...))
					if err := job.Run(context.Background()); err != nil {
						t.Fatal(err)
					}
					next.ledger.committed = append(next.ledger.committed, stopped.ledger.committed...)
					next.check(t, want)
				}
			})
		}
	}
}

// TestRestoreInterrupted: a job that ends while it takes over a savepoint takes it over
// again, whole, when it is started next.
func TestRestoreInterrupted(t *testing.T) {
	const rows, keys = 60, 7
	w := &world{filledTopic(3, rows, keys), newMemLog(), newLedger()}
	c := Config{Workers: 2, StepRows: 3, CommitInterval: 1}
	stopped := w.crashAt(t, c, "after-commit", 1)
	restore := stopped.saved(t, countNames...)
	for _, call := range []string{"append", "durable"} {
		next, job := stopped.restored(c, restore)
		next.journal.fail = func(now string) error {
			if now == call {
				return errKilled
			}
			return nil
		}
		if err := job.Run(context.Background()); !errors.Is(err, errKilled) {
			t.Fatalf("%s: %v", call, err)
		}
		next.journal = next.journal.clone()
		if err := next.again(c, restore).Run(context.Background()); err != nil {
			t.Fatal(err)
		}
		next.ledger.committed = append(next.ledger.committed, stopped.ledger.committed...)
		next.check(t, expected(rows, keys))
	}
}

func (w *world) again(c Config, r func() (*Restore, error)) *Job {
	return NewJob(JobSpec{ID: "next", Name: "count", Graph: countGraph(w.topic, newLedgerSink(w.ledger)), Journal: w.journal, Restore: r, Config: c})
}

// TestUnclaimed: what an edited graph would lose is named, and kept from being lost until
// it is agreed to.
func TestUnclaimed(t *testing.T) {
	w := &world{filledTopic(3, 60, 7), newMemLog(), newLedger()}
	c := Config{StepRows: 7, CommitInterval: 1}
	stopped := w.crashAt(t, c, "after-commit", 1)
	restore := stopped.saved(t, countNames...)
	for _, test := range []struct {
		name string
		edit func(*Graph)
		want string // of the refusal; empty: there is none
	}{
		{"nothing changed", func(*Graph) {}, ""},
		{"the count gives out other changes", func(g *Graph) { g.Nodes[2].ID = "count.1" }, ""},
		{"the source reads other columns", func(g *Graph) { g.Nodes[0].ID = "scan.1" }, ""},
		{"the source reads other rows of the topic", func(g *Graph) { g.Nodes[0].ID = "filtered" }, ""},
		{"the count is another", func(g *Graph) { g.Nodes[2].ID = "sum" }, "of Count ("},
		{"the count is gone", func(g *Graph) {
			g.Nodes[2] = &Node{ID: "c", Name: "c", Types: rowTypes, Inputs: g.Nodes[2].Inputs, Make: g.Nodes[1].Make}
		}, "of Count ("},
		{"the source is of another topic", func(g *Graph) {
			g.Nodes[0].ID = "other"
			other := newTopic(1)
			g.Nodes[0].Source.Source = renamed{other}
		}, "of Source(t) (positions)"},
	} {
		for _, allow := range []bool{false, true} {
			r, err := restore()
			if err != nil {
				t.Fatal(err)
			}
			r.AllowNonRestored = allow
			g := countGraph(stopped.topic, newLedgerSink(newLedger()))
			test.edit(g)
			err = r.Unclaimed(context.Background(), g)
			switch {
			case allow || test.want == "":
				if err != nil {
					t.Errorf("%s, allowed %v: %v", test.name, allow, err)
				}
			case err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "--allow-non-restored-state"):
				t.Errorf("%s: %v, want %q", test.name, err, test.want)
			}
		}
	}
}

// renamed is a topic whose splits have other names.
type renamed struct{ *topic }

func (r renamed) Splits(ctx context.Context) ([]connector.Split, error) {
	splits, err := r.topic.Splits(ctx)
	for i := range splits {
		splits[i].ID = "other-" + splits[i].ID
	}
	return splits, err
}

// TestEditedGoesOn: an edited query whose source is another node goes on where the old one
// stopped; with nothing to lose it reads no row twice.
func TestEditedGoesOn(t *testing.T) {
	const rows = 60
	copies := func(tp *topic, sink *ledgerSink, id string) *Graph {
		return &Graph{Nodes: []*Node{
			{ID: id, Name: "Source(t)", Types: rowTypes, Source: &SourceSpec{Table: "t", Source: tp, Columns: []int{0, 1, 2}, RowTime: 1, Watermark: watermarkExpr(0)}},
			{ID: id + "-calc", Name: "Calc", Types: rowTypes, Inputs: []Input{{Node: 0}}, Make: made(func() operator.Operator { return &stateless{} })},
			{ID: id + "-sink", Name: "Sink(ledger)", Inputs: []Input{{Node: 1}}, Sink: &SinkSpec{Table: "ledger", Sink: sink}},
		}}
	}
	w := &world{filledTopic(3, rows/2, 7), newMemLog(), newLedger()}
	w.topic.bounded = false
	ctx, stop := context.WithCancelCause(context.Background())
	sink := newLedgerSink(w.ledger)
	c := Config{StepRows: 7, CommitInterval: 1, Hook: func(p string) {
		if p == "after-commit" && len(sink.visible()) == rows/2 {
			stop(errKilled)
		}
	}}
	if err := NewJob(JobSpec{ID: "job", Graph: copies(w.topic, sink, "a"), Journal: w.journal, Config: c}).Run(ctx); err == nil {
		t.Fatal("the job came to its end before it was stopped")
	}
	// The new job has an end, and what comes until then is its own.
	for i := rows / 2; i < rows; i++ {
		w.topic.append(i%3, time.Unix(1000, 0), row{key: int64(i * 5 % 7), ts: int64(i), n: int64(i)})
	}
	w.topic.bounded = true
	next := &world{topic: w.topic, journal: newMemLog(), ledger: newLedger()}
	spec := JobSpec{
		ID: "next", Graph: copies(w.topic, newLedgerSink(next.ledger), "b"), Journal: next.journal,
		Restore: w.saved(t, "Source(t)", "Calc", "Sink(ledger)"), Config: Config{StepRows: 5},
	}
	if err := NewJob(spec).Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	all := slices.Concat(w.ledger.committed, next.ledger.committed)
	slices.Sort(all)
	if n := len(slices.Compact(slices.Clone(all))); n != rows || len(all) != rows {
		t.Errorf("%d rows copied, %d of them different, want %d", len(all), n, rows)
	}
}
