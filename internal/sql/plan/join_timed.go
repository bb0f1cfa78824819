package plan

import (
	"fmt"
	"slices"

	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// Sides are what all joins have: two inputs, what is equated, and the whole
// condition as it is shown.
type Sides struct {
	Left, Right Node
	Kind        JoinKind
	// LeftKeys and RightKeys are equated, pair by pair; NullSafe as in Join.
	LeftKeys, RightKeys []int
	NullSafe            []bool
	// Residual is what the operator checks pair by pair, over both inputs' columns;
	// nil: nothing.
	Residual rex.Expr
	// Where is the condition besides LeftKeys, for printing.
	Where rex.Expr
}

// Inputs are the left and the right one.
func (s *Sides) Inputs() []Node { return []Node{s.Left, s.Right} }

func (s *Sides) fields() []types.Field {
	return joinFields(s.Left.Fields(), s.Right.Fields(), s.Kind)
}

// condition is the whole condition.
func (s *Sides) condition() rex.Expr {
	j := &Join{Left: s.Left, Right: s.Right, LeftKeys: s.LeftKeys, RightKeys: s.RightKeys, NullSafe: s.NullSafe, Residual: s.Where}
	return j.Condition()
}

func (s *Sides) whereText(style rex.Style) string { return format(s.condition(), s.both(), style) }

// WindowJoin joins the rows of each window when it is over, and keeps them no
// longer.
type WindowJoin struct {
	props
	Sides
	// LeftWindow and RightWindow are the windows' columns.
	LeftWindow, RightWindow WindowColumns
}

// WithInputs is the join of others.
func (n *WindowJoin) WithInputs(in []Node) Node {
	c := *n
	c.Left, c.Right = in[0], in[1]
	return &c
}

// Fields are those of a join, with their time attributes.
func (n *WindowJoin) Fields() []types.Field { return slices.Clone(n.fields()) }

// Text is as in Flink.
func (n *WindowJoin) Text(style rex.Style) string {
	l, r := FieldNames(n.Left), FieldNames(n.Right)
	return fmt.Sprintf("WindowJoin(leftWindow=[%s], rightWindow=[%s], joinType=[%s], where=[%s], select=%s)",
		n.LeftWindow.Window.overWindow(l[n.LeftWindow.Start], l[n.LeftWindow.End]),
		n.RightWindow.Window.overWindow(r[n.RightWindow.Start], r[n.RightWindow.End]),
		n.Kind, n.whereText(style), list(FieldNames(n)))
}

// IntervalJoin joins rows whose times are near each other, and keeps them while
// that can be.
type IntervalJoin struct {
	props
	Sides
	Interval Interval
}

// WithInputs is the join of others.
func (n *IntervalJoin) WithInputs(in []Node) Node {
	c := *n
	c.Left, c.Right = in[0], in[1]
	return &c
}

// Fields are those of a join, with their time attributes.
func (n *IntervalJoin) Fields() []types.Field { return slices.Clone(n.fields()) }

// Text is as in Flink.
func (n *IntervalJoin) Text(style rex.Style) string {
	iv := n.Interval
	return fmt.Sprintf("IntervalJoin(joinType=[%s], windowBounds=[isRowTime=%v, leftLowerBound=%d, leftUpperBound=%d, leftTimeIndex=%d, rightTimeIndex=%d], where=[%s], select=%s)",
		n.Kind, iv.RowTime, iv.Lower, iv.Upper, iv.Left, iv.Right, n.whereText(style), list(FieldNames(n)))
}
