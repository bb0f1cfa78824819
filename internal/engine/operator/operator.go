// Package operator holds the operators of a job graph. Each works on column
// batches, keeps what must survive in state tables only, and runs as one
// instance a worker, which is called by one goroutine.
package operator

import (
	"github.com/millrace/millrace/internal/engine/state"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// Operator is one node of the job graph on one worker. In each step it is called
// so:
//
//	Process(port, batch) for all rows of the step ── Advance(watermark)
//
// and Advance with vec.MaxTime is the end of the input: windows fire, and what is
// emitted only at the end is emitted. What an operator emits goes downstream at
// once, and downstream's Advance comes after its own.
type Operator interface {
	// Open is called once, before the tables that it declares are restored.
	Open(ctx *Context) error
	// Process takes rows of input port. It keeps nothing of the batch but copies.
	Process(port int, b *vec.Batch, out Emit) error
	// Advance is called once a step, after the step's rows, with the minimum of
	// the inputs' watermarks (which may be the same as before). The operator
	// emits what it folded during the step, fires timers and windows up to wm,
	// and returns its output watermark: wm, or less if it holds rows back.
	Advance(wm int64, out Emit) (int64, error)
}

// Alarm is implemented by operators that wait for processing time.
type Alarm interface {
	// NextAlarm is when, in epoch milliseconds, the operator wants a step whose
	// Now is not before; false if it waits for nothing.
	NextAlarm() (int64, bool)
}

// Emit hands a batch downstream. An error ends the step; it is returned as it is.
type Emit func(*vec.Batch) error

// Context is what an operator gets of its worker.
type Context struct {
	Worker, Workers int
	Eval            *vec.EvalContext
	// State opens the operator's tables on this worker.
	State *state.Store
	// Metrics is this operator's on this worker.
	Metrics *Metrics
	// KeepLate takes late rows, which it does not keep itself; nil: they are only
	// counted. Operators call Late.
	KeepLate func(port int, rows *LateRows) error
}

// Metrics are counted by the operator's own goroutine and read between steps.
type Metrics struct {
	// RowsIn and RowsOut are counted by the engine.
	RowsIn, RowsOut int64
	// LateRows were behind the watermark of their split and dropped.
	LateRows int64
	// NullTimeRows had no event time (table.exec.source.rowtime-null-handling).
	NullTimeRows int64
}

// Columns names the types of a batch's columns.
type Columns []types.Type
