package parser

import "strconv"

func (q *Query) print(b *printer) {
	if len(q.With) > 0 {
		b.word("WITH ")
		printList(b, q.With)
		b.word(" ")
	}
	b.body(q.Body, false)
	printClause(b, "ORDER BY", q.OrderBy)
	if q.Limit != nil {
		b.word(" LIMIT ")
		b.expr(q.Limit)
	}
	if q.Offset != nil {
		b.word(" OFFSET ")
		b.expr(q.Offset)
	}
}

// body writes an operand of a set operation or the body of a query; parens puts it into parentheses, as a query with
// clauses of its own always is.
func (b *printer) body(q QueryBody, parens bool) {
	_, isQuery := q.(*Query)
	parens = parens || isQuery
	b.when(parens, "(")
	q.(printable).print(b)
	b.when(parens, ")")
}

func (c *CTE) print(b *printer) {
	c.Name.print(b)
	if len(c.Columns) > 0 {
		b.word(" ")
		printParens(b, c.Columns)
	}
	b.word(" AS ")
	b.listOrQuery(nil, c.Query)
}

func (s *SetOp) print(b *printer) {
	l, isSet := s.L.(*SetOp)
	b.body(s.L, isSet && s.Op == "INTERSECT" && l.Op != "INTERSECT")
	b.word(" ", s.Op, " ")
	b.when(s.All, "ALL ")
	_, isSet = s.R.(*SetOp)
	b.body(s.R, isSet)
}

func (v *Values) print(b *printer) {
	b.word("VALUES ")
	printList(b, v.Rows)
}

func (t *TableQuery) print(b *printer) {
	b.word("TABLE ")
	t.Name.print(b)
}

func (s *Select) print(b *printer) {
	b.word("SELECT ")
	b.hints(s.Hints, "", " ")
	b.when(s.Distinct, "DISTINCT ")
	printList(b, s.Items)
	if s.From != nil {
		b.word(" FROM ")
		b.table(s.From, false)
	}
	b.clause("WHERE", s.Where)
	if s.GroupBy != nil {
		b.word(" ")
		s.GroupBy.print(b)
	}
	b.clause("HAVING", s.Having)
	printClause(b, "WINDOW", s.Windows)
	b.clause("QUALIFY", s.Qualify)
}

// clause writes a keyword and an expression, or nothing.
func (b *printer) clause(keyword string, e Expr) {
	if e != nil {
		b.word(" ", keyword, " ")
		b.expr(e)
	}
}

func (b *printer) hints(hints []*Hint, before, after string) {
	if len(hints) > 0 {
		b.word(before, "/*+ ")
		printList(b, hints)
		b.word(" */", after)
	}
}

func (h *Hint) print(b *printer) {
	b.word(quoteIdent(h.Name))
	switch {
	case len(h.Options) > 0:
		printParens(b, h.Options)
	case len(h.Args) > 0:
		b.word("(")
		for i, a := range h.Args {
			b.when(i > 0, ", ")
			b.word(quoteString(a))
		}
		b.word(")")
	}
}

func (i *SelectItem) print(b *printer) {
	b.expr(i.Expr)
	if i.Alias != nil {
		b.word(" AS ")
		i.Alias.print(b)
	}
}

func (g *GroupBy) print(b *printer) {
	b.word("GROUP BY ")
	b.when(g.Distinct, "DISTINCT ")
	printList(b, g.Items)
}

func (g GroupItem) print(b *printer) {
	switch {
	case g.Kind != GroupExprs:
		b.word(g.Kind, " ")
		printParens(b, g.Items)
	case len(g.Exprs) == 1:
		b.expr(g.Exprs[0])
	default:
		b.listOrQuery(g.Exprs, nil)
	}
}

func (w *NamedWindow) print(b *printer) {
	w.Name.print(b)
	b.word(" AS ")
	w.Spec.print(b)
}

func (o *OrderItem) print(b *printer) {
	b.expr(o.Expr)
	b.when(o.Desc, " DESC")
	if o.Nulls != "" {
		b.word(" NULLS ", o.Nulls)
	}
}

// table writes a table expression; a join that is the right operand of another stands in parentheses.
func (b *printer) table(t TableExpr, right bool) {
	_, isJoin := t.(*Join)
	b.when(isJoin && right, "(")
	t.(printable).print(b)
	b.when(isJoin && right, ")")
}

func (t *TableName) print(b *printer) {
	t.Name.print(b)
	b.hints(t.Hints, " ", "")
	if t.AsOf != nil {
		b.word(" FOR SYSTEM_TIME AS OF ")
		b.operand(t.AsOf, precAdditive)
	}
}

func (t *AliasedTable) print(b *printer) {
	b.table(t.Input, true)
	b.word(" AS ")
	t.Alias.print(b)
	if len(t.Columns) > 0 {
		b.word(" ")
		printParens(b, t.Columns)
	}
}

func (t *DerivedTable) print(b *printer) {
	b.when(t.Lateral, "LATERAL ")
	b.listOrQuery(nil, t.Query)
}

func (t *Unnest) print(b *printer) {
	b.word("UNNEST")
	b.listOrQuery(t.Exprs, nil)
	b.when(t.Ordinality, " WITH ORDINALITY")
}

func (t *TableFunc) print(b *printer) {
	b.when(t.Lateral, "LATERAL ")
	b.when(t.Wrapped, "TABLE(")
	t.Call.print(b)
	b.when(t.Wrapped, ")")
}

func (j *Join) print(b *printer) {
	b.table(j.L, false)
	if j.Comma {
		b.word(", ")
		b.table(j.R, false)
		return
	}
	b.word(" ")
	b.when(j.Natural, "NATURAL ")
	b.when(j.Kind != JoinInner, j.Kind+" ")
	b.word("JOIN ")
	b.table(j.R, true)
	b.clause("ON", j.On)
	if len(j.Using) > 0 {
		b.word(" USING ")
		printParens(b, j.Using)
	}
}

func (m *MatchRecognize) print(b *printer) {
	b.table(m.Input, true)
	b.word(" MATCH_RECOGNIZE (")
	if len(m.PartitionBy) > 0 {
		b.word("PARTITION BY ")
		b.exprs(m.PartitionBy)
		b.word(" ")
	}
	if len(m.OrderBy) > 0 {
		b.word("ORDER BY ")
		printList(b, m.OrderBy)
		b.word(" ")
	}
	if len(m.Measures) > 0 {
		b.word("MEASURES ")
		printList(b, m.Measures)
		b.word(" ")
	}
	b.word(pick(m.AllRows, "ALL ROWS PER MATCH ", "ONE ROW PER MATCH "))
	if m.After != nil {
		m.After.print(b)
		b.word(" ")
	}
	b.word("PATTERN (")
	b.when(m.StrictStart, "^ ")
	m.Pattern.print(b)
	b.when(m.StrictEnd, " $")
	b.word(")")
	if m.Within != nil {
		b.word(" WITHIN ")
		b.operand(m.Within, precAdditive)
	}
	printClause(b, "SUBSET", m.Subsets)
	printClause(b, "DEFINE", m.Define)
	b.word(")")
}

func (m *Measure) print(b *printer) {
	b.expr(m.Expr)
	b.word(" AS ")
	m.Alias.print(b)
}

func (a *AfterMatch) print(b *printer) {
	b.word("AFTER MATCH SKIP ", a.Kind)
	if a.Var != nil {
		b.word(" ")
		a.Var.print(b)
	}
}

func (s *SubsetDef) print(b *printer) {
	s.Name.print(b)
	b.word(" = ")
	printParens(b, s.Vars)
}

func (d *Define) print(b *printer) {
	d.Var.print(b)
	b.word(" AS ")
	b.expr(d.Cond)
}

func (p *Pattern) print(b *printer) {
	switch p.Kind {
	case PatternVar:
		p.Var.print(b)
	case PatternConcat:
		p.printSubs(b, " ")
	case PatternAlt:
		p.printSubs(b, " | ")
	case PatternPermute:
		b.word("PERMUTE")
		printParens(b, p.Subs)
	case PatternExclude:
		b.word("{- ")
		p.Subs[0].print(b)
		b.word(" -}")
	case PatternRepeat:
		p.printSubs(b, "")
		b.word(p.quantifier())
		b.when(p.Reluctant, "?")
	}
}

// printSubs writes the parts of a pattern; those that are made of parts themselves stand in parentheses.
func (p *Pattern) printSubs(b *printer, sep string) {
	for i, s := range p.Subs {
		b.when(i > 0, sep)
		parens := s.Kind == PatternConcat && p.Kind != PatternAlt || s.Kind == PatternAlt || p.Kind == PatternRepeat && s.Kind == PatternRepeat
		b.when(parens, "(")
		s.print(b)
		b.when(parens, ")")
	}
}

func (p *Pattern) quantifier() string {
	switch {
	case p.Min == 0 && p.Max < 0:
		return "*"
	case p.Min == 1 && p.Max < 0:
		return "+"
	case p.Min == 0 && p.Max == 1:
		return "?"
	case p.Min == p.Max:
		return "{" + strconv.Itoa(p.Min) + "}"
	case p.Max < 0:
		return "{" + strconv.Itoa(p.Min) + ",}"
	}
	return "{" + strconv.Itoa(p.Min) + "," + strconv.Itoa(p.Max) + "}"
}
