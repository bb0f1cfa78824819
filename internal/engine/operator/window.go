package operator

import (
	"math"
	"time"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// WindowKind says how windows lie on the time axis.
type WindowKind uint8

// Tumble, Hop and Cumulate are assigned by the row's time; Attached windows are
// columns of the input, made by a WindowTVF upstream; Sessions end after a gap.
const (
	Tumble WindowKind = iota
	Hop
	Cumulate
	Attached
	Session
)

// WindowProperty is what a window gives as a column.
type WindowProperty uint8

// The columns of a window. WindowStart and WindowEnd are TIMESTAMP(3) in local
// time; WindowTime, the last millisecond, has the type of the time attribute.
const (
	WindowStart WindowProperty = iota
	WindowEnd
	WindowTime
)

// Windows says where windows lie.
type Windows struct {
	Kind WindowKind
	// Size is the length of a window: CUMULATE's longest, a session's gap.
	Size time.Duration
	// Slide is HOP's slide and CUMULATE's step; Tumble ignores it.
	Slide time.Duration
	// Offset moves all windows.
	Offset time.Duration
	// TimeCol is the input column with the time attribute: TIMESTAMP or
	// TIMESTAMP_LTZ. Not used where windows are Attached or ProcTime is set.
	TimeCol int
	// ProcTime takes the step's time for the row's, and fires by it.
	ProcTime bool
	// Location is the local time zone if the time attribute is TIMESTAMP_LTZ
	// (processing time is): windows are cut in local time. nil for TIMESTAMP.
	Location *time.Location
	// StartCol and EndCol are the input's window_start and window_end where
	// windows are Attached.
	StartCol, EndCol int
}

// lattice computes where windows lie, in local milliseconds. A pane is the
// largest piece of time that no window's edge cuts: TUMBLE's window, CUMULATE's
// step, and for HOP the greatest common divisor of size and slide. A pane is
// named by its end.
//
//	HOP, size 6, slide 4, pane 2         CUMULATE, size 6, step 2
//	panes   |  |  |  |  |  |  |          panes   |  |  |  |  |  |  |
//	windows ├────────┤                   windows ├──┤     ├──┤
//	              ├────────┤                     ├─────┤  ├─────┤
//	                    ├────────┤               ├────────┼────────┤
type lattice struct {
	kind               WindowKind
	size, step, offset int64 // step: from one window's end to the next
	pane               int64
	zone               zone
}

func newLattice(w Windows) lattice {
	l := lattice{kind: w.Kind, size: w.Size.Milliseconds(), step: w.Slide.Milliseconds(), offset: w.Offset.Milliseconds(), zone: zone{loc: w.Location}}
	switch w.Kind {
	case Tumble:
		l.step, l.pane = l.size, l.size
	case Hop:
		l.pane = gcd(l.size, l.step)
	case Cumulate:
		l.pane = l.step
	case Attached:
		l.step, l.pane = 1, 1
	}
	return l
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// floorTo is the largest multiple of unit, moved by offset, that is not above t.
func floorTo(t, offset, unit int64) int64 {
	rest := (t - offset) % unit
	if rest < 0 {
		rest += unit
	}
	return t - rest
}

// paneOf is the end of the pane that local time t lies in.
func (l *lattice) paneOf(t int64) int64 { return floorTo(t, l.offset, l.pane) + l.pane }

// first is the end of the first window that contains a pane.
func (l *lattice) first(pane int64) int64 {
	if l.kind != Hop {
		return pane
	}
	// Window ends lie a size after a multiple of the slide.
	return floorTo(pane-1, l.offset+l.size, l.step) + l.step
}

// last is the end of the last window that contains a pane. Where HOP's slide is
// larger than its size it may be before the first: then no window does.
func (l *lattice) last(pane int64) int64 {
	switch l.kind {
	case Hop:
		return floorTo(pane-l.pane, l.offset, l.step) + l.size
	case Cumulate:
		return floorTo(pane-l.pane, l.offset, l.size) + l.size
	}
	return pane
}

// start is the start of the window with this end.
func (l *lattice) start(end int64) int64 {
	if l.kind == Cumulate {
		return floorTo(end-1, l.offset, l.size)
	}
	return end - l.size
}

// after is the first window end after local time t.
func (l *lattice) after(t int64) int64 {
	return floorTo(t, l.offset+l.size%l.step, l.step) + l.step
}

// fireAt is the watermark at which the window with this end fires: that of its
// last millisecond.
func (l *lattice) fireAt(end int64) int64 { return l.zone.timer(end - 1) }

// fired is the end of the last window that has fired at watermark wm, whether or
// not there was anything in it.
func (l *lattice) fired(wm int64) int64 {
	const beginning = vec.MinTime / 2 // no time is before it: keep clear of overflow
	if wm < beginning {
		return vec.MinTime
	}
	if wm == vec.MaxTime {
		return wm
	}
	end := l.after(l.zone.local(wm))
	for l.fireAt(end) <= wm {
		end += l.step
	}
	for l.fireAt(end) > wm {
		end -= l.step
	}
	return end
}

// zone converts between epoch milliseconds and local ones. It remembers the span
// of time in which the last offset holds. A nil location is UTC.
type zone struct {
	loc      *time.Location
	from, to int64
	off      int64
}

func (z *zone) offset(epoch int64) int64 {
	if z.from <= epoch && epoch < z.to {
		return z.off
	}
	t := time.UnixMilli(epoch).In(z.loc)
	_, off := t.Zone()
	z.off, z.from, z.to = int64(off)*1000, math.MinInt64, math.MaxInt64
	if start, end := t.ZoneBounds(); true {
		if !start.IsZero() {
			z.from = start.UnixMilli()
		}
		if !end.IsZero() {
			z.to = end.UnixMilli()
		}
	}
	return z.off
}

// local is the local time at an epoch time.
func (z *zone) local(epoch int64) int64 {
	if z.loc == nil {
		return epoch
	}
	return epoch + z.offset(epoch)
}

// sides are the epoch times that a local time has by the offset a day before it
// and by that a day after.
func (z *zone) sides(local int64) (before, after int64, beforeOK, afterOK bool) {
	const day = 24 * 3600 * 1000
	before = local - z.offset(local-z.offset(local)-day)
	after = local - z.offset(local-z.offset(local)+day)
	return before, after, z.local(before) == local, z.local(after) == local
}

// timer is when a timer for a local time goes off, as Flink has it: of a time
// that occurs twice (clocks go back) the later one; a time that does not occur
// (clocks go forward) is the hour that was skipped to.
func (z *zone) timer(local int64) int64 {
	if z.loc == nil {
		return local
	}
	before, after, beforeOK, afterOK := z.sides(local)
	switch {
	case beforeOK && afterOK:
		return max(before, after)
	case beforeOK:
		return before
	case afterOK:
		return after
	}
	const hour = 3600 * 1000
	return floorTo(before, 0, hour)
}

// millis is a timestamp of unit u in milliseconds.
func millis(v int64, u types.Unit) int64 {
	switch u {
	case types.Micro:
		return floorTo(v, 0, 1000) / 1000
	case types.Nano:
		return floorTo(v, 0, 1e6) / 1e6
	}
	return v
}

// fromMillis is the reverse of millis.
func fromMillis(v int64, u types.Unit) int64 { return v * (u.PerSecond() / 1000) }

// windowColumns makes the property columns of rows with these windows, given by
// their starts and ends in local time.
func (l *lattice) windowColumns(props []WindowProperty, timeType types.Type, starts, ends []int64) []*vec.Vector {
	out := make([]*vec.Vector, len(props))
	for i, p := range props {
		t := types.TTimestamp(3).Required()
		if p == WindowTime {
			t = timeType.Required()
		}
		v := vec.New(t, len(ends), 0)
		for r := range ends {
			switch p {
			case WindowStart:
				v.I64[r] = starts[r]
			case WindowEnd:
				v.I64[r] = ends[r]
			case WindowTime:
				at := ends[r] - 1
				if timeType.Root == types.TimestampLTZ {
					// Flink takes the earlier of two instants, which is before
					// the watermark at which the window fires, hence late for
					// whoever windows again. This is the instant of the timer.
					at = l.zone.timer(at)
				}
				v.I64[r] = fromMillis(at, timeType.Unit())
			}
		}
		out[i] = v
	}
	return out
}
