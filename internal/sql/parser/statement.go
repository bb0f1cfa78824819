package parser

// statements maps the first word of a statement to its production.
var statements map[string]func(p *parser) sourced

// sourced is a statement whose text has yet to be set.
type sourced interface {
	Stmt
	setSource(at Pos, text string)
}

func init() {
	statements = map[string]func(p *parser) sourced{
		"SELECT": (*parser).queryStmt, "WITH": (*parser).queryStmt, "VALUES": (*parser).queryStmt, "TABLE": (*parser).queryStmt,
		"CREATE": (*parser).create, "REPLACE": (*parser).create, "ALTER": (*parser).alter, "DROP": (*parser).drop,
		"INSERT": (*parser).insert, "EXECUTE": (*parser).execute, "BEGIN": (*parser).begin, "END": (*parser).end,
		"EXPLAIN": (*parser).explain, "DESCRIBE": (*parser).describe, "DESC": (*parser).describe, "SHOW": (*parser).show,
		"USE": (*parser).use, "LOAD": (*parser).module, "UNLOAD": (*parser).module,
		"SET": (*parser).set, "RESET": (*parser).reset, "ADD": (*parser).jar, "REMOVE": (*parser).jar,
		"STOP": (*parser).stop, "CALL": (*parser).callStmt,
		"QUIT": (*parser).client, "EXIT": (*parser).client, "HELP": (*parser).client, "CLEAR": (*parser).client, "SOURCE": (*parser).client,
		"UPDATE": (*parser).unsupported, "DELETE": (*parser).unsupported, "MERGE": (*parser).unsupported, "UPSERT": (*parser).unsupported,
		"TRUNCATE": (*parser).unsupported, "ANALYZE": (*parser).unsupported, "COMPILE": (*parser).unsupported,
	}
}

// statement parses one statement up to its semicolon.
func (p *parser) statement() Stmt {
	t := p.tok()
	production := statements[t.upper]
	switch {
	case p.isOp("("):
		production = (*parser).queryStmt
	case production == nil:
		for _, word := range sortedKeys(statements) {
			p.try(word)
		}
		p.fail(p.expected("a statement"))
	}
	return p.withSource(t.pos, production)
}

// withSource runs a production and gives its statement its text.
func (p *parser) withSource(at Pos, production func(p *parser) sourced) Stmt {
	p.enter()
	defer p.leave()
	s := production(p)
	s.setSource(at, p.text(at))
	return s
}

func (p *parser) queryStmt() sourced { return &QueryStmt{Query: p.query()} }

// unsupported takes a statement without looking at it, but for its name.
func (p *parser) unsupported() sourced {
	name := p.take().upper
	switch name {
	case "TRUNCATE", "ANALYZE":
		p.expect("after "+name, "TABLE")
		name += " TABLE"
	case "COMPILE", "EXECUTE":
		if name == "COMPILE" && p.accept("AND") {
			p.expect("in COMPILE AND EXECUTE PLAN", "EXECUTE")
			name += " AND EXECUTE"
		}
		p.expect("after "+name, "PLAN")
		name += " PLAN"
	}
	return p.skipAs(name)
}

// skipAs moves to the end of the statement.
func (p *parser) skipAs(name string) sourced {
	p.i = p.statementEnd()
	return &Unsupported{Name: name}
}

// insert parses INSERT INTO|OVERWRITE.
func (p *parser) insert() sourced {
	p.expect("", "INSERT")
	s := &Insert{Overwrite: p.expectAny("after INSERT", "INTO", "OVERWRITE") == "OVERWRITE"}
	s.Table = p.objectName("a table's name")
	s.Hints = p.hints()
	if p.is("PARTITION") {
		spec := p.partitionSpec()
		s.Partition = &spec
	}
	if p.isOp("(") && !p.isQueryStart() {
		s.Columns, s.Paths = p.columnPaths()
	}
	s.Query = p.query()
	if p.accept("ON", "CONFLICT") {
		p.expect("after ON CONFLICT", "DO")
		s.OnConflict = p.expectAny("after DO", "NOTHING", "ERROR", "DEDUPLICATE")
	}
	return s
}

// columnPaths parses (a, b.c).
func (p *parser) columnPaths() ([]Ident, [][]Ident) {
	p.expectOp("(", "before the columns")
	paths := list(p, func() []Ident { return p.path("a column's name") })
	p.closeList("after the column")
	return flatten(paths)
}

// flatten makes one name of each path. The paths are returned too when that loses something.
func flatten(paths [][]Ident) ([]Ident, [][]Ident) {
	nested := false
	names := make([]Ident, len(paths))
	for i, path := range paths {
		names[i] = path[0]
		for _, part := range path[1:] {
			nested = true
			names[i].Name += "." + part.Name
		}
	}
	if !nested {
		return names, nil
	}
	return names, paths
}

// partitionSpec parses PARTITION (a = 1, b = 'x').
func (p *parser) partitionSpec() PartitionSpec {
	spec := PartitionSpec{At: At{p.tok().pos}}
	p.expect("", "PARTITION")
	p.expectOp("(", "after PARTITION")
	spec.Columns = list(p, func() PartitionValue {
		v := PartitionValue{Column: p.ident("a partition column")}
		p.expectOp("=", "after the partition column")
		v.Value = p.exprPrec(precAdditive)
		return v
	})
	p.closeList("after the partition's value")
	return spec
}

// execute parses EXECUTE INSERT, EXECUTE STATEMENT SET, EXECUTE PLAN and EXECUTE before a query.
func (p *parser) execute() sourced {
	if p.peek(1).upper == "PLAN" {
		return p.unsupported()
	}
	p.i++
	switch {
	case p.is("STATEMENT"):
		return p.statementSet()
	case p.is("INSERT"):
		s := p.insert().(*Insert)
		s.Execute = true
		return s
	case p.isQueryStart():
		return &Execute{Stmt: p.withSource(p.tok().pos, (*parser).queryStmt)}
	}
	p.fail(p.expected("STATEMENT SET, INSERT, PLAN or a query after EXECUTE"))
	return nil
}

// statementSet parses STATEMENT SET BEGIN insert; … END.
func (p *parser) statementSet() sourced {
	p.expect("", "STATEMENT", "SET", "BEGIN")
	return p.statementSetBody(&StatementSet{})
}

func (p *parser) statementSetBody(s *StatementSet) sourced {
	for {
		at := p.tok().pos
		if p.is("EXECUTE", "INSERT") {
			p.i++
		}
		if !p.is("INSERT") {
			p.is("END")
			p.fail(p.expected("INSERT in the statement set"))
		}
		s.Inserts = append(s.Inserts, p.withSource(at, (*parser).insert).(*Insert))
		p.expectOp(";", "after the INSERT of a statement set")
		p.skipSemicolons()
		if p.accept("END") {
			return s
		}
	}
}

// begin parses BEGIN STATEMENT SET. With more text behind it, this is a script, and the set is one statement; when it
// comes alone, the rest will follow one by one.
func (p *parser) begin() sourced {
	p.i++
	p.expect("after BEGIN", "STATEMENT", "SET")
	if p.tok().kind == tokEOF || p.isOp(";") && p.peek(1).kind == tokEOF {
		return &BeginStatementSet{}
	}
	p.expectOp(";", "after BEGIN STATEMENT SET")
	return p.statementSetBody(&StatementSet{Begin: true})
}

func (p *parser) end() sourced {
	p.i++
	return &EndStatementSet{}
}

// explain parses EXPLAIN with its details.
func (p *parser) explain() sourced {
	p.i++
	s := &Explain{}
	if p.accept("PLAN") {
		p.expect("after EXPLAIN PLAN", "FOR")
		s.PlanFor = true
	} else {
		for {
			d := p.acceptAny("ESTIMATED_COST", "CHANGELOG_MODE", "PLAN_ADVICE", "JSON_EXECUTION_PLAN")
			if d == "" && len(s.Details) == 0 {
				break
			}
			if d == "" {
				p.fail(p.expected("ESTIMATED_COST, CHANGELOG_MODE, PLAN_ADVICE or JSON_EXECUTION_PLAN"))
			}
			s.Details = append(s.Details, d)
			if !p.acceptOp(",") {
				break
			}
		}
	}
	at := p.tok().pos
	switch {
	case p.is("STATEMENT"):
		s.Stmt = p.withSource(at, (*parser).statementSet)
	case p.is("INSERT"):
		s.Stmt = p.withSource(at, (*parser).insert)
	case p.is("EXECUTE") && p.peek(1).upper != "PLAN":
		s.Stmt = p.withSource(at, (*parser).execute)
	case p.is("CREATE") || p.is("REPLACE"):
		s.Stmt = p.withSource(at, (*parser).create)
	case p.isQueryStart():
		p.is("SELECT")
		s.Stmt = p.withSource(at, (*parser).queryStmt)
	default:
		p.try("SELECT")
		p.fail(p.expected("a query, INSERT, CREATE TABLE … AS or STATEMENT SET to explain"))
	}
	return s
}
