package rex

import (
	"fmt"

	"github.com/millrace/millrace/internal/function"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// Compile makes the kernels of an expression. Each result has scratch space of
// its own: a worker compiles for itself.
func Compile(e Expr) (vec.Expr, error) { return compile(e, "") }

// compile compiles what stands in a call at the place around.
func compile(e Expr, around string) (vec.Expr, error) {
	switch e := e.(type) {
	case *Column:
		return function.NewColumn(e.Index, e.T), nil
	case *Literal:
		return function.NewLiteral(e.T, e.Value), nil
	case *In:
		return compileIn(e, around)
	}
	at := placeOf(e, around)
	args, err := compileAll(e.Args(), at)
	if err != nil {
		return nil, err
	}
	switch e := e.(type) {
	case *Call:
		bound := e.Bound
		bound.At = at
		return function.NewCall(bound, args), nil
	case *Cast:
		bound := e.Bound
		bound.At = at
		return function.NewCast(bound, args[0]), nil
	case *Logic:
		if e.Or {
			return function.NewOr(args), nil
		}
		return function.NewAnd(args), nil
	case *Case:
		return compileCase(e, args), nil
	case *Field:
		return function.NewField(args[0], e.Index), nil
	}
	return nil, fmt.Errorf("internal error: %T cannot be compiled", e)
}

func compileAll(exprs []Expr, around string) ([]vec.Expr, error) {
	out := make([]vec.Expr, len(exprs))
	for i, e := range exprs {
		var err error
		if out[i], err = compile(e, around); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func compileIn(e *In, around string) (vec.Expr, error) {
	x, err := compile(e.X, around)
	if err != nil {
		return nil, err
	}
	list := make([]*function.Literal, len(e.List))
	for i, l := range e.List {
		list[i] = &function.Literal{Type: l.T, Value: l.Value}
	}
	return function.NewIn(x, list), nil
}

func compileCase(e *Case, args []vec.Expr) vec.Expr {
	var whens, thens []vec.Expr
	for i := range e.Whens {
		whens = append(whens, args[2*i])
		thens = append(thens, args[2*i+1])
	}
	var els vec.Expr
	if e.Else != nil {
		els = args[len(args)-1]
	}
	return function.NewCase(whens, thens, els)
}

// Fold computes the constant that e is. ok is false where e is no constant, or
// computing it fails: then it must fail on the row, if a row ever comes to it.
func Fold(e Expr) (lit *Literal, ok bool) {
	t := e.Type()
	if l, is := e.(*Literal); is {
		return l, true
	}
	if t.Physical() >= types.PhysArray || t.Root == types.Symbol || !Deterministic(e) {
		return nil, false
	}
	compiled, err := Compile(e)
	if err != nil || !function.IsConst(compiled) {
		return nil, false
	}
	v, err := function.EvalConst(compiled)
	if err != nil {
		return nil, false
	}
	return &Literal{T: t.WithNull(v == nil), Value: v}, true
}
