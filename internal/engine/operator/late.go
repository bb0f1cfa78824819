package operator

import (
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// LateDropper is implemented by operators that drop rows for having come too late.
type LateDropper interface {
	// LateTime is, by input port, the type of the event time by which rows of that
	// port are late: TIMESTAMP or TIMESTAMP_LTZ; the zero Type where none can be.
	LateTime() []types.Type
}

// LateRows are rows of one batch that came too late. Times are epoch milliseconds,
// windows local ones; all slices go with Rows.
type LateRows struct {
	Batch *vec.Batch
	Rows  []int32
	// Reason is one sentence for a person.
	Reason string
	// Time is each row's event time, Watermark what it was late against.
	Time, Watermark []int64
	// Start and End are the last window that it would have counted in; nil where the
	// operator has none.
	Start, End []int64
}

// Late is how an operator drops rows of an input port: they are counted, and kept if
// anybody keeps them; rows is called only then.
func (c *Context) Late(port, n int, rows func() *LateRows) error {
	if n == 0 {
		return nil
	}
	c.Metrics.LateRows += int64(n)
	if c.KeepLate == nil {
		return nil
	}
	return c.KeepLate(port, rows())
}

// LateTypes are the columns that LateRows.Columns gives for rows of these columns,
// late by a time of that type.
func LateTypes(time types.Type, row types.Type) []types.Type {
	window := types.TTimestamp(3)
	return []types.Type{types.TString.Required(), types.TString.Required(), millisecond(time), millisecond(time), window, window, row}
}

// LateNames are the names of LateTypes: what the records of a late topic are made of.
var LateNames = []string{"kind", "reason", "event_time", "watermark", "window_start", "window_end", "row"}

// millisecond is the nullable type of time with three digits.
func millisecond(time types.Type) types.Type {
	if time.Root == types.TimestampLTZ {
		return types.TTimestampLTZ(3)
	}
	return types.TTimestamp(3)
}

// Columns are the late rows as a batch of their own: a column for each label, the same
// in all rows, then those of LateTypes. ts are the types of all.
func (l *LateRows) Columns(labels []string, ts []types.Type) *vec.Batch {
	n := len(l.Rows)
	out := &vec.Batch{N: n}
	for i, label := range labels {
		c := vec.NewBuilder(ts[i], n)
		for range n {
			c.AppendString(label)
		}
		out.Cols = append(out.Cols, c.Finish())
	}
	ts = ts[len(labels):]
	kind, reason := vec.NewBuilder(ts[0], n), vec.NewBuilder(ts[1], n)
	for _, r := range l.Rows {
		kind.AppendString(l.Batch.Kind(int(r)).String())
		reason.AppendString(l.Reason)
	}
	row := &vec.Vector{Type: ts[6], N: n}
	for _, c := range l.Batch.Cols {
		row.Kids = append(row.Kids, vec.Copy(c, l.Rows))
	}
	out.Cols = append(out.Cols, kind.Finish(), reason.Finish(),
		times(ts[2], l.Time, n), times(ts[3], l.Watermark, n), times(ts[4], l.Start, n), times(ts[5], l.End, n), row)
	return out
}

// times is a column of milliseconds; NULL without any.
func times(t types.Type, ms []int64, n int) *vec.Vector {
	v := vec.New(t, n, 0)
	if ms == nil {
		v.Valid = vec.NewBitmap(n, false)
		return v
	}
	copy(v.I64, ms)
	return v
}

// LateTime is that of the input's time attribute.
func (o *windowAgg) LateTime() []types.Type {
	w := o.spec.Windows
	switch {
	case w.ProcTime:
		return []types.Type{{}}
	case w.Kind == Attached:
		return []types.Type{o.spec.TimeType}
	}
	return []types.Type{o.spec.Input[w.TimeCol]}
}

// lateRows tells of the rows of b that are late what place has found: the last window
// of each has fired.
func (o *windowAgg) lateRows(b *vec.Batch) *LateRows {
	l := &LateRows{Batch: b, Rows: o.in.late, Reason: "all windows of the row have fired"}
	for _, r := range l.Rows {
		var at, start, end int64
		if w := o.spec.Windows; w.Kind == Attached {
			start, end = b.Cols[w.StartCol].I64[r], b.Cols[w.EndCol].I64[r]
			at = o.grid.fireAt(end)
		} else {
			at = millis(b.Cols[w.TimeCol].I64[r], o.unit)
			end = o.grid.last(o.grid.paneOf(o.grid.zone.local(at)))
			start = o.grid.start(end)
		}
		l.Time, l.Watermark = append(l.Time, at), append(l.Watermark, passed(o.wm, b, r))
		l.Start, l.End = append(l.Start, start), append(l.End, end)
	}
	return l
}

// LateTime is that of the first key, if the order is by time.
func (o *sorter) LateTime() []types.Type {
	if !o.spec.Streaming {
		return []types.Type{{}}
	}
	return []types.Type{o.spec.Input[o.spec.Order[0].Col]}
}

// lateRows tells of rows that the watermark has passed.
func (o *sorter) lateRows(b *vec.Batch, rows []int32) *LateRows {
	l := &LateRows{Batch: b, Rows: rows, Reason: "the watermark has passed the row"}
	v, wm := b.Cols[o.spec.Order[0].Col], o.clock.now()
	for _, r := range rows {
		l.Time = append(l.Time, millis(v.I64[r], o.unit))
		l.Watermark = append(l.Watermark, passed(wm, b, r))
	}
	return l
}

// passed is the watermark that row r is judged by: the operator's or, if it is larger,
// that of the row's own split before it.
func passed(wm int64, b *vec.Batch, r int32) int64 {
	if b.Before != nil {
		return max(wm, b.Before[r])
	}
	return wm
}
