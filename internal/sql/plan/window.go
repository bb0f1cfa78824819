package plan

import (
	"fmt"
	"strings"
	"time"

	"github.com/millrace/millrace/internal/types"
)

// WindowKind is the kind of a window table function.
type WindowKind uint8

// The windows.
const (
	Tumble WindowKind = iota
	Hop
	Cumulate
	Session
)

var windowNames = [...]string{Tumble: "TUMBLE", Hop: "HOP", Cumulate: "CUMULATE", Session: "SESSION"}

// String is the function's name.
func (k WindowKind) String() string { return windowNames[k] }

// Window is a window function with its lengths in milliseconds. Every row falls
// into slices, whose length divides all the others: an aggregate is computed once
// a slice, and the slices of a window are combined when it fires.
type Window struct {
	Kind WindowKind
	Size int64 // of CUMULATE: the largest; of SESSION: the gap
	Step int64 // HOP's slide, CUMULATE's step, TUMBLE's size
	// Offset moves the windows' starts away from the epoch.
	Offset int64
}

// lengths are the window's parameters as Flink prints them.
func (w Window) lengths() string {
	s := ""
	switch w.Kind {
	case Tumble:
		s = "size=[" + length(w.Size) + "]"
	case Hop:
		s = "size=[" + length(w.Size) + "], slide=[" + length(w.Step) + "]"
	case Cumulate:
		s = "max_size=[" + length(w.Size) + "], step=[" + length(w.Step) + "]"
	case Session:
		s = "gap=[" + length(w.Size) + "]"
	}
	if w.Offset != 0 {
		s += ", offset=[" + length(w.Offset) + "]"
	}
	return s
}

// overTime is the window over a time column, overWindow that over rows whose
// windows were assigned before.
func (w Window) overTime(col string) string {
	return fmt.Sprintf("%s(time_col=[%s], %s)", w.Kind, col, w.lengths())
}

func (w Window) overWindow(start, end string) string {
	return fmt.Sprintf("%s(win_start=[%s], win_end=[%s], %s)", w.Kind, start, end, w.lengths())
}

// grouped is a group window of a time column, as they were written before there
// were window functions.
func (w Window) grouped(col string) string {
	switch w.Kind {
	case Hop:
		return fmt.Sprintf("SlidingGroupWindow('w$, %s, %d, %d)", col, w.Size, w.Step)
	case Session:
		return fmt.Sprintf("SessionGroupWindow('w$, %s, %d)", col, w.Size)
	}
	return fmt.Sprintf("TumblingGroupWindow('w$, %s, %d)", col, w.Size)
}

// partitioned adds the keys that a session belongs to.
func partitioned(window string, names []string, keys []int) string {
	if len(keys) == 0 {
		return window
	}
	return strings.TrimSuffix(window, ")") + ", partition keys=[" + strings.Join(pick(names, keys), ", ") + "])"
}

// length writes milliseconds with the largest unit that divides them.
func length(ms int64) string {
	d := time.Duration(ms) * time.Millisecond
	for _, u := range []struct {
		name string
		unit time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"min", time.Minute}, {"s", time.Second}} {
		if d%u.unit == 0 && d != 0 {
			return fmt.Sprintf("%d %s", d/u.unit, u.name)
		}
	}
	return fmt.Sprintf("%d ms", ms)
}

// WindowColumns says which columns of a node are the bounds of a window that its
// rows belong to; -1 where the node has no such column.
type WindowColumns struct {
	Window           Window
	Start, End, Time int
	// Proctime says that the window's time is the processing time.
	Proctime bool
	// TimeType is the type of the window's time attribute.
	TimeType types.Type
}

// WindowOf finds out which window the rows of a logical node belong to; nil if
// to none. It is what lets an aggregation by window_start and window_end, or a
// join on them, be computed window by window.
func WindowOf(n Node) *WindowColumns {
	switch n := n.(type) {
	case *LogicalWindow:
		k := len(n.Input.Fields())
		return &WindowColumns{
			Window: n.Window, Start: k, End: k + 1, Time: k + 2, Proctime: n.Proctime(), TimeType: n.Input.Fields()[n.Time].Type.Required(),
		}
	case *LogicalFilter:
		return WindowOf(n.merged())
	case *LogicalProject:
		return projectWindow(WindowOf(n.Input), n)
	case *LogicalAggregate:
		w := WindowOf(n.Input)
		if w == nil || !n.ByWindow() {
			return nil
		}
		return w.mapped(func(c int) int { return indexOf(n.Groups, c) })
	case *LogicalExpand:
		w := WindowOf(n.Input)
		if w == nil {
			return nil
		}
		return w.mapped(func(c int) int {
			if !n.Keeps(c) {
				return -1
			}
			return c
		})
	case *LogicalRank:
		if !n.ByWindow() {
			return nil
		}
		return WindowOf(n.Input)
	case *LogicalJoin:
		if !n.OnWindow() {
			return nil
		}
		return WindowOf(n.Left)
	}
	return nil
}

func projectWindow(w *WindowColumns, p *LogicalProject) *WindowColumns {
	if w == nil {
		return nil
	}
	return w.mapped(func(c int) int {
		for i, e := range p.Exprs {
			if isColumn(e, c) {
				return i
			}
		}
		return -1
	})
}

// mapped gives the columns other numbers; the window is lost with its bounds.
func (w *WindowColumns) mapped(to func(int) int) *WindowColumns {
	out := *w
	for _, c := range []*int{&out.Start, &out.End, &out.Time} {
		if *c >= 0 {
			*c = to(*c)
		}
	}
	if out.Start < 0 && out.End < 0 && out.Time < 0 {
		return nil
	}
	return &out
}

func indexOf(list []int, v int) int {
	for i, x := range list {
		if x == v {
			return i
		}
	}
	return -1
}
