package operator

import (
	"github.com/millrace/millrace/internal/vec"
)

// sessionAgg aggregates by sessions: a row is folded into its session's
// accumulators as it comes, and accumulators are merged when sessions are. What
// cannot be merged, because both may have seen the same argument, or be taken back,
// is computed when the session fires, from the arguments that it has kept.
type sessionAgg struct {
	spec  WindowAggregateSpec
	ctx   *Context
	calls *calls
	at    sessions
	kept  *keptArgs
	fired []int32
}

// NewSessionAggregate makes the operator; the size of the windows is the gap.
func NewSessionAggregate(spec WindowAggregateSpec) Operator {
	o := &sessionAgg{spec: spec}
	list := spec.Calls
	if spec.Retracts {
		list = withRowCount(list)
	}
	o.calls = layoutCalls(list)
	return o
}

func (o *sessionAgg) Open(ctx *Context) error {
	o.ctx = ctx
	o.at.open(ctx, &o.spec, o.calls.types)
	o.at.merge = o.merge
	o.kept = openKept(ctx.State, &o.spec, o.calls, columnTypes(o.spec.Input, o.spec.Keys), countType)
	return nil
}

func (o *sessionAgg) merge(into, from int32) error {
	cells := o.at.table.Values()
	if err := o.calls.merge(cells, []int32{into}, cells, []int32{from}, o.kept.plain); err != nil {
		return err
	}
	o.at.table.Touch(into)
	return o.kept.move(o.at.table, into, from)
}

func (o *sessionAgg) Process(_ int, b *vec.Batch, _ Emit) error {
	if err := o.at.assign(b); err != nil {
		return err
	}
	rows, ids := o.at.rows, o.at.ids
	if len(rows) == 0 {
		return nil
	}
	t := o.at.table
	t.TouchAll(ids)
	for i := range o.calls.list {
		if !o.kept.plain[i] {
			continue
		}
		g, r := o.calls.filtered(i, b, ids, rows)
		plus, minus := byKind(b, g, r)
		cells := o.calls.cells(t, i)
		if err := o.calls.add(i, cells, plus.groups, b, plus.rows); err != nil {
			return err
		}
		if err := o.calls.retract(i, cells, minus.groups, b, minus.rows); err != nil {
			return err
		}
	}
	return o.kept.observe(b, t, ids, rows)
}

func (o *sessionAgg) Advance(wm int64, out Emit) (int64, error) {
	o.at.refresh()
	upTo := o.at.upTo(wm)
	o.fired = o.at.due(upTo, o.fired[:0])
	err := inPieces(o.fired, func(ids []int32) error { return o.emit(ids, out) })
	for _, id := range o.fired {
		o.at.table.Delete(id)
	}
	o.at.advance(upTo)
	return wm, err
}

func (o *sessionAgg) emit(ids []int32, out Emit) error {
	t := o.at.table
	if err := o.kept.compute(t, ids); err != nil {
		return err
	}
	ids = existing(o.calls, t, ids, o.spec.Retracts)
	if len(ids) == 0 {
		return nil
	}
	cols := gatherKeys(t, len(o.spec.Keys), ids)
	results, err := o.calls.results(t.Values(), ids, len(o.spec.Calls))
	if err != nil {
		return err
	}
	cols = append(cols, results...)
	starts, ends := o.at.bounds(ids)
	cols = append(cols, o.at.grid.windowColumns(o.spec.Properties, o.spec.TimeType, starts, ends)...)
	return out(&vec.Batch{N: len(ids), Cols: cols})
}

// NextAlarm is when the next session of processing time may be over.
func (o *sessionAgg) NextAlarm() (int64, bool) { return o.at.nextAlarm() }
