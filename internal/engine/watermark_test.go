package engine

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/millrace/millrace/internal/engine/operator"
	"github.com/millrace/millrace/internal/vec"
)

// TestWatermark runs scripts against the time of one source:
//
//	job splits=n [less=ms] [idle=duration] [null=fail|drop|skip] [bounded] [drift=duration] [rows=n]
//	                                 a source whose watermark is the event time less some ms; with
//	                                 drift its splits are aligned, with rows so many are read in a step
//	append split=i ts=(…)            rows; "-" has no event time
//	hide split=i n=k                 the last k rows cannot be read yet
//	step [after=duration]            lets time pass, runs a step and prints what came out of it
//	restart                          commits, and goes on from the journal
//
// A row is printed as its event time @ the watermark before it.
func TestWatermark(t *testing.T) {
	datadriven.Walk(t, "testdata/watermark", func(t *testing.T, path string) {
		s := &timeScript{}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			out, err := s.do(t, d)
			if err != nil {
				return out + "error: " + err.Error() + "\n"
			}
			return out
		})
	})
}

type timeScript struct {
	now     time.Time
	spec    JobSpec
	topic   *topic
	journal *memLog
	ledger  *ledger
	j       *Job
	seen    strings.Builder
}

func (s *timeScript) do(t *testing.T, d *datadriven.TestData) (string, error) {
	arg := func(name, def string) string {
		if d.HasArg(name) {
			d.ScanArgs(t, name, &def)
		}
		return def
	}
	number := func(name string) int {
		n, err := strconv.Atoi(arg(name, "0"))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	pause := func(name string) time.Duration {
		v, err := time.ParseDuration(arg(name, "0s"))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	switch d.Cmd {
	case "job":
		s.now = time.Unix(1000, 0)
		s.topic, s.journal, s.ledger = newTopic(number("splits")), newMemLog(), newLedger()
		s.topic.bounded = d.HasArg("bounded")
		spec := &SourceSpec{
			Table: "t", Source: s.topic, Columns: []int{0, 1, 2}, RowTime: 1, Watermark: watermarkExpr(int64(number("less"))),
			NullRowTime: map[string]NullRowTime{"fail": Fail, "drop": Drop, "skip": SkipWatermark}[arg("null", "fail")], IdleTimeout: pause("idle"),
		}
		if d.HasArg("drift") {
			spec.Alignment = Alignment{Group: "g", MaxDrift: pause("drift")}
		}
		s.spec = s.jobSpec(spec)
		s.spec.Config.StepRows = number("rows")
		return "", s.start()
	case "append":
		for _, a := range d.CmdArgs {
			if a.Key != "ts" {
				continue
			}
			for _, v := range a.Vals {
				ts, err := strconv.ParseInt(v, 10, 64)
				s.topic.append(number("split"), s.now, row{ts: ts, noTime: err != nil})
			}
		}
		return "", nil
	case "hide":
		s.topic.mu.splits[number("split")].hidden = number("n")
		return "", nil
	case "step":
		s.now = s.now.Add(pause("after"))
		return s.step()
	case "restart":
		if err := s.j.cut(false); err != nil {
			return "", err
		}
		if err := s.j.land(true); err != nil {
			return "", err
		}
		return "", s.start()
	}
	return "", fmt.Errorf("unknown command %q", d.Cmd)
}

func (s *timeScript) jobSpec(spec *SourceSpec) JobSpec {
	show := &stateless{process: func(_ int, b *vec.Batch, _ operator.Emit) error {
		for i := range b.Len() {
			r := b.Row(i)
			fmt.Fprintf(&s.seen, " %v@%s", vecTime(b, r), showTime(b.Before[r]))
		}
		return nil
	}}
	g := &Graph{Nodes: []*Node{
		{ID: "scan", Name: "scan", Types: rowTypes, Source: spec},
		{ID: "show", Name: "show", Types: rowTypes, Inputs: []Input{{}}, Make: made(func() operator.Operator { return show })},
		{ID: "sink", Name: "sink", Inputs: []Input{{Node: 1}}, Sink: &SinkSpec{Sink: newLedgerSink(newLedger())}},
	}}
	return JobSpec{ID: "job", Graph: g, Journal: s.journal, Config: Config{Now: func() time.Time { return s.now }}}
}

func vecTime(b *vec.Batch, r int) string {
	if b.Cols[1].IsNull(r) {
		return "-"
	}
	return strconv.FormatInt(b.Cols[1].I64[r], 10)
}

func showTime(v int64) string {
	switch v {
	case vec.MinTime:
		return "min"
	case vec.MaxTime:
		return "end"
	}
	return strconv.FormatInt(v, 10)
}

func (s *timeScript) start() error {
	s.j = NewJob(s.spec)
	s.j.ctx = context.Background()
	_, err := s.j.start()
	return err
}

func (s *timeScript) step() (string, error) {
	s.seen.Reset()
	if err := s.j.step(); err != nil {
		return "", err
	}
	out := "rows:" + s.seen.String() + "\nsplits:"
	for _, sp := range s.j.splits[0] {
		out += " " + showTime(sp.mark().watermark)
		if sp.idle {
			out += " idle"
		}
		if sp.held {
			out += " held"
		}
	}
	m := s.j.nodeMark(0)
	out += "\nwatermark: " + showTime(m.out.watermark)
	if m.out.idle {
		out += " idle"
	}
	if n := m.counters[nullTimeRows]; n > 0 {
		out += fmt.Sprintf("\nrows without time: %d", n)
	}
	if s.j.released() {
		out += "\nsteps again"
	}
	if at, ok := s.j.alarm(); ok {
		out += fmt.Sprintf("\nwakes in %s", at.Sub(s.now))
	}
	return out + "\n", nil
}
