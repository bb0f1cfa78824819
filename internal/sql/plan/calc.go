package plan

import (
	"fmt"
	"slices"

	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// Calc filters and projects: rows on which Where is TRUE go on, as Exprs.
type Calc struct {
	props
	Input Node
	Exprs []rex.Expr
	Names []string
	Where rex.Expr // nil: all rows
}

func (n *Calc) Inputs() []Node { return []Node{n.Input} }

func (n *Calc) WithInputs(in []Node) Node {
	c := *n
	c.Input = in[0]
	return &c
}

// Fields takes the time attributes from the input: a column that lost its
// attribute further down has none here.
func (n *Calc) Fields() []types.Field {
	in := n.Input.Fields()
	out := projectFields(n.Exprs, n.Names)
	for i, e := range n.Exprs {
		if c, ok := e.(*rex.Column); ok {
			out[i].Type.Attr = in[c.Index].Type.Attr
			out[i].Type.NotNull = in[c.Index].Type.NotNull
		}
	}
	return out
}

func (n *Calc) Text(style rex.Style) string {
	s := "Calc(select=" + selectText(n.Exprs, n.Names, n.Input, style)
	if n.Where != nil {
		s += ", where=[" + format(n.Where, n.Input, style) + "]"
	}
	return s + ")"
}

// Identity says whether the Calc hands on all columns of its input as they are.
func (n *Calc) Identity() bool {
	if len(n.Exprs) != len(n.Input.Fields()) {
		return false
	}
	for i, e := range n.Exprs {
		if !isColumn(e, i) {
			return false
		}
	}
	return true
}

// Watermark makes a column of a scan the event time: WatermarkAssigner.
type Watermark struct {
	props
	Input  Node
	Column int
	Expr   rex.Expr
}

func (n *Watermark) Inputs() []Node { return []Node{n.Input} }

func (n *Watermark) WithInputs(in []Node) Node {
	c := *n
	c.Input = in[0]
	return &c
}

func (n *Watermark) Fields() []types.Field {
	out := slices.Clone(n.Input.Fields())
	out[n.Column].Type.Attr = types.RowTime
	return out
}

func (n *Watermark) Text(style rex.Style) string {
	return fmt.Sprintf("WatermarkAssigner(rowtime=[%s], watermark=[%s])", n.Input.Fields()[n.Column].Name, format(n.Expr, n.Input, style))
}

// DropBefore leaves out -U for a consumer that needs none: DropUpdateBefore.
type DropBefore struct {
	props
	Input Node
}

func (n *DropBefore) Inputs() []Node        { return []Node{n.Input} }
func (n *DropBefore) Fields() []types.Field { return n.Input.Fields() }
func (n *DropBefore) Text(rex.Style) string { return "DropUpdateBefore" }

func (n *DropBefore) WithInputs(in []Node) Node {
	c := *n
	c.Input = in[0]
	return &c
}

// Normalize makes a full changelog of an upsert stream: ChangelogNormalize.
type Normalize struct {
	props
	Input Node
	Keys  []int
}

func (n *Normalize) Inputs() []Node        { return []Node{n.Input} }
func (n *Normalize) Fields() []types.Field { return n.Input.Fields() }

func (n *Normalize) WithInputs(in []Node) Node {
	c := *n
	c.Input = in[0]
	return &c
}

func (n *Normalize) Text(rex.Style) string {
	return "ChangelogNormalize(key=[" + columnList(n.Input, n.Keys) + "])"
}
