package bind

import (
	"slices"
	"strings"

	"github.com/millrace/millrace/internal/sql/catalog"
	"github.com/millrace/millrace/internal/sql/parser"
	"github.com/millrace/millrace/internal/sql/plan"
	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// from binds a FROM clause; without one there is one row of nothing to select
// from.
func (b *Binder) from(t parser.TableExpr) (*relation, error) {
	switch t := t.(type) {
	case nil:
		return &relation{node: oneRowOfNothing(), scope: &scope{}}, nil
	case *parser.TableName:
		return b.tableName(t)
	case *parser.AliasedTable:
		return b.aliased(t)
	case *parser.DerivedTable:
		if t.Lateral {
			return nil, unsupported(t.Pos(), "LATERAL is")
		}
		node, err := b.query(t.Query, nil)
		if err != nil {
			return nil, err
		}
		return named(node, ""), nil
	case *parser.Join:
		return b.join(t)
	case *parser.TableFunc:
		return b.tableFunc(t)
	case *parser.Unnest:
		return nil, unsupported(t.Pos(), "UNNEST is")
	case *parser.MatchRecognize:
		return b.match(t)
	}
	return nil, unsupported(t.Pos(), "this table expression is")
}

func (b *Binder) aliased(t *parser.AliasedTable) (*relation, error) {
	r, err := b.from(t.Input)
	if err != nil {
		return nil, err
	}
	if len(t.Columns) == 0 {
		return named(r.node, t.Alias.Name), nil
	}
	node, err := renamed(r.node, t.Columns, t.Alias.Pos(), "alias '"+t.Alias.Name+"'")
	if err != nil {
		return nil, err
	}
	return named(node, t.Alias.Name), nil
}

// tableName binds a WITH query, a view or a table.
func (b *Binder) tableName(t *parser.TableName) (*relation, error) {
	if t.AsOf != nil {
		return nil, unsupported(t.AsOf.Pos(), "FOR SYSTEM_TIME AS OF (a temporal join) is")
	}
	name := t.Name.Parts[len(t.Name.Parts)-1].Name
	if len(t.Name.Parts) == 1 {
		for i := len(b.ctes) - 1; i >= 0; i-- {
			if b.ctes[i].name == name {
				return b.with(i)
			}
		}
	}
	o, err := b.object(t.Name)
	if err != nil {
		return nil, err
	}
	if v, ok := o.(*catalog.View); ok {
		if len(t.Hints) > 0 {
			return nil, errorAt(t.Hints[0].Pos(), "view '%s' cannot be enriched with options", name)
		}
		return b.view(v, t)
	}
	node, err := b.scan(o.(*catalog.Table), t)
	if err != nil {
		return nil, err
	}
	return named(node, name), nil
}

// with binds a WITH query anew, seeing only what was defined before it.
func (b *Binder) with(i int) (*relation, error) {
	c := b.ctes[i]
	saved := b.ctes
	b.ctes = b.ctes[:c.before:c.before]
	node, err := b.query(c.query, nil)
	b.ctes = saved
	if err != nil {
		return nil, err
	}
	if node, err = renamed(node, c.columns, c.query.Pos(), "WITH query '"+c.name+"'"); err != nil {
		return nil, err
	}
	return named(node, c.name), nil
}

// view binds a view's query where its maker was.
func (b *Binder) view(v *catalog.View, t *parser.TableName) (*relation, error) {
	if slices.Contains(b.views, v.Path) {
		return nil, errorAt(t.Pos(), "view '%s' contains itself", v.Path)
	}
	if len(b.views) == 0 {
		b.used = t.Pos()
	}
	session, ctes := b.session, b.ctes
	b.session, b.ctes = v.Session, nil
	b.views = append(b.views, v.Path)
	node, err := b.query(v.Query, nil)
	b.session, b.ctes = session, ctes
	b.views = b.views[:len(b.views)-1]
	if err != nil {
		return nil, wrapView(t, v, err)
	}
	if len(node.Fields()) != len(v.Fields) {
		return nil, errorAt(t.Pos(), "view '%s' had %d columns when it was made, and has %d now: make it anew", v.Path, len(v.Fields), len(node.Fields()))
	}
	node = project(node, plan.Columns(node), names(v.Fields))
	return named(node, v.Path.Name()), nil
}

// wrapView says that an error is in a view: its place is in another text.
func wrapView(t *parser.TableName, v *catalog.View, err error) error {
	return errorAt(t.Pos(), "view '%s' is no longer valid: %s", v.Path, err)
}

// checkOptions holds the hint OPTIONS to its form; a list would go unnoticed.
func checkOptions(h *parser.Hint) error {
	if len(h.Options) == 0 {
		return errorAt(h.Pos(), "the hint OPTIONS takes keys with values: OPTIONS('key' = 'value')")
	}
	return nil
}

// scan is a table with its computed columns and watermark.
func (b *Binder) scan(t *catalog.Table, n *parser.TableName) (plan.Node, error) {
	var hints []catalog.Option
	for _, h := range n.Hints {
		if h.Name != "OPTIONS" {
			b.note("hint %s has no effect", h.Name)
			continue
		}
		err := checkOptions(h)
		if err != nil {
			return nil, err
		}
		if t, err = b.withOptions(t, h.Options); err != nil {
			return nil, err
		}
		for _, o := range h.Options {
			hints = append(hints, catalog.Option{Key: o.Key, Value: o.Value})
		}
	}
	if t.Factory.NewSource == nil {
		return nil, errorAt(n.Pos(), "table '%s' cannot be read: connector '%s' is a sink only", t.Path, t.Connector.Options["connector"])
	}
	var node plan.Node = &plan.LogicalScan{Table: t, Hints: hints, At: b.place(n.Pos())}
	node, err := computed(node, t, b.place(n.Pos()))
	if err != nil {
		return nil, wrap(n.Pos(), err)
	}
	if w := t.Watermark; w != nil {
		node = &plan.LogicalWatermark{Input: node, Column: w.Column, Expr: rex.Move(w.Expr, b.place(n.Pos()))}
	}
	return node, nil
}

// computed adds computed columns, and casts metadata that was declared with
// another type than the connector's.
func computed(scan plan.Node, t *catalog.Table, at parser.Pos) (plan.Node, error) {
	fields := scan.Fields()
	exprs := make([]rex.Expr, len(t.Columns))
	columns := make([]string, len(t.Columns))
	for i := range t.Columns {
		c := &t.Columns[i]
		columns[i] = c.Name
		if c.Kind == catalog.Computed {
			exprs[i] = rex.Move(c.Expr, at)
			continue
		}
		e, err := rex.CastTo(rex.Col(c.Position, fields[c.Position].Type), c.Type, false)
		if err != nil {
			return nil, err
		}
		exprs[i] = rex.Place(e, at)
	}
	node := project(scan, exprs, columns)
	if p, ok := node.(*plan.LogicalProject); ok {
		p.Computed = true
	}
	return node, nil
}

// join binds a join; USING and NATURAL equate columns of the same name.
func (b *Binder) join(j *parser.Join) (*relation, error) {
	l, err := b.from(j.L)
	if err != nil {
		return nil, err
	}
	rightExpr, asOf := versioned(j.R)
	r, err := b.from(rightExpr)
	if err != nil {
		return nil, err
	}
	for _, t := range r.scope.tables() {
		if l.scope.hasTable(t) {
			return nil, errorAt(j.R.Pos(), "table name '%s' is used twice in FROM: give one of them another alias", t)
		}
	}
	kind := map[string]plan.JoinKind{
		parser.JoinInner: plan.Inner, parser.JoinCross: plan.Inner, parser.JoinLeft: plan.Left,
		parser.JoinRight: plan.Right, parser.JoinFull: plan.Full,
	}[j.Kind]
	node := &plan.LogicalJoin{
		Left: l.node, Right: r.node, Kind: kind, Cond: rex.Bool(true), LeftTTL: b.ttls.of(l), RightTTL: b.ttls.of(r),
	}
	if asOf != nil {
		if node.AsOf, err = b.asOf(asOf, kind, l); err != nil {
			return nil, err
		}
	}
	out := &relation{node: node, scope: joined(l.scope, r.scope, node.Fields())}
	switch {
	case j.Natural || len(j.Using) > 0:
		node.Cond, err = b.using(j, l, r, out)
	case j.On != nil:
		x := b.exprs(joined(l.scope, r.scope, bothFields(l, r)), "ON")
		node.Cond, err = x.boolean(j.On, "ON")
	}
	for i, f := range node.Fields() {
		out.scope.columns[i].typ = f.Type
	}
	return out, err
}

// bothFields are the columns of both sides as the condition sees them: before an
// outer join fills them up.
func bothFields(l, r *relation) []types.Field {
	return append(slices.Clone(l.node.Fields()), r.node.Fields()...)
}

func (b *Binder) using(j *parser.Join, l, r *relation, out *relation) (rex.Expr, error) {
	columns := j.Using
	if j.Natural {
		for _, n := range l.scope.names("") {
			if len(r.scope.find("", n)) > 0 {
				columns = append(columns, parser.Ident{At: j.At, Name: n})
			}
		}
	}
	x := b.exprs(out.scope, "USING")
	var items []rex.Expr
	for _, c := range columns {
		li, ri := l.scope.find("", c.Name), r.scope.find("", c.Name)
		if len(li) != 1 || len(ri) != 1 {
			return nil, errorAt(c.Pos(), "column '%s' of %s must be once in each of the two tables", c.Name, joinWord(j))
		}
		right := len(l.scope.columns) + ri[0]
		eq, err := x.call(c.Pos(), "=", rex.Col(li[0], l.scope.columns[li[0]].typ), rex.Col(right, r.scope.columns[ri[0]].typ))
		if err != nil {
			return nil, err
		}
		items = append(items, eq)
		merge(out.scope, j.Kind, li[0], right)
	}
	return rex.And(items...), nil
}

func joinWord(j *parser.Join) string {
	if j.Natural {
		return "NATURAL JOIN"
	}
	return "USING"
}

// merge makes two equated columns one to those who name it without a table: the
// one of the side that is always there.
func merge(s *scope, kind string, left, right int) {
	switch kind {
	case parser.JoinRight:
		s.columns[left].merged = true
	case parser.JoinFull:
		s.columns[left].with = right
		s.columns[right].merged = true
	default:
		s.columns[right].merged = true
	}
}

// tableFunc binds a window table function.
func (b *Binder) tableFunc(t *parser.TableFunc) (*relation, error) {
	name := strings.ToUpper(dotted(t.Call.Name.Parts))
	switch name {
	case "TUMBLE", "HOP", "CUMULATE", "SESSION":
		node, err := b.window(t.Call, name)
		if err != nil {
			return nil, err
		}
		return named(node, ""), nil
	}
	return nil, errorAt(t.Pos(), "table function '%s' not found%s", name, didYouMean(name, []string{"TUMBLE", "HOP", "CUMULATE", "SESSION"}))
}
