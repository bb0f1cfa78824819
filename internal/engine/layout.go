package engine

// layout is where the nodes of a graph run and when, for a number of workers.
//
// A node's level is the number of exchanges on the longest path to it. Within a
// level rows pass by direct calls; between levels workers meet. Edges that stay
// on a worker but skip a level wait in the inbox for their level's turn: so no
// level waits for itself, however the graph forks and joins.
//
//	source ─ calc ─┬─ hash ─ agg ─┐
//	   0      0    │          1   ├─ join ─ sink
//	               └──── forward ─┘   1      1
//
// With one worker nothing is exchanged: the graph is one level of direct calls.
type layout struct {
	single []bool
	level  []int
	depth  int      // number of levels
	ships  [][]Ship // by node and input: Forward stays on its worker
}

func (g *Graph) layout(workers int) *layout {
	l := &layout{
		single: make([]bool, len(g.Nodes)),
		level:  make([]int, len(g.Nodes)),
		ships:  make([][]Ship, len(g.Nodes)),
	}
	for i, n := range g.Nodes {
		l.single[i] = l.isSingle(n)
		for _, in := range n.Inputs {
			ship := Forward
			if workers > 1 {
				ship = in.on(l.single[in.Node], l.single[i])
			}
			l.ships[i] = append(l.ships[i], ship)
			level := l.level[in.Node]
			if ship != Forward {
				level++
			}
			l.level[i] = max(l.level[i], level)
		}
		l.depth = max(l.depth, l.level[i]+1)
	}
	return l
}

// isSingle: a node is single if it says so, or if all of its inputs come from
// worker 0 anyway.
func (l *layout) isSingle(n *Node) bool {
	if n.Single || len(n.Inputs) == 0 {
		return n.Single
	}
	for _, in := range n.Inputs {
		if in.Ship != Single && !(in.Ship == Forward && l.single[in.Node]) {
			return false
		}
	}
	return true
}

// on is how an edge ships between nodes of which one, or both, are single.
func (in Input) on(from, to bool) Ship {
	switch {
	case from && to:
		return Forward
	case to, from && in.Ship == Forward:
		return Single
	}
	return in.Ship
}

// runsOn says whether a node has an instance on a worker.
func (l *layout) runsOn(node, worker int) bool { return worker == 0 || !l.single[node] }
