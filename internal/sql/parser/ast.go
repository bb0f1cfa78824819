// Package parser turns the text of Flink's SQL dialect into syntax trees.
//
// The grammar is Flink's, which is Calcite's with Flink's DDL on top: the same words are reserved, identifiers keep their
// case, and what Flink refuses for its syntax is refused here, so that a script which runs here is read the same way there.
// A tree says only what was written. Names are not resolved and types not derived; that is the binder's work, and every
// node keeps its position so that the binder's errors can point at the text.
//
// The package has three entry points: ParseScript for files, ParseStatement for one statement, ParseExpr for an
// expression alone. None of them panics on any input.
package parser

// Pos is a place in the source text.
type Pos struct {
	Line   int // from 1
	Col    int // from 1, in runes
	Offset int // from 0, in bytes
}

// Node is any part of a syntax tree. String gives SQL that parses to an equal tree.
type Node interface {
	Pos() Pos
	String() string
}

// At is embedded in every node and holds its position: where its first token starts, or, for an operator between
// two operands, where the left operand starts.
type At struct{ Start Pos }

// Pos returns where the node starts.
func (a At) Pos() Pos { return a.Start }

// Stmt is one statement. Text returns its source without the closing semicolon and surrounding blanks.
type Stmt interface {
	Node
	Text() string
	stmt()
}

// Source is embedded in every statement and holds its position and its exact text.
type Source struct {
	At
	Src string
}

// Text returns the statement exactly as it was written.
func (s *Source) Text() string { return s.Src }

func (s *Source) stmt() {}

func (s *Source) setSource(at Pos, text string) { s.Start, s.Src = at, text }

// Ident is one part of a name. Name is the text without back-ticks; Quoted tells whether it had them.
type Ident struct {
	At
	Name   string
	Quoted bool
}

// ObjectName names a table, a function or another catalog object by one to three parts, outermost first.
type ObjectName struct {
	At
	Parts []Ident
}

// Option is one 'key' = 'value' of a WITH, SET or OPTIONS list.
type Option struct {
	At
	Key, Value string
	ValuePos   Pos
}

// TypeName is a data type as written. Synonyms are folded: Name is one of the constants below.
//
//	DECIMAL(10, 2)       Name DECIMAL, Args 10 2
//	ARRAY<INT NOT NULL>  Name ARRAY, Elem INT (NotNull); also written INT NOT NULL ARRAY
//	MAP<K, V>            Name MAP, Key K, Elem V
//	ROW<a INT 'note'>    Name ROW, Fields
//	INTERVAL DAY TO SECOND(3)   Name INTERVAL, Interval
//	RAW('class', 'snap') Name RAW, Strings
//	STRUCTURED<'class', a INT>  Name STRUCTURED, Strings, Fields
//	anything.else        Name USER, User
type TypeName struct {
	At
	Name     string
	Args     []int // length, or precision and scale; empty when left to the default
	Elem     *TypeName
	Key      *TypeName
	Fields   []*TypeField
	Interval *IntervalQualifier
	Strings  []string
	User     *ObjectName
	NotNull  bool // written NOT NULL
	Null     bool // written NULL, which is also the default
}

// TypeField is a field of a ROW or STRUCTURED type.
type TypeField struct {
	At
	Name    Ident
	Type    *TypeName
	Comment *StringLit // nil when absent
}

// The values of TypeName.Name.
const (
	TypeBoolean      = "BOOLEAN"
	TypeTinyInt      = "TINYINT"
	TypeSmallInt     = "SMALLINT"
	TypeInt          = "INT" // also INTEGER
	TypeBigInt       = "BIGINT"
	TypeFloat        = "FLOAT"   // also REAL
	TypeDouble       = "DOUBLE"  // also DOUBLE PRECISION
	TypeDecimal      = "DECIMAL" // also DEC, NUMERIC
	TypeChar         = "CHAR"    // also CHARACTER
	TypeVarchar      = "VARCHAR" // also CHAR VARYING
	TypeString       = "STRING"
	TypeBinary       = "BINARY"
	TypeVarbinary    = "VARBINARY" // also BINARY VARYING
	TypeBytes        = "BYTES"
	TypeDate         = "DATE"
	TypeTime         = "TIME"
	TypeTimestamp    = "TIMESTAMP"
	TypeTimestampLTZ = "TIMESTAMP_LTZ" // also TIMESTAMP WITH LOCAL TIME ZONE
	TypeInterval     = "INTERVAL"
	TypeArray        = "ARRAY"
	TypeMultiset     = "MULTISET"
	TypeMap          = "MAP"
	TypeRow          = "ROW"
	TypeStructured   = "STRUCTURED"
	TypeRaw          = "RAW"
	TypeNull         = "NULL" // of NULL itself; cannot be written
	TypeVariant      = "VARIANT"
	TypeBitmap       = "BITMAP"
	TypeUUID         = "UUID"
	TypeUser         = "USER"
)

// IntervalQualifier is the unit part of an interval: DAY(3) TO SECOND(6). Units are singular and upper case, also when
// the plural was written; To is empty for a single unit.
type IntervalQualifier struct {
	At
	From, To   string
	Precision  *int // of the leading field
	Fractional *int // of the seconds
}
