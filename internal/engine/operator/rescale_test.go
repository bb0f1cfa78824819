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

// TestRescale: the state of one worker is shared by two in the middle of a stream, by
// key groups, and goes on as one does. Rows go to the worker of their first column.
func TestRescale(t *testing.T) {
	two := [2][]types.Field{timedSchema, timedSchema}
	windowed := func(ts int64) int64 { return floorTo(ts, 0, 4000) + 4000 }
	plain := func(ts int64) int64 { return ts }
	calls := []AggCall{call("count"), call("sum", 1), call("max", 1), distinct(call("count", 1))}
	session := sessionSpec(3 * time.Second)
	session.Calls = calls
	over := func(rows bool, preceding int64) func() Operator {
		return func() Operator {
			return NewOver(OverSpec{Input: timedTypes(), Partition: []int{0}, TimeCol: 2, Rows: rows, Preceding: preceding, Calls: calls})
		}
	}
	for _, c := range []struct {
		name  string
		ports int
		time  func(int64) int64
		make  func() Operator
	}{
		{"window join", 2, windowed, func() Operator {
			return NewWindowJoin(WindowJoinSpec{Kind: FullJoin, Left: timedTypes(), Right: timedTypes(), LeftKeys: []int{0}, RightKeys: []int{0}, LeftEnd: 2, RightEnd: 2})
		}},
		{"interval join", 2, plain, func() Operator {
			return NewIntervalJoin(IntervalJoinSpec{
				Kind: FullJoin, Left: timedTypes(), Right: timedTypes(), LeftKeys: []int{0}, RightKeys: []int{0}, LeftTime: 2, RightTime: 2, Lower: -3000, Upper: 4000,
			})
		}},
		{"temporal join", 2, plain, func() Operator {
			return NewTemporalJoin(TemporalJoinSpec{Kind: LeftJoin, Left: timedTypes(), Right: timedTypes(), LeftKeys: []int{0}, RightKeys: []int{0}, LeftTime: 2, RightTime: 2})
		}},
		{"session", 1, plain, func() Operator { return NewSessionAggregate(session) }},
		{"session function", 1, plain, func() Operator {
			return NewSessionTVF(WindowTVFSpec{Input: timedTypes(), Windows: session.Windows, TimeType: types.TTimestamp(3)}, []int{0})
		}},
		{"over rows", 1, plain, over(true, 2)},
		{"over range", 1, plain, over(false, 5000)},
		{"over all", 1, plain, over(false, -1)},
		{"window topn", 1, windowed, func() Operator {
			return NewWindowTopN(WindowTopNSpec{Input: timedTypes(), Partition: []int{0}, End: 2, Order: []vec.SortKey{{Col: 1}}, First: 1, Last: 3, RankNumber: true})
		}},
	} {
		t.Run(c.name, func(t *testing.T) { rescale(t, two, c.ports, c.time, c.make) })
	}
}

const keyGroups = 128

func rescale(t *testing.T, schemas [2][]types.Field, ports int, time func(int64) int64, makeOp func() Operator) {
	r := rand.New(rand.NewPCG(5, 7))
	one := newTrial(t, 1, schemas, makeOp)
	workers := []*trial{newTrial(t, 1, schemas, makeOp)}
	var want, got []string
	top, wm := int64(0), vec.MinTime
	for n := range 60 {
		if n == 30 {
			workers = split(t, workers[0], schemas, makeOp)
		}
		for port := range ports {
			var lines []string
			for range r.IntN(12) {
				top += r.Int64N(900)
				w := timedRow{k: fmt.Sprint(r.IntN(9)), v: r.Int64N(5), ts: time(top - r.Int64N(9000)), limit: wm}
				lines = append(lines, w.line())
			}
			one.feed(port, lines)
			for i, tr := range workers {
				var mine []string
				for _, l := range lines {
					if owner(tr, l, len(workers)) == i {
						mine = append(mine, l)
					}
				}
				tr.feed(port, mine)
			}
		}
		wm = max(wm, top-5000)
		want = append(want, one.step(wm)...)
		for _, tr := range workers {
			got = append(got, tr.step(wm)...)
		}
	}
	want = append(want, one.step(vec.MaxTime)...)
	for _, tr := range workers {
		got = append(got, tr.step(vec.MaxTime)...)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		i := 0
		for i < len(got) && i < len(want) && got[i] == want[i] {
			i++
		}
		t.Fatalf("%d rows, want %d; they differ at %q and %q", len(got), len(want), got[i:min(i+2, len(got))], want[i:min(i+2, len(want))])
	}
}

// split restores two operators from the deltas of one.
func split(t *testing.T, from *trial, schemas [2][]types.Field, makeOp func() Operator) []*trial {
	deltas := append(slices.Clone(from.deltas), from.ctx.State.AppendDelta(nil))
	var out []*trial
	for i := range 2 {
		tr := newTrial(t, 1, schemas, makeOp)
		for _, d := range deltas {
			if err := tr.ctx.State.Apply(d, func(group int) bool { return group*2/keyGroups == i }); err != nil {
				t.Fatal(err)
			}
		}
		// A move applies all deltas: what one owns not must not come back.
		tr.still = true
		out = append(out, tr)
	}
	return out
}

// owner is the worker of a line's key.
func owner(tr *trial, line string, workers int) int {
	b := parseRows(tr.types(0), []string{strings.TrimSpace(line)})
	hashes := make([]uint64, 1)
	vec.HashRows(b.Cols[:1], nil, 1, hashes)
	return vec.KeyGroup(hashes[0], keyGroups) * workers / keyGroups
}
