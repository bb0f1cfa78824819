package bind

import (
	"github.com/millrace/millrace/internal/function"
	"github.com/millrace/millrace/internal/sql/parser"
	"github.com/millrace/millrace/internal/sql/plan"
	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// matching is INTERSECT or EXCEPT: the rows that have one alike on the other side, or
// none, each once.
func (b *Binder) matching(s *parser.SetOp, l, r plan.Node) (plan.Node, error) {
	join := &plan.LogicalJoin{Left: l, Right: r, Kind: plan.Semi}
	if s.Op == "EXCEPT" {
		join.Kind = plan.Anti
	}
	x := b.exprs(&scope{}, s.Op)
	lf, rf := l.Fields(), r.Fields()
	var items []rex.Expr
	for i := range lf {
		same, err := x.call(s.Pos(), "IS NOT DISTINCT FROM", rex.Col(i, lf[i].Type.Plain()), rex.Col(len(lf)+i, rf[i].Type.Plain()))
		if err != nil {
			return nil, err
		}
		items = append(items, same)
	}
	join.Cond = rex.And(items...)
	return distinct(join), nil
}

// counted is INTERSECT ALL or EXCEPT ALL: each row as often as the smaller of its two
// numbers says, or their difference. Both sides' rows are counted together.
func (b *Binder) counted(s *parser.SetOp, l, r plan.Node) (plan.Node, error) {
	one, none := rex.Expr(rex.Lit(types.TBigInt, int64(1))), rex.Expr(rex.Null(types.TBigInt))
	mark := func(n plan.Node, left, right rex.Expr) plan.Node {
		return &plan.LogicalProject{
			Input: n, Exprs: append(plan.Columns(n), left, right), Names: append(plan.FieldNames(n), "vcol_left_marker", "vcol_right_marker"),
		}
	}
	k := len(l.Fields())
	union := &plan.LogicalUnion{In: []plan.Node{mark(l, one, none), mark(r, none, one)}}
	agg := &plan.LogicalAggregate{Input: union}
	for i := range k {
		agg.Groups = append(agg.Groups, i)
	}
	count, _ := function.LookupAggregate("COUNT")
	for i, name := range []string{"vcol_left_cnt", "vcol_right_cnt"} {
		agg.Calls = append(agg.Calls, plan.AggCall{Name: "COUNT", Fn: count, Args: []int{k + i}, Filter: -1, T: types.TBigInt.Required(), Out: name})
	}
	left, right := rex.Col(k, types.TBigInt.Required()), rex.Col(k+1, types.TBigInt.Required())
	x := b.exprs(&scope{}, s.Op)
	op := "-"
	if s.Op == "INTERSECT" {
		op = "LEAST"
	}
	times, err := x.call(s.Pos(), op, left, right)
	if err != nil {
		return nil, err
	}
	counted := &plan.LogicalProject{Input: agg, Exprs: append(plan.Columns(agg)[:k:k], times), Names: append(plan.FieldNames(l), "$f0")}
	some, err := x.call(s.Pos(), ">", rex.Col(k, times.Type()), rex.Lit(types.TBigInt, int64(0)))
	if err != nil {
		return nil, err
	}
	return &plan.LogicalReplicate{Input: &plan.LogicalFilter{Input: counted, Cond: some}}, nil
}
