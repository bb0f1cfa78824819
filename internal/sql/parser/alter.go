package parser

// alter parses ALTER of any kind of object.
func (p *parser) alter() sourced {
	p.i++
	if p.accept("TEMPORARY") {
		system := p.accept("SYSTEM")
		p.expect("after ALTER TEMPORARY", "FUNCTION")
		return p.alterFunction(true, system)
	}
	switch p.acceptAny("TABLE", "VIEW", "DATABASE", "CATALOG", "FUNCTION", "MODEL", "MATERIALIZED", "CONNECTION") {
	case "TABLE":
		s := &AlterTable{IfExists: p.ifExists(), Name: p.objectName("a table's name")}
		s.Action = p.alterTableAction()
		return s
	case "MATERIALIZED":
		p.expect("after MATERIALIZED", "TABLE")
		s := &AlterTable{Materialized: true, Name: p.objectName("a table's name")}
		s.Action = p.alterMaterialized()
		return s
	case "VIEW":
		s := &AlterView{Name: p.objectName("a view's name")}
		s.Action = p.alterAction("RENAME", "AS")
		return s
	case "DATABASE":
		s := &AlterDatabase{Name: p.objectName("a database's name")}
		s.Action = p.alterAction("SET")
		return s
	case "CATALOG":
		s := &AlterCatalog{Name: p.ident("a catalog's name")}
		s.Action = p.alterAction("SET", "RESET", "COMMENT")
		return s
	case "MODEL":
		s := &AlterModel{IfExists: p.ifExists(), Name: p.objectName("a model's name")}
		s.Action = p.alterAction("SET", "RESET", "RENAME")
		return s
	case "FUNCTION":
		return p.alterFunction(false, false)
	case "CONNECTION":
		return p.skipAs("ALTER CONNECTION")
	}
	p.fail(p.expected("TABLE, VIEW, DATABASE, CATALOG or FUNCTION after ALTER"))
	return nil
}

func (p *parser) alterFunction(temporary, system bool) sourced {
	s := &AlterFunction{Temporary: temporary, System: system, IfExists: p.ifExists()}
	s.Name = p.objectName("a function's name")
	p.functionBody(&s.Body)
	return s
}

// alterAction parses one of the actions that several kinds of objects share.
func (p *parser) alterAction(allowed ...string) AlterAction {
	at := At{p.tok().pos}
	switch p.expectAny("after the name", allowed...) {
	case "SET":
		return &AlterSet{At: at, Options: p.options("after SET")}
	case "RESET":
		return p.alterReset(at)
	case "COMMENT":
		return &AlterComment{At: at, Comment: p.str("the comment as a 'string'")}
	case "AS":
		q, text := p.queryWithText()
		return &AlterAs{At: at, Query: q, QueryText: text}
	default:
		p.expect("after RENAME", "TO")
		return &AlterRename{At: at, New: p.objectName("the new name")}
	}
}

func (p *parser) alterReset(at At) AlterAction {
	p.expectOp("(", "after RESET")
	if p.acceptOp(")") {
		return &AlterReset{At: at}
	}
	keys := list(p, func() StringLit { return *p.str("an option's key as a 'string'") })
	p.closeList("after the option's key")
	return &AlterReset{At: at, Keys: keys}
}

func (p *parser) alterTableAction() AlterAction {
	t := p.tok()
	switch {
	case p.is("SET") || p.is("RESET") || p.is("RENAME", "TO"):
		return p.alterAction("SET", "RESET", "RENAME")
	case p.accept("RENAME"):
		a := &AlterRenameColumn{At: At{t.pos}, Old: p.path("TO or a column's name")}
		p.expect("after the column's name", "TO")
		a.New = p.path("the column's new name")
		return a
	case p.is("ADD") || p.is("MODIFY"):
		return p.alterSchema()
	case p.is("DROP"):
		return p.alterDrop()
	}
	p.fail(p.expected("ADD, MODIFY, DROP, RENAME, SET or RESET after the table's name"))
	return nil
}

func (p *parser) alterMaterialized() AlterAction {
	t := p.tok()
	a := &AlterRefresh{At: At{t.pos}, What: t.upper}
	switch {
	case p.accept("SUSPEND"):
		return a
	case p.accept("RESUME"):
		a.With = p.with()
		return a
	case p.accept("REFRESH"):
		if p.is("PARTITION") {
			spec := p.partitionSpec()
			a.Partition = &spec
		}
		return a
	case p.is("SET", "FRESHNESS") || p.is("SET", "REFRESH_MODE"):
		p.i++
		a.What = "SET " + p.tok().upper
		if a.Freshness = p.freshness(); a.Freshness == nil {
			a.Mode = p.refreshMode()
		}
		return a
	case p.is("AS"):
		return p.alterAction("AS")
	case p.is("ADD") || p.is("MODIFY") || p.is("DROP") || p.is("SET") || p.is("RESET"):
		return p.alterTableAction()
	}
	p.fail(p.expected("SUSPEND, RESUME, REFRESH, AS, ADD, MODIFY, DROP, SET or RESET after the table's name"))
	return nil
}

// alterSchema parses ADD and MODIFY with one element or a list in parentheses.
func (p *parser) alterSchema() AlterAction {
	t := p.take()
	a := &AlterSchema{At: At{t.pos}, Modify: t.upper == "MODIFY"}
	switch {
	case !a.Modify && (p.is("PARTITION") || p.is("IF")):
		return p.alterAddPartition(a.At)
	case p.is("DISTRIBUTION"):
		a.Distribution = p.distribution()
	case p.acceptOp("("):
		p.each(func() {
			p.alterElement(a)
		})
		p.closeList("after the column definition")
	default:
		p.alterElement(a)
	}
	return a
}

func (p *parser) alterElement(a *AlterSchema) {
	switch {
	case p.is("WATERMARK"):
		w := p.watermark()
		if a.Watermark != nil {
			p.failAt(w.Start, "a table has one WATERMARK, this is the second")
		}
		a.Watermark = w
	case p.is("CONSTRAINT") || p.is("PRIMARY") || p.is("UNIQUE"):
		a.Constraints = append(a.Constraints, p.tableConstraint())
	default:
		c := p.columnDef(p.ident("a column's name"))
		at := At{p.tok().pos}
		if p.accept("FIRST") {
			c.Position = &ColumnPosition{At: at}
		} else if p.accept("AFTER") {
			after := p.ident("a column's name after AFTER")
			c.Position = &ColumnPosition{At: at, After: &after}
		}
		a.Columns = append(a.Columns, c)
	}
}

func (p *parser) alterAddPartition(at At) AlterAction {
	a := &AlterAddPartition{At: at, IfNotExists: p.ifNotExists()}
	for {
		spec := p.partitionSpec()
		spec.With = p.with()
		a.Partitions = append(a.Partitions, spec)
		if !p.is("PARTITION") {
			return a
		}
	}
}

func (p *parser) alterDrop() AlterAction {
	a := &AlterDrop{At: At{p.take().pos}}
	switch {
	case p.accept("PRIMARY"):
		p.expect("after PRIMARY", "KEY")
		a.What = "PRIMARY KEY"
	case p.accept("CONSTRAINT"):
		a.What = "CONSTRAINT"
		a.Names = []Ident{p.ident("the constraint's name")}
	case p.is("WATERMARK") || p.is("DISTRIBUTION"):
		a.What = p.take().upper
	case p.is("PARTITION") || p.is("IF", "EXISTS"):
		a.What = "PARTITION"
		a.IfExists = p.ifExists()
		a.Partitions = list(p, func() PartitionSpec { return p.partitionSpec() })
	case p.isOp("("):
		a.What = "COLUMNS"
		a.Names, a.Paths = p.columnPaths()
	default:
		a.What = "COLUMNS"
		a.Names, a.Paths = flatten([][]Ident{p.path("a column, PRIMARY KEY, CONSTRAINT, WATERMARK, DISTRIBUTION or PARTITION")})
	}
	return a
}
