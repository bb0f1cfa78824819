package plan

import (
	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// LogicalReplicate repeats each row as often as its last column says, without that
// column.
type LogicalReplicate struct{ Input Node }

// Inputs is the one input.
func (n *LogicalReplicate) Inputs() []Node { return []Node{n.Input} }

// WithInputs is the node over another input.
func (n *LogicalReplicate) WithInputs(in []Node) Node { return &LogicalReplicate{Input: in[0]} }

// Fields are the input's but the last.
func (n *LogicalReplicate) Fields() []types.Field {
	in := n.Input.Fields()
	return in[: len(in)-1 : len(in)-1]
}

// Text names the function that Flink has for it.
func (n *LogicalReplicate) Text(rex.Style) string { return "LogicalReplicate($REPLICATE_ROWS$1)" }

// Replicate repeats rows.
type Replicate struct {
	props
	Input Node
}

// Inputs is the one input.
func (n *Replicate) Inputs() []Node { return []Node{n.Input} }

// WithInputs is the node over another input.
func (n *Replicate) WithInputs(in []Node) Node {
	c := *n
	c.Input = in[0]
	return &c
}

// Fields are the input's but the last.
func (n *Replicate) Fields() []types.Field {
	in := n.Input.Fields()
	return in[: len(in)-1 : len(in)-1]
}

// Text names the function that Flink has for it.
func (n *Replicate) Text(rex.Style) string {
	return "Replicate(invocation=[$REPLICATE_ROWS$1], select=" + list(FieldNames(n)) + ")"
}
