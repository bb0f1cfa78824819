package bind

import (
	"fmt"
	"strings"

	"github.com/millrace/millrace/internal/function"
	"github.com/millrace/millrace/internal/sql/parser"
	"github.com/millrace/millrace/internal/sql/plan"
	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// matching is a MATCH_RECOGNIZE that is being bound. Its expressions are over slots:
// a column reference is a slot, which is found by its digest.
type matching struct {
	spec   plan.MatchSpec
	input  *scope
	slots  map[string]int
	define bool // in DEFINE, not in MEASURES
	// of is the call that the expression stands in.
	of *matchCall
}

// matchCall is FIRST, LAST or an aggregate.
type matchCall struct {
	name   string
	agg    bool
	first  bool
	offset int
	// variable is that of the columns in it, once there was one.
	variable int
	known    bool
}

func (m *matching) variable(name string) (int, bool) {
	for i, v := range m.spec.Pattern {
		if v.Name == name {
			return i, true
		}
	}
	return -1, false
}

func (m *matching) names() []string {
	out := make([]string, len(m.spec.Pattern))
	for i, v := range m.spec.Pattern {
		out[i] = v.Name
	}
	return out
}

func (m *matching) unknown(v parser.Ident) error {
	return errorAt(v.Pos(), "the pattern has no variable '%s'%s", v.Name, didYouMean(v.Name, m.names()))
}

// slot is the column of a slot.
func (m *matching) slot(s plan.MatchSlot) rex.Expr {
	digest := fmt.Sprint(s.Kind, s.Var, s.Col, s.Offset, s.First, s.T)
	if s.Fn != nil {
		digest += s.Fn.Name
	}
	for _, a := range s.Args {
		digest += "," + rex.Digest(a)
	}
	at, ok := m.slots[digest]
	if !ok {
		at = len(m.spec.Slots)
		m.slots[digest] = at
		m.spec.Slots = append(m.spec.Slots, s)
	}
	return rex.Col(at, s.T)
}

// column binds A.price, the last row of A, and price, the last row of all.
func (m *matching) column(ref *parser.ColumnRef) (rex.Expr, error) {
	v, parts := -1, ref.Parts
	if len(parts) > 1 {
		if at, ok := m.variable(parts[0].Name); ok {
			v, parts = at, parts[1:]
		} else if len(m.input.find("", parts[0].Name)) == 0 {
			return nil, m.unknown(parts[0])
		}
	}
	e, err := m.input.resolve(&parser.ColumnRef{At: parts[0].At, Parts: parts})
	if err != nil {
		return nil, err
	}
	call := m.of
	if call == nil {
		call = &matchCall{}
	}
	if call.known && call.variable != v {
		return nil, errorAt(ref.Pos(), "%s must be of a single pattern variable", call.name)
	}
	call.variable, call.known = v, true
	if call.agg {
		return e, nil
	}
	return rex.Rewrite(e, func(e rex.Expr) rex.Expr {
		c, ok := e.(*rex.Column)
		if !ok {
			return e
		}
		return m.slot(plan.MatchSlot{
			Kind: plan.MatchColumn, Var: v, Col: c.Index, First: call.first, Offset: call.offset, T: c.T.Plain().Nullable(),
		})
	}), nil
}

// call binds the functions that MATCH_RECOGNIZE has of its own, and aggregates; ok is
// false for others.
func (m *matching) call(x *exprs, e *parser.FuncCall, name string) (out rex.Expr, ok bool, err error) {
	switch name {
	case "FIRST", "LAST", "PREV", "NEXT":
		out, err = m.navigate(x, e, name)
		return out, true, err
	case "MATCH_ROWTIME", "MATCH_PROCTIME":
		out, err = m.time(x, e, name)
		return out, true, err
	case "CLASSIFIER", "MATCH_NUMBER":
		return nil, true, unsupported(e.Pos(), name+" is")
	}
	if fn, ok := function.LookupAggregate(name); ok && e.Over == nil {
		out, err = m.aggregate(x, e, fn)
		return out, true, err
	}
	return nil, false, nil
}

// navigate binds FIRST(A.price, n) and LAST(A.price, n), also of an expression over
// columns of A.
func (m *matching) navigate(x *exprs, e *parser.FuncCall, name string) (rex.Expr, error) {
	physical := name == "PREV" || name == "NEXT"
	call := &matchCall{name: name, first: name == "FIRST"}
	if physical {
		call.offset = 1
	}
	switch {
	case m.of != nil:
		return nil, errorAt(e.Pos(), "%s cannot stand inside of %s", name, m.of.name)
	case len(e.Args) < 1 || len(e.Args) > 2:
		return nil, errorAt(e.Pos(), "%s takes a value and an offset: %s(A.price, 1)", name, name)
	}
	if len(e.Args) == 2 {
		v, err := x.bind(e.Args[1])
		if err != nil {
			return nil, err
		}
		l, ok := rex.Fold(v)
		n, whole := int64(0), false
		if ok && l.T.IsInteger() {
			n, whole = l.Value.(int64)
		}
		if !whole || n < 0 || n > 1<<31-1 {
			return nil, errorAt(e.Args[1].Pos(), "the offset of %s must be a constant whole number that is not negative", name)
		}
		call.offset = int(n)
	}
	if physical && call.offset != 0 {
		return nil, errorAt(e.Pos(), "%s counts rows of the partition, which Flink does not support: LAST(A.price, 1) counts rows of a variable", name)
	}
	m.of = call
	defer func() { m.of = nil }()
	return x.bind(e.Args[0])
}

func (m *matching) aggregate(x *exprs, e *parser.FuncCall, fn *function.AggregateFn) (rex.Expr, error) {
	switch {
	case m.of != nil:
		return nil, errorAt(e.Pos(), "%s cannot stand inside of %s", fn.Name, m.of.name)
	case e.Distinct:
		return nil, unsupported(e.Pos(), "DISTINCT in MATCH_RECOGNIZE is")
	case e.Filter != nil:
		return nil, unsupported(e.Pos(), "FILTER in MATCH_RECOGNIZE is")
	case len(e.WithinGroup) > 0 || len(e.OrderBy) > 0:
		return nil, unsupported(e.Pos(), "ORDER BY inside of an aggregate function is")
	}
	m.of = &matchCall{name: fn.Name, agg: true, variable: -1}
	defer func() { m.of = nil }()
	call := aggCall{fn: fn}
	if star, ok := soleStar(e); ok && fn.Name == "COUNT" {
		if len(star.Qualifier) > 0 {
			v, ok := m.variable(star.Qualifier[0].Name)
			if !ok {
				return nil, m.unknown(star.Qualifier[0])
			}
			m.of.variable = v
		}
		if err := x.bindAgg(&call, e); err != nil {
			return nil, err
		}
	} else if err := x.aggArgs(&call, e); err != nil {
		return nil, err
	}
	return m.slot(plan.MatchSlot{Kind: plan.MatchAggregate, Var: m.of.variable, Fn: fn, Args: call.args, T: call.t}), nil
}

func soleStar(e *parser.FuncCall) (*parser.Star, bool) {
	if len(e.Args) != 1 {
		return nil, false
	}
	s, ok := e.Args[0].(*parser.Star)
	return s, ok
}

// time binds MATCH_ROWTIME([column]) and MATCH_PROCTIME().
func (m *matching) time(x *exprs, e *parser.FuncCall, name string) (rex.Expr, error) {
	if name == "MATCH_PROCTIME" {
		if len(e.Args) > 0 {
			return nil, errorAt(e.Pos(), "MATCH_PROCTIME takes no argument")
		}
		t := types.TTimestampLTZ(3).Required()
		t.Attr = types.ProcTime
		return m.slot(plan.MatchSlot{Kind: plan.MatchProctime, Var: -1, T: t}), nil
	}
	t := types.TTimestamp(3).Required()
	if len(e.Args) > 1 {
		return nil, errorAt(e.Pos(), "MATCH_ROWTIME takes at most a column of event time")
	}
	if len(e.Args) == 1 {
		saved := x.match
		x.match = nil
		v, err := x.bind(e.Args[0])
		x.match = saved
		if err != nil {
			return nil, err
		}
		if v.Type().Attr != types.RowTime {
			return nil, errorAt(e.Args[0].Pos(), "The function MATCH_ROWTIME requires argument to be a row time attribute type, but is '%s'.", typeText(v.Type()))
		}
		t = v.Type().Required()
	}
	if m.input.columns[m.spec.Order[0].Column].typ.Attr != types.RowTime {
		return nil, errorAt(e.Pos(), "MATCH_ROWTIME needs ORDER BY event time; MATCH_PROCTIME() is that of processing time")
	}
	t.Attr = types.RowTime
	return m.slot(plan.MatchSlot{Kind: plan.MatchRowtime, Var: -1, T: t}), nil
}

// scoped binds FINAL x, which is what measures of one row per match are anyway.
func (m *matching) scoped(x *exprs, e *parser.MatchScopeExpr) (rex.Expr, error) {
	switch {
	case m.define:
		return nil, errorAt(e.Pos(), "FINAL and RUNNING cannot stand in DEFINE")
	case !e.Final:
		return nil, errorAt(e.Pos(), "RUNNING is not supported: with one row per match, measures are FINAL")
	}
	return x.bind(e.X)
}

// hook is what an expression in MATCH_RECOGNIZE does before the functions that stand
// anywhere.
func (x *exprs) hook(e *parser.FuncCall) (rex.Expr, bool, error) {
	name := strings.ToUpper(dotted(e.Name.Parts))
	if x.match != nil {
		return x.match.call(x, e, name)
	}
	return nil, false, nil
}
