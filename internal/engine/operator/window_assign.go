package operator

import (
	"github.com/millrace/millrace/internal/vec"
)

// windowInput is a batch sorted by what becomes of its rows.
type windowInput struct {
	rows   []int32 // count in all their windows
	partly []int32 // HOP: count only in windows from from on
	late   []int32
	// panes and from have a value for each physical row.
	panes, from vec.Vector
	pane        paneCache
}

// paneCache is the pane of the last row: the next one is mostly of the same.
type paneCache struct {
	ready       bool
	start, end  int64
	first, last int64 // watermarks at which its first and last window fire
	none        bool  // no window contains it
	noted       bool  // it is in windowAgg.panes
}

func (in *windowInput) reset(n int) {
	in.rows, in.partly, in.late = in.rows[:0], in.partly[:0], in.late[:0]
	for _, v := range []*vec.Vector{&in.panes, &in.from} {
		v.Type, v.N, v.I64 = timeKey, n, sized(v.I64, n)
	}
}

// assign finds the pane of each row, and whether it is late.
func (o *windowAgg) assign(b *vec.Batch) {
	in := &o.in
	var times *vec.Vector
	now := int64(0)
	if o.spec.Windows.ProcTime {
		now = o.grid.zone.local(o.ctx.Eval.Now.UnixMilli())
	} else {
		times = b.Cols[o.spec.Windows.TimeCol]
	}
	for i := range b.Len() {
		r := b.Row(i)
		t := now
		if times != nil {
			if times.IsNull(r) {
				o.ctx.Metrics.NullTimeRows++
				continue
			}
			t = o.grid.zone.local(millis(times.I64[r], o.unit))
		}
		if !in.pane.ready || t < in.pane.start || t >= in.pane.end {
			in.pane = o.enter(t)
		}
		o.place(b, int32(r))
	}
}

// enter computes what there is to know of the pane that local time t lies in.
func (o *windowAgg) enter(t int64) paneCache {
	end := o.grid.paneOf(t)
	first, last := o.grid.first(end), o.grid.last(end)
	return paneCache{
		ready: true, start: end - o.grid.pane, end: end, none: last < first,
		first: o.grid.fireAt(first), last: o.grid.fireAt(last),
	}
}

// place puts a row of the current pane where it belongs.
func (o *windowAgg) place(b *vec.Batch, r int32) {
	in := &o.in
	wm := passed(o.wm, b, r)
	switch {
	case in.pane.none:
	case wm < in.pane.first:
		in.panes.I64[r] = in.pane.end
		in.rows = append(in.rows, r)
		o.note()
	case wm >= in.pane.last:
		in.late = append(in.late, r)
	default:
		next := o.grid.after(o.grid.fired(wm))
		if o.grid.kind == Cumulate {
			// All windows of a period from here on contain this pane too.
			in.panes.I64[r] = next
			in.rows = append(in.rows, r)
			o.panes.add(next)
			return
		}
		in.panes.I64[r], in.from.I64[r] = in.pane.end, next
		in.partly = append(in.partly, r)
		o.note()
	}
}

// note lists the current pane as one that has rows. While it can get more, it
// stays listed.
func (o *windowAgg) note() {
	if pane := &o.in.pane; !pane.noted {
		o.panes.add(pane.end)
		pane.noted = true
	}
}

// assignAttached takes windows from the input's columns.
func (o *windowAgg) assignAttached(b *vec.Batch) {
	in := &o.in
	col := b.Cols[o.spec.Windows.EndCol]
	for i := range b.Len() {
		r := b.Row(i)
		if col.IsNull(r) {
			o.ctx.Metrics.NullTimeRows++
			continue
		}
		if end := col.I64[r]; !in.pane.ready || end != in.pane.end {
			at := o.grid.fireAt(end)
			in.pane = paneCache{ready: true, end: end, first: at, last: at}
		}
		o.place(b, int32(r))
	}
}
