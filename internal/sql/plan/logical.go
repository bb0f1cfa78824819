package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/millrace/millrace/internal/sql/catalog"
	"github.com/millrace/millrace/internal/sql/parser"
	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// LogicalScan reads a table: its physical and metadata columns. Computed columns
// and the watermark are nodes above it.
type LogicalScan struct {
	Table *catalog.Table
	// Hints are the options of an OPTIONS hint, in the order of writing.
	Hints []catalog.Option
	At    parser.Pos
}

// LogicalProject computes columns. Exprs may hold rex.Over.
type LogicalProject struct {
	Input Node
	Exprs []rex.Expr
	Names []string
	// Computed: these are the columns of the table under it, the computed ones
	// among them; all who read the table share it.
	Computed bool
}

// LogicalFilter keeps the rows on which Cond is TRUE.
type LogicalFilter struct {
	Input Node
	Cond  rex.Expr
}

// LogicalWatermark makes a column the event time: WATERMARK FOR.
type LogicalWatermark struct {
	Input  Node
	Column int
	Expr   rex.Expr
}

// LogicalWindow assigns rows to windows: a window table function. It adds
// window_start, window_end and window_time; a row of several windows is repeated.
type LogicalWindow struct {
	Input  Node
	Window Window
	Time   int
	At     parser.Pos
}

// LogicalAggregate groups by columns of its input and aggregates others.
type LogicalAggregate struct {
	Input  Node
	Groups []int
	Calls  []AggCall
}

// JoinKind is the kind of a join.
type JoinKind uint8

// The joins. Semi and anti joins come from IN and EXISTS and have the columns of
// their left input alone.
const (
	Inner JoinKind = iota
	Left
	Right
	Full
	Semi
	Anti
)

// String is the kind as physical plans print it.
func (k JoinKind) String() string {
	return [...]string{"InnerJoin", "LeftOuterJoin", "RightOuterJoin", "FullOuterJoin", "LeftSemiJoin", "LeftAntiJoin"}[k]
}

// LogicalJoin joins on a condition over the columns of both inputs, the left
// ones first.
type LogicalJoin struct {
	Left, Right Node
	Kind        JoinKind
	Cond        rex.Expr
}

// SortKey is a column to sort by.
type SortKey struct {
	Column     int
	Desc       bool
	NullsFirst bool
}

// LogicalSort is ORDER BY, OFFSET and LIMIT; Fetch is -1 without a limit.
type LogicalSort struct {
	Input         Node
	Keys          []SortKey
	Offset, Fetch int64
	At            parser.Pos
}

// LogicalRank is a Top-N that the optimizer has found: the rows with the numbers
// Start to End of each partition. It may add the number as its last column.
type LogicalRank struct {
	Input      Node
	Partition  []int
	Order      []SortKey
	Start, End int64
	Number     bool
	NumberName string
	At         parser.Pos
}

// LogicalUnion is UNION ALL; its inputs have the same types.
type LogicalUnion struct{ In []Node }

// LogicalValues is a table of constants.
type LogicalValues struct {
	Out  []types.Field
	Rows [][]*rex.Literal
}

// LogicalSink writes its input into a table, column by column.
type LogicalSink struct {
	Input Node
	Table *catalog.Table
	// Targets are the columns that the INSERT named, as indexes among the
	// written ones; nil for all.
	Targets []int
	// OnConflict is what to do with rows of one primary key that the query does
	// not know to be one: "", NOTHING, ERROR or DEDUPLICATE.
	OnConflict string
	Overwrite  bool
	At         parser.Pos
}

func (n *LogicalScan) Inputs() []Node      { return nil }
func (n *LogicalProject) Inputs() []Node   { return []Node{n.Input} }
func (n *LogicalFilter) Inputs() []Node    { return []Node{n.Input} }
func (n *LogicalWatermark) Inputs() []Node { return []Node{n.Input} }
func (n *LogicalWindow) Inputs() []Node    { return []Node{n.Input} }
func (n *LogicalAggregate) Inputs() []Node { return []Node{n.Input} }
func (n *LogicalJoin) Inputs() []Node      { return []Node{n.Left, n.Right} }
func (n *LogicalSort) Inputs() []Node      { return []Node{n.Input} }
func (n *LogicalRank) Inputs() []Node      { return []Node{n.Input} }
func (n *LogicalUnion) Inputs() []Node     { return n.In }
func (n *LogicalValues) Inputs() []Node    { return nil }
func (n *LogicalSink) Inputs() []Node      { return []Node{n.Input} }

func (n *LogicalScan) WithInputs([]Node) Node   { return n }
func (n *LogicalValues) WithInputs([]Node) Node { return n }
func (n *LogicalUnion) WithInputs(in []Node) Node {
	return &LogicalUnion{In: in}
}

func (n *LogicalProject) WithInputs(in []Node) Node {
	c := *n
	c.Input = in[0]
	return &c
}

func (n *LogicalFilter) WithInputs(in []Node) Node {
	c := *n
	c.Input = in[0]
	return &c
}

func (n *LogicalWatermark) WithInputs(in []Node) Node {
	c := *n
	c.Input = in[0]
	return &c
}

func (n *LogicalWindow) WithInputs(in []Node) Node {
	c := *n
	c.Input = in[0]
	return &c
}

func (n *LogicalAggregate) WithInputs(in []Node) Node {
	c := *n
	c.Input = in[0]
	return &c
}

func (n *LogicalJoin) WithInputs(in []Node) Node {
	c := *n
	c.Left, c.Right = in[0], in[1]
	return &c
}

func (n *LogicalSort) WithInputs(in []Node) Node {
	c := *n
	c.Input = in[0]
	return &c
}

func (n *LogicalRank) WithInputs(in []Node) Node {
	c := *n
	c.Input = in[0]
	return &c
}

func (n *LogicalSink) WithInputs(in []Node) Node {
	c := *n
	c.Input = in[0]
	return &c
}

func (n *LogicalScan) Fields() []types.Field   { return n.Table.ScanFields() }
func (n *LogicalFilter) Fields() []types.Field { return n.Input.Fields() }
func (n *LogicalSort) Fields() []types.Field   { return n.Input.Fields() }
func (n *LogicalUnion) Fields() []types.Field  { return unionFields(n.In) }
func (n *LogicalValues) Fields() []types.Field { return n.Out }
func (n *LogicalSink) Fields() []types.Field   { return n.Input.Fields() }

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
// time, unless window is joined with window; so the time attributes are lost.
func (n *LogicalJoin) Fields() []types.Field {
	out := slices.Clone(joinFields(n.Left.Fields(), n.Right.Fields(), n.Kind))
	if n.Kind != Inner || !n.OnWindow() {
		stripTime(out)
	}
	return out
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
		for i, f := range n.Fields() {
			out[i].Type.NotNull = out[i].Type.NotNull && f.Type.NotNull
			if f.Type.Attr != out[i].Type.Attr {
				out[i].Type.Attr = types.NoTime
			}
		}
	}
	return out
}

func stripTime(fields []types.Field) {
	for i := range fields {
		fields[i].Type.Attr = types.NoTime
	}
}

func (n *LogicalScan) Text(rex.Style) string {
	p := n.Table.Path
	return fmt.Sprintf("LogicalTableScan(table=[[%s, %s, %s]]%s)", p[0], p[1], p[2], hintText(n.Hints))
}

func hintText(hints []catalog.Option) string {
	if len(hints) == 0 {
		return ""
	}
	items := make([]string, len(hints))
	for i, h := range hints {
		items[i] = h.Key + "=" + h.Value
	}
	return ", hints=[[[OPTIONS options:{" + strings.Join(items, ", ") + "}]]]"
}

func (n *LogicalProject) Text(rex.Style) string {
	items := make([]string, len(n.Exprs))
	for i, e := range n.Exprs {
		items[i] = n.Names[i] + "=[" + logical(e) + "]"
	}
	return "LogicalProject(" + strings.Join(items, ", ") + ")"
}

func logical(e rex.Expr) string { return rex.Format(e, rex.Logical, dollar) }

func (n *LogicalFilter) Text(rex.Style) string {
	return "LogicalFilter(condition=[" + logical(n.Cond) + "])"
}

func (n *LogicalWatermark) Text(rex.Style) string {
	return fmt.Sprintf("LogicalWatermarkAssigner(rowtime=[%s], watermark=[%s])", n.Input.Fields()[n.Column].Name, logical(n.Expr))
}

func (n *LogicalWindow) Text(rex.Style) string {
	w := n.Window
	args := []string{fmt.Sprintf("DESCRIPTOR($%d)", n.Time)}
	if w.Kind != Tumble {
		args = append(args, interval(w.Step))
	}
	args = append(args, interval(w.Size))
	if w.Offset != 0 {
		args = append(args, interval(w.Offset))
	}
	fields := n.Fields()
	rows := make([]string, len(fields))
	for i, f := range fields {
		rows[i] = recordType(f.Type) + " " + f.Name
	}
	return fmt.Sprintf("LogicalTableFunctionScan(invocation=[%s(%s)], rowType=[RecordType(%s)])", w.Kind, strings.Join(args, ", "), strings.Join(rows, ", "))
}

// recordType is a type inside of a RecordType: without NOT NULL, with its time
// attribute.
func recordType(t types.Type) string {
	s := rex.TypeName(t.Nullable().Plain())
	switch t.Attr {
	case types.RowTime:
		s += " *ROWTIME*"
	case types.ProcTime:
		s += " *PROCTIME*"
	}
	return s
}

func interval(ms int64) string {
	unit := map[string]string{"d": "DAY", "h": "HOUR", "min": "MINUTE", "s": "SECOND", "ms": "SECOND"}
	_, u, _ := strings.Cut(length(ms), " ")
	return fmt.Sprintf("%d:INTERVAL %s", ms, unit[u])
}

func (n *LogicalAggregate) Text(rex.Style) string {
	groups := make([]string, len(n.Groups))
	for i, g := range n.Groups {
		groups[i] = fmt.Sprint(g)
	}
	s := "LogicalAggregate(group=[{" + strings.Join(groups, ", ") + "}]"
	for i := range n.Calls {
		s += ", " + n.Calls[i].Out + "=[" + n.Calls[i].text(dollar, "", "") + "]"
	}
	return s + ")"
}

func (n *LogicalJoin) Text(rex.Style) string {
	kind := [...]string{"inner", "left", "right", "full", "semi", "anti"}[n.Kind]
	return fmt.Sprintf("LogicalJoin(condition=[%s], joinType=[%s])", logical(n.Cond), kind)
}

func (n *LogicalSort) Text(rex.Style) string {
	var items []string
	for i, k := range n.Keys {
		items = append(items, fmt.Sprintf("sort%d=[$%d]", i, k.Column))
	}
	for i, k := range n.Keys {
		items = append(items, fmt.Sprintf("dir%d=[%s]", i, direction(k)))
	}
	if n.Offset > 0 {
		items = append(items, fmt.Sprintf("offset=[%d]", n.Offset))
	}
	if n.Fetch >= 0 {
		items = append(items, fmt.Sprintf("fetch=[%d]", n.Fetch))
	}
	return "LogicalSort(" + strings.Join(items, ", ") + ")"
}

func direction(k SortKey) string {
	s := "ASC"
	if k.Desc {
		s = "DESC"
	}
	if k.NullsFirst {
		return s + "-nulls-first"
	}
	return s + "-nulls-last"
}

func (n *LogicalRank) Text(rex.Style) string {
	return fmt.Sprintf("LogicalRank(rankRange=[rankStart=%d, rankEnd=%d], partitionBy=%v)", n.Start, n.End, n.Partition)
}

func (n *LogicalUnion) Text(rex.Style) string { return "LogicalUnion(all=[true])" }

func (n *LogicalValues) Text(rex.Style) string {
	return "LogicalValues(tuples=[" + tuples(n.Rows, rex.Logical) + "])"
}

func tuples(rows [][]*rex.Literal, style rex.Style) string {
	out := make([]string, len(rows))
	for i, r := range rows {
		items := make([]string, len(r))
		for j, l := range r {
			items[j] = rex.Format(l, style, dollar)
		}
		out[i] = "{ " + strings.Join(items, ", ") + " }"
	}
	return list(out)
}

func (n *LogicalSink) Text(rex.Style) string {
	return "LogicalSink(table=[" + n.Table.Path.String() + "]" + targetText(n.Targets) + ", fields=" + list(FieldNames(n.Input)) + ")"
}

func targetText(targets []int) string {
	if targets == nil {
		return ""
	}
	items := make([]string, len(targets))
	for i, t := range targets {
		items[i] = fmt.Sprintf("[%d]", t)
	}
	return ", targetColumns=[" + strings.Join(items, ",") + "]"
}
