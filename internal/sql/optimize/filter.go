package optimize

import (
	"slices"

	"github.com/millrace/millrace/internal/sql/plan"
	"github.com/millrace/millrace/internal/sql/plan/rex"
)

// pushFilters moves each part of a WHERE, HAVING or ON as near to the sources as
// it can go, and merges what meets.
//
// Effect: rows that nobody wants are dropped before they are shipped, joined or
// kept. The last stop is above the table's computed columns and its watermark: a
// row that is dropped still tells the time.
//
// Safe: a condition only moves where it sees the same values of the same rows.
//   - Through a projection it is rewritten with the projection's expressions,
//     which must be deterministic: RAND() computed twice gives two values.
//   - Below an aggregation only conditions on its groups go, which drop whole
//     groups; and none on a window's bounds, for which the windows would have to be
//     made first.
//   - Below an outer join only conditions on the side whose rows all appear go:
//     a LEFT JOIN b … WHERE b.x = 1 is not a LEFT JOIN (b WHERE x = 1), which
//     keeps rows of a without a match.
//   - Not below LIMIT, OFFSET and ROW_NUMBER, whose rows depend on all rows.
func pushFilters(n plan.Node) (plan.Node, error) { return push(n, nil), nil }

// push puts the conditions on a node, or as far below it as they can go.
func push(n plan.Node, conds []rex.Expr) plan.Node {
	switch n := n.(type) {
	case *plan.LogicalFilter:
		return push(n.Input, append(slices.Clone(rex.Conjuncts(n.Cond)), conds...))
	case *plan.LogicalProject:
		return pushProject(n, conds)
	case *plan.LogicalWindow:
		k := len(n.Input.Fields())
		down, stay := split(conds, func(c int) bool { return c < k })
		return filter(n.WithInputs([]plan.Node{push(n.Input, down)}), stay)
	case *plan.LogicalAggregate:
		return pushAggregate(n, conds)
	case *plan.LogicalJoin:
		return pushJoin(n, conds)
	case *plan.LogicalUnion:
		in := make([]plan.Node, len(n.In))
		for i := range n.In {
			in[i] = push(n.In[i], conds)
		}
		return n.WithInputs(in)
	case *plan.LogicalSort:
		if n.Offset == 0 && n.Fetch < 0 {
			return n.WithInputs([]plan.Node{push(n.Input, conds)})
		}
	}
	in := slices.Clone(n.Inputs())
	for i := range in {
		in[i] = push(in[i], nil)
	}
	if len(in) > 0 {
		n = n.WithInputs(in)
	}
	return filter(n, conds)
}

// filter puts conditions on a node.
func filter(n plan.Node, conds []rex.Expr) plan.Node {
	if len(conds) == 0 {
		return n
	}
	return &plan.LogicalFilter{Input: n, Cond: rex.And(conds...)}
}

// split divides conditions into those that use only columns for which is holds,
// and the others. What is not deterministic stays.
func split(conds []rex.Expr, is func(int) bool) (yes, no []rex.Expr) {
	for _, c := range conds {
		ok := rex.Deterministic(c)
		for _, col := range rex.Columns(c) {
			ok = ok && is(col)
		}
		if ok {
			yes = append(yes, c)
		} else {
			no = append(no, c)
		}
	}
	return yes, no
}

// pushProject moves conditions through a projection. Over a ROW_NUMBER nothing
// passes: its numbers count all rows.
//
// A table's computed columns are made by the source itself, which all readers of
// the table share; with or without a watermark, nothing goes below them.
func pushProject(n *plan.LogicalProject, conds []rex.Expr) plan.Node {
	if n.Computed {
		return filter(n, conds)
	}
	over := slices.ContainsFunc(n.Exprs, rex.HasOver)
	down, stay := split(conds, func(c int) bool { return !over && rex.Deterministic(n.Exprs[c]) })
	for i, c := range down {
		down[i] = foldExpr(rex.Substitute(c, n.Exprs))
	}
	return filter(n.WithInputs([]plan.Node{push(n.Input, down)}), stay)
}

func pushAggregate(n *plan.LogicalAggregate, conds []rex.Expr) plan.Node {
	w := plan.WindowOf(n.Input)
	down, stay := split(conds, func(c int) bool {
		return c < len(n.Groups) && (w == nil || !slices.Contains([]int{w.Start, w.End, w.Time}, n.Groups[c]))
	})
	for i, c := range down {
		down[i] = rex.Remap(c, func(c int) int { return n.Groups[c] })
	}
	return filter(n.WithInputs([]plan.Node{push(n.Input, down)}), stay)
}

// pushJoin moves the conditions above a join into it or below it, and the parts
// of the join's own condition that concern one side below that side.
func pushJoin(n *plan.LogicalJoin, conds []rex.Expr) plan.Node {
	if n.AsOf != nil {
		return pushAsOf(n, conds)
	}
	k := len(n.Left.Fields())
	isLeft := func(c int) bool { return c < k }
	isRight := func(c int) bool { return c >= k }
	var left, right, stay []rex.Expr
	on := slices.Clone(rex.Conjuncts(n.Cond))

	switch n.Kind {
	case plan.Inner:
		on, conds = append(on, conds...), nil
	case plan.Left, plan.Semi, plan.Anti:
		left, stay = split(conds, isLeft)
	case plan.Right:
		right, stay = split(conds, isRight)
	case plan.Full:
		stay = conds
	}
	// A condition in ON may drop rows of a side only if the join does not keep
	// rows of that side without a match.
	var more []rex.Expr
	if n.Kind == plan.Inner || n.Kind == plan.Right || n.Kind == plan.Semi {
		more, on = split(on, isLeft)
		left = append(left, more...)
	}
	if n.Kind == plan.Inner || n.Kind == plan.Left || n.Kind == plan.Semi || n.Kind == plan.Anti {
		more, on = split(on, isRight)
		right = append(right, more...)
	}
	for i, c := range right {
		right[i] = rex.Shift(c, -k)
	}
	out := *n
	out.Left, out.Right, out.Cond = push(n.Left, left), push(n.Right, right), rex.And(on...)
	return filter(&out, stay)
}

// pushAsOf moves conditions on the left side below it. One on the right side stays: a
// version that it drops would let the version before it hold on.
func pushAsOf(n *plan.LogicalJoin, conds []rex.Expr) plan.Node {
	k := len(n.Left.Fields())
	isLeft := func(c int) bool { return c < k }
	left, stay := split(conds, isLeft)
	on := slices.Clone(rex.Conjuncts(n.Cond))
	if n.Kind == plan.Inner {
		var more []rex.Expr
		more, on = split(append(on, stay...), isLeft)
		left, stay = append(left, more...), nil
	}
	out := *n
	out.Left, out.Right, out.Cond = push(n.Left, left), push(n.Right, nil), rex.And(on...)
	return filter(&out, stay)
}
