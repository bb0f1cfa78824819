package optimize

import (
	"github.com/millrace/millrace/internal/sql/plan"
	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// foldConstants computes constant expressions once, now.
//
// Effect: INTERVAL '1' HOUR * 2 costs nothing per row; WHERE 1 = 1 goes away; a
// WHERE that is never TRUE reads nothing.
//
// Safe: only deterministic expressions are computed, and only if that succeeds.
// CASE WHEN x > 0 THEN 1 / 0 END keeps its division, which fails on a row where
// x > 0, and not before.
func foldConstants(n plan.Node) (plan.Node, error) {
	return plan.Rewrite(n, func(n plan.Node) (plan.Node, error) {
		switch n := n.(type) {
		case *plan.LogicalProject:
			c := *n
			c.Exprs = make([]rex.Expr, len(n.Exprs))
			for i, e := range n.Exprs {
				c.Exprs[i] = foldExpr(e)
			}
			return &c, nil
		case *plan.LogicalFilter:
			return foldFilter(n), nil
		case *plan.LogicalJoin:
			c := *n
			c.Cond = foldExpr(n.Cond)
			return &c, nil
		}
		return n, nil
	})
}

func foldFilter(n *plan.LogicalFilter) plan.Node {
	cond := foldExpr(n.Cond)
	if l, ok := cond.(*rex.Literal); ok {
		if l.Value == true {
			return n.Input
		}
		return &plan.LogicalValues{Out: n.Input.Fields()}
	}
	return &plan.LogicalFilter{Input: n.Input, Cond: cond}
}

// foldExpr folds the largest constant parts of an expression.
func foldExpr(e rex.Expr) rex.Expr {
	return rex.Rewrite(e, func(e rex.Expr) rex.Expr {
		if l, ok := e.(*rex.Logic); ok {
			return simplifyLogic(l)
		}
		if len(e.Args()) == 0 || !allLiterals(e.Args()) {
			return e
		}
		if l, ok := rex.Fold(e); ok {
			return l
		}
		return e
	})
}

func allLiterals(args []rex.Expr) bool {
	for _, a := range args {
		if _, ok := a.(*rex.Literal); !ok {
			return false
		}
	}
	return true
}

// simplifyLogic leaves out what decides nothing: TRUE in AND, FALSE in OR; and
// what decides all is all.
func simplifyLogic(l *rex.Logic) rex.Expr {
	items := make([]rex.Expr, 0, len(l.Items))
	for _, e := range l.Items {
		if rex.IsFalse(e) && !l.Or || rex.IsTrue(e) && l.Or {
			return e
		}
		if lit, ok := e.(*rex.Literal); ok && lit.T.Root == types.Null {
			e = rex.Null(types.TBool)
		}
		items = append(items, e)
	}
	if l.Or {
		return rex.Or(items...)
	}
	return rex.And(items...)
}
