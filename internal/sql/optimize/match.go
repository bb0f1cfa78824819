package optimize

import (
	"slices"

	"github.com/millrace/millrace/internal/sql/plan"
	"github.com/millrace/millrace/internal/types"
)

// match converts MATCH_RECOGNIZE: its rows are where their partition is.
func (c *converter) match(n *plan.LogicalMatch, in plan.Node) (plan.Node, error) {
	if err := onlyInserts("Match Recognize", in, n.Spec.At); err != nil {
		return nil, err
	}
	k := n.Spec.Order[0]
	switch {
	case in.Fields()[k.Column].Type.Attr == types.NoTime:
		return nil, errorAt(n.Spec.At, "You must specify either rowtime or proctime for order by as the first one.")
	case k.Desc:
		return nil, errorAt(n.Spec.At, "Primary sort order of a streaming table must be ascending on time.")
	}
	return &plan.Match{Input: exchange(in, n.Spec.Partition), Spec: n.Spec}, nil
}

// match prunes what neither the pattern nor the measures use.
func (p *pruner) match(n *plan.LogicalMatch) pruned {
	below := n.Spec.Columns()
	in := p.node(n.Input, below)
	in.node = p.narrow(&in, below)
	out := &plan.LogicalMatch{Input: in.node, Spec: n.Spec.Remap(func(c int) int { return in.to[c] })}
	return pruned{out, all(len(n.Fields()))}
}

// matchDistribution is by PARTITION BY, whose columns come first.
func matchDistribution(n *plan.Match) ([]int, bool) {
	keys, ok := distribution(n.Input)
	if !ok || !within(keys, n.Spec.Partition) {
		return nil, false
	}
	out := make([]int, len(keys))
	for i, k := range keys {
		out[i] = slices.Index(n.Spec.Partition, k)
	}
	return out, true
}
