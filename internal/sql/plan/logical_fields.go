package plan

import (
	"slices"

	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

func (n *LogicalScan) Fields() []types.Field { return n.Table.ScanFields() }

// Fields: a condition on a join may be what keeps its time attributes, if it were
// part of the join, which it will become.
func (n *LogicalFilter) Fields() []types.Field { return n.merged().Fields() }

// merged is the join with the filter in it, where there is one that can have it.
func (n *LogicalFilter) merged() Node {
	j, ok := n.Input.(*LogicalJoin)
	if !ok || j.Kind != Inner || j.AsOf != nil {
		return n.Input
	}
	c := *j
	c.Cond = rex.And(append(slices.Clone(rex.Conjuncts(j.Cond)), rex.Conjuncts(n.Cond)...)...)
	return &c
}
func (n *LogicalSort) Fields() []types.Field { return n.Input.Fields() }
func (n *LogicalUnion) Fields() []types.Field {
	if n.out != nil {
		return slices.Clone(n.out)
	}
	return unionFields(n.In)
}

func (n *LogicalValues) Fields() []types.Field { return n.Out }
func (n *LogicalSink) Fields() []types.Field   { return n.Input.Fields() }

// ByWindow says whether both bounds of a window are among the partition's columns.
func (n *LogicalRank) ByWindow() bool {
	w := WindowOf(n.Input)
	return w != nil && slices.Contains(n.Partition, w.Start) && slices.Contains(n.Partition, w.End)
}

func (n *LogicalRank) Fields() []types.Field {
	out := slices.Clone(n.Input.Fields())
	if n.Number {
		out = append(out, types.Field{Name: n.NumberName, Type: types.TBigInt.Required()})
	}
	return out
}

func (n *LogicalProject) Fields() []types.Field { return projectFields(n.Exprs, n.Names) }

func projectFields(exprs []rex.Expr, names []string) []types.Field {
	out := make([]types.Field, len(exprs))
	for i, e := range exprs {
		out[i] = types.Field{Name: names[i], Type: e.Type()}
	}
	return out
}

func (n *LogicalWatermark) Fields() []types.Field {
	out := slices.Clone(n.Input.Fields())
	out[n.Column].Type.Attr = types.RowTime
	return out
}

// Proctime says whether the window is of the processing time.
func (n *LogicalWindow) Proctime() bool {
	return n.Input.Fields()[n.Time].Type.Attr == types.ProcTime
}

func (n *LogicalWindow) Fields() []types.Field {
	in := n.Input.Fields()
	return windowFields(in, in[n.Time].Type)
}

// windowFields adds the columns of a window to those of its input.
func windowFields(in []types.Field, time types.Type) []types.Field {
	bound := types.TTimestamp(3).Required()
	return append(slices.Clone(in), types.Field{Name: "window_start", Type: bound},
		types.Field{Name: "window_end", Type: bound}, types.Field{Name: "window_time", Type: time.Required()})
}

// ByWindow says whether the groups have both bounds of a window among them.
func (n *LogicalAggregate) ByWindow() bool {
	w := WindowOf(n.Input)
	return w != nil && slices.Contains(n.Groups, w.Start) && slices.Contains(n.Groups, w.End)
}

func (n *LogicalAggregate) Fields() []types.Field {
	out := aggFields(n.Input.Fields(), n.Groups, n.Calls)
	if !n.ByWindow() {
		stripTime(out)
	}
	return out
}

// OnWindow says whether the join equates both bounds of the same window.
func (n *LogicalJoin) OnWindow() bool {
	if n.AsOf != nil {
		return false
	}
	l, r := WindowOf(n.Left), WindowOf(n.Right)
	if l == nil || r == nil || l.Window != r.Window || l.Start < 0 || l.End < 0 || r.Start < 0 || r.End < 0 {
		return false
	}
	k := len(n.Left.Fields())
	return equates(n.Cond, l.Start, k+r.Start) && equates(n.Cond, l.End, k+r.End)
}

// equates says whether the condition has a = b among its conjuncts.
func equates(cond rex.Expr, a, b int) bool {
	for _, c := range rex.Conjuncts(cond) {
		call, ok := c.(*rex.Call)
		if ok && call.Name == "=" && (isColumn(call.Items[0], a) && isColumn(call.Items[1], b) || isColumn(call.Items[0], b) && isColumn(call.Items[1], a)) {
			return true
		}
	}
	return false
}

func isColumn(e rex.Expr, i int) bool {
	c, ok := e.(*rex.Column)
	return ok && c.Index == i
}

// Fields: a row of a join may come long after the watermark has passed its event
// time, unless window is joined with window, or rows with others near them; so the
// time attributes are lost.
func (n *LogicalJoin) Fields() []types.Field {
	return n.memo.get([4]any{n.Left, n.Right, n.Cond, n.Kind}, func() []types.Field {
		left, right := n.Left.Fields(), n.Right.Fields()
		out := slices.Clone(joinFields(left, right, n.Kind))
		if n.AsOf != nil {
			stripTime(out[len(left):]) // the left side's rows come as they came
			return out
		}
		if !n.OnWindow() && n.interval(left, right) == nil {
			stripTime(out)
		}
		return out
	})
}

// interval is that of an interval join; nil if it is none. There is none of semi
// and anti joins, as in Flink.
func (n *LogicalJoin) interval(left, right []types.Field) *Interval {
	if n.Kind > Full {
		return nil
	}
	iv, _ := IntervalOf(left, right, n.Cond)
	return iv
}

// joinFields are the columns of a join; what an outer join fills up is nullable.
func joinFields(left, right []types.Field, kind JoinKind) []types.Field {
	if kind == Semi || kind == Anti {
		return left
	}
	out := append(slices.Clone(left), right...)
	for i := range out {
		if i < len(left) && (kind == Right || kind == Full) || i >= len(left) && (kind == Left || kind == Full) {
			out[i].Type.NotNull = false
		}
	}
	for i, n := range Unique(names(out)) {
		out[i].Name = n
	}
	return out
}

func unionFields(in []Node) []types.Field {
	out := slices.Clone(in[0].Fields())
	for _, n := range in[1:] {
		uniteFields(out, n.Fields())
	}
	return out
}

// uniteFields makes the fields of a union those of one that has more in it.
func uniteFields(out, more []types.Field) {
	for i, f := range more {
		out[i].Type.NotNull = out[i].Type.NotNull && f.Type.NotNull
		if f.Type.Attr != out[i].Type.Attr {
			out[i].Type.Attr = types.NoTime
		}
	}
}

// With is the union with one more input. It knows its fields: a chain that is bound one by
// one would else be looked through for each.
func (n *LogicalUnion) With(more Node) *LogicalUnion {
	out := n.Fields()
	uniteFields(out, more.Fields())
	return &LogicalUnion{In: append(slices.Clone(n.In), more), out: out}
}

func stripTime(fields []types.Field) {
	for i := range fields {
		fields[i].Type.Attr = types.NoTime
	}
}
