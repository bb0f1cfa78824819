package engine

import (
	"slices"

	"github.com/millrace/millrace/internal/engine/operator"
	"github.com/millrace/millrace/internal/types"
)

// Late makes an edge carry, in the place of a node's output, the rows of one of its
// inputs that the node drops for having come too late: Flink's side output of late
// data. Where no edge asks for them, late rows are counted and cost nothing more.
//
//	scan ── hash ── window ──────── sink
//	                   └┄┄┄ late ┄┄ sink of the late topic
//
// Such a sink is one like others, so what it gets is committed with the epoch that
// dropped it: once, and through a kill.
type Late struct {
	// Port is the input of the node.
	Port int
	// Labels are columns that are the same in all rows, before those of
	// operator.LateTypes: the job's name, the operator's.
	Labels []string
	// Types are the columns of the edge: a string for each label, then LateTypes.
	Types []types.Type
}

// sideOutput hands late rows on; nil if nobody wants a node's.
func (w *worker) sideOutput(in *instance) func(int, *operator.LateRows) error {
	for _, n := range w.job.spec.Graph.Nodes {
		if slices.ContainsFunc(n.Inputs, func(i Input) bool { return i.Node == in.index && i.Late != nil }) {
			return func(port int, rows *operator.LateRows) error { return w.emitLate(in, port, rows) }
		}
	}
	return nil
}

// emitLate gives late rows of a port to the edges that ask for them.
func (w *worker) emitLate(in *instance, port int, rows *operator.LateRows) error {
	for i := range in.late {
		o := &in.late[i]
		late := o.to.node.Inputs[o.port].Late
		if late.Port != port {
			continue
		}
		w.moved = true
		if err := w.process(o.to, o.port, rows.Columns(late.Labels, late.Types)); err != nil {
			return err
		}
	}
	return nil
}
