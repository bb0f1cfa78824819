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
	p := &pairing{k: len(left.Fields()), left: side{in: left}, right: side{in: right}}
	onWindow := n.OnWindow() && inserts(left) && inserts(right)
	var lw, rw *plan.WindowColumns
	if onWindow {
		lw, rw = plan.WindowOf(n.Left), plan.WindowOf(n.Right)
		if lw.Proctime {
			return nil, errorAt(windowPos(n), "Processing time Window Join is not supported yet.")
		}
	}
	var interval *plan.Interval
	rest := rex.Conjuncts(n.Cond)
	if !onWindow && n.Kind <= plan.Full && inserts(left) && inserts(right) {
		if iv, others := plan.IntervalOf(left.Fields(), right.Fields(), n.Cond); iv != nil {
			interval, rest = iv, others
		}
	}
	for _, c := range rex.Conjuncts(n.Cond) {
		switch {
		case onWindow && equatesBounds(c, p.k, lw, rw):
		case slices.Contains(rest, c):
			p.add(c)
		default:
			p.shown = append(p.shown, c)
		}
	}
	s := p.sides(n.Kind)
	switch {
	case onWindow:
		return p.withoutExtra(&plan.WindowJoin{Sides: s, LeftWindow: *lw, RightWindow: *rw}, n), nil
	case interval != nil:
		return p.withoutExtra(&plan.IntervalJoin{Sides: s, Interval: *interval}, n), nil
	}
	j := &plan.Join{Left: s.Left, Right: s.Right, Kind: n.Kind, LeftKeys: s.LeftKeys, RightKeys: s.RightKeys, NullSafe: s.NullSafe, Residual: s.Residual}
	j.LeftTTL, j.RightTTL = n.LeftTTL, n.RightTTL
	j.LeftUnique, j.LeftSpec = uniqueOf(j.Left, j.LeftKeys)
	j.RightUnique, j.RightSpec = uniqueOf(j.Right, j.RightKeys)
	return p.withoutExtra(j, n), nil
}

// equatesBounds says whether a condition equates the starts or the ends of the two
// sides' windows.
func equatesBounds(e rex.Expr, k int, l, r *plan.WindowColumns) bool {
	c, ok := e.(*rex.Call)
	if !ok || c.Name != "=" {
		return false
	}
	a, aok := c.Items[0].(*rex.Column)
	b, bok := c.Items[1].(*rex.Column)
	if !aok || !bok {
		return false
	}
	if a.Index > b.Index {
		a, b = b, a
	}
	// Sessions with the same end may have begun apart: their starts are compared.
	starts := l.Window.Kind != plan.Session && a.Index == l.Start && b.Index == k+r.Start
	return starts || a.Index == l.End && b.Index == k+r.End
}

// pairing parts a join's condition into equated pairs and the rest.
type pairing struct {
	k                   int // columns of the left input
	left, right         side
	leftKeys, rightKeys []int
	nullSafe            []bool
	rest                []rex.Expr
	shown               []rex.Expr // rest, and what the operator knows in another way
}

func (p *pairing) add(c rex.Expr) {
	a, b, nullSafe, ok := equated(c, p.k)
	if !ok {
		p.rest, p.shown = append(p.rest, c), append(p.shown, c)
		return
	}
	p.leftKeys = append(p.leftKeys, p.left.column(a))
	p.rightKeys = append(p.rightKeys, p.right.column(rex.Shift(b, -p.k)))
	p.nullSafe = append(p.nullSafe, nullSafe)
}

// sides are the inputs of the join, each where its keys are.
func (p *pairing) sides(kind plan.JoinKind) plan.Sides {
	s := plan.Sides{
		Left: exchange(p.left.node(), p.leftKeys), Right: exchange(p.right.node(), p.rightKeys), Kind: kind,
		LeftKeys: p.leftKeys, RightKeys: p.rightKeys, NullSafe: p.nullSafe,
	}
	s.Residual, s.Where = p.moved(p.rest), p.moved(p.shown)
	return s
}

// moved makes room in conditions for the columns that were added to the left input;
// nil if there are none.
func (p *pairing) moved(conds []rex.Expr) rex.Expr {
	if len(conds) == 0 {
		return nil
	}
	return rex.Remap(rex.And(conds...), func(c int) int {
		if c >= p.k {
			return c + len(p.left.extra)
		}
		return c
	})
}

// withoutExtra drops the columns that were added for the join's keys.
func (p *pairing) withoutExtra(j plan.Node, n *plan.LogicalJoin) plan.Node {
	return withoutExtra(j, n, p.k, len(p.left.extra), len(p.right.extra))
}

// withoutExtra drops the columns that were added for the join's keys.
func withoutExtra(j plan.Node, n *plan.LogicalJoin, k, left, right int) plan.Node {
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
