package operator

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// timedRow is a row of a random stream with two sides, and the watermark before it.
type timedRow struct {
	port  int
	k     string
	v     int64
	ts    int64
	limit int64
}

func (w timedRow) line() string {
	text := fmt.Sprintf("+I %s %d %gs", w.k, w.v, float64(w.ts)/1000)
	if w.limit != vec.MinTime {
		text += fmt.Sprintf(" before=%gs", float64(w.limit)/1000)
	}
	return text
}

func (w timedRow) cells() string { return fmt.Sprintf("%s %d %gs", w.k, w.v, float64(w.ts)/1000) }

// timedStream makes rows whose times are out of order, of which some are late.
type timedStream struct {
	tr      *trial
	top, wm int64
	serial  int64
	all     []timedRow
}

func newTimedStream(tr *trial) *timedStream { return &timedStream{tr: tr, wm: vec.MinTime} }

// step feeds a step's rows, side by side and in the order of ports, and ends it.
func (s *timedStream) step(ports int, time func(ts int64) int64) []string {
	r := s.tr.r
	lines := make([][]string, ports)
	for range r.IntN(25) {
		s.top += r.Int64N(1500)
		s.serial++
		w := timedRow{port: r.IntN(ports), k: fmt.Sprint(r.IntN(3)), v: r.Int64N(6), limit: s.wm}
		w.ts = time(s.top - r.Int64N(16000))
		if r.IntN(12) == 0 {
			w.k = "NULL"
		}
		lines[w.port] = append(lines[w.port], w.line())
		s.all = append(s.all, w)
		s.wm = max(s.wm, s.top-6000)
	}
	for port := range lines {
		s.tr.feed(port, lines[port])
	}
	return s.tr.step(s.wm)
}

// sameTable compares two tables and shows where they differ.
func sameTable(t *testing.T, got, want table) {
	t.Helper()
	if maps.Equal(got, want) {
		return
	}
	diff := table{}
	for row, n := range got {
		diff[row] += n
	}
	for row, n := range want {
		if diff[row] -= n; diff[row] == 0 {
			delete(diff, row)
		}
	}
	t.Fatalf("too many (or, below 0, too few) of: %v", diff)
}

var timedSchema = fields("k BIGINT, v BIGINT, ts TIMESTAMP")

func timedTypes() []types.Type {
	return []types.Type{types.TBigInt, types.TBigInt, types.TTimestamp(3)}
}

func TestIntervalJoinTwin(t *testing.T) {
	for kind := InnerJoin; kind <= FullJoin; kind++ {
		for seed := range uint64(12) {
			t.Run(fmt.Sprintf("%d/%d", kind, seed), func(t *testing.T) { intervalTwin(t, seed, kind) })
		}
	}
}

func intervalTwin(t *testing.T, seed uint64, kind JoinKind) {
	bounds := [][2]int64{{-4000, 2000}, {0, 5000}, {-3000, -1000}, {1000, 6000}}[seed%4]
	spec := IntervalJoinSpec{
		Kind: kind, Left: timedTypes(), Right: timedTypes(), LeftKeys: []int{0}, RightKeys: []int{0},
		LeftTime: 2, RightTime: 2, Lower: bounds[0], Upper: bounds[1],
	}
	if seed%3 == 0 {
		spec.Residual = compare{left: 1, op: "<", right: 4}
	}
	tr := newTrial(t, seed, [2][]types.Field{timedSchema, timedSchema}, func() Operator { return NewIntervalJoin(spec) })
	s := newTimedStream(tr)
	got := table{}
	most := 0
	for range 60 {
		got.apply(t, s.step(2, func(ts int64) int64 { return ts }))
		most = max(most, tr.ctx.State.Rows())
	}
	got.apply(t, tr.step(vec.MaxTime))
	sameTable(t, got, naiveInterval(spec, s.all))
	if n := tr.ctx.State.Rows(); n > 1 {
		t.Errorf("%d rows are left", n)
	}
	if most > len(s.all)/3 {
		t.Errorf("%d of %d rows were in state at once", most, len(s.all))
	}
}

func naiveInterval(spec IntervalJoinSpec, rows []timedRow) table {
	out := table{}
	matched := make([]bool, len(rows))
	reach := [2]int64{-spec.Lower, spec.Upper}
	for i, b := range rows {
		for j, a := range rows[:i] {
			if a.port == b.port || a.k != b.k || a.k == "NULL" {
				continue
			}
			l, r := a, b
			if a.port == 1 {
				l, r = b, a
			}
			if d := l.ts - r.ts; d < spec.Lower || d > spec.Upper || spec.Residual != nil && l.v >= r.v {
				continue
			}
			there := a.ts+reach[a.port] >= b.limit || a.limit == b.limit && b.ts+reach[b.port] >= b.limit
			if there {
				matched[i], matched[j] = true, true
				out[l.cells()+" "+r.cells()]++
			}
		}
	}
	for i, w := range rows {
		switch {
		case matched[i]:
		case w.port == 0 && (spec.Kind == LeftJoin || spec.Kind == FullJoin):
			out[w.cells()+" NULL NULL NULL"]++
		case w.port == 1 && (spec.Kind == RightJoin || spec.Kind == FullJoin):
			out["NULL NULL NULL "+w.cells()]++
		}
	}
	return out
}

func TestWindowJoinTwin(t *testing.T) {
	for kind := InnerJoin; kind <= AntiJoin; kind++ {
		for seed := range uint64(8) {
			t.Run(fmt.Sprintf("%d/%d", kind, seed), func(t *testing.T) { windowJoinTwin(t, seed, kind) })
		}
	}
}

// The rows' third column is the end of their window.
func windowJoinTwin(t *testing.T, seed uint64, kind JoinKind) {
	spec := WindowJoinSpec{
		Kind: kind, Left: timedTypes(), Right: timedTypes(), LeftKeys: []int{0}, RightKeys: []int{0}, LeftEnd: 2, RightEnd: 2,
	}
	if seed%2 == 0 {
		spec.Residual = compare{left: 1, op: "<", right: 4}
	}
	if seed%4 == 1 {
		spec.NullSafe = []bool{true}
	}
	tr := newTrial(t, seed, [2][]types.Field{timedSchema, timedSchema}, func() Operator { return NewWindowJoin(spec) })
	s := newTimedStream(tr)
	got := table{}
	end := func(ts int64) int64 { return floorTo(ts, 0, 4000) + 4000 }
	for range 40 {
		got.apply(t, s.step(2, end))
	}
	got.apply(t, tr.step(vec.MaxTime))
	want, late := naiveWindowJoin(spec, s.all)
	sameTable(t, got, want)
	if n := tr.ctx.Metrics.LateRows; n != late {
		t.Errorf("%d late rows, want %d", n, late)
	}
	if n := tr.ctx.State.Rows(); n > 1 {
		t.Errorf("%d rows are left", n)
	}
}

func naiveWindowJoin(spec WindowJoinSpec, all []timedRow) (table, int64) {
	late := int64(0)
	sides := map[string][2][]string{} // by window, key
	lines := map[string][2][]int64{}
	for _, w := range all {
		if w.ts-1 <= w.limit {
			late++
			continue
		}
		k := fmt.Sprint(w.ts, " ", w.k)
		if w.k == "NULL" && spec.NullSafe == nil {
			k = fmt.Sprint("alone ", len(sides), " ", w.cells())
		}
		s, v := sides[k], lines[k]
		s[w.port], v[w.port] = append(s[w.port], w.cells()), append(v[w.port], w.v)
		sides[k], lines[k] = s, v
	}
	out := table{}
	for k, s := range sides {
		v := lines[k]
		matched := make([]bool, len(s[1]))
		for i, l := range s[0] {
			any := false
			for j, r := range s[1] {
				if spec.Residual != nil && v[0][i] >= v[1][j] {
					continue
				}
				any, matched[j] = true, true
				if spec.Kind < SemiJoin {
					out[l+" "+r]++
				}
			}
			switch {
			case spec.Kind == SemiJoin && any, spec.Kind == AntiJoin && !any:
				out[l]++
			case !any && (spec.Kind == LeftJoin || spec.Kind == FullJoin):
				out[l+" NULL NULL NULL"]++
			}
		}
		for j, r := range s[1] {
			if !matched[j] && (spec.Kind == RightJoin || spec.Kind == FullJoin) {
				out["NULL NULL NULL "+r]++
			}
		}
	}
	return out, late
}

// TestIntervalJoinOfProcessingTime: the rows of a step are of its time, and an alarm
// wakes the join when a row goes alone.
func TestIntervalJoinOfProcessingTime(t *testing.T) {
	spec := IntervalJoinSpec{
		Kind: LeftJoin, Left: timedTypes(), Right: timedTypes(), LeftKeys: []int{0}, RightKeys: []int{0}, ProcTime: true, Lower: -2000, Upper: 0,
	}
	tr := newTrial(t, 1, [2][]types.Field{timedSchema, timedSchema}, func() Operator { return NewIntervalJoin(spec) })
	at := func(ms int64) { tr.ctx.Eval.Now = time.UnixMilli(ms) }
	at(1000)
	tr.feed(0, []string{"+I 1 1 0s", "+I 2 2 0s"})
	if out := tr.step(vec.MinTime); out != nil {
		t.Fatal(out)
	}
	at(3000)
	tr.feed(1, []string{"+I 1 7 0s"})
	if out := tr.step(vec.MinTime); len(out) != 1 || out[0] != "+I 1 1 0s 1 7 0s" {
		t.Fatal(out)
	}
	if next, ok := tr.op.(Alarm).NextAlarm(); !ok || next != 3001 {
		t.Fatal(next, ok)
	}
	at(3001)
	if out := tr.step(vec.MinTime); len(out) != 1 || out[0] != "+I 2 2 0s NULL NULL NULL" {
		t.Fatal(out)
	}
	tr.feed(1, []string{"+I 2 8 0s"})
	if out := tr.step(vec.MinTime); out != nil {
		t.Fatal(out)
	}
}
