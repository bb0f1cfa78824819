package plan

import (
	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// Fields are the input's columns, with their time attributes, and the results.
func (n *LogicalOver) Fields() []types.Field { return overFields(n.Input.Fields(), n.Calls) }

// Text is for errors: the plan that is shown has the OVERs in a projection.
func (n *LogicalOver) Text(rex.Style) string { return "LogicalOver(" + n.Frame.String() + ")" }

// Over adds columns that are computed over the rows before each row: OverAggregate.
type Over struct {
	props
	Input     Node
	Partition []int
	Time      int
	Frame     rex.Frame
	Calls     []AggCall
}

// Inputs is the one input.
func (n *Over) Inputs() []Node { return []Node{n.Input} }

// Fields are the input's columns and the results.
func (n *Over) Fields() []types.Field { return overFields(n.Input.Fields(), n.Calls) }

// WithInputs is the node over another input.
func (n *Over) WithInputs(in []Node) Node {
	c := *n
	c.Input = in[0]
	return &c
}

// Text is as in Flink.
func (n *Over) Text(style rex.Style) string {
	s := "OverAggregate("
	if len(n.Partition) > 0 {
		s += "partitionBy=[" + columnList(n.Input, n.Partition) + "], "
	}
	all := make([]int, len(n.Input.Fields()))
	for i := range all {
		all[i] = i
	}
	return s + "orderBy=[" + columnList(n.Input, []int{n.Time}) + " ASC], window=[ " + n.Frame.String() + "], select=" +
		list(callTexts(n.Input, all, n.Calls, style, "")) + ")"
}
