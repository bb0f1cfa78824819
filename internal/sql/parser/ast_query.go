package parser

// Query is a whole query: WITH, a body, and what applies to the body's result.
type Query struct {
	At
	With    []*CTE
	Body    QueryBody
	OrderBy []*OrderItem
	Offset  Expr // nil when absent
	Limit   Expr // of LIMIT or FETCH; nil when absent and for LIMIT ALL
}

// CTE is one Name (Columns) AS (Query) of a WITH clause.
type CTE struct {
	At
	Name    Ident
	Columns []Ident
	Query   *Query
}

// QueryBody is a *Select, *SetOp, *Values, *TableQuery, or a *Query, which is one in parentheses with clauses of its own.
type QueryBody interface {
	Node
	queryBody()
}

// Select is one SELECT block.
type Select struct {
	At
	Hints    []*Hint
	Distinct bool
	Items    []*SelectItem
	From     TableExpr // nil without FROM
	Where    Expr
	GroupBy  *GroupBy
	Having   Expr
	Windows  []*NamedWindow
	Qualify  Expr
}

// SelectItem is one expression of a select list; Expr may be a *Star.
type SelectItem struct {
	At
	Expr  Expr
	Alias *Ident
}

// SetOp is L UNION|INTERSECT|EXCEPT [ALL] R.
type SetOp struct {
	At
	Op   string // UNION, INTERSECT or EXCEPT (also written MINUS)
	All  bool
	L, R QueryBody
}

// Values is VALUES (…), (…). A row written as one bare expression has one element.
type Values struct {
	At
	Rows []*RowExpr
}

// TableQuery is TABLE t as a query.
type TableQuery struct {
	At
	Name ObjectName
}

func (*Query) queryBody()      {}
func (*Select) queryBody()     {}
func (*SetOp) queryBody()      {}
func (*Values) queryBody()     {}
func (*TableQuery) queryBody() {}

// GroupBy is a GROUP BY clause.
type GroupBy struct {
	At
	Distinct bool
	Items    []GroupItem
}

// GroupItem is one element of a GROUP BY clause. The sets are those written: for a plain expression or a list in
// parentheses one set, for () an empty set; a ROLLUP or CUBE has one set for each of its elements; GROUPING SETS nest.
type GroupItem struct {
	At
	Kind string // one of the Group constants
	// Exprs of GroupExprs: one for a plain expression, any number for a list in parentheses.
	Exprs []Expr
	// Items of GroupRollup, GroupCube and GroupSets.
	Items []GroupItem
}

// The values of GroupItem.Kind.
const (
	GroupExprs  = "EXPRS"
	GroupRollup = "ROLLUP"
	GroupCube   = "CUBE"
	GroupSets   = "GROUPING SETS"
)

// NamedWindow is one Name AS (Spec) of a WINDOW clause.
type NamedWindow struct {
	At
	Name Ident
	Spec *WindowSpec
}

// OrderItem is one expression of an ORDER BY.
type OrderItem struct {
	At
	Expr  Expr
	Desc  bool
	Nulls string // "", "FIRST" or "LAST"
}

// Hint is one hint of /*+ … */. Its arguments are of one form: keys and values, or a list.
type Hint struct {
	At
	Name    string // upper case
	Options []Option
	Args    []string
}

// TableExpr is what may stand in FROM.
type TableExpr interface {
	Node
	tableExpr()
}

// TableName is a table or view by name.
type TableName struct {
	At
	Name  ObjectName
	Hints []*Hint
	AsOf  Expr // of FOR SYSTEM_TIME AS OF; nil when absent
}

// AliasedTable is Input AS Alias (Columns). Any table expression may be under it, but a *Join in parentheses never is.
type AliasedTable struct {
	At
	Input   TableExpr
	Alias   Ident
	Columns []Ident
}

// DerivedTable is (Query), after LATERAL or not.
type DerivedTable struct {
	At
	Lateral bool
	Query   *Query
}

// Unnest is UNNEST(Exprs) [WITH ORDINALITY]. It may refer to tables on its left.
type Unnest struct {
	At
	Exprs      []Expr
	Ordinality bool
}

// TableFunc is a table function in FROM: TUMBLE(…), TABLE(TUMBLE(…)) or LATERAL TABLE(f(x)). Wrapped tells that TABLE( )
// stood around the call, which changes nothing.
type TableFunc struct {
	At
	Lateral bool
	Wrapped bool
	Call    *FuncCall
}

// Join is L kind JOIN R.
type Join struct {
	At
	Kind    string // one of the Join constants
	Comma   bool   // a JoinCross written with a comma
	Natural bool
	L, R    TableExpr
	On      Expr    // nil when absent
	Using   []Ident // empty when absent
}

// The values of Join.Kind.
const (
	JoinInner = "INNER"
	JoinLeft  = "LEFT"
	JoinRight = "RIGHT"
	JoinFull  = "FULL"
	JoinCross = "CROSS"
)

// MatchRecognize is Input MATCH_RECOGNIZE (…).
type MatchRecognize struct {
	At
	Input       TableExpr
	PartitionBy []Expr
	OrderBy     []*OrderItem
	Measures    []*Measure
	AllRows     bool // ALL ROWS PER MATCH; else one row per match
	After       *AfterMatch
	Pattern     *Pattern
	StrictStart bool // ^
	StrictEnd   bool // $
	Within      Expr // an interval; nil when absent
	Subsets     []*SubsetDef
	Define      []*Define
}

// Measure is Expr AS Alias in MEASURES.
type Measure struct {
	At
	Expr  Expr
	Alias Ident
}

// AfterMatch is AFTER MATCH SKIP …
type AfterMatch struct {
	At
	Kind string // "PAST LAST ROW", "TO NEXT ROW", "TO FIRST" or "TO LAST"
	Var  *Ident // of the last two
}

// Pattern is a node of a row pattern.
type Pattern struct {
	At
	Kind string     // one of the Pattern constants
	Var  Ident      // of PatternVar
	Subs []*Pattern // of the others; PatternRepeat and PatternExclude have one
	// Of PatternRepeat: A* is 0, -1; A+ is 1, -1; A? is 0, 1; A{n} is n, n.
	Min, Max  int // Max is -1 without a bound
	Reluctant bool
}

// The values of Pattern.Kind.
const (
	PatternVar     = "VAR"
	PatternConcat  = "CONCAT"
	PatternAlt     = "ALT"
	PatternRepeat  = "REPEAT"
	PatternPermute = "PERMUTE"
	PatternExclude = "EXCLUDE"
)

// SubsetDef is Name = (Vars) in SUBSET.
type SubsetDef struct {
	At
	Name Ident
	Vars []Ident
}

// Define is Var AS Cond in DEFINE.
type Define struct {
	At
	Var  Ident
	Cond Expr
}

func (*TableName) tableExpr()      {}
func (*AliasedTable) tableExpr()   {}
func (*DerivedTable) tableExpr()   {}
func (*Unnest) tableExpr()         {}
func (*TableFunc) tableExpr()      {}
func (*Join) tableExpr()           {}
func (*MatchRecognize) tableExpr() {}
