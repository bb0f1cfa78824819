package parser

// Expr is an expression.
type Expr interface {
	Node
	expr()
}

// ColumnRef is a name in an expression: a, t.a, t.row.field. Which part is the table is for the binder to find out.
// It never has square brackets or function results to its left; those make a FieldAccess.
type ColumnRef struct {
	At
	Parts []Ident
}

// FieldAccess is X.Field where X is not a plain name: f(x).a, arr[1].a, (row_expr).a.
type FieldAccess struct {
	At
	X     Expr
	Field Ident
}

// IndexExpr is X[Index] on an array, a map, a row or a variant.
type IndexExpr struct {
	At
	X, Index Expr
}

// Star is *, or t.* with the qualifier. It stands in a select list or as the argument of COUNT.
type Star struct {
	At
	Qualifier []Ident
}

// NumberKind tells the three forms of numeric literals apart, which have different types.
type NumberKind string

// The kinds of numbers: 1 is INT or BIGINT or DECIMAL by its size, 1.5 DECIMAL, 1E3 DOUBLE.
const (
	Integer     NumberKind = "INTEGER"
	Decimal     NumberKind = "DECIMAL"
	Approximate NumberKind = "APPROXIMATE"
)

// NumberLit is an unsigned numeric literal; a sign is a UnaryExpr around it.
type NumberLit struct {
	At
	Kind NumberKind
	Text string // as written
}

// StringLit is a character literal of any form, decoded; adjacent literals are joined.
type StringLit struct {
	At
	Value string
}

// BinaryLit is X'0AFF', decoded.
type BinaryLit struct {
	At
	Value []byte
}

// BoolLit is TRUE or FALSE.
type BoolLit struct {
	At
	Value bool
}

// NullLit is NULL, or UNKNOWN, which is the NULL of type BOOLEAN.
type NullLit struct {
	At
	Unknown bool
}

// DatetimeLit is DATE '…', TIME '…', TIMESTAMP '…' or TIMESTAMP WITH LOCAL TIME ZONE '…'. Type is TypeDate, TypeTime,
// TypeTimestamp or TypeTimestampLTZ; Value is the text between the quotes, of which the form has been checked.
type DatetimeLit struct {
	At
	Type  string
	Value string
}

// IntervalLit is INTERVAL [-] '…' qualifier. Value is the text between the quotes, unchecked.
type IntervalLit struct {
	At
	Negative  bool
	Value     string
	Qualifier *IntervalQualifier
}

// IntervalExpr is INTERVAL x qualifier with a number, a column or an expression in parentheses instead of a string.
type IntervalExpr struct {
	At
	X         Expr
	Qualifier *IntervalQualifier
}

// Symbol is a word that is an argument of a function with syntax of its own: the unit of EXTRACT, FLOOR, CEIL,
// TIMESTAMPADD and TIMESTAMPDIFF (upper case; plural kept off), the side of TRIM (BOTH, LEADING, TRAILING).
type Symbol struct {
	At
	Name string
}

// UnaryExpr is Op X with Op one of "-", "+", "NOT".
type UnaryExpr struct {
	At
	Op string
	X  Expr
}

// BinaryExpr is L Op R. Op is one of the Op constants.
type BinaryExpr struct {
	At
	Op    string
	OpPos Pos
	L, R  Expr
}

// The values of BinaryExpr.Op.
const (
	OpOr              = "OR"
	OpAnd             = "AND"
	OpEq              = "="
	OpNe              = "<>" // also written !=
	OpLt              = "<"
	OpLe              = "<="
	OpGt              = ">"
	OpGe              = ">="
	OpAdd             = "+"
	OpSub             = "-"
	OpMul             = "*"
	OpDiv             = "/"
	OpMod             = "%"
	OpConcat          = "||"
	OpDistinctFrom    = "IS DISTINCT FROM"
	OpNotDistinctFrom = "IS NOT DISTINCT FROM"
	OpOverlaps        = "OVERLAPS"
	OpContains        = "CONTAINS"
	OpMemberOf        = "MEMBER OF"
	OpSubmultisetOf   = "SUBMULTISET OF"
	OpMultisetUnion   = "MULTISET UNION"     // with " ALL" or " DISTINCT" when written
	OpMultisetInter   = "MULTISET INTERSECT" // likewise
	OpMultisetExcept  = "MULTISET EXCEPT"    // likewise
)

// IsExpr is X IS [NOT] What.
type IsExpr struct {
	At
	X    Expr
	Not  bool
	What string // one of the Is constants
}

// The values of IsExpr.What.
const (
	IsNull       = "NULL"
	IsTrue       = "TRUE"
	IsFalse      = "FALSE"
	IsUnknown    = "UNKNOWN"
	IsASet       = "A SET"
	IsEmpty      = "EMPTY"
	IsJSON       = "JSON" // the same as JSON VALUE
	IsJSONValue  = "JSON VALUE"
	IsJSONObject = "JSON OBJECT"
	IsJSONArray  = "JSON ARRAY"
	IsJSONScalar = "JSON SCALAR"
)

// BetweenExpr is X [NOT] BETWEEN [SYMMETRIC] Low AND High.
type BetweenExpr struct {
	At
	X, Low, High Expr
	Not          bool
	Symmetric    bool
}

// InExpr is X [NOT] IN (List) or X [NOT] IN (Query); exactly one of List and Query is set.
type InExpr struct {
	At
	X     Expr
	Not   bool
	List  []Expr
	Query *Query
}

// QuantifiedExpr is X Op ANY|SOME|ALL (List or Query).
type QuantifiedExpr struct {
	At
	X          Expr
	Op         string // a comparison
	Quantifier string // ANY, SOME or ALL
	List       []Expr
	Query      *Query
}

// LikeExpr is X [NOT] Op Pattern [ESCAPE Escape]; Op is LIKE or SIMILAR TO.
type LikeExpr struct {
	At
	X, Pattern Expr
	Op         string
	Not        bool
	Escape     Expr // nil when absent
}

// ExistsExpr is EXISTS (Query).
type ExistsExpr struct {
	At
	Query *Query
}

// SubqueryExpr is a query in parentheses where a value stands.
type SubqueryExpr struct {
	At
	Query *Query
}

// CaseExpr is CASE [Operand] WHEN … THEN … [ELSE …] END. Operand and Else are nil when absent.
type CaseExpr struct {
	At
	Operand Expr
	Whens   []*When
	Else    Expr
}

// When is one branch of a CASE. In the form with an operand, Flink allows several values, of which any may match.
type When struct {
	At
	Conds []Expr // exactly one in a searched CASE
	Then  Expr
}

// CastExpr is CAST(X AS Type), or TRY_CAST.
type CastExpr struct {
	At
	X    Expr
	Type *TypeName
	Try  bool
}

// FuncCall is a call of a function, an aggregate, a window function or a table function.
//
// Functions with syntax of their own come as plain calls, their name in upper case, with these arguments, so that a
// table of functions can look them up as any other:
//
//	EXTRACT(unit FROM x)            Symbol, x
//	FLOOR|CEIL(x TO unit)           x, Symbol
//	TIMESTAMPADD|DIFF(unit, a, b)   Symbol, a, b
//	TRIM([side] [what] FROM x)      Symbol, what (or ' '), x;  TRIM(x) has one argument
//	SUBSTRING(x FROM a [FOR b])     x, a [, b]
//	OVERLAY(x PLACING y FROM a [FOR b])  x, y, a [, b]
//	POSITION(a IN b [FROM c])       a, b [, c]
//	CEILING                         CEIL
//	JSON_OBJECT(KEY k VALUE v, …)   k, v, …;  also JSON_OBJECTAGG
//	CURRENT_TIMESTAMP(3)            the precision, with or without it Niladic is set
type FuncCall struct {
	At
	Name ObjectName
	Args []Expr // COUNT(*) has one *Star; table functions may have *NamedArg, *TableArg, *Descriptor, *ModelArg
	End  Pos    // of the closing parenthesis

	Niladic  bool // a function written without parentheses, as CURRENT_DATE is
	Distinct bool // f(DISTINCT …)
	All      bool // f(ALL …)

	OrderBy       []*OrderItem // inside the parentheses: ARRAY_AGG(x ORDER BY y)
	WithinGroup   []*OrderItem // LISTAGG(x) WITHIN GROUP (ORDER BY y)
	NullTreatment string       // "", "IGNORE NULLS" or "RESPECT NULLS"
	Filter        Expr         // FILTER (WHERE …)
	Over          *Over
	JSON          *JSONClause // of JSON_EXISTS, JSON_VALUE, JSON_QUERY, JSON_OBJECT, JSON_ARRAY and their aggregates
}

// JSONClause holds the trailing clauses of the JSON functions, each empty or nil when absent.
type JSONClause struct {
	Returning  *TypeName
	Wrapper    string // "WITHOUT ARRAY", "WITH CONDITIONAL ARRAY" or "WITH UNCONDITIONAL ARRAY"
	OnEmpty    *JSONBehavior
	OnError    *JSONBehavior
	OnNull     string // "NULL" or "ABSENT", of … ON NULL
	FormatJSON []int  // indexes of the arguments that FORMAT JSON follows
}

// JSONBehavior is what a JSON function gives ON EMPTY or ON ERROR.
type JSONBehavior struct {
	Kind    string // NULL, ERROR, DEFAULT, TRUE, FALSE, UNKNOWN, EMPTY ARRAY or EMPTY OBJECT
	Default Expr   // of DEFAULT
}

// NamedArg is Name => Value.
type NamedArg struct {
	At
	Name  Ident
	Value Expr
}

// DefaultExpr is the word DEFAULT as an argument or a value.
type DefaultExpr struct{ At }

// TableArg is TABLE t with its partitioning, or (query) with its partitioning, as an argument of a table function.
// Exactly one of Table and Query is set. A query without partitioning is a SubqueryExpr.
type TableArg struct {
	At
	Table       *TableName
	Query       *Query
	PartitionBy []Expr
	OrderBy     []*OrderItem
}

// Descriptor is DESCRIPTOR(a, b).
type Descriptor struct {
	At
	Columns []Ident
}

// ModelArg is MODEL m as an argument of a table function.
type ModelArg struct {
	At
	Model ObjectName
}

// ArrayExpr is ARRAY[…], or ARRAY(query).
type ArrayExpr struct {
	At
	Elems []Expr
	Query *Query
}

// MapExpr is MAP[k, v, …], or MAP(query); Elems alternate.
type MapExpr struct {
	At
	Elems []Expr
	Query *Query
}

// MultisetExpr is MULTISET[…], or MULTISET(query).
type MultisetExpr struct {
	At
	Elems []Expr
	Query *Query
}

// RowExpr is ROW(a, b) when Explicit, else (a, b) with at least two elements.
type RowExpr struct {
	At
	Elems    []Expr
	Explicit bool
}

// MatchScopeExpr is FINAL x or RUNNING x in MEASURES.
type MatchScopeExpr struct {
	At
	Final bool
	X     Expr
}

// Over is what follows OVER: the name of a window, or a specification.
type Over struct {
	At
	Name *Ident
	Spec *WindowSpec
}

// WindowSpec is the inside of OVER (…) or WINDOW w AS (…).
type WindowSpec struct {
	At
	Ref         *Ident // the named window that this one refines
	PartitionBy []Expr
	OrderBy     []*OrderItem
	Frame       *Frame
}

// Frame is ROWS or RANGE with its bounds. A frame with one bound has End nil, which means CURRENT ROW.
type Frame struct {
	At
	Rows       bool // else RANGE
	Start, End *FrameBound
}

// FrameBound is one bound of a Frame.
type FrameBound struct {
	At
	Kind   string // one of the Bound constants
	Offset Expr   // of BoundPreceding and BoundFollowing
}

// The values of FrameBound.Kind.
const (
	BoundUnboundedPreceding = "UNBOUNDED PRECEDING"
	BoundPreceding          = "PRECEDING"
	BoundCurrentRow         = "CURRENT ROW"
	BoundFollowing          = "FOLLOWING"
	BoundUnboundedFollowing = "UNBOUNDED FOLLOWING"
)

func (*ColumnRef) expr()      {}
func (*FieldAccess) expr()    {}
func (*IndexExpr) expr()      {}
func (*Star) expr()           {}
func (*NumberLit) expr()      {}
func (*StringLit) expr()      {}
func (*BinaryLit) expr()      {}
func (*BoolLit) expr()        {}
func (*NullLit) expr()        {}
func (*DatetimeLit) expr()    {}
func (*IntervalLit) expr()    {}
func (*IntervalExpr) expr()   {}
func (*Symbol) expr()         {}
func (*UnaryExpr) expr()      {}
func (*BinaryExpr) expr()     {}
func (*IsExpr) expr()         {}
func (*BetweenExpr) expr()    {}
func (*InExpr) expr()         {}
func (*QuantifiedExpr) expr() {}
func (*LikeExpr) expr()       {}
func (*ExistsExpr) expr()     {}
func (*SubqueryExpr) expr()   {}
func (*CaseExpr) expr()       {}
func (*CastExpr) expr()       {}
func (*FuncCall) expr()       {}
func (*NamedArg) expr()       {}
func (*DefaultExpr) expr()    {}
func (*TableArg) expr()       {}
func (*Descriptor) expr()     {}
func (*ModelArg) expr()       {}
func (*ArrayExpr) expr()      {}
func (*MapExpr) expr()        {}
func (*MultisetExpr) expr()   {}
func (*RowExpr) expr()        {}
func (*MatchScopeExpr) expr() {}
