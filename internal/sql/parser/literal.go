package parser

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// stringLit parses a character literal and those that continue it.
func (p *parser) stringLit() *StringLit {
	first := p.tok()
	lit := &StringLit{At: At{first.pos}, Value: p.stringPart()}
	if !p.isString() {
		return lit
	}
	var b strings.Builder
	b.WriteString(lit.Value)
	for p.isString() {
		b.WriteString(p.stringPart())
	}
	lit.Value = b.String()
	return lit
}

func (p *parser) stringPart() string {
	t := p.take()
	if t.kind == tokString {
		return t.val
	}
	escape := '\\'
	if p.accept("UESCAPE") {
		at := p.tok().pos
		s := p.str("the escape character as a 'string'").Value
		r, size := utf8.DecodeRuneInString(s)
		if size != len(s) || r > unicode.MaxASCII || unicode.IsSpace(r) || strings.ContainsRune(`+'"0123456789abcdefABCDEF`, r) {
			p.failAt(at, "the UESCAPE character must be one character, and no digit, plus sign, quote or blank")
		}
		escape = r
	}
	val, bad := decodeUnicode(t.val, escape)
	if bad >= 0 {
		p.failAt(t.pos, "malformed escape in a U&'' string at character %d: use %chhhh or %c+hhhhhh", bad+1, escape, escape)
	}
	return val
}

// decodeUnicode resolves \hhhh and \+hhhhhh. A bad escape is returned by its index in runes, or -1.
func decodeUnicode(s string, escape rune) (val string, bad int) {
	runes := []rune(s)
	var b strings.Builder
	for i := 0; i < len(runes); i++ {
		if runes[i] != escape {
			b.WriteRune(runes[i])
			continue
		}
		if i+1 < len(runes) && runes[i+1] == escape {
			b.WriteRune(escape)
			i++
			continue
		}
		start, n := i+1, 4
		if start < len(runes) && runes[start] == '+' {
			start, n = start+1, 6
		}
		if start+n > len(runes) {
			return "", i
		}
		v, err := strconv.ParseUint(string(runes[start:start+n]), 16, 32)
		if err != nil || v > unicode.MaxRune {
			return "", i
		}
		b.WriteRune(rune(v))
		i = start + n - 1
	}
	return b.String(), -1
}

func (p *parser) binaryLit() Expr {
	t := p.take()
	digits := t.val
	for p.tok().kind == tokString {
		at := p.tok().pos
		more := p.take().val
		if strings.Trim(more, "0123456789abcdefABCDEF") != "" || len(more)%2 != 0 {
			p.failAt(at, "this string continues a binary literal and must consist of pairs of hexadecimal digits")
		}
		digits += more
	}
	value, err := hex.DecodeString(digits)
	if err != nil {
		p.failAt(t.pos, "malformed binary literal")
	}
	return &BinaryLit{At: At{t.pos}, Value: value}
}

func (p *parser) numberLit() Expr {
	t := p.take()
	n := &NumberLit{At: At{t.pos}, Kind: Integer, Text: t.val}
	if strings.ContainsAny(t.val, "eE") {
		n.Kind = Approximate
	} else if strings.Contains(t.val, ".") {
		n.Kind = Decimal
	}
	return n
}

var datetimeForm = map[string]*regexp.Regexp{
	TypeDate:      regexp.MustCompile(`^\d{4}-\d{1,2}-\d{1,2}$`),
	TypeTime:      regexp.MustCompile(`^\d{1,2}:\d{1,2}:\d{1,2}(\.\d*)?$`),
	TypeTimestamp: regexp.MustCompile(`^\d{4}-\d{1,2}-\d{1,2}( \d{1,2}:\d{1,2}:\d{1,2}(\.\d*)?)?$`),
}

// datetimeLit parses DATE '…' and its kin if they come next, and returns nil otherwise.
func (p *parser) datetimeLit() Expr {
	t := p.tok()
	typ, words := t.upper, 1
	switch {
	case typ == TypeTimestamp && p.is("TIMESTAMP", "WITH", "LOCAL", "TIME", "ZONE"):
		typ, words = TypeTimestampLTZ, 5
	case typ != TypeDate && typ != TypeTime && typ != TypeTimestamp:
		return nil
	}
	if k := p.peek(words).kind; k != tokString && k != tokUnicode {
		return nil
	}
	p.i += words
	lit := p.stringLit()
	if msg := checkDatetime(typ, lit.Value); msg != "" {
		p.failAt(lit.Start, "%s", msg)
	}
	return &DatetimeLit{At: At{t.pos}, Type: typ, Value: lit.Value}
}

// checkDatetime returns what is wrong with the text of a date, time or timestamp, or "".
func checkDatetime(typ, value string) string {
	form, layout := typ, "2006-1-2 15:4:5"
	if typ == TypeTimestampLTZ {
		form = TypeTimestamp
	}
	full := value
	switch {
	case !datetimeForm[form].MatchString(value):
		shape := map[string]string{TypeDate: "yyyy-MM-dd", TypeTime: "HH:mm:ss[.fff]", TypeTimestamp: "yyyy-MM-dd HH:mm:ss[.fff]"}[form]
		return fmt.Sprintf("'%s' is not of the form '%s'", shorten(value), shape)
	case typ == TypeTime:
		full = "2000-01-01 " + value
	case !strings.Contains(value, " "):
		layout = "2006-1-2"
	}
	if _, err := time.Parse(layout, strings.TrimSuffix(full, ".")); err != nil {
		return fmt.Sprintf("'%s' is not a valid %s", shorten(value), strings.ToLower(form))
	}
	return ""
}

// interval parses INTERVAL '1' DAY and INTERVAL x DAY.
func (p *parser) interval() Expr {
	at := At{p.take().pos}
	if p.isString() {
		value := p.stringLit().Value
		return &IntervalLit{At: at, Value: value, Qualifier: p.intervalQualifier()}
	}
	sign := ""
	if p.isOp("-") || p.isOp("+") {
		sign = p.take().val
	}
	if p.isString() {
		value := p.stringLit().Value
		return &IntervalLit{At: at, Negative: sign == "-", Value: value, Qualifier: p.intervalQualifier()}
	}
	var x Expr
	switch {
	case p.isOp("("):
		x = p.parenthesized()
	case p.tok().kind == tokNumber:
		x = p.numberLit()
	case p.isName():
		parts := p.path("a column")
		x = &ColumnRef{At: parts[0].At, Parts: parts}
	default:
		p.fail(p.expected("the interval's value, as in INTERVAL '10' MINUTES"))
	}
	if sign != "" {
		x = &UnaryExpr{At: x.Pos().at(), Op: sign, X: x}
	}
	return &IntervalExpr{At: at, X: x, Qualifier: p.intervalQualifier()}
}

// at makes the embedded form of a position.
func (p Pos) at() At { return At{p} }

// intervalQualifier parses DAY(2) TO SECOND(3).
func (p *parser) intervalQualifier() *IntervalQualifier {
	q := &IntervalQualifier{At: At{p.tok().pos}}
	q.From = p.intervalUnit("the interval's unit")
	if p.acceptOp("(") {
		n := p.integer("the precision")
		q.Precision = &n
		if q.From == "SECOND" && p.acceptOp(",") {
			f := p.integer("the precision of fractions of a second")
			q.Fractional = &f
		}
		p.expectOp(")", "after the precision")
	}
	if !p.accept("TO") {
		return q
	}
	at := p.tok().pos
	q.To = p.intervalUnit("the interval's last unit")
	if !validRange(q.From, q.To) {
		p.failAt(at, "an interval cannot go from %s to %s", q.From, q.To)
	}
	if q.To == "SECOND" && p.acceptOp("(") {
		f := p.integer("the precision of fractions of a second")
		q.Fractional = &f
		p.expectOp(")", "after the precision")
	}
	return q
}

// validRange tells the intervals of two units: year to month, and those from day to second.
func validRange(from, to string) bool {
	if from == "YEAR" {
		return to == "MONTH"
	}
	order := map[string]int{"DAY": 1, "HOUR": 2, "MINUTE": 3, "SECOND": 4}
	return order[from] > 0 && order[to] > order[from]
}

func (p *parser) intervalUnit(what string) string {
	t := p.tok()
	if unit, ok := intervalUnits[t.upper]; ok {
		p.i++
		return unit
	}
	for _, unit := range sortedKeys(intervalUnits) {
		p.try(unit)
	}
	p.fail(p.expected(what + ", such as DAY or MINUTES"))
	return ""
}

// timeUnit parses the unit of EXTRACT and its kin.
func (p *parser) timeUnit() *Symbol {
	t := p.tok()
	name := strings.TrimPrefix(t.upper, "SQL_TSI_")
	if singular, ok := intervalUnits[name]; ok {
		name = singular
	}
	if t.kind == tokWord && timeUnits[name] {
		p.i++
		return &Symbol{At: At{t.pos}, Name: name}
	}
	for _, unit := range sortedKeys(timeUnits) {
		p.try(unit)
	}
	p.fail(p.expected("a unit of time, such as DAY or MINUTE"))
	return nil
}
