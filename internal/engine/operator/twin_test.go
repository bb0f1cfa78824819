package operator

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// The naive twins: what an operator emits for random input, in random steps and
// batches, with its state moved now and then, against a few lines over Go maps.

// trial drives an operator with random batches and steps.
type trial struct {
	*bench
	t     *testing.T
	r     *rand.Rand
	still bool // the state is not moved
}

func newTrial(t *testing.T, seed uint64, schemas [2][]types.Field, makeOp func() Operator) *trial {
	tr := &trial{bench: &bench{schemas: schemas, make: makeOp}, t: t, r: rand.New(rand.NewPCG(seed, 7))}
	tr.open(t)
	return tr
}

// feed gives lines to a port, in random batches.
func (tr *trial) feed(port int, lines []string) {
	tr.t.Helper()
	for len(lines) > 0 {
		n := 1 + tr.r.IntN(len(lines))
		if err := tr.op.Process(port, spread(parseRows(tr.types(port), lines[:n])), tr.emit); err != nil {
			tr.t.Fatal(err)
		}
		lines = lines[n:]
	}
}

// step ends a step, moves the state at random, and takes the output.
func (tr *trial) step(wm int64) []string {
	tr.t.Helper()
	if _, err := tr.op.Advance(wm, tr.emit); err != nil {
		tr.t.Fatal(err)
	}
	if tr.r.IntN(3) == 0 && !tr.still {
		tr.move(tr.t)
	} else {
		tr.deltas = append(tr.deltas, tr.ctx.State.AppendDelta(nil))
	}
	out := strings.Split(strings.TrimSpace(tr.out.String()), "\n")
	tr.out.Reset()
	if out[0] == "" {
		return nil
	}
	return out
}

func fields(s string) []types.Field {
	var out []types.Field
	for _, col := range strings.Split(s, ", ") {
		name, typ, _ := strings.Cut(col, " ")
		out = append(out, types.Field{Name: name, Type: typeNames[typ]})
	}
	return out
}

func call(name string, args ...int) AggCall {
	in := make([]types.Type, len(args))
	for i := range in {
		in[i] = types.TBigInt
	}
	return AggCall{Fn: aggregate(name, in...), Args: args, Filter: -1}
}

func distinct(c AggCall) AggCall {
	c.Distinct = true
	return c
}

type winKey struct {
	end int64
	key int
}

func TestWindowTwin(t *testing.T) {
	for _, w := range []struct {
		kind        WindowKind
		size, slide int64
	}{
		{Tumble, 10, 10}, {Hop, 10, 2}, {Hop, 7, 3}, {Hop, 40, 1}, {Hop, 100, 1}, {Hop, 64, 2}, {Hop, 33, 2}, {Cumulate, 12, 3},
	} {
		for seed := range uint64(3) {
			t.Run(fmt.Sprintf("%d-%d-%d/%d", w.kind, w.size, w.slide, seed), func(t *testing.T) {
				windowTwin(t, seed, w.kind, w.size, w.slide)
			})
		}
	}
}

func windowTwin(t *testing.T, seed uint64, kind WindowKind, size, slide int64) {
	spec := WindowAggregateSpec{
		Windows: Windows{Kind: kind, Size: time.Duration(size) * time.Second, Slide: time.Duration(slide) * time.Second, Offset: time.Second, TimeCol: 2},
		Keys:    []int{0}, Calls: []AggCall{call("count"), call("sum", 1), call("max", 1), distinct(call("count", 1))},
		Properties: []WindowProperty{WindowEnd},
	}
	schema := fields("k BIGINT, v BIGINT, ts TIMESTAMP")
	for _, f := range schema {
		spec.Input = append(spec.Input, f.Type)
	}
	tr := newTrial(t, seed, [2][]types.Field{schema}, func() Operator { return NewWindowAggregate(spec) })
	want := map[winKey][]int64{}
	late := int64(0)
	wm, top := vec.MinTime, int64(0)
	var got []string
	for range 40 {
		var lines []string
		for range tr.r.IntN(30) {
			top += tr.r.Int64N(1500)
			ts, k, v := top-tr.r.Int64N(20000), tr.r.IntN(4), tr.r.Int64N(5)
			before := fmt.Sprintf(" before=%gs", float64(wm)/1000)
			if wm == vec.MinTime {
				before = ""
			}
			lines = append(lines, fmt.Sprintf("+I %d %d %gs%s", k, v, float64(ts)/1000, before))
			counted := false
			for _, end := range naiveWindows(kind, ts, size*1000, slide*1000, 1000) {
				if end-1 > wm {
					want[winKey{end, k}] = append(want[winKey{end, k}], v)
					counted = true
				}
			}
			if !counted {
				late++
			}
			wm = max(wm, top-5000)
		}
		tr.feed(0, lines)
		got = append(got, tr.step(wm)...)
	}
	got = append(got, tr.step(vec.MaxTime)...)
	compareWindows(t, got, want)
	if n := tr.ctx.Metrics.LateRows; n != late {
		t.Errorf("%d late rows, want %d", n, late)
	}
	for _, tab := range tr.ctx.State.Tables() {
		if tab.Len() > 0 && tab.Name() != "clock" {
			t.Errorf("%d rows are left in %s", tab.Len(), tab.Name())
		}
	}
}

// naiveWindows are the ends of the windows that contain a time.
func naiveWindows(kind WindowKind, ts, size, slide, offset int64) (ends []int64) {
	const second = 1000
	for end := floorTo(ts, 0, second); end <= ts+size; end += second {
		var in bool
		switch kind {
		case Tumble:
			in = (end-offset)%size == 0 && end-size <= ts && ts < end
		case Hop:
			in = (end-size-offset)%slide == 0 && end-size <= ts && ts < end
		case Cumulate:
			in = (end-offset)%slide == 0 && floorTo(end-1, offset, size) <= ts && ts < end
		}
		if in {
			ends = append(ends, end)
		}
	}
	return ends
}

func compareWindows(t *testing.T, got []string, want map[winKey][]int64) {
	t.Helper()
	last, seen := vec.MinTime, map[winKey]bool{}
	for _, line := range got {
		var k winKey
		var count, sum, most, values int64
		var end float64
		if _, err := fmt.Sscanf(line, "+I %d %d %d %d %d %gs", &k.key, &count, &sum, &most, &values, &end); err != nil {
			t.Fatal(line, err)
		}
		k.end = int64(end * 1000)
		if k.end < last {
			t.Fatalf("window %d after window %d", k.end, last)
		}
		last = k.end
		rows := want[k]
		total, largest, set := int64(0), int64(0), map[int64]bool{}
		for _, v := range rows {
			total, largest, set[v] = total+v, max(largest, v), true
		}
		if seen[k] || count != int64(len(rows)) || sum != total || most != largest || values != int64(len(set)) {
			t.Fatalf("got %s, want rows %v", line, rows)
		}
		seen[k] = true
	}
	if len(seen) != len(want) {
		t.Fatalf("%d windows, want %d", len(seen), len(want))
	}
}

// table is what a changelog makes: rows with counts.
type table map[string]int

// apply applies a changelog; what it takes away must be there.
func (m table) apply(t *testing.T, lines []string) {
	t.Helper()
	for _, l := range lines {
		kind, row, _ := strings.Cut(l, " ")
		if kindNames[kind].Adds() {
			m[row]++
			continue
		}
		if m[row] == 0 {
			t.Fatalf("%s: there is no such row in %v", l, m)
		}
		if m[row]--; m[row] == 0 {
			delete(m, row)
		}
	}
}

// changelog makes random rows and takes away some that it made.
type changelog struct {
	rows []string
}

func (c *changelog) next(r *rand.Rand, row func() string) string {
	if len(c.rows) > 0 && r.IntN(5) < 2 {
		i := r.IntN(len(c.rows))
		out := c.rows[i]
		c.rows = slices.Delete(c.rows, i, i+1)
		return []string{"-D ", "-U "}[r.IntN(2)] + out
	}
	out := row()
	c.rows = append(c.rows, out)
	return []string{"+I ", "+U "}[r.IntN(2)] + out
}

func TestGroupTwin(t *testing.T) {
	for seed := range uint64(12) {
		for _, mode := range []string{"eager", "fold", "final"} {
			t.Run(fmt.Sprintf("%s/%d", mode, seed), func(t *testing.T) { groupTwin(t, seed, mode) })
		}
	}
}

func groupTwin(t *testing.T, seed uint64, mode string) {
	most := call("max", 1)
	if seed%2 == 0 {
		most.Fn = selecting{most.Fn}
	}
	calls := []AggCall{call("count"), call("sum", 1), most, distinct(call("count", 1))}
	if seed%3 == 0 {
		calls = slices.Delete(calls, 2, 3) // all can retract: whole batches at once
	}
	schema := fields("k BIGINT, v BIGINT")
	spec := GroupAggregateSpec{
		Input: []types.Type{types.TBigInt, types.TBigInt}, Keys: []int{0}, Calls: calls,
		Retracts: true, NeedUpdateBefore: true, Fold: mode == "fold", FinalOnly: mode == "final",
	}
	tr := newTrial(t, seed, [2][]types.Field{schema}, func() Operator { return NewGroupAggregate(spec) })
	var input changelog
	result := table{}
	for n := range 60 {
		var lines []string
		for range tr.r.IntN(20) {
			lines = append(lines, input.next(tr.r, func() string { return fmt.Sprintf("%d %d", tr.r.IntN(4), tr.r.IntN(6)) }))
		}
		tr.feed(0, lines)
		wm := int64(n)
		if mode == "final" && n == 59 {
			wm = vec.MaxTime
		}
		result.apply(t, tr.step(wm))
		want := naiveGroups(input.rows, len(calls) == 4)
		if mode == "final" && wm != vec.MaxTime {
			want = table{}
		}
		if !maps.Equal(result, want) {
			t.Fatalf("step %d: %v, want %v", n, result, want)
		}
	}
}

func naiveGroups(rows []string, withMax bool) table {
	groups := map[string][]int{}
	for _, l := range rows {
		var k string
		var v int
		fmt.Sscan(l, &k, &v)
		groups[k] = append(groups[k], v)
	}
	out := table{}
	for k, vs := range groups {
		sum, set := 0, map[int]bool{}
		for _, v := range vs {
			sum, set[v] = sum+v, true
		}
		row := fmt.Sprintf("%s %d %d ", k, len(vs), sum)
		if withMax {
			row += fmt.Sprintf("%d ", slices.Max(vs))
		}
		out[row+fmt.Sprint(len(set))]++
	}
	return out
}

func TestJoinTwin(t *testing.T) {
	for kind := InnerJoin; kind <= AntiJoin; kind++ {
		for seed := range uint64(10) {
			t.Run(fmt.Sprintf("%d/%d", kind, seed), func(t *testing.T) { joinTwin(t, seed, kind) })
		}
	}
}

func joinTwin(t *testing.T, seed uint64, kind JoinKind) {
	spec := JoinSpec{
		Kind: kind, Left: []types.Type{types.TBigInt, types.TBigInt}, Right: []types.Type{types.TBigInt, types.TBigInt},
		LeftKeys: []int{0}, RightKeys: []int{0},
	}
	if seed%2 == 0 {
		spec.Residual = compare{left: 1, op: "<", right: 3}
	}
	schemas := [2][]types.Field{fields("k BIGINT, v BIGINT"), fields("k BIGINT, v BIGINT")}
	tr := newTrial(t, seed, schemas, func() Operator { return NewJoin(spec) })
	var inputs [2]changelog
	result := table{}
	row := func() string {
		if tr.r.IntN(10) == 0 {
			return fmt.Sprintf("NULL %d", tr.r.IntN(5))
		}
		return fmt.Sprintf("%d %d", tr.r.IntN(3), tr.r.IntN(5))
	}
	for n := range 40 {
		for range tr.r.IntN(4) {
			port := tr.r.IntN(2)
			var lines []string
			for range 1 + tr.r.IntN(6) {
				lines = append(lines, inputs[port].next(tr.r, row))
			}
			tr.feed(port, lines)
		}
		result.apply(t, tr.step(int64(n)))
		if want := naiveJoin(kind, inputs[0].rows, inputs[1].rows, spec.Residual != nil); !maps.Equal(result, want) {
			t.Fatalf("step %d: %v\nwant %v\nof %v\nand %v", n, result, want, inputs[0].rows, inputs[1].rows)
		}
	}
}

func naiveJoin(kind JoinKind, left, right []string, residual bool) table {
	out := table{}
	matched := make([]bool, len(right))
	for _, l := range left {
		any := false
		for j, r := range right {
			var lk, rk string
			var lv, rv int
			fmt.Sscan(l, &lk, &lv)
			fmt.Sscan(r, &rk, &rv)
			if lk != rk || lk == "NULL" || residual && lv >= rv {
				continue
			}
			any, matched[j] = true, true
			if kind < SemiJoin {
				out[l+" "+r]++
			}
		}
		switch {
		case kind == SemiJoin && any, kind == AntiJoin && !any:
			out[l]++
		case !any && (kind == LeftJoin || kind == FullJoin):
			out[l+" NULL NULL"]++
		}
	}
	for j, r := range right {
		if !matched[j] && (kind == RightJoin || kind == FullJoin) {
			out["NULL NULL "+r]++
		}
	}
	return out
}

func TestTopNTwin(t *testing.T) {
	for mode := TopNAppend; mode <= TopNRetract; mode++ {
		for seed := range uint64(15) {
			t.Run(fmt.Sprintf("%d/%d", mode, seed), func(t *testing.T) { topnTwin(t, seed, mode) })
		}
	}
}

// ranked is a row of the naive Top-N, in order of age.
type ranked struct{ k, id, v int }

func topnTwin(t *testing.T, seed uint64, mode TopNInput) {
	spec := TopNSpec{
		Input: []types.Type{types.TBigInt, types.TBigInt, types.TBigInt}, Partition: []int{0},
		Order: []vec.SortKey{{Col: 2, Desc: true, NullsLast: true}}, Start: 1, End: 1 + int64(seed%4), Mode: mode, Unique: []int{1},
		NeedUpdateBefore: true, RankNumber: seed%3 == 0,
	}
	if seed%5 == 0 {
		spec.Start, spec.End = 2, 4
	}
	tr := newTrial(t, seed, [2][]types.Field{fields("k BIGINT, id BIGINT, v BIGINT")}, func() Operator { return NewTopN(spec) })
	var rows []ranked
	result := table{}
	for n := range 60 {
		var lines []string
		for i := range tr.r.IntN(12) {
			rows, lines = topnChange(tr.r, mode, rows, lines, n*100+i)
		}
		tr.feed(0, lines)
		result.apply(t, tr.step(int64(n)))
		if want := naiveTopN(rows, spec); !maps.Equal(result, want) {
			t.Fatalf("step %d: %v, want %v\nof %v", n, result, want, rows)
		}
	}
}

// topnChange makes a change of the input, and makes it in rows too.
func topnChange(r *rand.Rand, mode TopNInput, rows []ranked, lines []string, serial int) ([]ranked, []string) {
	w := ranked{r.IntN(2), serial, r.IntN(8)}
	if mode != TopNAppend && len(rows) > 0 && r.IntN(3) == 0 {
		i := r.IntN(len(rows))
		w = rows[i]
		for j := range rows {
			if rows[j] == w {
				i = j // of equal rows the youngest goes
			}
		}
		return slices.Delete(slices.Clone(rows), i, i+1), append(lines, fmt.Sprintf("-D %d %d %d", w.k, w.id, w.v))
	}
	if mode == TopNUpsert {
		w.id = r.IntN(6)
		i := slices.IndexFunc(rows, func(o ranked) bool { return o.k == w.k && o.id == w.id })
		if i >= 0 {
			if rows = slices.Clone(rows); rows[i].v != w.v {
				rows = append(slices.Delete(rows, i, i+1), w) // else it keeps its place among ties
			}
			return rows, append(lines, fmt.Sprintf("+U %d %d %d", w.k, w.id, w.v))
		}
	}
	if mode == TopNRetract && r.IntN(3) == 0 {
		w.id, w.v = 1, 4 // equal rows
	}
	return append(slices.Clone(rows), w), append(lines, fmt.Sprintf("+I %d %d %d", w.k, w.id, w.v))
}

func naiveTopN(rows []ranked, spec TopNSpec) table {
	out := table{}
	for k := range 2 {
		var part []ranked
		for _, w := range rows {
			if w.k == k {
				part = append(part, w)
			}
		}
		// Equal rows stand together, where the first of them stands.
		first := map[ranked]int{}
		for i, w := range part {
			if _, ok := first[w]; !ok {
				first[w] = i
			}
		}
		slices.SortStableFunc(part, func(a, b ranked) int {
			return cmp.Or(cmp.Compare(b.v, a.v), cmp.Compare(first[a], first[b]))
		})
		for i := spec.Start - 1; i < min(spec.End, int64(len(part))); i++ {
			row := fmt.Sprintf("%d %d %d", part[i].k, part[i].id, part[i].v)
			if spec.RankNumber {
				row += fmt.Sprint(" ", i+1)
			}
			out[row]++
		}
	}
	return out
}
