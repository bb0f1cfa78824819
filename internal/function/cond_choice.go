package function

import (
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

func init() {
	register(
		&Scalar{Name: "COALESCE", Group: "conditional", Signature: "COALESCE(a, …)", Doc: "The first argument that is not NULL.",
			Examples: []Example{{"COALESCE(CAST(NULL AS INT), 2, 3)", "2"}, {"COALESCE(NULL, 'x')", "x"}},
			Bind: overloads("COALESCE", overload{text: "(a, …)", params: []param{pAny}, rest: pAny, unify: toCommonEach, result: requiredIfAny, nullCall: true,
				build: func(_ *call, args []vec.Expr) vec.Expr { return NewCoalesce(args) }})},
		&Scalar{Name: "IFNULL", Group: "conditional", Signature: "IFNULL(a, b)", Doc: "b where a is NULL, else a.",
			Examples: []Example{{"IFNULL(CAST(NULL AS INT), 5)", "5"}, {"IFNULL(1, 5)", "1"}},
			Bind: overloads("IFNULL", overload{text: "(a, a)", params: []param{pAny, pAny}, unify: toCommonEach, result: requiredIfAny, nullCall: true,
				build: func(_ *call, args []vec.Expr) vec.Expr { return NewCoalesce(args) }})},
		&Scalar{Name: "IF", Group: "conditional", Signature: "IF(condition, a, b)", Doc: "a where the condition is TRUE, else b.",
			Examples: []Example{{"IF(5 > 3, 'yes', 'no')", "yes"}, {"IF(1 = NULL, 1, 2)", "2"}},
			Bind: overloads("IF", overload{text: "(BOOLEAN, a, a)", params: []param{pBool, pAny, pAny},
				unify: func(ts []types.Type) bool { return toLeast(ts[1:]) }, result: sameAs(1), nullCall: true,
				build: func(_ *call, args []vec.Expr) vec.Expr { return NewCase(args[:1], args[1:2], args[2]) }})},
		&Scalar{Name: "NULLIF", Group: "conditional", Signature: "NULLIF(a, b)", Doc: "NULL where a equals b, else a.",
			Examples: []Example{{"NULLIF(5, 5)", "NULL"}, {"NULLIF(5, 0)", "5"}}, Bind: bindNullIf},
		extreme("GREATEST", "The greatest of the arguments; NULL if one of them is NULL.",
			[]Example{{"GREATEST(1, 3, 2)", "3"}, {"GREATEST('a', 'b')", "b"}, {"GREATEST(1, CAST(NULL AS INT))", "NULL"}}, 1),
		extreme("LEAST", "The least of the arguments; NULL if one of them is NULL.", []Example{{"LEAST(1.5, 0.5)", "0.5"}}, -1),
	)
}

// bindNullIf keeps the first argument as it is and compares it with the second
// as = does.
func bindNullIf(args []types.Type, lits []*Literal) (Bound, error) {
	if len(args) != 2 {
		return Bound{}, mismatch("NULLIF", args, []overload{{text: "(a, a)"}})
	}
	eq, err := registry.scalars["="].Bind(args, lits)
	if err != nil {
		return eq, err
	}
	result := args[0].Plain().Nullable()
	kernel := func(ctx *vec.EvalContext, in []*vec.Vector, sel []int32, n int, out *vec.Vector) error {
		same := vec.New(types.TBool, n, 0)
		rows := keep(nil, sel, n, vec.And(in[1].Valid, in[2].Valid, n))
		if in[1].Type.Root == types.Null || in[2].Type.Root == types.Null {
			rows = rows[:0]
		}
		if err := eq.Kernel(ctx, in[1:], rows, n, same); err != nil {
			return err
		}
		m := newMerge(n)
		m.add(in[0], keep(nil, sel, n, nil))
		for _, r := range rows {
			if same.Bool[r] {
				m.from[r] = 0
			}
		}
		*out = *m.vector(result)
		return nil
	}
	return Bound{Args: args, Result: result, NullCall: true, Build: func(given []vec.Expr) vec.Expr {
		compared, err := CastArgs(eq, given)
		if err != nil {
			return &failed{typ: result, err: err}
		}
		b := Bound{Args: []types.Type{args[0], eq.Args[0], eq.Args[1]}, Result: result, Kernel: kernel, NullCall: true}
		return NewCall(b, append([]vec.Expr{given[0]}, compared...))
	}}, nil
}

// failed is an expression that can only report an error.
type failed struct {
	typ types.Type
	err error
}

func (f *failed) Type() types.Type { return f.typ }
func (f *failed) Eval(*vec.EvalContext, *vec.Batch) (*vec.Vector, error) {
	return nil, f.err
}

// extreme makes GREATEST (sign 1) and LEAST (-1).
func extreme(name, doc string, examples []Example, sign int) *Scalar {
	kernel := func(_ *vec.EvalContext, args []*vec.Vector, sel []int32, n int, out *vec.Vector) error {
		m := newMerge(n)
		m.parts = args
		rows := keep(nil, sel, n, nil)
		for _, r := range rows {
			best := 0
			for i := 1; i < len(args); i++ {
				if vec.Compare(args[i], int(r), args[best], int(r))*sign > 0 {
					best = i
				}
			}
			m.from[r] = int16(best + 1)
		}
		*out = *m.vector(out.Type)
		return nil
	}
	return &Scalar{Name: name, Group: "conditional", Signature: name + "(a, …)", Doc: doc, Examples: examples,
		Bind: overloads(name, overload{text: "(a, …)", params: []param{pAny}, rest: pAny, unify: toCommon, result: sameAs(0),
			kernel: func(*call) Kernel { return kernel }})}
}
