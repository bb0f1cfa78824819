package parser

// create parses CREATE and REPLACE TABLE.
func (p *parser) create() sourced {
	if p.is("REPLACE") {
		p.i++
		return p.createTable(&CreateTable{Replace: true})
	}
	p.i++
	if p.accept("OR") {
		if p.expectAny("after CREATE OR", "REPLACE", "ALTER") == "ALTER" {
			p.expect("after CREATE OR ALTER", "MATERIALIZED")
			return p.createMaterialized(true)
		}
		switch p.tok().upper {
		case "TABLE":
			return p.createTable(&CreateTable{OrReplace: true})
		case "VIEW", "TEMPORARY":
			temporary := p.accept("TEMPORARY")
			p.expect("after CREATE OR REPLACE TEMPORARY", "VIEW")
			return p.createView(&CreateView{OrReplace: true, Temporary: temporary})
		}
		p.fail(p.expected("TABLE or VIEW after CREATE OR REPLACE"))
	}
	temporary := p.accept("TEMPORARY")
	system := p.accept("SYSTEM")
	if system && !temporary {
		p.fail(&Error{Pos: p.toks[p.i-1].pos, Msg: "a system function can only be temporary", Hint: "write CREATE TEMPORARY SYSTEM FUNCTION"})
	}
	switch {
	case p.accept("FUNCTION"):
		return p.createFunction(temporary, system)
	case system:
		p.fail(p.expected("FUNCTION after SYSTEM"))
	case p.is("TABLE"):
		return p.createTable(&CreateTable{Temporary: temporary})
	case p.accept("VIEW"):
		return p.createView(&CreateView{Temporary: temporary})
	case p.accept("MODEL"):
		return p.createModel(temporary)
	}
	if temporary {
		p.fail(p.expected("TABLE, VIEW, FUNCTION, SYSTEM FUNCTION or MODEL after CREATE TEMPORARY"))
	}
	switch {
	case p.accept("MATERIALIZED"):
		return p.createMaterialized(false)
	case p.accept("CATALOG"):
		s := &CreateCatalog{IfNotExists: p.ifNotExists(), Name: p.ident("a catalog's name")}
		s.Comment = p.comment()
		s.With = p.with()
		return s
	case p.accept("DATABASE"):
		s := &CreateDatabase{IfNotExists: p.ifNotExists(), Name: p.objectName("a database's name")}
		s.Comment = p.comment()
		s.With = p.with()
		return s
	case p.accept("CONNECTION"):
		return p.skipAs("CREATE CONNECTION")
	}
	p.fail(p.expected("TABLE, VIEW, DATABASE, CATALOG or FUNCTION after CREATE"))
	return nil
}

func (p *parser) ifNotExists() bool {
	if p.is("IF", "EXISTS") {
		p.i++
		p.fail(p.expected("NOT EXISTS after IF"))
	}
	return p.accept("IF", "NOT", "EXISTS")
}

func (p *parser) ifExists() bool {
	if p.is("IF", "NOT") {
		p.i++
		p.fail(p.expected("EXISTS after IF"))
	}
	return p.accept("IF", "EXISTS")
}

// comment parses [COMMENT '…'].
func (p *parser) comment() *StringLit {
	if !p.accept("COMMENT") {
		return nil
	}
	return p.str("the comment as a 'string'")
}

// with parses [WITH (…)].
func (p *parser) with() []Option {
	if !p.accept("WITH") {
		return nil
	}
	return p.options("after WITH")
}

// createTable parses what follows CREATE, in the order that Flink prescribes.
func (p *parser) createTable(s *CreateTable) sourced {
	p.expect("", "TABLE")
	s.IfNotExists = p.ifNotExists()
	s.Name = p.objectName("a table's name")
	if p.isOp("(") {
		p.tableSchema(&s.Schema)
	}
	s.Comment = p.comment()
	if p.is("DISTRIBUTED") {
		s.Distribution = p.distribution()
	}
	s.PartitionBy = p.partitionedBy()
	if p.is("DISTRIBUTED") {
		p.failAt(p.tok().pos, "DISTRIBUTED stands in front of PARTITIONED BY")
	}
	if s.HasWith = p.is("WITH"); s.HasWith {
		s.With = p.with()
	}
	if p.is("COMMENT") || p.is("PARTITIONED") {
		p.failAt(p.tok().pos, "%s stands in front of WITH", p.tok().upper)
	}
	switch {
	case p.is("LIKE"):
		s.Like = p.like()
	case p.accept("AS"):
		s.As = p.query()
	case len(s.Schema.Names) > 0:
		p.fail(p.expected("AS and a query, since the columns have no types"))
	}
	return s
}

func (p *parser) partitionedBy() []Ident {
	if !p.accept("PARTITIONED") {
		return nil
	}
	p.expect("after PARTITIONED", "BY")
	return p.identList("a partition column")
}

// distribution parses DISTRIBUTED BY HASH(a) INTO 3 BUCKETS, and the same after ADD DISTRIBUTION.
func (p *parser) distribution() *Distribution {
	t := p.take()
	d := &Distribution{At: At{t.pos}}
	if p.accept("BY") {
		d.Kind = p.acceptAny("HASH", "RANGE")
		d.Columns = p.identList("a distribution column")
	} else if !p.is("INTO") {
		p.fail(p.expected("BY or INTO after " + t.upper))
	}
	if p.accept("INTO") {
		n := p.integer("the number of buckets")
		d.Buckets = &n
		p.expect("after the number", "BUCKETS")
	}
	return d
}

// tableSchema parses the list of columns, constraints and the watermark.
func (p *parser) tableSchema(s *TableSchema) {
	p.expectOp("(", "before the columns")
	p.each(func() {
		p.schemaElement(s)
	})
	if len(s.Names) > 0 && len(s.Columns) > 0 {
		p.failAt(s.Names[0].Start, "column '%s' has no type", s.Names[0].Name)
	}
	p.closeList(schemaContext(s))
}

func schemaContext(s *TableSchema) string {
	if len(s.Names) > 0 {
		return "after the column's name, or its type"
	}
	return "after the column definition"
}

// schemaElement parses one element of a table's list.
func (p *parser) schemaElement(s *TableSchema) {
	switch {
	case p.is("WATERMARK"):
		w := p.watermark()
		if s.Watermark != nil {
			p.failAt(w.Start, "a table has one WATERMARK, this is the second")
		}
		s.Watermark = w
	case p.is("CONSTRAINT") || p.is("PRIMARY") || p.is("UNIQUE"):
		s.Constraints = append(s.Constraints, p.tableConstraint())
	default:
		name := p.ident("a column's name")
		if p.isOp(",") || p.isOp(")") {
			s.Names = append(s.Names, name)
			return
		}
		s.Columns = append(s.Columns, p.columnDef(name))
	}
}

// columnDef parses what follows a column's name.
func (p *parser) columnDef(name Ident) *ColumnDef {
	c := &ColumnDef{At: name.At, Name: name, Kind: ColumnPhysical}
	if p.accept("AS") {
		c.Kind = ColumnComputed
		c.Expr = p.expr()
		c.Comment = p.comment()
		return c
	}
	c.Type = p.typeName()
	if p.accept("METADATA") {
		c.Kind = ColumnMetadata
		if p.accept("FROM") {
			c.From = p.str("the metadata key as a 'string'")
		}
		c.Virtual = p.accept("VIRTUAL")
	} else if p.is("CONSTRAINT") || p.is("PRIMARY") || p.is("UNIQUE") {
		k := p.constraintHead()
		k.Columns = []Ident{name}
		p.enforcement(k)
		c.PrimaryKey = k
	}
	c.Comment = p.comment()
	return c
}

// tableConstraint parses [CONSTRAINT n] PRIMARY KEY (a, b) NOT ENFORCED.
func (p *parser) tableConstraint() *PrimaryKey {
	k := p.constraintHead()
	k.Columns = p.identList("a key column")
	p.enforcement(k)
	return k
}

func (p *parser) constraintHead() *PrimaryKey {
	k := &PrimaryKey{At: At{p.tok().pos}}
	if p.accept("CONSTRAINT") {
		name := p.ident("the constraint's name")
		k.Name = &name
	}
	if p.accept("UNIQUE") {
		k.Unique = true
		return k
	}
	p.expect("", "PRIMARY")
	p.expect("after PRIMARY", "KEY")
	return k
}

func (p *parser) enforcement(k *PrimaryKey) {
	k.Enforced = true
	if p.accept("NOT") {
		p.expect("after NOT", "ENFORCED")
		k.Enforced = false
		return
	}
	p.accept("ENFORCED")
}

// watermark parses WATERMARK FOR c AS expr.
func (p *parser) watermark() *Watermark {
	w := &Watermark{At: At{p.take().pos}}
	p.expect("after WATERMARK", "FOR")
	w.Column = p.path("a column's name")
	p.expect("after the watermark's column", "AS")
	w.Expr = p.expr()
	return w
}

// likeFeatures says which strategies a feature of LIKE can have.
var likeFeatures = map[string]bool{ // true: also OVERWRITING
	"ALL": false, "CONSTRAINTS": false, "DISTRIBUTION": false, "PARTITIONS": false,
	"METADATA": true, "GENERATED": true, "OPTIONS": true, "WATERMARKS": true,
}

func (p *parser) like() *LikeClause {
	l := &LikeClause{At: At{p.take().pos}, Table: p.objectName("a table's name after LIKE")}
	if !p.acceptOp("(") {
		return l
	}
	for {
		o := &LikeOption{At: At{p.tok().pos}}
		o.Strategy = p.expectAny("in LIKE", "INCLUDING", "EXCLUDING", "OVERWRITING")
		o.Feature = p.expectAny("after "+o.Strategy, sortedKeys(likeFeatures)...)
		if o.Strategy == "OVERWRITING" && !likeFeatures[o.Feature] {
			p.failAt(o.Start, "%s can be INCLUDING or EXCLUDING, not OVERWRITING", o.Feature)
		}
		l.Options = append(l.Options, o)
		if p.acceptOp(")") {
			return l
		}
	}
}

func (p *parser) createView(s *CreateView) sourced {
	s.IfNotExists = p.ifNotExists()
	s.Name = p.objectName("a view's name")
	if p.isOp("(") {
		s.Columns = p.identList("a column's name")
	}
	s.Comment = p.comment()
	p.expect("and a query", "AS")
	s.Query, s.QueryText = p.queryWithText()
	return s
}

func (p *parser) queryWithText() (*Query, string) {
	at := p.tok().pos
	q := p.query()
	return q, p.text(at)
}

func (p *parser) createMaterialized(orAlter bool) sourced {
	p.expect("after MATERIALIZED", "TABLE")
	s := &CreateMaterializedTable{OrAlter: orAlter, Name: p.objectName("a table's name")}
	if p.isOp("(") {
		p.tableSchema(&s.Schema)
	}
	s.Comment = p.comment()
	if p.is("DISTRIBUTED") {
		s.Distribution = p.distribution()
	}
	s.PartitionBy = p.partitionedBy()
	s.With = p.with()
	s.Freshness = p.freshness()
	s.RefreshMode = p.refreshMode()
	p.expect("and a query", "AS")
	s.Query, s.QueryText = p.queryWithText()
	return s
}

// freshness parses [FRESHNESS = INTERVAL …].
func (p *parser) freshness() Expr {
	if !p.accept("FRESHNESS") {
		return nil
	}
	p.expectOp("=", "after FRESHNESS")
	if !p.is("INTERVAL") {
		p.fail(p.expected("INTERVAL after FRESHNESS ="))
	}
	return p.interval()
}

// refreshMode parses [REFRESH_MODE = CONTINUOUS|FULL].
func (p *parser) refreshMode() string {
	if !p.accept("REFRESH_MODE") {
		return ""
	}
	p.expectOp("=", "after REFRESH_MODE")
	return p.expectAny("after REFRESH_MODE =", "CONTINUOUS", "FULL")
}

func (p *parser) createModel(temporary bool) sourced {
	s := &CreateModel{Temporary: temporary, IfNotExists: p.ifNotExists(), Name: p.objectName("a model's name")}
	if p.accept("INPUT") {
		s.Input = p.modelColumns()
		p.expect("after the model's INPUT", "OUTPUT")
		s.Output = p.modelColumns()
	}
	s.Comment = p.comment()
	s.With = p.with()
	if p.accept("AS") {
		s.As = p.query()
	}
	return s
}

func (p *parser) modelColumns() []*ColumnDef {
	p.expectOp("(", "before the model's columns")
	cols := list(p, func() *ColumnDef { return p.columnDef(p.ident("a column's name")) })
	p.closeList("after the column definition")
	return cols
}

func (p *parser) createFunction(temporary, system bool) sourced {
	s := &CreateFunction{Temporary: temporary, System: system, IfNotExists: p.ifNotExists()}
	s.Name = p.objectName("a function's name")
	p.functionBody(&s.Body)
	if p.accept("USING") {
		s.Body.Using = append(s.Body.Using, p.resource())
		for p.acceptOp(",") {
			s.Body.Using = append(s.Body.Using, p.resource())
		}
	}
	s.Body.With = p.with()
	return s
}

func (p *parser) functionBody(b *FunctionBody) {
	p.expect("after the function's name", "AS")
	b.Class = p.str("the function's class as a 'string'").Value
	if p.accept("LANGUAGE") {
		b.Language = p.expectAny("after LANGUAGE", "JAVA", "SCALA", "PYTHON", "SQL")
	}
}

func (p *parser) resource() Resource {
	at := At{p.tok().pos}
	kind := p.expectAny("after USING", "JAR", "ARTIFACT")
	return Resource{At: at, Kind: kind, Path: p.str("the path as a 'string'").Value}
}

// drop parses DROP of any kind of object.
func (p *parser) drop() sourced {
	p.i++
	s := &Drop{Temporary: p.accept("TEMPORARY")}
	s.System = s.Temporary && p.accept("SYSTEM")
	switch kind := p.acceptAny("TABLE", "VIEW", "FUNCTION", "MODEL", "DATABASE", "CATALOG", "MATERIALIZED", "CONNECTION"); kind {
	case "":
		p.fail(p.expected("TABLE, VIEW, DATABASE, CATALOG or FUNCTION after DROP"))
	case "MATERIALIZED":
		p.expect("after MATERIALIZED", "TABLE")
		s.Kind = KindMaterializedTable
	case "CONNECTION":
		return p.skipAs("DROP CONNECTION")
	default:
		s.Kind = ObjectKind(kind)
	}
	canBeTemporary := s.Kind == KindTable || s.Kind == KindView || s.Kind == KindFunction || s.Kind == KindModel
	if s.Temporary && !canBeTemporary || s.System && s.Kind != KindFunction {
		p.failAt(p.toks[p.i-1].pos, "a %s cannot be temporary", s.Kind)
	}
	s.IfExists = p.ifExists()
	s.Name = p.objectName("the name of what to drop")
	if s.Kind == KindDatabase {
		s.Behavior = p.acceptAny("RESTRICT", "CASCADE")
	}
	return s
}
