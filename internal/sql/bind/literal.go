package bind

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/millrace/millrace/internal/sql/parser"
	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// number is a numeric literal: INT if it fits, else BIGINT, else DECIMAL; 1.5 is
// a DECIMAL of just its digits, 1E0 a DOUBLE.
func number(n *parser.NumberLit, negative bool) (rex.Expr, error) {
	text := n.Text
	if negative {
		text = "-" + text
	}
	switch n.Kind {
	case parser.Approximate:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, errorAt(n.Pos(), "number %s is out of range", text)
		}
		return rex.Lit(types.TDouble, f), nil
	case parser.Integer:
		if v, err := strconv.ParseInt(text, 10, 64); err == nil {
			if int64(int32(v)) == v {
				return rex.Lit(types.TInt, v), nil
			}
			return rex.Lit(types.TBigInt, v), nil
		}
	}
	whole, fraction, _ := strings.Cut(n.Text, ".")
	digits := max(len(whole)+len(fraction), 1)
	if digits > 38 {
		return nil, errorAt(n.Pos(), "number %s has more than 38 digits", text)
	}
	d, err := types.ParseDec([]byte(text), digits, len(fraction))
	if err != nil {
		return nil, errorAt(n.Pos(), "number %s: %s", text, err)
	}
	return rex.Lit(types.TDecimal(digits, len(fraction)), d), nil
}

// text is a string literal: a CHAR of its length.
func text(n *parser.StringLit) rex.Expr {
	return rex.Lit(types.Type{Root: types.Char, Precision: utf8.RuneCountInString(n.Value)}, n.Value)
}

// datetime is DATE '…', TIME '…' or TIMESTAMP '…'; the precision of the last two
// is the number of digits written.
func (b *Binder) datetime(n *parser.DatetimeLit) (rex.Expr, error) {
	_, fraction, _ := strings.Cut(n.Value, ".")
	digits := min(len(fraction), 9)
	var err error
	var v int64
	t := types.TDate
	switch n.Type {
	case parser.TypeDate:
		var d int32
		d, err = types.ParseDate([]byte(n.Value))
		v = int64(d)
	case parser.TypeTime:
		t = types.Type{Root: types.Time, Precision: digits}
		var ms int32
		ms, err = types.ParseTime([]byte(n.Value))
		v = int64(ms)
	case parser.TypeTimestamp:
		t = types.TTimestamp(digits)
		v, err = types.ParseTimestamp([]byte(n.Value), t.Unit())
	case parser.TypeTimestampLTZ:
		t = types.TTimestampLTZ(digits)
		v, err = types.ParseTimestamp([]byte(n.Value), t.Unit())
		v = b.fromLocal(v, t.Unit())
	}
	if err != nil {
		return nil, errorAt(n.Pos(), "%s", err)
	}
	return rex.Lit(t, v), nil
}

// fromLocal is the instant of a local time.
func (b *Binder) fromLocal(v int64, u types.Unit) int64 {
	per := u.PerSecond()
	seconds, rest := v/per, v%per
	if rest < 0 {
		seconds, rest = seconds-1, rest+per
	}
	l := time.Unix(seconds, 0).UTC()
	local := time.Date(l.Year(), l.Month(), l.Day(), l.Hour(), l.Minute(), l.Second(), 0, b.Location)
	return local.Unix()*per + rest
}
