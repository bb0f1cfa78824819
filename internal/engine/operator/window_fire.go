package operator

import (
	"github.com/millrace/millrace/internal/engine/state"
	"github.com/millrace/millrace/internal/vec"
)

// Advance fires all windows up to wm, in the order of their ends; the keys of a
// window in the order in which they came. The output watermark is wm: a window's
// rows have its last millisecond as their time, and go downstream before wm does.
func (o *windowAgg) Advance(wm int64, out Emit) (int64, error) {
	o.refresh()
	upTo := wm
	if o.spec.Windows.ProcTime && wm != vec.MaxTime {
		// A window is over when its last millisecond is.
		upTo = o.ctx.Eval.Now.UnixMilli() - 1
	}
	if upTo <= o.wm {
		return wm, nil
	}
	if err := o.fireUpTo(upTo, out); err != nil {
		return wm, err
	}
	o.setClock(upTo)
	return wm, nil
}

func (o *windowAgg) fireUpTo(wm int64, out Emit) error {
	if o.grid.kind == Tumble || o.grid.kind == Attached {
		return o.fireSimple(wm, out)
	}
	for {
		end, ok := o.next()
		if !ok || o.grid.fireAt(end) > wm {
			return nil
		}
		fire := o.fireHop
		if o.grid.kind == Cumulate {
			fire = o.fireCumulate
		}
		if err := fire(end, out); err != nil {
			return err
		}
		o.fired = end
	}
}

// setClock remembers the watermark. It is journaled when a window's end was
// passed: watermarks between two ends make no difference.
func (o *windowAgg) setClock(wm int64) {
	fired := o.grid.fired(wm)
	if o.grid.kind == Attached || fired != o.grid.fired(o.wm) {
		o.clock.set(wm)
	}
	o.wm, o.fired = wm, fired
}

// NextAlarm is when the next window of processing time is over.
func (o *windowAgg) NextAlarm() (int64, bool) {
	if !o.spec.Windows.ProcTime {
		return 0, false
	}
	w, ok := o.Waits()
	return w.At, ok
}

// next is the end of the next window that has rows.
func (o *windowAgg) next() (int64, bool) {
	end, ok := int64(0), false
	if len(o.panes) > 0 {
		if end, ok = o.grid.first(o.panes[0]), true; end <= o.fired {
			end = o.grid.after(o.fired)
		}
	}
	if len(o.periods) > 0 {
		if step := o.grid.after(o.fired); !ok || step < end {
			end, ok = step, true
		}
	}
	return end, ok
}

// chain is the prefix of the rows that have end in the column that a table is chained
// by.
func (o *windowAgg) chain(end int64) []*vec.Vector {
	o.one.I64[0] = end
	o.prefix[0] = o.one
	return o.prefix[:]
}

// eachPiece calls f with the ids of a chain, a piece at a time; f may delete them.
func (o *windowAgg) eachPiece(t *state.Table, end int64, f func(ids []int32) error) error {
	return t.Each(o.chain(end), 0, vec.BatchRows, f)
}

// drop deletes a chain.
func (o *windowAgg) drop(t *state.Table, end int64) {
	_ = o.eachPiece(t, end, func(ids []int32) error {
		t.DeleteAll(ids)
		return nil
	})
}

// fireSimple fires windows that are one pane. Small windows share a batch.
func (o *windowAgg) fireSimple(wm int64, out Emit) error {
	ids := o.ids[:0]
	fire := func(ids []int32) error {
		if o.kept != nil {
			if err := o.kept.compute(o.slices, ids); err != nil {
				return err
			}
		}
		err := o.emit(o.slices, ids, nil, out)
		o.slices.DeleteAll(ids)
		return err
	}
	done := 0
	for _, end := range o.panes {
		if o.grid.fireAt(end) > wm {
			break
		}
		for id := o.slices.FirstOf(o.chain(end), 0); id >= 0; id = o.slices.Next(id) {
			if len(ids) == vec.BatchRows {
				if err := fire(ids); err != nil {
					return err
				}
				ids = ids[:0]
			}
			ids = append(ids, id)
		}
		if err := o.slices.EachSpilled(o.chain(end), 0, vec.BatchRows, fire); err != nil {
			return err
		}
		for _, s := range o.sets {
			o.drop(s.table, end)
		}
		done++
	}
	o.panes = append(o.panes[:0], o.panes[done:]...)
	o.ids = ids
	return fire(ids)
}

// emit sends rows of a table downstream: those that exist, which for a
// retracting input are those that count rows. end is their window's; nil: it is
// in the row.
func (o *windowAgg) emit(t *state.Table, ids []int32, end *int64, out Emit) error {
	if o.spec.Retracts {
		count := t.Value(len(o.calls.types) - 1).I64
		kept := make([]int32, 0, len(ids))
		for _, id := range ids {
			if count[id] > 0 {
				kept = append(kept, id)
			}
		}
		ids = kept
	}
	if len(ids) == 0 {
		return nil
	}
	cols := make([]*vec.Vector, 0, len(o.spec.Keys)+len(o.spec.Calls)+len(o.spec.Properties))
	for c := range o.spec.Keys {
		cols = append(cols, t.Key(c).Gather(ids))
	}
	results, err := o.calls.results(t.Values(), ids, len(o.spec.Calls))
	if err != nil {
		return err
	}
	cols = append(cols, results...)
	starts, stops := o.bounds(t, ids, end)
	cols = append(cols, o.grid.windowColumns(o.spec.Properties, o.spec.TimeType, starts, stops)...)
	return out(&vec.Batch{N: len(ids), Cols: cols})
}

// bounds are the windows of rows.
func (o *windowAgg) bounds(t *state.Table, ids []int32, end *int64) (starts, stops []int64) {
	starts, stops = make([]int64, len(ids)), make([]int64, len(ids))
	col := len(o.spec.Keys)
	for i, id := range ids {
		switch {
		case end != nil:
			stops[i] = *end
			starts[i] = o.grid.start(*end)
		case o.grid.kind == Attached:
			starts[i], stops[i] = t.Key(col).I64[id], t.Key(col + 1).I64[id]
		default:
			stops[i] = t.Key(col).I64[id]
			starts[i] = o.grid.start(stops[i])
		}
	}
	return starts, stops
}

// mergeInto folds rows of from into the rows of to with the same key and the end
// given (end nil: to has no such column), and leaves their ids in o.mapped.
func (o *windowAgg) mergeInto(to *state.Table, end *int64, from *state.Table, ids []int32) error {
	o.keys = o.keys[:0]
	for c := range o.spec.Keys {
		o.keys = append(o.keys, from.Key(c).Gather(ids))
	}
	if end != nil {
		v := vec.New(timeKey, len(ids), 0)
		for i := range v.I64 {
			v.I64[i] = *end
		}
		o.keys = append(o.keys, v)
	}
	return o.mergeKeys(to, o.keys, from, ids)
}

func (o *windowAgg) mergeKeys(to *state.Table, keys []*vec.Vector, from *state.Table, ids []int32) error {
	o.mapped = sized(o.mapped, len(ids))
	to.Lookup(keys, nil, true, o.mapped)
	to.TouchAll(o.mapped)
	return o.calls.merge(to.Values(), o.mapped, from.Values(), ids, o.plain)
}

// fireCumulate merges the window's last pane into its period, and emits that.
func (o *windowAgg) fireCumulate(end int64, out Emit) error {
	period := o.grid.last(end)
	if o.panes.has(end) {
		err := o.eachPiece(o.slices, end, func(ids []int32) error {
			if err := o.mergeInto(o.runs, &period, o.slices, ids); err != nil {
				return err
			}
			for _, id := range ids {
				o.slices.Delete(id)
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, s := range o.sets {
			if err := s.foldPane(o, end, period); err != nil {
				return err
			}
		}
		o.periods.add(period)
		o.panes.shift()
	}
	err := o.eachPiece(o.runs, period, func(ids []int32) error { return o.emit(o.runs, ids, &end, out) })
	if err != nil || end < period {
		return err
	}
	o.drop(o.runs, period)
	for _, s := range o.sets {
		o.drop(s.periods, period)
	}
	o.periods.shift()
	return nil
}
