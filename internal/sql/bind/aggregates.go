package bind

import (
	"fmt"

	"github.com/millrace/millrace/internal/function"
	"github.com/millrace/millrace/internal/sql/parser"
	"github.com/millrace/millrace/internal/sql/plan"
	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// aggregates collects what an aggregation of a SELECT computes: its groups, and
// the aggregate calls of all clauses, the same call once.
//
// An expression of the select list is bound over the FROM's columns, with a
// rex.Marker for each aggregate call; over then turns it into one over the
// aggregation's columns, and finds columns that are neither grouped nor
// aggregated.
type aggregates struct {
	groups []rex.Expr
	calls  []aggCall
	inside bool // of an aggregate's arguments
	// sets are those of GROUPING SETS, ROLLUP and CUBE, as indexes among the groups,
	// of which the last is then the number of the set; nil: there is one, of all.
	sets [][]int
}

type aggCall struct {
	fn       *function.AggregateFn
	args     []rex.Expr
	filter   rex.Expr // nil: none
	distinct bool
	t        types.Type
	digest   string
	at       parser.Pos
}

// aggregate binds an aggregate call and gives its marker.
func (x *exprs) aggregate(e *parser.FuncCall, fn *function.AggregateFn) (rex.Expr, error) {
	switch {
	case x.aggs == nil:
		return nil, errorAt(e.Pos(), "aggregate function %s cannot stand in %s", fn.Name, x.clause)
	case x.aggs.inside:
		return nil, errorAt(e.Pos(), "aggregate functions cannot be nested: %s is inside of another", fn.Name)
	case len(e.WithinGroup) > 0 || len(e.OrderBy) > 0:
		return nil, unsupported(e.Pos(), "ORDER BY inside of an aggregate function is")
	case e.NullTreatment != "":
		return nil, unsupported(e.Pos(), e.NullTreatment+" is")
	}
	x.aggs.inside = true
	defer func() { x.aggs.inside = false }()
	call := aggCall{fn: fn, distinct: e.Distinct, at: e.Pos()}
	if err := x.aggArgs(&call, e); err != nil {
		return nil, err
	}
	if e.Filter != nil {
		cond, err := x.boolean(e.Filter, "FILTER")
		if err != nil {
			return nil, err
		}
		if call.filter, err = x.call(e.Filter.Pos(), "IS TRUE", cond); err != nil {
			return nil, err
		}
	}
	return x.aggs.marker(call), nil
}

func (x *exprs) aggArgs(call *aggCall, e *parser.FuncCall) error {
	if len(e.Args) == 1 {
		if s, ok := e.Args[0].(*parser.Star); ok {
			if call.fn.Name != "COUNT" || e.Distinct || len(s.Qualifier) > 0 {
				return errorAt(s.Pos(), "'*' can be an argument of COUNT(*) only")
			}
			return x.bindAgg(call, e)
		}
	}
	args, err := x.all(e.Args)
	if err != nil {
		return err
	}
	call.args = args
	return x.bindAgg(call, e)
}

func (x *exprs) bindAgg(call *aggCall, e *parser.FuncCall) error {
	ts := make([]types.Type, len(call.args))
	for i, a := range call.args {
		ts[i] = a.Type().Plain()
	}
	agg, want, err := call.fn.Bind(ts, call.distinct)
	if err != nil {
		return wrap(e.Pos(), err)
	}
	for i := range call.args {
		if want[i].Root == types.Null || want[i].Root == types.Symbol {
			continue
		}
		if call.args[i], err = rex.CastTo(call.args[i], want[i], false); err != nil {
			return wrap(e.Args[i].Pos(), err)
		}
	}
	call.t = agg.Type()
	call.digest = fmt.Sprint(call.fn.Name, call.distinct)
	for _, a := range call.args {
		call.digest += "," + rex.Digest(a)
	}
	return nil
}

func (a *aggregates) marker(call aggCall) rex.Expr {
	if call.filter != nil {
		call.digest += " FILTER " + rex.Digest(call.filter)
	}
	for i := range a.calls {
		if a.calls[i].digest == call.digest {
			return &rex.Marker{ID: i, T: call.t}
		}
	}
	a.calls = append(a.calls, call)
	return &rex.Marker{ID: len(a.calls) - 1, T: call.t}
}

// over turns an expression over the FROM's columns into one over the columns of
// the aggregation out.
func (a *aggregates) over(x *exprs, e rex.Expr, out []types.Field) (rex.Expr, error) {
	digests := make(map[string]int, len(a.groups))
	for i, g := range a.groups {
		digests[rex.Digest(g)] = i
	}
	var err error
	r := rex.RewriteDown(e, func(e rex.Expr) rex.Expr {
		if m, ok := e.(*rex.Marker); ok {
			i := len(a.groups) + m.ID // the set's number is the last group
			return rex.Col(i, out[i].Type)
		}
		if _, constant := e.(*rex.Literal); !constant {
			if i, ok := digests[rex.Digest(e)]; ok {
				return rex.Col(i, out[i].Type)
			}
		}
		if c, ok := e.(*rex.Column); ok {
			if err == nil {
				ref := x.refs[c]
				err = errorAt(ref.Pos(), "column '%s' is neither in GROUP BY nor inside of an aggregate function", dotted(ref.Parts))
			}
			return c
		}
		return nil
	})
	return r, err
}

// node makes the aggregation over the FROM and WHERE. names are those wished for
// the results of the calls, "" for any.
func (a *aggregates) node(input plan.Node, names []string, ttl plan.StateTTL) plan.Node {
	pre := &projection{in: input}
	groups := make([]int, len(a.groups))
	for i, g := range a.groups {
		groups[i] = pre.add(g, true)
	}
	agg := &plan.LogicalAggregate{Groups: groups, TTL: ttl}
	for i, c := range a.calls {
		call := plan.AggCall{Name: c.fn.Name, Fn: c.fn, Distinct: c.distinct, T: c.t, Filter: -1, Out: names[i]}
		for _, arg := range c.args {
			call.Args = append(call.Args, pre.add(arg, a.sets != nil)) // a group's column may become NULL
		}
		if c.filter != nil {
			call.Filter = pre.add(c.filter, a.sets != nil)
		}
		if call.Out == "" {
			call.Out = fmt.Sprintf("$f%d", len(groups)+i)
		}
		agg.Calls = append(agg.Calls, call)
	}
	agg.Input = a.expand(pre.node())
	return agg
}

// projection collects expressions for a projection, each once.
type projection struct {
	in     plan.Node
	fields []types.Field // of in, once they were asked for
	exprs  []rex.Expr
	names  []string
	seen   map[string]int
}

// add gives the index of an expression's column. A group always gets one of its
// own, for groups are told apart by their place.
func (p *projection) add(e rex.Expr, always bool) int {
	if p.seen == nil {
		p.seen = map[string]int{}
	}
	d := rex.Digest(e) + rex.TypeName(e.Type())
	if i, ok := p.seen[d]; ok && !always {
		return i
	}
	name := fmt.Sprintf("$f%d", len(p.exprs))
	if c, ok := e.(*rex.Column); ok {
		if p.fields == nil {
			p.fields = p.in.Fields()
		}
		name = p.fields[c.Index].Name
	}
	p.seen[d] = len(p.exprs)
	p.exprs = append(p.exprs, e)
	p.names = append(p.names, name)
	return len(p.exprs) - 1
}

func (p *projection) node() plan.Node {
	return project(p.in, p.exprs, plan.Unique(p.names))
}

// project is a projection, unless it changes nothing.
func project(in plan.Node, exprs []rex.Expr, names []string) plan.Node {
	fields := in.Fields()
	same := len(exprs) == len(fields)
	for i := 0; same && i < len(exprs); i++ {
		c, ok := exprs[i].(*rex.Column)
		same = ok && c.Index == i && names[i] == fields[i].Name
	}
	if same {
		return in
	}
	return &plan.LogicalProject{Input: in, Exprs: exprs, Names: names}
}
