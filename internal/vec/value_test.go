package vec

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/millrace/millrace/internal/types"
)

func TestText(t *testing.T) {
	for _, c := range []struct {
		typ  types.Type
		x    any
		want string
	}{
		{types.TBool, true, "TRUE"}, {types.TTinyInt, -5, "-5"}, {types.TDouble, 1, "1.0"}, {types.TFloat, 0.1, "0.1"},
		{types.TDecimal(5, 2), 3, "3.00"}, {types.TDecimal(5, 2), "1.005", "1.01"}, {types.TString, "x", "x"}, {types.TString, nil, "NULL"},
		{types.TDate, "2026-01-02", "2026-01-02"}, {types.TTime, "01:02:03", "01:02:03"},
		{types.TTimestamp(3), "2026-01-02 03:04:05", "2026-01-02 03:04:05.000"},
		{types.Type{Root: types.IntervalDayTime}, "1 02:03:04.005", "+1 02:03:04.005"},
		{types.TArray(types.TInt), []any{1, nil}, "[1, NULL]"},
		{types.TMap(types.TString, types.TInt), []Entry{{"a", 1}, {"b", nil}}, "{a=1, b=NULL}"},
		{types.TRow(types.Field{Name: "a", Type: types.TInt}, types.Field{Name: "b", Type: types.TString}), []any{1, "x"}, "(1, x)"},
	} {
		if got := string(AppendText(nil, Const(c.typ, c.x, 2), 1)); got != c.want {
			t.Errorf("%v as %s: %s, want %s", c.x, c.typ, got, c.want)
		}
	}
}

func TestCompare(t *testing.T) {
	// Each list is in ascending order.
	for _, c := range []struct {
		typ types.Type
		xs  []any
	}{
		{types.TBool, []any{nil, false, true}},
		{types.TInt, []any{nil, math.MinInt32, -1, 0, 5}},
		{types.TDouble, []any{nil, math.Inf(-1), -1.5, 0.0, 2.5, math.Inf(1), math.NaN()}},
		{types.TDecimal(38, 2), []any{nil, "-100000000000000000000", "-0.01", "0", "99999999999999999999.99"}},
		{types.TString, []any{nil, "", "a", "ab", "b", "é"}},
		{types.TArray(types.TInt), []any{nil, []any{}, []any{nil}, []any{1}, []any{1, 2}, []any{2}}},
		{types.TRow(types.Field{Name: "a", Type: types.TInt}, types.Field{Name: "b", Type: types.TInt}), []any{nil, []any{1, nil}, []any{1, 2}, []any{2, 1}}},
	} {
		b := NewBuilder(c.typ, 0)
		for _, x := range c.xs {
			b.AppendAny(x)
		}
		v := b.Finish()
		for i := range c.xs {
			for j := range c.xs {
				if got := Compare(v, i, v, j); got != compareInts(i, j) {
					t.Errorf("%s: %v against %v is %d", c.typ, c.xs[i], c.xs[j], got)
				}
			}
		}
	}
	if zeros := []*Vector{Const(types.TDouble, 0.0, 1), Const(types.TDouble, math.Copysign(0, -1), 1)}; Compare(zeros[0], 0, zeros[1], 0) != 0 {
		t.Error("-0.0 is not 0.0")
	}
}

func compareInts(a, b int) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func TestComparator(t *testing.T) {
	b := []*Builder{NewBuilder(types.TInt, 4), NewBuilder(types.TString, 4)}
	for _, r := range [][2]any{{1, "b"}, {nil, "a"}, {1, "a"}, {2, nil}} {
		b[0].AppendAny(r[0])
		b[1].AppendAny(r[1])
	}
	cols := []*Vector{b[0].Finish(), b[1].Finish()}
	for _, c := range []struct {
		keys []SortKey
		want []int
	}{
		{[]SortKey{{Col: 0}, {Col: 1}}, []int{1, 2, 0, 3}},
		{[]SortKey{{Col: 0, NullsLast: true}, {Col: 1, Desc: true}}, []int{0, 2, 3, 1}},
		{[]SortKey{{Col: 0, Desc: true}, {Col: 1}}, []int{1, 3, 2, 0}},
		{[]SortKey{{Col: 0, Desc: true, NullsLast: true}, {Col: 1, Desc: true}}, []int{3, 0, 2, 1}},
	} {
		rows := []int{0, 1, 2, 3}
		cmp := NewComparator(c.keys)
		slices.SortFunc(rows, func(i, j int) int { return cmp.Compare(cols, i, cols, j) })
		if !slices.Equal(rows, c.want) {
			t.Errorf("%+v: %v, want %v", c.keys, rows, c.want)
		}
	}
}

// Rows are read back from their encoding, and end where they should.
func TestRowEncoding(t *testing.T) {
	r := rand.New(rand.NewPCG(12, 12))
	var cols []*Vector
	var bs []*Builder
	for _, typ := range allTypes {
		cols = append(cols, randomVector(r, typ, 200))
		bs = append(bs, NewBuilder(typ, 200))
	}
	var enc []byte
	for i := range 200 {
		enc = AppendRow(enc, cols, i)
	}
	for range 200 {
		var err error
		if enc, err = ReadRow(enc, bs); err != nil {
			t.Fatal(err)
		}
	}
	if len(enc) != 0 {
		t.Errorf("%d bytes left", len(enc))
	}
	for c, b := range bs {
		v := b.Finish()
		for i := range 200 {
			if Compare(v, i, cols[c], i) != 0 {
				t.Fatalf("%s: row %d is %v, not %v", v.Type, i, Value(v, i), Value(cols[c], i))
			}
		}
	}
}

// The encoding is in journals: it never changes.
func TestEncodingIsForEver(t *testing.T) {
	for _, c := range []struct {
		typ  types.Type
		x    any
		want string
	}{
		{types.TInt, nil, "\x00"}, {types.TInt, 0, "\x01"}, {types.TInt, -1, "\x02"}, {types.TInt, 123, "\xf7"},
		{types.TInt, -124, "\xf8\xf7"}, {types.TInt, 128, "\xf9\x00\x01"}, {types.TBigInt, math.MinInt64, "\xff\xff\xff\xff\xff\xff\xff\xff\xff"},
		{types.TBool, false, "\x01"}, {types.TBool, true, "\x02"},
		{types.TDouble, 1.5, "\x01\x00\x00\x00\x00\x00\x00\xf8\x3f"}, {types.TFloat, 1.5, "\x01\x00\x00\xc0\x3f"},
		{types.TDecimal(10, 0), 0, "\x01"}, {types.TDecimal(10, 0), -1, "\x02\xff"}, {types.TDecimal(10, 0), 128, "\x03\x80\x00"},
		{types.TString, "ab", "\x03ab"}, {types.TArray(types.TInt), []any{1, nil}, "\x03\x03\x00"},
		{types.TMap(types.TString, types.TInt), []Entry{{"a", 1}}, "\x02\x02a\x03"},
		{types.TRow(types.Field{Name: "a", Type: types.TInt}, types.Field{Name: "b", Type: types.TString}), []any{1, ""}, "\x03\x03\x01"},
	} {
		if got := string(AppendValue(nil, Const(c.typ, c.x, 1), 0)); got != c.want {
			t.Errorf("%v as %s: %x, want %x", c.x, c.typ, got, c.want)
		}
	}
}
