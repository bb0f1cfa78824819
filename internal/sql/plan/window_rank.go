package plan

import (
	"fmt"

	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// WindowRank is a Top-N in each window, given when the window is over.
type WindowRank struct {
	props
	Input  Node
	Window WindowColumns
	// Partition are the keys besides the window.
	Partition  []int
	Order      []SortKey
	Start, End int64
	Number     bool
	NumberName string
	// Dedup: it keeps the first or last row by the time attribute.
	Dedup bool
}

// Inputs is the one input.
func (n *WindowRank) Inputs() []Node { return []Node{n.Input} }

// WithInputs is the node over another input.
func (n *WindowRank) WithInputs(in []Node) Node {
	c := *n
	c.Input = in[0]
	return &c
}

// Fields are the input's columns, with their time attributes, and the number.
func (n *WindowRank) Fields() []types.Field {
	out := append([]types.Field{}, n.Input.Fields()...)
	if n.Number {
		out = append(out, types.Field{Name: n.NumberName, Type: types.TBigInt.Required()})
	}
	return out
}

// Last says whether the last row by time is kept.
func (n *WindowRank) Last() bool { return n.Dedup && n.Order[0].Desc }

// Text is as in Flink.
func (n *WindowRank) Text(rex.Style) string {
	names := FieldNames(n.Input)
	window := n.Window.Window.overWindow(names[n.Window.Start], names[n.Window.End])
	if n.Dedup {
		keep := "FirstRow"
		if n.Last() {
			keep = "LastRow"
		}
		return fmt.Sprintf("WindowDeduplicate(window=[%s], keep=[%s], partitionKeys=[%s], orderKey=[%s], order=[ROWTIME])",
			window, keep, columnList(n.Input, n.Partition), names[n.Order[0].Column])
	}
	return fmt.Sprintf("WindowRank(window=[%s], rankType=[ROW_NUMBER], rankRange=[rankStart=%d, rankEnd=%d], partitionBy=[%s], orderBy=%s, select=%s)",
		window, n.Start, n.End, columnList(n.Input, n.Partition), orderText(n.Order, n.Input), list(FieldNames(n)))
}
