package operator

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/engine/state"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// sampleRows makes a batch of keys, values and times that begin at from and
// spread over a second.
func sampleRows(n, keys int, from int64) *vec.Batch {
	r := rand.New(rand.NewPCG(1, 2))
	cols := []*vec.Vector{vec.New(types.TBigInt, n, 0), vec.New(types.TBigInt, n, 0), vec.New(types.TTimestamp(3), n, 0)}
	for i := range n {
		cols[0].I64[i] = r.Int64N(int64(keys))
		cols[1].I64[i] = r.Int64N(1000)
		cols[2].I64[i] = from + int64(i)*1000/int64(n)
	}
	return &vec.Batch{N: n, Cols: cols}
}

var sampleTypes = []types.Type{types.TBigInt, types.TBigInt, types.TTimestamp(3)}

func opened(op Operator) (Operator, *Context) {
	ctx := &Context{Workers: 1, State: state.NewStore(128), Metrics: &Metrics{}, Eval: &vec.EvalContext{Now: time.UnixMilli(0)}}
	if err := op.Open(ctx); err != nil {
		panic(err)
	}
	return op, ctx
}

func sampleCalls() []AggCall { return []AggCall{call("count"), call("sum", 1), call("max", 1)} }

func sampleWindow(kind WindowKind, size, slide time.Duration) Operator {
	op, _ := opened(NewWindowAggregate(WindowAggregateSpec{
		Input: sampleTypes, Windows: Windows{Kind: kind, Size: size, Slide: slide, TimeCol: 2}, Keys: []int{0}, Calls: sampleCalls(),
		Properties: []WindowProperty{WindowStart, WindowEnd},
	}))
	return op
}

func sampleGroup(fold bool) Operator {
	op, _ := opened(NewGroupAggregate(GroupAggregateSpec{Input: sampleTypes, Keys: []int{0}, Calls: sampleCalls(), NeedUpdateBefore: true, Fold: fold}))
	return op
}

func discard(*vec.Batch) error { return nil }

func perRow(b *testing.B, n int) {
	b.ReportMetric(float64(b.N)*float64(n)/b.Elapsed().Seconds()/1e6, "Mrows/s")
}

// BenchmarkWindow adds a batch of 4096 rows of a second of event time to 1000
// keys, and advances by that second: with the windows that fire.
func BenchmarkWindow(b *testing.B) {
	for _, w := range []struct {
		kind        WindowKind
		size, slide time.Duration
	}{{Tumble, 10 * time.Second, 0}, {Hop, 10 * time.Second, 2 * time.Second}, {Cumulate, time.Hour, time.Minute}, {Hop, time.Hour, time.Second}} {
		b.Run(fmt.Sprintf("%d-%s-%s", w.kind, w.size, w.slide), func(b *testing.B) {
			op := sampleWindow(w.kind, w.size, w.slide)
			batch := sampleRows(4096, 1000, 0)
			times := batch.Cols[2].I64
			step := func() {
				must(op.Process(0, batch, discard))
				_, err := op.Advance(times[0]+999, discard)
				must(err)
				for i := range times {
					times[i] += 1000
				}
			}
			for range 20 {
				step()
			}
			b.ReportAllocs()
			for b.Loop() {
				step()
			}
			perRow(b, 4096)
		})
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func BenchmarkGroup(b *testing.B) {
	for _, keys := range []int{1, 1000, 100_000} {
		for _, fold := range []bool{false, true} {
			b.Run(fmt.Sprintf("keys=%d/fold=%v", keys, fold), func(b *testing.B) {
				op := sampleGroup(fold)
				batch := sampleRows(4096, keys, 0)
				b.ReportAllocs()
				for b.Loop() {
					must(op.Process(0, batch, discard))
					_, err := op.Advance(0, discard)
					must(err)
				}
				perRow(b, 4096)
			})
		}
	}
}

// BenchmarkJoin probes 100,000 rows with one match for each row.
func BenchmarkJoin(b *testing.B) {
	op, _ := opened(NewJoin(JoinSpec{Left: sampleTypes, Right: sampleTypes, LeftKeys: []int{0}, RightKeys: []int{0}}))
	const n = 100_000
	right := sampleRows(n, 1, 0)
	for i := range n {
		right.Cols[0].I64[i] = int64(i)
	}
	must(op.Process(1, right, discard))
	batch := sampleRows(4096, n, 0)
	back := *batch
	back.Kinds = make([]types.RowKind, batch.N)
	for i := range back.Kinds {
		back.Kinds[i] = types.Delete
	}
	b.ReportAllocs()
	for b.Loop() {
		must(op.Process(0, batch, discard))
		must(op.Process(0, &back, discard))
	}
	perRow(b, 2*4096)
}

func BenchmarkTopN(b *testing.B) {
	op, _ := opened(NewTopN(TopNSpec{
		Input: sampleTypes, Partition: []int{0}, Order: []vec.SortKey{{Col: 1, Desc: true}}, Start: 1, End: 10, NeedUpdateBefore: true, RankNumber: true,
	}))
	batch := sampleRows(4096, 1000, 0)
	values := batch.Cols[1].I64
	r := rand.New(rand.NewPCG(3, 4))
	b.ReportAllocs()
	for b.Loop() {
		for i := range values {
			values[i] = r.Int64N(1e9)
		}
		must(op.Process(0, batch, discard))
	}
	perRow(b, 4096)
}

// TestAllocations: allocations go by batch, not by row. A batch of 4096 rows may
// allocate no more than a constant more than one of 256.
func TestAllocations(t *testing.T) {
	for name, make := range map[string]func() Operator{
		"tumble":     func() Operator { return sampleWindow(Tumble, 10*time.Second, 0) },
		"hop":        func() Operator { return sampleWindow(Hop, 10*time.Second, 2*time.Second) },
		"group":      func() Operator { return sampleGroup(false) },
		"group fold": func() Operator { return sampleGroup(true) },
	} {
		t.Run(name, func(t *testing.T) {
			allocs := func(n int) float64 {
				op, batch := make(), sampleRows(n, 100, 0)
				run := func() {
					must(op.Process(0, batch, discard))
					_, err := op.Advance(0, discard)
					must(err)
				}
				run()
				return testing.AllocsPerRun(20, run)
			}
			small, large := allocs(256), allocs(4096)
			if large > small+50 {
				t.Errorf("%g allocations for 256 rows, %g for 4096", small, large)
			}
		})
	}
}
