package bind

import (
	"github.com/millrace/millrace/internal/sql/parser"
	"github.com/millrace/millrace/internal/sql/plan"
	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// block is one SELECT while it is bound. Its clauses are bound over the FROM's
// columns, and then moved over those of the aggregation, if there is one.
type block struct {
	b    *Binder
	sel  *parser.Select
	q    *parser.Query // its ORDER BY and LIMIT
	rel  *relation
	x    *exprs
	aggs *aggregates
	// window is that of GROUP BY TUMBLE(…); nil without one.
	window *groupWindow

	items []rex.Expr
	names []string
	// ttl is the STATE_TTL hint for the aggregation.
	ttl plan.StateTTL
	// having and qualify are nil if absent.
	having, qualify rex.Expr
	// order are the sort keys that are no output column by name or place; for
	// the others the entry is nil.
	order []rex.Expr
}

// selectQuery binds a SELECT with the ORDER BY and LIMIT behind it.
func (b *Binder) selectQuery(sel *parser.Select, q *parser.Query, outer *scope) (plan.Node, error) {
	k := &block{b: b, sel: sel, q: q}
	ttls, err := b.stateTTLs(sel)
	if err != nil {
		return nil, err
	}
	defer func(outer *stateTTLs) { b.ttls = outer }(b.ttls)
	b.ttls = ttls
	if k.rel, err = b.from(sel.From); err != nil {
		return nil, err
	}
	if err := ttls.check(k.rel); err != nil {
		return nil, err
	}
	k.ttl = ttls.of(k.rel)
	k.rel.scope.outer = outer
	if sel.Where != nil {
		if err := b.where(k.rel, sel.Where); err != nil {
			return nil, err
		}
	}
	if err := k.bindClauses(); err != nil {
		return nil, err
	}
	node, err := k.aggregated()
	if err != nil {
		return nil, err
	}
	return k.projected(node)
}

func (k *block) bindClauses() error {
	k.aggs = &aggregates{}
	if err := k.bindGroups(); err != nil {
		return err
	}
	k.x = k.b.exprs(k.rel.scope, "the select list")
	k.x.aggs, k.x.overs, k.x.windows, k.x.window = k.aggs, true, k.sel.Windows, k.window
	k.x.scalar = k.b.scalarInto(k.rel)
	if err := k.bindItems(); err != nil {
		return err
	}
	var err error
	k.x.clause, k.x.overs = "HAVING", false
	if k.sel.Having != nil {
		if k.having, err = k.x.boolean(k.sel.Having, "HAVING"); err != nil {
			return err
		}
	}
	k.x.clause, k.x.overs = "QUALIFY", true
	if k.sel.Qualify != nil {
		if err := k.bindQualify(); err != nil {
			return err
		}
	}
	k.x.clause, k.x.overs = "ORDER BY", false
	return k.bindOrder()
}

func (k *block) bindGroups() error {
	if k.sel.GroupBy == nil {
		return nil
	}
	if hasSets(k.sel.GroupBy) {
		return k.bindSets()
	}
	x := k.b.exprs(k.rel.scope, "GROUP BY")
	for _, item := range k.sel.GroupBy.Items {
		if len(item.Exprs) == 1 {
			if c, ok := isGroupWindow(item.Exprs[0]); ok {
				if err := k.bindGroupWindow(c); err != nil {
					return err
				}
				continue
			}
		}
		groups, err := x.all(item.Exprs)
		if err != nil {
			return err
		}
		for _, g := range groups {
			if !k.grouped(g) {
				k.aggs.groups = append(k.aggs.groups, g)
			}
		}
	}
	return nil
}

func (k *block) grouped(e rex.Expr) bool {
	for _, g := range k.aggs.groups {
		if rex.Same(g, e) {
			return true
		}
	}
	return false
}

func (k *block) bindItems() error {
	for _, item := range k.sel.Items {
		if s, ok := item.Expr.(*parser.Star); ok {
			if err := k.star(s); err != nil {
				return err
			}
			continue
		}
		e, err := k.x.bind(item.Expr)
		if err != nil {
			return err
		}
		k.items = append(k.items, e)
		k.names = append(k.names, itemName(item, len(k.names)))
	}
	k.names = plan.Unique(k.names)
	return nil
}

func itemName(item *parser.SelectItem, i int) string {
	if item.Alias != nil {
		return item.Alias.Name
	}
	switch e := item.Expr.(type) {
	case *parser.ColumnRef:
		return e.Parts[len(e.Parts)-1].Name
	case *parser.FieldAccess:
		return e.Field.Name
	}
	return resultName(i)
}

// star adds all columns, or those of one table. A column that USING has merged
// with another appears once.
func (k *block) star(s *parser.Star) error {
	table := ""
	if len(s.Qualifier) > 0 {
		table = s.Qualifier[len(s.Qualifier)-1].Name
		if !k.rel.scope.hasTable(table) {
			return errorAt(s.Pos(), "table '%s' not found%s", table, didYouMean(table, k.rel.scope.tables()))
		}
	}
	if len(k.rel.scope.columns) == 0 {
		return errorAt(s.Pos(), "'*' needs a FROM clause")
	}
	for i := range k.rel.scope.columns {
		c := &k.rel.scope.columns[i]
		if table == "" && c.merged || table != "" && c.table != table {
			continue
		}
		e, err := k.rel.scope.ref(i, table != "")
		if err != nil {
			return wrap(s.Pos(), err)
		}
		if col, ok := e.(*rex.Column); ok {
			k.x.refs[col] = &parser.ColumnRef{At: s.At, Parts: []parser.Ident{{At: s.At, Name: c.name}}}
		}
		k.items = append(k.items, e)
		k.names = append(k.names, c.name)
	}
	return nil
}

// bindQualify binds QUALIFY, in which the names of the select list mean its
// items.
func (k *block) bindQualify() error {
	inner := k.x.scope
	n := len(inner.columns)
	s := &scope{columns: append([]column{}, inner.columns...), outer: inner.outer}
	for i, name := range k.names {
		if len(inner.find("", name)) == 0 {
			s.columns = append(s.columns, column{name: name, typ: k.items[i].Type(), with: -1})
		}
	}
	k.x.scope = s
	e, err := k.x.boolean(k.sel.Qualify, "QUALIFY")
	k.x.scope = inner
	if err != nil {
		return err
	}
	k.qualify = rex.Rewrite(e, func(e rex.Expr) rex.Expr {
		if c, ok := e.(*rex.Column); ok && c.Index >= n {
			for i, name := range k.names {
				if name == s.columns[c.Index].name {
					return k.items[i]
				}
			}
		}
		return e
	})
	return nil
}

func (k *block) bindOrder() error {
	fields := make([]types.Field, len(k.items))
	for i := range k.items {
		fields[i] = types.Field{Name: k.names[i], Type: k.items[i].Type()}
	}
	for _, item := range k.q.OrderBy {
		col, err := outputColumn(item, fields)
		if err != nil {
			return err
		}
		if col >= 0 {
			k.order = append(k.order, rex.Expr(nil))
			continue
		}
		e, err := k.x.bind(item.Expr)
		if err != nil {
			return err
		}
		k.order = append(k.order, e)
	}
	return nil
}

// aggregated puts the aggregation on the FROM and WHERE, and HAVING on it.
func (k *block) aggregated() (plan.Node, error) {
	if k.sel.GroupBy == nil && len(k.aggs.calls) == 0 {
		if k.having == nil {
			return k.rel.node, nil
		}
		return nil, errorAt(k.sel.Having.Pos(), "HAVING needs a GROUP BY or an aggregate function; for a condition on rows write WHERE")
	}
	agg := k.aggs.node(k.rel.node, k.callNames(), k.ttl)
	out := agg.Fields()
	move := func(e *rex.Expr) (err error) {
		if *e != nil {
			*e, err = k.aggs.over(k.x, *e, out)
		}
		return err
	}
	for i := range k.items {
		if err := move(&k.items[i]); err != nil {
			return nil, err
		}
	}
	for i := range k.order {
		if err := move(&k.order[i]); err != nil {
			return nil, err
		}
	}
	if err := move(&k.having); err != nil {
		return nil, err
	}
	if err := move(&k.qualify); err != nil {
		return nil, err
	}
	if k.having == nil {
		return agg, nil
	}
	return &plan.LogicalFilter{Input: agg, Cond: k.having}, nil
}

// callNames gives an aggregate call the name of the item that is it and nothing
// else.
func (k *block) callNames() []string {
	out := make([]string, len(k.aggs.calls))
	used := map[string]bool{}
	for _, g := range k.aggs.groups {
		if c, ok := g.(*rex.Column); ok {
			used[k.rel.node.Fields()[c.Index].Name] = true
		}
	}
	for i, e := range k.items {
		if m, ok := e.(*rex.Marker); ok && out[m.ID] == "" && !used[k.names[i]] {
			out[m.ID] = k.names[i]
			used[k.names[i]] = true
		}
	}
	return out
}

// projected puts the select list, QUALIFY, DISTINCT, ORDER BY and LIMIT on top.
// What QUALIFY and ORDER BY need besides the select list are columns that a last
// projection takes away again.
func (k *block) projected(in plan.Node) (plan.Node, error) {
	p := &projection{in: in}
	for i, e := range k.items {
		p.add(e, true)
		p.names[i] = k.names[i]
	}
	visible := len(k.items)
	qualify := p.over(k.qualify)
	sort, err := k.sort(p, visible)
	if err != nil {
		return nil, err
	}
	p.names = plan.Unique(p.names)
	var node plan.Node
	if k.aggs != nil && (len(k.aggs.calls) > 0 || k.sel.GroupBy != nil) {
		node = project(in, p.exprs, p.names)
	} else {
		node = &plan.LogicalProject{Input: in, Exprs: p.exprs, Names: p.names}
	}
	if qualify != nil {
		node = &plan.LogicalFilter{Input: node, Cond: qualify}
	}
	if k.sel.Distinct {
		if len(p.exprs) > visible {
			node = project(node, plan.Columns(node)[:visible], p.names[:visible])
		}
		node = distinct(node)
	}
	node = withSort(node, sort)
	if len(node.Fields()) > visible {
		node = project(node, plan.Columns(node)[:visible], p.names[:visible])
	}
	return node, nil
}

// sort finds the columns of the projection that ORDER BY sorts by.
func (k *block) sort(p *projection, visible int) (*plan.LogicalSort, error) {
	s, err := k.b.sortOf(k.q)
	if err != nil {
		return nil, err
	}
	fields := make([]types.Field, visible)
	for i := range fields {
		fields[i] = types.Field{Name: k.names[i]}
	}
	for i, item := range k.q.OrderBy {
		col, err := outputColumn(item, fields)
		if err != nil {
			return nil, err
		}
		if col < 0 {
			col = p.add(k.order[i], false)
		}
		if col >= visible && k.sel.Distinct {
			return nil, errorAt(item.Pos(), "with SELECT DISTINCT, ORDER BY can use columns of the select list only")
		}
		s.Keys = append(s.Keys, sortKey(item, col))
	}
	return s, nil
}

// over turns an expression over the projection's input into one over the
// projection, to which what is missing is added.
func (p *projection) over(e rex.Expr) rex.Expr {
	return rex.RewriteDown(e, func(e rex.Expr) rex.Expr {
		_, over := e.(*rex.Over)
		_, col := e.(*rex.Column)
		if i, ok := p.seen[rex.Digest(e)+rex.TypeName(e.Type())]; ok {
			return rex.Col(i, e.Type())
		}
		if over || col {
			return rex.Col(p.add(e, false), e.Type())
		}
		return nil
	})
}
