package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/internal/engine/operator"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// TestLive: rows of an unbounded source are committed as they come; in between
// the job sleeps, and time alone moves an idle split.
func TestLive(t *testing.T) {
	for _, workers := range []int{1, 2} {
		synctest.Test(t, func(t *testing.T) {
			top, sink := newTopic(2), newLedgerSink(newLedger())
			steps := 0
			g := countGraph(top, sink)
			g.Nodes[0].Source.IdleTimeout = 10 * time.Second
			g.Nodes[1].Make = func(worker int) (operator.Operator, error) {
				return &stateless{advance: func(wm int64, _ operator.Emit) (int64, error) {
					if worker == 0 {
						steps++
					}
					return wm, nil
				}}, nil
			}
			ctx, cancel := context.WithCancel(t.Context())
			j := NewJob(JobSpec{ID: "job", Graph: g, Journal: newMemLog(), Config: Config{Workers: workers}})
			done := make(chan error)
			go func() { done <- j.Run(ctx) }()
			synctest.Wait()
			if s := j.Status(); s.State != Running || s.Progress.Watermark != vec.MinTime {
				t.Fatalf("%+v", s)
			}
			top.append(0, time.Now(), row{key: 1, ts: 50})
			top.append(1, time.Now(), row{key: 1, ts: 40}, row{key: 2, ts: 30})
			synctest.Wait()
			if got := sink.visible(); !slices.Equal(got, []string{"+I 1 1", "+I 1 2", "+I 2 1"}) {
				t.Fatalf("%v", got)
			}
			if p := j.Progress(); p.RowsRead != 3 || p.RowsOut != 3 || p.Watermark != 40 || p.Behind != 0 {
				t.Fatalf("%+v", p)
			}
			before := steps // the job sleeps
			time.Sleep(5 * time.Second)
			top.append(0, time.Now(), row{key: 3, ts: 60})
			time.Sleep(5*time.Second + time.Millisecond)
			synctest.Wait()
			if p := j.Progress(); p.Watermark != 60 {
				t.Fatalf("10 s after the last row of partition 1: %+v", p)
			}
			time.Sleep(time.Hour)
			synctest.Wait()
			if n := steps - before; n > 8 {
				t.Fatalf("%d steps in an hour with one row", n)
			}
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) || j.Status().State != Canceled {
				t.Fatal(err, j.Status().State)
			}
		})
	}
}

// alarmed emits a row at a processing time.
type alarmed struct {
	stateless
	at int64
}

func (a *alarmed) NextAlarm() (int64, bool) { return a.at, a.at != 0 }

// TestAlarm: an operator that waits for processing time gets a step then.
func TestAlarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := newLedgerSink(newLedger())
		a := &alarmed{at: time.Now().Add(time.Minute).UnixMilli()}
		a.advance = func(wm int64, out operator.Emit) (int64, error) {
			if a.at != 0 && time.Now().UnixMilli() >= a.at {
				a.at = 0
				return wm, out(batchOf([]row{{key: 9}}))
			}
			return wm, nil
		}
		g := &Graph{Nodes: []*Node{scan(newTopic(1)), opNode("alarm", func() operator.Operator { return a }, Input{}), sinkNode(sink, Input{Node: 1})}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		j := NewJob(JobSpec{Graph: g})
		go func() { _ = j.Run(ctx) }()
		time.Sleep(59 * time.Second)
		synctest.Wait()
		if len(sink.visible()) != 0 {
			t.Fatal("too early")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if len(sink.visible()) != 1 {
			t.Fatal("not there")
		}
	})
}

// TestErrors: an error names the operator and the row, a panic fails the job and
// not the program.
func TestErrors(t *testing.T) {
	failing := func(n int64) func() operator.Operator {
		return func() operator.Operator {
			return &stateless{process: func(_ int, b *vec.Batch, out operator.Emit) error {
				for i := range b.Len() {
					if r := b.Row(i); b.Cols[2].I64[r] == n {
						return vec.RowErrorf(r, "division by zero")
					}
				}
				return out(b.With(slices.Clone(b.Cols)))
			}}
		}
	}
	direct := func(t *topic, s *ledgerSink) *Graph {
		return &Graph{Nodes: []*Node{scan(t), opNode("Calc", pass, Input{}), opNode("Calc(x)", failing(10), Input{Node: 1}), sinkNode(s, Input{Node: 2})}}
	}
	hashed := func(t *topic, s *ledgerSink) *Graph {
		return &Graph{Nodes: []*Node{scan(t), opNode("Calc(x)", failing(10), Input{Ship: Hash, Keys: []int{0}}), sinkNode(s, Input{Node: 1})}}
	}
	panics := func(t *topic, s *ledgerSink) *Graph {
		op := func() operator.Operator {
			return &stateless{process: func(int, *vec.Batch, operator.Emit) error { panic("oh") }}
		}
		return &Graph{Nodes: []*Node{scan(t), opNode("Agg", op, Input{Ship: Hash, Keys: []int{0}}), sinkNode(s, Input{Node: 1})}}
	}
	for _, c := range []struct {
		graph   func(*topic, *ledgerSink) *Graph
		workers int
		want    string
	}{
		{direct, 1, "Calc(x): topic t, partition 1, offset 3: division by zero"},
		{direct, 2, "Calc(x): topic t, partition 1, offset 3: division by zero"},
		{hashed, 1, "Calc(x): topic t, partition 1, offset 3: division by zero"},
		{hashed, 2, "Calc(x): row +I(1, 1970-01-01 00:00:00.010, 10): division by zero"},
		{panics, 1, "Agg: assertion failed (a mistake in millrace, please report it): oh"},
		{panics, 2, "Agg: assertion failed (a mistake in millrace, please report it): oh"},
	} {
		t.Run(fmt.Sprintf("%d workers, %s", c.workers, c.want), func(t *testing.T) {
			l := newLedger()
			sink := newLedgerSink(l)
			j := NewJob(JobSpec{Graph: c.graph(filledTopic(3, 30, 7), sink), Config: Config{Workers: c.workers}})
			err := j.Run(context.Background())
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Fatalf("%v\nwant %s", err, c.want)
			}
			if !sink.closed || len(l.open)+len(l.committed) > 0 || j.Status().State != Failed || j.Status().Err == nil {
				t.Fatalf("%+v, %+v", l, j.Status())
			}
		})
	}
}

// TestFilter: the filter comes after the watermark, and leaves only what is TRUE.
func TestFilter(t *testing.T) {
	graph := func(t *topic, s *ledgerSink) *Graph {
		n := scan(t)
		n.Source.Filter = func() vec.Expr { return even{} }
		var seen int64
		check := &stateless{advance: func(wm int64, _ operator.Emit) (int64, error) {
			seen = max(seen, wm)
			return wm, nil
		}}
		return &Graph{Nodes: []*Node{n, opNode("check", func() operator.Operator { return check }, Input{}), sinkNode(s, Input{Node: 1})}}
	}
	if got := runGraph(t, graph, 20, Config{}); len(got) != 10 {
		t.Fatalf("%v", got)
	}
}

// even is TRUE for even numbers, and NULL for multiples of three that are odd.
type even struct{}

func (even) Type() types.Type { return types.TBool }

func (even) Eval(_ *vec.EvalContext, b *vec.Batch) (*vec.Vector, error) {
	v := vec.New(types.TBool, b.N, 0)
	for i, n := range b.Cols[2].I64 {
		v.Bool[i] = n%2 == 0
		if n%6 == 3 {
			v.SetNull(i)
		}
	}
	return v, nil
}

// TestValidate: what a planner must not produce is refused before anything runs.
func TestValidate(t *testing.T) {
	sink := newLedgerSink(newLedger())
	for want, g := range map[string]*Graph{
		"has no nodes":                       {},
		`ID "" is empty or taken`:            {Nodes: []*Node{{}}},
		"is 0 of source, operator and sink":  {Nodes: []*Node{{ID: "a"}}},
		"has no input":                       {Nodes: []*Node{{ID: "a", Sink: &SinkSpec{Sink: sink}}}},
		"which does not come before it":      {Nodes: []*Node{scan(newTopic(1)), sinkNode(sink, Input{Node: 1})}},
		"input 0: hash with keys []":         {Nodes: []*Node{scan(newTopic(1)), sinkNode(sink, Input{Ship: Hash})}},
		"input 0: key column 7 of 3":         {Nodes: []*Node{scan(newTopic(1)), sinkNode(sink, Input{Ship: Hash, Keys: []int{7}})}},
		"input 0 is a sink":                  {Nodes: []*Node{scan(newTopic(1)), sinkNode(sink, Input{}), opNode("b", pass, Input{Node: 1})}},
		"200 workers cannot share 128 key g": {Nodes: []*Node{scan(newTopic(1)), sinkNode(sink, Input{})}},
	} {
		err := NewJob(JobSpec{Graph: g, Config: Config{Workers: 200}}).Run(context.Background())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
}
