package function

import (
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// NewIn is arg IN (literals), the literals being of arg's type. As SQL has it,
// a value that is not found among literals of which one is NULL gives NULL.
func NewIn(arg vec.Expr, literals []*Literal) vec.Expr {
	e := &inExpr{arg: arg, typ: types.TBool.WithNull(!arg.Type().NotNull)}
	for _, l := range literals {
		if l.Value == nil {
			e.null, e.typ = true, types.TBool
		}
	}
	switch arg.Type().Physical() {
	case types.PhysInt8:
		e.find = finder[int8](literals, fromInt[int8])
	case types.PhysInt16:
		e.find = finder[int16](literals, fromInt[int16])
	case types.PhysInt32:
		e.find = finder[int32](literals, fromInt[int32])
	case types.PhysInt64:
		e.find = finder[int64](literals, fromInt[int64])
	case types.PhysFloat32:
		e.find = finder[float32](literals, func(v any) float32 { return float32(v.(float64)) })
	case types.PhysFloat64:
		e.find = finder[float64](literals, func(v any) float64 { return v.(float64) })
	case types.PhysBool:
		e.find = finder[bool](literals, func(v any) bool { return v.(bool) })
	case types.PhysDec:
		e.find = finder[types.Dec](literals, func(v any) types.Dec { return v.(types.Dec) })
	default:
		e.find = bytesFinder(literals)
	}
	return e
}

func fromInt[T int8 | int16 | int32 | int64](v any) T { return T(v.(int64)) }

type inExpr struct {
	arg  vec.Expr
	find func(v *vec.Vector, r int32) bool
	null bool // among the literals
	typ  types.Type
}

func (e *inExpr) Type() types.Type     { return e.typ }
func (e *inExpr) children() []vec.Expr { return []vec.Expr{e.arg} }
func (e *inExpr) pure() bool           { return true }

func (e *inExpr) Eval(ctx *vec.EvalContext, b *vec.Batch) (*vec.Vector, error) {
	v, err := e.arg.Eval(ctx, b)
	if err != nil {
		return nil, err
	}
	out := vec.New(e.typ, b.N, 0)
	err = each(b.Sel, b.N, func(r int32) error {
		switch {
		case v.IsNull(int(r)):
			out.SetNull(int(r))
		case e.find(v, r):
			out.Bool[r] = true
		case e.null:
			out.SetNull(int(r))
		}
		return nil
	})
	return out, err
}

// fewLiterals is up to how many literals comparing with each is faster than a
// map.
const fewLiterals = 8

func finder[T interface {
	fixed
	comparable
}](literals []*Literal, get func(any) T) func(*vec.Vector, int32) bool {
	var list []T
	for _, l := range literals {
		if l.Value != nil {
			list = append(list, get(l.Value))
		}
	}
	if len(list) <= fewLiterals {
		return func(v *vec.Vector, r int32) bool {
			x := (*slice[T](v))[r]
			for _, y := range list {
				if x == y {
					return true
				}
			}
			return false
		}
	}
	set := make(map[T]struct{}, len(list))
	for _, y := range list {
		set[y] = struct{}{}
	}
	return func(v *vec.Vector, r int32) bool {
		_, ok := set[(*slice[T](v))[r]]
		return ok
	}
}

func bytesFinder(literals []*Literal) func(*vec.Vector, int32) bool {
	set := make(map[string]struct{}, len(literals))
	for _, l := range literals {
		switch x := l.Value.(type) {
		case string:
			set[x] = struct{}{}
		case []byte:
			set[string(x)] = struct{}{}
		}
	}
	return func(v *vec.Vector, r int32) bool {
		_, ok := set[string(v.Bytes(int(r)))]
		return ok
	}
}
