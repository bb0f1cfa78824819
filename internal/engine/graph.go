// Package engine runs job graphs: sources, operators and sinks in steps, on
// column batches, in event time, with one commit an epoch that makes sources,
// state and sinks move together.
//
// A job is a graph; P workers each run all of it on their share of the splits
// and key groups. A step reads what is queued, pushes it through the graph,
// advances the watermarks, and ends: between steps nothing is in flight, so a
// step's end is where an epoch can be committed without any alignment.
package engine

import (
	"fmt"
	"time"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/engine/operator"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// Graph is a job's dataflow; its nodes are in topological order: an input names
// an earlier node.
type Graph struct {
	Nodes []*Node
}

// Node is a source, an operator or a sink: exactly one of Source, Make and Sink
// is set.
type Node struct {
	// ID is stable: it comes from the sub-plan, not from the place in the graph,
	// because state in the journal is found by it. See Family.
	ID string
	// Name is how EXPLAIN, metrics and errors show the node.
	Name   string
	Inputs []Input
	// Types are the output's columns; nil for a sink.
	Types []types.Type

	Source *SourceSpec
	Make   func(worker int) (operator.Operator, error)
	Sink   *SinkSpec

	// Single nodes run on worker 0 only. A node whose inputs all come from one
	// worker is single without being told.
	Single bool
}

// Input is an edge: where a node's rows come from, and how they are shipped.
type Input struct {
	Node int
	Ship Ship
	// Keys are the columns of the input that Hash partitions by.
	Keys []int
	// Late, if not nil, makes the edge a side output; it stays on its worker.
	Late *Late
}

// Ship is how the rows of an edge find their worker.
type Ship uint8

// The ways of shipping.
const (
	Forward   Ship = iota // to the same worker
	Hash                  // to the owner of the keys' key group
	Single                // to worker 0
	Broadcast             // to every worker
)

func (s Ship) String() string { return [...]string{"forward", "hash", "single", "broadcast"}[s] }

// NullRowTime is what becomes of a row whose event time is NULL
// (table.exec.source.rowtime-null-handling).
type NullRowTime uint8

// A row without an event time fails the job, is dropped, or is kept and moves no
// watermark; the last two count it.
const (
	Fail NullRowTime = iota
	Drop
	SkipWatermark
)

// SourceSpec is a source node: a table scan with what is computed on the way.
//
//	reader's columns ── Exprs ── watermark, Before ── Filter ── output
//
// The watermark comes before the filter: rows that the query does not want tell
// the time as well.
type SourceSpec struct {
	Table  string
	Source connector.Source
	// Columns are the table's columns that the reader gives.
	Columns []int
	// Exprs compute the output from the reader's columns; nil hands these on.
	Exprs []func() vec.Expr
	// RowTime is the output column with the event time, below 0 if there is none.
	RowTime int
	// Watermark is computed over the output columns: a timestamp, NULL where the
	// row tells no time. nil: the source has no watermark.
	Watermark   func() vec.Expr
	NullRowTime NullRowTime
	// IdleTimeout is how long after its last append a drained split stops holding
	// the watermark back; 0: it never stops.
	IdleTimeout time.Duration
	// Alignment holds the source back where it is ahead of others.
	Alignment Alignment
	// Filter is the predicate that was pushed down to the scan, or nil.
	Filter func() vec.Expr
}

// SinkSpec is a sink node.
type SinkSpec struct {
	Table string
	Sink  connector.Sink
	// Late: what it gets are late rows, and no results.
	Late bool
}

// Validate finds what a planner must not produce.
func (g *Graph) Validate() error {
	if len(g.Nodes) == 0 {
		return fmt.Errorf("job graph has no nodes")
	}
	seen := make(map[string]bool, len(g.Nodes))
	for i, n := range g.Nodes {
		if n.ID == "" || seen[n.ID] {
			return fmt.Errorf("job graph: node %d (%s): ID %q is empty or taken", i, n.Name, n.ID)
		}
		seen[n.ID] = true
		if err := g.validateNode(i, n); err != nil {
			return fmt.Errorf("job graph: node %d (%s): %w", i, n.Name, err)
		}
	}
	return nil
}

func (g *Graph) validateNode(i int, n *Node) error {
	roles := 0
	for _, is := range []bool{n.Source != nil, n.Make != nil, n.Sink != nil} {
		if is {
			roles++
		}
	}
	if roles != 1 {
		return fmt.Errorf("is %d of source, operator and sink", roles)
	}
	if n.Source != nil {
		return n.Source.validate(n)
	}
	switch {
	case len(n.Inputs) == 0:
		return fmt.Errorf("has no input")
	case n.Sink != nil && n.Sink.Sink == nil:
		return fmt.Errorf("has no connector")
	}
	for p, in := range n.Inputs {
		if in.Node < 0 || in.Node >= i {
			return fmt.Errorf("input %d is node %d, which does not come before it", p, in.Node)
		}
		from := g.Nodes[in.Node]
		if from.Sink != nil {
			return fmt.Errorf("input %d is a sink", p)
		}
		if in.Late != nil && (in.Ship != Forward || from.Make == nil || n.Sink == nil || in.Late.Port >= len(from.Inputs)) {
			return fmt.Errorf("input %d: late rows of port %d of %s, by %s", p, in.Late.Port, from.Name, in.Ship)
		}
		if (in.Ship == Hash) != (len(in.Keys) > 0) {
			return fmt.Errorf("input %d: %s with keys %v", p, in.Ship, in.Keys)
		}
		for _, k := range in.Keys {
			if k < 0 || k >= len(from.Types) {
				return fmt.Errorf("input %d: key column %d of %d", p, k, len(from.Types))
			}
		}
	}
	return nil
}

func (s *SourceSpec) validate(n *Node) error {
	switch {
	case len(n.Inputs) > 0:
		return fmt.Errorf("is a source with inputs")
	case s.Source == nil:
		return fmt.Errorf("has no connector")
	case s.Watermark != nil && (s.RowTime < 0 || s.RowTime >= len(n.Types)):
		return fmt.Errorf("has a watermark on column %d of %d", s.RowTime, len(n.Types))
	}
	return nil
}
