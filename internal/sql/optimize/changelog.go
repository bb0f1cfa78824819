package optimize

import (
	"github.com/millrace/millrace/internal/sql/plan"
	"github.com/millrace/millrace/internal/types"
)

// changelog decides for every edge which row kinds are on it.
//
// Effect: where the consumer needs only the new value of a key, -U is not made,
// shipped and read.
//
// Safe: -U is left out only below a sink that chooses by the key the changes are
// by (see upsertKeys), and below a Top-N that keeps rows by such a key. Everything
// else gets the full changelog. A join and a filter may lose an update's +U, so
// they need its -U, and hand it on: an upsert sink takes one that no +U of the same
// key follows for a deletion.
func changelog(n plan.Node) plan.Node {
	k, ok := n.(*plan.Sink)
	if !ok {
		return edge(n, true)
	}
	out := *k
	out.Input = edge(k.Input, needsBefore(k))
	return &out
}

func needsBefore(k *plan.Sink) bool {
	return k.Materialize || !keepsLast(k) || !hasKey(upsertKeys(k.Input), k.Keys)
}

// keepsLast says whether a sink keeps the last row of a key.
func keepsLast(k *plan.Sink) bool {
	return len(k.Keys) > 0 && !k.Sink.ChangelogMode(emits(k.Input)).Has(types.UpdateBefore)
}

// edge sets the mode of a node, and of all below it. before: -U is needed.
func edge(n plan.Node, before bool) plan.Node {
	full := emits(n)
	in := make([]plan.Node, len(n.Inputs()))
	for i, child := range n.Inputs() {
		in[i] = edge(child, inputNeedsBefore(n, before))
	}
	out := n.WithInputs(in).(plan.Physical)
	mode := full
	switch n.(type) {
	case *plan.Join, *plan.Scan:
		out.Traits().Mode = scanMode(n, full)
		if _, scan := n.(*plan.Scan); scan && !before && mode.Has(types.UpdateBefore) {
			drop := &plan.DropBefore{Input: out}
			drop.Traits().Mode = mode.Without(types.UpdateBefore)
			return drop
		}
		return out
	case *plan.Calc, *plan.Exchange, *plan.Watermark, *plan.WindowFunction, *plan.Union, *plan.LookupJoin, *plan.Expand:
		mode = 0
		for _, c := range in {
			mode |= c.(plan.Physical).Traits().Mode
		}
	default:
		if !before {
			mode = mode.Without(types.UpdateBefore)
		}
	}
	out.Traits().Mode = mode
	return out
}

// scanMode is what a source says itself; an upsert source may give no +I.
func scanMode(n plan.Node, full types.KindSet) types.KindSet {
	if s, ok := n.(*plan.Scan); ok {
		return s.Source.ChangelogMode()
	}
	return full
}

// inputNeedsBefore says whether a node needs -U of its inputs.
func inputNeedsBefore(n plan.Node, before bool) bool {
	switch n := n.(type) {
	case *plan.Calc:
		// An update may fail the condition that the row passed before: only its
		// -U then says that the row is gone.
		return before || n.Where != nil
	case *plan.Exchange, *plan.Watermark, *plan.WindowFunction, *plan.Union:
		return before
	case *plan.Rank:
		return n.Strategy != plan.UpdateFast
	case *plan.SortLimit:
		return n.Strategy != plan.UpdateFast
	}
	return true
}
