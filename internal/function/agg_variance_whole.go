package function

import (
	"math/big"
	"math/bits"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// wholeVariance is the variance of whole numbers, of which the result is cut to
// a whole number, too: a last bit lost by adding and taking back would show as a
// difference of 1. So it keeps count, sum and sum of squares exactly, in 128
// bits, which suffice for any sum of values up to 10^15.
type wholeVariance struct{ variance }

func (v *wholeVariance) Cells() []types.Type {
	wide := types.TDecimal(38, 0).Required()
	return []types.Type{tCount, wide, wide}
}

func (v *wholeVariance) Add(cells []*vec.Column, groups []int32, args []*vec.Vector, rows []int32) error {
	foldSquares(cells, groups, args[0], rows, false)
	return nil
}

func (v *wholeVariance) Retract(cells []*vec.Column, groups []int32, args []*vec.Vector, rows []int32) error {
	foldSquares(cells, groups, args[0], rows, true)
	return nil
}

func foldSquares(cells []*vec.Column, groups []int32, in *vec.Vector, rows []int32, back bool) {
	n, sums, squares := cells[0].I64, cells[1].Dec, cells[2].Dec
	for i, g := range groups {
		r := int(rows[i])
		if in.IsNull(r) {
			continue
		}
		x := in.Int(r)
		one, sum, square := int64(1), types.DecOf(x), squareOf(x)
		if back {
			one, sum, square = -1, sum.Neg(), square.Neg()
		}
		n[g] += one
		sums[g], squares[g] = wrapAdd(sums[g], sum), wrapAdd(squares[g], square)
	}
}

func squareOf(x int64) types.Dec {
	u := uint64(x)
	if x < 0 {
		u = -u
	}
	hi, lo := bits.Mul64(u, u)
	return types.Dec{Lo: lo, Hi: int64(hi)}
}

func (v *wholeVariance) Merge(cells []*vec.Column, groups []int32, from []*vec.Column, fromGroups []int32) error {
	mergeCounts(cells[0].I64, groups, from[0].I64, fromGroups)
	for i, g := range groups {
		f := fromGroups[i]
		cells[1].Dec[g] = wrapAdd(cells[1].Dec[g], from[1].Dec[f])
		cells[2].Dec[g] = wrapAdd(cells[2].Dec[g], from[2].Dec[f])
	}
	return nil
}

func (v *wholeVariance) Result(cells []*vec.Column, groups []int32) (*vec.Vector, error) {
	return v.results(groups, func(g int32) (int64, float64) {
		n := cells[0].I64[g]
		if n <= 0 {
			return n, 0
		}
		// n * squares - sum^2 is exact; dividing it by n is the only rounding.
		sum := bigOf(cells[1].Dec[g])
		m2 := bigOf(cells[2].Dec[g])
		m2.Mul(m2, big.NewInt(n)).Sub(m2, sum.Mul(sum, sum))
		f, _ := new(big.Rat).SetFrac(m2, big.NewInt(n)).Float64()
		return n, f
	})
}

func bigOf(d types.Dec) *big.Int {
	b := new(big.Int).Lsh(big.NewInt(d.Hi), 64)
	return b.Add(b, new(big.Int).SetUint64(d.Lo))
}
