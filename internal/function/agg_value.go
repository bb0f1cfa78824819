package function

import (
	"fmt"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

func init() {
	registerAggregates(
		&AggregateFn{Name: "FIRST_VALUE", Signature: "FIRST_VALUE(a)", Doc: "The first value that is not NULL, in the order in which the rows came.",
			Examples: []AggExample{{types.TInt, []string{"NULL", "3", "1"}, "3"}},
			Bind:     bindAgg("FIRST_VALUE", "(any)", 0, func(args []types.Type) vec.Aggregate { return &edgeValue{typ: args[0].Nullable(), first: true} }, pValue)},
		&AggregateFn{Name: "LAST_VALUE", Signature: "LAST_VALUE(a)", Doc: "The last value that is not NULL, in the order in which the rows came.",
			Examples: []AggExample{{types.TString, []string{"a", "b", "NULL"}, "b"}},
			Bind:     bindAgg("LAST_VALUE", "(any)", 0, func(args []types.Type) vec.Aggregate { return &edgeValue{typ: args[0].Nullable()} }, pValue)},
		&AggregateFn{Name: "SINGLE_VALUE", Signature: "SINGLE_VALUE(a)", Doc: "The only value, of a query that stands for a value; an error if there are more.",
			Examples: []AggExample{{types.TInt, []string{"3"}, "3"}, {types.TInt, nil, "NULL"}, {types.TInt, []string{"1", "1"}, "error: a query that stands for a value gave 2 rows"}},
			Bind:     bindAgg("SINGLE_VALUE", "(any)", 0, func(args []types.Type) vec.Aggregate { return &single{typ: args[0].Nullable()} }, pValue)},
	)
}

// edgeValue is FIRST_VALUE or LAST_VALUE; its cell is the value.
type edgeValue struct {
	forward
	typ   types.Type
	first bool
}

func (e *edgeValue) Type() types.Type    { return e.typ }
func (e *edgeValue) Cells() []types.Type { return []types.Type{e.typ} }

func (e *edgeValue) Add(cells []*vec.Column, groups []int32, args []*vec.Vector, rows []int32) error {
	c, v := cells[0], args[0]
	for i, g := range groups {
		if r := int(rows[i]); !v.IsNull(r) && (!e.first || c.IsNull(int(g))) {
			c.Set(int(g), v, r)
		}
	}
	return nil
}

// Merge takes from as what came later.
func (e *edgeValue) Merge(cells []*vec.Column, groups []int32, from []*vec.Column, fromGroups []int32) error {
	return e.Add(cells, groups, []*vec.Vector{from[0].Gather(fromGroups)}, upTo(len(groups)))
}

func (e *edgeValue) Result(cells []*vec.Column, groups []int32) (*vec.Vector, error) {
	return cells[0].Gather(groups), nil
}

// single has the cells value and number of rows. An update may add the new value
// before it takes the old one back, so only a result of several rows is wrong.
type single struct{ typ types.Type }

func (s *single) Type() types.Type    { return s.typ }
func (s *single) Cells() []types.Type { return []types.Type{s.typ, tCount} }
func (s *single) Retractable() bool   { return true }

func (s *single) Add(cells []*vec.Column, groups []int32, args []*vec.Vector, rows []int32) error {
	for i, g := range groups {
		cells[0].Set(int(g), args[0], int(rows[i]))
		cells[1].I64[g]++
	}
	return nil
}

func (s *single) Retract(cells []*vec.Column, groups []int32, args []*vec.Vector, rows []int32) error {
	for i, g := range groups {
		if cells[1].I64[g]--; cells[0].Equal(int(g), args[0], int(rows[i])) && cells[1].I64[g] == 0 {
			cells[0].Zero(int(g))
		}
	}
	return nil
}

func (s *single) Merge(cells []*vec.Column, groups []int32, from []*vec.Column, fromGroups []int32) error {
	v := from[0].Gather(fromGroups)
	for i, g := range groups {
		if n := from[1].I64[fromGroups[i]]; n > 0 {
			cells[0].Set(int(g), v, i)
			cells[1].I64[g] += n
		}
	}
	return nil
}

func (s *single) Result(cells []*vec.Column, groups []int32) (*vec.Vector, error) {
	for _, g := range groups {
		if n := cells[1].I64[g]; n > 1 {
			return nil, errSeveral(n)
		}
	}
	return cells[0].Gather(groups), nil
}

func errSeveral(n int64) error {
	return fmt.Errorf("a query that stands for a value gave %d rows", n)
}
