package parser

// primary parses an operand without what may follow it.
func (p *parser) primary() Expr {
	t := p.tok()
	switch t.kind {
	case tokNumber:
		return p.numberLit()
	case tokString, tokUnicode:
		return p.stringLit()
	case tokBinary:
		return p.binaryLit()
	case tokQuoted:
		return p.nameOrCall()
	case tokOp:
		if t.val == "(" {
			return p.parenthesized()
		}
	case tokWord:
		return p.wordPrimary(t)
	}
	p.fail(p.expected(anExpression))
	return nil
}

// wordPrimary parses an operand that starts with a word.
func (p *parser) wordPrimary(t *token) Expr {
	at := At{t.pos}
	switch t.upper {
	case "TRUE", "FALSE":
		p.i++
		return &BoolLit{At: at, Value: t.upper == "TRUE"}
	case "NULL", "UNKNOWN":
		p.i++
		return &NullLit{At: at, Unknown: t.upper == "UNKNOWN"}
	case "DATE", "TIME", "TIMESTAMP":
		if lit := p.datetimeLit(); lit != nil {
			return lit
		}
	case "INTERVAL":
		return p.interval()
	case "CASE":
		return p.caseExpr()
	case "CAST", "TRY_CAST":
		return p.cast()
	case "EXISTS":
		p.i++
		return &ExistsExpr{At: at, Query: p.subquery("after EXISTS")}
	case "ARRAY", "MAP", "MULTISET":
		if e := p.collection(); e != nil {
			return e
		}
	case "ROW":
		return p.rowConstructor()
	case "FINAL", "RUNNING":
		if p.inMatch && p.peek(1).kind == tokWord && !p.peekOp(1, "(") {
			p.i++
			return &MatchScopeExpr{At: at, Final: t.upper == "FINAL", X: p.postfix(p.primary())}
		}
	}
	if niladic[t.upper] && !p.peekOp(1, "(") {
		p.i++
		id := Ident{At: at, Name: t.val}
		return &FuncCall{At: at, Name: ObjectName{At: at, Parts: []Ident{id}}, Niladic: true, End: t.pos}
	}
	return p.nameOrCall()
}

// nameOrCall parses a column or a call of a function.
func (p *parser) nameOrCall() Expr {
	t := p.tok()
	if t.kind == tokWord && reserved[t.upper] {
		if !p.peekOp(1, "(") || !reservedFunctions[t.upper] && !niladic[t.upper] {
			p.fail(p.expectedName(anExpression))
		}
		p.i++
		return p.call([]Ident{{At: At{t.pos}, Name: t.val}})
	}
	parts := p.path(anExpression)
	if p.isOp("(") {
		return p.call(parts)
	}
	return &ColumnRef{At: parts[0].At, Parts: parts}
}

// parenthesized parses (expr), (a, b) or (query).
func (p *parser) parenthesized() Expr {
	open := p.expectOp("(", "")
	first := p.parenContent()
	if p.acceptOp(")") {
		if s, ok := first.(*SubqueryExpr); ok {
			s.Start = open.pos
		}
		return first
	}
	row := &RowExpr{At: At{open.pos}, Elems: []Expr{first}}
	for p.acceptOp(",") {
		row.Elems = append(row.Elems, p.expr())
	}
	p.closeList("after the expression")
	return row
}

// parenContent parses what stands behind an opening parenthesis: an expression, or a query, which comes as SubqueryExpr.
//
// Behind ((…) it cannot be known which of the two it is before the inner parenthesis is closed: ((SELECT 1) + 2) or
// ((SELECT 1) UNION (SELECT 2)). Trying one and then the other would take time exponential in the depth, so the inner
// part is parsed once, and what follows it decides.
func (p *parser) parenContent() Expr {
	p.enter()
	defer p.leave()
	if !p.isQueryStart() {
		return p.expr()
	}
	at := At{p.tok().pos}
	if !p.isOp("(") {
		return &SubqueryExpr{At: at, Query: p.query()}
	}
	inner := p.parenthesized()
	sub, ok := inner.(*SubqueryExpr)
	if ok && p.isQueryTail() {
		return &SubqueryExpr{At: at, Query: p.queryAfter(sub.Query)}
	}
	return p.infix(p.postfix(inner), 0)
}

// subquery parses (query), with any number of parentheses.
func (p *parser) subquery(context string) *Query {
	p.expectOp("(", context)
	if !p.isQueryStart() {
		p.fail(p.expected("a query"))
	}
	at := p.tok().pos
	s, ok := p.parenContent().(*SubqueryExpr)
	if !ok {
		p.failAt(at, "expected a query, found an expression")
	}
	p.expectOp(")", "after the query")
	return s.Query
}

func (p *parser) caseExpr() Expr {
	c := &CaseExpr{At: At{p.take().pos}}
	if !p.is("WHEN") {
		if p.is("END") || p.is("ELSE") {
			p.fail(p.expected("WHEN or an expression after CASE"))
		}
		c.Operand = p.expr()
	}
	for p.is("WHEN") {
		w := &When{At: At{p.take().pos}, Conds: []Expr{p.expr()}}
		for c.Operand != nil && p.acceptOp(",") {
			w.Conds = append(w.Conds, p.expr())
		}
		p.expect("after the condition of WHEN", "THEN")
		w.Then = p.expr()
		c.Whens = append(c.Whens, w)
	}
	if len(c.Whens) == 0 {
		p.fail(p.expected("WHEN after the operand of CASE"))
	}
	if p.accept("ELSE") {
		c.Else = p.expr()
		p.expect("after the ELSE branch of CASE", "END")
		return c
	}
	p.expectAny("in CASE", "WHEN", "ELSE", "END")
	return c
}

func (p *parser) cast() Expr {
	t := p.take()
	c := &CastExpr{At: At{t.pos}, Try: t.upper == "TRY_CAST"}
	p.expectOp("(", "after "+t.upper)
	c.X = p.expr()
	p.expect("after the expression to cast", "AS")
	c.Type = p.castType()
	p.expectOp(")", "after the type")
	return c
}

// collection parses ARRAY[…], MAP[…] or MULTISET[…], or the same with a query in parentheses. It returns nil for MAP as
// the name of a column or function.
func (p *parser) collection() Expr {
	t := p.tok()
	at := At{t.pos}
	var elems []Expr
	var query *Query
	switch {
	case p.peekOp(1, "["):
		p.i += 2
		if !p.isOp("]") {
			elems = list(p, p.expr)
		}
		p.expectOp("]", "or ',' after the element")
		if t.upper == "MAP" && len(elems)%2 != 0 {
			p.failAt(t.pos, "MAP[…] takes keys and values in turn, found an odd number of elements")
		}
	case p.peekOp(1, "(") && (t.upper != "MAP" || p.queryStartAt(p.i+2)):
		p.i++
		query = p.subquery("")
	case t.upper == "MAP":
		return nil
	default:
		p.i++
		p.fail(p.expected("'[' after " + t.upper))
	}
	switch t.upper {
	case "ARRAY":
		return &ArrayExpr{At: at, Elems: elems, Query: query}
	case "MAP":
		return &MapExpr{At: at, Elems: elems, Query: query}
	}
	return &MultisetExpr{At: at, Elems: elems, Query: query}
}

func (p *parser) rowConstructor() Expr {
	row := &RowExpr{At: At{p.take().pos}, Explicit: true}
	p.expectOp("(", "after ROW")
	row.Elems = list(p, p.expr)
	p.closeList("after the field's value")
	return row
}
