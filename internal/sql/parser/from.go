package parser

// from parses what follows FROM: joins with commas between them. A JOIN binds tighter than a comma.
func (p *parser) from() TableExpr {
	left := p.joins(p.tablePrimary())
	n := 0
	for p.acceptOp(",") {
		p.chain(&n)
		right := p.joins(p.tablePrimary())
		left = &Join{At: left.Pos().at(), Kind: JoinCross, Comma: true, L: left, R: right}
	}
	return left
}

// joins parses the joins behind a left operand.
func (p *parser) joins(left TableExpr) TableExpr {
	n := 0
	for {
		j := p.joinOperator()
		if j == nil {
			return left
		}
		p.chain(&n)
		j.At, j.L = left.Pos().at(), left
		j.R = p.tablePrimary()
		p.joinCondition(j)
		left = j
	}
}

// joinOperator parses [NATURAL] [kind] JOIN, or returns nil.
func (p *parser) joinOperator() *Join {
	j := &Join{Kind: JoinInner, Natural: p.accept("NATURAL")}
	kind := p.acceptAny("INNER", "LEFT", "RIGHT", "FULL", "CROSS")
	switch kind {
	case "":
		if !j.Natural {
			if p.accept("JOIN") {
				return j
			}
			return nil
		}
	case "LEFT", "RIGHT", "FULL":
		p.accept("OUTER")
		if p.tok().upper == "SEMI" || p.tok().upper == "ANTI" {
			p.fail(&Error{Pos: p.tok().pos, Msg: p.tok().upper + " joins have no syntax of their own", Hint: "write WHERE [NOT] EXISTS (…) or [NOT] IN (…)"})
		}
		j.Kind = kind
	default:
		j.Kind = kind
	}
	if kind == "" {
		kind = "NATURAL"
	}
	p.expect("after "+kind, "JOIN")
	return j
}

func (p *parser) joinCondition(j *Join) {
	switch {
	case p.is("ON"):
		p.conditionAllowed(j)
		p.i++
		j.On = p.expr()
	case p.is("USING"):
		p.conditionAllowed(j)
		p.i++
		j.Using = p.identList("a column's name")
	}
}

// conditionAllowed refuses the condition of a join that has none.
func (p *parser) conditionAllowed(j *Join) {
	kind := ""
	switch {
	case j.Natural:
		kind = "NATURAL"
	case j.Kind == JoinCross:
		kind = "CROSS"
	default:
		return
	}
	p.failAt(p.tok().pos, "a %s JOIN has no %s", kind, p.tok().upper)
}

// tablePrimary parses one operand of a join with its alias.
func (p *parser) tablePrimary() TableExpr {
	t := p.tok()
	switch {
	case p.isOp("("):
		inner := p.parenTable()
		if _, isJoin := inner.(*Join); isJoin {
			if p.is("AS") || p.isName() {
				p.failAt(p.tok().pos, "a join in parentheses has no alias: make it a query, (SELECT * FROM …)")
			}
			return inner
		}
		return p.tableSuffix(inner)
	case p.accept("LATERAL"):
		return p.tableSuffix(p.lateral(t.pos))
	case p.is("TABLE"):
		return p.tableSuffix(p.tableFunction(t.pos, false))
	case p.is("UNNEST"):
		return p.tableSuffix(p.unnest())
	}
	if !p.isName() {
		p.fail(p.expectedName(aTable))
	}
	name := p.path(aTable)
	if p.isOp("(") {
		call, ok := p.call(name).(*FuncCall)
		if !ok {
			p.failAt(t.pos, "expected a table function, found DESCRIPTOR")
		}
		return p.tableSuffix(&TableFunc{At: call.At, Call: call})
	}
	if len(name) > 3 {
		p.failAt(name[3].Start, "a name has at most three parts: catalog, database and object")
	}
	table := &TableName{At: name[0].At, Name: ObjectName{At: name[0].At, Parts: name}}
	table.Hints = p.hints()
	if p.accept("FOR") {
		p.expect("after FOR", "SYSTEM_TIME", "AS", "OF")
		table.AsOf = p.exprPrec(precAdditive)
	}
	return p.tableSuffix(table)
}

// tableSuffix parses what may follow a table: MATCH_RECOGNIZE and an alias, in either order.
func (p *parser) tableSuffix(t TableExpr) TableExpr {
	n, aliased := 0, false
	for {
		switch {
		case p.is("MATCH_RECOGNIZE"):
			p.chain(&n)
			t, aliased = p.matchRecognize(t), false
			continue
		case !aliased:
			if alias := p.alias(); alias != nil {
				a := &AliasedTable{At: t.Pos().at(), Input: t, Alias: *alias}
				if p.isOp("(") {
					a.Columns = p.identList("a column's name")
				}
				t, aliased = a, true
				continue
			}
		}
		if u := p.tok().upper; u == "TABLESAMPLE" || u == "PIVOT" || u == "UNPIVOT" {
			p.failAt(p.tok().pos, "%s is not supported", u)
		}
		return t
	}
}

// parenTable parses (query) or (join).
//
// As with expressions, behind (( it is not known which: ((SELECT 1) UNION (SELECT 2)) or ((SELECT 1) AS a JOIN b). The
// inner part is parsed once, and what follows it decides.
func (p *parser) parenTable() TableExpr {
	p.enter()
	defer p.leave()
	open := p.expectOp("(", "")
	if !p.isQueryStart() {
		return p.closeJoin(p.joins(p.tablePrimary()))
	}
	if !p.isOp("(") {
		return p.closeDerived(open.pos, p.query())
	}
	inner := p.parenTable()
	if d, ok := inner.(*DerivedTable); ok {
		switch {
		case p.isOp(")"):
			return p.closeDerived(open.pos, d.Query)
		case p.isQueryTail():
			return p.closeDerived(open.pos, p.queryAfter(d.Query))
		}
	}
	if _, isJoin := inner.(*Join); !isJoin {
		inner = p.tableSuffix(inner)
	}
	return p.closeJoin(p.joins(inner))
}

func (p *parser) closeDerived(at Pos, q *Query) TableExpr {
	p.expectOp(")", "after the query")
	return &DerivedTable{At: At{at}, Query: q}
}

func (p *parser) closeJoin(t TableExpr) TableExpr {
	if _, ok := t.(*Join); !ok {
		p.fail(p.expected("JOIN, since only a query or a join stands in parentheses"))
	}
	p.expectOp(")", "after the join")
	return t
}

// lateral parses what follows LATERAL.
func (p *parser) lateral(at Pos) TableExpr {
	switch {
	case p.is("TABLE"):
		return p.tableFunction(at, true)
	case p.is("UNNEST"):
		return p.unnest()
	case p.isOp("("):
		return &DerivedTable{At: At{at}, Lateral: true, Query: p.subquery("after LATERAL")}
	}
	p.fail(p.expected("TABLE, UNNEST or '(' after LATERAL"))
	return nil
}

// tableFunction parses TABLE(f(…)).
func (p *parser) tableFunction(at Pos, lateral bool) TableExpr {
	p.i++
	p.expectOp("(", "after TABLE")
	if !p.isName() {
		p.fail(p.expectedName("a table function"))
	}
	name := p.path("a table function")
	if !p.isOp("(") {
		p.fail(p.expected("'(' after the table function's name"))
	}
	call, ok := p.call(name).(*FuncCall)
	if !ok {
		p.failAt(name[0].Start, "expected a table function, found DESCRIPTOR")
	}
	p.expectOp(")", "after the table function")
	return &TableFunc{At: At{at}, Lateral: lateral, Wrapped: true, Call: call}
}

func (p *parser) unnest() TableExpr {
	u := &Unnest{At: At{p.take().pos}}
	p.expectOp("(", "after UNNEST")
	u.Exprs = list(p, p.argument)
	p.closeList("after the expression")
	u.Ordinality = p.accept("WITH", "ORDINALITY")
	return u
}
