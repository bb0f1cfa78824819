package operator

import (
	"fmt"
	"testing"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

func TestTemporalJoinTwin(t *testing.T) {
	for _, kind := range []JoinKind{InnerJoin, LeftJoin} {
		for seed := range uint64(12) {
			t.Run(fmt.Sprintf("%d/%d", kind, seed), func(t *testing.T) { temporalTwin(t, seed, kind) })
		}
	}
}

// temporalTwin feeds rows and versions that are never late, in any order of ports;
// a version with v = 0 is a deletion.
func temporalTwin(t *testing.T, seed uint64, kind JoinKind) {
	spec := TemporalJoinSpec{
		Kind: kind, Left: timedTypes(), Right: timedTypes(), LeftKeys: []int{0}, RightKeys: []int{0}, LeftTime: 2, RightTime: 2,
	}
	if seed%3 == 0 {
		spec.Residual = compare{left: 1, op: "<", right: 4}
	}
	tr := newTrial(t, seed, [2][]types.Field{timedSchema, timedSchema}, func() Operator { return NewTemporalJoin(spec) })
	var lefts []timedRow
	versions := map[string]timedRow{} // by key and time
	got := table{}
	wm, top := int64(0), int64(0)
	for range 60 {
		var lines [2][]string
		for range tr.r.IntN(14) {
			w := timedRow{port: tr.r.IntN(2), k: fmt.Sprint(tr.r.IntN(3)), v: tr.r.Int64N(6), ts: wm + 1 + tr.r.Int64N(6000)}
			top = max(top, w.ts)
			line := fmt.Sprintf("+I %s", w.cells())
			if w.port == 0 {
				if tr.r.IntN(10) == 0 {
					w.k = "NULL"
					line = fmt.Sprintf("+I %s", w.cells())
				}
				lefts = append(lefts, w)
			} else {
				if w.v == 0 {
					line = fmt.Sprintf("-D %s", w.cells())
				}
				versions[fmt.Sprint(w.k, " ", w.ts)] = w
			}
			lines[w.port] = append(lines[w.port], line)
		}
		first := tr.r.IntN(2)
		tr.feed(first, lines[first])
		tr.feed(1-first, lines[1-first])
		wm = max(wm, top-3000)
		got.apply(t, tr.step(wm))
		if n := tr.ctx.State.Tables()[1].Len(); n > 3+60 {
			t.Fatalf("%d versions are kept", n)
		}
	}
	got.apply(t, tr.step(vec.MaxTime))
	want := table{}
	for _, l := range lefts {
		var at *timedRow
		for _, v := range versions {
			if v.k == l.k && v.ts <= l.ts && (at == nil || v.ts > at.ts) {
				at = &v
			}
		}
		if at != nil && (at.v == 0 || spec.Residual != nil && l.v >= at.v) {
			at = nil
		}
		switch {
		case at != nil:
			want[l.cells()+" "+at.cells()]++
		case kind == LeftJoin:
			want[l.cells()+" NULL NULL NULL"]++
		}
	}
	sameTable(t, got, want)
	if n := tr.ctx.State.Rows(); n > 3+1 {
		t.Errorf("%d rows are left", n)
	}
}
