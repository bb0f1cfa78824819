// Package plan holds the nodes of relational plans: logical ones, which say what
// a query means, and physical ones, which say how the engine computes it; and how
// both are printed, in the words of Flink's EXPLAIN.
//
// A plan is a tree. Sub-plans that are the same have the same ID, and become one
// node of the job's graph.
package plan

import (
	"strconv"

	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// Node is a node of a logical or physical plan. It is not changed once it is
// part of a plan.
type Node interface {
	Inputs() []Node
	// WithInputs is the node over other inputs, which have the same fields.
	WithInputs(inputs []Node) Node
	// Fields are the output columns.
	Fields() []types.Field
	// Text is the node as EXPLAIN prints it, in one line without its inputs.
	Text(style rex.Style) string
}

// Types are the types of a node's columns.
func Types(n Node) []types.Type {
	fields := n.Fields()
	out := make([]types.Type, len(fields))
	for i, f := range fields {
		out[i] = f.Type
	}
	return out
}

// Columns are references to all columns of a node: the identical projection.
func Columns(n Node) []rex.Expr {
	fields := n.Fields()
	out := make([]rex.Expr, len(fields))
	for i, f := range fields {
		out[i] = rex.Col(i, f.Type)
	}
	return out
}

// FieldNames are the names of a node's columns.
func FieldNames(n Node) []string { return names(n.Fields()) }

func names(fields []types.Field) []string {
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = f.Name
	}
	return out
}

// Rewrite replaces from the leaves up.
func Rewrite(n Node, f func(Node) (Node, error)) (Node, error) {
	in := n.Inputs()
	if len(in) > 0 {
		changed := make([]Node, len(in))
		for i, c := range in {
			var err error
			if changed[i], err = Rewrite(c, f); err != nil {
				return nil, err
			}
		}
		n = n.WithInputs(changed)
	}
	return f(n)
}

// Walk visits n and all below it, from the top down.
func Walk(n Node, visit func(Node)) {
	visit(n)
	for _, c := range n.Inputs() {
		Walk(c, visit)
	}
}

// Unique makes names differ as Flink does: a repeated name gets the first free
// number behind it.
func Unique(list []string) []string {
	out := make([]string, len(list))
	used := map[string]bool{}
	next := map[string]int{} // a number that was taken stays taken
	for i, n := range list {
		name := n
		for k := next[n]; used[name]; k++ {
			name = n + strconv.Itoa(k)
			next[n] = k + 1
		}
		used[name] = true
		out[i] = name
	}
	return out
}
