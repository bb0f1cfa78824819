// Package types holds Flink's logical types, their names, their physical
// representation and the row kinds of a changelog.
//
// A Type is a value: it is never changed after it was made, may be shared
// between goroutines, and is compared with Equal.
package types

import (
	"fmt"
	"strconv"
	"strings"
)

// Root is the root of a logical type (Flink: LogicalTypeRoot).
type Root uint8

// The type roots that millrace knows. TIMESTAMP WITH TIME ZONE, RAW and
// STRUCTURED are left out: Flink's SQL cannot produce them either.
const (
	Null Root = iota
	Boolean
	TinyInt
	SmallInt
	Integer
	BigInt
	Float
	Double
	Decimal
	Char
	Varchar
	Binary
	Varbinary
	Date
	Time
	Timestamp
	TimestampLTZ
	IntervalYearMonth
	IntervalDayTime
	Array
	Multiset
	Map
	Row
	Descriptor // only as the argument of a table function
	Symbol     // a unit such as DAY, only as an argument
)

// MaxLength is the length of STRING and BYTES, Flink's VARCHAR(2147483647).
const MaxLength = 1<<31 - 1

// Physical is how a column of a type lies in memory; see package vec.
type Physical uint8

// The physical representations, one Go slice type each.
const (
	PhysNull    Physical = iota
	PhysBool             // []bool
	PhysInt8             // []int8
	PhysInt16            // []int16
	PhysInt32            // []int32: INT, DATE (days since 1970-01-01), TIME (ms of the day)
	PhysInt64            // []int64: BIGINT, timestamps (see Type.Unit), intervals (months; milliseconds)
	PhysFloat32          // []float32
	PhysFloat64          // []float64
	PhysDec              // []types.Dec: 128-bit unscaled value
	PhysBytes            // offsets and bytes: CHAR, VARCHAR, BINARY, VARBINARY
	PhysArray            // offsets and one child: ARRAY, MULTISET as MAP
	PhysMap              // offsets and two children
	PhysRow              // one child a field
)

// Unit is the unit of a timestamp's int64, as in Arrow.
type Unit uint8

// TIMESTAMP(0..3) is kept in milliseconds, (4..6) in microseconds, (7..9) in
// nanoseconds, which reach from 1677 to 2262.
const (
	Milli Unit = iota
	Micro
	Nano
)

// PerSecond is how many of the unit make a second.
func (u Unit) PerSecond() int64 {
	return [...]int64{1e3, 1e6, 1e9}[u]
}

// TimeAttr marks a time attribute of a row: a column along which the stream's
// watermark moves, or the processing time.
type TimeAttr uint8

// A column is no time attribute, the event time, or the processing time.
const (
	NoTime TimeAttr = iota
	RowTime
	ProcTime
)

// Field is a named field of a ROW, or a column of a table.
type Field struct {
	Name    string
	Type    Type
	Comment string
}

// Type is a logical type with its nullability. The zero Type is NULL, NOT NULL,
// which nothing has; use the constructors.
type Type struct {
	Root Root
	// NotNull: a Type is nullable unless said otherwise, as in SQL.
	NotNull bool
	// Precision is the length of CHAR, VARCHAR, BINARY and VARBINARY, the
	// precision of DECIMAL, TIME and timestamps (fractional digits), and of
	// an interval's leading field.
	Precision int
	// Scale is DECIMAL's scale, and the fractional digits of a day-time interval.
	Scale int
	// Attr marks a time attribute; it is no part of the type's identity.
	Attr TimeAttr
	// Elem is the element of ARRAY and MULTISET and the value of MAP.
	Elem *Type
	// Key is the key of MAP.
	Key *Type
	// Fields are those of ROW.
	Fields []Field
}

// Common types, nullable.
var (
	TNull    = Type{Root: Null}
	TBool    = Type{Root: Boolean}
	TTinyInt = Type{Root: TinyInt}
	TSmall   = Type{Root: SmallInt}
	TInt     = Type{Root: Integer}
	TBigInt  = Type{Root: BigInt}
	TFloat   = Type{Root: Float}
	TDouble  = Type{Root: Double}
	TString  = Type{Root: Varchar, Precision: MaxLength}
	TBytes   = Type{Root: Varbinary, Precision: MaxLength}
	TDate    = Type{Root: Date}
	TTime    = Type{Root: Time}
)

// TDecimal is DECIMAL(p, s).
func TDecimal(p, s int) Type { return Type{Root: Decimal, Precision: p, Scale: s} }

// TTimestamp is TIMESTAMP(p).
func TTimestamp(p int) Type { return Type{Root: Timestamp, Precision: p} }

// TTimestampLTZ is TIMESTAMP_LTZ(p).
func TTimestampLTZ(p int) Type { return Type{Root: TimestampLTZ, Precision: p} }

// TArray is ARRAY<elem>.
func TArray(elem Type) Type { return Type{Root: Array, Elem: &elem} }

// TMap is MAP<key, value>.
func TMap(key, value Type) Type { return Type{Root: Map, Key: &key, Elem: &value} }

// TRow is ROW<fields>.
func TRow(fields ...Field) Type { return Type{Root: Row, Fields: fields} }

// Nullable is t with NULL allowed; Required is t without.
func (t Type) Nullable() Type { t.NotNull = false; return t }

// Required is t with NOT NULL.
func (t Type) Required() Type { t.NotNull = true; return t }

// WithNull is t, nullable if n.
func (t Type) WithNull(n bool) Type { t.NotNull = !n; return t }

// Plain is t without its time attribute.
func (t Type) Plain() Type { t.Attr = NoTime; return t }

// Unit is the unit in which a timestamp of this type is kept.
func (t Type) Unit() Unit {
	switch {
	case t.Precision <= 3:
		return Milli
	case t.Precision <= 6:
		return Micro
	}
	return Nano
}

var physical = [...]Physical{
	Null: PhysNull, Boolean: PhysBool, TinyInt: PhysInt8, SmallInt: PhysInt16, Integer: PhysInt32,
	BigInt: PhysInt64, Float: PhysFloat32, Double: PhysFloat64, Decimal: PhysDec,
	Char: PhysBytes, Varchar: PhysBytes, Binary: PhysBytes, Varbinary: PhysBytes,
	Date: PhysInt32, Time: PhysInt32, Timestamp: PhysInt64, TimestampLTZ: PhysInt64,
	IntervalYearMonth: PhysInt64, IntervalDayTime: PhysInt64,
	Array: PhysArray, Multiset: PhysMap, Map: PhysMap, Row: PhysRow,
	Descriptor: PhysNull, Symbol: PhysNull,
}

// Physical is how a column of this type lies in memory.
func (t Type) Physical() Physical { return physical[t.Root] }

// IsNumeric says whether arithmetic is defined on the type.
func (t Type) IsNumeric() bool { return t.Root >= TinyInt && t.Root <= Decimal }

// IsInteger says whether the type is one of the four whole-number types.
func (t Type) IsInteger() bool { return t.Root >= TinyInt && t.Root <= BigInt }

// IsApprox says whether the type is FLOAT or DOUBLE.
func (t Type) IsApprox() bool { return t.Root == Float || t.Root == Double }

// IsString says whether the type is CHAR or VARCHAR.
func (t Type) IsString() bool { return t.Root == Char || t.Root == Varchar }

// IsBytes says whether the type is BINARY or VARBINARY.
func (t Type) IsBytes() bool { return t.Root == Binary || t.Root == Varbinary }

// IsTimestamp says whether the type is TIMESTAMP or TIMESTAMP_LTZ.
func (t Type) IsTimestamp() bool { return t.Root == Timestamp || t.Root == TimestampLTZ }

// IsInterval says whether the type is an interval.
func (t Type) IsInterval() bool { return t.Root == IntervalYearMonth || t.Root == IntervalDayTime }

// Equal compares types with their nullability; time attributes and comments do
// not count.
func (t Type) Equal(o Type) bool { return t.NotNull == o.NotNull && t.Same(o) }

// Same compares types but for the outermost nullability.
func (t Type) Same(o Type) bool {
	if t.Root != o.Root || t.Precision != o.Precision || t.Scale != o.Scale || len(t.Fields) != len(o.Fields) {
		return false
	}
	if !sameRef(t.Elem, o.Elem) || !sameRef(t.Key, o.Key) {
		return false
	}
	for i, f := range t.Fields {
		if f.Name != o.Fields[i].Name || !f.Type.Equal(o.Fields[i].Type) {
			return false
		}
	}
	return true
}

func sameRef(a, b *Type) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Equal(*b)
}

// String is the type as Flink prints it, such as "VARCHAR(2147483647) NOT NULL"
// (STRING for the longest VARCHAR, BYTES for the longest VARBINARY).
func (t Type) String() string {
	s := t.name()
	switch t.Attr {
	case RowTime:
		s += " *ROWTIME*"
	case ProcTime:
		s += " *PROCTIME*"
	}
	if t.NotNull {
		s += " NOT NULL"
	}
	return s
}

// SQL is the type as it is written in DDL: String without the time attribute.
func (t Type) SQL() string { return t.Plain().String() }

var plainNames = map[Root]string{
	Null: "NULL", Boolean: "BOOLEAN", TinyInt: "TINYINT", SmallInt: "SMALLINT", Integer: "INT", BigInt: "BIGINT",
	Float: "FLOAT", Double: "DOUBLE", Date: "DATE", Descriptor: "DESCRIPTOR", Symbol: "SYMBOL",
}

func (t Type) name() string {
	switch t.Root {
	case Decimal:
		return fmt.Sprintf("DECIMAL(%d, %d)", t.Precision, t.Scale)
	case Char:
		return "CHAR(" + strconv.Itoa(t.Precision) + ")"
	case Varchar:
		if t.Precision == MaxLength {
			return "STRING"
		}
		return "VARCHAR(" + strconv.Itoa(t.Precision) + ")"
	case Binary:
		return "BINARY(" + strconv.Itoa(t.Precision) + ")"
	case Varbinary:
		if t.Precision == MaxLength {
			return "BYTES"
		}
		return "VARBINARY(" + strconv.Itoa(t.Precision) + ")"
	case Time:
		return "TIME(" + strconv.Itoa(t.Precision) + ")"
	case Timestamp:
		return "TIMESTAMP(" + strconv.Itoa(t.Precision) + ")"
	case TimestampLTZ:
		return "TIMESTAMP_LTZ(" + strconv.Itoa(t.Precision) + ")"
	case IntervalYearMonth:
		return "INTERVAL YEAR TO MONTH"
	case IntervalDayTime:
		return "INTERVAL DAY TO SECOND(3)"
	case Array:
		return "ARRAY<" + t.Elem.String() + ">"
	case Multiset:
		return "MULTISET<" + t.Elem.String() + ">"
	case Map:
		return "MAP<" + t.Key.String() + ", " + t.Elem.String() + ">"
	case Row:
		var b strings.Builder
		b.WriteString("ROW<")
		for i, f := range t.Fields {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString("`" + strings.ReplaceAll(f.Name, "`", "``") + "` " + f.Type.String())
		}
		b.WriteString(">")
		return b.String()
	}
	return plainNames[t.Root]
}
