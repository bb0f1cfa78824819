package rex

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/millrace/millrace/internal/types"
)

// Style is how expressions are written: Flink's physical plans have operators in
// front of their operands, its execution plans have them between.
type Style uint8

// The styles. Logical is Prefix with the notation of Calcite's trees: casts with
// their type behind, strings with their character set. Identity is Logical
// without the names of results: what is the same in it computes the same.
const (
	Prefix Style = iota
	Infix
	Logical
	Identity
)

// Digest is a text that is the same for the same expressions only.
func Digest(e Expr) string {
	return Format(e, Logical, func(i int) string { return "$" + strconv.Itoa(i) })
}

// Format writes an expression; name gives the names of columns.
func Format(e Expr, style Style, name func(int) string) string {
	p := printer{style: style, name: name}
	return p.expr(e)
}

// Names is a name function over a list.
func Names(fields []types.Field) func(int) string {
	return func(i int) string {
		if i < len(fields) {
			return fields[i].Name
		}
		return "$" + strconv.Itoa(i)
	}
}

type printer struct {
	style Style
	name  func(int) string
}

func (p *printer) expr(e Expr) string {
	switch e := e.(type) {
	case *Column:
		return p.name(e.Index)
	case *Literal:
		return p.literal(e)
	case *Call:
		return p.call(e)
	case *Cast:
		return p.cast(e)
	case *Logic:
		return p.logic(e)
	case *Case:
		return "CASE(" + p.list(caseArgs(e)) + ")"
	case *In:
		items := make([]string, len(e.List))
		for i, l := range e.List {
			items[i] = p.literal(l)
		}
		return "IN(" + p.expr(e.X) + ", " + strings.Join(items, ", ") + ")"
	case *Field:
		return p.expr(e.X) + "." + e.X.Type().Fields[e.Index].Name
	case *Over:
		return p.over(e)
	case *Marker:
		return "#" + strconv.Itoa(e.ID)
	}
	return "?"
}

// caseArgs adds the ELSE NULL that Flink always shows.
func caseArgs(e *Case) []Expr {
	args := e.Args()
	if e.Else == nil {
		args = append(args, Null(e.T))
	}
	return args
}

func (p *printer) list(items []Expr) string {
	out := make([]string, len(items))
	for i, e := range items {
		out[i] = p.expr(e)
	}
	return strings.Join(out, ", ")
}

func (p *printer) logic(e *Logic) string {
	op := "AND"
	if e.Or {
		op = "OR"
	}
	if p.style != Infix {
		return op + "(" + p.list(e.Items) + ")"
	}
	out := make([]string, len(e.Items))
	for i, x := range e.Items {
		out[i] = p.expr(x)
	}
	return "(" + strings.Join(out, " "+op+" ") + ")"
}

func (p *printer) cast(e *Cast) string {
	fn := "CAST"
	if e.Try {
		fn = "TRY_CAST"
	}
	if p.style >= Logical {
		return fn + "(" + p.expr(e.X) + "):" + TypeName(e.T)
	}
	return fn + "(" + p.expr(e.X) + " AS " + TypeName(e.T.Nullable()) + ")"
}

// between are the operators that the infix style writes between two operands.
var between = map[string]bool{
	"+": true, "-": true, "*": true, "/": true, "=": true, "<>": true, "<": true, "<=": true, ">": true, ">=": true,
	"||": true, "IS DISTINCT FROM": true, "IS NOT DISTINCT FROM": true,
}

// behind are those that it writes behind their operand.
var behind = map[string]bool{
	"IS NULL": true, "IS NOT NULL": true, "IS TRUE": true, "IS NOT TRUE": true, "IS FALSE": true, "IS NOT FALSE": true,
	"IS UNKNOWN": true, "IS NOT UNKNOWN": true,
}

func (p *printer) call(e *Call) string {
	name := e.Name
	switch {
	case name == "ITEM":
		return p.expr(e.Items[0]) + "[" + p.expr(e.Items[1]) + "]"
	case p.style == Infix && between[name] && len(e.Items) == 2:
		return "(" + p.expr(e.Items[0]) + " " + name + " " + p.expr(e.Items[1]) + ")"
	case p.style == Infix && behind[name]:
		return p.expr(e.Items[0]) + " " + name
	}
	return name + "(" + p.list(e.Items) + ")"
}

func (p *printer) over(e *Over) string {
	var b strings.Builder
	distinct, filter := "", ""
	if e.Distinct {
		distinct = "DISTINCT "
	}
	if e.Filter != nil {
		filter = " FILTER " + p.expr(e.Filter)
	}
	items := p.list(e.Items)
	if e.Name == "LAG" {
		items += ", " + strconv.Itoa(e.Offset)
	}
	b.WriteString(e.Name + "(" + distinct + items + ")" + filter + " OVER (")
	if len(e.Partition) > 0 {
		b.WriteString("PARTITION BY " + p.list(e.Partition))
	}
	for i, o := range e.Order {
		switch {
		case i > 0:
			b.WriteString(", ")
		case len(e.Partition) > 0:
			b.WriteString(" ORDER BY ")
		default:
			b.WriteString("ORDER BY ")
		}
		b.WriteString(p.expr(o.X))
		if o.Desc {
			b.WriteString(" DESC")
		}
		if o.NullsFirst {
			b.WriteString(" NULLS FIRST")
		} else {
			b.WriteString(" NULLS LAST")
		}
	}
	if e.Fn != nil {
		b.WriteString(" " + e.Frame.String())
	}
	b.WriteString(")")
	return b.String()
}

func (p *printer) literal(l *Literal) string {
	t := l.T
	if t.Root == types.Symbol {
		return fmt.Sprintf("FLAG(%v)", l.Value)
	}
	if l.Value == nil {
		return "null:" + TypeName(t.Nullable())
	}
	if t.IsInterval() {
		return fmt.Sprintf("%v:INTERVAL %s", l.Value, l.unit())
	}
	text := valueText(l)
	if t.IsString() {
		text = "'" + strings.ReplaceAll(text, "'", "''") + "'"
		if p.style >= Logical {
			text = "_UTF-16LE" + text
		}
	}
	if plainLiteral(t) {
		return text
	}
	return text + ":" + TypeName(t.Nullable())
}

// plainLiteral says whether a constant's type is clear from its text.
func plainLiteral(t types.Type) bool {
	switch t.Root {
	case types.Boolean, types.Integer, types.Char, types.Binary, types.Date:
		return true
	case types.Time, types.Timestamp, types.TimestampLTZ:
		return t.Precision == 0
	}
	return false
}

func (l *Literal) unit() string {
	switch {
	case l.Unit != "":
		return l.Unit
	case l.T.Root == types.IntervalYearMonth:
		return "MONTH"
	}
	return "SECOND"
}

func valueText(l *Literal) string {
	switch v := l.Value.(type) {
	case string:
		return v
	case []byte:
		return "X'" + strings.ToUpper(hex.EncodeToString(v)) + "'"
	case types.Dec:
		return string(types.AppendDec(nil, v, l.T.Scale))
	case float64:
		return scientific(v)
	case int64:
		switch l.T.Root {
		case types.Date:
			return string(types.AppendDate(nil, int32(v)))
		case types.Time:
			return string(types.AppendTime(nil, int32(v), l.T.Precision))
		case types.Timestamp, types.TimestampLTZ:
			return timestampText(v, l.T)
		}
		return strconv.FormatInt(v, 10)
	}
	return fmt.Sprint(l.Value)
}

// scientific writes a number as Calcite does: 1E0, 2.5E-1.
func scientific(v float64) string {
	digits, exp, _ := strings.Cut(strconv.FormatFloat(v, 'E', -1, 64), "E")
	n, err := strconv.Atoi(exp)
	if err != nil {
		return digits // NaN, Inf
	}
	return digits + "E" + strconv.Itoa(n)
}

// timestampText leaves out a fraction of zero, as Calcite does.
func timestampText(v int64, t types.Type) string {
	s := string(types.AppendTimestamp(nil, v, t))
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// TypeName is a type as plans show it, in Calcite's words: INTEGER, VARCHAR(2147483647).
func TypeName(t types.Type) string {
	s := ""
	switch t.Root {
	case types.Integer:
		s = "INTEGER"
	case types.Varchar:
		s = fmt.Sprintf("VARCHAR(%d)", t.Precision)
	case types.Varbinary:
		s = fmt.Sprintf("VARBINARY(%d)", t.Precision)
	case types.TimestampLTZ:
		s = fmt.Sprintf("TIMESTAMP_WITH_LOCAL_TIME_ZONE(%d)", t.Precision)
	case types.Array, types.Multiset:
		s = TypeName(*t.Elem) + " " + strings.ToUpper(map[types.Root]string{types.Array: "array", types.Multiset: "multiset"}[t.Root])
	case types.Map:
		s = "(" + TypeName(*t.Key) + ", " + TypeName(*t.Elem) + ") MAP"
	case types.Row:
		fields := make([]string, len(t.Fields))
		for i, f := range t.Fields {
			fields[i] = TypeName(f.Type) + " " + f.Name
		}
		s = "RecordType(" + strings.Join(fields, ", ") + ")"
	default:
		return t.Plain().String()
	}
	if t.NotNull {
		s += " NOT NULL"
	}
	return s
}
