package function

import (
	"math/bits"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

func init() {
	registerAggregates(
		&AggregateFn{Name: "SUM", Signature: "SUM([DISTINCT] a)", Doc: "The sum of the values that are not NULL, in their type (whole numbers wrap round), of DECIMAL(p, s) as DECIMAL(38, s); NULL if there are none.",
			Examples: []AggExample{{types.TInt, []string{"1", "NULL", "3"}, "4"}, {types.TInt, []string{"NULL"}, "NULL"}, {types.TDecimal(4, 2), []string{"1.50", "2.25"}, "3.75"}, {types.TDouble, []string{"0.5", "0.25"}, "0.75"}},
			Bind:     bindAgg("SUM", "(number)", 0, func(args []types.Type) vec.Aggregate { return newSum(args[0], true) }, pNumeric)},
		&AggregateFn{Name: "SUM0", Aliases: []string{"$SUM0"}, Signature: "$SUM0([DISTINCT] a)", Doc: "As SUM, but 0 if there are no values.",
			Examples: []AggExample{{types.TInt, []string{"NULL"}, "0"}, {types.TInt, []string{"2", "3"}, "5"}},
			Bind:     bindAgg("SUM0", "(number)", 0, func(args []types.Type) vec.Aggregate { return newSum(args[0], false) }, pNumeric)},
	)
}

// newSum makes SUM (null) or SUM0 for a number type.
func newSum(t types.Type, null bool) vec.Aggregate {
	result := types.SumType(t)
	result = result.WithNull(null || t.Root == types.Decimal)
	switch t.Physical() {
	case types.PhysInt8:
		return &sum[int8]{result, null}
	case types.PhysInt16:
		return &sum[int16]{result, null}
	case types.PhysInt32:
		return &sum[int32]{result, null}
	case types.PhysInt64:
		return &sum[int64]{result, null}
	case types.PhysFloat32:
		return &sum[float32]{result, null}
	case types.PhysFloat64:
		return &sum[float64]{result, null}
	}
	return &decSum{result, null}
}

// sum has the cells sum and count; the count says when the sum is NULL again,
// after all rows were taken back.
type sum[T number] struct {
	typ  types.Type
	null bool
}

func (s *sum[T]) Type() types.Type    { return s.typ }
func (s *sum[T]) Cells() []types.Type { return []types.Type{s.typ.Required(), tCount} }
func (s *sum[T]) Retractable() bool   { return true }

func (s *sum[T]) Add(cells []*vec.Column, groups []int32, args []*vec.Vector, rows []int32) error {
	total, n := columnOf[T](cells[0]), cells[1].I64
	v := *slice[T](args[0])
	if args[0].Valid == nil {
		for i, g := range groups {
			total[g] += v[rows[i]]
			n[g]++
		}
		return nil
	}
	for i, g := range groups {
		if r := rows[i]; args[0].Valid.Get(int(r)) {
			total[g] += v[r]
			n[g]++
		}
	}
	return nil
}

func (s *sum[T]) Retract(cells []*vec.Column, groups []int32, args []*vec.Vector, rows []int32) error {
	total, n := columnOf[T](cells[0]), cells[1].I64
	v := *slice[T](args[0])
	for i, g := range groups {
		if r := rows[i]; args[0].Valid.Get(int(r)) {
			total[g] -= v[r]
			n[g]--
		}
	}
	return nil
}

func (s *sum[T]) Merge(cells []*vec.Column, groups []int32, from []*vec.Column, fromGroups []int32) error {
	total, part := columnOf[T](cells[0]), columnOf[T](from[0])
	for i, g := range groups {
		total[g] += part[fromGroups[i]]
	}
	mergeCounts(cells[1].I64, groups, from[1].I64, fromGroups)
	return nil
}

func (s *sum[T]) Result(cells []*vec.Column, groups []int32) (*vec.Vector, error) {
	out := vec.New(s.typ, len(groups), 0)
	dst, total := *slice[T](out), columnOf[T](cells[0])
	for i, g := range groups {
		dst[i] = total[g]
		if s.null && cells[1].I64[g] == 0 {
			dst[i] = 0
			out.SetNull(i)
		}
	}
	return out, nil
}

// decSum adds decimals modulo 2^128, so that taking rows back is exact also
// after an overflow; a sum of more than 38 digits is NULL.
type decSum struct {
	typ  types.Type
	null bool
}

func (s *decSum) Type() types.Type    { return s.typ }
func (s *decSum) Cells() []types.Type { return []types.Type{s.typ.Required(), tCount} }
func (s *decSum) Retractable() bool   { return true }

func (s *decSum) Add(cells []*vec.Column, groups []int32, args []*vec.Vector, rows []int32) error {
	addDecs(cells, groups, args[0], rows, 1)
	return nil
}

func (s *decSum) Retract(cells []*vec.Column, groups []int32, args []*vec.Vector, rows []int32) error {
	addDecs(cells, groups, args[0], rows, -1)
	return nil
}

func addDecs(cells []*vec.Column, groups []int32, v *vec.Vector, rows []int32, sign int64) {
	total, n := cells[0].Dec, cells[1].I64
	for i, g := range groups {
		r := rows[i]
		if !v.Valid.Get(int(r)) {
			continue
		}
		if n[g] += sign; sign > 0 {
			total[g] = wrapAdd(total[g], v.Dec[r])
		} else {
			total[g] = wrapAdd(total[g], v.Dec[r].Neg())
		}
	}
}

func wrapAdd(a, b types.Dec) types.Dec {
	lo, carry := bits.Add64(a.Lo, b.Lo, 0)
	hi, _ := bits.Add64(uint64(a.Hi), uint64(b.Hi), carry)
	return types.Dec{Lo: lo, Hi: int64(hi)}
}

func (s *decSum) Merge(cells []*vec.Column, groups []int32, from []*vec.Column, fromGroups []int32) error {
	for i, g := range groups {
		cells[0].Dec[g] = wrapAdd(cells[0].Dec[g], from[0].Dec[fromGroups[i]])
	}
	mergeCounts(cells[1].I64, groups, from[1].I64, fromGroups)
	return nil
}

func (s *decSum) Result(cells []*vec.Column, groups []int32) (*vec.Vector, error) {
	out := vec.New(s.typ, len(groups), 0)
	for i, g := range groups {
		if d := cells[0].Dec[g]; d.Fits(s.typ.Precision) && !(s.null && cells[1].I64[g] == 0) {
			out.Dec[i] = d
		} else {
			out.SetNull(i)
		}
	}
	return out, nil
}
