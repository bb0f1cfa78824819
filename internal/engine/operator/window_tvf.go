package operator

import (
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// WindowTVFSpec attaches windows to rows: TUMBLE, HOP or CUMULATE that is not
// aggregated at once.
type WindowTVFSpec struct {
	// Input are the types of the input's columns.
	Input []types.Type
	// Windows are the windows. The output has the input's columns, then
	// window_start, window_end and window_time, and a row for each window that
	// the row lies in: HOP's from the latest to the earliest, CUMULATE's from the
	// shortest to the longest, as in Flink.
	Windows Windows
	// TimeType is the type of window_time.
	TimeType types.Type
}

// windowTVF keeps nothing. Rows without a time have no window: they are counted
// and dropped, where Flink fails.
type windowTVF struct {
	spec WindowTVFSpec
	ctx  *Context
	grid lattice
	unit types.Unit

	rows         []int32
	starts, ends []int64
}

var allProperties = []WindowProperty{WindowStart, WindowEnd, WindowTime}

// NewWindowTVF makes the operator.
func NewWindowTVF(spec WindowTVFSpec) Operator {
	o := &windowTVF{spec: spec, grid: newLattice(spec.Windows)}
	if !spec.Windows.ProcTime {
		o.unit = spec.Input[spec.Windows.TimeCol].Unit()
	}
	return o
}

func (o *windowTVF) Open(ctx *Context) error {
	o.ctx = ctx
	return nil
}

func (o *windowTVF) Process(_ int, b *vec.Batch, out Emit) error {
	o.reset()
	for i := range b.Len() {
		r := b.Row(i)
		t, ok := o.time(b, r)
		if !ok {
			o.ctx.Metrics.NullTimeRows++
			continue
		}
		o.assign(int32(r), o.grid.paneOf(o.grid.zone.local(t)))
		if len(o.rows) >= vec.BatchRows {
			if err := o.flush(b, out); err != nil {
				return err
			}
		}
	}
	return o.flush(b, out)
}

func (o *windowTVF) time(b *vec.Batch, r int) (int64, bool) {
	if o.spec.Windows.ProcTime {
		return o.ctx.Eval.Now.UnixMilli(), true
	}
	v := b.Cols[o.spec.Windows.TimeCol]
	if v.IsNull(r) {
		return 0, false
	}
	return millis(v.I64[r], o.unit), true
}

func (o *windowTVF) assign(r int32, pane int64) {
	first, last := o.grid.first(pane), o.grid.last(pane)
	if o.grid.kind == Hop {
		for end := last; end >= first; end -= o.grid.step {
			o.add(r, end)
		}
		return
	}
	for end := first; end <= last; end += o.grid.step {
		o.add(r, end)
	}
}

func (o *windowTVF) add(r int32, end int64) {
	o.rows = append(o.rows, r)
	o.starts = append(o.starts, o.grid.start(end))
	o.ends = append(o.ends, end)
}

func (o *windowTVF) reset() {
	o.rows, o.starts, o.ends = o.rows[:0], o.starts[:0], o.ends[:0]
}

func (o *windowTVF) flush(b *vec.Batch, out Emit) error {
	defer o.reset()
	for from := 0; from < len(o.rows); from += vec.BatchRows {
		to := min(from+vec.BatchRows, len(o.rows))
		rows := o.rows[from:to]
		next := &vec.Batch{N: len(rows), Cols: make([]*vec.Vector, 0, len(b.Cols)+3)}
		for _, c := range b.Cols {
			next.Cols = append(next.Cols, vec.Copy(c, rows))
		}
		next.Cols = append(next.Cols, o.grid.windowColumns(allProperties, o.spec.TimeType, o.starts[from:to], o.ends[from:to])...)
		if b.Kinds != nil {
			next.Kinds = gatherRows(b.Kinds, rows)
		}
		if b.Before != nil {
			next.Before = gatherRows(b.Before, rows)
		}
		if err := out(next); err != nil {
			return err
		}
	}
	return nil
}

func (o *windowTVF) Advance(wm int64, _ Emit) (int64, error) { return wm, nil }

func gatherRows[T any](s []T, rows []int32) []T {
	out := make([]T, len(rows))
	for i, r := range rows {
		out[i] = s[r]
	}
	return out
}
