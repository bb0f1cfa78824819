package plan

import (
	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// Exchange brings rows to the worker that owns their keys, or all to one.
type Exchange struct {
	props
	Input Node
	Keys  []int // none: to one worker
}

func (n *Exchange) Inputs() []Node        { return []Node{n.Input} }
func (n *Exchange) Fields() []types.Field { return n.Input.Fields() }

func (n *Exchange) WithInputs(in []Node) Node {
	c := *n
	c.Input = in[0]
	return &c
}

func (n *Exchange) Text(rex.Style) string {
	if len(n.Keys) == 0 {
		return "Exchange(distribution=[single])"
	}
	return "Exchange(distribution=[hash[" + columnList(n.Input, n.Keys) + "]])"
}

// Union is UNION ALL.
type Union struct {
	props
	In []Node
}

func (n *Union) Inputs() []Node        { return n.In }
func (n *Union) Fields() []types.Field { return unionFields(n.In) }

func (n *Union) WithInputs(in []Node) Node {
	c := *n
	c.In = in
	return &c
}

func (n *Union) Text(rex.Style) string {
	return "Union(all=[true], union=" + list(FieldNames(n)) + ")"
}
