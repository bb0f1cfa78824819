package rex

import (
	"fmt"

	"github.com/millrace/millrace/internal/function"
	"github.com/millrace/millrace/internal/types"
)

// Col is column i of type t.
func Col(i int, t types.Type) *Column { return &Column{Index: i, T: t} }

// Lit is a constant that is not NULL.
func Lit(t types.Type, v any) *Literal { return &Literal{T: t.Required(), Value: v} }

// Null is NULL of type t.
func Null(t types.Type) *Literal { return &Literal{T: t.Nullable()} }

// Bool is TRUE or FALSE.
func Bool(v bool) *Literal { return Lit(types.TBool, v) }

// IsTrue and IsFalse recognize the two constants.
func IsTrue(e Expr) bool { l, ok := e.(*Literal); return ok && l.Value == true }

// IsFalse says whether an expression is the literal FALSE.
func IsFalse(e Expr) bool { l, ok := e.(*Literal); return ok && l.Value == false }

// CallTo binds a function by its name and casts the arguments to what it takes.
func CallTo(name string, args ...Expr) (Expr, error) {
	fn, ok := function.LookupScalar(name)
	if !ok {
		return nil, fmt.Errorf("function '%s' not found", name)
	}
	return CallFn(name, fn, args)
}

// CallFn is CallTo with the function looked up.
func CallFn(name string, fn *function.Scalar, args []Expr) (Expr, error) {
	bound, err := fn.Bind(typesOf(args), literals(args))
	if err != nil {
		return nil, err
	}
	return CallBound(name, fn, bound, args)
}

// CallBound is a call whose overload is chosen.
func CallBound(name string, fn *function.Scalar, bound function.Bound, args []Expr) (Expr, error) {
	items := make([]Expr, len(args))
	for i, a := range args {
		var err error
		if items[i], err = castArg(a, bound.Args[i]); err != nil {
			return nil, err
		}
	}
	return &Call{Name: name, Fn: fn, Bound: bound, Items: items, T: bound.Result}, nil
}

// castArg casts an argument as function.CastTo does: the length of strings does
// not matter to a kernel. A constant becomes one of the wanted type, so that
// plans show n > 5 as it was written.
func castArg(x Expr, t types.Type) (Expr, error) {
	from := x.Type()
	if t.Root == types.Null || t.Root == types.Symbol || from.IsString() && t.Same(types.TString) || from.IsBytes() && t.Same(types.TBytes) {
		return x, nil
	}
	c, err := CastTo(x, t, false)
	if _, literal := x.(*Literal); err != nil || !literal {
		return c, err
	}
	if l, ok := Fold(c); ok {
		return l, nil
	}
	return c, nil
}

// CastTo is x as type t; x itself if it has that type but for nullability.
func CastTo(x Expr, t types.Type, try bool) (Expr, error) {
	from := x.Type()
	t = t.Plain()
	if from.Same(t) {
		return x, nil
	}
	if l, ok := x.(*Literal); ok && l.Value == nil && t.Physical() < types.PhysArray {
		return Null(t), nil
	}
	bound, err := function.BindCast(from.Plain(), t.WithNull(!from.NotNull), try)
	if err != nil {
		return nil, err
	}
	return &Cast{X: x, T: bound.Result, Try: try, Bound: bound}, nil
}

// And is the conjunction of the items: TRUE if there is none, the item itself if
// it is the only one.
func And(items ...Expr) Expr { return logic(false, items) }

// Or is the disjunction of one or more items.
func Or(items ...Expr) Expr { return logic(true, items) }

func logic(or bool, items []Expr) Expr {
	var flat []Expr
	t := types.TBool.Required()
	for _, e := range items {
		if l, ok := e.(*Logic); ok && l.Or == or {
			flat = append(flat, l.Items...)
		} else if !or && IsTrue(e) || or && IsFalse(e) {
			continue
		} else {
			flat = append(flat, e)
		}
		t.NotNull = t.NotNull && e.Type().NotNull
	}
	switch len(flat) {
	case 0:
		return Bool(!or)
	case 1:
		return flat[0]
	}
	return &Logic{Or: or, Items: flat, T: t}
}

// Conjuncts are the items of a conjunction; none for TRUE and for nil.
func Conjuncts(e Expr) []Expr {
	if e == nil || IsTrue(e) {
		return nil
	}
	if l, ok := e.(*Logic); ok && !l.Or {
		return l.Items
	}
	return []Expr{e}
}

func typesOf(args []Expr) []types.Type {
	ts := make([]types.Type, len(args))
	for i, a := range args {
		ts[i] = a.Type().Plain()
	}
	return ts
}

func literals(args []Expr) []*function.Literal {
	out := make([]*function.Literal, len(args))
	for i, a := range args {
		if l, ok := a.(*Literal); ok {
			out[i] = &function.Literal{Type: l.T, Value: l.Value}
		}
	}
	return out
}
