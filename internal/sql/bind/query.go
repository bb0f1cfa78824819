package bind

import (
	"math"

	"github.com/millrace/millrace/internal/sql/parser"
	"github.com/millrace/millrace/internal/sql/plan"
	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// Query binds a query.
func (b *Binder) Query(q *parser.Query) (plan.Node, error) { return b.query(q, nil) }

// query binds a query inside of another one, whose scope is outer.
func (b *Binder) query(q *parser.Query, outer *scope) (plan.Node, error) {
	defer func(n int) { b.ctes = b.ctes[:n:n] }(len(b.ctes))
	for _, c := range q.With {
		b.ctes = append(b.ctes, cte{name: c.Name.Name, columns: c.Columns, query: c.Query, before: len(b.ctes)})
	}
	if s, ok := q.Body.(*parser.Select); ok {
		return b.selectQuery(s, q, outer)
	}
	node, err := b.body(q.Body, outer)
	if err != nil {
		return nil, err
	}
	sort, err := b.sortOf(q)
	if err != nil {
		return nil, err
	}
	x := b.exprs(scopeOf("", node.Fields()), "ORDER BY")
	for _, item := range q.OrderBy {
		col, err := outputColumn(item, node.Fields())
		if err != nil {
			return nil, err
		}
		if col < 0 {
			e, err := x.bind(item.Expr)
			if err != nil {
				return nil, err
			}
			c, ok := e.(*rex.Column)
			if !ok {
				return nil, unsupported(item.Pos(), "ORDER BY an expression after a set operation is")
			}
			col = c.Index
		}
		sort.Keys = append(sort.Keys, sortKey(item, col))
	}
	return withSort(node, sort), nil
}

func (b *Binder) body(body parser.QueryBody, outer *scope) (plan.Node, error) {
	switch body := body.(type) {
	case *parser.Query:
		return b.query(body, outer)
	case *parser.Select:
		return b.selectQuery(body, &parser.Query{}, outer)
	case *parser.SetOp:
		return b.setOp(body, outer)
	case *parser.Values:
		return b.values(body)
	case *parser.TableQuery:
		r, err := b.tableName(&parser.TableName{At: body.At, Name: body.Name})
		if err != nil {
			return nil, err
		}
		return r.node, nil
	}
	return nil, unsupported(body.Pos(), "this query is")
}

// sortOf is the query's OFFSET and LIMIT; the keys are still to be added.
func (b *Binder) sortOf(q *parser.Query) (*plan.LogicalSort, error) {
	s := &plan.LogicalSort{Fetch: -1, At: q.Pos()}
	if len(q.OrderBy) > 0 {
		s.At = q.OrderBy[0].Pos()
	}
	var err error
	if q.Offset != nil {
		if s.Offset, err = b.rowCount(q.Offset, "OFFSET"); err != nil {
			return nil, err
		}
	}
	if q.Limit != nil {
		if s.Fetch, err = b.rowCount(q.Limit, "LIMIT"); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (b *Binder) rowCount(e parser.Expr, what string) (int64, error) {
	v, err := b.exprs(&scope{}, what).bind(e)
	if err != nil {
		return 0, err
	}
	if l, ok := rex.Fold(v); ok && l.T.IsInteger() && l.Value != nil {
		if n := l.Value.(int64); n >= 0 && n < math.MaxInt32 {
			return n, nil
		}
	}
	return 0, errorAt(e.Pos(), "%s needs a whole number that is not negative", what)
}

// withSort puts a sort on a node, unless it does nothing.
func withSort(node plan.Node, s *plan.LogicalSort) plan.Node {
	if len(s.Keys) == 0 && s.Offset == 0 && s.Fetch < 0 {
		return node
	}
	s.Input = node
	return s
}

func sortKey(item *parser.OrderItem, col int) plan.SortKey {
	return plan.SortKey{Column: col, Desc: item.Desc, NullsFirst: nullsFirst(item)}
}

// outputColumn is the output column that an ORDER BY names by its place or by
// its name; -1 if it names none.
func outputColumn(item *parser.OrderItem, fields []types.Field) (int, error) {
	switch e := item.Expr.(type) {
	case *parser.NumberLit:
		n := 0
		for _, r := range e.Text {
			n = n*10 + int(r-'0')
		}
		if e.Kind != parser.Integer || n < 1 || n > len(fields) {
			return 0, errorAt(e.Pos(), "ORDER BY %s: the query has columns 1 to %d", e.Text, len(fields))
		}
		return n - 1, nil
	case *parser.ColumnRef:
		if len(e.Parts) != 1 {
			return -1, nil
		}
		for i, f := range fields {
			if f.Name == e.Parts[0].Name {
				return i, nil
			}
		}
	}
	return -1, nil
}

// setOp binds UNION, INTERSECT and EXCEPT; the two sides are cast to common types.
func (b *Binder) setOp(s *parser.SetOp, outer *scope) (plan.Node, error) {
	l, err := b.body(s.L, outer)
	if err != nil {
		return nil, err
	}
	r, err := b.body(s.R, outer)
	if err != nil {
		return nil, err
	}
	if l, r, err = alike(s, l, r); err != nil {
		return nil, err
	}
	switch {
	case s.Op != "UNION" && s.All:
		return b.counted(s, l, r)
	case s.Op != "UNION":
		return b.matching(s, l, r)
	}
	if !s.All {
		return distinct(&plan.LogicalUnion{In: []plan.Node{l, r}}), nil
	}
	// A chain of UNION ALL is one union: as a tree as deep as it is long, it would
	// be looked through to its end from each of its nodes.
	if chain, ok := l.(*plan.LogicalUnion); ok {
		return chain.With(r), nil
	}
	return &plan.LogicalUnion{In: []plan.Node{l, r}}, nil
}

func alike(s *parser.SetOp, l, r plan.Node) (plan.Node, plan.Node, error) {
	lf, rf := l.Fields(), r.Fields()
	if len(lf) != len(rf) {
		return nil, nil, errorAt(s.Pos(), "the two sides of %s have %s and %d", s.Op, count(len(lf), "column"), len(rf))
	}
	want := make([]types.Type, len(lf))
	for i := range lf {
		t, ok := commonType([]types.Type{lf[i].Type.Plain(), rf[i].Type.Plain()})
		if !ok {
			return nil, nil, errorAt(s.Pos(), "column %d of %s is %s on one side and %s on the other", i+1, s.Op, typeText(lf[i].Type), typeText(rf[i].Type))
		}
		want[i] = t
	}
	l, err := castColumns(l, want, names(lf))
	if err != nil {
		return nil, nil, wrap(s.Pos(), err)
	}
	if r, err = castColumns(r, want, names(rf)); err != nil {
		return nil, nil, wrap(s.Pos(), err)
	}
	return l, r, nil
}

// castColumns casts the columns of a node that do not have the wanted type.
func castColumns(n plan.Node, want []types.Type, names []string) (plan.Node, error) {
	exprs := plan.Columns(n)
	changed := false
	for i, e := range exprs {
		c, err := rex.CastTo(e, want[i], false)
		if err != nil {
			return nil, err
		}
		changed = changed || c != e
		exprs[i] = c
	}
	if !changed {
		return n, nil
	}
	return &plan.LogicalProject{Input: n, Exprs: exprs, Names: names}, nil
}

func names(fields []types.Field) []string {
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = f.Name
	}
	return out
}

// distinct is an aggregation by all columns.
func distinct(n plan.Node) plan.Node {
	groups := make([]int, len(n.Fields()))
	for i := range groups {
		groups[i] = i
	}
	return &plan.LogicalAggregate{Input: n, Groups: groups}
}

// values binds VALUES; its rows are cast to common types, column by column.
func (b *Binder) values(v *parser.Values) (plan.Node, error) {
	x := b.exprs(&scope{}, "VALUES")
	rows := make([][]rex.Expr, len(v.Rows))
	for i, r := range v.Rows {
		var err error
		if rows[i], err = x.all(r.Elems); err != nil {
			return nil, err
		}
		if len(rows[i]) != len(rows[0]) {
			return nil, errorAt(r.Pos(), "this row of VALUES has %s, the first one %d", count(len(rows[i]), "column"), len(rows[0]))
		}
	}
	fields := make([]types.Field, len(rows[0]))
	constant := true
	for col := range fields {
		t, err := valuesType(v, rows, col)
		if err != nil {
			return nil, err
		}
		fields[col] = types.Field{Name: resultName(col), Type: t}
		for i, row := range rows {
			if row[col], err = rex.CastTo(row[col], t, false); err != nil {
				return nil, wrap(v.Rows[i].Elems[col].Pos(), err)
			}
			if l, ok := rex.Fold(row[col]); ok {
				row[col] = l
			} else {
				constant = false
			}
		}
	}
	if constant {
		return constants(fields, rows), nil
	}
	return computedRows(fields, rows), nil
}

func constants(fields []types.Field, rows [][]rex.Expr) plan.Node {
	out := &plan.LogicalValues{Out: fields, Rows: make([][]*rex.Literal, len(rows))}
	for i, row := range rows {
		for _, e := range row {
			out.Rows[i] = append(out.Rows[i], e.(*rex.Literal))
		}
	}
	return out
}

// computedRows are rows of which a value is only known when the job runs, such as
// CURRENT_TIMESTAMP: each is a projection of one row of nothing.
func computedRows(fields []types.Field, rows [][]rex.Expr) plan.Node {
	in := make([]plan.Node, len(rows))
	for i, row := range rows {
		in[i] = &plan.LogicalProject{Input: oneRowOfNothing(), Exprs: row, Names: names(fields)}
	}
	if len(in) == 1 {
		return in[0]
	}
	return &plan.LogicalUnion{In: in}
}

// oneRowOfNothing is what a SELECT without FROM selects from.
func oneRowOfNothing() plan.Node {
	return &plan.LogicalValues{
		Out:  []types.Field{{Name: "ZERO", Type: types.TInt.Required()}},
		Rows: [][]*rex.Literal{{rex.Lit(types.TInt, int64(0))}},
	}
}

func valuesType(v *parser.Values, rows [][]rex.Expr, col int) (types.Type, error) {
	ts := make([]types.Type, len(rows))
	required := true
	for i, r := range rows {
		ts[i] = r[col].Type().Plain()
		required = required && ts[i].NotNull
	}
	t, ok := commonType(ts)
	if !ok {
		return t, errorAt(v.Pos(), "column %d of VALUES has values without a common type: %s", col+1, typeList(ts))
	}
	return t.WithNull(!required), nil
}
