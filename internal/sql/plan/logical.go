package plan

import (
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
	// Partition are the keys that a SESSION belongs to.
	Partition []int
	// Grouped: it stands in GROUP BY, where a session belongs to the other groups.
	Grouped bool
	At      parser.Pos
}

// LogicalAggregate groups by columns of its input and aggregates others.
type LogicalAggregate struct {
	Input  Node
	Groups []int
	Calls  []AggCall
	TTL    StateTTL
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
	// AsOf: the right side as it was at a time of the left row's; nil: all of it.
	AsOf *AsOf
	// LeftTTL and RightTTL are hints for each input's rows.
	LeftTTL, RightTTL StateTTL
	memo              remembered
}

// AsOf is FOR SYSTEM_TIME AS OF a column of the left side: an event time, or the
// processing time, which looks a table up.
type AsOf struct {
	Time int
	Proc bool
	At   parser.Pos
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

// LogicalOver adds columns that are computed over the rows before each row, in the
// order of a time attribute. Calls without a function are ranks.
type LogicalOver struct {
	Input     Node
	Partition []int
	Time      int
	Frame     rex.Frame
	Calls     []AggCall
	At        parser.Pos
}

// LogicalUnion is UNION ALL; its inputs have the same types.
type LogicalUnion struct {
	In  []Node
	out []types.Field // its fields, where With has made them out; nil: they are looked up
}

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
func (n *LogicalOver) Inputs() []Node      { return []Node{n.Input} }
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

func (n *LogicalOver) WithInputs(in []Node) Node {
	c := *n
	c.Input = in[0]
	return &c
}

func (n *LogicalSink) WithInputs(in []Node) Node {
	c := *n
	c.Input = in[0]
	return &c
}
