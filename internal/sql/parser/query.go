package parser

import "strings"

// isQueryStart tells whether a query starts here, be it behind opening parentheses.
func (p *parser) isQueryStart() bool { return p.queryStartAt(p.i) }

func (p *parser) queryStartAt(i int) bool {
	for i < len(p.toks)-1 && p.toks[i].kind == tokOp && p.toks[i].val == "(" {
		i++
	}
	t := p.toks[min(i, len(p.toks)-1)]
	if t.upper == "TABLE" {
		next := p.toks[min(i+1, len(p.toks)-1)]
		return next.kind == tokWord || next.kind == tokQuoted
	}
	return t.upper == "SELECT" || t.upper == "WITH" || t.upper == "VALUES"
}

// isQueryTail tells whether something follows that can only stand behind a query.
func (p *parser) isQueryTail() bool {
	for _, w := range []string{"UNION", "INTERSECT", "EXCEPT", "ORDER", "LIMIT", "OFFSET", "FETCH"} {
		if p.is(w) {
			return true
		}
	}
	return false
}

// query parses a query with its WITH, ORDER BY and LIMIT.
func (p *parser) query() *Query {
	p.enter()
	defer p.leave()
	q := &Query{At: At{p.tok().pos}}
	if p.accept("WITH") {
		if p.is("RECURSIVE") {
			p.failAt(p.tok().pos, "recursive queries are not supported")
		}
		q.With = list(p, p.cte)
	}
	q.Body = p.setOps(p.queryPrimary(), false)
	p.queryTail(q)
	return q
}

// queryAfter parses what follows a query in parentheses.
func (p *parser) queryAfter(first *Query) *Query {
	q := &Query{At: first.At}
	q.Body = p.setOps(first.asBody(), false)
	p.queryTail(q)
	return q
}

// asBody returns a query in parentheses as an operand: its body when it has nothing else.
func (q *Query) asBody() QueryBody {
	if q.With == nil && q.OrderBy == nil && q.Offset == nil && q.Limit == nil {
		return q.Body
	}
	return q
}

func (p *parser) cte() *CTE {
	c := &CTE{Name: p.ident("a name for the query")}
	c.At = c.Name.At
	if p.isOp("(") {
		c.Columns = p.identList("a column's name")
	}
	p.expect("after the name in WITH", "AS")
	c.Query = p.subquery("after AS")
	return c
}

// setOps parses UNION and its kin behind a left operand. INTERSECT binds tighter than the others.
func (p *parser) setOps(left QueryBody, onlyIntersect bool) QueryBody {
	n := 0
	for {
		op := ""
		if onlyIntersect {
			op = p.acceptAny("INTERSECT")
		} else {
			op = p.acceptAny("UNION", "INTERSECT", "EXCEPT")
		}
		if op == "" {
			if p.tok().upper == "MINUS" {
				p.fail(&Error{Pos: p.tok().pos, Msg: "MINUS is not an operator of Flink SQL", Hint: "did you mean EXCEPT?"})
			}
			return left
		}
		p.chain(&n)
		s := &SetOp{At: left.Pos().at(), Op: op, L: left, All: p.acceptAny("ALL", "DISTINCT") == "ALL"}
		s.R = p.queryPrimary()
		if op != "INTERSECT" {
			s.R = p.setOps(s.R, true)
		}
		left = s
	}
}

// queryPrimary parses one operand of a set operation.
func (p *parser) queryPrimary() QueryBody {
	t := p.tok()
	switch {
	case p.isOp("("):
		p.i++
		q := p.query()
		p.expectOp(")", "after the query")
		return q.asBody()
	case p.is("SELECT"):
		return p.selectBlock()
	case p.accept("VALUES"):
		return &Values{At: At{t.pos}, Rows: list(p, p.valuesRow)}
	case p.is("TABLE"):
		p.i++
		return &TableQuery{At: At{t.pos}, Name: p.objectName("a table's name")}
	}
	p.fail(p.expected("a query: SELECT, VALUES, WITH or TABLE"))
	return nil
}

func (p *parser) valuesRow() *RowExpr {
	e := p.expr()
	if row, ok := e.(*RowExpr); ok {
		return row
	}
	return &RowExpr{At: e.Pos().at(), Elems: []Expr{e}}
}

func (p *parser) queryTail(q *Query) {
	if p.is("ORDER") {
		q.OrderBy = p.orderBy()
	}
	if p.accept("LIMIT") {
		if !p.accept("ALL") {
			q.Limit = p.rowCount("a number or ALL after LIMIT")
		}
		if p.isOp(",") {
			p.fail(&Error{Pos: p.tok().pos, Msg: "LIMIT takes one number", Hint: "for LIMIT start, count write LIMIT count OFFSET start"})
		}
	}
	if p.accept("OFFSET") {
		q.Offset = p.rowCount("a number after OFFSET")
		p.acceptAny("ROW", "ROWS")
		if p.is("LIMIT") {
			p.failAt(p.tok().pos, "LIMIT stands in front of OFFSET")
		}
	}
	if q.Limit == nil && p.accept("FETCH") {
		p.expectAny("after FETCH", "FIRST", "NEXT")
		q.Limit = p.rowCount("a number after FETCH FIRST")
		p.expectAny("after the number", "ROW", "ROWS")
		p.expect("at the end of FETCH", "ONLY")
	}
}

// rowCount parses the unsigned integer of LIMIT, OFFSET and FETCH.
func (p *parser) rowCount(what string) Expr {
	if t := p.tok(); t.kind != tokNumber || strings.Trim(t.val, "0123456789") != "" {
		p.fail(p.expected(what))
	}
	return p.numberLit()
}

// orderBy parses ORDER BY with its list.
func (p *parser) orderBy() []*OrderItem {
	p.expect("", "ORDER")
	p.expect("after ORDER", "BY")
	return list(p, p.orderItem)
}

func (p *parser) orderItem() *OrderItem {
	e := p.expr()
	o := &OrderItem{At: e.Pos().at(), Expr: e}
	o.Desc = p.acceptAny("ASC", "DESC") == "DESC"
	if p.accept("NULLS") {
		o.Nulls = p.expectAny("after NULLS", "FIRST", "LAST")
	}
	return o
}

// selectBlock parses SELECT up to QUALIFY.
func (p *parser) selectBlock() *Select {
	s := &Select{At: At{p.take().pos}}
	s.Hints = p.hints()
	s.Distinct = p.acceptAny("DISTINCT", "ALL") == "DISTINCT"
	s.Items = list(p, p.selectItem)
	if !p.accept("FROM") {
		return s
	}
	s.From = p.from()
	if p.accept("WHERE") {
		s.Where = p.expr()
	}
	if p.is("GROUP") {
		s.GroupBy = p.groupBy()
	}
	if p.accept("HAVING") {
		s.Having = p.expr()
	}
	if p.accept("WINDOW") {
		s.Windows = list(p, p.namedWindow)
	}
	if p.accept("QUALIFY") {
		s.Qualify = p.expr()
	}
	return s
}

func (p *parser) selectItem() *SelectItem {
	item := &SelectItem{At: At{p.tok().pos}}
	if star := p.star(); star != nil {
		item.Expr = star
		return item
	}
	item.Expr = p.expr()
	item.Alias = p.alias()
	return item
}

// star parses * and a.b.*, or returns nil.
func (p *parser) star() Expr {
	n := 0
	for (p.peek(n).kind == tokQuoted || p.peek(n).kind == tokWord) && p.peekOp(n+1, ".") {
		n += 2
	}
	if !p.peekOp(n, "*") {
		return nil
	}
	star := &Star{At: At{p.tok().pos}}
	for ; n > 0; n -= 2 {
		star.Qualifier = append(star.Qualifier, p.ident("a table's name"))
		p.i++
	}
	p.i++
	return star
}

// alias parses [AS] name, or returns nil. Without AS, a name is only an alias where nothing else can follow, so a
// misspelled keyword looks like one: the place is remembered for the error that will come.
func (p *parser) alias() *Ident {
	if p.accept("AS") {
		id := p.ident("an alias after AS")
		return &id
	}
	if p.isString() {
		p.failAt(p.tok().pos, "an alias is a name, found %s: write it in `back-ticks`", p.tok().describe())
	}
	if !p.isName() {
		return nil
	}
	p.lastAlias = p.i
	id := p.ident("an alias")
	return &id
}

func (p *parser) groupBy() *GroupBy {
	g := &GroupBy{At: At{p.take().pos}}
	p.expect("after GROUP", "BY")
	g.Distinct = p.acceptAny("DISTINCT", "ALL") == "DISTINCT"
	g.Items = list(p, p.groupItem)
	return g
}

func (p *parser) groupItem() GroupItem {
	p.enter()
	defer p.leave()
	g := GroupItem{At: At{p.tok().pos}, Kind: GroupExprs}
	switch {
	case p.accept("GROUPING", "SETS"):
		g.Kind = GroupSets
	case p.is("ROLLUP") || p.is("CUBE"):
		g.Kind = p.take().upper
	case p.isOp("(") && p.peekOp(1, ")"):
		p.i += 2
		return g
	default:
		e := p.expr()
		if row, ok := e.(*RowExpr); ok && !row.Explicit {
			g.Exprs = row.Elems
		} else {
			g.Exprs = []Expr{e}
		}
		return g
	}
	p.expectOp("(", "after "+g.Kind)
	g.Items = list(p, p.groupItem)
	p.closeList("after the grouping")
	return g
}

// hints parses /*+ … */ if it comes next.
func (p *parser) hints() []*Hint {
	if !p.acceptOp("/*+") {
		return nil
	}
	hints := list(p, p.hint)
	p.expectOp("*/", "or ',' after the hint")
	return hints
}

func (p *parser) hint() *Hint {
	name := p.ident("a hint's name")
	h := &Hint{At: name.At, Name: strings.ToUpper(name.Name)}
	if !p.acceptOp("(") {
		return h
	}
	p.each(func() {
		t := p.tok()
		value := p.hintValue()
		switch {
		case p.acceptOp("="):
			if len(h.Args) > 0 {
				p.failAt(t.pos, "a hint has either keys with values or a list, not both")
			}
			v := p.str("the option's value as a 'string'")
			h.Options = append(h.Options, Option{At: At{t.pos}, Key: value, Value: v.Value, ValuePos: v.Start})
		case len(h.Options) > 0:
			p.fail(p.expected("'=' after the option's key"))
		default:
			h.Args = append(h.Args, value)
		}
	})
	p.closeList("after the hint's argument")
	return h
}

// hintValue parses a key or a list's element: a name, a string or a number.
func (p *parser) hintValue() string {
	switch {
	case p.isString():
		return p.stringLit().Value
	case p.tok().kind == tokNumber:
		return p.take().val
	}
	return p.ident("a hint's argument").Name
}
