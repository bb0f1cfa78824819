package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/engine/operator"
	"github.com/millrace/millrace/internal/engine/state"
	"github.com/millrace/millrace/internal/vec"
)

// worker runs the whole graph on its share of the splits and key groups. What it
// holds is touched by its own goroutine during a step, and by the job's between
// steps.
type worker struct {
	job    *Job
	index  int
	eval   vec.EvalContext
	nodes  []*instance // by node; nil where the node runs elsewhere
	levels [][]*instance
	splits []*split    // of all sources
	alarms []*instance // whose operators wait for processing time

	met     []int // meetings so far, by level
	pending []int // rows in the boxes since the last meeting, by level
	split   cutter
	delta   []byte // scratch

	snapshot []*piecewise // what is left to write of the snapshot

	turn   int // the split that is polled next
	read   int // rows polled in this step
	polled bool
	behind bool // there was more to read than the step's limit
	moved  bool // anything was emitted, or a watermark moved

	times times

	at   *instance // what runs now, for the report of a panic
	from origin
	work chan func(*worker) error
}

// origin is the source batch that is passing through the graph.
type origin struct {
	split *split
	batch *vec.Batch
}

// instance is a node on a worker.
type instance struct {
	node  *Node
	index int
	level int

	op     operator.Operator
	source *pipeline
	writer connector.Writer
	store  *state.Store

	metrics operator.Metrics
	input   mark // combined, of all inputs
	mark    mark // of the output
	emit    operator.Emit
	outs    []out
	late    []out          // side outputs, all to sinks on this worker
	inbox   [][]*vec.Batch // by input port
}

// out is an edge as its producer sees it: a direct call, a wait for a later
// level of the same worker, or an exchange.
type out struct {
	to       *instance
	port     int
	later    bool
	exchange *exchange
}

// emitter is what an instance's operator emits with.
func (w *worker) emitter(in *instance) operator.Emit {
	return func(b *vec.Batch) error {
		n := b.Len()
		if n == 0 {
			return nil
		}
		if err := w.job.ctx.Err(); err != nil {
			return err
		}
		w.moved = true
		in.metrics.RowsOut += int64(n)
		for i := range in.outs {
			o := &in.outs[i]
			switch {
			case o.exchange != nil:
				o.exchange.put(w, in.level, b)
				w.pending[in.level] += n
			case o.later:
				o.to.inbox[o.port] = append(o.to.inbox[o.port], b)
				w.pending[in.level] += n
			default:
				if err := w.process(o.to, o.port, b); err != nil {
					return err
				}
			}
		}
		if w.pending[in.level] >= w.job.config.ExchangeRows {
			_, err := w.meet(in.level, false)
			return err
		}
		return nil
	}
}

// process gives a batch to a node.
func (w *worker) process(in *instance, port int, b *vec.Batch) error {
	in.metrics.RowsIn += int64(b.Len())
	caller := w.at
	w.at = in
	var err error
	if in.writer != nil {
		err = in.writer.Write(b)
	} else {
		err = in.op.Process(port, b, in.emit)
	}
	w.at = caller
	if err != nil {
		return w.blame(in, b, err)
	}
	return nil
}

// step is a worker's part of a step. All workers come to the same meetings:
//
//	level 0        │ read ┄┄┄ meet │ watermarks of the sources ─ advance ┄ meet │
//	level 1        │ take what was sent ─ advance ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄ meet │
//	last level     │ take what was sent ─ advance │ flush the writers
//
// ┄ a worker that has sent too much meets the others earlier, and all drain the
// levels below before it goes on; so what is on its way is bounded.
func (w *worker) step() error {
	t := &w.job.turn
	w.eval.Now = t.now
	w.read, w.polled, w.behind, w.moved = 0, false, false, false
	if t.read {
		if err := w.poll(); err != nil {
			return err
		}
	}
	if err := w.finish(0); err != nil {
		return err
	}
	w.sourceMarks()
	for level := range w.levels {
		if err := w.deliver(level); err != nil {
			return err
		}
		if t.advance {
			if err := w.advance(level); err != nil {
				return err
			}
		}
		if level < len(w.levels)-1 {
			if err := w.finish(level); err != nil {
				return err
			}
		}
	}
	return w.flush()
}

// finish waits until all workers have finished a level, and helps meanwhile.
func (w *worker) finish(level int) error {
	for {
		if all, err := w.meet(level, true); all || err != nil {
			return err
		}
	}
}

// meet hands over what was sent from a level. If a worker is not done with the
// level, all drain the levels below it first, to make room.
func (w *worker) meet(level int, done bool) (all bool, err error) {
	if all, err = w.gather(done); err != nil {
		return false, err
	}
	w.pending[level] = 0
	w.met[level]++
	for _, x := range w.job.exchanges[level] {
		if in := w.nodes[x.to]; in != nil {
			in.inbox[x.port] = x.take(w, level, in.inbox[x.port])
		}
	}
	if all {
		return true, nil
	}
	for below := level + 1; below < len(w.levels); below++ {
		if err := w.deliver(below); err != nil {
			return false, err
		}
		if below < len(w.levels)-1 {
			if err := w.finish(below); err != nil {
				return false, err
			}
		}
	}
	return false, nil
}

// deliver processes the inboxes of a level.
func (w *worker) deliver(level int) error {
	for _, in := range w.levels[level] {
		for port := range in.inbox {
			box := in.inbox[port]
			for i, b := range box {
				box[i] = nil
				if err := w.process(in, port, b); err != nil {
					return err
				}
			}
			in.inbox[port] = box[:0]
		}
	}
	return nil
}

// advance moves the watermarks of a level's operators, in topological order.
func (w *worker) advance(level int) error {
	for _, in := range w.levels[level] {
		if in.source != nil {
			continue
		}
		before := in.mark
		in.input = w.inputMark(in)
		in.mark = in.input
		if in.op != nil {
			w.at = in
			wm, err := in.op.Advance(in.input.watermark, in.emit)
			w.at = nil
			if err != nil {
				return w.blame(in, nil, err)
			}
			in.mark.watermark = wm
		} else if t, ok := in.writer.(connector.TimedWriter); ok {
			t.Advance(in.input.watermark)
		}
		in.mark.watermark = max(in.mark.watermark, before.watermark)
		if in.mark != before {
			w.moved = true
		}
	}
	return nil
}

func (w *worker) flush() error {
	for _, in := range w.nodes {
		if in != nil && in.writer != nil {
			w.job.config.Hook("before-append")
			if err := in.writer.Flush(); err != nil {
				return w.blame(in, nil, err)
			}
			w.job.config.Hook("after-append")
		}
	}
	return nil
}

// nodeError is an error that knows the node it came from.
type nodeError struct {
	node  string
	where string
	err   error
}

func (e *nodeError) Error() string {
	at := e.Place()
	switch {
	case at != "" && e.where != "":
		return fmt.Sprintf("%s: %v (%s)", at, e.err, e.where)
	case at != "":
		return fmt.Sprintf("%s: %v", at, e.err)
	case e.where != "":
		return fmt.Sprintf("%s: %s: %v", e.node, e.where, e.err)
	}
	return fmt.Sprintf("%s: %v", e.node, e.err)
}

// Place is where the expression that failed stands in the query's text, "12:8", with which
// the error begins; empty if it is of something else.
func (e *nodeError) Place() string {
	var row *vec.RowError
	if errors.As(e.err, &row) {
		return row.At
	}
	return ""
}

func (e *nodeError) Unwrap() error { return e.err }

// blame names the node, and the row of b if err does.
func (w *worker) blame(in *instance, b *vec.Batch, err error) error {
	var known *nodeError
	if errors.As(err, &known) || errors.Is(err, errBroken) || errors.Is(err, context.Canceled) {
		return err
	}
	out := &nodeError{node: in.node.Name, err: err}
	var row *vec.RowError
	if b != nil && errors.As(err, &row) && row.Row >= 0 && row.Row < b.N {
		out.where = w.where(b, row.Row)
	}
	return out
}

// where says where row r of b came from if b has the rows of the source batch
// that is passing through, and what is in it otherwise.
func (w *worker) where(b *vec.Batch, r int) string {
	if src := w.from.batch; src != nil && (src == b || sameRows(src, b)) {
		return w.from.split.reader.Where(r)
	}
	text := []byte("row " + b.Kind(r).String() + "(")
	for i, c := range b.Cols {
		if i > 0 {
			text = append(text, ", "...)
		}
		text = vec.AppendText(text, c, r)
	}
	return string(append(text, ')'))
}

// sameRows: a projection hands the lateness column on as it is, so its identity
// shows that the rows are the same.
func sameRows(a, b *vec.Batch) bool {
	return a.N == b.N && len(a.Before) > 0 && len(b.Before) > 0 && &a.Before[0] == &b.Before[0]
}

// run calls fn, and turns a panic into an error: a mistake in an operator fails
// the job and not the program.
func (w *worker) run(fn func(*worker) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = assertion(w.node(), p)
		}
		if err != nil {
			w.job.barrier.breakUp()
		}
	}()
	return fn(w)
}

// AssertionError is a mistake of the program, not of the query or its data.
type AssertionError struct {
	Node  string
	Panic any
	Stack string
}

func (e *AssertionError) Error() string {
	return fmt.Sprintf("%s: assertion failed (a mistake in millrace, please report it): %v\n%s", e.Node, e.Panic, e.Stack)
}

func assertion(at *Node, p any) error {
	if err, ok := p.(error); ok && isStateError(err) {
		if at == nil {
			return err
		}
		return &nodeError{node: at.Name, err: err}
	}
	e := &AssertionError{Node: "engine", Panic: p, Stack: strings.TrimSpace(string(debug.Stack()))}
	if at != nil {
		e.Node = at.Name
	}
	return e
}

// node is what runs now, nil between nodes.
func (w *worker) node() *Node {
	if w.at == nil {
		return nil
	}
	return w.at.node
}

// isStateError says that a panic is no mistake of the program: state that has outgrown
// its limits, or a disk that has failed.
func isStateError(err error) bool {
	var limit *vec.LimitError
	var spill *state.SpillError
	return errors.As(err, &limit) || errors.As(err, &spill)
}
