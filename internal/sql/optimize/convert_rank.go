package optimize

import (
	"slices"

	"github.com/millrace/millrace/internal/sql/plan"
	"github.com/millrace/millrace/internal/types"
)

// windowRank converts a Top-N of which both bounds of a window are partition keys.
//
// Effect: it emits once, when the window is over, keeps nothing after that, and its
// rows keep their time attributes.
//
// Safe: a window that is over gets no more rows.
func windowRank(n *plan.LogicalRank, in plan.Node) (plan.Node, error) {
	w := plan.WindowOf(n.Input)
	if w.Proctime {
		return nil, errorAt(n.At, "Processing time Window TopN is not supported yet.")
	}
	out := &plan.WindowRank{Window: *w, Order: n.Order, Start: n.Start, End: n.End, Number: n.Number, NumberName: n.NumberName}
	for _, c := range n.Partition {
		// Sessions with the same end may have begun apart.
		if c != w.End && (c != w.Start || w.Window.Kind == plan.Session) {
			out.Partition = append(out.Partition, c)
		}
	}
	if n.Start == 1 && n.End == 1 && !n.Number && len(n.Order) == 1 {
		attr := in.Fields()[n.Order[0].Column].Type.Attr
		if attr == types.ProcTime {
			return nil, errorAt(n.At, "Processing time Window Deduplication is not supported yet.")
		}
		out.Dedup = attr == types.RowTime
	}
	out.Input = exchange(in, out.Partition)
	return out, nil
}

// windowRankKeys are the keys that a Top-N in windows makes: the window and the
// partition, with the number where there are several.
func windowRankKeys(n *plan.WindowRank) [][]int {
	key := append(slices.Clone(n.Partition), n.Window.End)
	switch {
	case n.Start == n.End:
		return [][]int{key}
	case n.Number:
		return [][]int{append(key, len(n.Input.Fields()))}
	}
	return nil
}
