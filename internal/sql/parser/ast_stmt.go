package parser

// QueryStmt is a query as a statement.
type QueryStmt struct {
	Source
	Query *Query
}

// ColumnKind tells the three kinds of table columns apart.
type ColumnKind string

// The kinds of columns.
const (
	ColumnPhysical ColumnKind = "PHYSICAL"
	ColumnMetadata ColumnKind = "METADATA"
	ColumnComputed ColumnKind = "COMPUTED"
)

// ColumnDef is a column of a CREATE TABLE or ALTER TABLE.
type ColumnDef struct {
	At
	Kind       ColumnKind
	Name       Ident
	Type       *TypeName   // nil for a computed column
	Expr       Expr        // of a computed column
	From       *StringLit  // of METADATA FROM; nil when absent
	Virtual    bool        // of a metadata column
	PrimaryKey *PrimaryKey // written at the column; Columns is this column
	Comment    *StringLit
	Position   *ColumnPosition // of ALTER TABLE
}

// ColumnPosition is FIRST, or AFTER a column.
type ColumnPosition struct {
	At
	After *Ident // nil means FIRST
}

// PrimaryKey is a primary or unique key constraint.
type PrimaryKey struct {
	At
	Name     *Ident // of CONSTRAINT name
	Unique   bool   // UNIQUE instead of PRIMARY KEY
	Columns  []Ident
	Enforced bool // not written NOT ENFORCED; Flink accepts NOT ENFORCED only, which the binder checks
}

// Watermark is WATERMARK FOR Column AS Expr.
type Watermark struct {
	At
	Column []Ident
	Expr   Expr
}

// Distribution is DISTRIBUTED BY [HASH|RANGE] (…) INTO n BUCKETS or a part of it.
type Distribution struct {
	At
	Kind    string // "", HASH or RANGE
	Columns []Ident
	Buckets *int
}

// LikeOption is one line of a LIKE clause: Strategy Feature.
type LikeOption struct {
	At
	Strategy string // INCLUDING, EXCLUDING or OVERWRITING
	Feature  string // ALL, CONSTRAINTS, DISTRIBUTION, PARTITIONS, METADATA, GENERATED, OPTIONS or WATERMARKS
}

// LikeClause is LIKE Table (Options).
type LikeClause struct {
	At
	Table   ObjectName
	Options []*LikeOption
}

// TableSchema is the list in parentheses of a CREATE TABLE.
type TableSchema struct {
	Columns []*ColumnDef
	// Names is set instead of Columns for CREATE TABLE t (a, b) AS …, which reorders the columns of the query.
	Names       []Ident
	Watermark   *Watermark
	Constraints []*PrimaryKey
}

// CreateTable is CREATE [OR REPLACE] [TEMPORARY] TABLE, and REPLACE TABLE.
type CreateTable struct {
	Source
	OrReplace    bool // CREATE OR REPLACE
	Replace      bool // REPLACE TABLE, without CREATE
	Temporary    bool
	IfNotExists  bool
	Name         ObjectName
	Schema       TableSchema
	Comment      *StringLit
	Distribution *Distribution
	PartitionBy  []Ident
	With         []Option
	HasWith      bool // WITH was written, be it empty
	Like         *LikeClause
	As           *Query
}

// CreateView is CREATE [TEMPORARY] VIEW.
type CreateView struct {
	Source
	OrReplace   bool
	Temporary   bool
	IfNotExists bool
	Name        ObjectName
	Columns     []Ident
	Comment     *StringLit
	Query       *Query
	QueryText   string // the query exactly as written
}

// CreateMaterializedTable is CREATE [OR ALTER] MATERIALIZED TABLE.
type CreateMaterializedTable struct {
	Source
	OrAlter      bool
	Name         ObjectName
	Schema       TableSchema
	Comment      *StringLit
	Distribution *Distribution
	PartitionBy  []Ident
	With         []Option
	Freshness    Expr   // an interval; nil when absent
	RefreshMode  string // "", CONTINUOUS or FULL
	Query        *Query
	QueryText    string // the query exactly as written
}

// CreateModel is CREATE [TEMPORARY] MODEL.
type CreateModel struct {
	Source
	OrReplace   bool
	Temporary   bool
	IfNotExists bool
	Name        ObjectName
	Input       []*ColumnDef
	Output      []*ColumnDef
	Comment     *StringLit
	With        []Option
	As          *Query
}

// CreateCatalog is CREATE CATALOG.
type CreateCatalog struct {
	Source
	IfNotExists bool
	Name        Ident
	Comment     *StringLit
	With        []Option
}

// CreateDatabase is CREATE DATABASE.
type CreateDatabase struct {
	Source
	IfNotExists bool
	Name        ObjectName
	Comment     *StringLit
	With        []Option
}

// FunctionBody is what CREATE FUNCTION and ALTER FUNCTION say of a function.
type FunctionBody struct {
	Class    string
	Language string // "", JAVA, SCALA, PYTHON or SQL
	Using    []Resource
	With     []Option
}

// Resource is JAR 'path' or ARTIFACT 'path'.
type Resource struct {
	At
	Kind, Path string
}

// CreateFunction is CREATE [TEMPORARY [SYSTEM]] FUNCTION.
type CreateFunction struct {
	Source
	OrReplace   bool
	Temporary   bool
	System      bool
	IfNotExists bool
	Name        ObjectName
	Body        FunctionBody
}

// AlterTable is ALTER TABLE [IF EXISTS] Name and one action. ALTER MATERIALIZED TABLE has Materialized set.
type AlterTable struct {
	Source
	Materialized bool
	IfExists     bool
	Name         ObjectName
	Action       AlterAction
}

// AlterView is ALTER VIEW Name and AS or RENAME TO.
type AlterView struct {
	Source
	Name   ObjectName
	Action AlterAction
}

// AlterDatabase is ALTER DATABASE Name SET (…).
type AlterDatabase struct {
	Source
	Name   ObjectName
	Action AlterAction
}

// AlterCatalog is ALTER CATALOG Name and SET, RESET or COMMENT.
type AlterCatalog struct {
	Source
	Name   Ident
	Action AlterAction
}

// AlterModel is ALTER MODEL [IF EXISTS] Name and SET, RESET or RENAME TO.
type AlterModel struct {
	Source
	IfExists bool
	Name     ObjectName
	Action   AlterAction
}

// AlterFunction is ALTER [TEMPORARY [SYSTEM]] FUNCTION [IF EXISTS] Name AS ….
type AlterFunction struct {
	Source
	Temporary bool
	System    bool
	IfExists  bool
	Name      ObjectName
	Body      FunctionBody
}

// AlterAction is what an ALTER statement does.
type AlterAction interface {
	Node
	alterAction()
}

// AlterSet is SET ('k' = 'v', …).
type AlterSet struct {
	At
	Options []Option
}

// AlterReset is RESET ('k', …).
type AlterReset struct {
	At
	Keys []StringLit
}

// AlterRename is RENAME TO New.
type AlterRename struct {
	At
	New ObjectName
}

// AlterRenameColumn is RENAME Old TO New; a name of several parts is a nested column.
type AlterRenameColumn struct {
	At
	Old, New []Ident
}

// AlterSchema is ADD or MODIFY of columns, constraints, the watermark and the distribution.
type AlterSchema struct {
	At
	Modify       bool
	Columns      []*ColumnDef
	Watermark    *Watermark
	Constraints  []*PrimaryKey
	Distribution *Distribution
}

// AlterDrop is DROP of one kind of thing.
type AlterDrop struct {
	At
	What       string    // COLUMNS, PRIMARY KEY, CONSTRAINT, WATERMARK, DISTRIBUTION or PARTITION
	Names      []Ident   // the columns, or the constraint; of a nested column the name is the path with points
	Paths      [][]Ident // the columns as paths, when one of them is nested
	IfExists   bool      // of PARTITION
	Partitions []PartitionSpec
}

// AlterAddPartition is ADD [IF NOT EXISTS] PARTITION (…) [WITH (…)].
type AlterAddPartition struct {
	At
	IfNotExists bool
	Partitions  []PartitionSpec
}

// AlterAs is AS Query, of a view or a materialized table.
type AlterAs struct {
	At
	Query     *Query
	QueryText string // the query exactly as written
}

// AlterComment is COMMENT '…'.
type AlterComment struct {
	At
	Comment *StringLit
}

// AlterRefresh is SUSPEND, RESUME [WITH (…)], REFRESH [PARTITION (…)], SET FRESHNESS = … or SET REFRESH_MODE = … of a
// materialized table.
type AlterRefresh struct {
	At
	What      string // SUSPEND, RESUME, REFRESH, SET FRESHNESS or SET REFRESH_MODE
	Freshness Expr   // an interval
	Mode      string // CONTINUOUS or FULL
	With      []Option
	Partition *PartitionSpec
}

func (*AlterSet) alterAction()          {}
func (*AlterReset) alterAction()        {}
func (*AlterRename) alterAction()       {}
func (*AlterRenameColumn) alterAction() {}
func (*AlterSchema) alterAction()       {}
func (*AlterDrop) alterAction()         {}
func (*AlterAddPartition) alterAction() {}
func (*AlterAs) alterAction()           {}
func (*AlterComment) alterAction()      {}
func (*AlterRefresh) alterAction()      {}

// PartitionSpec is PARTITION (a = 1, b = 2).
type PartitionSpec struct {
	At
	Columns []PartitionValue
	With    []Option // of ADD PARTITION
}

// PartitionValue is one column of a PartitionSpec.
type PartitionValue struct {
	Column Ident
	Value  Expr
}

// ObjectKind is the kind of a catalog object in DROP, SHOW CREATE and DESCRIBE.
type ObjectKind string

// The kinds of objects.
const (
	KindTable             ObjectKind = "TABLE"
	KindView              ObjectKind = "VIEW"
	KindFunction          ObjectKind = "FUNCTION"
	KindCatalog           ObjectKind = "CATALOG"
	KindDatabase          ObjectKind = "DATABASE"
	KindModel             ObjectKind = "MODEL"
	KindMaterializedTable ObjectKind = "MATERIALIZED TABLE"
	KindJob               ObjectKind = "JOB"
	KindModules           ObjectKind = "MODULES" // of USE only
)

// Drop is DROP of a catalog object.
type Drop struct {
	Source
	Kind      ObjectKind
	Temporary bool
	System    bool // of a temporary function
	IfExists  bool
	Name      ObjectName
	Behavior  string // "", RESTRICT or CASCADE, of a database
}

// Insert is INSERT INTO or INSERT OVERWRITE.
type Insert struct {
	Source
	Execute    bool // EXECUTE INSERT
	Overwrite  bool
	Table      ObjectName
	Hints      []*Hint
	Partition  *PartitionSpec
	Columns    []Ident   // empty when not written; of a nested column the name is the path with points
	Paths      [][]Ident // the same as paths, when one of the columns is nested
	Query      *Query
	OnConflict string // "", NOTHING, ERROR or DEDUPLICATE
}

// StatementSet is EXECUTE STATEMENT SET BEGIN …; END, or BEGIN STATEMENT SET; …; END.
type StatementSet struct {
	Source
	Begin   bool // the second form
	Inserts []*Insert
}

// BeginStatementSet is BEGIN STATEMENT SET alone: the statements and END come one by one.
type BeginStatementSet struct{ Source }

// EndStatementSet is END alone.
type EndStatementSet struct{ Source }

// Execute is EXECUTE before a query.
type Execute struct {
	Source
	Stmt Stmt
}

// Explain is EXPLAIN [details | PLAN FOR] Stmt. Stmt is a *QueryStmt, *Insert, *StatementSet or *CreateTable with As.
type Explain struct {
	Source
	Details []string // ESTIMATED_COST, CHANGELOG_MODE, PLAN_ADVICE, JSON_EXECUTION_PLAN
	PlanFor bool
	Stmt    Stmt
}

// Describe is DESCRIBE [EXTENDED] Name, or DESCRIBE CATALOG|DATABASE|FUNCTION|MODEL|JOB.
type Describe struct {
	Source
	Kind     ObjectKind // KindTable for a table or view
	Extended bool
	Name     ObjectName
	JobID    string // of KindJob
}

// Show is any SHOW. What is the text between SHOW and the names, in upper case and with USER, FULL and CURRENT left to
// the fields: CATALOGS, CATALOG (with Current), DATABASES, DATABASE (with Current), TABLES, VIEWS, FUNCTIONS, MODULES,
// COLUMNS, PARTITIONS, PROCEDURES, JARS, JOBS, MODELS, MATERIALIZED TABLES, CONNECTIONS, and with Create one of the
// object kinds.
type Show struct {
	Source
	What      string
	Current   bool        // SHOW CURRENT …
	User      bool        // SHOW USER FUNCTIONS
	Full      bool        // SHOW FULL MODULES
	Create    bool        // SHOW CREATE …
	OrAlter   bool        // SHOW CREATE OR ALTER MATERIALIZED TABLE
	Prep      string      // "", FROM or IN, before Name
	Name      *ObjectName // where to look, or the object of SHOW CREATE
	Partition *PartitionSpec
	NotLike   bool
	LikeOp    string // "", LIKE or ILIKE
	Like      string
}

// Use is USE [CATALOG] name, or USE MODULES a, b.
type Use struct {
	Source
	Kind    ObjectKind // KindDatabase, KindCatalog or KindModules
	Name    ObjectName
	Modules []Ident
}

// LoadModule is LOAD MODULE Name [WITH (…)], or UNLOAD MODULE Name.
type LoadModule struct {
	Source
	Unload bool
	Name   Ident
	With   []Option
}

// Set is SET 'key' = 'value', or SET alone, which lists the settings.
type Set struct {
	Source
	Option *Option
}

// Reset is RESET 'key', or RESET alone.
type Reset struct {
	Source
	Key *StringLit
}

// Jar is ADD JAR 'path' or REMOVE JAR 'path'.
type Jar struct {
	Source
	Remove bool
	Path   string
}

// StopJob is STOP JOB 'id' [WITH SAVEPOINT] [WITH DRAIN].
type StopJob struct {
	Source
	JobID     string
	Savepoint bool
	Drain     bool
}

// Call is CALL procedure(args).
type Call struct {
	Source
	Call *FuncCall
}

// ClientCommand is a word for the shell: QUIT, EXIT, CLEAR, HELP, or SOURCE 'file'.
type ClientCommand struct {
	Source
	Name string
	Arg  string
}

// Unsupported is a statement of Flink's that has no place here. Its text was not looked at beyond its name, so that the
// answer can be "not supported" instead of a syntax error.
type Unsupported struct {
	Source
	Name string // UPDATE, COMPILE PLAN, …
}
