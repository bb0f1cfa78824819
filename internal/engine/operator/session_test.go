package operator

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

func sessionSpec(gap time.Duration) WindowAggregateSpec {
	return WindowAggregateSpec{
		Input: timedTypes(), Windows: Windows{Kind: Session, Size: gap, TimeCol: 2}, Keys: []int{0},
		TimeType: types.TTimestamp(3), Properties: []WindowProperty{WindowStart, WindowEnd},
	}
}

func TestSessionTwin(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { sessionTwin(t, seed) })
	}
}

// naiveSession is a session, or one that has fired.
type naiveSession struct {
	key         string
	start, last int64
	rows        []timedRow
	fired       bool
}

// naiveSessions goes over the rows one by one.
func naiveSessions(all []timedRow, gap int64) (sessions []*naiveSession, late int64) {
	for _, w := range all {
		for _, s := range sessions {
			s.fired = s.fired || s.last+gap-1 <= w.limit
		}
		home := &naiveSession{key: w.k, start: w.ts, last: w.ts}
		kept := sessions[:0:0]
		for _, s := range sessions {
			if s.key != w.k || s.fired || s.start > w.ts+gap || w.ts > s.last+gap {
				kept = append(kept, s)
				continue
			}
			home.start, home.last = min(home.start, s.start), max(home.last, s.last)
			home.rows = append(home.rows, s.rows...)
		}
		if home.last+gap-1 <= w.limit {
			late++
			continue
		}
		home.rows = append(home.rows, w)
		sessions = append(kept, home)
	}
	return sessions, late
}

func sessionTwin(t *testing.T, seed uint64) {
	const gap = 3000
	spec := sessionSpec(gap * time.Millisecond)
	spec.Calls = []AggCall{call("count"), call("sum", 1), call("max", 1), distinct(call("count", 1))}
	tr := newTrial(t, seed, [2][]types.Field{timedSchema}, func() Operator { return NewSessionAggregate(spec) })
	s := newTimedStream(tr)
	var out []string
	for range 50 {
		out = append(out, s.step(1, func(ts int64) int64 { return ts - ts%100 })...)
	}
	out = append(out, tr.step(vec.MaxTime)...)
	got, want := table{}, table{}
	got.apply(t, out)
	sessions, late := naiveSessions(s.all, gap)
	for _, n := range sessions {
		sum, most, set := int64(0), int64(0), map[int64]bool{}
		for _, w := range n.rows {
			sum, most, set[w.v] = sum+w.v, max(most, w.v), true
		}
		want[fmt.Sprintf("%s %d %d %d %d %gs %gs", n.key, len(n.rows), sum, most, len(set), float64(n.start)/1000, float64(n.last+gap)/1000)]++
	}
	sameTable(t, got, want)
	if n := tr.ctx.Metrics.LateRows; n != late {
		t.Errorf("%d late rows, want %d", n, late)
	}
	if n := tr.ctx.State.Rows(); n > 1 {
		t.Errorf("%d rows are left", n)
	}
}

func TestSessionTVFTwin(t *testing.T) {
	const gap = 3000
	for seed := range uint64(8) {
		spec := WindowTVFSpec{Input: timedTypes(), Windows: sessionSpec(gap * time.Millisecond).Windows, TimeType: types.TTimestamp(3)}
		tr := newTrial(t, seed, [2][]types.Field{timedSchema}, func() Operator { return NewSessionTVF(spec, []int{0}) })
		s := newTimedStream(tr)
		got, want := table{}, table{}
		for range 40 {
			got.apply(t, s.step(1, func(ts int64) int64 { return ts }))
		}
		got.apply(t, tr.step(vec.MaxTime))
		sessions, _ := naiveSessions(s.all, gap)
		for _, n := range sessions {
			for _, w := range n.rows {
				want[fmt.Sprintf("%s %gs %gs %gs", w.cells(), float64(n.start)/1000, float64(n.last+gap)/1000, float64(n.last+gap-1)/1000)]++
			}
		}
		sameTable(t, got, want)
		if n := tr.ctx.State.Rows(); n > 1 {
			t.Errorf("%d rows are left", n)
		}
	}
}

// TestSessionRetracts: rows are taken back from the session of their time, and what
// cannot be taken back is computed from the rest.
func TestSessionRetracts(t *testing.T) {
	spec := sessionSpec(3 * time.Second)
	spec.Retracts = true
	spec.Calls = []AggCall{call("count"), call("sum", 1), call("max", 1), distinct(call("count", 1))}
	for _, moves := range []bool{false, true} {
		tr := newTrial(t, 1, [2][]types.Field{timedSchema}, func() Operator { return NewSessionAggregate(spec) })
		feed := func(lines ...string) {
			tr.feed(0, lines)
			if moves {
				tr.move(t)
			}
		}
		feed("+I 1 5 1s", "+I 1 9 2s", "+I 1 9 2.5s", "+I 2 4 1s")
		feed("-U 1 9 2s", "+U 1 7 8s", "-D 2 4 1s")
		feed("+I 1 6 5s") // makes one of two
		feed("-D 1 9 2.5s")
		out := tr.step(vec.MaxTime)
		if want := []string{"+I 1 3 18 7 3 1s 11s"}; !slices.Equal(out, want) {
			t.Errorf("moves %v: got %s", moves, strings.Join(out, ", "))
		}
	}
}

// TestSessionOfProcessingTime: a session ends a gap after its last step.
func TestSessionOfProcessingTime(t *testing.T) {
	spec := sessionSpec(3 * time.Second)
	spec.Windows.ProcTime = true
	spec.Calls = []AggCall{call("count")}
	tr := newTrial(t, 1, [2][]types.Field{timedSchema}, func() Operator { return NewSessionAggregate(spec) })
	at := func(ms int64) { tr.ctx.Eval.Now = time.UnixMilli(ms).UTC() }
	for _, ms := range []int64{1000, 3000, 6000} {
		at(ms)
		tr.feed(0, []string{"+I 1 1 0s"})
		if out := tr.step(vec.MinTime); out != nil {
			t.Fatal(out)
		}
	}
	for { // the first alarms are those of the session as it was
		next, ok := tr.op.(Alarm).NextAlarm()
		if !ok || next > 9000 {
			t.Fatal(next, ok)
		}
		at(next)
		out := tr.step(vec.MinTime)
		if next < 9000 && out == nil {
			continue
		}
		if len(out) != 1 || out[0] != "+I 1 3 1s 9s" {
			t.Fatal(next, out)
		}
		return
	}
}
