package function

import (
	"fmt"
	"time"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// IsConst says whether e has the same value on every row and in every step.
func IsConst(e vec.Expr) bool {
	n, ok := e.(node)
	if !ok || !n.pure() {
		return false
	}
	for _, c := range n.children() {
		if !IsConst(c) {
			return false
		}
	}
	return true
}

// EvalConst is the value of a constant expression, as a Literal has it. Zones
// are UTC; EvalConstIn takes the session's.
func EvalConst(e vec.Expr) (any, error) {
	return EvalConstIn(&vec.EvalContext{Location: time.UTC}, e)
}

// EvalConstIn is EvalConst with the session's time zone and time.
func EvalConstIn(ctx *vec.EvalContext, e vec.Expr) (any, error) {
	v, err := e.Eval(ctx, &vec.Batch{N: 1})
	if err != nil {
		return nil, err
	}
	return scalarAt(v, 0)
}

// scalarAt is value i of v as a Literal has it.
func scalarAt(v *vec.Vector, i int) (any, error) {
	if v.IsNull(i) {
		return nil, nil
	}
	switch v.Type.Physical() {
	case types.PhysBool:
		return v.Bool[i], nil
	case types.PhysInt8:
		return int64(v.I8[i]), nil
	case types.PhysInt16:
		return int64(v.I16[i]), nil
	case types.PhysInt32:
		return int64(v.I32[i]), nil
	case types.PhysInt64:
		return v.I64[i], nil
	case types.PhysFloat32:
		return float64(v.F32[i]), nil
	case types.PhysFloat64:
		return v.F64[i], nil
	case types.PhysDec:
		return v.Dec[i], nil
	case types.PhysBytes:
		if v.Type.IsString() {
			return v.Str(i), nil
		}
		return append([]byte(nil), v.Bytes(i)...), nil
	}
	return nil, fmt.Errorf("a %s is not a literal", v.Type)
}

// FilterSel is the selection of b narrowed to the rows on which pred is TRUE.
func FilterSel(pred vec.Expr, ctx *vec.EvalContext, b *vec.Batch) ([]int32, error) {
	if and, ok := pred.(*logicExpr); ok && and.and {
		// A conjunction filters step by step: a row that is not TRUE for one
		// part needs no further look, be it FALSE or NULL.
		for _, a := range and.args {
			sel, err := FilterSel(a, ctx, b)
			if err != nil {
				return nil, err
			}
			b = b.Select(sel)
			if len(sel) == 0 {
				return sel, nil
			}
		}
		return b.Sel, nil
	}
	v, err := pred.Eval(ctx, b)
	if err != nil {
		return nil, err
	}
	if v.Type.Root == types.Null {
		return []int32{}, nil
	}
	return selectTrue(v, b), nil
}

func selectTrue(v *vec.Vector, b *vec.Batch) []int32 {
	out := make([]int32, b.Len())
	k := 0
	switch {
	case b.Sel != nil:
		for _, r := range b.Sel {
			out[k] = r
			if v.Bool[r] && v.Valid.Get(int(r)) {
				k++
			}
		}
	case v.Valid == nil:
		// Writing always and stepping on by the condition leaves no branch to
		// be mispredicted.
		for i, ok := range v.Bool[:b.N] {
			out[k] = int32(i)
			if ok {
				k++
			}
		}
	default:
		for i, ok := range v.Bool[:b.N] {
			out[k] = int32(i)
			if ok && v.Valid.Get(i) {
				k++
			}
		}
	}
	return out[:k]
}
