package bind

import (
	"github.com/millrace/millrace/internal/sql/parser"
	"github.com/millrace/millrace/internal/sql/plan"
	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// where puts a WHERE on a relation. Conditions with IN (sub-query) and EXISTS
// become semi and anti joins, the others one filter below them.
func (b *Binder) where(r *relation, e parser.Expr) error {
	var filter []rex.Expr
	var joins []parser.Expr
	x := b.exprs(r.scope, "WHERE")
	width := len(r.node.Fields())
	x.scalar = b.scalarInto(r)
	for _, c := range conjuncts(e) {
		if subqueryCondition(c) {
			joins = append(joins, c)
			continue
		}
		cond, err := x.boolean(c, "WHERE")
		if err != nil {
			return err
		}
		filter = append(filter, cond)
	}
	if len(filter) > 0 {
		r.node = &plan.LogicalFilter{Input: r.node, Cond: rex.And(filter...)}
		for i, f := range r.node.Fields() {
			if i < len(r.scope.columns) {
				r.scope.columns[i].typ = f.Type // the condition may be that of an interval join
			}
		}
	}
	x.scalar = nil
	for _, c := range joins {
		if err := b.semiJoin(r, x, c); err != nil {
			return err
		}
	}
	if len(r.node.Fields()) > width {
		// The values of scalar sub-queries have done their work.
		r.node = project(r.node, plan.Columns(r.node)[:width], plan.FieldNames(r.node)[:width])
	}
	return nil
}

// conjuncts are the parts of a condition that AND connects.
func conjuncts(e parser.Expr) []parser.Expr {
	if b, ok := e.(*parser.BinaryExpr); ok && b.Op == parser.OpAnd {
		return append(conjuncts(b.L), conjuncts(b.R)...)
	}
	return []parser.Expr{e}
}

func subqueryCondition(e parser.Expr) bool {
	switch e := e.(type) {
	case *parser.InExpr:
		return e.Query != nil
	case *parser.ExistsExpr:
		return true
	case *parser.UnaryExpr:
		return e.Op == "NOT" && subqueryCondition(e.X)
	}
	return false
}

// semiJoin joins a relation with the sub-query of an IN or EXISTS.
func (b *Binder) semiJoin(r *relation, x *exprs, e parser.Expr) error {
	not := false
	for {
		u, ok := e.(*parser.UnaryExpr)
		if !ok {
			break
		}
		not, e = !not, u.X
	}
	join := &plan.LogicalJoin{Left: r.node, Kind: plan.Semi, Cond: rex.Bool(true)}
	var err error
	switch e := e.(type) {
	case *parser.ExistsExpr:
		if join.Right, err = b.query(e.Query, r.scope); err != nil {
			err = correlate(join, err)(b.correlatedExists(e.Query, r))
		}
	case *parser.InExpr:
		not = not != e.Not
		if join.Right, err = b.query(e.Query, r.scope); err == nil {
			join.Cond, err = x.inCondition(e, len(r.node.Fields()), join.Right.Fields(), not)
		} else {
			err = correlate(join, err)(b.correlatedIn(x, e, r, not))
		}
	}
	if err != nil {
		return err
	}
	if not {
		join.Kind = plan.Anti
	}
	r.node = join
	return nil
}

// correlate gives a join what a sub-query is if it is correlated; otherwise it was
// wrong, as err says.
func correlate(j *plan.LogicalJoin, err error) func(plan.Node, rex.Expr, bool, error) error {
	return func(right plan.Node, cond rex.Expr, ok bool, other error) error {
		if other != nil {
			return other
		}
		if !ok {
			return err
		}
		j.Right, j.Cond = right, cond
		return nil
	}
}

// inCondition is when a row on the left matches one of the sub-query. NOT IN must
// be sure that there is no match: a NULL on either side matches everything.
func (x *exprs) inCondition(e *parser.InExpr, shift int, sub []types.Field, not bool) (rex.Expr, error) {
	left := []parser.Expr{e.X}
	if row, ok := e.X.(*parser.RowExpr); ok {
		left = row.Elems
	}
	if len(left) != len(sub) {
		return nil, errorAt(e.Query.Pos(), "the sub-query of IN has %s, but there must be %d", count(len(sub), "column"), len(left))
	}
	var items []rex.Expr
	for i, l := range left {
		v, err := x.bind(l)
		if err != nil {
			return nil, err
		}
		if _, ok := commonType([]types.Type{v.Type().Plain(), sub[i].Type.Plain()}); !ok {
			return nil, errorAt(l.Pos(), "IN cannot compare %s with %s", typeText(v.Type()), typeText(sub[i].Type))
		}
		r := rex.Col(shift+i, sub[i].Type)
		eq, err := x.call(l.Pos(), "=", v, r)
		if err != nil {
			return nil, err
		}
		for _, side := range []rex.Expr{v, r} {
			if not && !side.Type().NotNull {
				null, err := x.call(l.Pos(), "IS NULL", side)
				if err != nil {
					return nil, err
				}
				eq = rex.Or(null, eq)
			}
		}
		items = append(items, eq)
	}
	return rex.And(items...), nil
}

// scalarInto binds a sub-query in the place of a value: its one row is joined to
// the relation as another column.
func (b *Binder) scalarInto(r *relation) func(*parser.SubqueryExpr) (rex.Expr, error) {
	return func(e *parser.SubqueryExpr) (rex.Expr, error) {
		sub, err := b.query(e.Query, r.scope)
		if err != nil {
			if v, ok, other := b.correlatedValue(e, r); ok || other != nil {
				return v, other
			}
			return nil, err
		}
		if n := len(sub.Fields()); n != 1 {
			return nil, errorAt(e.Pos(), "a sub-query in the place of a value must have one column, this one has %d", n)
		}
		if !oneRow(sub) {
			return nil, unsupported(e.Pos(), "a sub-query in the place of a value that may have several rows is", "an aggregation without GROUP BY has one")
		}
		at := len(r.node.Fields())
		r.node = &plan.LogicalJoin{Left: r.node, Right: sub, Kind: plan.Left, Cond: rex.Bool(true)}
		return rex.Col(at, sub.Fields()[0].Type.Nullable()), nil
	}
}

// oneRow says whether a query has never more than one row.
func oneRow(n plan.Node) bool {
	switch n := n.(type) {
	case *plan.LogicalProject:
		return oneRow(n.Input)
	case *plan.LogicalAggregate:
		return len(n.Groups) == 0
	case *plan.LogicalValues:
		return len(n.Rows) <= 1
	}
	return false
}
