package vec

import (
	"math"
	"math/rand/v2"

	"github.com/millrace/millrace/internal/types"
)

// allTypes has every physical form, and nested ones of several.
var allTypes = []types.Type{
	types.TNull, types.TBool, types.TTinyInt, types.TSmall, types.TInt, types.TBigInt, types.TFloat, types.TDouble,
	types.TDecimal(20, 3), types.TString, types.TBytes, types.TDate, types.TTime, types.TTimestamp(3), types.TTimestampLTZ(9),
	types.TArray(types.TString), types.TArray(types.TArray(types.TInt)), types.TMap(types.TString, types.TDouble),
	{Root: types.Multiset, Elem: &types.TString},
	types.TRow(types.Field{Name: "a", Type: types.TBigInt}, types.Field{Name: "b", Type: types.TArray(types.TRow(types.Field{Name: "c", Type: types.TString}))}),
}

// appendRandom appends a value of b's type, NULL now and then.
func appendRandom(r *rand.Rand, b *Builder) {
	if r.IntN(5) == 0 && !b.Type().NotNull {
		b.AppendNull()
		return
	}
	switch b.phys {
	case types.PhysNull:
		b.AppendNull()
	case types.PhysBool:
		b.AppendBool(r.IntN(2) == 0)
	case types.PhysInt8, types.PhysInt16, types.PhysInt32, types.PhysInt64:
		b.AppendInt([]int64{0, -1, 1, 127, -128, r.Int64() >> uint(r.IntN(64))}[r.IntN(6)])
	case types.PhysFloat32, types.PhysFloat64:
		b.AppendFloat([]float64{0, math.Copysign(0, -1), math.NaN(), math.Inf(1), r.NormFloat64()}[r.IntN(5)])
	case types.PhysDec:
		b.AppendDec(types.Dec{Lo: r.Uint64(), Hi: r.Int64() >> uint(r.IntN(64)) * int64(1-2*r.IntN(2))})
	case types.PhysBytes:
		s := make([]byte, []int{0, 1, 7, 8, 9, 40, 300}[r.IntN(7)])
		for i := range s {
			s[i] = byte(r.Uint32())
		}
		b.AppendBytes(s)
	case types.PhysArray, types.PhysMap:
		for range r.IntN(4) {
			for _, k := range b.kids {
				appendRandom(r, k)
			}
		}
		b.Close()
	case types.PhysRow:
		for _, k := range b.kids {
			appendRandom(r, k)
		}
		b.Close()
	}
}

func randomVector(r *rand.Rand, t types.Type, n int) *Vector {
	b := NewBuilder(t, n)
	for range n {
		appendRandom(r, b)
	}
	return b.Finish()
}

func randomRows(r *rand.Rand, n, of int) []int32 {
	rows := make([]int32, n)
	for i := range rows {
		rows[i] = int32(r.IntN(of))
	}
	return rows
}

func equalValues(a *Vector, i int, b *Vector, j int) bool { return Compare(a, i, b, j) == 0 }
