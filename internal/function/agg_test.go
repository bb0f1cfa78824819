package function

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// texts makes a vector of texts cast to t; "NULL" is NULL.
func texts(t testing.TB, typ types.Type, rows []string) *vec.Vector {
	t.Helper()
	b := vec.NewBuilder(types.TString, len(rows))
	for _, s := range rows {
		if s == "NULL" {
			b.AppendNull()
		} else {
			b.AppendString(s)
		}
	}
	bound, err := BindCast(types.TString, typ, false)
	if err != nil {
		t.Fatal(err)
	}
	v, err := NewCast(bound, NewColumn(0, types.TString)).Eval(testContext(), &vec.Batch{N: len(rows), Cols: []*vec.Vector{b.Finish()}})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func newCells(agg vec.Aggregate, groups int) []*vec.Column {
	var cells []*vec.Column
	for _, t := range agg.Cells() {
		c := vec.NewColumn(t)
		c.Grow(groups)
		cells = append(cells, c)
	}
	return cells
}

func resultText(t testing.TB, agg vec.Aggregate, cells []*vec.Column, group int32) string {
	t.Helper()
	v, err := agg.Result(cells, []int32{group})
	if err != nil {
		return "error: " + err.Error()
	}
	return string(vec.AppendText(nil, v, 0))
}

func TestAggregateExamples(t *testing.T) {
	for name, f := range registry.aggregates {
		if f.Doc == "" || f.Signature == "" || len(f.Examples) == 0 {
			t.Errorf("%s: the entry has no signature, documentation or example", name)
		}
		for _, ex := range f.Examples {
			agg, _, err := f.Bind([]types.Type{ex.Type}, false)
			if err != nil {
				t.Fatal(err)
			}
			cells := newCells(agg, 2)
			if err := agg.Add(cells, fill(len(ex.Rows), 1), []*vec.Vector{texts(t, ex.Type, ex.Rows)}, upTo(len(ex.Rows))); err != nil {
				t.Fatal(err)
			}
			if got := resultText(t, agg, cells, 1); got != ex.Want {
				t.Errorf("%s(%v) = %s, want %s", name, ex.Rows, got, ex.Want)
			}
		}
	}
}

func fill(n int, g int32) []int32 {
	out := make([]int32, n)
	for i := range out {
		out[i] = g
	}
	return out
}

// TestAggregateLaws folds random rows into groups in three ways: all at once;
// with rows added and taken back in between; in two parts, merged. All agree,
// and all rows taken back give what no rows give.
func TestAggregateLaws(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	typs := []types.Type{types.TTinyInt, types.TSmall, types.TInt, types.TBigInt, types.TFloat, types.TDouble, types.TDecimal(10, 2), types.TDate, types.TString, types.TBool}
	const groups, n = 5, 200
	for _, name := range slices.Sorted(maps.Keys(registry.aggregates)) {
		for _, typ := range typs {
			f := registry.aggregates[name]
			agg, args, err := f.Bind([]types.Type{typ}, false)
			if err != nil || name == "SINGLE_VALUE" {
				continue
			}
			v := texts(t, args[0], randomTexts(rng, typ, n))
			gs, rows := make([]int32, n), upTo(n)
			for i := range gs {
				gs[i] = rng.Int32N(groups)
			}
			whole := newCells(agg, groups)
			must(t, agg.Add(whole, gs, []*vec.Vector{v}, rows))

			a, b := newCells(agg, groups), newCells(agg, groups)
			must(t, agg.Add(a, gs[:n/2], []*vec.Vector{v}, rows[:n/2]))
			must(t, agg.Add(b, gs[n/2:], []*vec.Vector{v}, rows[n/2:]))
			must(t, agg.Merge(a, upTo(groups), b, upTo(groups)))
			compareGroups(t, name+" merged", typ, agg, whole, a, groups)

			if !agg.Retractable() {
				if agg.Retract(a, gs, []*vec.Vector{v}, rows) == nil {
					t.Errorf("%s says that it cannot retract, and does", name)
				}
				continue
			}
			must(t, agg.Add(whole, gs, []*vec.Vector{v}, rows))
			must(t, agg.Retract(whole, gs, []*vec.Vector{v}, rows))
			compareGroups(t, name+" retracted", typ, agg, a, whole, groups)
			must(t, agg.Retract(whole, gs, []*vec.Vector{v}, rows))
			compareGroups(t, name+" emptied", typ, agg, newCells(agg, groups), whole, groups)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func randomTexts(rng *rand.Rand, typ types.Type, n int) []string {
	out := make([]string, n)
	for i := range out {
		switch {
		case rng.IntN(4) == 0:
			out[i] = "NULL"
		case typ.Root == types.Date:
			out[i] = "2024-01-0" + strconv.Itoa(1+rng.IntN(9))
		case typ.Root == types.Boolean:
			out[i] = []string{"TRUE", "FALSE"}[rng.IntN(2)]
		default:
			out[i] = strconv.Itoa(rng.IntN(100) - 50)
		}
	}
	return out
}

func compareGroups(t *testing.T, what string, typ types.Type, agg vec.Aggregate, want, got []*vec.Column, groups int) {
	t.Helper()
	for g := range int32(groups) {
		w, h := resultText(t, agg, want, g), resultText(t, agg, got, g)
		if w != h && !close(w, h) && !(agg.Type().Root == types.Multiset && len(w) == len(h)) {
			t.Errorf("%s of %s, group %d: %s, want %s", what, typ, g, h, w)
		}
	}
}

// close says whether two texts are floats that differ by rounding only.
func close(a, b string) bool {
	x, err1 := strconv.ParseFloat(a, 64)
	y, err2 := strconv.ParseFloat(b, 64)
	return err1 == nil && err2 == nil && (x-y)*(x-y) < 1e-6
}

// TestSumAllocates checks that folding costs no memory per row.
func TestSumAllocates(t *testing.T) {
	const n = 1024
	v := vec.New(types.TBigInt, n, 0)
	for _, name := range []string{"SUM", "AVG", "COUNT", "MIN", "MAX"} {
		f, _ := LookupAggregate(name)
		agg, _, _ := f.Bind([]types.Type{types.TBigInt}, false)
		cells := newCells(agg, 8)
		gs, rows, args := make([]int32, n), upTo(n), []*vec.Vector{v}
		for i := range gs {
			gs[i] = int32(i & 7)
		}
		if got := testing.AllocsPerRun(20, func() { _ = agg.Add(cells, gs, args, rows) }); got > 0 {
			t.Errorf("%s: %v allocations for %d rows", name, got, n)
		}
	}
}

func TestSumTypes(t *testing.T) {
	for _, c := range []struct {
		name string
		arg  types.Type
		want string
	}{
		{"SUM", types.TInt, "INT"}, {"SUM", types.TDecimal(10, 2), "DECIMAL(38, 2)"}, {"SUM", types.TInt.Required(), "INT"}, {"AVG", types.TInt, "INT"},
		{"AVG", types.TDecimal(10, 2), "DECIMAL(38, 6)"}, {"COUNT", types.TInt, "BIGINT NOT NULL"}, {"MAX", types.TString.Required(), "STRING"}, {"COLLECT", types.TInt, "MULTISET<INT NOT NULL> NOT NULL"},
		{"STDDEV_POP", types.TInt, "INT"}, {"SUM0", types.TInt, "INT NOT NULL"},
	} {
		f, _ := LookupAggregate(c.name)
		agg, _, err := f.Bind([]types.Type{c.arg}, false)
		if err != nil || agg.Type().String() != c.want {
			t.Errorf("%s(%s) is %v, want %s (%v)", c.name, c.arg, agg.Type(), c.want, err)
		}
	}
	f, _ := LookupAggregate("SUM")
	if _, _, err := f.Bind([]types.Type{types.TString}, false); err == nil || err.Error() != "SUM expects (number), got (STRING)" {
		t.Errorf("SUM(STRING): %v", err)
	}
	if !slices.Contains(Names(), "SUM") {
		t.Error("SUM is not listed")
	}
}

func BenchmarkSum(b *testing.B) {
	const n = 4096
	v := vec.New(types.TBigInt, n, 0)
	f, _ := LookupAggregate("SUM")
	agg, _, _ := f.Bind([]types.Type{types.TBigInt}, false)
	cells := newCells(agg, 256)
	gs, rows := make([]int32, n), upTo(n)
	for i := range gs {
		gs[i] = int32(i & 255)
	}
	args := []*vec.Vector{v}
	b.SetBytes(n * 8)
	for b.Loop() {
		_ = agg.Add(cells, gs, args, rows)
	}
}
