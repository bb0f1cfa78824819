package bind

import (
	"strings"

	"github.com/millrace/millrace/internal/function"
	"github.com/millrace/millrace/internal/sql/parser"
	"github.com/millrace/millrace/internal/sql/plan"
	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// A sub-query that uses columns of the query around it is correlated. Where all such
// uses are conditions of its WHERE, these become the condition of a join:
//
//	WHERE EXISTS (SELECT … FROM r WHERE r.k = l.k AND r.v > 3)
//	semi join of l with (r WHERE v > 3) ON r.k = l.k
//
//	v > (SELECT AVG(r.v) FROM r WHERE r.k = l.k)
//	left join of l with (SELECT AVG(v), k FROM r GROUP BY k) ON r.k = l.k

// simpleSelect is the SELECT of a query that has nothing which looks at all its rows
// together.
func simpleSelect(q *parser.Query) *parser.Select {
	s, ok := q.Body.(*parser.Select)
	if !ok || len(q.With) > 0 || q.Limit != nil || q.Offset != nil || s.From == nil || s.Where == nil ||
		s.GroupBy != nil || s.Having != nil || s.Qualify != nil {
		return nil
	}
	return s
}

// aggregated says whether an expression calls an aggregate function.
func aggregated(e parser.Expr) bool {
	c, ok := e.(*parser.FuncCall)
	if ok && c.Over == nil {
		if _, agg := function.LookupAggregate(dotted(c.Name.Parts)); agg {
			return true
		}
		for _, a := range c.Args {
			if aggregated(a) {
				return true
			}
		}
	}
	switch e := e.(type) {
	case *parser.BinaryExpr:
		return aggregated(e.L) || aggregated(e.R)
	case *parser.UnaryExpr:
		return aggregated(e.X)
	case *parser.CastExpr:
		return aggregated(e.X)
	}
	return false
}

// around is the scope of a sub-query's condition: the columns of the query around it,
// then its own, which hide those of the same name.
func around(outer, inner *scope) *scope {
	s := &scope{columns: append(append([]column{}, outer.columns...), inner.columns...)}
	for i := range s.columns {
		c := &s.columns[i]
		if i >= len(outer.columns) {
			if c.with >= 0 {
				c.with += len(outer.columns)
			}
			continue
		}
		if c.table != "" && inner.hasTable(c.table) {
			c.table = "\x00" // cannot be named
		}
		if len(inner.find("", c.name)) > 0 {
			c.merged = true
		}
	}
	return s
}

// correlated binds the FROM and WHERE of a sub-query. cond is over the columns of r,
// then the sub-query's; ok is false if it is not of this form.
func (b *Binder) correlated(q *parser.Query, r *relation) (inner *relation, cond []rex.Expr, ok bool, err error) {
	s := simpleSelect(q)
	if s == nil || len(r.scope.columns) != len(r.node.Fields()) {
		return nil, nil, false, nil
	}
	if inner, err = b.from(s.From); err != nil {
		return nil, nil, false, nil
	}
	x, both := b.exprs(inner.scope, "WHERE"), b.exprs(around(r.scope, inner.scope), "WHERE")
	var own []rex.Expr
	var nested []parser.Expr
	for _, c := range conjuncts(s.Where) {
		if subqueryCondition(c) {
			nested = append(nested, c)
			continue
		}
		if e, err := x.boolean(c, "WHERE"); err == nil {
			own = append(own, e)
			continue
		}
		e, err := both.boolean(c, "WHERE")
		if err != nil {
			return nil, nil, false, err
		}
		cond = append(cond, e)
	}
	if len(own) > 0 {
		inner.node = &plan.LogicalFilter{Input: inner.node, Cond: rex.And(own...)}
	}
	for _, c := range nested {
		if err := b.semiJoin(inner, x, c); err != nil {
			return nil, nil, false, err
		}
	}
	return inner, cond, len(cond) > 0, nil
}

// correlatedExists is EXISTS of a correlated sub-query.
func (b *Binder) correlatedExists(q *parser.Query, r *relation) (plan.Node, rex.Expr, bool, error) {
	if s := simpleSelect(q); s != nil {
		for _, item := range s.Items {
			if aggregated(item.Expr) {
				return nil, nil, false, nil // it has one row, always
			}
		}
	}
	inner, cond, ok, err := b.correlated(q, r)
	if !ok || err != nil {
		return nil, nil, false, err
	}
	return inner.node, rex.And(cond...), true, nil
}

// correlatedIn is IN of a correlated sub-query.
func (b *Binder) correlatedIn(x *exprs, e *parser.InExpr, r *relation, not bool) (plan.Node, rex.Expr, bool, error) {
	s := simpleSelect(e.Query)
	if s == nil {
		return nil, nil, false, nil
	}
	inner, cond, ok, err := b.correlated(e.Query, r)
	if !ok || err != nil {
		return nil, nil, false, err
	}
	own := b.exprs(inner.scope, "the select list")
	exprs, names := plan.Columns(inner.node), plan.FieldNames(inner.node)
	var sub []types.Field
	for i, item := range s.Items {
		if _, star := item.Expr.(*parser.Star); star || aggregated(item.Expr) {
			return nil, nil, false, nil
		}
		v, err := own.bind(item.Expr)
		if err != nil {
			return nil, nil, false, err
		}
		exprs, names = append(exprs, v), append(names, itemName(item, i))
		sub = append(sub, types.Field{Name: itemName(item, i), Type: v.Type().Plain()})
	}
	node := &plan.LogicalProject{Input: inner.node, Exprs: exprs, Names: plan.Unique(names)}
	in, err := x.inCondition(e, len(r.node.Fields())+len(inner.node.Fields()), sub, not)
	if err != nil {
		return nil, nil, false, err
	}
	return node, rex.And(append(cond, in)...), true, nil
}

// correlatedValue is an aggregate over the rows of a correlated sub-query, of which
// each condition equates something of it with something of the query around it: it is
// computed for each group of the first, and joined by the second.
func (b *Binder) correlatedValue(e *parser.SubqueryExpr, r *relation) (rex.Expr, bool, error) {
	s := simpleSelect(e.Query)
	if s == nil || len(s.Items) != 1 || !aggregated(s.Items[0].Expr) {
		return nil, false, nil
	}
	inner, err := b.from(s.From)
	if err != nil {
		return nil, false, nil
	}
	x, outer := b.exprs(inner.scope, "WHERE"), b.exprs(r.scope, "WHERE")
	grouped := *s
	grouped.Where, grouped.GroupBy = nil, &parser.GroupBy{At: s.At}
	grouped.Items = s.Items[:1:1]
	var keys []rex.Expr
	for _, c := range conjuncts(s.Where) {
		if subqueryCondition(c) {
			grouped.Where = and(grouped.Where, c)
			continue
		}
		if _, err := x.boolean(c, "WHERE"); err == nil {
			grouped.Where = and(grouped.Where, c)
			continue
		}
		eq, ok := c.(*parser.BinaryExpr)
		if !ok || eq.Op != parser.OpEq {
			return nil, false, nil
		}
		mine, theirs := eq.L, eq.R
		if _, err := x.bind(mine); err != nil {
			mine, theirs = theirs, mine
		}
		if _, err := x.bind(mine); err != nil {
			return nil, false, nil
		}
		key, err := outer.bind(theirs)
		if err != nil {
			return nil, false, nil
		}
		keys = append(keys, key)
		grouped.Items = append(grouped.Items, &parser.SelectItem{At: parser.At{Start: c.Pos()}, Expr: mine})
		grouped.GroupBy.Items = append(grouped.GroupBy.Items, parser.GroupItem{At: parser.At{Start: c.Pos()}, Kind: parser.GroupExprs, Exprs: []parser.Expr{mine}})
	}
	if len(keys) == 0 {
		return nil, false, nil
	}
	sub, err := b.selectQuery(&grouped, &parser.Query{At: e.Query.At}, nil)
	if err != nil {
		return nil, false, err
	}
	at := len(r.node.Fields())
	fields := sub.Fields()
	var conds []rex.Expr
	for i, key := range keys {
		eq, err := outer.call(e.Pos(), "=", key, rex.Col(at+1+i, fields[1+i].Type))
		if err != nil {
			return nil, false, err
		}
		conds = append(conds, eq)
	}
	r.node = &plan.LogicalJoin{Left: r.node, Right: sub, Kind: plan.Left, Cond: rex.And(conds...)}
	value := rex.Expr(rex.Col(at, fields[0].Type.Nullable()))
	if c, ok := s.Items[0].Expr.(*parser.FuncCall); ok && strings.EqualFold(dotted(c.Name.Parts), "COUNT") {
		value, err = outer.call(e.Pos(), "COALESCE", value, rex.Lit(types.TBigInt, int64(0))) // of no rows
	}
	return value, true, err
}

func and(a, b parser.Expr) parser.Expr {
	if a == nil {
		return b
	}
	return &parser.BinaryExpr{At: parser.At{Start: a.Pos()}, Op: parser.OpAnd, OpPos: b.Pos(), L: a, R: b}
}
