package operator

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

func TestOverTwin(t *testing.T) {
	for _, rows := range []bool{true, false} {
		for _, preceding := range []int64{-1, 0, 3, 2500} {
			if rows && preceding > 100 || !rows && preceding == 3 {
				continue
			}
			for seed := range uint64(5) {
				t.Run(fmt.Sprintf("%v/%d/%d", rows, preceding, seed), func(t *testing.T) { overTwin(t, seed, rows, preceding) })
			}
		}
	}
}

func overTwin(t *testing.T, seed uint64, rows bool, preceding int64) {
	spec := OverSpec{
		Input: timedTypes(), Partition: []int{0}, TimeCol: 2, Rows: rows, Preceding: preceding,
		Calls: []AggCall{call("count"), call("sum", 1), call("max", 1), distinct(call("count", 1)), distinct(call("max", 1))},
	}
	tr := newTrial(t, seed, [2][]types.Field{timedSchema}, func() Operator { return NewOver(spec) })
	s := newTimedStream(tr)
	var out []string
	for range 40 {
		out = append(out, s.step(1, func(ts int64) int64 { return ts - ts%500 })...)
	}
	out = append(out, tr.step(vec.MaxTime)...)
	got, want := table{}, table{}
	got.apply(t, out)
	var kept []timedRow
	for _, w := range s.all {
		if w.ts > w.limit {
			kept = append(kept, w)
		}
	}
	slices.SortStableFunc(kept, func(a, b timedRow) int { return cmp.Compare(a.ts, b.ts) })
	for i, w := range kept {
		var frame []timedRow
		for j, o := range kept {
			if o.k == w.k && (j <= i || !rows && o.ts == w.ts) {
				frame = append(frame, o)
			}
		}
		switch {
		case preceding < 0:
		case rows:
			frame = frame[max(0, len(frame)-int(preceding)-1):]
		default:
			frame = slices.DeleteFunc(frame, func(o timedRow) bool { return o.ts < w.ts-preceding })
		}
		sum, most, set := int64(0), int64(0), map[int64]bool{}
		for _, o := range frame {
			sum, most, set[o.v] = sum+o.v, max(most, o.v), true
		}
		want[fmt.Sprintf("%s %d %d %d %d %d", w.cells(), len(frame), sum, most, len(set), most)]++
	}
	sameTable(t, got, want)
	if late := int64(len(s.all) - len(kept)); tr.ctx.Metrics.LateRows != late {
		t.Errorf("%d late rows, want %d", tr.ctx.Metrics.LateRows, late)
	}
	limit := map[bool]int{true: 4*(int(preceding)+1) + 32, false: 1}[rows] // partitions, their frames and arguments
	if n := tr.ctx.State.Rows(); preceding >= 0 && n > limit {
		t.Errorf("%d rows are left", n)
	}
}

// TestOverRanks: ROW_NUMBER, RANK, DENSE_RANK and LAG, with the state moved between
// steps.
func TestOverRanks(t *testing.T) {
	lag := AggCall{Fn: NewLag(types.TBigInt, 2), Args: []int{1}, Filter: -1}
	spec := OverSpec{Input: timedTypes(), TimeCol: 2, Rows: true, Preceding: -1, Calls: []AggCall{
		{Fn: NewRowNumber(), Filter: -1}, {Fn: NewRank(types.TTimestamp(3), false), Args: []int{2}, Filter: -1},
		{Fn: NewRank(types.TTimestamp(3), true), Args: []int{2}, Filter: -1}, lag,
	}}
	for _, moves := range []bool{false, true} {
		tr := newTrial(t, 1, [2][]types.Field{timedSchema}, func() Operator { return NewOver(spec) })
		var out []string
		tr.feed(0, []string{"+I 1 10 2s", "+I 1 11 1s", "+I 2 12 2s"})
		out = append(out, tr.step(2000)...)
		if moves {
			tr.move(t)
		}
		tr.feed(0, []string{"+I 1 13 3s", "+I 1 NULL 4s", "+I 1 15 4s"})
		out = append(out, tr.step(4000)...)
		want := []string{
			"+I 1 11 1s 1 1 1 NULL", "+I 1 10 2s 2 2 2 NULL", "+I 2 12 2s 3 2 2 11",
			"+I 1 13 3s 4 4 3 10", "+I 1 NULL 4s 5 5 4 12", "+I 1 15 4s 6 5 4 13",
		}
		if !slices.Equal(out, want) {
			t.Errorf("moves %v: %q", moves, out)
		}
	}
}

// TestOverOfProcessingTime: rows are emitted in the step in which they come.
func TestOverOfProcessingTime(t *testing.T) {
	spec := OverSpec{Input: timedTypes(), Partition: []int{0}, ProcTime: true, Preceding: 1000, Calls: []AggCall{call("count")}}
	tr := newTrial(t, 1, [2][]types.Field{timedSchema}, func() Operator { return NewOver(spec) })
	at := func(ms int64) { tr.ctx.Eval.Now = time.UnixMilli(ms) }
	at(1000)
	tr.feed(0, []string{"+I 1 1 0s", "+I 1 2 0s"})
	if out := tr.step(vec.MinTime); !slices.Equal(out, []string{"+I 1 1 0s 2", "+I 1 2 0s 2"}) {
		t.Fatal(out)
	}
	at(1999)
	tr.feed(0, []string{"+I 1 3 0s"})
	if out := tr.step(vec.MinTime); !slices.Equal(out, []string{"+I 1 3 0s 3"}) {
		t.Fatal(out)
	}
	at(2500)
	tr.feed(0, []string{"+I 1 4 0s"})
	if out := tr.step(vec.MinTime); !slices.Equal(out, []string{"+I 1 4 0s 2"}) {
		t.Fatal(out)
	}
}
