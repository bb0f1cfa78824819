package optimize

import (
	"slices"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/sql/parser"
	"github.com/millrace/millrace/internal/sql/plan"
	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// converter chooses the operators of one statement.
//
// Safe: each operator computes what its logical node says. A stateful one gets
// its rows by the key of its state, through an exchange where they are elsewhere.
type converter struct {
	batch   bool
	sources *sources
	env     connector.Env
	// made are the sinks made so far: those of a statement that fails are closed.
	made []connector.Sink
}

// node converts a logical plan, from the leaves up.
func (c *converter) node(n plan.Node) (plan.Node, error) {
	switch n := n.(type) {
	case *plan.Scan:
		return c.scan(n, nil)
	case *plan.LogicalWatermark:
		return c.watermark(n)
	case *plan.LogicalAggregate:
		return c.aggregate(n)
	case *plan.LogicalValues:
		return &plan.Values{Out: n.Out, Rows: n.Rows}, nil
	case *plan.LogicalJoin:
		if n.AsOf != nil && n.AsOf.Proc {
			return c.lookup(n)
		}
	}
	in := make([]plan.Node, len(n.Inputs()))
	for i, child := range n.Inputs() {
		var err error
		if in[i], err = c.node(child); err != nil {
			return nil, err
		}
	}
	switch n := n.(type) {
	case *plan.LogicalProject:
		return calc(in[0], n.Exprs, n.Names, nil), nil
	case *plan.LogicalFilter:
		return calc(in[0], plan.Columns(in[0]), plan.FieldNames(in[0]), n.Cond), nil
	case *plan.LogicalWindow:
		return windowFunction(n, in[0])
	case *plan.LogicalJoin:
		if n.AsOf != nil {
			return convertTemporal(n, in[0], in[1])
		}
		return convertJoin(n, in[0], in[1])
	case *plan.LogicalSort:
		return c.sort(n, in[0])
	case *plan.LogicalRank:
		if n.ByWindow() && inserts(in[0]) {
			return windowRank(n, in[0])
		}
		return c.rank(n, in[0]), nil
	case *plan.LogicalExpand:
		return &plan.Expand{Input: in[0], Groups: n.Groups, Sets: n.Sets}, nil
	case *plan.LogicalReplicate:
		return &plan.Replicate{Input: in[0]}, nil
	case *plan.LogicalOver:
		return c.over(n, in[0])
	case *plan.LogicalMatch:
		return c.match(n, in[0])
	case *plan.LogicalUnion:
		return &plan.Union{In: in}, nil
	case *plan.LogicalSink:
		return c.sink(n, in[0])
	}
	return nil, errorAt(parser.Pos{Line: 1, Col: 1}, "%s cannot be executed", n.Text(rex.Infix))
}

// calc puts a Calc on a node, or merges it with the Calc there. Merging would
// compute an expression as often as it is used, so that only columns, literals
// and what is used once are merged.
func calc(in plan.Node, exprs []rex.Expr, names []string, where rex.Expr) plan.Node {
	if below, ok := in.(*plan.Calc); ok && mergeable(below, exprs, where) {
		exprs = substituteAll(exprs, below.Exprs)
		if where != nil {
			where = rex.Substitute(where, below.Exprs)
		}
		where = both(below.Where, where)
		in = below.Input
	}
	out := &plan.Calc{Input: in, Exprs: exprs, Names: names, Where: where}
	if where == nil && out.Identity() && slices.Equal(names, plan.FieldNames(in)) {
		return in
	}
	return out
}

func both(a, b rex.Expr) rex.Expr {
	items := append(slices.Clone(rex.Conjuncts(a)), rex.Conjuncts(b)...)
	if len(items) == 0 {
		return nil
	}
	return rex.And(items...)
}

func substituteAll(exprs, by []rex.Expr) []rex.Expr {
	out := make([]rex.Expr, len(exprs))
	for i, e := range exprs {
		out[i] = rex.Substitute(e, by)
	}
	return out
}

func mergeable(below *plan.Calc, exprs []rex.Expr, where rex.Expr) bool {
	uses := make([]int, len(below.Exprs))
	count := func(e rex.Expr) bool {
		if c, ok := e.(*rex.Column); ok {
			uses[c.Index]++
		}
		return true
	}
	for _, e := range exprs {
		rex.Walk(e, count)
	}
	if where != nil {
		rex.Walk(where, count)
	}
	for i, e := range below.Exprs {
		if uses[i] > 1 && len(e.Args()) > 0 || !rex.Deterministic(e) {
			return false
		}
	}
	return true
}

// scan converts a table: with its computed columns, and for an upsert source
// with the operator that finds out what each row was before.
func (c *converter) scan(s *plan.Scan, above func(plan.Node) plan.Node) (plan.Node, error) {
	src := c.sources.byKey[physicalKey(s)]
	out := *s
	out.Source = src.source
	if c, ok := src.source.(connector.ColumnChecker); ok {
		if err := c.CheckColumns(s.Columns); err != nil {
			return nil, errorAt(src.at, "table '%s': %s", s.Table.Path, err)
		}
	}
	var n plan.Node = &out
	if above != nil {
		n = above(n)
	}
	mode := emits(&out)
	if !mode.Has(types.UpdateAfter) || mode.Has(types.UpdateBefore) {
		return n, nil
	}
	keys := uniqueKeys(n)
	if len(keys) == 0 {
		return nil, errorAt(src.at, "Table '%s' produces a changelog stream contains UPDATE_AFTER, no UPDATE_BEFORE. This requires to define primary key constraint on the table.", s.Table.Path)
	}
	return &plan.Normalize{Input: exchange(n, keys[0]), Keys: keys[0]}, nil
}

// watermark stays below the exchange of an upsert source: it is one split's.
func (c *converter) watermark(n *plan.LogicalWatermark) (plan.Node, error) {
	assign := func(in plan.Node) plan.Node {
		return &plan.Watermark{Input: in, Column: n.Column, Expr: n.Expr}
	}
	switch in := n.Input.(type) {
	case *plan.LogicalProject:
		return c.scan(in.Input.(*plan.Scan), func(s plan.Node) plan.Node {
			return assign(calc(s, in.Exprs, in.Names, nil))
		})
	case *plan.Scan:
		return c.scan(in, assign)
	}
	return nil, errorAt(parser.Pos{Line: 1, Col: 1}, "WATERMARK is not over a table")
}

// sort converts ORDER BY and LIMIT.
func (c *converter) sort(n *plan.LogicalSort, in plan.Node) (plan.Node, error) {
	one := exchange(in, nil)
	bounded := c.batch || plan.Bounded(in)
	switch {
	case len(n.Keys) == 0 && inserts(in):
		return &plan.Limit{Input: one, Offset: n.Offset, Fetch: n.Fetch}, nil
	case len(n.Keys) == 0 || n.Offset > 0 || n.Fetch >= 0:
		return c.sortLimit(n, one, c.batch), nil
	case !bounded && (in.Fields()[n.Keys[0].Column].Type.Attr == types.NoTime || n.Keys[0].Desc || !inserts(in)):
		return nil, errorAt(n.At, "Sort on a non-time-attribute field is not supported.")
	case !inserts(in):
		return c.sortLimit(n, one, true), nil
	}
	return &plan.Sort{Input: one, Order: n.Keys, Temporal: !bounded}, nil
}

func (c *converter) sortLimit(n *plan.LogicalSort, in plan.Node, final bool) plan.Node {
	out := &plan.SortLimit{Input: in, Order: n.Keys, Offset: n.Offset, Fetch: n.Fetch}
	out.Strategy, out.Unique = strategy(in, nil)
	out.Traits().FinalOnly = final
	return out
}

// strategy is what a Top-N must keep. UpdateFast takes updates by a key without
// their -U, which is right only if a row never leaves its partition.
func strategy(in plan.Node, partition []int) (plan.RankStrategy, []int) {
	if inserts(in) {
		return plan.AppendFast, nil
	}
	for _, k := range upsertKeys(in) {
		if within(partition, k) {
			return plan.UpdateFast, k
		}
	}
	return plan.Retract, nil
}

// rank converts a Top-N; the first or last row by a time attribute is a
// de-duplication, which keeps one row a key.
func (c *converter) rank(n *plan.LogicalRank, in plan.Node) plan.Node {
	moved := exchange(in, n.Partition)
	if n.Start == 1 && n.End == 1 && !n.Number && len(n.Order) == 1 && len(n.Partition) > 0 && inserts(in) {
		k := n.Order[0]
		if attr := in.Fields()[k.Column].Type.Attr; attr != types.NoTime {
			d := &plan.Deduplicate{Input: moved, Keys: n.Partition, Time: k.Column, Proc: attr == types.ProcTime, Last: k.Desc}
			d.Traits().FinalOnly = c.batch
			return d
		}
	}
	r := &plan.Rank{Input: moved, Partition: n.Partition, Order: n.Order, Start: n.Start, End: n.End, Number: n.Number, NumberName: n.NumberName}
	r.Strategy, r.Unique = strategy(moved, n.Partition)
	r.Traits().FinalOnly = c.batch
	return r
}

// windowFunction attaches windows to rows. The rows of a session wait for its end
// where its keys are.
func windowFunction(n *plan.LogicalWindow, in plan.Node) (plan.Node, error) {
	if n.Grouped {
		return nil, errorAt(n.At, "%s in GROUP BY is used in a way that is not supported; write FROM TABLE(%s(…))", n.Window.Kind, n.Window.Kind)
	}
	out := &plan.WindowFunction{Input: in, Window: n.Window, Time: n.Time, Partition: n.Partition}
	if n.Window.Kind == plan.Session {
		if err := onlyInserts("WindowTableFunction", in, n.At); err != nil {
			return nil, err
		}
		out.Input = exchange(in, n.Partition)
	}
	return out, timeAttribute(in, n)
}
