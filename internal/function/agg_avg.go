package function

import (
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

func init() {
	registerAggregates(&AggregateFn{Name: "AVG", Signature: "AVG([DISTINCT] a)", Doc: "The mean of the values that are not NULL, in their type: of whole numbers cut to a whole number, of DECIMAL(p, s) a DECIMAL(38, max(6, s)); NULL if there are none.",
		Examples: []AggExample{{types.TInt, []string{"1", "NULL", "4"}, "2"}, {types.TDecimal(4, 2), []string{"1.50", "2.25"}, "1.875000"}, {types.TDouble, []string{"1", "2"}, "1.5"}, {types.TInt, nil, "NULL"}},
		Bind:     bindAgg("AVG", "(number)", 0, newAvg, pNumeric)})
}

func newAvg(args []types.Type) vec.Aggregate {
	t := args[0]
	result := types.AvgType(t).Nullable()
	switch t.Physical() {
	case types.PhysInt8:
		return &avg[int8, int64]{typ: result, cell: types.TBigInt}
	case types.PhysInt16:
		return &avg[int16, int64]{typ: result, cell: types.TBigInt}
	case types.PhysInt32:
		return &avg[int32, int64]{typ: result, cell: types.TBigInt}
	case types.PhysInt64:
		return &avg[int64, int64]{typ: result, cell: types.TBigInt}
	case types.PhysFloat32:
		return &avg[float32, float64]{typ: result, cell: types.TDouble}
	case types.PhysFloat64:
		return &avg[float64, float64]{typ: result, cell: types.TDouble}
	}
	return &decAvg{decSum{types.SumType(t).Nullable(), true}, result}
}

// avg adds up T in the wider S and counts.
type avg[T, S number] struct{ typ, cell types.Type }

func (a *avg[T, S]) Type() types.Type    { return a.typ }
func (a *avg[T, S]) Cells() []types.Type { return []types.Type{a.cell.Required(), tCount} }
func (a *avg[T, S]) Retractable() bool   { return true }

func (a *avg[T, S]) Add(cells []*vec.Column, groups []int32, args []*vec.Vector, rows []int32) error {
	total, n := columnOf[S](cells[0]), cells[1].I64
	v := *slice[T](args[0])
	for i, g := range groups {
		if r := rows[i]; args[0].Valid.Get(int(r)) {
			total[g] += S(v[r])
			n[g]++
		}
	}
	return nil
}

func (a *avg[T, S]) Retract(cells []*vec.Column, groups []int32, args []*vec.Vector, rows []int32) error {
	total, n := columnOf[S](cells[0]), cells[1].I64
	v := *slice[T](args[0])
	for i, g := range groups {
		if r := rows[i]; args[0].Valid.Get(int(r)) {
			total[g] -= S(v[r])
			n[g]--
		}
	}
	return nil
}

func (a *avg[T, S]) Merge(cells []*vec.Column, groups []int32, from []*vec.Column, fromGroups []int32) error {
	total, part := columnOf[S](cells[0]), columnOf[S](from[0])
	for i, g := range groups {
		total[g] += part[fromGroups[i]]
	}
	mergeCounts(cells[1].I64, groups, from[1].I64, fromGroups)
	return nil
}

func (a *avg[T, S]) Result(cells []*vec.Column, groups []int32) (*vec.Vector, error) {
	out := vec.New(a.typ, len(groups), 0)
	dst, total := *slice[T](out), columnOf[S](cells[0])
	for i, g := range groups {
		if n := cells[1].I64[g]; n != 0 {
			dst[i] = T(total[g] / S(n))
		} else {
			out.SetNull(i)
		}
	}
	return out, nil
}

// decAvg is the mean of decimals, rounded HALF_UP.
type decAvg struct {
	decSum
	result types.Type
}

func (a *decAvg) Type() types.Type { return a.result }

func (a *decAvg) Result(cells []*vec.Column, groups []int32) (*vec.Vector, error) {
	out := vec.New(a.result, len(groups), 0)
	for i, g := range groups {
		n, total := cells[1].I64[g], cells[0].Dec[g]
		if n != 0 && total.Fits(a.typ.Precision) {
			if d, ok := total.Div(types.DecOf(n), a.result.Scale-a.typ.Scale); ok && d.Fits(a.result.Precision) {
				out.Dec[i] = d
				continue
			}
		}
		out.SetNull(i)
	}
	return out, nil
}
