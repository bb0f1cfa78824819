package optimize

import (
	"slices"

	"github.com/millrace/millrace/internal/sql/plan"
	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// updates are the kinds of a stream that changes rows and deletes none.
const updates = types.AppendOnly | 1<<types.UpdateBefore | 1<<types.UpdateAfter

// emits is which row kinds a physical node can emit if nothing is left out.
func emits(n plan.Node) types.KindSet {
	switch n := n.(type) {
	case *plan.Scan:
		return n.Source.ChangelogMode() | types.AppendOnly
	case *plan.Values, *plan.WindowAggregate, *plan.Limit, *plan.Sort, *plan.WindowJoin, *plan.IntervalJoin, *plan.Over, *plan.WindowRank, *plan.Match:
		return types.AppendOnly
	case *plan.Normalize:
		return types.Retract
	case *plan.TemporalJoin:
		return types.AppendOnly
	case *plan.GroupAggregate:
		return aggregateEmits(n)
	case *plan.Rank:
		return unless(n.Traits().FinalOnly, types.Retract)
	case *plan.SortLimit:
		return unless(n.Traits().FinalOnly, types.Retract)
	case *plan.Deduplicate:
		return unless(n.Traits().FinalOnly || n.InsertOnly(), updates)
	case *plan.Join:
		inserts := emits(n.Left)|emits(n.Right) == types.AppendOnly
		return unless(inserts && (n.Kind == plan.Inner || n.Kind == plan.Semi), types.Retract)
	}
	var out types.KindSet
	for _, in := range n.Inputs() {
		out |= emits(in)
	}
	return out
}

func unless(inserts bool, mode types.KindSet) types.KindSet {
	if inserts {
		return types.AppendOnly
	}
	return mode
}

// aggregateEmits: an aggregation without calls is DISTINCT, whose rows do not
// change; a group goes only if rows are taken back.
func aggregateEmits(n *plan.GroupAggregate) types.KindSet {
	switch {
	case n.Traits().FinalOnly:
		return types.AppendOnly
	case emits(n.Input) != types.AppendOnly:
		return types.Retract
	case len(n.Calls) == 0:
		return types.AppendOnly
	}
	return updates
}

func inserts(n plan.Node) bool { return emits(n) == types.AppendOnly }

// uniqueKeys are sets of columns each of which identifies a row of the table
// that a physical node's output stands for. An empty set: there is one row.
func uniqueKeys(n plan.Node) [][]int {
	switch n := n.(type) {
	case *plan.Scan:
		return scanKeys(n)
	case *plan.Calc:
		return calcKeys(n, uniqueKeys(n.Input))
	case *plan.GroupAggregate:
		return [][]int{all(len(n.Groups))}
	case *plan.WindowAggregate:
		return windowKeys(n)
	case *plan.WindowFunction:
		if n.Window.Kind == plan.Session {
			return uniqueKeys(n.Input) // a row has one session
		}
		end := len(n.Input.Fields()) + 1
		var out [][]int
		for _, k := range uniqueKeys(n.Input) {
			out = append(out, append(slices.Clone(k), end))
		}
		return out
	case *plan.Rank:
		return append(rankKeys(n), uniqueKeys(n.Input)...)
	case *plan.WindowRank:
		return append(windowRankKeys(n), uniqueKeys(n.Input)...)
	case *plan.Normalize:
		return [][]int{n.Keys}
	case *plan.Deduplicate:
		return [][]int{n.Keys}
	case *plan.Join:
		return joinKeys(n, uniqueKeys(n.Left), uniqueKeys(n.Right))
	case *plan.WindowJoin:
		return joinKeys(onWindows(n), uniqueKeys(n.Left), uniqueKeys(n.Right))
	case *plan.TemporalJoin:
		return uniqueKeys(n.Left) // a row has one version
	case *plan.LookupJoin:
		if hasSubset(scanKeys(n.Table), n.RightKeys) {
			return uniqueKeys(n.Left)
		}
		return nil
	case *plan.Union, *plan.Values, *plan.IntervalJoin, *plan.Replicate, *plan.Expand, *plan.Match:
		return nil
	}
	return uniqueKeys(n.Inputs()[0])
}

// scanKeys is the primary key, which is NOT ENFORCED and believed, as in Flink.
func scanKeys(n *plan.Scan) [][]int {
	if len(n.Table.Connector.PrimaryKey) == 0 {
		return nil
	}
	var key []int
	for _, c := range n.Table.Connector.PrimaryKey {
		at := slices.Index(n.Columns, c)
		if at < 0 {
			return nil
		}
		key = append(key, at)
	}
	return [][]int{key}
}

// calcKeys moves keys through a Calc; those of which a column is gone are gone.
func calcKeys(n *plan.Calc, keys [][]int) [][]int {
	var out [][]int
	for _, k := range keys {
		if moved, ok := throughCalc(n, k); ok {
			out = append(out, moved)
		}
	}
	return out
}

// throughCalc finds where a Calc puts columns of its input.
func throughCalc(n *plan.Calc, columns []int) ([]int, bool) {
	out := make([]int, len(columns))
	for i, c := range columns {
		out[i] = slices.IndexFunc(n.Exprs, func(e rex.Expr) bool {
			col, ok := e.(*rex.Column)
			return ok && col.Index == c
		})
		if out[i] < 0 {
			return nil, false
		}
	}
	return out, true
}

// windowKeys are the groups with a bound of the window. The start of a CUMULATE
// window does not tell its windows apart.
func windowKeys(n *plan.WindowAggregate) [][]int {
	var out [][]int
	g := len(n.Groups)
	for i, p := range n.Properties {
		if p != plan.WindowStart || n.Window.Kind != plan.Cumulate {
			out = append(out, append(all(g), g+len(n.Calls)+i))
		}
	}
	return out
}

// rankKeys are the keys that a Top-N makes: the number in its partition.
func rankKeys(n *plan.Rank) [][]int {
	switch {
	case n.Start == n.End:
		return [][]int{n.Partition}
	case n.Number:
		return [][]int{append(slices.Clone(n.Partition), len(n.Input.Fields()))}
	}
	return nil
}

// joinKeys are keys of a join made of those of its inputs: one side's are enough
// if a row of it has one partner at the most.
func joinKeys(n *plan.Join, left, right [][]int) [][]int {
	if n.Kind == plan.Semi || n.Kind == plan.Anti {
		return left
	}
	k := len(n.Left.Fields())
	var out, shifted [][]int
	for _, r := range right {
		shifted = append(shifted, shift(r, k))
	}
	if hasSubset(right, n.RightKeys) && n.Kind != plan.Right && n.Kind != plan.Full {
		out = append(out, left...)
	}
	if hasSubset(left, n.LeftKeys) && n.Kind != plan.Left && n.Kind != plan.Full {
		out = append(out, shifted...)
	}
	for _, l := range left {
		for _, r := range shifted {
			out = append(out, append(slices.Clone(l), r...))
		}
	}
	return out
}

// onWindows is a window join as one that equates the windows' columns too.
func onWindows(n *plan.WindowJoin) *plan.Join {
	l, r := n.LeftWindow, n.RightWindow
	return &plan.Join{
		Left: n.Left, Right: n.Right, Kind: n.Kind,
		LeftKeys: append(slices.Clone(n.LeftKeys), l.Start, l.End), RightKeys: append(slices.Clone(n.RightKeys), r.Start, r.End),
	}
}

func shift(columns []int, by int) []int {
	out := make([]int, len(columns))
	for i, c := range columns {
		out[i] = c + by
	}
	return out
}

// hasSubset says whether one of the keys lies within the columns.
func hasSubset(keys [][]int, columns []int) bool {
	return slices.ContainsFunc(keys, func(k []int) bool { return within(k, columns) })
}

func within(small, big []int) bool {
	for _, c := range small {
		if !slices.Contains(big, c) {
			return false
		}
	}
	return true
}

// upsertKeys are the keys by which a node's -U can be left out: to every -U there
// is a +U of the same key, on the same worker. This is more than that the key is
// unique: a filter lets -U pass and drops its +U, an exchange by a column that
// changed sends them to two workers.
func upsertKeys(n plan.Node) [][]int {
	if inserts(n) {
		return uniqueKeys(n)
	}
	switch n := n.(type) {
	case *plan.GroupAggregate, *plan.Normalize, *plan.Deduplicate, *plan.Scan:
		return uniqueKeys(n)
	case *plan.Rank:
		return rankKeys(n)
	case *plan.Calc:
		return calcKeys(n, filterKeys(upsertKeys(n.Input), func(k []int) bool {
			return n.Where == nil || rex.Deterministic(n.Where) && within(rex.Columns(n.Where), k)
		}))
	case *plan.Exchange:
		return filterKeys(upsertKeys(n.Input), func(k []int) bool { return within(n.Keys, k) })
	case *plan.Join:
		return joinUpsertKeys(n)
	case *plan.Watermark, *plan.DropBefore:
		return upsertKeys(n.Inputs()[0])
	}
	return nil
}

// orderedKeys are the keys whose changes all come from one worker, in their order:
// to a sink that takes -U for a deletion they leave the last row of each key. They
// are more than upsertKeys: the +U of a -U may be missing, or be of another row.
func orderedKeys(n plan.Node) [][]int {
	if inserts(n) {
		return uniqueKeys(n)
	}
	switch n := n.(type) {
	case *plan.GroupAggregate, *plan.Normalize, *plan.Deduplicate, *plan.Scan:
		return uniqueKeys(n)
	case *plan.Rank:
		// With numbers, a row is given its new one before it has lost the old one.
		if n.Number {
			return rankKeys(n)
		}
		return append(rankKeys(n), orderedKeys(n.Input)...)
	case *plan.Calc:
		if n.Where != nil && !rex.Deterministic(n.Where) {
			return nil
		}
		return calcKeys(n, orderedKeys(n.Input))
	case *plan.Exchange:
		return filterKeys(orderedKeys(n.Input), func(k []int) bool { return within(n.Keys, k) })
	case *plan.Join:
		return joinKeys(n, orderedKeys(n.Left), orderedKeys(n.Right))
	case *plan.SortLimit, *plan.Watermark, *plan.DropBefore:
		return orderedKeys(n.Inputs()[0])
	}
	return nil
}

func filterKeys(keys [][]int, ok func([]int) bool) [][]int {
	return slices.DeleteFunc(slices.Clone(keys), func(k []int) bool { return !ok(k) })
}

// joinUpsertKeys: a change that leaves the join's keys alone has the same
// partners before and after, so its -U and +U come in pairs.
func joinUpsertKeys(n *plan.Join) [][]int {
	left, right := sideKeys(n.Left, n.LeftKeys), sideKeys(n.Right, n.RightKeys)
	if n.Residual != nil || !inserts(n.Left) && left == nil || !inserts(n.Right) && right == nil {
		return nil
	}
	switch n.Kind {
	case plan.Inner:
		return joinKeys(n, left, right)
	case plan.Left:
		if hasSubset(right, n.RightKeys) {
			return left
		}
	case plan.Right:
		if hasSubset(left, n.LeftKeys) {
			return filterKeys(joinKeys(n, left, right), func(k []int) bool { return slices.Min(append(k, len(n.Left.Fields()))) >= len(n.Left.Fields()) })
		}
	case plan.Semi, plan.Anti:
		if inserts(n.Right) {
			return left
		}
	}
	return nil
}

func sideKeys(n plan.Node, join []int) [][]int {
	if inserts(n) {
		return uniqueKeys(n)
	}
	return filterKeys(upsertKeys(n), func(k []int) bool { return within(join, k) })
}

// distribution is by which columns a node's rows are spread over the workers;
// none: they are all on one. It is false if nothing is known.
func distribution(n plan.Node) ([]int, bool) {
	switch n := n.(type) {
	case *plan.Scan, *plan.Values, *plan.Union, *plan.Expand:
		return nil, false
	case *plan.Exchange:
		return n.Keys, true
	case *plan.Calc:
		if keys, ok := distribution(n.Input); ok {
			return throughCalc(n, keys)
		}
		return nil, false
	case *plan.GroupAggregate:
		return throughGroups(n.Input, n.Groups)
	case *plan.WindowAggregate:
		return throughGroups(n.Input, n.Groups)
	case *plan.Match:
		return matchDistribution(n)
	case *plan.Join:
		return joinDistribution(n.Kind, n.Left, n.LeftKeys, n.RightKeys)
	case *plan.WindowJoin:
		return joinDistribution(n.Kind, n.Left, n.LeftKeys, n.RightKeys)
	case *plan.TemporalJoin:
		return joinDistribution(n.Kind, n.Left, n.LeftKeys, n.RightKeys)
	case *plan.IntervalJoin:
		return joinDistribution(n.Kind, n.Left, n.LeftKeys, n.RightKeys)
	}
	return distribution(n.Inputs()[0])
}

func throughGroups(in plan.Node, groups []int) ([]int, bool) {
	keys, ok := distribution(in)
	if !ok || !within(keys, groups) {
		return nil, false
	}
	out := make([]int, len(keys))
	for i, k := range keys {
		out[i] = slices.Index(groups, k)
	}
	return out, true
}

// joinDistribution is that of the side whose rows all keep their values.
func joinDistribution(kind plan.JoinKind, left plan.Node, leftKeys, rightKeys []int) ([]int, bool) {
	switch kind {
	case plan.Full:
		return nil, len(leftKeys) == 0
	case plan.Right:
		return shift(rightKeys, len(left.Fields())), true
	}
	return leftKeys, true
}

// exchange brings rows to the worker of their keys, if they are not there.
func exchange(in plan.Node, keys []int) plan.Node {
	if have, ok := distribution(in); ok && slices.Equal(have, keys) {
		return in
	}
	return &plan.Exchange{Input: in, Keys: keys}
}
