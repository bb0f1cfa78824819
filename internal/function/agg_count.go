package function

import (
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

func init() {
	registerAggregates(&AggregateFn{Name: "COUNT", Signature: "COUNT(*), COUNT([DISTINCT] a)", Doc: "The number of rows, or of those on which a is not NULL.",
		Examples: []AggExample{{types.TInt, []string{"1", "NULL", "3"}, "2"}, {types.TInt, nil, "0"}},
		Bind: func(args []types.Type, _ bool) (vec.Aggregate, []types.Type, error) {
			cast := make([]types.Type, len(args))
			for i, t := range args {
				cast[i] = t.Plain()
			}
			return counter{}, cast, nil
		}})
}

// counter counts the rows on which no argument is NULL; without arguments, all.
type counter struct{}

func (counter) Type() types.Type    { return tCount }
func (counter) Cells() []types.Type { return []types.Type{tCount} }
func (counter) Retractable() bool   { return true }

func (counter) Add(cells []*vec.Column, groups []int32, args []*vec.Vector, rows []int32) error {
	count(cells[0].I64, groups, args, rows, 1)
	return nil
}

func (counter) Retract(cells []*vec.Column, groups []int32, args []*vec.Vector, rows []int32) error {
	count(cells[0].I64, groups, args, rows, -1)
	return nil
}

func count(cell []int64, groups []int32, args []*vec.Vector, rows []int32, by int64) {
	if !anyNull(args) {
		for _, g := range groups {
			cell[g] += by
		}
		return
	}
	for i, g := range groups {
		if !nullAt(args, int(rows[i])) {
			cell[g] += by
		}
	}
}

func anyNull(args []*vec.Vector) bool {
	for _, a := range args {
		if a.Valid != nil || a.Type.Root == types.Null {
			return true
		}
	}
	return false
}

func nullAt(args []*vec.Vector, r int) bool {
	for _, a := range args {
		if a.IsNull(r) {
			return true
		}
	}
	return false
}

func (counter) Merge(cells []*vec.Column, groups []int32, from []*vec.Column, fromGroups []int32) error {
	mergeCounts(cells[0].I64, groups, from[0].I64, fromGroups)
	return nil
}

func mergeCounts(cell []int64, groups []int32, from []int64, fromGroups []int32) {
	for i, g := range groups {
		cell[g] += from[fromGroups[i]]
	}
}

func (counter) Result(cells []*vec.Column, groups []int32) (*vec.Vector, error) {
	out := vec.New(tCount, len(groups), 0)
	for i, g := range groups {
		out.I64[i] = cells[0].I64[g]
	}
	return out, nil
}
