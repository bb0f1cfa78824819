package engine

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/engine/operator"
	"github.com/millrace/millrace/internal/function"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

func aggregate(t testing.TB, name string, args ...types.Type) vec.Aggregate {
	t.Helper()
	fn, ok := function.LookupAggregate(name)
	if !ok {
		t.Fatalf("no aggregate %s", name)
	}
	a, _, err := fn.Bind(args, false)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// queries are graphs of real operators; what they commit is compared as the table
// that the changelog makes.
func queries(t *testing.T) map[string]func(*topic, *ledgerSink) *Graph {
	calls := []operator.AggCall{
		{Fn: aggregate(t, "COUNT"), Filter: -1},
		{Fn: aggregate(t, "SUM", rowTypes[2]), Args: []int{2}, Filter: -1},
	}
	group := func(s operator.GroupAggregateSpec) func(*topic, *ledgerSink) *Graph {
		s.Input, s.Keys, s.Calls = rowTypes, []int{0}, calls
		return func(t *topic, sink *ledgerSink) *Graph {
			return &Graph{Nodes: []*Node{
				scan(t),
				opNode("agg", func() operator.Operator { return operator.NewGroupAggregate(s) }, Input{Ship: Hash, Keys: []int{0}}),
				sinkNode(sink, Input{Node: 1}),
			}}
		}
	}
	window := func(kind operator.WindowKind) func(*topic, *ledgerSink) *Graph {
		spec := operator.WindowAggregateSpec{
			Input:   rowTypes,
			Windows: operator.Windows{Kind: kind, Size: 20 * time.Millisecond, Slide: 5 * time.Millisecond, TimeCol: 1},
			Keys:    []int{0}, Calls: calls, Properties: []operator.WindowProperty{operator.WindowStart, operator.WindowEnd},
		}
		return func(t *topic, sink *ledgerSink) *Graph {
			return &Graph{Nodes: []*Node{
				scan(t),
				opNode("window", func() operator.Operator { return operator.NewWindowAggregate(spec) }, Input{Ship: Hash, Keys: []int{0}}),
				sinkNode(sink, Input{Node: 1}),
			}}
		}
	}
	return map[string]func(*topic, *ledgerSink) *Graph{
		"eager":    group(operator.GroupAggregateSpec{NeedUpdateBefore: true}),
		"folded":   group(operator.GroupAggregateSpec{Fold: true}),
		"final":    group(operator.GroupAggregateSpec{FinalOnly: true}),
		"tumble":   window(operator.Tumble),
		"hop":      window(operator.Hop),
		"cumulate": window(operator.Cumulate),
	}
}

// table applies a changelog by its key, the first column; append-only results,
// which have no key, stay as they are.
func table(rows []string, keyed bool) []string {
	if !keyed {
		return slices.Sorted(slices.Values(rows))
	}
	byKey := map[string]string{}
	for _, r := range rows {
		kind, rest, _ := strings.Cut(r, " ")
		key, _, _ := strings.Cut(rest, " ")
		switch kind {
		case "+I", "+U":
			byKey[key] = rest
		case "-D":
			delete(byKey, key)
		}
	}
	var out []string
	for _, r := range byKey {
		out = append(out, r)
	}
	slices.Sort(out)
	return out
}

// TestRealOperators: aggregates and windows, killed and restored, with other
// workers, in small steps and large: the same table.
func TestRealOperators(t *testing.T) {
	const rows, keys = 90, 7
	for name, graph := range queries(t) {
		keyed := name == "eager" || name == "folded"
		run := func(w *world, c Config) error {
			g := graph(w.topic, newLedgerSink(w.ledger))
			return NewJob(JobSpec{ID: "job", Graph: g, Journal: w.journal, Config: c}).Run(context.Background())
		}
		fresh := func() *world { return &world{filledTopic(3, rows, keys), newMemLog(), newLedger()} }
		calm := fresh()
		if err := run(calm, Config{}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want := table(calm.ledger.committed, keyed)
		if len(want) < keys {
			t.Fatalf("%s: %v", name, want)
		}
		for _, workers := range []int{1, 2, 4} {
			for _, stepRows := range []int{1, 7, 1000} {
				for kill := 1; kill < 40; kill += 5 {
					w := fresh()
					// Snapshots take from one epoch to as many as a run has.
					piece := []int{1, 60, 300, 1 << 20}[kill/5%4]
					c := Config{Workers: workers, StepRows: stepRows, CommitInterval: 1, SnapshotBytes: 800, SnapshotPiece: piece}
					if kill%15 == 1 { // most of the state is on disk
						c.State = StateConfig{Bytes: 600, Dir: filepath.Join(t.TempDir(), "state")}
					}
					for range 3 {
						w = killed(w, graph, c, kill)
						c.Workers = c.Workers%4 + 1
					}
					if err := run(w, c); err != nil {
						t.Fatalf("%s: %v", name, err)
					}
					if got := table(w.ledger.committed, keyed); !slices.Equal(got, want) {
						t.Fatalf("%s, %d workers, %d rows a step, killed at %d:\n%s\nwant\n%s", name, workers, stepRows, kill,
							strings.Join(got, "\n"), strings.Join(want, "\n"))
					}
				}
			}
		}
	}
}

// killed is the world at the n-th point of a run's commits, or after the run.
func killed(w *world, graph func(*topic, *ledgerSink) *Graph, c Config, n int) *world {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var crashed *world
	var mu sync.Mutex
	c.Hook = func(string) {
		mu.Lock()
		defer mu.Unlock()
		if n--; n == 0 {
			crashed = w.clone()
			cancel()
		}
	}
	g := graph(w.topic, newLedgerSink(w.ledger))
	err := NewJob(JobSpec{ID: "job", Graph: g, Journal: w.journal, Config: c}).Run(ctx)
	if crashed != nil {
		return crashed
	}
	if err != nil {
		panic(fmt.Sprint("not killed, and failed: ", err))
	}
	return w
}
