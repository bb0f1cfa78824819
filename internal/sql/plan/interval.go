package plan

import (
	"math"

	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// Interval is the condition of an interval join: two time attributes that lie near
// each other.
type Interval struct {
	RowTime bool
	// Left and Right are the time columns of the two inputs.
	Left, Right int
	// Lower <= left time - right time <= Upper, in milliseconds.
	Lower, Upper int64
}

// IntervalOf finds the interval in a join's condition, and what the condition asks
// besides it; nil if it has not both bounds.
//
//	l.ts BETWEEN r.ts - INTERVAL '5' SECOND AND r.ts      Lower -5000, Upper 0
func IntervalOf(left, right []types.Field, cond rex.Expr) (*Interval, []rex.Expr) {
	iv := &Interval{Lower: math.MinInt64, Upper: math.MaxInt64, Left: -1}
	var rest []rex.Expr
	for _, c := range rex.Conjuncts(cond) {
		if !iv.bound(left, right, c) {
			rest = append(rest, c)
		}
	}
	if iv.Left < 0 || iv.Lower == math.MinInt64 || iv.Upper == math.MaxInt64 {
		return nil, nil
	}
	return iv, rest
}

// bound takes a comparison of the two time attributes into the interval, and says
// whether it has nothing else to say.
func (iv *Interval) bound(left, right []types.Field, e rex.Expr) bool {
	c, ok := e.(*rex.Call)
	if !ok || len(c.Items) != 2 {
		return false
	}
	op := c.Name
	a, b, ok := timeTerms(c.Items)
	if !ok {
		return false
	}
	if a.column >= len(left) {
		a, b, op = b, a, flipped[op]
	}
	if a.column >= len(left) || b.column < len(left) {
		return false
	}
	l, r := left[a.column].Type.Attr, right[b.column-len(left)].Type.Attr
	if l == types.NoTime || l != r || iv.Left >= 0 && (iv.Left != a.column || iv.Right != b.column-len(left)) {
		return false
	}
	if flipped[op] == "" {
		return false
	}
	iv.Left, iv.Right, iv.RowTime = a.column, b.column-len(left), l == types.RowTime
	diff := b.offset - a.offset // left - right op diff
	switch op {
	case ">":
		iv.Lower = max(iv.Lower, diff+1)
	case ">=", "=":
		iv.Lower = max(iv.Lower, diff)
	}
	switch op {
	case "<":
		iv.Upper = min(iv.Upper, diff-1)
	case "<=", "=":
		iv.Upper = min(iv.Upper, diff)
	}
	return op != "=" // which is a key as well
}

var flipped = map[string]string{"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "="}

// timeTerm is a column and a constant number of milliseconds.
type timeTerm struct {
	column int
	offset int64
}

func timeTerms(items []rex.Expr) (a, b timeTerm, ok bool) {
	if a, ok = timeTermOf(items[0]); ok {
		b, ok = timeTermOf(items[1])
	}
	return a, b, ok
}

// timeTermOf reads col, col + interval, interval + col and col - interval.
func timeTermOf(e rex.Expr) (timeTerm, bool) {
	switch e := e.(type) {
	case *rex.Column:
		return timeTerm{column: e.Index}, e.T.IsTimestamp()
	case *rex.Cast:
		if e.T.Root == e.X.Type().Root && e.T.IsTimestamp() && e.T.Precision >= e.X.Type().Precision {
			return timeTermOf(e.X)
		}
	case *rex.Call:
		if len(e.Items) != 2 || e.Name != "+" && e.Name != "-" {
			return timeTerm{}, false
		}
		x, by := e.Items[0], e.Items[1]
		if _, constant := milliseconds(x); constant && e.Name == "+" {
			x, by = by, x
		}
		ms, constant := milliseconds(by)
		t, ok := timeTermOf(x)
		if !ok || !constant {
			return timeTerm{}, false
		}
		if e.Name == "-" {
			ms = -ms
		}
		t.offset += ms
		return t, true
	}
	return timeTerm{}, false
}

// milliseconds is a constant interval of days to seconds.
func milliseconds(e rex.Expr) (int64, bool) {
	if e.Type().Root != types.IntervalDayTime {
		return 0, false
	}
	l, ok := rex.Fold(e)
	if !ok || l.Value == nil {
		return 0, false
	}
	ms, ok := l.Value.(int64)
	return ms, ok
}
