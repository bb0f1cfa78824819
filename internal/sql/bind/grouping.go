package bind

import (
	"slices"

	"github.com/millrace/millrace/internal/sql/parser"
	"github.com/millrace/millrace/internal/sql/plan"
	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// GROUPING SETS, ROLLUP and CUBE: rows are repeated for each set, with NULL in the
// groups that are not of it and the set's number in a group of its own, and then
// aggregated once.

// maxSets bounds what CUBE and products of sets may come to.
const maxSets = 64

// setNumber is the group with the number of the set: no expression of a query is the
// same as it.
func setNumber() rex.Expr { return rex.Lit(types.TBigInt, int64(0)) }

// setMarker stands for the set's number in expressions over the FROM's columns.
const setMarker = -1

// bindSets binds a GROUP BY with sets.
func (k *block) bindSets() error {
	sets := [][]int{{}}
	for _, item := range k.sel.GroupBy.Items {
		more, err := k.groupSets(item)
		if err != nil {
			return err
		}
		var product [][]int
		for _, a := range sets {
			for _, b := range more {
				product = append(product, union(a, b))
			}
		}
		if len(product) > maxSets {
			return errorAt(item.Pos(), "GROUP BY comes to more than %d sets", maxSets)
		}
		sets = product
	}
	if k.sel.GroupBy.Distinct {
		sets = distinctSets(sets)
	}
	k.aggs.sets = sets
	k.aggs.groups = append(k.aggs.groups, setNumber())
	return nil
}

func union(a, b []int) []int {
	out := slices.Clone(a)
	for _, i := range b {
		if !slices.Contains(out, i) {
			out = append(out, i)
		}
	}
	return out
}

func distinctSets(sets [][]int) [][]int {
	var out [][]int
	for _, s := range sets {
		s = slices.Sorted(slices.Values(s))
		if !slices.ContainsFunc(out, func(o []int) bool { return slices.Equal(o, s) }) {
			out = append(out, s)
		}
	}
	return out
}

// groupSets are the sets of an element of GROUP BY, as indexes among the groups.
func (k *block) groupSets(item parser.GroupItem) ([][]int, error) {
	if item.Kind == parser.GroupExprs {
		x := k.b.exprs(k.rel.scope, "GROUP BY")
		groups, err := x.all(item.Exprs)
		if err != nil {
			return nil, err
		}
		set := []int{}
		for _, g := range groups {
			at := slices.IndexFunc(k.aggs.groups, func(o rex.Expr) bool { return rex.Same(o, g) })
			if at < 0 {
				at = len(k.aggs.groups)
				k.aggs.groups = append(k.aggs.groups, g)
			}
			set = union(set, []int{at})
		}
		return [][]int{set}, nil
	}
	var parts [][]int
	var out [][]int
	for _, i := range item.Items {
		sets, err := k.groupSets(i)
		if err != nil {
			return nil, err
		}
		parts, out = append(parts, sets[0]), append(out, sets...)
	}
	switch item.Kind {
	case parser.GroupSets:
		return out, nil
	case parser.GroupRollup:
		return rollup(parts), nil
	}
	if len(parts) > 6 {
		return nil, errorAt(item.Pos(), "CUBE takes 6 elements at the most")
	}
	return cube(parts), nil
}

// rollup has all beginnings of the list, the longest first.
func rollup(parts [][]int) [][]int {
	var out [][]int
	for n := len(parts); n >= 0; n-- {
		set := []int{}
		for _, p := range parts[:n] {
			set = union(set, p)
		}
		out = append(out, set)
	}
	return out
}

// cube has all selections of the list.
func cube(parts [][]int) [][]int {
	var out [][]int
	for mask := 1<<len(parts) - 1; mask >= 0; mask-- {
		set := []int{}
		for i, p := range parts {
			if mask&(1<<(len(parts)-1-i)) != 0 {
				set = union(set, p)
			}
		}
		out = append(out, set)
	}
	return out
}

// hasSets says whether a GROUP BY has anything but plain groups.
func hasSets(g *parser.GroupBy) bool {
	return slices.ContainsFunc(g.Items, func(i parser.GroupItem) bool { return i.Kind != parser.GroupExprs })
}

// expand repeats the rows of an aggregation's input for its sets. The groups are its
// first columns, the set's number the last of them.
func (a *aggregates) expand(input plan.Node) plan.Node {
	if a.sets == nil {
		return input
	}
	return &plan.LogicalExpand{Input: input, Groups: len(a.groups) - 1, Sets: a.sets}
}

// grouping binds GROUPING(a, b) and GROUPING_ID: a bit for each argument, 1 if the
// row's set is without it.
func (x *exprs) grouping(e *parser.FuncCall) (rex.Expr, error) {
	args, err := x.all(e.Args)
	if err != nil {
		return nil, err
	}
	var groups []int
	for i, arg := range args {
		at := slices.IndexFunc(x.aggs.groups, func(g rex.Expr) bool { return rex.Same(g, arg) })
		if at < 0 {
			return nil, errorAt(e.Args[i].Pos(), "Argument to operator 'GROUPING' must be a grouped expression")
		}
		groups = append(groups, at)
	}
	out := &rex.Case{T: types.TBigInt.Required()}
	for n, set := range x.aggs.sets {
		bits := int64(0)
		for _, g := range groups {
			bits <<= 1
			if !slices.Contains(set, g) {
				bits |= 1
			}
		}
		is, err := x.call(e.Pos(), "=", &rex.Marker{ID: setMarker, T: types.TBigInt.Required()}, rex.Lit(types.TBigInt, int64(n)))
		if err != nil {
			return nil, err
		}
		out.Whens, out.Thens = append(out.Whens, is), append(out.Thens, rex.Lit(types.TBigInt, bits))
	}
	out.Else = rex.Lit(types.TBigInt, int64(0))
	if len(out.Whens) == 0 {
		return out.Else, nil
	}
	return out, nil
}
