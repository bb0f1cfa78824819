package operator

import (
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// Window functions that are no aggregates, as aggregates over an unbounded frame of
// rows in the order of time.

// NewRowNumber makes ROW_NUMBER: how many rows there were.
func NewRowNumber() vec.Aggregate { return rowCount{} }

// rankAgg is RANK and DENSE_RANK by one column of whole numbers, the time.
//
//	cells: rows so far, rank, the last row's time
type rankAgg struct {
	time  types.Type
	dense bool
}

// NewRank makes RANK, or DENSE_RANK, over an argument that rows are ordered by: a
// timestamp.
func NewRank(time types.Type, dense bool) vec.Aggregate {
	return rankAgg{time.Plain().Nullable(), dense}
}

func (a rankAgg) Type() types.Type    { return countType }
func (a rankAgg) Retractable() bool   { return false }
func (a rankAgg) Cells() []types.Type { return []types.Type{countType, countType, a.time} }

func (a rankAgg) Add(cells []*vec.Column, groups []int32, args []*vec.Vector, rows []int32) error {
	count, rank, last := cells[0].I64, cells[1].I64, cells[2]
	for i, g := range groups {
		at := args[0].I64[rows[i]]
		count[g]++
		if !last.IsNull(int(g)) && last.I64[g] == at {
			continue
		}
		if a.dense {
			rank[g]++
		} else {
			rank[g] = count[g]
		}
		last.I64[g] = at
		last.SetValid(int(g))
	}
	return nil
}

func (a rankAgg) Retract([]*vec.Column, []int32, []*vec.Vector, []int32) error {
	panic("operator: a rank is not taken back")
}

func (a rankAgg) Merge([]*vec.Column, []int32, []*vec.Column, []int32) error {
	panic("operator: ranks are not merged")
}

func (a rankAgg) Result(cells []*vec.Column, groups []int32) (*vec.Vector, error) {
	return cells[1].Gather(groups), nil
}

// lagAgg is LAG: the value of so many rows before.
//
//	cells: rows so far, the default of this row, the values of the last rows, this
//	row's first
type lagAgg struct {
	value  types.Type
	offset int
}

// NewLag makes LAG(value, offset [, default]); the default, if there is one, has the
// value's type.
func NewLag(value types.Type, offset int) vec.Aggregate {
	return lagAgg{value.Plain().Nullable(), offset}
}

func (a lagAgg) Type() types.Type  { return a.value }
func (a lagAgg) Retractable() bool { return false }

func (a lagAgg) Cells() []types.Type {
	return append([]types.Type{countType, a.value}, repeated(a.value, a.offset+1)...)
}

func (a lagAgg) Add(cells []*vec.Column, groups []int32, args []*vec.Vector, rows []int32) error {
	values := cells[2:]
	one := make([]int32, 1)
	for i, g := range groups {
		one[0] = g
		for k := len(values) - 1; k > 0; k-- {
			copyColumn(values[k], one, values[k-1], one)
		}
		setCell(values[0], g, args[0], rows[i])
		if len(args) > 1 {
			setCell(cells[1], g, args[1], rows[i])
		}
		cells[0].I64[g]++
	}
	return nil
}

func setCell(c *vec.Column, id int32, v *vec.Vector, row int32) {
	if v.IsNull(int(row)) {
		c.SetNull(int(id))
		return
	}
	c.Set(int(id), v, int(row))
}

func (a lagAgg) Retract([]*vec.Column, []int32, []*vec.Vector, []int32) error {
	panic("operator: a lag is not taken back")
}

func (a lagAgg) Merge([]*vec.Column, []int32, []*vec.Column, []int32) error {
	panic("operator: lags are not merged")
}

func (a lagAgg) Result(cells []*vec.Column, groups []int32) (*vec.Vector, error) {
	values := cells[len(cells)-1].Gather(groups)
	defaults := cells[1].Gather(groups)
	n := int32(len(groups))
	from := make([]int32, n)
	for i, g := range groups {
		from[i] = int32(i)
		if cells[0].I64[g] <= int64(a.offset) {
			from[i] += n
		}
	}
	return vec.Copy(vec.Concat([]*vec.Vector{values, defaults}), from), nil
}
