package lower

import (
	"slices"

	"github.com/millrace/millrace/internal/engine/operator"
	"github.com/millrace/millrace/internal/sql/plan"
	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

var matchSkips = [...]operator.MatchSkip{
	plan.SkipPastLast: operator.SkipPastLast, plan.SkipToNext: operator.SkipToNext,
	plan.SkipToFirst: operator.SkipToFirst, plan.SkipToLast: operator.SkipToLast,
}

func match(n *plan.Match) (operator.Operator, error) {
	in, m := plan.Types(n.Input), &n.Spec
	spec := operator.MatchSpec{
		Input: in, Partition: m.Partition, Order: sortKeys(m.Order), ProcTime: in[m.Order[0].Column].Attr == types.ProcTime,
		Skip: matchSkips[m.Skip], SkipVar: m.SkipVar, Within: m.Within,
	}
	for _, v := range m.Pattern {
		spec.Names = append(spec.Names, v.Name)
		out := operator.MatchVar{Min: v.Min, Max: v.Max, Reluctant: v.Reluctant, Define: -1}
		if v.Define != nil {
			out.Define = len(spec.Defines)
			d, err := matchExprs(m, []rex.Expr{v.Define})
			if err != nil {
				return nil, err
			}
			spec.Defines = append(spec.Defines, d)
		}
		spec.Pattern = append(spec.Pattern, out)
	}
	var err error
	spec.Measures, err = matchExprs(m, m.Measures)
	if err != nil {
		return nil, err
	}
	return operator.NewMatch(spec), nil
}

// matchExprs compiles expressions over the slots that they use.
func matchExprs(m *plan.MatchSpec, exprs []rex.Expr) (operator.MatchExprs, error) {
	var out operator.MatchExprs
	used := rex.Columns(exprs...)
	for _, i := range used {
		s, err := matchSlot(&m.Slots[i])
		if err != nil {
			return out, err
		}
		out.Slots = append(out.Slots, s)
	}
	var err error
	out.Exprs, err = compileAll(moved(exprs, used))
	return out, err
}

// moved are expressions over only the columns that they use.
func moved(exprs []rex.Expr, used []int) []rex.Expr {
	out := make([]rex.Expr, len(exprs))
	for i, e := range exprs {
		out[i] = rex.Remap(e, func(c int) int { return slices.Index(used, c) })
	}
	return out
}

var matchKinds = [...]operator.MatchSlotKind{
	plan.MatchColumn: operator.MatchColumn, plan.MatchAggregate: operator.MatchAggregate,
	plan.MatchRowtime: operator.MatchRowtime, plan.MatchProctime: operator.MatchProctime,
}

func matchSlot(s *plan.MatchSlot) (operator.MatchSlot, error) {
	out := operator.MatchSlot{Kind: matchKinds[s.Kind], Var: s.Var, Col: s.Col, Offset: s.Offset, First: s.First, Type: s.T.Plain()}
	if s.Kind != plan.MatchAggregate {
		return out, nil
	}
	args := make([]types.Type, len(s.Args))
	for i, a := range s.Args {
		args[i] = a.Type().Plain()
	}
	fn, _, err := s.Fn.Bind(args, false)
	if err != nil {
		return out, err
	}
	out.Fn, out.Cols = fn, rex.Columns(s.Args...)
	out.Args, err = compileAll(moved(s.Args, out.Cols))
	return out, err
}
