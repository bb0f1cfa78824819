package bind

import (
	"strings"

	"github.com/millrace/millrace/internal/function"
	"github.com/millrace/millrace/internal/sql/parser"
	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// ranks are the window functions that are no aggregates.
var ranks = map[string]bool{
	"ROW_NUMBER": true, "RANK": true, "DENSE_RANK": true, "LEAD": true, "LAG": true, "NTILE": true,
	"CUME_DIST": true, "PERCENT_RANK": true,
}

// funcCall binds a call: of a window function, an aggregate, or a function of
// the row.
func (x *exprs) funcCall(e *parser.FuncCall) (rex.Expr, error) {
	if out, ok, err := x.hook(e); ok {
		return out, err
	}
	name := dotted(e.Name.Parts)
	upper := strings.ToUpper(name)
	agg, isAgg := function.LookupAggregate(name)
	switch {
	case e.Over != nil:
		return x.over(e, upper, isAgg)
	case ranks[upper]:
		return nil, errorAt(e.Pos(), "%s needs an OVER clause", upper)
	case isAgg:
		return x.aggregate(e, agg)
	case (upper == "GROUPING" || upper == "GROUPING_ID" || upper == "GROUP_ID") && x.aggs != nil && !x.aggs.inside:
		return x.grouping(e)
	case e.Filter != nil || e.Distinct || len(e.WithinGroup) > 0 || len(e.OrderBy) > 0:
		return nil, errorAt(e.Pos(), "%s is no aggregate function: it takes no FILTER, DISTINCT or ORDER BY", upper)
	case groupWindows[upper] != nil:
		return nil, errorAt(e.Pos(), "%s can stand in FROM TABLE(…) and as a whole group of GROUP BY", upper)
	}
	if window, part, ok := windowPart(upper); ok {
		return x.windowPart(e, window, part)
	}
	fn, ok := function.LookupScalar(name)
	if !ok {
		return nil, errorAt(e.Pos(), "function '%s' not found%s", name, nearestFunction(name))
	}
	args, err := x.all(e.Args)
	if err != nil {
		return nil, err
	}
	out, err := x.scalarCall(e, fn, args)
	if err != nil {
		return nil, wrap(e.Pos(), err)
	}
	return proctime(out), nil
}

func nearestFunction(name string) string {
	if n := function.Nearest(name); n != "" {
		return "; did you mean '" + n + "'?"
	}
	return ""
}

func (x *exprs) scalarCall(e *parser.FuncCall, fn *function.Scalar, args []rex.Expr) (rex.Expr, error) {
	if e.JSON == nil {
		return rex.CallFn(fn.Name, fn, args)
	}
	opt, err := x.jsonOptions(e.JSON)
	if err != nil {
		return nil, err
	}
	ts := make([]types.Type, len(args))
	lits := make([]*function.Literal, len(args))
	for i, a := range args {
		ts[i] = a.Type().Plain()
		if l, ok := a.(*rex.Literal); ok {
			lits[i] = &function.Literal{Type: l.T, Value: l.Value}
		}
	}
	bound, err := function.BindJSON(fn.Name, ts, lits, opt)
	if err != nil {
		return nil, err
	}
	return rex.CallBound(fn.Name, fn, bound, args)
}

func (x *exprs) jsonOptions(c *parser.JSONClause) (function.JSONOptions, error) {
	opt := function.JSONOptions{Wrapper: c.Wrapper, OnNull: c.OnNull}
	if c.Returning != nil {
		t, err := Type(c.Returning)
		if err != nil {
			return opt, err
		}
		opt.Returning = &t
	}
	var err error
	if opt.OnEmpty, err = x.jsonBehavior(c.OnEmpty); err != nil {
		return opt, err
	}
	opt.OnError, err = x.jsonBehavior(c.OnError)
	return opt, err
}

func (x *exprs) jsonBehavior(b *parser.JSONBehavior) (function.JSONBehavior, error) {
	if b == nil {
		return function.JSONBehavior{}, nil
	}
	out := function.JSONBehavior{Kind: b.Kind}
	if b.Default == nil {
		return out, nil
	}
	e, err := x.bind(b.Default)
	if err != nil {
		return out, err
	}
	l, ok := rex.Fold(e)
	if !ok {
		return out, errorAt(b.Default.Pos(), "the DEFAULT of a JSON function must be a constant")
	}
	out.Default = &function.Literal{Type: l.T, Value: l.Value}
	return out, nil
}

// proctime marks PROCTIME() as the processing time attribute.
func proctime(e rex.Expr) rex.Expr {
	c, ok := e.(*rex.Call)
	if !ok || c.Name != "PROCTIME" {
		return e
	}
	p := *c
	p.T.Attr = types.ProcTime
	return &p
}

// nullsFirst: NULLs are smaller than all values, unless said otherwise.
func nullsFirst(item *parser.OrderItem) bool {
	if item.Nulls == "" {
		return !item.Desc
	}
	return item.Nulls == "FIRST"
}

func (x *exprs) windowSpec(o *parser.Over) (*parser.WindowSpec, error) {
	if o.Name == nil {
		if o.Spec.Ref != nil {
			return nil, unsupported(o.Spec.Ref.Pos(), "a window that refines another is")
		}
		return o.Spec, nil
	}
	for _, w := range x.windows {
		if w.Name.Name == o.Name.Name {
			return w.Spec, nil
		}
	}
	return nil, errorAt(o.Name.Pos(), "window '%s' not found", o.Name.Name)
}
