package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/millrace/millrace/internal/engine/operator"
	"github.com/millrace/millrace/internal/vec"
)

// runGraph runs a graph over a bounded topic to its end, and returns what its
// sinks got, sorted.
func runGraph(t *testing.T, g func(*topic, *ledgerSink) *Graph, rows int, c Config) []string {
	t.Helper()
	l := newLedger()
	j := NewJob(JobSpec{ID: "job", Graph: g(filledTopic(3, rows, 7), newLedgerSink(l)), Config: c})
	if err := j.Run(context.Background()); err != nil {
		t.Fatalf("%+v: %v", c, err)
	}
	slices.Sort(l.committed)
	return l.committed
}

func scan(t *topic) *Node {
	return &Node{ID: "scan", Name: "scan", Types: rowTypes, Source: &SourceSpec{
		Table: "t", Source: t, Columns: []int{0, 1, 2}, RowTime: 1, Watermark: watermarkExpr(0),
	}}
}

func opNode(id string, op func() operator.Operator, inputs ...Input) *Node {
	return &Node{ID: id, Name: id, Types: rowTypes, Inputs: inputs, Make: made(op)}
}

func sinkNode(s *ledgerSink, in Input) *Node {
	return &Node{ID: "sink", Name: "sink", Inputs: []Input{in}, Sink: &SinkSpec{Sink: s}}
}

func pass() operator.Operator { return &stateless{} }

// shapes are graphs with forks, joins, single nodes and broadcasts; each passes
// all rows on, some of them twice.
var shapes = map[string]struct {
	times int // how often each row arrives; a broadcast one as often as there are workers
	graph func(*topic, *ledgerSink) *Graph
}{
	"forward": {1, func(t *topic, s *ledgerSink) *Graph {
		return &Graph{Nodes: []*Node{scan(t), opNode("a", pass, Input{Node: 0}), sinkNode(s, Input{Node: 1})}}
	}},
	"diamond": {2, func(t *topic, s *ledgerSink) *Graph {
		return &Graph{Nodes: []*Node{
			scan(t),
			opNode("a", pass, Input{Node: 0, Ship: Hash, Keys: []int{0}}),
			opNode("b", pass, Input{Node: 1, Ship: Hash, Keys: []int{2}}),
			opNode("join", pass, Input{Node: 0}, Input{Node: 2}), // one side skips two levels
			sinkNode(s, Input{Node: 3}),
		}}
	}},
	"single": {1, func(t *topic, s *ledgerSink) *Graph {
		return &Graph{Nodes: []*Node{
			scan(t),
			opNode("one", pass, Input{Node: 0, Ship: Single}),
			opNode("after", pass, Input{Node: 1}),
			opNode("spread", pass, Input{Node: 2, Ship: Hash, Keys: []int{0}}),
			sinkNode(s, Input{Node: 3}),
		}}
	}},
	"single and many": {2, func(t *topic, s *ledgerSink) *Graph {
		one := opNode("one", pass, Input{Node: 0})
		one.Single = true
		return &Graph{Nodes: []*Node{
			scan(t), one,
			opNode("join", pass, Input{Node: 0, Ship: Hash, Keys: []int{0}}, Input{Node: 1}),
			sinkNode(s, Input{Node: 2}),
		}}
	}},
	"at the end": {1, func(t *topic, s *ledgerSink) *Graph {
		return &Graph{Nodes: []*Node{
			scan(t),
			opNode("hold", hold, Input{Node: 0}),
			opNode("hold2", hold, Input{Node: 1, Ship: Hash, Keys: []int{0}}),
			sinkNode(s, Input{Node: 2, Ship: Hash, Keys: []int{2}}),
		}}
	}},
}

// hold emits what it got only with the end of the input.
func hold() operator.Operator {
	var rows []row
	return &stateless{
		process: func(_ int, b *vec.Batch, _ operator.Emit) error {
			for i := range b.Len() {
				r := b.Row(i)
				rows = append(rows, row{key: b.Cols[0].I64[r], ts: b.Cols[1].I64[r], n: b.Cols[2].I64[r]})
			}
			return nil
		},
		advance: func(wm int64, out operator.Emit) (int64, error) {
			if wm < vec.MaxTime {
				return wm, nil
			}
			for ; len(rows) > 0; rows = rows[1:] {
				if err := out(batchOf(rows[:1])); err != nil {
					return 0, err
				}
			}
			return wm, nil
		},
	}
}

// TestShapes: rows arrive as often as they should, whatever the graph, the number
// of workers, the size of steps and the room for what is on its way.
func TestShapes(t *testing.T) {
	const rows = 100
	for name, shape := range shapes {
		var want []string
		for i := range rows {
			for range shape.times {
				want = append(want, fmt.Sprintf("+I %d %d %d", i*5%7, i, i))
			}
		}
		slices.Sort(want)
		for _, workers := range []int{1, 2, 4} {
			for _, stepRows := range []int{1, 20, 1000} {
				for _, room := range []int{1, 10, 1 << 16} {
					c := Config{Workers: workers, StepRows: stepRows, ExchangeRows: room}
					if got := runGraph(t, shape.graph, rows, c); !slices.Equal(got, want) {
						t.Fatalf("%s, %d workers, %d rows a step, room for %d: %d rows, want %d", name, workers, stepRows, room, len(got), len(want))
					}
				}
			}
		}
	}
}

// TestRoom: an operator that explodes does not fill the memory with rows that
// wait for an exchange: the step is interrupted, and they are drained.
func TestRoom(t *testing.T) {
	const times, room = 500, 100
	var sent, taken, most atomic.Int64
	explode := func() operator.Operator {
		return &stateless{process: func(_ int, b *vec.Batch, out operator.Emit) error {
			for range times {
				most.Store(max(most.Load(), sent.Add(int64(b.Len()))-taken.Load()))
				if err := out(b); err != nil {
					return err
				}
			}
			return nil
		}}
	}
	count := func() operator.Operator {
		return &stateless{process: func(_ int, b *vec.Batch, out operator.Emit) error {
			taken.Add(int64(b.Len()))
			return nil
		}}
	}
	graph := func(t *topic, s *ledgerSink) *Graph {
		return &Graph{Nodes: []*Node{
			scan(t),
			opNode("explode", explode, Input{Node: 0}),
			opNode("count", count, Input{Node: 1, Ship: Hash, Keys: []int{2}}),
			sinkNode(s, Input{Node: 2}),
		}}
	}
	for _, workers := range []int{1, 2, 3} {
		sent.Store(0)
		taken.Store(0)
		most.Store(0)
		runGraph(t, graph, 30, Config{Workers: workers, StepRows: 10, ExchangeRows: room})
		if n := taken.Load(); n != 30*times {
			t.Fatalf("%d rows arrived", n)
		}
		if limit := int64(workers * (room + 30)); most.Load() > limit {
			t.Fatalf("%d workers: %d rows were on their way, more than %d", workers, most.Load(), limit)
		}
	}
}

// TestOrder: rows of one key from one split stay in order.
func TestOrder(t *testing.T) {
	last := make([]map[int64]int64, 4)
	check := func(worker int) (operator.Operator, error) {
		last[worker] = map[int64]int64{}
		return &stateless{process: func(_ int, b *vec.Batch, out operator.Emit) error {
			for i := range b.Len() {
				r := b.Row(i)
				// A key and a split: i%3 is the split of row i.
				n := b.Cols[2].I64[r]
				k := b.Cols[0].I64[r]*3 + n%3
				if prev, ok := last[worker][k]; ok && prev >= n {
					return vec.RowErrorf(r, "row %d after %d", n, prev)
				}
				last[worker][k] = n
			}
			return out(b)
		}}, nil
	}
	graph := func(t *topic, s *ledgerSink) *Graph {
		n := opNode("check", nil, Input{Node: 0, Ship: Hash, Keys: []int{0}})
		n.Make = check
		return &Graph{Nodes: []*Node{scan(t), n, sinkNode(s, Input{Node: 1})}}
	}
	for _, workers := range []int{1, 2, 4} {
		runGraph(t, graph, 500, Config{Workers: workers, StepRows: 40, ExchangeRows: 16})
	}
}

// TestBroadcast: each worker gets every row.
func TestBroadcast(t *testing.T) {
	graph := func(t *topic, s *ledgerSink) *Graph {
		return &Graph{Nodes: []*Node{scan(t), opNode("all", pass, Input{Node: 0, Ship: Broadcast}), sinkNode(s, Input{Node: 1})}}
	}
	for _, workers := range []int{1, 3} {
		if got := runGraph(t, graph, 10, Config{Workers: workers}); len(got) != 10*workers {
			t.Fatalf("%d workers: %d rows", workers, len(got))
		}
	}
}

// TestBatch: in batch mode the watermark moves once, and there is one epoch.
func TestBatch(t *testing.T) {
	var moves []int64
	watch := func() operator.Operator {
		return &stateless{advance: func(wm int64, _ operator.Emit) (int64, error) {
			moves = append(moves, wm)
			return wm, nil
		}}
	}
	graph := func(t *topic, s *ledgerSink) *Graph {
		return &Graph{Nodes: []*Node{scan(t), opNode("watch", watch, Input{Node: 0, Ship: Single}), sinkNode(s, Input{Node: 1})}}
	}
	for _, workers := range []int{1, 2} {
		moves = nil
		if got := runGraph(t, graph, 50, Config{Workers: workers, StepRows: 5, Batch: true}); len(got) != 50 {
			t.Fatalf("%d rows", len(got))
		}
		if !slices.Equal(moves, []int64{vec.MaxTime}) {
			t.Fatalf("watermarks %v", moves)
		}
	}
	j := NewJob(JobSpec{Graph: graph(newTopic(1), newLedgerSink(newLedger())), Config: Config{Batch: true}})
	if err := j.Run(context.Background()); err == nil || !strings.Contains(err.Error(), "needs a source that ends") {
		t.Fatal(err)
	}
}
