// Package optimize turns logical plans into physical ones. It has no costs: each
// rule always makes a plan better or enables one that does, so they run one after
// the other, once.
//
//	constant   compute what is constant
//	filter     move conditions towards the sources
//	rank       find Top-N
//	over       give other window functions an operator
//	prune      read and carry only the columns that are used
//	convert    choose operators: calc, window, join, sort; place exchanges
//	changelog  decide for every edge which row kinds are on it
//	fold       find edges on which changes of a step may be folded
//
// What every rule keeps is the table that a plan stands for: the multiset of rows
// that all changes together make. A rule says why it does.
package optimize

import (
	"fmt"

	"github.com/millrace/millrace/internal/sql/parser"
	"github.com/millrace/millrace/internal/sql/plan"
)

// rule rewrites a logical plan.
type rule struct {
	name  string
	apply func(plan.Node) (plan.Node, error)
}

// logicalRules run in this order.
var logicalRules = []rule{
	{"constant", foldConstants},
	{"filter", pushFilters},
	{"rank", findRanks},
	{"over", findOvers},
}

func errorAt(at parser.Pos, format string, args ...any) error {
	return &parser.Error{Pos: at, Msg: fmt.Sprintf(format, args...)}
}
