package operator

import (
	"fmt"
	"slices"

	"github.com/millrace/millrace/internal/engine/state"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// AggCall is one aggregate function of a GROUP BY, over columns of the input.
type AggCall struct {
	// Fn is the function, bound to the types of Args.
	Fn vec.Aggregate
	// Args are the input columns that the function takes; none for COUNT(*).
	Args []int
	// Filter is a BOOLEAN input column (FILTER (WHERE …)), or -1.
	Filter int
	// Distinct folds in each combination of arguments once.
	Distinct bool
}

// Selects is implemented by aggregates whose result is one of their arguments
// and depends on nothing else (MIN, MAX): taking away a value that is not the
// result cannot change it, which spares a recomputation.
type Selects interface{ Selects() bool }

// calls are aggregate calls laid out side by side in the value columns of a
// table: cells[from[i]:from[i+1]] are the accumulator of call i.
type calls struct {
	list []AggCall
	from []int
	// types are those of all cells.
	types []types.Type

	rows, groups []int32
	args         []*vec.Vector
}

func layoutCalls(list []AggCall) *calls {
	c := &calls{list: list, from: []int{0}}
	for _, call := range list {
		c.types = append(c.types, call.Fn.Cells()...)
		c.from = append(c.from, len(c.types))
	}
	return c
}

// cells are the accumulator columns of call i in a table.
func (c *calls) cells(t *state.Table, i int) []*vec.Column { return c.part(t.Values(), i) }

// part are the columns of call i among those of all calls.
func (c *calls) part(all []*vec.Column, i int) []*vec.Column { return all[c.from[i]:c.from[i+1]] }

// filtered are those of rows that the filter of call i lets through, with their
// groups; groups[k] belongs to rows[k]. The slices are used again.
func (c *calls) filtered(i int, b *vec.Batch, groups, rows []int32) (g, r []int32) {
	f := c.list[i].Filter
	if f < 0 {
		return groups, rows
	}
	cond := b.Cols[f]
	g, r = c.groups[:0], c.rows[:0]
	for k, row := range rows {
		if holds(cond, int(row)) {
			g, r = append(g, groups[k]), append(r, row)
		}
	}
	c.groups, c.rows = g, r
	return g, r
}

// add folds rows into groups with call i; distinctness has been seen to.
func (c *calls) add(i int, cells []*vec.Column, groups []int32, b *vec.Batch, rows []int32) error {
	if len(rows) == 0 {
		return nil
	}
	c.args = pick(c.args, b, c.list[i].Args)
	return c.list[i].Fn.Add(cells, groups, c.args, rows)
}

// retract is the reverse of add.
func (c *calls) retract(i int, cells []*vec.Column, groups []int32, b *vec.Batch, rows []int32) error {
	if len(rows) == 0 {
		return nil
	}
	c.args = pick(c.args, b, c.list[i].Args)
	return c.list[i].Fn.Retract(cells, groups, c.args, rows)
}

// merge folds the accumulators fromGroups of from into groups of to, all calls
// for which which is true (nil: all).
func (c *calls) merge(to []*vec.Column, groups []int32, from []*vec.Column, fromGroups []int32, which []bool) error {
	for i, call := range c.list {
		if which != nil && !which[i] {
			continue
		}
		if err := call.Fn.Merge(c.part(to, i), groups, c.part(from, i), fromGroups); err != nil {
			return err
		}
	}
	return nil
}

// results reads the results of calls 0 to n-1.
func (c *calls) results(cells []*vec.Column, ids []int32, n int) ([]*vec.Vector, error) {
	out := make([]*vec.Vector, n)
	for i := range n {
		v, err := c.list[i].Fn.Result(c.part(cells, i), ids)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

// zero makes the accumulators of rows new.
func (c *calls) zero(cells []*vec.Column, ids []int32) {
	for _, col := range cells[:len(c.types)] {
		for _, id := range ids {
			col.Zero(int(id))
		}
	}
}

// rowCount is COUNT(*), which the operators add to the calls of a retracting
// input: a group exists while it has rows.
type rowCount struct{}

var countType = types.TBigInt.Required()

func (rowCount) Type() types.Type    { return countType }
func (rowCount) Cells() []types.Type { return []types.Type{countType} }
func (rowCount) Retractable() bool   { return true }

func (rowCount) Add(cells []*vec.Column, groups []int32, _ []*vec.Vector, _ []int32) error {
	for _, g := range groups {
		cells[0].I64[g]++
	}
	return nil
}

func (rowCount) Retract(cells []*vec.Column, groups []int32, _ []*vec.Vector, _ []int32) error {
	for _, g := range groups {
		cells[0].I64[g]--
	}
	return nil
}

func (rowCount) Merge(cells []*vec.Column, groups []int32, from []*vec.Column, fromGroups []int32) error {
	for i, g := range groups {
		cells[0].I64[g] += from[0].I64[fromGroups[i]]
	}
	return nil
}

func (rowCount) Result(cells []*vec.Column, groups []int32) (*vec.Vector, error) {
	return cells[0].Gather(groups), nil
}

// withRowCount adds a count of all rows as the last call.
func withRowCount(list []AggCall) []AggCall {
	return append(slices.Clone(list), AggCall{Fn: rowCount{}, Filter: -1})
}

// valueSets groups the calls that need to know which arguments a group has seen
// (or how often): the calls over the same columns share a table of values, with a
// column for each call, since their filters may differ.
type valueSet struct {
	args  []int
	calls []int // indexes into calls.list
}

func valueSets(list []AggCall, need func(AggCall) bool) []valueSet {
	var sets []valueSet
	for i, call := range list {
		if !need(call) {
			continue
		}
		at := slices.IndexFunc(sets, func(s valueSet) bool { return slices.Equal(s.args, call.Args) })
		if at < 0 {
			sets = append(sets, valueSet{args: call.Args})
			at = len(sets) - 1
		}
		sets[at].calls = append(sets[at].calls, i)
	}
	return sets
}

func setName(i int) string { return fmt.Sprintf("values%d", i) }

// repeated is n times t.
func repeated(t types.Type, n int) []types.Type {
	out := make([]types.Type, n)
	for i := range out {
		out[i] = t
	}
	return out
}
