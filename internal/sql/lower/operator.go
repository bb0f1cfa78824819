package lower

import (
	"fmt"
	"time"

	"github.com/millrace/millrace/internal/engine/operator"
	"github.com/millrace/millrace/internal/sql/plan"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// maker makes an operator for a worker.
type maker = func(worker int) (operator.Operator, error)

// operator is how the operator of a plan node is made.
func (b *builder) operator(n plan.Node) (maker, error) {
	switch n := n.(type) {
	case *plan.Calc:
		return func(int) (operator.Operator, error) { return calc(n) }, nil
	case *plan.Union:
		return fixed(operator.NewUnion), nil
	case *plan.DropBefore:
		return fixed(func() operator.Operator { return operator.NewChangelogDrop(types.Upsert) }), nil
	case *plan.Normalize:
		return fixed(func() operator.Operator {
			return operator.NewChangelogNormalize(operator.ChangelogNormalizeSpec{Input: plan.Types(n.Input), Keys: n.Keys, NeedUpdateBefore: before(n), TTL: b.env.StateTTL})
		}), nil
	case *plan.GroupAggregate:
		return func(int) (operator.Operator, error) { return b.groupAggregate(n) }, nil
	case *plan.WindowAggregate:
		return func(int) (operator.Operator, error) { return b.windowAggregate(n) }, nil
	case *plan.WindowFunction:
		return fixed(func() operator.Operator { return b.windowFunction(n) }), nil
	case *plan.Join:
		return func(int) (operator.Operator, error) { return b.join(n) }, nil
	case *plan.WindowJoin:
		return func(int) (operator.Operator, error) { return b.windowJoin(n) }, nil
	case *plan.TemporalJoin:
		return func(int) (operator.Operator, error) { return temporalJoin(n) }, nil
	case *plan.LookupJoin:
		return func(int) (operator.Operator, error) { return lookupJoin(n) }, nil
	case *plan.IntervalJoin:
		return func(int) (operator.Operator, error) { return intervalJoin(n) }, nil
	case *plan.Rank:
		return fixed(func() operator.Operator { return b.rank(n) }), nil
	case *plan.WindowRank:
		return fixed(func() operator.Operator { return b.windowRank(n) }), nil
	case *plan.Match:
		return func(int) (operator.Operator, error) { return match(n) }, nil
	case *plan.SortLimit:
		return fixed(func() operator.Operator { return b.sortLimit(n) }), nil
	case *plan.Sort:
		return fixed(func() operator.Operator {
			return operator.NewSort(operator.SortSpec{Input: plan.Types(n.Input), Order: sortKeys(n.Order), Streaming: n.Temporal})
		}), nil
	case *plan.Limit:
		return fixed(func() operator.Operator {
			return operator.NewLimit(operator.LimitSpec{Offset: n.Offset, Count: n.Fetch})
		}), nil
	case *plan.Expand:
		return fixed(func() operator.Operator {
			return operator.NewExpand(operator.ExpandSpec{Types: plan.Types(n), Groups: n.Groups, Sets: n.Sets})
		}), nil
	case *plan.Replicate:
		return fixed(operator.NewReplicate), nil
	case *plan.Over:
		return func(int) (operator.Operator, error) { return b.over(n) }, nil
	case *plan.Deduplicate:
		return fixed(func() operator.Operator { return b.deduplicate(n) }), nil
	}
	return nil, fmt.Errorf("%s is not supported yet", short(n))
}

func fixed(make func() operator.Operator) maker {
	return func(int) (operator.Operator, error) { return make(), nil }
}

// before says whether the node's output has -U.
func before(n plan.Physical) bool { return n.Traits().Mode.Has(types.UpdateBefore) }

func calc(n *plan.Calc) (operator.Operator, error) {
	filter, err := compileOne(n.Where)
	if err != nil {
		return nil, err
	}
	spec := operator.CalcSpec{Filter: filter}
	if !n.Identity() {
		if spec.Project, err = compileAll(n.Exprs); err != nil {
			return nil, err
		}
	}
	return operator.NewCalc(spec), nil
}

// calls binds the aggregate functions of a node to the types of its input.
func calls(list []plan.AggCall, in []types.Type) ([]operator.AggCall, error) {
	out := make([]operator.AggCall, len(list))
	for i, c := range list {
		args := make([]types.Type, len(c.Args))
		for k, a := range c.Args {
			args[k] = in[a]
		}
		fn, _, err := c.Fn.Bind(args, c.Distinct)
		if err != nil {
			return nil, err
		}
		out[i] = operator.AggCall{Fn: fn, Args: c.Args, Filter: c.Filter, Distinct: c.Distinct}
	}
	return out, nil
}

func (b *builder) groupAggregate(n *plan.GroupAggregate) (operator.Operator, error) {
	in := plan.Types(n.Input)
	list, err := calls(n.Calls, in)
	if err != nil {
		return nil, err
	}
	t := n.Traits()
	return operator.NewGroupAggregate(operator.GroupAggregateSpec{
		Input: in, Keys: n.Groups, Calls: list, Retracts: plan.Retracts(n.Input),
		NeedUpdateBefore: before(n), Fold: t.Fold, FinalOnly: t.FinalOnly, TTL: n.TTL.Or(b.env.StateTTL),
	}), nil
}

var windowKinds = [...]operator.WindowKind{plan.Tumble: operator.Tumble, plan.Hop: operator.Hop, plan.Cumulate: operator.Cumulate, plan.Session: operator.Session}

// windows are the windows of a plan over a time column of a type.
func (b *builder) windows(w plan.Window, column int, t types.Type) operator.Windows {
	out := operator.Windows{
		Kind: windowKinds[w.Kind], Size: millis(w.Size), Slide: millis(w.Step), Offset: millis(w.Offset),
		TimeCol: column, ProcTime: t.Attr == types.ProcTime,
	}
	if t.Root == types.TimestampLTZ {
		out.Location = b.env.Location
	}
	return out
}

func millis(ms int64) time.Duration { return time.Duration(ms) * time.Millisecond }

var windowProperties = [...]operator.WindowProperty{
	plan.WindowStart: operator.WindowStart, plan.WindowEnd: operator.WindowEnd, plan.WindowTime: operator.WindowTime,
}

func (b *builder) windowAggregate(n *plan.WindowAggregate) (operator.Operator, error) {
	in := plan.Types(n.Input)
	list, err := calls(n.Calls, in)
	if err != nil {
		return nil, err
	}
	spec := operator.WindowAggregateSpec{
		Input: in, Windows: b.windows(n.Window, n.Time, n.TimeType), Keys: n.Groups, Calls: list,
		TimeType: n.TimeType.Plain().Required(), Retracts: plan.Retracts(n.Input),
	}
	if n.Time < 0 {
		spec.Windows.Kind, spec.Windows.StartCol, spec.Windows.EndCol = operator.Attached, n.Start, n.End
	}
	for _, p := range n.Properties {
		spec.Properties = append(spec.Properties, windowProperties[p])
	}
	if spec.Windows.Kind == operator.Session {
		return operator.NewSessionAggregate(spec), nil
	}
	return operator.NewWindowAggregate(spec), nil
}

func (b *builder) windowFunction(n *plan.WindowFunction) operator.Operator {
	in := plan.Types(n.Input)
	spec := operator.WindowTVFSpec{
		Input: in, Windows: b.windows(n.Window, n.Time, in[n.Time]), TimeType: in[n.Time].Plain().Required(),
	}
	if spec.Windows.Kind == operator.Session {
		return operator.NewSessionTVF(spec, n.Partition)
	}
	return operator.NewWindowTVF(spec)
}

var joinKinds = [...]operator.JoinKind{
	plan.Inner: operator.InnerJoin, plan.Left: operator.LeftJoin, plan.Right: operator.RightJoin,
	plan.Full: operator.FullJoin, plan.Semi: operator.SemiJoin, plan.Anti: operator.AntiJoin,
}

func (b *builder) join(n *plan.Join) (operator.Operator, error) {
	residual, err := compileOne(n.Residual)
	if err != nil {
		return nil, err
	}
	left, right := n.LeftTTL.Or(b.env.StateTTL), n.RightTTL.Or(b.env.StateTTL)
	return operator.NewJoin(operator.JoinSpec{
		LeftTTL: left, RightTTL: right,
		Kind: joinKinds[n.Kind], Left: plan.Types(n.Left), Right: plan.Types(n.Right),
		LeftKeys: n.LeftKeys, RightKeys: n.RightKeys, NullSafe: n.NullSafe, Residual: residual, FinalOnly: n.Traits().FinalOnly,
	}), nil
}

func sortKeys(keys []plan.SortKey) []vec.SortKey {
	out := make([]vec.SortKey, len(keys))
	for i, k := range keys {
		out[i] = vec.SortKey{Col: k.Column, Desc: k.Desc, NullsLast: !k.NullsFirst}
	}
	return out
}

var rankInputs = [...]operator.TopNInput{plan.AppendFast: operator.TopNAppend, plan.UpdateFast: operator.TopNUpsert, plan.Retract: operator.TopNRetract}

func (b *builder) rank(n *plan.Rank) operator.Operator {
	return operator.NewTopN(operator.TopNSpec{
		Input: plan.Types(n.Input), Partition: n.Partition, Order: sortKeys(n.Order), Start: n.Start, End: n.End, RankNumber: n.Number,
		Mode: rankInputs[n.Strategy], Unique: n.Unique, NeedUpdateBefore: before(n), FinalOnly: n.Traits().FinalOnly, TTL: b.env.StateTTL,
	})
}

func (b *builder) sortLimit(n *plan.SortLimit) operator.Operator {
	end := int64(1<<62 - 1)
	if n.Fetch >= 0 {
		end = n.Offset + n.Fetch
	}
	return operator.NewTopN(operator.TopNSpec{
		Input: plan.Types(n.Input), Order: sortKeys(n.Order), Start: n.Offset + 1, End: end,
		Mode: rankInputs[n.Strategy], Unique: n.Unique, NeedUpdateBefore: before(n), FinalOnly: n.Traits().FinalOnly, TTL: b.env.StateTTL,
	})
}

func (b *builder) deduplicate(n *plan.Deduplicate) operator.Operator {
	spec := operator.DeduplicateSpec{
		Input: plan.Types(n.Input), Keys: n.Keys, TimeCol: n.Time, KeepLast: n.Last,
		NeedUpdateBefore: before(n), FinalOnly: n.Traits().FinalOnly, TTL: b.env.StateTTL,
	}
	if n.Proc {
		spec.TimeCol = -1
	}
	return operator.NewDeduplicate(spec)
}
