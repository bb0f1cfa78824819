package optimize

import (
	"slices"

	"github.com/millrace/millrace/internal/sql/plan"
	"github.com/millrace/millrace/internal/sql/plan/rex"
)

// convertJoin finds the pairs of values that the condition equates, by which both
// inputs are distributed; the rest of the condition is checked pair by pair. What
// is equated and no column, such as a cast, becomes one below the join.
func convertJoin(n *plan.LogicalJoin, left, right plan.Node) (plan.Node, error) {
	k := len(left.Fields())
	l, r := &side{in: left}, &side{in: right}
	j := &plan.Join{Kind: n.Kind, OnWindow: n.OnWindow(), LeftTTL: n.LeftTTL, RightTTL: n.RightTTL}
	var rest []rex.Expr
	for _, c := range rex.Conjuncts(n.Cond) {
		a, b, nullSafe, ok := equated(c, k)
		if !ok {
			rest = append(rest, c)
			continue
		}
		j.LeftKeys = append(j.LeftKeys, l.column(a))
		j.RightKeys = append(j.RightKeys, r.column(rex.Shift(b, -k)))
		j.NullSafe = append(j.NullSafe, nullSafe)
	}
	j.Left, j.Right = exchange(l.node(), j.LeftKeys), exchange(r.node(), j.RightKeys)
	j.LeftUnique, j.LeftSpec = uniqueOf(j.Left, j.LeftKeys)
	j.RightUnique, j.RightSpec = uniqueOf(j.Right, j.RightKeys)
	added := len(l.extra)
	if len(rest) > 0 {
		j.Residual = rex.Remap(rex.And(rest...), func(c int) int {
			if c >= k {
				return c + added
			}
			return c
		})
	}
	return withoutExtra(j, n, k, added, len(r.extra)), nil
}

// withoutExtra drops the columns that were added for the join's keys.
func withoutExtra(j *plan.Join, n *plan.LogicalJoin, k, left, right int) plan.Node {
	if left+right == 0 {
		return j
	}
	fields := j.Fields()
	var exprs []rex.Expr
	for i := range n.Fields() {
		if i >= k {
			i += left
		}
		exprs = append(exprs, rex.Col(i, fields[i].Type))
	}
	return calc(j, exprs, plan.FieldNames(n), nil)
}

// side is an input of a join with the key columns added to it.
type side struct {
	in    plan.Node
	extra []rex.Expr
}

// column gives the column of an expression, adding it if it is none.
func (s *side) column(e rex.Expr) int {
	if c, ok := e.(*rex.Column); ok {
		return c.Index
	}
	s.extra = append(s.extra, e)
	return len(s.in.Fields()) + len(s.extra) - 1
}

func (s *side) node() plan.Node {
	if len(s.extra) == 0 {
		return s.in
	}
	names := plan.FieldNames(s.in)
	for i := range s.extra {
		names = append(names, "$f"+itoa(len(names)+i))
	}
	return calc(s.in, append(plan.Columns(s.in), s.extra...), plan.Unique(names), nil)
}

// equated takes apart l = r and l IS NOT DISTINCT FROM r, where l is of the left
// input and r of the right one, or the other way round.
func equated(e rex.Expr, k int) (left, right rex.Expr, nullSafe, ok bool) {
	c, is := e.(*rex.Call)
	if !is || c.Name != "=" && c.Name != "IS NOT DISTINCT FROM" || !rex.Deterministic(e) {
		return nil, nil, false, false
	}
	a, b := c.Items[0], c.Items[1]
	isLeft := func(e rex.Expr) bool { cols := rex.Columns(e); return len(cols) > 0 && slices.Max(cols) < k }
	isRight := func(e rex.Expr) bool { cols := rex.Columns(e); return len(cols) > 0 && slices.Min(cols) >= k }
	if isRight(a) && isLeft(b) {
		a, b = b, a
	}
	return a, b, c.Name != "=", isLeft(a) && isRight(b)
}

// uniqueOf is the best key of a join's input: one within the join's keys.
func uniqueOf(in plan.Node, keys []int) ([]int, plan.UniqueKey) {
	var found []int
	spec := plan.NoUniqueKey
	for _, u := range uniqueKeys(in) {
		if within(u, keys) {
			return u, plan.JoinKeyContainsUniqueKey
		}
		if spec == plan.NoUniqueKey || len(u) < len(found) {
			found, spec = u, plan.HasUniqueKey
		}
	}
	return found, spec
}
