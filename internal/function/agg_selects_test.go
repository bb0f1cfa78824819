package function

import (
	"testing"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// TestSelects: MIN and MAX of every type say that they give one of their values, so
// that taking back another one computes nothing again; what folds its values into
// something new must not say so.
func TestSelects(t *testing.T) {
	says := func(name string, typ types.Type) bool {
		f, _ := LookupAggregate(name)
		a, _, err := f.Bind([]types.Type{typ}, false)
		if err != nil {
			t.Fatalf("%s(%s): %v", name, typ, err)
		}
		s, ok := a.(interface{ Selects() bool })
		return ok && s.Selects()
	}
	for _, name := range []string{"MIN", "MAX"} {
		for _, typ := range []types.Type{types.TBool, types.TTinyInt, types.TInt, types.TBigInt, types.TFloat, types.TDouble,
			types.TDecimal(20, 3), types.TString, types.TBytes, types.TDate, types.TTimestamp(3), types.TTimestampLTZ(9)} {
			if !says(name, typ) {
				t.Errorf("%s(%s) does not say that it selects", name, typ)
			}
		}
	}
	for _, name := range []string{"SUM", "AVG", "COUNT", "STDDEV_POP"} {
		if says(name, types.TInt) {
			t.Errorf("%s says that it selects", name)
		}
	}
}

// TestSelectsIsTrue holds what Selects promises: without a value that is not the
// result, the result is the same.
func TestSelectsIsTrue(t *testing.T) {
	values := []int64{5, -3, 9, 9, 0}
	for _, name := range []string{"MIN", "MAX"} {
		f, _ := LookupAggregate(name)
		a, _, _ := f.Bind([]types.Type{types.TBigInt}, false)
		all := foldAll(t, a, values)
		for i, v := range values {
			rest := append(append([]int64{}, values[:i]...), values[i+1:]...)
			if got := foldAll(t, a, rest); v != all && got != all {
				t.Errorf("%s without %d is %d, with it %d", name, v, got, all)
			}
		}
	}
}

func foldAll(t *testing.T, a vec.Aggregate, values []int64) int64 {
	t.Helper()
	v := vec.New(types.TBigInt, len(values), 0)
	copy(v.I64, values)
	cells := newCells(a, 1)
	if err := a.Add(cells, make([]int32, len(values)), []*vec.Vector{v}, upTo(len(values))); err != nil {
		t.Fatal(err)
	}
	out, err := a.Result(cells, []int32{0})
	if err != nil {
		t.Fatal(err)
	}
	return out.I64[0]
}
