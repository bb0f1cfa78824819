package operator

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// TestZoneTimer compares with the time package: where a local time exists, its
// timer is at an instant that has that local time, the last of them.
func TestZoneTimer(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for _, name := range []string{"Europe/Paris", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"} {
		loc, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		z := zone{loc: loc}
		local := func(at int64) int64 {
			_, off := time.UnixMilli(at).In(loc).Zone()
			return at + int64(off)*1000
		}
		for range 3000 {
			at := r.Int64N(60 * 365 * 24 * 3600 * 1000)
			l := local(at)
			if z.local(at) != l {
				t.Fatalf("%s: local(%d) = %d, want %d", name, at, z.local(at), l)
			}
			got := z.timer(l)
			if local(got) != l || got < at {
				t.Fatalf("%s: timer(%d) = %d, an instant is %d", name, l, got, at)
			}
		}
	}
}

func TestTimersFollowWindows(t *testing.T) {
	loc, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	l := newLattice(Windows{Kind: Tumble, Size: 15 * time.Minute, Location: loc})
	at := time.Date(2024, 10, 26, 0, 0, 0, 0, time.UTC).UnixMilli()
	last := vec.MinTime
	for end := at; end < at+3*24*3600*1000; end += l.step {
		fire := l.fireAt(end)
		if fire < last {
			t.Fatalf("the window %d fires before the one before it", end)
		}
		last = fire
		if got := l.fired(fire); got < end || l.fireAt(got) != fire {
			t.Fatalf("at %d the window %d has fired, want %d", fire, got, end)
		}
	}
}

// TestSortKey compares the order of sort keys with that of values.
func TestSortKey(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	columns := map[string]func() any{
		"BIGINT":  func() any { return r.Int64() - r.Int64() },
		"INT":     func() any { return r.IntN(5) - 2 },
		"STRING":  func() any { return []string{"", "a", "a\x00", "a\x00b", "ab", "b", "\xff"}[r.IntN(7)] },
		"DOUBLE":  func() any { return []float64{0, -1.5, 1e300, -1e300, 2, 0.1}[r.IntN(6)] },
		"BOOLEAN": func() any { return r.IntN(2) == 0 },
	}
	decimal := types.TDecimal(30, 2)
	for name, value := range columns {
		checkOrder(t, r, typeNames[name], value)
	}
	checkOrder(t, r, decimal, func() any { return types.Dec{Lo: r.Uint64(), Hi: r.Int64N(5) - 2} })
	checkOrder(t, r, types.TArray(types.TInt), func() any { return []any{r.IntN(3), r.IntN(3)}[:r.IntN(3)] })
}

func checkOrder(t *testing.T, r *rand.Rand, typ types.Type, value func() any) {
	t.Helper()
	const n = 60
	b := vec.NewBuilder(typ, n)
	for range n {
		if r.IntN(8) == 0 {
			b.AppendNull()
		} else {
			b.AppendAny(value())
		}
	}
	cols := []*vec.Vector{b.Finish()}
	for _, key := range []vec.SortKey{{}, {NullsLast: true}, {Desc: true}, {Desc: true, NullsLast: true}} {
		order := []vec.SortKey{key}
		compare := vec.NewComparator(order)
		for i := range n {
			for j := range n {
				x, y := appendSortKey(nil, order, cols, i), appendSortKey(nil, order, cols, j)
				if got, want := strings.Compare(string(x), string(y)), compare.Compare(cols, i, cols, j); got != want {
					t.Fatalf("%s %+v: %v and %v: %d, want %d", typ, key, vec.Value(cols[0], i), vec.Value(cols[0], j), got, want)
				}
			}
		}
	}
}

// TestRescaleWindows moves a HOP with tiers from one worker to three and back in
// the middle: together they give what one gives.
func TestRescaleWindows(t *testing.T) {
	const groups, workers = 128, 3
	schema := fields("k BIGINT, v BIGINT, ts TIMESTAMP")
	spec := WindowAggregateSpec{
		Input: sampleTypes, Windows: Windows{Kind: Hop, Size: 64 * time.Second, Slide: time.Second, TimeCol: 2},
		Keys: []int{0}, Calls: []AggCall{call("count"), call("sum", 1), distinct(call("count", 1))}, Properties: []WindowProperty{WindowEnd},
	}
	makeOp := func() Operator { return NewWindowAggregate(spec) }
	schemas := [2][]types.Field{schema}
	single := newTrial(t, 1, schemas, makeOp)
	team := []*trial{newTrial(t, 1, schemas, makeOp)}
	var journal [][]byte
	var got, want []string
	r := rand.New(rand.NewPCG(2, 2))
	for n := range int64(60) {
		owner := make([]*vec.Batch, len(team))
		var lines []string
		for range 20 {
			lines = append(lines, fmt.Sprintf("+I %d %d %ds", r.IntN(40), r.IntN(5), 3*n-r.Int64N(30)+20))
		}
		batch := parseRows(sampleTypes, lines)
		hash := make([]uint64, batch.N)
		vec.HashRows(batch.Cols[:1], nil, batch.N, hash)
		for w := range team {
			var sel []int32
			for i, h := range hash {
				if vec.WorkerOf(vec.KeyGroup(h, groups), groups, len(team)) == w {
					sel = append(sel, int32(i))
				}
			}
			owner[w] = batch.Select(sel)
		}
		must(single.op.Process(0, batch, single.emit))
		for w, tr := range team {
			must(tr.op.Process(0, owner[w], tr.emit))
		}
		wm := (3*n - 5) * 1000
		want = append(want, advance(single, wm)...)
		for _, tr := range team {
			got = append(got, advance(tr, wm)...)
			journal = append(journal, tr.ctx.State.AppendDelta(nil))
		}
		if n == 20 || n == 40 {
			team = restoreTeam(t, schemas, makeOp, journal, map[int64]int{20: workers, 40: 1}[n])
		}
	}
	want = append(want, advance(single, vec.MaxTime)...)
	for _, tr := range team {
		got = append(got, advance(tr, vec.MaxTime)...)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Fatalf("%d rows, want %d", len(got), len(want))
	}
}

func advance(tr *trial, wm int64) []string {
	_, err := tr.op.Advance(wm, tr.emit)
	must(err)
	out := strings.Fields(strings.ReplaceAll(tr.out.String(), " ", "_"))
	tr.out.Reset()
	return out
}

func restoreTeam(t *testing.T, schemas [2][]types.Field, makeOp func() Operator, journal [][]byte, n int) []*trial {
	team := make([]*trial, n)
	for w := range team {
		team[w] = newTrial(t, 1, schemas, makeOp)
		for _, rec := range journal {
			must(team[w].ctx.State.Apply(rec, func(kg int) bool { return vec.WorkerOf(kg, 128, n) == w }))
		}
	}
	return team
}
