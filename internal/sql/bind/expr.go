package bind

import (
	"github.com/millrace/millrace/internal/function"
	"github.com/millrace/millrace/internal/sql/parser"
	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// exprs binds the expressions of one clause.
type exprs struct {
	b     *Binder
	scope *scope
	// clause is where the expressions stand, for errors.
	clause string
	// aggs collects aggregate calls; nil where none may stand.
	aggs *aggregates
	// overs: window functions may stand here.
	overs bool
	// window is that of a GROUP BY TUMBLE(…).
	window *groupWindow
	// windows are the named windows of the SELECT.
	windows []*parser.NamedWindow
	// scalar binds a sub-query in the place of a value; nil where none may stand.
	scalar func(*parser.SubqueryExpr) (rex.Expr, error)
	// match is the MATCH_RECOGNIZE that the expression stands in.
	match *matching
	// refs remembers where each column was written, for errors that are found
	// out later.
	refs map[*rex.Column]*parser.ColumnRef
}

func (b *Binder) exprs(s *scope, clause string) *exprs {
	return &exprs{b: b, scope: s, clause: clause, refs: map[*rex.Column]*parser.ColumnRef{}}
}

// bind turns a syntax tree into an expression over the scope's columns, which knows its
// place.
func (x *exprs) bind(e parser.Expr) (rex.Expr, error) {
	out, err := x.expr(e)
	if err != nil {
		return nil, err
	}
	return rex.Place(out, x.b.place(e.Pos())), nil
}

func (x *exprs) expr(e parser.Expr) (rex.Expr, error) {
	switch e := e.(type) {
	case *parser.ColumnRef:
		return x.column(e)
	case *parser.NumberLit:
		return number(e, false)
	case *parser.StringLit:
		return text(e), nil
	case *parser.BinaryLit:
		return rex.Lit(types.Type{Root: types.Binary, Precision: len(e.Value)}, e.Value), nil
	case *parser.BoolLit:
		return rex.Bool(e.Value), nil
	case *parser.NullLit:
		if e.Unknown {
			return rex.Null(types.TBool), nil
		}
		return rex.Null(types.TNull), nil
	case *parser.DatetimeLit:
		return x.b.datetime(e)
	case *parser.IntervalLit:
		return interval(e)
	case *parser.IntervalExpr:
		return x.intervalExpr(e)
	case *parser.Symbol:
		return rex.Lit(types.Type{Root: types.Symbol}, e.Name), nil
	case *parser.UnaryExpr:
		return x.unary(e)
	case *parser.BinaryExpr:
		return x.binary(e)
	case *parser.CaseExpr:
		return x.caseExpr(e)
	case *parser.CastExpr:
		return x.cast(e)
	case *parser.FuncCall:
		return x.funcCall(e)
	case *parser.FieldAccess:
		return x.field(e)
	case *parser.IndexExpr:
		return x.callAll(e.Pos(), "ITEM", e.X, e.Index)
	case *parser.SubqueryExpr:
		return x.subquery(e)
	}
	return x.predicate(e)
}

// predicate binds what gives a BOOLEAN by its syntax, and the constructors.
func (x *exprs) predicate(e parser.Expr) (rex.Expr, error) {
	switch e := e.(type) {
	case *parser.IsExpr:
		return x.is(e)
	case *parser.BetweenExpr:
		return x.between(e)
	case *parser.InExpr:
		return x.in(e)
	case *parser.LikeExpr:
		return x.like(e)
	case *parser.ArrayExpr:
		if e.Query == nil && len(e.Elems) == 0 {
			return nil, errorAt(e.Pos(), "ARRAY[] has no element to tell its type by")
		}
		if e.Query == nil {
			return x.callAll(e.Pos(), "ARRAY", e.Elems...)
		}
	case *parser.MapExpr:
		if e.Query == nil {
			return x.callAll(e.Pos(), "MAP", e.Elems...)
		}
	case *parser.RowExpr:
		return x.callAll(e.Pos(), "ROW", e.Elems...)
	case *parser.ExistsExpr:
		return nil, unsupported(e.Pos(), "EXISTS other than as a whole condition of WHERE is")
	case *parser.Star:
		return nil, errorAt(e.Pos(), "'*' can stand only in a select list and in COUNT(*)")
	case *parser.MatchScopeExpr:
		if x.match != nil {
			return x.match.scoped(x, e)
		}
	case *parser.QuantifiedExpr:
		return nil, unsupported(e.Pos(), "a comparison with "+e.Quantifier+" (…) is")
	case *parser.DefaultExpr:
		return nil, unsupported(e.Pos(), "DEFAULT is")
	}
	return nil, unsupported(e.Pos(), "this expression is")
}

func (x *exprs) all(list []parser.Expr) ([]rex.Expr, error) {
	out := make([]rex.Expr, len(list))
	for i, e := range list {
		var err error
		if out[i], err = x.bind(e); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (x *exprs) column(ref *parser.ColumnRef) (rex.Expr, error) {
	if x.match != nil {
		return x.match.column(ref)
	}
	e, err := x.scope.resolve(ref)
	if err != nil {
		return nil, err
	}
	rex.Walk(e, func(e rex.Expr) bool {
		if c, ok := e.(*rex.Column); ok {
			x.refs[c] = ref
		}
		return true
	})
	return e, nil
}

func (x *exprs) field(e *parser.FieldAccess) (rex.Expr, error) {
	row, err := x.bind(e.X)
	if err != nil {
		return nil, err
	}
	return fields(row, []parser.Ident{e.Field})
}

// call calls a function of bound arguments.
func (x *exprs) call(at parser.Pos, name string, args ...rex.Expr) (rex.Expr, error) {
	fn, ok := function.LookupScalar(name)
	if !ok {
		return nil, unsupported(at, name+" is")
	}
	e, err := rex.CallFn(name, fn, args)
	if err != nil {
		return nil, wrap(at, err)
	}
	return rex.Place(e, x.b.place(at)), nil
}

func (x *exprs) callAll(at parser.Pos, name string, args ...parser.Expr) (rex.Expr, error) {
	bound, err := x.all(args)
	if err != nil {
		return nil, err
	}
	return x.call(at, name, bound...)
}

func (x *exprs) unary(e *parser.UnaryExpr) (rex.Expr, error) {
	if n, ok := e.X.(*parser.NumberLit); ok && e.Op == "-" {
		return number(n, true)
	}
	if e.Op == "NOT" {
		return x.not(e)
	}
	v, err := x.bind(e.X)
	if err != nil || e.Op == "+" && v.Type().IsNumeric() {
		return v, err
	}
	return x.call(e.Pos(), e.Op, v)
}

func (x *exprs) not(e *parser.UnaryExpr) (rex.Expr, error) {
	v, err := x.boolean(e.X, "NOT")
	if err != nil {
		return nil, err
	}
	return x.call(e.Pos(), "NOT", v)
}

// boolean binds an expression that must be a condition.
func (x *exprs) boolean(e parser.Expr, what string) (rex.Expr, error) {
	v, err := x.bind(e)
	if err != nil {
		return nil, err
	}
	switch v.Type().Root {
	case types.Boolean:
		return v, nil
	case types.Null:
		return rex.Null(types.TBool), nil
	}
	return nil, errorAt(e.Pos(), "%s needs BOOLEAN, found %s", what, typeText(v.Type()))
}

func (x *exprs) binary(e *parser.BinaryExpr) (rex.Expr, error) {
	if e.Op == parser.OpAnd || e.Op == parser.OpOr {
		l, err := x.boolean(e.L, e.Op)
		if err != nil {
			return nil, err
		}
		r, err := x.boolean(e.R, e.Op)
		if err != nil {
			return nil, err
		}
		if e.Op == parser.OpAnd {
			return rex.And(l, r), nil
		}
		return rex.Or(l, r), nil
	}
	args, err := x.all([]parser.Expr{e.L, e.R})
	if err != nil {
		return nil, err
	}
	return x.call(e.OpPos, e.Op, args...)
}

func (x *exprs) is(e *parser.IsExpr) (rex.Expr, error) {
	name := "IS "
	if e.Not {
		name = "IS NOT "
	}
	return x.callAll(e.Pos(), name+e.What, e.X)
}

func (x *exprs) between(e *parser.BetweenExpr) (rex.Expr, error) {
	args, err := x.all([]parser.Expr{e.X, e.Low, e.High})
	if err != nil {
		return nil, err
	}
	both, err := x.range_(e.Pos(), args[0], args[1], args[2])
	if err != nil {
		return nil, err
	}
	if e.Symmetric {
		other, err := x.range_(e.Pos(), args[0], args[2], args[1])
		if err != nil {
			return nil, err
		}
		both = rex.Or(both, other)
	}
	if e.Not {
		return x.call(e.Pos(), "NOT", both)
	}
	return both, nil
}

func (x *exprs) range_(at parser.Pos, v, low, high rex.Expr) (rex.Expr, error) {
	from, err := x.call(at, ">=", v, low)
	if err != nil {
		return nil, err
	}
	to, err := x.call(at, "<=", v, high)
	if err != nil {
		return nil, err
	}
	return rex.And(from, to), nil
}

func (x *exprs) like(e *parser.LikeExpr) (rex.Expr, error) {
	list := []parser.Expr{e.X, e.Pattern}
	if e.Escape != nil {
		list = append(list, e.Escape)
	}
	v, err := x.callAll(e.Pos(), e.Op, list...)
	if err != nil || !e.Not {
		return v, err
	}
	return x.call(e.Pos(), "NOT", v)
}

// in is X IN (a, b, …). Constants become a set; anything else is compared one by
// one.
func (x *exprs) in(e *parser.InExpr) (rex.Expr, error) {
	if e.Query != nil {
		return nil, unsupported(e.Query.Pos(), "IN (sub-query) other than as a whole condition of WHERE is")
	}
	args, err := x.all(append([]parser.Expr{e.X}, e.List...))
	if err != nil {
		return nil, err
	}
	t, ok := commonType(typesOf(args))
	if !ok {
		return nil, errorAt(e.Pos(), "IN cannot compare %s with %s", typeText(args[0].Type()), typeList(typesOf(args[1:])))
	}
	v, err := x.inSet(e, args, t.Nullable())
	if err != nil || !e.Not {
		return v, err
	}
	return x.call(e.Pos(), "NOT", v)
}

func (x *exprs) inSet(e *parser.InExpr, args []rex.Expr, t types.Type) (rex.Expr, error) {
	in := &rex.In{T: types.TBool}
	for i := range args {
		var err error
		if args[i], err = rex.CastTo(args[i], t, false); err != nil {
			return nil, wrap(e.Pos(), err)
		}
		if l, ok := rex.Fold(args[i]); ok && i > 0 {
			in.List = append(in.List, l)
			in.T.NotNull = in.T.NotNull && l.Value != nil
		}
	}
	if len(in.List) == len(args)-1 && len(in.List) > 1 {
		in.X = args[0]
		in.T = types.TBool
		return in, nil
	}
	var items []rex.Expr
	for _, a := range args[1:] {
		eq, err := x.call(e.Pos(), "=", args[0], a)
		if err != nil {
			return nil, err
		}
		items = append(items, eq)
	}
	return rex.Or(items...), nil
}

func (x *exprs) caseExpr(e *parser.CaseExpr) (rex.Expr, error) {
	c := &rex.Case{}
	var results []rex.Expr
	for _, w := range e.Whens {
		cond, err := x.when(e, w)
		if err != nil {
			return nil, err
		}
		then, err := x.bind(w.Then)
		if err != nil {
			return nil, err
		}
		c.Whens = append(c.Whens, cond)
		results = append(results, then)
	}
	if e.Else != nil {
		v, err := x.bind(e.Else)
		if err != nil {
			return nil, err
		}
		results = append(results, v)
	}
	t, ok := commonType(typesOf(results))
	if !ok {
		return nil, errorAt(e.Pos(), "the results of CASE have no common type: %s", typeList(typesOf(results)))
	}
	required := e.Else != nil
	for i := range results {
		var err error
		required = required && results[i].Type().NotNull
		if results[i], err = rex.CastTo(results[i], t, false); err != nil {
			return nil, wrap(e.Pos(), err)
		}
	}
	c.Thens = results[:len(e.Whens)]
	if e.Else != nil {
		c.Else = results[len(e.Whens)]
	}
	c.T = t.WithNull(!required)
	return c, nil
}

// when is the condition of a branch; CASE x WHEN a, b compares x with each.
func (x *exprs) when(e *parser.CaseExpr, w *parser.When) (rex.Expr, error) {
	if e.Operand == nil {
		return x.boolean(w.Conds[0], "WHEN")
	}
	var items []rex.Expr
	for _, c := range w.Conds {
		eq, err := x.callAll(c.Pos(), "=", e.Operand, c)
		if err != nil {
			return nil, err
		}
		items = append(items, eq)
	}
	return rex.Or(items...), nil
}

func (x *exprs) cast(e *parser.CastExpr) (rex.Expr, error) {
	v, err := x.bind(e.X)
	if err != nil {
		return nil, err
	}
	t, err := Type(e.Type)
	if err != nil {
		return nil, err
	}
	out, err := rex.CastTo(v, t, e.Try)
	if err != nil {
		return nil, wrap(e.Pos(), err)
	}
	return out, nil
}

func (x *exprs) subquery(e *parser.SubqueryExpr) (rex.Expr, error) {
	if x.scalar == nil {
		return nil, unsupported(e.Pos(), "a sub-query in "+x.clause+" is")
	}
	return x.scalar(e)
}
