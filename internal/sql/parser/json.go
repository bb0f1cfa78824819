package parser

// jsonPathArgs parses the arguments of JSON_EXISTS, JSON_VALUE and JSON_QUERY: the text, the path, and what to do with a
// result that is missing, is several or is wrong.
func (p *parser) jsonPathArgs(c *FuncCall) {
	c.Args = []Expr{p.expr()}
	p.expectOp(",", "after the JSON text")
	c.Args = append(c.Args, p.expr())
	j := &JSONClause{}
	if p.accept("RETURNING") {
		j.Returning = p.typeWith(false)
	}
	p.jsonWrapper(j)
	for !p.isOp(")") && !p.isOp(",") {
		at := p.tok().pos
		b := p.jsonBehavior()
		p.expect("after the behavior", "ON")
		slot := &j.OnError
		if p.expectAny("after ON", "EMPTY", "ERROR") == "EMPTY" {
			slot = &j.OnEmpty
			if j.OnError != nil {
				p.failAt(at, "ON EMPTY stands in front of ON ERROR")
			}
		}
		if *slot != nil {
			p.failAt(at, "this clause is written twice")
		}
		*slot = b
	}
	if j.Returning != nil || j.Wrapper != "" || j.OnEmpty != nil || j.OnError != nil {
		c.JSON = j
	}
}

// jsonWrapper parses the wrapper clause of JSON_QUERY.
func (p *parser) jsonWrapper(j *JSONClause) {
	switch p.acceptAny("WITHOUT", "WITH") {
	case "WITHOUT":
		p.accept("ARRAY")
		p.expect("after WITHOUT", "WRAPPER")
		j.Wrapper = "WITHOUT ARRAY"
	case "WITH":
		kind := p.acceptAny("CONDITIONAL", "UNCONDITIONAL")
		if kind == "" {
			kind = "UNCONDITIONAL"
		}
		p.accept("ARRAY")
		p.expect("in WITH … WRAPPER", "WRAPPER")
		j.Wrapper = "WITH " + kind + " ARRAY"
	}
}

func (p *parser) jsonBehavior() *JSONBehavior {
	switch kind := p.expectAny("as the behavior", "NULL", "ERROR", "DEFAULT", "TRUE", "FALSE", "UNKNOWN", "EMPTY"); kind {
	case "DEFAULT":
		return &JSONBehavior{Kind: kind, Default: p.expr()}
	case "EMPTY":
		return &JSONBehavior{Kind: kind + " " + p.expectAny("after EMPTY", "ARRAY", "OBJECT")}
	default:
		return &JSONBehavior{Kind: kind}
	}
}

// jsonObjectArgs parses the pairs of JSON_OBJECT and JSON_OBJECTAGG: KEY k VALUE v, k VALUE v or k : v.
func (p *parser) jsonObjectArgs(c *FuncCall) {
	j := &JSONClause{}
	if !p.isOp(")") && !p.jsonNullsFollow() {
		p.each(func() {
			if p.is("KEY") && !p.peekOp(1, ":") && p.peek(1).upper != "VALUE" {
				p.i++
			}
			key := p.expr()
			if !p.acceptOp(":") {
				p.expect("or ':' after the key", "VALUE")
			}
			c.Args = append(c.Args, key, p.expr())
			p.jsonFormat(c, j)
		})
	}
	p.jsonNulls(c, j)
}

// jsonArrayArgs parses the elements of JSON_ARRAY and JSON_ARRAYAGG.
func (p *parser) jsonArrayArgs(c *FuncCall) {
	j := &JSONClause{}
	if !p.isOp(")") && !p.jsonNullsFollow() {
		p.each(func() {
			c.Args = append(c.Args, p.expr())
			p.jsonFormat(c, j)
		})
	}
	if p.is("ORDER") {
		c.OrderBy = p.orderBy()
	}
	p.jsonNulls(c, j)
}

// jsonFormat parses FORMAT JSON behind the argument parsed last.
func (p *parser) jsonFormat(c *FuncCall, j *JSONClause) {
	if p.accept("FORMAT", "JSON") {
		j.FormatJSON = append(j.FormatJSON, len(c.Args)-1)
	}
}

func (p *parser) jsonNullsFollow() bool {
	return p.is("NULL", "ON", "NULL") || p.is("ABSENT", "ON", "NULL")
}

func (p *parser) jsonNulls(c *FuncCall, j *JSONClause) {
	if p.jsonNullsFollow() {
		j.OnNull = p.take().upper
		p.i += 2
	}
	if j.OnNull != "" || j.FormatJSON != nil {
		c.JSON = j
	}
}
