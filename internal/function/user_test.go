package function

import (
	"errors"
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// TestDefine calls functions of all Go types, quick ones and others.
func TestDefine(t *testing.T) {
	text := func(s string) *vec.Vector {
		b := vec.NewBuilder(types.TString, 3)
		for _, x := range []string{s, "", "b"} {
			b.AppendString(x)
		}
		b.AppendNull()
		return b.Finish()
	}
	number := func(typ types.Type, x int64) *vec.Vector {
		b := vec.NewBuilder(typ, 3)
		for range 3 {
			b.AppendAny(x)
		}
		b.AppendNull()
		return b.Finish()
	}
	for name, c := range map[string]struct {
		fn   any
		args []*vec.Vector
		want string
	}{
		"t_quick":  {func(s, sub string) int64 { return int64(strings.Count(s, sub)) }, []*vec.Vector{text("banana"), text("an")}, "2 1 1 NULL"},
		"t_upper":  {strings.ToUpper, []*vec.Vector{text("a")}, "A  B NULL"},
		"t_plus":   {func(a int64) int64 { return a + 1 }, []*vec.Vector{number(types.TInt, 4)}, "5 5 5 NULL"},
		"t_int":    {func(a int32, b bool) int32 { return a * 2 }, []*vec.Vector{number(types.TInt, 4), vec.Const(types.TBool, true, 4)}, "8 8 8 NULL"},
		"t_double": {func(a, b float64) float64 { return a / b }, []*vec.Vector{number(types.TBigInt, 9), number(types.TInt, 2)}, "4.5 4.5 4.5 NULL"},
		"t_is":     {func(s string) bool { return s == "b" }, []*vec.Vector{text("a")}, "FALSE FALSE TRUE NULL"},
		"t_repeat": {func(s string, n int64) string { return strings.Repeat(s, int(n)) }, []*vec.Vector{text("ab"), number(types.TInt, 2)}, "abab  bb NULL"},
		"t_nulls": {func(s *string) *int64 {
			if s == nil {
				n := int64(-1)
				return &n
			}
			if *s == "" {
				return nil
			}
			n := int64(len(*s))
			return &n
		}, []*vec.Vector{text("abc")}, "3 NULL 1 -1"},
		"t_error": {func(s string) (int64, error) {
			if s == "" {
				return 0, errors.New("it is empty")
			}
			return 1, nil
		}, []*vec.Vector{text("abc")}, "error: it is empty"},
	} {
		if err := Define(name, c.fn); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := evaluate(t, name, c.args); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	for name, fn := range map[string]any{
		"":         strings.ToUpper,
		"upper":    strings.ToUpper,
		"sum":      strings.ToUpper,
		"T_QUICK":  strings.ToUpper,
		"t_none":   nil,
		"t_number": 1,
		"t_args":   func() int64 { return 1 },
		"t_type":   func(s struct{}) int64 { return 1 },
		"t_result": func(s string) {},
		"t_second": func(s string) (int64, int64) { return 1, 2 },
	} {
		if err := Define(name, fn); err == nil {
			t.Errorf("'%s' with %T is taken", name, fn)
		}
	}
}

// evaluate calls a function on columns and gives the values of its result.
func evaluate(t *testing.T, name string, args []*vec.Vector) string {
	t.Helper()
	f, ok := LookupScalar(name)
	if !ok {
		t.Fatalf("no function %s", name)
	}
	var given []types.Type
	for _, a := range args {
		given = append(given, a.Type)
	}
	bound, err := f.Bind(given, nil)
	if err != nil {
		t.Fatal(err)
	}
	var exprs []vec.Expr
	for i := range args {
		e := NewColumn(i, args[i].Type)
		if !given[i].Same(bound.Args[i]) {
			if e, err = CastTo(e, bound.Args[i]); err != nil {
				t.Fatal(err)
			}
		}
		exprs = append(exprs, e)
	}
	out, err := NewCall(bound, exprs).Eval(&vec.EvalContext{}, &vec.Batch{N: args[0].N, Cols: args})
	if err != nil {
		return "error: " + err.Error()
	}
	var values []string
	for i := range out.N {
		values = append(values, string(vec.AppendText(nil, out, i)))
	}
	return strings.Join(values, " ")
}
