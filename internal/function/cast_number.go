package function

import (
	"math"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// castNumber converts between numbers, and from BOOLEAN.
func castNumber(from, to types.Type) Kernel {
	if from.Root == types.Decimal {
		return decimalTo(from, to)
	}
	if to.Root == types.Decimal {
		return toDecimal(from, to)
	}
	switch from.Physical() {
	case types.PhysBool:
		return boolTo(to)
	case types.PhysInt8:
		return wholeTo[int8](to)
	case types.PhysInt16:
		return wholeTo[int16](to)
	case types.PhysInt32:
		return wholeTo[int32](to)
	case types.PhysInt64:
		return wholeTo[int64](to)
	case types.PhysFloat32:
		return floatTo[float32](to)
	}
	return floatTo[float64](to)
}

func wholeTo[A whole](to types.Type) Kernel {
	switch to.Physical() {
	case types.PhysInt8:
		return convert[A, int8]
	case types.PhysInt16:
		return convert[A, int16]
	case types.PhysInt32:
		return convert[A, int32]
	case types.PhysInt64:
		return convert[A, int64]
	case types.PhysFloat32:
		return convert[A, float32]
	}
	return convert[A, float64]
}

// floatTo narrows as Java does: by way of INT or BIGINT, which saturate, with 0
// for NaN; TINYINT and SMALLINT are then the low bits.
func floatTo[A float32 | float64](to types.Type) Kernel {
	switch to.Physical() {
	case types.PhysInt8:
		return map1(func(x A) int8 { return int8(saturate(float64(x), math.MinInt32, math.MaxInt32)) })
	case types.PhysInt16:
		return map1(func(x A) int16 { return int16(saturate(float64(x), math.MinInt32, math.MaxInt32)) })
	case types.PhysInt32:
		return map1(func(x A) int32 { return int32(saturate(float64(x), math.MinInt32, math.MaxInt32)) })
	case types.PhysInt64:
		return map1(func(x A) int64 { return saturate(float64(x), math.MinInt64, math.MaxInt64) })
	case types.PhysFloat32:
		return convert[A, float32]
	}
	return convert[A, float64]
}

func saturate(x float64, low, high int64) int64 {
	switch {
	case x != x:
		return 0
	case x <= float64(low):
		return low
	case x >= float64(high):
		return high
	}
	return int64(x)
}

func convert[A, R number](_ *vec.EvalContext, args []*vec.Vector, sel []int32, n int, out *vec.Vector) error {
	a, dst := (*slice[A](args[0]))[:n], (*slice[R](out))[:n]
	if sel == nil {
		for i, x := range a {
			dst[i] = R(x)
		}
	}
	for _, r := range sel {
		dst[r] = R(a[r])
	}
	return nil
}

func boolTo(to types.Type) Kernel {
	wide := make([]int64, 0)
	next := wholeTo[int64](to)
	return func(ctx *vec.EvalContext, args []*vec.Vector, sel []int32, n int, out *vec.Vector) error {
		wide = wide[:0]
		for _, x := range args[0].Bool[:n] {
			wide = append(wide, int64(truth(x)))
		}
		return next(ctx, []*vec.Vector{{Type: types.TBigInt, N: n, I64: wide}}, sel, n, out)
	}
}

func decimalTo(from, to types.Type) Kernel {
	s := from.Scale
	whole := func(d types.Dec) int64 { v, _ := d.Int64(s); return v }
	switch to.Physical() {
	case types.PhysInt8:
		return map1(func(d types.Dec) int8 { return int8(whole(d)) })
	case types.PhysInt16:
		return map1(func(d types.Dec) int16 { return int16(whole(d)) })
	case types.PhysInt32:
		return map1(func(d types.Dec) int32 { return int32(whole(d)) })
	case types.PhysInt64:
		return map1(whole)
	case types.PhysFloat32:
		return map1(func(d types.Dec) float32 { return float32(d.Float64(s)) })
	case types.PhysFloat64:
		return map1(func(d types.Dec) float64 { return d.Float64(s) })
	}
	check := !alwaysFits(from, to)
	return decOrNull(func(v *vec.Vector, r int) (types.Dec, bool) {
		d, ok := v.Dec[r].Rescale(s, to.Scale)
		return d, ok && (!check || d.Fits(to.Precision))
	})
}

func toDecimal(from, to types.Type) Kernel {
	p, s := to.Precision, to.Scale
	switch from.Physical() {
	case types.PhysFloat32:
		// By its own shortest text: as a DOUBLE it would show binary dust.
		return decOrNull(func(v *vec.Vector, r int) (types.Dec, bool) {
			d, err := types.ParseDec(types.AppendFloat(nil, float64(v.F32[r]), 32), p, s)
			return d, err == nil
		})
	case types.PhysFloat64:
		return decOrNull(func(v *vec.Vector, r int) (types.Dec, bool) { return types.DecFromFloat(v.F64[r], p, s) })
	case types.PhysBool:
		return decOrNull(func(v *vec.Vector, r int) (types.Dec, bool) { return types.DecFromInt(int64(truth(v.Bool[r])), p, s) })
	}
	return decOrNull(func(v *vec.Vector, r int) (types.Dec, bool) { return types.DecFromInt(v.Int(r), p, s) })
}

func decOrNull(f func(v *vec.Vector, r int) (types.Dec, bool)) Kernel {
	return rowsOf(func(_ *vec.EvalContext, args []*vec.Vector, r int, out *vec.Vector) error {
		d, ok := f(args[0], r)
		if !ok {
			out.SetNull(r)
			return nil
		}
		out.Dec[r] = d
		return nil
	})
}
