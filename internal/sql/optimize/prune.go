package optimize

import (
	"slices"
	"strconv"
	"strings"

	"github.com/millrace/millrace/internal/sql/catalog"
	"github.com/millrace/millrace/internal/sql/plan"
	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// pruner drops the columns that nobody uses, down to the scans.
//
// Effect: formats decode only what the statement needs; exchanges and state carry
// only what is used above them.
//
// Safe: a column is dropped only if no expression above uses it; groups stay,
// for they tell rows apart, and so do the columns that a watermark is made of.
//
// A table that a statement reads several times, perhaps in several INSERTs, is
// read once, with all columns that any of them uses: wanted holds these after a
// first run, and a second one takes them.
type pruner struct {
	wanted  map[string][]bool
	sources *sources
}

// pruned is a node with fewer columns; to says where each old one is, -1 if gone.
type pruned struct {
	node plan.Node
	to   []int
}

// pruneAll prunes the plans of one statement.
func pruneAll(roots []plan.Node, src *sources) []plan.Node {
	p := &pruner{wanted: map[string][]bool{}, sources: src}
	for _, r := range roots {
		p.root(r)
	}
	out := make([]plan.Node, len(roots))
	for i, r := range roots {
		out[i] = p.root(r)
	}
	return out
}

// root prunes a plan of which all columns are wanted, in their order.
func (p *pruner) root(n plan.Node) plan.Node {
	if s, ok := n.(*plan.LogicalSink); ok {
		return s.WithInputs([]plan.Node{p.exact(s.Input, all(len(s.Input.Fields())))})
	}
	return p.exact(n, all(len(n.Fields())))
}

func all(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// exact prunes a node to just these columns, in this order.
func (p *pruner) exact(n plan.Node, use []int) plan.Node {
	r := p.node(n, use)
	exprs := make([]rex.Expr, len(use))
	names := make([]string, len(use))
	in, fields := r.node.Fields(), n.Fields()
	for i, c := range use {
		exprs[i] = rex.Col(r.to[c], in[r.to[c]].Type)
		names[i] = fields[c].Name
	}
	if identity(exprs, len(in)) {
		return r.node
	}
	return &plan.LogicalProject{Input: r.node, Exprs: exprs, Names: names}
}

// node prunes a node of which the columns use are wanted; it may keep more.
func (p *pruner) node(n plan.Node, use []int) pruned {
	switch n := n.(type) {
	case *plan.LogicalProject:
		if n.Computed {
			return p.source(n, use)
		}
		return p.project(n, use)
	case *plan.LogicalFilter:
		in := p.node(n.Input, append(slices.Clone(use), rex.Columns(n.Cond)...))
		return pruned{&plan.LogicalFilter{Input: in.node, Cond: in.expr(n.Cond)}, in.to}
	case *plan.LogicalWatermark, *plan.LogicalScan:
		return p.source(n, use)
	case *plan.LogicalWindow:
		return p.window(n, use)
	case *plan.LogicalAggregate:
		return p.aggregate(n, use)
	case *plan.LogicalJoin:
		return p.join(n, use)
	case *plan.LogicalSort:
		return p.sort(n, use)
	case *plan.LogicalRank:
		return p.rank(n, use)
	case *plan.LogicalExpand:
		in := p.exact(n.Input, all(len(n.Input.Fields())))
		return pruned{n.WithInputs([]plan.Node{in}), all(len(n.Fields()))}
	case *plan.LogicalReplicate:
		in := p.exact(n.Input, all(len(n.Input.Fields())))
		return pruned{&plan.LogicalReplicate{Input: in}, all(len(n.Fields()))}
	case *plan.LogicalOver:
		return p.over(n, use)
	case *plan.LogicalMatch:
		return p.match(n)
	case *plan.LogicalUnion:
		return p.union(n, use)
	}
	return pruned{n, all(len(n.Fields()))}
}

// expr moves an expression over the old columns to the new ones.
func (r pruned) expr(e rex.Expr) rex.Expr {
	return rex.Remap(e, func(i int) int { return r.to[i] })
}

// keep is the mapping of n columns to those kept, in their order.
func keep(n int, use []int) (kept, to []int) {
	kept = slices.Clone(use)
	slices.Sort(kept)
	kept = slices.Compact(kept)
	to = make([]int, n)
	for i := range to {
		to[i] = slices.Index(kept, i)
	}
	return kept, to
}

func (p *pruner) project(n *plan.LogicalProject, use []int) pruned {
	kept, to := keep(len(n.Exprs), use)
	if len(kept) == 0 {
		// Rows without columns cannot be shipped: a constant stands for them.
		in := p.node(n.Input, nil)
		one := rex.Lit(types.TInt, int64(0))
		return pruned{&plan.LogicalProject{Input: in.node, Exprs: []rex.Expr{one}, Names: []string{"$f0"}}, to}
	}
	var exprs []rex.Expr
	for _, i := range kept {
		exprs = append(exprs, n.Exprs[i])
	}
	in := p.node(n.Input, rex.Columns(exprs...))
	out := &plan.LogicalProject{Input: in.node}
	for i, k := range kept {
		out.Exprs = append(out.Exprs, in.expr(exprs[i]))
		out.Names = append(out.Names, n.Names[k])
	}
	return pruned{out, to}
}

// source prunes a table with its computed columns and watermark. Its columns are
// those that any of the statement's uses of the table wants.
func (p *pruner) source(n plan.Node, use []int) pruned {
	key := sourceKey(n)
	want := p.wanted[key]
	if want == nil {
		want = make([]bool, len(n.Fields()))
		p.wanted[key] = want
	}
	for _, c := range use {
		want[c] = true
	}
	w, watermark := n.(*plan.LogicalWatermark)
	if watermark {
		want[w.Column] = true
		for _, c := range rex.Columns(w.Expr) {
			want[c] = true
		}
	}
	if p.sources.keyed(key) {
		for _, c := range tableOf(n).PrimaryKey {
			want[c] = true
		}
	}
	if !slices.Contains(want, true) {
		want[cheapest(n.Fields())] = true
	}
	var kept []int
	for i, yes := range want {
		if yes {
			kept = append(kept, i)
		}
	}
	_, to := keep(len(want), kept)
	if !watermark {
		return pruned{p.table(n, kept), to}
	}
	in := pruned{p.table(w.Input, kept), to}
	return pruned{&plan.LogicalWatermark{Input: in.node, Column: to[w.Column], Expr: in.expr(w.Expr)}, to}
}

// table is a scan, with its computed columns if there are any, of these columns.
func (p *pruner) table(n plan.Node, kept []int) plan.Node {
	if c, ok := n.(*plan.LogicalProject); ok {
		var exprs []rex.Expr
		for _, i := range kept {
			exprs = append(exprs, c.Exprs[i])
		}
		scan := c.Input.(*plan.LogicalScan)
		columns := rex.Columns(exprs...)
		if len(columns) == 0 {
			columns = []int{cheapest(scan.Fields())}
		}
		out := &plan.LogicalProject{Input: scanOf(scan, columns), Computed: true}
		in := pruned{to: make([]int, len(scan.Fields()))}
		for i := range in.to {
			in.to[i] = slices.Index(columns, i)
		}
		for i, k := range kept {
			out.Exprs = append(out.Exprs, in.expr(exprs[i]))
			out.Names = append(out.Names, c.Names[k])
		}
		if identity(out.Exprs, len(columns)) {
			return out.Input
		}
		return out
	}
	return scanOf(n.(*plan.LogicalScan), kept)
}

func scanOf(n *plan.LogicalScan, columns []int) plan.Node {
	return &plan.Scan{Table: n.Table, Columns: columns, Hints: n.Hints}
}

// sourceKey tells tables apart, and uses of one with different hints.
func sourceKey(n plan.Node) string {
	s := scanBelow(n)
	return tableKey(s.Table, s.Hints)
}

// physicalKey is the same of a pruned scan.
func physicalKey(s *plan.Scan) string { return tableKey(s.Table, s.Hints) }

func scanBelow(n plan.Node) *plan.LogicalScan {
	for len(n.Inputs()) > 0 {
		n = n.Inputs()[0]
	}
	return n.(*plan.LogicalScan)
}

func tableOf(n plan.Node) *catalog.Table { return scanBelow(n).Table }

func tableKey(t *catalog.Table, hints []catalog.Option) string {
	var b strings.Builder
	b.WriteString(t.Path.String())
	for _, h := range hints {
		b.WriteString("\x00" + h.Key + "=" + h.Value)
	}
	return b.String()
}

// cheapest is the column to read when none is wanted but the rows are.
func cheapest(fields []types.Field) int {
	for i, f := range fields {
		if f.Type.Physical() < types.PhysBytes && f.Type.Attr != types.ProcTime {
			return i
		}
	}
	return 0
}

func (p *pruner) window(n *plan.LogicalWindow, use []int) pruned {
	k := len(n.Input.Fields())
	below := append([]int{n.Time}, n.Partition...)
	for _, c := range use {
		if c < k {
			below = append(below, c)
		}
	}
	in := p.node(n.Input, below)
	w := *n
	w.Input, w.Time, w.Partition = in.node, in.to[n.Time], nil
	for _, c := range n.Partition {
		w.Partition = append(w.Partition, in.to[c])
	}
	to := slices.Clone(in.to)
	for i := range 3 {
		to = append(to, len(in.node.Fields())+i)
	}
	return pruned{&w, to}
}

func (p *pruner) aggregate(n *plan.LogicalAggregate, use []int) pruned {
	g := len(n.Groups)
	to := make([]int, g+len(n.Calls))
	out := &plan.LogicalAggregate{TTL: n.TTL}
	var calls []plan.AggCall
	for i := range to {
		switch {
		case i < g:
			to[i] = i
		case slices.Contains(use, i) || g == 0 && len(calls) == 0 && i == len(to)-1:
			to[i] = g + len(calls)
			calls = append(calls, n.Calls[i-g])
		default:
			to[i] = -1
		}
	}
	below := plan.AggColumns(n.Groups, calls)
	in := p.node(n.Input, below)
	out.Input = in.node
	if len(in.node.Fields()) > len(below) && !windowed(n) {
		out.Input = p.narrow(&in, below)
	}
	for _, c := range n.Groups {
		out.Groups = append(out.Groups, in.to[c])
	}
	for _, c := range calls {
		out.Calls = append(out.Calls, c.Remap(func(c int) int { return in.to[c] }))
	}
	return pruned{out, to}
}

func windowed(n *plan.LogicalAggregate) bool { return n.ByWindow() }

// narrow drops columns that a node below kept for itself, before the rows are
// shipped; it changes the mapping.
func (p *pruner) narrow(in *pruned, use []int) plan.Node {
	fields := in.node.Fields()
	var exprs []rex.Expr
	var names []string
	at := map[int]int{}
	for _, c := range use {
		k := in.to[c]
		if _, ok := at[k]; !ok {
			at[k] = len(exprs)
			exprs = append(exprs, rex.Col(k, fields[k].Type))
			names = append(names, fields[k].Name)
		}
	}
	if len(exprs) == 0 || len(exprs) == len(fields) {
		return in.node
	}
	to := make([]int, len(in.to))
	for i, k := range in.to {
		to[i] = -1
		if j, ok := at[k]; ok && k >= 0 {
			to[i] = j
		}
	}
	in.to = to
	return &plan.LogicalProject{Input: in.node, Exprs: exprs, Names: names}
}

func (p *pruner) join(n *plan.LogicalJoin, use []int) pruned {
	k := len(n.Left.Fields())
	var left, right []int
	for _, c := range append(slices.Clone(use), rex.Columns(n.Cond)...) {
		if c < k {
			left = append(left, c)
		} else {
			right = append(right, c-k)
		}
	}
	if n.AsOf != nil {
		left = append(left, n.AsOf.Time)
		if i := rowtime(n.Right); i >= 0 && !n.AsOf.Proc {
			right = append(right, i)
		}
	}
	l, r := p.node(n.Left, left), p.node(n.Right, right)
	l.node, r.node = p.narrow(&l, left), p.narrow(&r, right)
	width := len(l.node.Fields())
	both := pruned{to: slices.Clone(l.to)}
	for _, c := range r.to {
		if c >= 0 {
			c += width
		}
		both.to = append(both.to, c)
	}
	j := *n
	j.Left, j.Right, j.Cond = l.node, r.node, both.expr(n.Cond)
	if n.AsOf != nil {
		asOf := *n.AsOf
		asOf.Time = l.to[asOf.Time]
		j.AsOf = &asOf
	}
	both.to = both.to[:len(n.Fields())]
	both.node = &j
	return both
}

func (p *pruner) sort(n *plan.LogicalSort, use []int) pruned {
	for _, k := range n.Keys {
		use = append(slices.Clone(use), k.Column)
	}
	in := p.node(n.Input, use)
	in.node = p.narrow(&in, use)
	s := *n
	s.Input, s.Keys = in.node, sortKeys(n.Keys, in.to)
	return pruned{&s, in.to}
}

func sortKeys(keys []plan.SortKey, to []int) []plan.SortKey {
	out := slices.Clone(keys)
	for i := range out {
		out[i].Column = to[out[i].Column]
	}
	return out
}

func (p *pruner) rank(n *plan.LogicalRank, use []int) pruned {
	k := len(n.Input.Fields())
	below := slices.Clone(n.Partition)
	for _, o := range n.Order {
		below = append(below, o.Column)
	}
	for _, c := range use {
		if c < k {
			below = append(below, c)
		}
	}
	in := p.node(n.Input, below)
	in.node = p.narrow(&in, below)
	r := *n
	r.Input, r.Order = in.node, sortKeys(n.Order, in.to)
	r.Partition = nil
	for _, c := range n.Partition {
		r.Partition = append(r.Partition, in.to[c])
	}
	r.Number = n.Number && slices.Contains(use, k)
	to := slices.Clone(in.to)
	if n.Number {
		to = append(to, len(in.node.Fields()))
	}
	return pruned{&r, to}
}

func (p *pruner) union(n *plan.LogicalUnion, use []int) pruned {
	kept, to := keep(len(n.Fields()), use)
	if len(kept) == 0 {
		kept = []int{cheapest(n.Fields())}
	}
	out := &plan.LogicalUnion{}
	for _, in := range n.In {
		out.In = append(out.In, p.exact(in, kept))
	}
	return pruned{out, to}
}

func itoa(i int) string { return strconv.Itoa(i) }
