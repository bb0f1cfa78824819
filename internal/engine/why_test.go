package engine

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/millrace/millrace/internal/engine/operator"
	"github.com/millrace/millrace/internal/vec"
)

// TestWhy runs scripts against what a person is told of a job:
//
//	job splits=(n,…) [idle=duration] [drift=duration] [op=tumble|proctime|sort|order|nothing]
//	                   a source for each number, so many splits each, whose union goes through
//	                   a window of 1 min, a sort by time, an ORDER BY, or what passes nothing
//	append [source=k] split=i at=(s,…)   rows with event times in seconds
//	hide [source=k] split=i n=k          the last k rows cannot be read yet
//	step [after=duration]                lets time pass and runs a step
//	state FAILED|FINISHED|…              the job enters a state
//	why | describe
func TestWhy(t *testing.T) {
	datadriven.Walk(t, "testdata/why", func(t *testing.T, path string) {
		s := &whyScript{}
		datadriven.RunTest(t, path, s.do)
	})
}

type whyScript struct {
	now    time.Time
	topics []*topic
	j      *Job
}

func (s *whyScript) do(t *testing.T, d *datadriven.TestData) string {
	arg := func(name, def string) string {
		if d.HasArg(name) {
			d.ScanArgs(t, name, &def)
		}
		return def
	}
	pause := func(name string) time.Duration {
		v, err := time.ParseDuration(arg(name, "0s"))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	number := func(name string) int {
		n, err := strconv.Atoi(arg(name, "0"))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	switch d.Cmd {
	case "job":
		s.now = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
		s.start(t, d, pause("idle"), pause("drift"), arg("op", "tumble"))
	case "append":
		for _, a := range d.CmdArgs {
			if a.Key != "at" {
				continue
			}
			for _, v := range a.Vals {
				at, err := strconv.ParseInt(v, 10, 64)
				s.topics[number("source")].append(number("split"), s.now, row{ts: at * 1000, noTime: err != nil})
			}
		}
	case "hide":
		s.topics[number("source")].mu.splits[number("split")].hidden = number("n")
	case "step":
		s.now = s.now.Add(pause("after"))
		if err := s.j.step(); err != nil {
			t.Fatal(err)
		}
		s.j.publish(true)
	case "state":
		s.j.enter(State(d.CmdArgs[0].Key), errors.New("topic t is gone"))
	case "why":
		st := s.j.Status()
		return st.Why(s.now) + "\n"
	case "describe":
		st := s.j.Status()
		for i := range st.Nodes {
			if n := &st.Nodes[i]; n.State.Rows > 0 {
				n.State.Bytes = 1 << 10 // what it is, is the state's own matter
			}
		}
		return st.Describe(s.now)
	default:
		t.Fatalf("unknown command %s", d.Cmd)
	}
	return ""
}

func (s *whyScript) start(t *testing.T, d *datadriven.TestData, idle, drift time.Duration, op string) {
	s.topics = nil
	g := &Graph{}
	var inputs []Input
	arg, _ := d.Arg("splits")
	for i, text := range arg.Vals {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		s.topics = append(s.topics, newTopic(n))
		src := scan(s.topics[i])
		src.ID = fmt.Sprintf("scan%d", i)
		src.Name = fmt.Sprintf("Source(t%d)", i)
		src.Source.IdleTimeout, src.Source.NullRowTime = idle, SkipWatermark
		if drift > 0 {
			src.Source.Alignment = Alignment{Group: "g", MaxDrift: drift}
		}
		g.Nodes = append(g.Nodes, src)
		inputs = append(inputs, Input{Node: i})
	}
	g.Nodes = append(g.Nodes, opNode("Union", operator.NewUnion, inputs...), opNode("Op", s.operator(t, op), Input{Node: len(inputs)}),
		sinkNode(newLedgerSink(newLedger()), Input{Node: len(inputs) + 1}))
	s.j = NewJob(JobSpec{ID: "1f", Name: "rides", Graph: g, Config: Config{Now: func() time.Time { return s.now }}})
	s.j.ctx = context.Background()
	s.j.enter(Initializing, nil)
	if _, err := s.j.start(); err != nil {
		t.Fatal(err)
	}
	s.j.enter(Running, nil)
}

func (s *whyScript) operator(t *testing.T, op string) func() operator.Operator {
	windows := operator.Windows{Kind: operator.Tumble, Size: time.Minute, TimeCol: 1, ProcTime: op == "proctime"}
	order := []vec.SortKey{{Col: 1}}
	switch op {
	case "sort", "order":
		return func() operator.Operator {
			return operator.NewSort(operator.SortSpec{Input: rowTypes, Order: order, Streaming: op == "sort"})
		}
	case "nothing":
		return func() operator.Operator {
			return &stateless{process: func(int, *vec.Batch, operator.Emit) error { return nil }}
		}
	}
	return func() operator.Operator {
		return operator.NewWindowAggregate(operator.WindowAggregateSpec{
			Input: rowTypes, Windows: windows, Keys: []int{0}, Calls: []operator.AggCall{{Fn: aggregate(t, "COUNT"), Filter: -1}},
			Properties: []operator.WindowProperty{operator.WindowEnd},
		})
	}
}
