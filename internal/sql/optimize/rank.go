package optimize

import (
	"slices"

	"github.com/millrace/millrace/internal/sql/plan"
	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// findRanks makes Top-Ns of ROW_NUMBER() OVER (…) under WHERE rn <= N.
//
// Effect: an operator that keeps N rows of a partition and emits their changes,
// instead of numbering all rows for ever.
//
// Safe: only a filter that is a conjunction with a constant upper bound on the
// number is taken; its other parts stay above, for they must not see other
// numbers.
func findRanks(n plan.Node) (plan.Node, error) {
	return plan.Rewrite(n, func(n plan.Node) (plan.Node, error) {
		f, ok := n.(*plan.LogicalFilter)
		if !ok {
			return n, nil
		}
		p, ok := f.Input.(*plan.LogicalProject)
		if !ok {
			return n, nil
		}
		if number := overColumn(p); number >= 0 {
			return rank(f, p, number), nil
		}
		return n, nil
	})
}

// overColumn is the projection's only window function; -1 if there is none, or
// not just one.
func overColumn(p *plan.LogicalProject) int {
	at := -1
	for i, e := range p.Exprs {
		if !rex.HasOver(e) {
			continue
		}
		if o, plain := e.(*rex.Over); !plain || o.Name != "ROW_NUMBER" || at >= 0 {
			return -1
		}
		at = i
	}
	return at
}

func rank(f *plan.LogicalFilter, p *plan.LogicalProject, number int) plan.Node {
	start, end := int64(1), int64(-1)
	var rest []rex.Expr
	for _, c := range rex.Conjuncts(f.Cond) {
		from, to, ok := bounds(c, number)
		if !ok {
			rest = append(rest, c)
			continue
		}
		start = max(start, from)
		if to >= 0 && (end < 0 || to < end) {
			end = to
		}
	}
	if end < 0 {
		return f
	}
	if end < start {
		return &plan.LogicalValues{Out: f.Fields()}
	}
	over := p.Exprs[number].(*rex.Over)
	pre := &columns{in: p.Input}
	out := make([]rex.Expr, len(p.Exprs))
	for i, e := range p.Exprs {
		if i != number {
			out[i] = rex.Col(pre.add(e, p.Names[i]), e.Type())
		}
	}
	r := &plan.LogicalRank{Start: start, End: end, Number: true, NumberName: p.Names[number], At: over.At}
	for _, e := range over.Partition {
		r.Partition = append(r.Partition, pre.add(e, ""))
	}
	for _, o := range over.Order {
		r.Order = append(r.Order, plan.SortKey{Column: pre.add(o.X, ""), Desc: o.Desc, NullsFirst: o.NullsFirst})
	}
	r.Input = pre.node()
	out[number] = rex.Col(len(pre.exprs), over.T)
	if start == end {
		out[number] = rex.Lit(types.TBigInt, start)
	}
	return filter(&plan.LogicalProject{Input: r, Exprs: out, Names: p.Names}, rest)
}

// bounds reads a condition on the number: rn <= 3, 3 >= rn, rn = 1, rn < 4.
func bounds(e rex.Expr, number int) (from, to int64, ok bool) {
	c, is := e.(*rex.Call)
	if !is || len(c.Items) != 2 {
		return 0, 0, false
	}
	op, l, r := c.Name, c.Items[0], c.Items[1]
	if _, flipped := constant(l); flipped {
		op, l, r = flip[op], r, l
	}
	n, is := constant(r)
	if col, isCol := uncast(l).(*rex.Column); !is || !isCol || col.Index != number {
		return 0, 0, false
	}
	switch op {
	case "<=":
		return 1, max(n, 0), true
	case "<":
		return 1, max(n-1, 0), true
	case "=":
		return n, max(n, 0), true
	case ">=":
		return n, -1, true
	case ">":
		return n + 1, -1, true
	}
	return 0, 0, false
}

var flip = map[string]string{"<=": ">=", "<": ">", ">=": "<=", ">": "<", "=": "="}

func constant(e rex.Expr) (int64, bool) {
	l, ok := rex.Fold(e)
	if !ok || !l.T.IsInteger() || l.Value == nil {
		return 0, false
	}
	return l.Value.(int64), true
}

// uncast sees through a cast to a wider whole number.
func uncast(e rex.Expr) rex.Expr {
	if c, ok := e.(*rex.Cast); ok && c.T.IsInteger() {
		return c.X
	}
	return e
}

// columns collects expressions for a projection, each once.
type columns struct {
	in    plan.Node
	exprs []rex.Expr
	names []string
	seen  map[string]int
}

// add gives the column of an expression. Without a name it gets its own, or a
// made-up one.
func (c *columns) add(e rex.Expr, name string) int {
	d := rex.Digest(e) + rex.TypeName(e.Type())
	if i, ok := c.seen[d]; ok {
		return i
	}
	if c.seen == nil {
		c.seen = map[string]int{}
	}
	c.seen[d] = len(c.exprs)
	if name == "" {
		name = "$f" + itoa(len(c.exprs))
		if col, ok := e.(*rex.Column); ok {
			name = c.in.Fields()[col.Index].Name
		}
	}
	c.exprs = append(c.exprs, e)
	c.names = append(c.names, name)
	return len(c.exprs) - 1
}

func (c *columns) node() plan.Node {
	return project(c.in, c.exprs, plan.Unique(c.names))
}

// project is a projection, unless it hands on all columns as they are.
func project(in plan.Node, exprs []rex.Expr, names []string) plan.Node {
	if identity(exprs, len(in.Fields())) && slices.Equal(names, plan.FieldNames(in)) {
		return in
	}
	return &plan.LogicalProject{Input: in, Exprs: exprs, Names: names}
}

func identity(exprs []rex.Expr, width int) bool {
	if len(exprs) != width {
		return false
	}
	for i, e := range exprs {
		if c, ok := e.(*rex.Column); !ok || c.Index != i {
			return false
		}
	}
	return true
}
