package function

import (
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

func init() {
	pComparable := family(types.TInt, func(t types.Type) bool {
		return !nested(t) && t.Root != types.Symbol && t.Root != types.Descriptor
	})
	registerAggregates(
		&AggregateFn{Name: "MIN", Signature: "MIN(a)", Doc: "The least value; NULL if there are none.",
			Examples: []AggExample{{types.TInt, []string{"3", "NULL", "1"}, "1"}, {types.TString, []string{"b", "a"}, "a"}, {types.TDate, []string{"2024-01-02", "2024-01-01"}, "2024-01-01"}},
			Bind:     bindAgg("MIN", "(any)", 0, func(args []types.Type) vec.Aggregate { return newExtreme(args[0], -1) }, pComparable)},
		&AggregateFn{Name: "MAX", Signature: "MAX(a)", Doc: "The greatest value; NULL if there are none.",
			Examples: []AggExample{{types.TInt, []string{"3", "NULL", "1"}, "3"}, {types.TInt, []string{"NULL"}, "NULL"}, {types.TBool, []string{"FALSE", "TRUE"}, "TRUE"}, {types.TDecimal(3, 1), []string{"1.5", "-2.5"}, "1.5"}},
			Bind:     bindAgg("MAX", "(any)", 0, func(args []types.Type) vec.Aggregate { return newExtreme(args[0], 1) }, pComparable)},
	)
}

// newExtreme is MIN (sign -1) or MAX (1).
func newExtreme(t types.Type, sign int) vec.Aggregate {
	base := anyExtreme{typ: t.Nullable(), sign: sign}
	switch t.Physical() {
	case types.PhysInt8:
		return &extremeNumber[int8]{base}
	case types.PhysInt16:
		return &extremeNumber[int16]{base}
	case types.PhysInt32:
		return &extremeNumber[int32]{base}
	case types.PhysInt64:
		return &extremeNumber[int64]{base}
	case types.PhysFloat32:
		return &extremeNumber[float32]{base}
	case types.PhysFloat64:
		return &extremeNumber[float64]{base}
	}
	return &base
}

// anyExtreme has one cell, the value so far, and compares as columns do.
type anyExtreme struct {
	forward
	typ  types.Type
	sign int
}

func (e *anyExtreme) Type() types.Type { return e.typ }

// Selects says that the result is one of the values: taking back another one leaves
// it as it is, so that only the loss of the extreme itself is computed again.
func (e *anyExtreme) Selects() bool { return true }

func (e *anyExtreme) Cells() []types.Type { return []types.Type{e.typ} }

func (e *anyExtreme) Add(cells []*vec.Column, groups []int32, args []*vec.Vector, rows []int32) error {
	c, v := cells[0], args[0]
	for i, g := range groups {
		r := int(rows[i])
		if !v.IsNull(r) && (c.IsNull(int(g)) || c.Compare(int(g), v, r)*e.sign < 0) {
			c.Set(int(g), v, r)
		}
	}
	return nil
}

func (e *anyExtreme) Merge(cells []*vec.Column, groups []int32, from []*vec.Column, fromGroups []int32) error {
	return e.Add(cells, groups, []*vec.Vector{from[0].Gather(fromGroups)}, upTo(len(groups)))
}

func (e *anyExtreme) Result(cells []*vec.Column, groups []int32) (*vec.Vector, error) {
	return cells[0].Gather(groups), nil
}

// upTo are the rows 0 to n-1.
func upTo(n int) []int32 {
	rows := make([]int32, n)
	for i := range rows {
		rows[i] = int32(i)
	}
	return rows
}

// extremeNumber does the same without calls.
type extremeNumber[T number] struct{ anyExtreme }

func (e *extremeNumber[T]) Add(cells []*vec.Column, groups []int32, args []*vec.Vector, rows []int32) error {
	c, v := cells[0], *slice[T](args[0])
	best, valid := columnOf[T](c), args[0].Valid
	for i, g := range groups {
		r := rows[i]
		if !valid.Get(int(r)) {
			continue
		}
		switch x := v[r]; {
		case c.IsNull(int(g)):
			c.SetValid(int(g))
			best[g] = x
		case e.sign > 0 && x > best[g], e.sign < 0 && x < best[g]:
			best[g] = x
		}
	}
	return nil
}

func (e *extremeNumber[T]) Merge(cells []*vec.Column, groups []int32, from []*vec.Column, fromGroups []int32) error {
	return e.Add(cells, groups, []*vec.Vector{from[0].Gather(fromGroups)}, upTo(len(groups)))
}
