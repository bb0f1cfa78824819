package function

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// The truth values of the naive twin.
const (
	no = iota
	null
	yes
)

func bools(values ...int) *vec.Vector {
	v := vec.New(types.TBool, len(values), 0)
	for i, x := range values {
		v.Bool[i] = x == yes
		if x == null {
			v.SetNull(i)
		}
	}
	return v
}

func truthAt(v *vec.Vector, i int) int {
	switch {
	case v.IsNull(i):
		return null
	case v.Bool[i]:
		return yes
	}
	return no
}

// TestThreeValued compares the connectives with minimum and maximum of FALSE <
// UNKNOWN < TRUE, on all triples, and FilterSel with Eval.
func TestThreeValued(t *testing.T) {
	var a, b, c []int
	for x := range 27 {
		a, b, c = append(a, x%3), append(b, x/3%3), append(c, x/9)
	}
	batch := &vec.Batch{N: 27, Cols: []*vec.Vector{bools(a...), bools(b...), bools(c...)}}
	cols := []vec.Expr{NewColumn(0, types.TBool), NewColumn(1, types.TBool), NewColumn(2, types.TBool)}
	not, err := Call("NOT", cols[2])
	must(t, err)
	for _, e := range []struct {
		name  string
		expr  vec.Expr
		naive func(a, b, c int) int
	}{
		{"AND", NewAnd(cols), func(a, b, c int) int { return min(a, b, c) }},
		{"OR", NewOr(cols), func(a, b, c int) int { return max(a, b, c) }},
		{"(a OR b) AND c", NewAnd([]vec.Expr{NewOr(cols[:2]), cols[2]}), func(a, b, c int) int { return min(max(a, b), c) }},
		{"a AND NOT c", NewAnd([]vec.Expr{cols[0], not}), func(a, _, c int) int { return min(a, yes-c) }},
	} {
		for _, sel := range [][]int32{nil, {0, 4, 5, 13, 26}, {}} {
			in := batch.Select(sel)
			got, err := e.expr.Eval(testContext(), in)
			must(t, err)
			kept, err := FilterSel(e.expr, testContext(), in)
			must(t, err)
			for i := range in.Len() {
				r := in.Row(i)
				want := e.naive(a[r], b[r], c[r])
				if truthAt(got, r) != want {
					t.Errorf("%s of %d %d %d = %d, want %d", e.name, a[r], b[r], c[r], truthAt(got, r), want)
				}
				if slices.Contains(kept, int32(r)) != (want == yes) {
					t.Errorf("%s filters row %d wrongly", e.name, r)
				}
			}
		}
	}
}

// TestComparisonsAgree compares each comparison of each type with vec.Compare,
// over random rows with NULLs and selections.
func TestComparisonsAgree(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, typ := range []types.Type{types.TTinyInt, types.TSmall, types.TInt, types.TBigInt, types.TFloat, types.TDouble, types.TDecimal(10, 2), types.TDate, types.TString, types.TBool} {
		const n = 70
		a, b := texts(t, typ, randomTexts(rng, typ, n)), texts(t, typ, randomTexts(rng, typ, n))
		batch := &vec.Batch{N: n, Cols: []*vec.Vector{a, b}}
		for _, op := range []string{"=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"} {
			e, err := Call(op, NewColumn(0, typ), NewColumn(1, typ))
			must(t, err)
			for _, sel := range [][]int32{nil, {3, 10, 11, 69}} {
				in := batch.Select(sel)
				v, err := e.Eval(testContext(), in)
				must(t, err)
				for i := range in.Len() {
					r := in.Row(i)
					if got, want := truthAt(v, r), naiveCompare(op, a, b, r); got != want {
						t.Errorf("%s %s %s of %s = %d, want %d", vec.AppendText(nil, a, r), op, vec.AppendText(nil, b, r), typ, got, want)
					}
				}
			}
		}
	}
}

func naiveCompare(op string, a, b *vec.Vector, r int) int {
	c := vec.Compare(a, r, b, r)
	isNull := a.IsNull(r) || b.IsNull(r)
	var is bool
	switch op {
	case "IS DISTINCT FROM":
		is, isNull = c != 0, false
	case "IS NOT DISTINCT FROM":
		is, isNull = c == 0, false
	default:
		is = holds(op, c)
	}
	switch {
	case isNull:
		return null
	case is:
		return yes
	}
	return no
}

// TestLazy checks that what guards a division keeps it from failing.
func TestLazy(t *testing.T) {
	zero := vec.New(types.TInt, 4, 0)
	copy(zero.I32, []int32{0, 1, 2, 0})
	zero.SetNull(3)
	x := NewColumn(0, types.TInt)
	ten, none := NewLiteral(types.TInt, int64(10)), NewLiteral(types.TInt, int64(0))
	quotient := expr(t, "/", ten, x)
	for _, c := range []struct {
		name string
		expr vec.Expr
		want string
	}{
		{"CASE", NewCase([]vec.Expr{expr(t, "=", x, none)}, []vec.Expr{NewLiteral(types.TInt, int64(-1))}, quotient), "-1 10 5 NULL"},
		{"CASE without ELSE", NewCase([]vec.Expr{expr(t, "<>", x, none)}, []vec.Expr{quotient}, nil), "NULL 10 5 NULL"},
		{"IF", expr(t, "IF", expr(t, "=", x, none), none, quotient), "0 10 5 NULL"},
		{"AND", NewAnd([]vec.Expr{expr(t, "<>", x, none), expr(t, ">", quotient, NewLiteral(types.TInt, int64(7)))}), "FALSE TRUE FALSE NULL"},
		{"OR", NewOr([]vec.Expr{expr(t, "=", x, none), expr(t, ">", quotient, NewLiteral(types.TInt, int64(7)))}), "TRUE TRUE FALSE NULL"},
		{"COALESCE", NewCoalesce([]vec.Expr{expr(t, "NULLIF", x, NewLiteral(types.TInt, int64(2))), ten}), "0 1 10 10"},
		{"IN", NewIn(x, []*Literal{{types.TInt, int64(1)}, {types.TInt, nil}}), "NULL TRUE NULL NULL"},
		{"IN without NULL", NewIn(x, []*Literal{{types.TInt, int64(1)}, {types.TInt, int64(2)}}), "FALSE TRUE TRUE NULL"},
	} {
		v, err := c.expr.Eval(testContext(), &vec.Batch{N: 4, Cols: []*vec.Vector{zero}})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := rowsText(v); got != c.want {
			t.Errorf("%s = %s, want %s", c.name, got, c.want)
		}
	}
	_, err := quotient.Eval(testContext(), &vec.Batch{N: 4, Cols: []*vec.Vector{zero}, Sel: []int32{1, 2, 3}})
	must(t, err)
	_, err = quotient.Eval(testContext(), &vec.Batch{N: 4, Cols: []*vec.Vector{zero}})
	if e, ok := err.(*vec.RowError); !ok || e.Row != 0 {
		t.Errorf("a division by zero on row 0 gave %v", err)
	}
}

func expr(t testing.TB, name string, args ...vec.Expr) vec.Expr {
	t.Helper()
	e, err := Call(name, args...)
	must(t, err)
	return e
}

func rowsText(v *vec.Vector) string {
	var out []byte
	for i := range v.N {
		if i > 0 {
			out = append(out, ' ')
		}
		out = vec.AppendText(out, v, i)
	}
	return string(out)
}

// TestInLarge compares IN by map with IN by comparing.
func TestInLarge(t *testing.T) {
	var lits []*Literal
	for i := range 100 {
		lits = append(lits, &Literal{types.TString, fmt.Sprint("k", 3*i)})
	}
	v := texts(t, types.TString, []string{"k0", "k1", "k297", "NULL"})
	got, err := NewIn(NewColumn(0, types.TString), lits).Eval(testContext(), &vec.Batch{N: 4, Cols: []*vec.Vector{v}})
	must(t, err)
	if rowsText(got) != "TRUE FALSE TRUE NULL" {
		t.Error(rowsText(got))
	}
}

// TestConst checks what may be folded.
func TestConst(t *testing.T) {
	for sql, want := range map[string]bool{
		"1 + 2": true, "UPPER('a')": true, "RAND()": false, "NOW()": false, "UUID()": false, "CURRENT_DATE": false, "CASE WHEN 1 = 1 THEN 2 END": true,
		"CAST('2024-01-01 00:00:00' AS TIMESTAMP_LTZ(3))": false, "CAST('1' AS INT)": true, "FROM_UNIXTIME(1)": false, "UNIX_TIMESTAMP()": false,
	} {
		e, err := compile(sql)
		must(t, err)
		if IsConst(e) != want {
			t.Errorf("IsConst(%s) is %v", sql, !want)
		}
	}
	e, err := compile("1.5 * 2")
	must(t, err)
	v, err := EvalConst(e)
	if d, ok := v.(types.Dec); !ok || d != types.DecOf(30) {
		t.Errorf("EvalConst gave %v, %v", v, err)
	}
}

// TestKernelsAllocate checks that arithmetic and comparison cost no memory per
// row: a vector's slice, its header, and for what calls them nothing more.
func TestKernelsAllocate(t *testing.T) {
	const n = 1024
	for _, typ := range []types.Type{types.TInt, types.TBigInt, types.TDouble, types.TDecimal(10, 2)} {
		v := vec.New(typ.Required(), n, 0)
		out, flags := vec.New(typ, n, 0), vec.New(types.TBool, n, 0)
		for _, op := range []string{"+", "-", "*", "<", "="} {
			b, err := registry.scalars[op].Bind([]types.Type{typ.Required(), typ.Required()}, nil)
			must(t, err)
			dst := out
			if b.Result.Root == types.Boolean {
				dst = flags
			}
			args := []*vec.Vector{v, v}
			if got := testing.AllocsPerRun(20, func() { _ = b.Kernel(nil, args, nil, n, dst) }); got > 1 {
				t.Errorf("%s of %s: %v allocations for %d rows", op, typ, got, n)
			}
		}
	}
}

func benchmarkExpr(b *testing.B, e vec.Expr, batch *vec.Batch) {
	ctx := testContext()
	b.ReportAllocs()
	b.SetBytes(int64(8 * batch.N))
	for b.Loop() {
		if _, err := e.Eval(ctx, batch); err != nil {
			b.Fatal(err)
		}
	}
}

func longBatch(n int) *vec.Batch {
	v := vec.New(types.TBigInt.Required(), n, 0)
	for i := range v.I64 {
		v.I64[i] = int64(i * 7919 % 1000)
	}
	return &vec.Batch{N: n, Cols: []*vec.Vector{v, v}}
}

func BenchmarkAdd(b *testing.B) {
	t := types.TBigInt.Required()
	benchmarkExpr(b, expr(b, "+", NewColumn(0, t), NewColumn(1, t)), longBatch(vec.BatchRows))
}

func BenchmarkCompareConstant(b *testing.B) {
	benchmarkExpr(b, expr(b, "<", NewColumn(0, types.TBigInt.Required()), NewLiteral(types.TInt, int64(500))), longBatch(vec.BatchRows))
}

func BenchmarkFilter(b *testing.B) {
	e := expr(b, "=", expr(b, "%", NewColumn(0, types.TBigInt.Required()), NewLiteral(types.TInt, int64(3))), NewLiteral(types.TInt, int64(0)))
	batch, ctx := longBatch(vec.BatchRows), testContext()
	b.ReportAllocs()
	b.SetBytes(int64(8 * batch.N))
	for b.Loop() {
		if _, err := FilterSel(e, ctx, batch); err != nil {
			b.Fatal(err)
		}
	}
}
