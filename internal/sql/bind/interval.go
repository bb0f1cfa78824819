package bind

import (
	"strconv"
	"strings"

	"github.com/millrace/millrace/internal/sql/parser"
	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// unitLengths are the units of intervals: months for years and months, else
// milliseconds.
var unitLengths = map[string]int64{
	"YEAR": 12, "QUARTER": 3, "MONTH": 1,
	"WEEK": 7 * 86_400_000, "DAY": 86_400_000, "HOUR": 3_600_000, "MINUTE": 60_000, "SECOND": 1000,
}

// unitOrder are the fields of an interval with several.
var unitOrder = []string{"YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"}

// interval is INTERVAL '…' qualifier.
func interval(n *parser.IntervalLit) (rex.Expr, error) {
	q := n.Qualifier
	value := strings.TrimSpace(n.Value)
	sign := int64(1)
	if n.Negative {
		sign = -1
	}
	if rest, ok := strings.CutPrefix(value, "-"); ok {
		value, sign = rest, -sign
	}
	v, ok := intervalValue(value, q)
	if !ok {
		return nil, errorAt(n.Pos(), "'%s' is no INTERVAL %s", n.Value, qualifierText(q))
	}
	return intervalLit(sign*v, q), nil
}

func intervalLit(v int64, q *parser.IntervalQualifier) *rex.Literal {
	l := rex.Lit(intervalType(q), v)
	l.Unit = qualifierText(q)
	return l
}

func qualifierText(q *parser.IntervalQualifier) string {
	if q.To != "" {
		return q.From + " TO " + q.To
	}
	return q.From
}

func intervalValue(value string, q *parser.IntervalQualifier) (int64, bool) {
	if q.To == "" {
		return unitValue(value, q.From)
	}
	units := between(q.From, q.To)
	parts := strings.FieldsFunc(value, func(r rune) bool { return r == ' ' || r == ':' || r == '-' })
	if len(units) == 0 || len(parts) != len(units) {
		return 0, false
	}
	total := int64(0)
	for i, u := range units {
		v, ok := unitValue(parts[i], u)
		if !ok {
			return 0, false
		}
		total += v
	}
	return total, true
}

func between(from, to string) []string {
	var out []string
	for _, u := range unitOrder {
		if u == from || len(out) > 0 {
			out = append(out, u)
		}
		if u == to {
			return out
		}
	}
	return nil
}

// unitValue is a number of a unit; only seconds have a fraction, of which the
// milliseconds count.
func unitValue(text, unit string) (int64, bool) {
	whole, fraction, dot := strings.Cut(text, ".")
	v, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || v < 0 || dot && unit != "SECOND" || v > 1<<53/unitLengths[unit] {
		return 0, false
	}
	v *= unitLengths[unit]
	if dot {
		ms, err := strconv.ParseInt((fraction + "000")[:3], 10, 64)
		if err != nil || len(fraction) > 9 {
			return 0, false
		}
		v += ms
	}
	return v, true
}

// intervalExpr is INTERVAL x MINUTE with a computed x.
func (x *exprs) intervalExpr(n *parser.IntervalExpr) (rex.Expr, error) {
	v, err := x.bind(n.X)
	if err != nil {
		return nil, err
	}
	if !v.Type().IsNumeric() {
		return nil, errorAt(n.X.Pos(), "INTERVAL needs a number, found %s", typeText(v.Type()))
	}
	if l, ok := v.(*rex.Literal); ok && n.Qualifier.To == "" {
		if i, ok := l.Value.(int64); ok {
			return intervalLit(i*unitLengths[n.Qualifier.From], n.Qualifier), nil
		}
	}
	one := intervalLit(unitLengths[n.Qualifier.From], n.Qualifier)
	return x.call(n.Pos(), "*", v, one)
}

// millis is the length of a constant day-time interval.
func (x *exprs) millis(e parser.Expr, what string) (int64, error) {
	v, err := x.bind(e)
	if err != nil {
		return 0, err
	}
	l, ok := rex.Fold(v)
	if !ok || l.T.Root != types.IntervalDayTime || l.Value == nil {
		return 0, errorAt(e.Pos(), "%s must be a constant INTERVAL of days to seconds", what)
	}
	return l.Value.(int64), nil
}
