package operator

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

func TestWindowTopNTwin(t *testing.T) {
	for _, youngest := range []bool{false, true} {
		for seed := range uint64(10) {
			t.Run(fmt.Sprintf("%v/%d", youngest, seed), func(t *testing.T) { windowTopNTwin(t, seed, youngest) })
		}
	}
}

// The rows' third column is the end of their window.
func windowTopNTwin(t *testing.T, seed uint64, youngest bool) {
	spec := WindowTopNSpec{
		Input: timedTypes(), Partition: []int{0}, End: 2, Order: []vec.SortKey{{Col: 1, Desc: true, NullsLast: true}},
		First: 1 + int64(seed%2), Last: 2 + int64(seed%3), RankNumber: seed%2 == 0, Youngest: youngest,
	}
	tr := newTrial(t, seed, [2][]types.Field{timedSchema}, func() Operator { return NewWindowTopN(spec) })
	s := newTimedStream(tr)
	got, want := table{}, table{}
	end := func(ts int64) int64 { return floorTo(ts, 0, 4000) + 4000 }
	for range 40 {
		got.apply(t, s.step(1, end))
	}
	got.apply(t, tr.step(vec.MaxTime))
	windows := map[string][]timedRow{}
	late := int64(0)
	for _, w := range s.all {
		if w.ts-1 <= w.limit {
			late++
			continue
		}
		k := fmt.Sprint(w.k, " ", w.ts)
		windows[k] = append(windows[k], w)
	}
	for _, rows := range windows {
		if youngest {
			slices.Reverse(rows)
		}
		slices.SortStableFunc(rows, func(a, b timedRow) int { return cmp.Compare(b.v, a.v) })
		for i, w := range rows {
			rank := int64(i) + 1
			if rank < spec.First || rank > spec.Last {
				continue
			}
			row := w.cells()
			if spec.RankNumber {
				row += fmt.Sprint(" ", rank)
			}
			want[row]++
		}
	}
	sameTable(t, got, want)
	if n := tr.ctx.Metrics.LateRows; n != late {
		t.Errorf("%d late rows, want %d", n, late)
	}
	if n := tr.ctx.State.Rows(); n > 1 {
		t.Errorf("%d rows are left", n)
	}
}
