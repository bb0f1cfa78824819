package parser

import "strconv"

func (s *QueryStmt) print(b *printer) { s.Query.print(b) }

func (c *ColumnDef) print(b *printer) {
	c.Name.print(b)
	b.word(" ")
	if c.Kind == ColumnComputed {
		b.word("AS ")
		b.expr(c.Expr)
	} else {
		c.Type.print(b)
	}
	if c.Kind == ColumnMetadata {
		b.word(" METADATA")
		if c.From != nil {
			b.word(" FROM ")
			c.From.print(b)
		}
		b.when(c.Virtual, " VIRTUAL")
	}
	if c.PrimaryKey != nil {
		b.word(" ")
		c.PrimaryKey.printHead(b)
		b.when(!c.PrimaryKey.Enforced, " NOT ENFORCED")
	}
	b.comment(c.Comment)
	if c.Position != nil {
		b.word(" ")
		c.Position.print(b)
	}
}

func (c *ColumnPosition) print(b *printer) {
	if c.After == nil {
		b.word("FIRST")
		return
	}
	b.word("AFTER ")
	c.After.print(b)
}

func (k *PrimaryKey) printHead(b *printer) {
	if k.Name != nil {
		b.word("CONSTRAINT ")
		k.Name.print(b)
		b.word(" ")
	}
	b.word(pick(k.Unique, "UNIQUE", "PRIMARY KEY"))
}

func (k *PrimaryKey) print(b *printer) {
	k.printHead(b)
	b.word(" ")
	printParens(b, k.Columns)
	b.when(!k.Enforced, " NOT ENFORCED")
}

func (w *Watermark) print(b *printer) {
	b.word("WATERMARK FOR ")
	b.path(w.Column)
	b.word(" AS ")
	b.expr(w.Expr)
}

func (d *Distribution) print(b *printer) {
	if len(d.Columns) > 0 {
		b.word("BY ")
		b.when(d.Kind != "", d.Kind+" ")
		printParens(b, d.Columns)
		b.when(d.Buckets != nil, " ")
	}
	if d.Buckets != nil {
		b.word("INTO ", strconv.Itoa(*d.Buckets), " BUCKETS")
	}
}

func (o *LikeOption) print(b *printer) { b.word(o.Strategy, " ", o.Feature) }

func (l *LikeClause) print(b *printer) {
	b.word("LIKE ")
	l.Table.print(b)
	for i, o := range l.Options {
		b.word(pick(i == 0, " (", " "))
		o.print(b)
	}
	b.when(len(l.Options) > 0, ")")
}

// schemaElements lists what stands between the parentheses of a table's definition.
func schemaElements(cols []*ColumnDef, w *Watermark, keys []*PrimaryKey) []printable {
	var out []printable
	for _, c := range cols {
		out = append(out, c)
	}
	if w != nil {
		out = append(out, w)
	}
	for _, k := range keys {
		out = append(out, k)
	}
	return out
}

func (s *TableSchema) print(b *printer) {
	elems := schemaElements(s.Columns, s.Watermark, s.Constraints)
	for _, n := range s.Names {
		elems = append(elems, n)
	}
	if len(elems) > 0 {
		b.word(" ")
		printParens(b, elems)
	}
}

func (b *printer) comment(c *StringLit) {
	if c != nil {
		b.word(" COMMENT ")
		c.print(b)
	}
}

func (b *printer) with(opts []Option) {
	if len(opts) > 0 {
		b.word(" WITH ")
		printParens(b, opts)
	}
}

// tableClauses writes what CREATE TABLE and CREATE MATERIALIZED TABLE share behind the name.
func (b *printer) tableClauses(s *TableSchema, comment *StringLit, d *Distribution, partitionBy []Ident) {
	s.print(b)
	b.comment(comment)
	if d != nil {
		b.word(" DISTRIBUTED ")
		d.print(b)
	}
	if len(partitionBy) > 0 {
		b.word(" PARTITIONED BY ")
		printParens(b, partitionBy)
	}
}

func (s *CreateTable) print(b *printer) {
	switch {
	case s.Replace:
		b.word("REPLACE ")
	case s.OrReplace:
		b.word("CREATE OR REPLACE ")
	default:
		b.word("CREATE ")
	}
	b.when(s.Temporary, "TEMPORARY ")
	b.word("TABLE ")
	b.when(s.IfNotExists, "IF NOT EXISTS ")
	s.Name.print(b)
	b.tableClauses(&s.Schema, s.Comment, s.Distribution, s.PartitionBy)
	if s.HasWith {
		b.word(" WITH ")
		printParens(b, s.With)
	}
	if s.Like != nil {
		b.word(" ")
		s.Like.print(b)
	}
	b.asQuery(s.As)
}

func (b *printer) asQuery(q *Query) {
	if q != nil {
		b.word(" AS ")
		q.print(b)
	}
}

// createHead writes CREATE up to the name.
func (b *printer) createHead(orReplace, temporary bool, kind string, ifNotExists bool, name printable) {
	b.word("CREATE ")
	b.when(orReplace, "OR REPLACE ")
	b.when(temporary, "TEMPORARY ")
	b.word(kind, " ")
	b.when(ifNotExists, "IF NOT EXISTS ")
	name.print(b)
}

func (s *CreateView) print(b *printer) {
	b.createHead(s.OrReplace, s.Temporary, "VIEW", s.IfNotExists, s.Name)
	if len(s.Columns) > 0 {
		b.word(" ")
		printParens(b, s.Columns)
	}
	b.comment(s.Comment)
	b.asQuery(s.Query)
}

func (s *CreateMaterializedTable) print(b *printer) {
	b.word("CREATE ")
	b.when(s.OrAlter, "OR ALTER ")
	b.word("MATERIALIZED TABLE ")
	s.Name.print(b)
	b.tableClauses(&s.Schema, s.Comment, s.Distribution, s.PartitionBy)
	b.with(s.With)
	if s.Freshness != nil {
		b.word(" FRESHNESS = ")
		b.expr(s.Freshness)
	}
	if s.RefreshMode != "" {
		b.word(" REFRESH_MODE = ", s.RefreshMode)
	}
	b.asQuery(s.Query)
}

func (s *CreateModel) print(b *printer) {
	b.createHead(false, s.Temporary, "MODEL", s.IfNotExists, s.Name)
	if len(s.Input) > 0 {
		b.word(" INPUT ")
		printParens(b, s.Input)
		b.word(" OUTPUT ")
		printParens(b, s.Output)
	}
	b.comment(s.Comment)
	b.with(s.With)
	b.asQuery(s.As)
}

func (s *CreateCatalog) print(b *printer) {
	b.createHead(false, false, "CATALOG", s.IfNotExists, s.Name)
	b.comment(s.Comment)
	b.with(s.With)
}

func (s *CreateDatabase) print(b *printer) {
	b.createHead(false, false, "DATABASE", s.IfNotExists, s.Name)
	b.comment(s.Comment)
	b.with(s.With)
}

func (r Resource) print(b *printer) { b.word(r.Kind, " ", quoteString(r.Path)) }

func (f *FunctionBody) print(b *printer) {
	b.word(" AS ", quoteString(f.Class))
	b.when(f.Language != "", " LANGUAGE "+f.Language)
	printClause(b, "USING", f.Using)
	b.with(f.With)
}

func (s *CreateFunction) print(b *printer) {
	kind := "FUNCTION"
	if s.System {
		kind = "SYSTEM FUNCTION"
	}
	b.createHead(false, s.Temporary, kind, s.IfNotExists, s.Name)
	s.Body.print(b)
}

func (b *printer) alter(kind string, ifExists bool, name, action printable) {
	b.word("ALTER ", kind, " ")
	b.when(ifExists, "IF EXISTS ")
	name.print(b)
	b.word(" ")
	action.print(b)
}

func (s *AlterTable) print(b *printer) {
	kind := "TABLE"
	if s.Materialized {
		kind = "MATERIALIZED TABLE"
	}
	b.alter(kind, s.IfExists, s.Name, s.Action.(printable))
}

func (s *AlterView) print(b *printer) { b.alter("VIEW", false, s.Name, s.Action.(printable)) }
func (s *AlterDatabase) print(b *printer) {
	b.alter("DATABASE", false, s.Name, s.Action.(printable))
}
func (s *AlterCatalog) print(b *printer) { b.alter("CATALOG", false, s.Name, s.Action.(printable)) }
func (s *AlterModel) print(b *printer)   { b.alter("MODEL", s.IfExists, s.Name, s.Action.(printable)) }

func (s *AlterFunction) print(b *printer) {
	b.word("ALTER ")
	b.when(s.Temporary, "TEMPORARY ")
	b.when(s.System, "SYSTEM ")
	b.word("FUNCTION ")
	b.when(s.IfExists, "IF EXISTS ")
	s.Name.print(b)
	s.Body.print(b)
}

func (a *AlterSet) print(b *printer) {
	b.word("SET ")
	printParens(b, a.Options)
}

func (a *AlterReset) print(b *printer) {
	b.word("RESET (")
	for i := range a.Keys {
		b.when(i > 0, ", ")
		a.Keys[i].print(b)
	}
	b.word(")")
}

func (a *AlterRename) print(b *printer) {
	b.word("RENAME TO ")
	a.New.print(b)
}

func (a *AlterRenameColumn) print(b *printer) {
	b.word("RENAME ")
	b.path(a.Old)
	b.word(" TO ")
	b.path(a.New)
}

func (a *AlterSchema) print(b *printer) {
	b.word(pick(a.Modify, "MODIFY ", "ADD "))
	if a.Distribution != nil {
		b.word("DISTRIBUTION ")
		a.Distribution.print(b)
		return
	}
	printParens(b, schemaElements(a.Columns, a.Watermark, a.Constraints))
}

func (a *AlterDrop) print(b *printer) {
	b.word("DROP ")
	switch a.What {
	case "COLUMNS":
		b.columns(a.Names, a.Paths)
	case "PARTITION":
		b.when(a.IfExists, "IF EXISTS ")
		printList(b, a.Partitions)
	default:
		b.word(a.What)
		b.when(len(a.Names) > 0, " ")
		printList(b, a.Names)
	}
}

func (a *AlterAddPartition) print(b *printer) {
	b.word("ADD")
	b.when(a.IfNotExists, " IF NOT EXISTS")
	for _, p := range a.Partitions {
		b.word(" ")
		p.print(b)
	}
}

func (a *AlterAs) print(b *printer) {
	b.word("AS ")
	a.Query.print(b)
}

func (a *AlterComment) print(b *printer) {
	b.word("COMMENT ")
	a.Comment.print(b)
}

func (a *AlterRefresh) print(b *printer) {
	b.word(a.What)
	if a.Freshness != nil {
		b.word(" = ")
		b.expr(a.Freshness)
	}
	b.when(a.Mode != "", " = "+a.Mode)
	b.with(a.With)
	if a.Partition != nil {
		b.word(" ")
		a.Partition.print(b)
	}
}

func (p PartitionSpec) print(b *printer) {
	b.word("PARTITION ")
	printParens(b, p.Columns)
	b.with(p.With)
}

func (v PartitionValue) print(b *printer) {
	v.Column.print(b)
	b.word(" = ")
	b.operand(v.Value, precAdditive)
}

func (s *Drop) print(b *printer) {
	b.word("DROP ")
	b.when(s.Temporary, "TEMPORARY ")
	b.when(s.System, "SYSTEM ")
	b.word(string(s.Kind), " ")
	b.when(s.IfExists, "IF EXISTS ")
	s.Name.print(b)
	b.when(s.Behavior != "", " "+s.Behavior)
}

func (s *Insert) print(b *printer) {
	b.when(s.Execute, "EXECUTE ")
	b.word("INSERT ", pick(s.Overwrite, "OVERWRITE ", "INTO "))
	s.Table.print(b)
	b.hints(s.Hints, " ", "")
	if s.Partition != nil {
		b.word(" ")
		s.Partition.print(b)
	}
	if len(s.Columns) > 0 {
		b.word(" ")
		b.columns(s.Columns, s.Paths)
	}
	b.word(" ")
	s.Query.print(b)
	b.when(s.OnConflict != "", " ON CONFLICT DO "+s.OnConflict)
}

func (s *StatementSet) print(b *printer) {
	if s.Begin {
		b.word("BEGIN STATEMENT SET; ")
	} else {
		b.word("EXECUTE STATEMENT SET BEGIN ")
	}
	s.printInserts(b)
}

func (s *StatementSet) printInserts(b *printer) {
	for _, i := range s.Inserts {
		i.print(b)
		b.word("; ")
	}
	b.word("END")
}

func (s *BeginStatementSet) print(b *printer) { b.word("BEGIN STATEMENT SET") }
func (s *EndStatementSet) print(b *printer)   { b.word("END") }

func (s *Execute) print(b *printer) {
	b.word("EXECUTE ")
	s.Stmt.(printable).print(b)
}

func (s *Explain) print(b *printer) {
	b.word("EXPLAIN ")
	b.when(s.PlanFor, "PLAN FOR ")
	for i, d := range s.Details {
		b.when(i > 0, ", ")
		b.word(d)
	}
	b.when(len(s.Details) > 0, " ")
	if set, ok := s.Stmt.(*StatementSet); ok {
		b.word("STATEMENT SET BEGIN ")
		set.printInserts(b)
		return
	}
	s.Stmt.(printable).print(b)
}

func (s *Describe) print(b *printer) {
	b.word("DESCRIBE ")
	b.when(s.Kind != KindTable, string(s.Kind)+" ")
	if s.Kind == KindJob {
		b.word(quoteString(s.JobID))
		return
	}
	b.when(s.Extended, "EXTENDED ")
	s.Name.print(b)
}

func (s *Show) print(b *printer) {
	b.word("SHOW ")
	b.when(s.Current, "CURRENT ")
	b.when(s.User, "USER ")
	b.when(s.Full, "FULL ")
	b.when(s.Create, "CREATE ")
	b.when(s.OrAlter, "OR ALTER ")
	b.word(s.What)
	b.when(s.Prep != "", " "+s.Prep)
	if s.Name != nil {
		b.word(" ")
		s.Name.print(b)
	}
	if s.Partition != nil {
		b.word(" ")
		s.Partition.print(b)
	}
	if s.LikeOp != "" {
		b.when(s.NotLike, " NOT")
		b.word(" ", s.LikeOp, " ", quoteString(s.Like))
	}
}

func (s *Use) print(b *printer) {
	b.word("USE ")
	switch s.Kind {
	case KindModules:
		b.word("MODULES ")
		printList(b, s.Modules)
		return
	case KindCatalog:
		b.word("CATALOG ")
	}
	s.Name.print(b)
}

func (s *LoadModule) print(b *printer) {
	b.when(s.Unload, "UN")
	b.word("LOAD MODULE ")
	s.Name.print(b)
	b.with(s.With)
}

func (s *Set) print(b *printer) {
	b.word("SET")
	if s.Option != nil {
		b.word(" ")
		s.Option.print(b)
	}
}

func (s *Reset) print(b *printer) {
	b.word("RESET")
	if s.Key != nil {
		b.word(" ")
		s.Key.print(b)
	}
}

func (s *Jar) print(b *printer) {
	b.word(pick(s.Remove, "REMOVE", "ADD"), " JAR ", quoteString(s.Path))
}

func (s *StopJob) print(b *printer) {
	b.word("STOP JOB ", quoteString(s.JobID))
	b.when(s.Savepoint, " WITH SAVEPOINT")
	b.when(s.Drain, " WITH DRAIN")
}

func (s *Call) print(b *printer) {
	b.word("CALL ")
	s.Call.print(b)
}

func (s *ClientCommand) print(b *printer) {
	b.word(s.Name)
	b.when(s.Arg != "", " "+quoteString(s.Arg))
}

// print writes the text as it was, since nothing else is known of it.
func (s *Unsupported) print(b *printer) { b.word(s.Src) }
