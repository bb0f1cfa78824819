package parser

import "strings"

func (p *parser) describe() sourced {
	p.i++
	s := &Describe{Kind: KindTable}
	switch kind := p.acceptAny("CATALOG", "DATABASE", "FUNCTION", "MODEL", "JOB"); kind {
	case "":
	case "JOB":
		s.Kind = KindJob
		s.JobID = p.str("the job's id as a 'string'").Value
		return s
	default:
		s.Kind = ObjectKind(kind)
	}
	s.Extended = p.accept("EXTENDED")
	s.Name = p.objectName("the name of what to describe")
	return s
}

// showForm says what a SHOW takes besides its name.
type showForm struct {
	from  string // "": nothing; "may", "must": FROM or IN
	like  bool
	ilike bool
}

// showForms holds the lists of SHOW by name. ILIKE is allowed where Flink allows it.
var showForms = map[string]showForm{
	"CATALOGS": {like: true, ilike: true}, "DATABASES": {from: "may", like: true, ilike: true},
	"TABLES": {from: "may", like: true}, "VIEWS": {from: "may", like: true},
	"MATERIALIZED TABLES": {from: "may", like: true}, "FUNCTIONS": {from: "may", like: true, ilike: true},
	"PROCEDURES": {from: "may", like: true, ilike: true}, "MODELS": {from: "may", like: true},
	"CONNECTIONS": {from: "may", like: true}, "COLUMNS": {from: "must", like: true},
	"MODULES": {}, "JARS": {}, "JOBS": {}, "PARTITIONS": {},
}

func (p *parser) show() sourced {
	p.i++
	s := &Show{}
	switch {
	case p.accept("CURRENT"):
		s.Current = true
		s.What = p.expectAny("after SHOW CURRENT", "CATALOG", "DATABASE")
		return s
	case p.accept("CREATE"):
		p.showCreate(s)
		return s
	case p.accept("USER"):
		s.User = true
		p.expect("after SHOW USER", "FUNCTIONS")
		s.What = "FUNCTIONS"
	case p.accept("FULL"):
		s.Full = true
		p.expect("after SHOW FULL", "MODULES")
		s.What = "MODULES"
	case p.accept("MATERIALIZED"):
		p.expect("after SHOW MATERIALIZED", "TABLES")
		s.What = "MATERIALIZED TABLES"
	default:
		s.What = p.acceptAny(sortedKeys(showForms)...)
		if s.What == "" {
			p.fail(p.expected("what to show, such as TABLES, DATABASES, FUNCTIONS, JOBS or CREATE TABLE"))
		}
	}
	p.showClauses(s, showForms[s.What])
	return s
}

func (p *parser) showCreate(s *Show) {
	s.Create = true
	if p.accept("OR") {
		p.expect("after SHOW CREATE OR", "ALTER")
		s.OrAlter = true
		p.expect("after SHOW CREATE OR ALTER", "MATERIALIZED")
		p.expect("after MATERIALIZED", "TABLE")
		s.What = string(KindMaterializedTable)
	} else {
		s.What = p.expectAny("after SHOW CREATE", "TABLE", "VIEW", "CATALOG", "MODEL", "MATERIALIZED")
		if s.What == "MATERIALIZED" {
			p.expect("after MATERIALIZED", "TABLE")
			s.What = string(KindMaterializedTable)
		}
	}
	name := p.objectName("the object's name")
	s.Name = &name
}

// showClauses parses [FROM|IN name] [[NOT] LIKE|ILIKE 'pattern'].
func (p *parser) showClauses(s *Show, form showForm) {
	if s.What == "PARTITIONS" {
		name := p.objectName("a table's name")
		s.Name = &name
		if p.is("PARTITION") {
			spec := p.partitionSpec()
			s.Partition = &spec
		}
		return
	}
	if form.from != "" {
		s.Prep = p.acceptAny("FROM", "IN")
		if s.Prep == "" && form.from == "must" {
			p.fail(p.expected("FROM or IN after " + s.What))
		}
		if s.Prep != "" {
			name := p.objectName("a name after " + s.Prep)
			s.Name = &name
		}
	}
	if !form.like {
		return
	}
	s.NotLike = p.accept("NOT")
	words := []string{"LIKE"}
	if form.ilike {
		words = append(words, "ILIKE")
	}
	if s.LikeOp = p.acceptAny(words...); s.LikeOp == "" {
		if s.NotLike {
			p.fail(p.expected(oneOf(words...) + " after NOT"))
		}
		return
	}
	s.Like = p.str("the pattern as a 'string'").Value
}

func (p *parser) use() sourced {
	p.i++
	switch p.acceptAny("CATALOG", "MODULES") {
	case "CATALOG":
		id := p.ident("a catalog's name")
		return &Use{Kind: KindCatalog, Name: ObjectName{At: id.At, Parts: []Ident{id}}}
	case "MODULES":
		return &Use{Kind: KindModules, Modules: list(p, func() Ident { return p.ident("a module's name") })}
	}
	return &Use{Kind: KindDatabase, Name: p.objectName("a database's name")}
}

func (p *parser) module() sourced {
	s := &LoadModule{Unload: p.take().upper == "UNLOAD"}
	p.expect("", "MODULE")
	s.Name = p.ident("a module's name")
	if !s.Unload {
		s.With = p.with()
	}
	return s
}

// set parses SET 'key' = 'value', and SET key = value as Flink's client reads it: the key without blanks, the value up
// to the next blank or in quotes.
func (p *parser) set() sourced {
	p.i++
	switch {
	case p.tok().kind == tokEOF || p.isOp(";"):
		return &Set{}
	case p.isString():
		o := p.option()
		return &Set{Option: &o}
	}
	at := p.tok().pos
	key := p.rawWord("=", "an option's key")
	p.expectOp("=", "after the option's key")
	o := &Option{At: At{at}, Key: key, ValuePos: p.tok().pos}
	if p.isString() {
		o.Value = p.stringLit().Value
	} else {
		o.Value = p.rawWord(";", "the option's value")
	}
	return &Set{Option: o}
}

// rawWord takes the tokens that touch each other as one word, up to a mark.
func (p *parser) rawWord(stop, what string) string {
	start := p.tok()
	for {
		t := p.tok()
		if t.kind == tokEOF || t.kind == tokError || t.kind == tokOp && (t.val == stop || t.val == ";") {
			break
		}
		if t != start && t.pos.Offset != p.toks[p.i-1].end {
			break
		}
		p.i++
	}
	word := strings.TrimSpace(p.text(start.pos))
	if p.tok() == start || word == "" {
		p.fail(p.expected(what))
	}
	return word
}

func (p *parser) reset() sourced {
	p.i++
	switch {
	case p.tok().kind == tokEOF || p.isOp(";"):
		return &Reset{}
	case p.isString():
		return &Reset{Key: p.stringLit()}
	}
	at := At{p.tok().pos}
	return &Reset{Key: &StringLit{At: at, Value: p.rawWord(";", "an option's key")}}
}

func (p *parser) jar() sourced {
	s := &Jar{Remove: p.take().upper == "REMOVE"}
	p.expect("", "JAR")
	s.Path = p.str("the path as a 'string'").Value
	return s
}

func (p *parser) stop() sourced {
	p.i++
	p.expect("after STOP", "JOB")
	s := &StopJob{JobID: p.str("the job's id as a 'string'").Value}
	for p.accept("WITH") {
		at := p.tok().pos
		switch p.expectAny("after WITH", "SAVEPOINT", "DRAIN") {
		case "SAVEPOINT":
			s.Savepoint = true
		case "DRAIN":
			if !s.Savepoint {
				p.failAt(at, "WITH DRAIN stands behind WITH SAVEPOINT")
			}
			s.Drain = true
		}
	}
	return s
}

func (p *parser) callStmt() sourced {
	p.i++
	name := p.objectName("a procedure's name")
	if !p.isOp("(") {
		p.fail(p.expected("'(' after the procedure's name"))
	}
	call, ok := p.call(name.Parts).(*FuncCall)
	if !ok {
		p.failAt(name.Start, "expected a procedure, found DESCRIPTOR")
	}
	return &Call{Call: call}
}

func (p *parser) client() sourced {
	s := &ClientCommand{Name: p.take().upper}
	if s.Name == "SOURCE" {
		s.Arg = p.str("the file's path as a 'string'").Value
	}
	return s
}
