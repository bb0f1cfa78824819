package optimize

import (
	"slices"

	"github.com/millrace/millrace/internal/sql/plan"
	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// findOvers makes operators of the window functions that are no Top-N.
//
// Effect: a projection with OVERs becomes one over nodes that add their results as
// columns, a node for each window; Flink takes only one window.
//
// Safe: an OVER gives each row a value and keeps all rows, and so does the node. It
// gives them in the order of time, which several nodes over the same rows keep.
func findOvers(n plan.Node) (plan.Node, error) {
	return plan.Rewrite(n, func(n plan.Node) (plan.Node, error) {
		p, ok := n.(*plan.LogicalProject)
		if !ok || !slices.ContainsFunc(p.Exprs, rex.HasOver) {
			return n, nil
		}
		return overs(p)
	})
}

func overs(p *plan.LogicalProject) (plan.Node, error) {
	pre := &columns{in: p.Input}
	for i, e := range plan.Columns(p.Input) {
		pre.add(e, p.Input.Fields()[i].Name)
	}
	var nodes []*plan.LogicalOver
	var err error
	results := map[string][2]int{} // by digest: node, call
	for _, e := range p.Exprs {
		rex.Walk(e, func(e rex.Expr) bool {
			o, ok := e.(*rex.Over)
			if !ok || err != nil {
				return err == nil
			}
			if _, known := results[rex.Digest(o)]; !known {
				var at [2]int
				if nodes, at, err = addOver(nodes, pre, o); err == nil {
					results[rex.Digest(o)] = at
				}
			}
			return false
		})
	}
	if err != nil {
		return nil, err
	}
	node := pre.node()
	var begin []int
	for i, o := range nodes {
		for k := range o.Calls {
			o.Calls[k].Out = "w" + itoa(i) + "$o" + itoa(k)
		}
		begin = append(begin, len(node.Fields()))
		o.Input = node
		node = o
	}
	fields := node.Fields()
	out := &plan.LogicalProject{Input: node, Names: p.Names}
	for _, e := range p.Exprs {
		out.Exprs = append(out.Exprs, rex.RewriteDown(e, func(e rex.Expr) rex.Expr {
			switch e := e.(type) {
			case *rex.Over:
				at := results[rex.Digest(e)]
				c := begin[at[0]] + at[1]
				return rex.Col(c, fields[c].Type)
			case *rex.Column:
				return rex.Col(e.Index, fields[e.Index].Type)
			}
			return nil
		}))
	}
	return out, nil
}

// addOver adds a window function to the node of its window, or to a new one.
func addOver(nodes []*plan.LogicalOver, pre *columns, o *rex.Over) ([]*plan.LogicalOver, [2]int, error) {
	var none [2]int
	if len(o.Order) != 1 || o.Order[0].X.Type().Attr == types.NoTime {
		return nodes, none, errorAt(o.At, "The window can only be ordered by a single time column.")
	}
	if o.Order[0].Desc {
		return nodes, none, errorAt(o.At, "The window can only be ordered in ASCENDING mode.")
	}
	w := &plan.LogicalOver{Frame: o.Frame, Time: pre.add(o.Order[0].X, ""), At: o.At}
	for _, e := range o.Partition {
		w.Partition = append(w.Partition, pre.add(e, ""))
	}
	at := slices.IndexFunc(nodes, func(n *plan.LogicalOver) bool {
		return n.Frame == w.Frame && n.Time == w.Time && slices.Equal(n.Partition, w.Partition)
	})
	if at < 0 {
		at = len(nodes)
		nodes = append(nodes, w)
	}
	call := plan.AggCall{Name: o.Name, Fn: o.Fn, Filter: -1, Distinct: o.Distinct, Offset: o.Offset, T: o.T}
	for _, e := range o.Items {
		call.Args = append(call.Args, pre.add(e, ""))
	}
	if o.Filter != nil {
		call.Filter = pre.add(o.Filter, "")
	}
	n := nodes[at]
	n.Calls = append(n.Calls, call)
	return nodes, [2]int{at, len(n.Calls) - 1}, nil
}

// over converts a window function: its rows are where their partition is.
func (c *converter) over(n *plan.LogicalOver, in plan.Node) (plan.Node, error) {
	if err := onlyInserts("OverAggregate", in, n.At); err != nil {
		return nil, err
	}
	if in.Fields()[n.Time].Type.Attr == types.NoTime {
		return nil, errorAt(n.At, "The window can only be ordered by a single time column.")
	}
	return &plan.Over{Input: exchange(in, n.Partition), Partition: n.Partition, Time: n.Time, Frame: n.Frame, Calls: n.Calls}, nil
}

// over prunes what is neither used above nor by the window function.
func (p *pruner) over(n *plan.LogicalOver, use []int) pruned {
	k := len(n.Input.Fields())
	var calls []plan.AggCall
	to := make([]int, k+len(n.Calls))
	below := append([]int{n.Time}, n.Partition...)
	for i := range to {
		used := slices.Contains(use, i)
		switch {
		case i < k && used:
			below = append(below, i)
		case i >= k && used:
			to[i] = len(calls)
			calls = append(calls, n.Calls[i-k])
			below = append(below, plan.AggColumns(nil, n.Calls[i-k:i-k+1])...)
		case i >= k:
			to[i] = -1
		}
	}
	in := p.node(n.Input, below)
	in.node = p.narrow(&in, below)
	if len(calls) == 0 {
		return pruned{in.node, append(slices.Clone(in.to), to[k:]...)}
	}
	o := *n
	o.Input, o.Time, o.Partition, o.Calls = in.node, in.to[n.Time], nil, nil
	for _, c := range n.Partition {
		o.Partition = append(o.Partition, in.to[c])
	}
	for _, c := range calls {
		o.Calls = append(o.Calls, c.Remap(func(c int) int { return in.to[c] }))
	}
	width := len(in.node.Fields())
	for i := k; i < len(to); i++ {
		if to[i] >= 0 {
			to[i] += width
		}
	}
	copy(to, in.to)
	return pruned{&o, to}
}
