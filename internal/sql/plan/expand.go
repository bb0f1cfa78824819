package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// LogicalExpand repeats each row for each of several sets of groups. Its first columns
// are the groups, of which those that are not of the set become NULL; the next one gets
// the set's number.
type LogicalExpand struct {
	Input  Node
	Groups int
	Sets   [][]int
}

// Inputs is the one input.
func (n *LogicalExpand) Inputs() []Node { return []Node{n.Input} }

// WithInputs is the node over another input.
func (n *LogicalExpand) WithInputs(in []Node) Node {
	c := *n
	c.Input = in[0]
	return &c
}

// Fields: a group that is not of all sets may be NULL, and is no time attribute.
func (n *LogicalExpand) Fields() []types.Field {
	return expandFields(n.Input.Fields(), n.Groups, n.Sets)
}

// Keeps says whether a column is as it was in all copies of a row.
func (n *LogicalExpand) Keeps(column int) bool { return inAll(n.Sets, n.Groups, column) }

func inAll(sets [][]int, groups, column int) bool {
	return column > groups || column < groups && !slices.ContainsFunc(sets, func(s []int) bool { return !slices.Contains(s, column) })
}

func expandFields(in []types.Field, groups int, sets [][]int) []types.Field {
	out := slices.Clone(in)
	for i := range groups {
		if !inAll(sets, groups, i) {
			out[i].Type = out[i].Type.Nullable().Plain()
		}
	}
	return out
}

// Text shows the projections.
func (n *LogicalExpand) Text(rex.Style) string {
	return "LogicalExpand(projects=[" + expandText(n.Input, n.Groups, n.Sets) + "])"
}

func expandText(in Node, groups int, sets [][]int) string {
	names := FieldNames(in)
	rows := make([]string, len(sets))
	for i, s := range sets {
		items := slices.Clone(names)
		for c := range groups {
			if !slices.Contains(s, c) {
				items[c] = "null AS " + names[c]
			}
		}
		items[groups] = fmt.Sprintf("%d AS $e", i)
		rows[i] = "{" + strings.Join(items, ", ") + "}"
	}
	return strings.Join(rows, ", ")
}

// Expand repeats rows for sets of groups.
type Expand struct {
	props
	Input  Node
	Groups int
	Sets   [][]int
}

// Inputs is the one input.
func (n *Expand) Inputs() []Node { return []Node{n.Input} }

// WithInputs is the node over another input.
func (n *Expand) WithInputs(in []Node) Node {
	c := *n
	c.Input = in[0]
	return &c
}

// Fields are as those of the logical node.
func (n *Expand) Fields() []types.Field { return expandFields(n.Input.Fields(), n.Groups, n.Sets) }

// Text is as in Flink.
func (n *Expand) Text(rex.Style) string {
	return "Expand(projects=[" + expandText(n.Input, n.Groups, n.Sets) + "])"
}
