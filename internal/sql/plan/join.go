package plan

import (
	"fmt"
	"slices"

	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// UniqueKey says what a join knows of an input's keys, which decides how the
// rows are kept.
type UniqueKey uint8

// An input has no key; it has one; the join's keys contain one, so that there
// is one row at the most for each.
const (
	NoUniqueKey UniqueKey = iota
	HasUniqueKey
	JoinKeyContainsUniqueKey
)

func (k UniqueKey) String() string {
	return [...]string{"NoUniqueKey", "HasUniqueKey", "JoinKeyContainsUniqueKey"}[k]
}

// Join joins two changelogs, and keeps both.
type Join struct {
	props
	Left, Right Node
	Kind        JoinKind
	// LeftKeys and RightKeys are equated, pair by pair; NullSafe marks pairs that
	// are compared by IS NOT DISTINCT FROM.
	LeftKeys, RightKeys []int
	NullSafe            []bool
	// Residual is the rest of the condition over both inputs' columns, or nil.
	Residual rex.Expr
	// LeftUnique and RightUnique are columns that identify a row of each input;
	// nil if there are none.
	LeftUnique, RightUnique []int
	LeftSpec, RightSpec     UniqueKey
	// LeftTTL and RightTTL are hints for each input's rows.
	LeftTTL, RightTTL StateTTL
	memo              remembered
}

func (n *Join) Inputs() []Node { return []Node{n.Left, n.Right} }

func (n *Join) WithInputs(in []Node) Node {
	c := *n
	c.Left, c.Right = in[0], in[1]
	return &c
}

func (n *Join) Fields() []types.Field {
	return n.memo.get([4]any{n.Left, n.Right, n.Kind}, func() []types.Field {
		out := slices.Clone(joinFields(n.Left.Fields(), n.Right.Fields(), n.Kind))
		stripTime(out)
		return out
	})
}

// both is a node with the columns of both inputs, for printing conditions.
func (n *Join) both() Node {
	return &fieldsOnly{joinFields(n.Left.Fields(), n.Right.Fields(), Inner)}
}

// fieldsOnly is a nameable stand-in for a row.
type fieldsOnly struct{ fields []types.Field }

func (n *fieldsOnly) Inputs() []Node         { return nil }
func (n *fieldsOnly) WithInputs([]Node) Node { return n }
func (n *fieldsOnly) Text(rex.Style) string  { return "" }
func (n *fieldsOnly) Fields() []types.Field  { return n.fields }

// Condition is the whole condition.
func (n *Join) Condition() rex.Expr {
	left, right := n.Left.Fields(), n.Right.Fields()
	var items []rex.Expr
	for i := range n.LeftKeys {
		op := "="
		if n.NullSafe[i] {
			op = "IS NOT DISTINCT FROM"
		}
		l, r := n.LeftKeys[i], n.RightKeys[i]
		items = append(items, &rex.Call{Name: op, T: types.TBool, Items: []rex.Expr{
			rex.Col(l, left[l].Type), rex.Col(len(left)+r, right[r].Type),
		}})
	}
	return rex.And(append(items, rex.Conjuncts(n.Residual)...)...)
}

func (n *Join) Text(style rex.Style) string {
	ttl := ""
	if style != rex.Identity {
		ttl = ttlText([]string{"LEFT", "RIGHT"}, n.LeftTTL, n.RightTTL)
	}
	return fmt.Sprintf("Join(joinType=[%s], where=[%s], select=%s, leftInputSpec=[%s], rightInputSpec=[%s]%s)",
		n.Kind, format(n.Condition(), n.both(), style), list(FieldNames(n)), n.LeftSpec, n.RightSpec, ttl)
}
