package operator

import "github.com/millrace/millrace/internal/vec"

// Waiter is implemented by operators that hold results back until time has come.
type Waiter interface {
	// Waits is what the next result waits for; false if nothing is held back. It is
	// called between steps.
	Waits() (Wait, bool)
}

// Wait is a result that is held back.
type Wait struct {
	What WaitKind
	// Time is the end of the window in local milliseconds, or the row's event time.
	Time int64
	// At is the watermark at which the result comes, in epoch milliseconds; with
	// ProcTime, the processing time. vec.MaxTime is the end of the input.
	At       int64
	ProcTime bool
}

// WaitKind is what a Wait is for.
type WaitKind uint8

// The end of a window, the event time of a row, the end of the input.
const (
	WaitWindow WaitKind = iota
	WaitRow
	WaitInput
)

// Waits is the next window that has rows.
func (o *windowAgg) Waits() (Wait, bool) {
	o.refresh()
	end, ok := o.next()
	if !ok {
		return Wait{}, false
	}
	w := Wait{Time: end, At: o.grid.fireAt(end), ProcTime: o.spec.Windows.ProcTime}
	if w.ProcTime {
		w.At++ // a window of processing time is over when its last millisecond is
	}
	return w, true
}

// Waits is the first row that the watermark has not passed, or the end of the input.
func (o *sorter) Waits() (Wait, bool) {
	switch {
	case o.table.Len() == 0:
		return Wait{}, false
	case !o.spec.Streaming:
		return Wait{What: WaitInput, At: vec.MaxTime}, true
	}
	id, _ := o.table.Nth(o.table.FirstOf(nil, 0), 1)
	if id < 0 {
		return Wait{}, false
	}
	at := millis(o.table.Value(o.spec.Order[0].Col).I64[id], o.unit)
	return Wait{What: WaitRow, Time: at, At: at}, true
}
