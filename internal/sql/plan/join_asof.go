package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// TemporalJoin joins each left row with the version of the right one that held at its
// event time.
type TemporalJoin struct {
	props
	Sides
	LeftTime, RightTime int
}

// WithInputs is the join of others.
func (n *TemporalJoin) WithInputs(in []Node) Node {
	c := *n
	c.Left, c.Right = in[0], in[1]
	return &c
}

// Fields are those of a join; the left side keeps its time attributes.
func (n *TemporalJoin) Fields() []types.Field {
	out := slices.Clone(n.fields())
	stripTime(out[len(n.Left.Fields()):])
	return out
}

// Text is as in Flink.
func (n *TemporalJoin) Text(style rex.Style) string {
	all := n.both().Fields()
	k := len(n.Left.Fields())
	col := func(i int) rex.Expr { return rex.Col(i, all[i].Type) }
	named := func(name string, items ...rex.Expr) rex.Expr {
		return &rex.Call{Name: name, Items: items, T: types.TBool}
	}
	var left, right []rex.Expr
	for i := range n.LeftKeys {
		left, right = append(left, col(n.LeftKeys[i])), append(right, col(k+n.RightKeys[i]))
	}
	where := rex.And(append(slices.Clone(rex.Conjuncts(n.condition())), named("__TEMPORAL_JOIN_CONDITION", col(n.LeftTime), col(k+n.RightTime),
		named("__TEMPORAL_JOIN_CONDITION_PRIMARY_KEY", right...), named("__TEMPORAL_JOIN_LEFT_KEY", left...), named("__TEMPORAL_JOIN_RIGHT_KEY", right...)))...)
	return fmt.Sprintf("TemporalJoin(joinType=[%s], where=[%s], select=%s)", n.Kind, format(where, n.both(), style), list(FieldNames(n)))
}

func (s *Sides) both() Node { return &fieldsOnly{joinFields(s.Left.Fields(), s.Right.Fields(), Inner)} }

// LookupJoin joins each row with the rows that a table has for it when it comes. The
// table is no input: the operator reads it.
type LookupJoin struct {
	props
	Left  Node
	Table *Scan
	Kind  JoinKind
	// LeftKeys are looked up by RightKeys, columns of Table.
	LeftKeys, RightKeys []int
	// Exprs and Where make the right side of the table's columns.
	Exprs []rex.Expr
	Names []string
	Where rex.Expr // nil: all rows
	// Residual is the rest of the condition, over both sides' columns; nil: nothing.
	Residual rex.Expr
}

// Inputs is the left side.
func (n *LookupJoin) Inputs() []Node { return []Node{n.Left} }

// WithInputs is the node over another input.
func (n *LookupJoin) WithInputs(in []Node) Node {
	c := *n
	c.Left = in[0]
	return &c
}

// Right are the right side's columns.
func (n *LookupJoin) Right() []types.Field {
	out := projectFields(n.Exprs, n.Names)
	stripTime(out)
	return out
}

// Fields are both sides' columns; the left side keeps its time attributes.
func (n *LookupJoin) Fields() []types.Field {
	return slices.Clone(joinFields(n.Left.Fields(), n.Right(), n.Kind))
}

// Text is as in Flink.
func (n *LookupJoin) Text(style rex.Style) string {
	p := n.Table.Table.Path
	left, raw := FieldNames(n.Left), FieldNames(n.Table)
	var keys []string
	for i := range n.LeftKeys {
		keys = append(keys, raw[n.RightKeys[i]]+"="+left[n.LeftKeys[i]])
	}
	s := fmt.Sprintf("LookupJoin(table=[%s.%s.%s], joinType=[%s], lookup=[%s]", p[0], p[1], p[2], n.Kind, strings.Join(keys, ", "))
	if n.Where != nil {
		s += ", where=[" + format(n.Where, n.Table, style) + "]"
	}
	if n.Residual != nil {
		s += ", joinCondition=[" + format(n.Residual, &fieldsOnly{joinFields(n.Left.Fields(), n.Right(), Inner)}, style) + "]"
	}
	if style == rex.Identity {
		return s + ", " + selectText(n.Exprs, n.Names, n.Table, style) + hintText(n.Table.Hints) + ")"
	}
	return s + ", select=" + list(FieldNames(n)) + ")"
}
