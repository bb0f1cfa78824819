package parser

import "strings"

// callSyntax holds the functions whose arguments have a syntax of their own. They get the call with its position set and
// stand behind the opening parenthesis; the closing one is taken by the caller.
var callSyntax map[string]func(p *parser, c *FuncCall)

func init() {
	callSyntax = map[string]func(p *parser, c *FuncCall){
		"EXTRACT": (*parser).extractArgs, "FLOOR": (*parser).roundArgs, "CEIL": (*parser).roundArgs, "CEILING": (*parser).roundArgs,
		"TIMESTAMPADD": (*parser).unitArgs, "TIMESTAMPDIFF": (*parser).unitArgs,
		"TRIM": (*parser).trimArgs, "SUBSTRING": (*parser).substringArgs, "OVERLAY": (*parser).overlayArgs,
		"POSITION":    (*parser).positionArgs,
		"JSON_EXISTS": (*parser).jsonPathArgs, "JSON_VALUE": (*parser).jsonPathArgs, "JSON_QUERY": (*parser).jsonPathArgs,
		"JSON_OBJECT": (*parser).jsonObjectArgs, "JSON_OBJECTAGG": (*parser).jsonObjectArgs,
		"JSON_ARRAY": (*parser).jsonArrayArgs, "JSON_ARRAYAGG": (*parser).jsonArrayArgs,
	}
}

// call parses the arguments of a function and what follows them.
func (p *parser) call(name []Ident) Expr {
	p.enter()
	defer p.leave()
	c := &FuncCall{At: name[0].At, Name: ObjectName{At: name[0].At, Parts: name}}
	p.expectOp("(", "")
	word := ""
	if len(name) == 1 && !name[0].Quoted {
		word = strings.ToUpper(name[0].Name)
	}
	syntax, special := callSyntax[word]
	switch {
	case word == "DESCRIPTOR":
		return p.descriptor(c.At)
	case special:
		c.Name.Parts[0].Name = word
		if word == "CEILING" {
			c.Name.Parts[0].Name = "CEIL"
		}
		syntax(p, c)
	case niladic[word]:
		c.Niladic = true
		if !p.isOp(")") {
			c.Args = []Expr{p.expr()}
		}
	case !p.isOp(")"):
		p.plainArgs(c)
	}
	c.End = p.closeList("after the argument").pos
	p.callTail(c)
	return c
}

// plainArgs parses [DISTINCT|ALL] arguments [ORDER BY …].
func (p *parser) plainArgs(c *FuncCall) {
	switch p.acceptAny("DISTINCT", "ALL") {
	case "DISTINCT":
		c.Distinct = true
	case "ALL":
		c.All = true
	}
	if p.isOp("*") {
		c.Args = []Expr{&Star{At: At{p.take().pos}}}
		return
	}
	c.Args = list(p, p.argument)
	if p.is("ORDER") {
		c.OrderBy = p.orderBy()
	}
}

// argument parses one argument of a function or table function.
func (p *parser) argument() Expr {
	p.enter()
	defer p.leave()
	t := p.tok()
	if p.isName() && p.peekOp(1, "=>") {
		name := p.ident("an argument's name")
		p.i++
		return &NamedArg{At: name.At, Name: name, Value: p.argument()}
	}
	switch {
	case p.accept("DEFAULT"):
		return &DefaultExpr{At: At{t.pos}}
	case t.upper == "TABLE":
		p.i++
		return p.tableArg(t.pos)
	case t.upper == "MODEL" && (p.peek(1).kind == tokWord || p.peek(1).kind == tokQuoted):
		p.i++
		return &ModelArg{At: At{t.pos}, Model: p.objectName("a model's name")}
	case p.isQueryStart() && t.kind == tokWord:
		return &SubqueryExpr{At: At{t.pos}, Query: p.query()}
	}
	e := p.expr()
	if s, ok := e.(*SubqueryExpr); ok && p.is("PARTITION") {
		arg := &TableArg{At: s.At, Query: s.Query}
		p.partitioning(arg)
		return arg
	}
	return e
}

// tableArg parses what follows TABLE in an argument.
func (p *parser) tableArg(at Pos) Expr {
	name := p.objectName("a table's name after TABLE")
	arg := &TableArg{At: At{at}, Table: &TableName{At: name.At, Name: name, Hints: p.hints()}}
	p.partitioning(arg)
	return arg
}

// partitioning parses [PARTITION BY …] [ORDER BY …]. Without parentheses only one column may follow, since a comma
// starts the next argument.
func (p *parser) partitioning(arg *TableArg) {
	if p.accept("PARTITION") {
		p.expect("after PARTITION", "BY")
		if p.isOp("(") {
			arg.PartitionBy = p.parenList()
		} else {
			arg.PartitionBy = p.argColumns()
		}
	}
	if !p.accept("ORDER") {
		return
	}
	p.expect("after ORDER", "BY")
	if p.acceptOp("(") {
		arg.OrderBy = list(p, p.orderItem)
		p.closeList("after the column")
		return
	}
	arg.OrderBy = []*OrderItem{p.orderItem()}
}

// argColumns parses the columns of a PARTITION BY without parentheses: f(TABLE t PARTITION BY a, b, DESCRIPTOR(ts)).
// A comma followed by a plain column continues the list, and anything else is the next argument.
func (p *parser) argColumns() []Expr {
	cols := []Expr{p.expr()}
	for p.isOp(",") && p.columnFollows() {
		p.i++
		cols = append(cols, p.expr())
	}
	return cols
}

// columnFollows tells whether behind a comma stands a name and behind it another comma, or the end of the list.
func (p *parser) columnFollows() bool {
	t := p.peek(1)
	if t.kind != tokQuoted && (t.kind != tokWord || reserved[t.upper]) {
		return false
	}
	return p.peekOp(2, ",") || p.peek(2).upper == "ORDER"
}

// parenList parses (a, b).
func (p *parser) parenList() []Expr {
	p.expectOp("(", "")
	exprs := list(p, p.expr)
	p.closeList("after the expression")
	return exprs
}

// descriptor parses the columns of DESCRIPTOR(a, b).
func (p *parser) descriptor(at At) Expr {
	d := &Descriptor{At: at}
	d.Columns = list(p, func() Ident { return p.ident("a column of the DESCRIPTOR") })
	p.closeList("after the DESCRIPTOR's column")
	return d
}

// callTail parses the clauses behind the closing parenthesis.
func (p *parser) callTail(c *FuncCall) {
	if nulls := p.acceptAny("IGNORE", "RESPECT"); nulls != "" {
		p.expect("after "+nulls, "NULLS")
		c.NullTreatment = nulls + " NULLS"
	}
	if p.is("WITHIN", "GROUP") {
		p.i += 2
		p.expectOp("(", "after WITHIN GROUP")
		c.WithinGroup = p.orderBy()
		p.closeList("after the ordering")
	}
	if p.accept("FILTER") {
		p.expectOp("(", "after FILTER")
		p.expect("in FILTER", "WHERE")
		c.Filter = p.expr()
		p.expectOp(")", "after the condition of FILTER")
	}
	if p.is("OVER") {
		at := p.take().pos
		c.Over = &Over{At: At{at}}
		if p.isOp("(") {
			c.Over.Spec = p.windowSpec()
		} else {
			name := p.ident("'(' or a window's name after OVER")
			c.Over.Name = &name
		}
	}
}

func (p *parser) extractArgs(c *FuncCall) {
	unit := p.timeUnit()
	p.expect("after the unit", "FROM")
	c.Args = []Expr{unit, p.expr()}
}

// roundArgs parses FLOOR(x) and FLOOR(x TO unit).
func (p *parser) roundArgs(c *FuncCall) {
	c.Args = []Expr{p.expr()}
	if p.accept("TO") {
		c.Args = append(c.Args, p.timeUnit())
	}
	if !p.isOp(")") {
		p.fail(p.expected("')' or TO after the argument"))
	}
}

func (p *parser) unitArgs(c *FuncCall) {
	c.Args = []Expr{p.timeUnit()}
	p.expectOp(",", "after the unit")
	c.Args = append(c.Args, p.expr())
	p.expectOp(",", "after the second argument")
	c.Args = append(c.Args, p.expr())
}

// trimArgs parses TRIM(x), TRIM(what FROM x) and TRIM(side [what] FROM x).
func (p *parser) trimArgs(c *FuncCall) {
	at := At{p.tok().pos}
	side := p.acceptAny("BOTH", "LEADING", "TRAILING")
	if side != "" && p.accept("FROM") {
		c.Args = []Expr{&Symbol{At: at, Name: side}, &StringLit{At: at, Value: " "}, p.expr()}
		return
	}
	first := p.expr()
	if !p.is("FROM") {
		if side != "" {
			p.fail(p.expected("FROM after what is to be trimmed"))
		}
		if !p.isOp(")") {
			p.fail(p.expected("')' or FROM after the argument"))
		}
		c.Args = []Expr{first}
		return
	}
	p.i++
	if side == "" {
		side = "BOTH"
	}
	c.Args = []Expr{&Symbol{At: at, Name: side}, first, p.expr()}
}

// substringArgs parses SUBSTRING(x, a, b) and SUBSTRING(x FROM a FOR b).
func (p *parser) substringArgs(c *FuncCall) {
	c.Args = []Expr{p.expr()}
	if p.acceptOp(",") {
		c.Args = append(c.Args, list(p, p.expr)...)
		return
	}
	p.expect("or ',' after the argument", "FROM")
	c.Args = append(c.Args, p.expr())
	if p.accept("FOR") {
		c.Args = append(c.Args, p.expr())
	}
}

func (p *parser) overlayArgs(c *FuncCall) {
	c.Args = []Expr{p.expr()}
	p.expect("after the argument", "PLACING")
	c.Args = append(c.Args, p.expr())
	p.expect("after the replacement", "FROM")
	c.Args = append(c.Args, p.expr())
	if p.accept("FOR") {
		c.Args = append(c.Args, p.expr())
	}
}

// positionArgs parses POSITION(a IN b). The first operand must not take the IN for its own.
func (p *parser) positionArgs(c *FuncCall) {
	c.Args = []Expr{p.exprPrec(precLike + 1)}
	p.expect("after the text to find", "IN")
	c.Args = append(c.Args, p.expr())
	if p.accept("FROM") {
		c.Args = append(c.Args, p.expr())
	}
}
