package function

import (
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

func init() {
	register(
		test("IS NULL", pAny, "Whether a is NULL.", []Example{{"CAST(NULL AS INT) IS NULL", "TRUE"}, {"'' IS NULL", "FALSE"}},
			func(v *vec.Vector, r int) bool { return v.IsNull(r) }),
		test("IS NOT NULL", pAny, "Whether a is not NULL.", []Example{{"1 IS NOT NULL", "TRUE"}},
			func(v *vec.Vector, r int) bool { return !v.IsNull(r) }),
		test("IS TRUE", pBool, "Whether a is TRUE, not FALSE nor NULL.", []Example{{"(1 = 1) IS TRUE", "TRUE"}, {"(1 = NULL) IS TRUE", "FALSE"}},
			func(v *vec.Vector, r int) bool { return !v.IsNull(r) && v.Bool[r] }),
		test("IS NOT TRUE", pBool, "Whether a is FALSE or NULL.", []Example{{"(1 = NULL) IS NOT TRUE", "TRUE"}},
			func(v *vec.Vector, r int) bool { return v.IsNull(r) || !v.Bool[r] }),
		test("IS FALSE", pBool, "Whether a is FALSE, not TRUE nor NULL.", []Example{{"(1 = 2) IS FALSE", "TRUE"}, {"(1 = NULL) IS FALSE", "FALSE"}},
			func(v *vec.Vector, r int) bool { return !v.IsNull(r) && !v.Bool[r] }),
		test("IS NOT FALSE", pBool, "Whether a is TRUE or NULL.", []Example{{"(1 = NULL) IS NOT FALSE", "TRUE"}},
			func(v *vec.Vector, r int) bool { return v.IsNull(r) || v.Bool[r] }),
		test("IS UNKNOWN", pBool, "Whether a is NULL.", []Example{{"(1 = NULL) IS UNKNOWN", "TRUE"}},
			func(v *vec.Vector, r int) bool { return v.IsNull(r) }),
		test("IS NOT UNKNOWN", pBool, "Whether a is not NULL.", []Example{{"(1 = 2) IS NOT UNKNOWN", "TRUE"}},
			func(v *vec.Vector, r int) bool { return !v.IsNull(r) }),
		&Scalar{Name: "NOT", Group: "logical", Signature: "NOT a", Doc: "TRUE for FALSE, FALSE for TRUE, NULL for NULL.",
			Examples: []Example{{"NOT TRUE", "FALSE"}, {"NOT (1 = NULL)", "NULL"}},
			Bind: overloads("NOT", overload{text: "(BOOLEAN)", params: []param{pBool}, fixed: types.TBool, total: true,
				kernel: func(*call) Kernel { return map1(func(a bool) bool { return !a }) }})},
		connective("AND", "TRUE if all are TRUE, FALSE if one is FALSE, else NULL.",
			[]Example{{"TRUE AND FALSE", "FALSE"}, {"FALSE AND 1 = NULL", "FALSE"}, {"TRUE AND 1 = NULL", "NULL"}, {"1 <> 1 AND 1 / 0 = 1", "FALSE"}}, NewAnd),
		connective("OR", "TRUE if one is TRUE, FALSE if all are FALSE, else NULL.",
			[]Example{{"TRUE OR FALSE", "TRUE"}, {"TRUE OR 1 = NULL", "TRUE"}, {"FALSE OR 1 = NULL", "NULL"}}, NewOr),
	)
}

// test makes a predicate that is never NULL.
func test(name string, p param, doc string, examples []Example, is func(v *vec.Vector, r int) bool) *Scalar {
	text := "(any)"
	if name != "IS NULL" && name != "IS NOT NULL" {
		text = "(BOOLEAN)"
	}
	kernel := func(_ *vec.EvalContext, args []*vec.Vector, sel []int32, n int, out *vec.Vector) error {
		v := args[0]
		if sel == nil {
			for r := range n {
				out.Bool[r] = is(v, r)
			}
		}
		for _, r := range sel {
			out.Bool[r] = is(v, int(r))
		}
		return nil
	}
	return &Scalar{Name: name, Group: "comparison", Signature: "a " + name, Doc: doc, Examples: examples,
		Bind: overloads(name, overload{text: text, params: []param{p}, fixed: types.TBool.Required(), nullCall: true,
			kernel: func(*call) Kernel { return kernel }})}
}

func connective(name, doc string, examples []Example, make func([]vec.Expr) vec.Expr) *Scalar {
	return &Scalar{Name: name, Group: "logical", Signature: "a " + name + " b", Doc: doc, Examples: examples,
		Bind: overloads(name, overload{text: "(BOOLEAN, BOOLEAN)", params: []param{pBool, pBool}, rest: pBool, fixed: types.TBool,
			build: func(_ *call, args []vec.Expr) vec.Expr { return make(args) }})}
}
