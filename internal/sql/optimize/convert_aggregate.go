package optimize

import (
	"slices"

	"github.com/millrace/millrace/internal/sql/parser"
	"github.com/millrace/millrace/internal/sql/plan"
	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// aggregate converts GROUP BY: window by window if both bounds of a window are
// among the groups, and for ever otherwise.
func (c *converter) aggregate(n *plan.LogicalAggregate) (plan.Node, error) {
	if n.ByWindow() {
		f := fuse(n)
		if f != nil && f.whole(n) {
			return c.fused(n, f)
		}
		// Groups of rows of one session, but not all of its keys' rows: they are
		// grouped as any rows are.
		if w := plan.WindowOf(n.Input); w.Window.Kind != plan.Session {
			return c.attached(n)
		}
	}
	in, err := c.node(n.Input)
	if err != nil {
		return nil, err
	}
	g := &plan.GroupAggregate{Input: exchange(in, n.Groups), Groups: n.Groups, Calls: n.Calls, TTL: n.TTL}
	g.Traits().FinalOnly = c.batch
	return g, nil
}

// fusion is an aggregation right over a window function: the windows need not be
// attached to the rows, which would repeat them, but are found in slices.
type fusion struct {
	window *plan.LogicalWindow
	exprs  []rex.Expr // the aggregation's input over the window's output
	where  rex.Expr
}

// fuse looks through projections and filters for the window function. It gives
// up if they, or the aggregates, use the window's columns for anything but
// grouping.
func fuse(n *plan.LogicalAggregate) *fusion {
	f := &fusion{exprs: plan.Columns(n.Input)}
	for at := n.Input; f.window == nil; {
		switch in := at.(type) {
		case *plan.LogicalProject:
			f.exprs = substituteAll(f.exprs, in.Exprs)
			if f.where != nil {
				f.where = rex.Substitute(f.where, in.Exprs)
			}
			at = in.Input
		case *plan.LogicalFilter:
			f.where = both(in.Cond, f.where)
			at = in.Input
		case *plan.LogicalWindow:
			f.window = in
		default:
			return nil
		}
	}
	k := len(f.window.Input.Fields())
	if f.where != nil && !below(f.where, k) {
		return nil
	}
	for _, c := range plan.AggColumns(nil, n.Calls) {
		if !below(f.exprs[c], k) {
			return nil
		}
	}
	for _, g := range n.Groups {
		if _, bound := property(f.exprs[g], k); !bound && !below(f.exprs[g], k) {
			return nil
		}
	}
	return f
}

// whole says whether the windows are those of the groups: a session belongs to its
// keys, which must be the groups.
func (f *fusion) whole(n *plan.LogicalAggregate) bool {
	w := f.window
	if w.Window.Kind != plan.Session || w.Grouped {
		return true
	}
	k := len(w.Input.Fields())
	var groups []int
	for _, g := range n.Groups {
		if _, bound := property(f.exprs[g], k); bound {
			continue
		}
		c, ok := f.exprs[g].(*rex.Column)
		if !ok {
			return false
		}
		groups = append(groups, c.Index)
	}
	return within(groups, w.Partition) && within(w.Partition, groups)
}

// below says whether an expression uses only the first k columns.
func below(e rex.Expr, k int) bool {
	cols := rex.Columns(e)
	return len(cols) == 0 || slices.Max(cols) < k
}

// property is which of the window's columns an expression is.
func property(e rex.Expr, k int) (plan.WindowProperty, bool) {
	c, ok := e.(*rex.Column)
	if !ok || c.Index < k {
		return 0, false
	}
	return plan.WindowProperty(c.Index - k), true
}

// fused makes an aggregation with its windows in it.
func (c *converter) fused(n *plan.LogicalAggregate, f *fusion) (plan.Node, error) {
	in, err := c.node(f.window.Input)
	if err != nil {
		return nil, err
	}
	if !inserts(in) && overlap(f.window.Window) && f.keepsArguments(n.Calls) {
		return c.attached(n)
	}
	if err := timeAttribute(in, f.window); err != nil {
		return nil, err
	}
	k := len(in.Fields())
	pre := &columns{in: in}
	names := plan.FieldNames(n.Input)
	a := &plan.WindowAggregate{Window: f.window.Window, Grouped: f.window.Grouped, Start: -1, End: -1, TimeType: in.Fields()[f.window.Time].Type}
	out := &groupMap{agg: a, fields: n.Fields()}
	for i, g := range n.Groups {
		if p, ok := property(f.exprs[g], k); ok {
			out.property(i, p)
		} else {
			out.group(i, pre.add(f.exprs[g], names[g]))
		}
	}
	for _, call := range n.Calls {
		a.Calls = append(a.Calls, call.Remap(func(col int) int { return pre.add(f.exprs[col], names[col]) }))
	}
	a.Time = pre.add(rex.Col(f.window.Time, a.TimeType), "")
	a.Input = exchange(calc(in, pre.exprs, plan.Unique(pre.names), f.where), a.Groups)
	return out.node(n), nil
}

// overlap says whether a row is in several windows.
func overlap(w plan.Window) bool { return w.Kind == plan.Hop || w.Kind == plan.Cumulate }

// keepsArguments says whether a call cannot take rows back but by keeping its
// arguments, window by window: then rows are put into each of their windows.
func (f *fusion) keepsArguments(calls []plan.AggCall) bool {
	return slices.ContainsFunc(calls, func(c plan.AggCall) bool {
		args := make([]types.Type, len(c.Args))
		for i, a := range c.Args {
			args[i] = f.exprs[a].Type().Plain()
		}
		fn, _, err := c.Fn.Bind(args, c.Distinct)
		return c.Distinct || err == nil && !fn.Retractable()
	})
}

// timeAttribute refuses a window over a column that is no longer a time attribute,
// for an operator below has lost it, a Top-N for instance: its rows may come long
// after the watermark has passed them.
func timeAttribute(in plan.Node, w *plan.LogicalWindow) error {
	f := in.Fields()[w.Time]
	if f.Type.Attr != types.NoTime {
		return nil
	}
	return errorAt(w.At, "%s needs a time attribute, but column '%s' has lost it on its way: joins and aggregations lose it", w.Window.Kind, f.Name)
}

// attached makes an aggregation over rows that know their window.
func (c *converter) attached(n *plan.LogicalAggregate) (plan.Node, error) {
	in, err := c.node(n.Input)
	if err != nil {
		return nil, err
	}
	w := plan.WindowOf(n.Input)
	a := &plan.WindowAggregate{Window: w.Window, Time: -1, Start: w.Start, End: w.End, Calls: n.Calls, TimeType: windowTime(in, w)}
	out := &groupMap{agg: a, fields: n.Fields()}
	for i, g := range n.Groups {
		switch g {
		case w.Start:
			out.property(i, plan.WindowStart)
		case w.End:
			out.property(i, plan.WindowEnd)
		case w.Time:
			out.property(i, plan.WindowTime)
		default:
			out.group(i, g)
		}
	}
	a.Input = exchange(in, a.Groups)
	return out.node(n), nil
}

// windowTime is the type of the time attribute of attached windows.
func windowTime(in plan.Node, w *plan.WindowColumns) types.Type {
	if w.Time >= 0 {
		return in.Fields()[w.Time].Type
	}
	return w.TimeType
}

// windowPos is where the window function below a node was written.
func windowPos(n plan.Node) parser.Pos {
	at := parser.Pos{Line: 1, Col: 1}
	plan.Walk(n, func(n plan.Node) {
		if w, ok := n.(*plan.LogicalWindow); ok {
			at = w.At
		}
	})
	return at
}

// groupMap remembers where a window aggregation puts the groups of a logical one:
// its columns are groups, calls, properties.
type groupMap struct {
	agg    *plan.WindowAggregate
	fields []types.Field
	at     []int // index among the groups, or among the properties
	bound  []bool
}

func (m *groupMap) group(i, column int) {
	m.at = append(m.at, len(m.agg.Groups))
	m.bound = append(m.bound, false)
	m.agg.Groups = append(m.agg.Groups, column)
}

func (m *groupMap) property(i int, p plan.WindowProperty) {
	m.at = append(m.at, len(m.agg.Properties))
	m.bound = append(m.bound, true)
	m.agg.Properties = append(m.agg.Properties, p)
	m.agg.PropertyNames = append(m.agg.PropertyNames, m.fields[i].Name)
}

// node is the aggregation with its columns in the logical order.
func (m *groupMap) node(n *plan.LogicalAggregate) plan.Node {
	fields := m.agg.Fields()
	g, calls := len(m.agg.Groups), len(m.agg.Calls)
	var exprs []rex.Expr
	for i, at := range m.at {
		if m.bound[i] {
			at += g + calls
		}
		exprs = append(exprs, rex.Col(at, fields[at].Type))
	}
	for i := range calls {
		exprs = append(exprs, rex.Col(g+i, fields[g+i].Type))
	}
	return calc(m.agg, exprs, plan.FieldNames(n), nil)
}
