package optimize

import (
	"slices"

	"github.com/millrace/millrace/internal/sql/plan"
	"github.com/millrace/millrace/internal/sql/plan/rex"
)

// fold marks the aggregations that may emit the changes of a step once a key.
//
// Effect: a key that changes a thousand times in a step is written once.
//
// Safe: it all ends in sinks that keep one row of a key, so that only the last
// counts. Nothing between them and the aggregation may look at times or count
// changes; a changelog or append-only sink shows every change, as does a query.
// An aggregation that several plans share is folded only if all allow it.
func fold(roots []plan.Node) {
	marks := &folding{no: map[string]bool{}}
	for _, r := range roots {
		marks.visit(r, false)
	}
	for _, g := range marks.yes {
		g.Traits().Fold = !marks.no[marks.ids.Of(g)]
	}
}

type folding struct {
	yes []*plan.GroupAggregate
	no  map[string]bool
	ids plan.IDs
}

func (f *folding) visit(n plan.Node, ok bool) {
	switch n := n.(type) {
	case *plan.Sink:
		ok = keepsLast(n)
	case *plan.GroupAggregate:
		if ok && !n.Traits().FinalOnly {
			f.yes = append(f.yes, n)
		} else {
			f.no[f.ids.Of(n)] = true
		}
	case *plan.Calc:
		ok = ok && deterministic(n)
	case *plan.Join, *plan.Exchange, *plan.DropBefore, *plan.Union, *plan.Rank:
	default:
		ok = false
	}
	for _, in := range n.Inputs() {
		f.visit(in, ok)
	}
}

func deterministic(n *plan.Calc) bool {
	return !slices.ContainsFunc(n.Exprs, func(e rex.Expr) bool { return !rex.Deterministic(e) }) &&
		(n.Where == nil || rex.Deterministic(n.Where))
}
