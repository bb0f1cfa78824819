package engine

import (
	"time"

	"github.com/millrace/millrace/internal/vec"
)

// mark is the event time of an edge, or of a split.
//
// A watermark never goes back. vec.MaxTime means that no row follows. An idle
// edge has rows to come but does not hold others back; what it delivers when it
// wakes may then be late.
type mark struct {
	watermark int64
	idle      bool
}

// combiner takes the least of several marks:
//
//	a watermark counts unless its edge is idle or at its end
//	all at their end: the end
//	some idle, the others at their end: stand still, idle
type combiner struct {
	least      int64
	some, idle bool
}

func (c *combiner) add(m mark) {
	switch {
	case m.watermark == vec.MaxTime:
	case m.idle:
		c.idle = true
	case !c.some || m.watermark < c.least:
		c.least, c.some = m.watermark, true
	}
}

// mark is the combined mark, where prev was it before.
func (c *combiner) mark(prev int64) mark {
	switch {
	case c.some:
		return mark{watermark: max(prev, c.least)}
	case c.idle:
		return mark{watermark: prev, idle: true}
	}
	return mark{watermark: vec.MaxTime}
}

// inputMark combines the inputs of a node; an exchange has one from each worker
// that runs the node before it.
func (w *worker) inputMark(in *instance) mark {
	var c combiner
	for port, input := range in.node.Inputs {
		if w.job.layout.ships[in.index][port] == Forward {
			c.add(w.nodes[input.Node].mark)
			continue
		}
		for _, other := range w.job.workers {
			if from := other.nodes[input.Node]; from != nil {
				c.add(from.mark)
			}
		}
	}
	return c.mark(in.input.watermark)
}

// sourceMarks combines the splits of each source, over all workers. It runs
// after they have met, when no split moves; all come to the same result.
func (w *worker) sourceMarks() {
	for _, in := range w.levels[0] {
		if in.source == nil {
			continue
		}
		var c combiner
		for _, s := range w.job.splits[in.index] {
			c.add(s.mark())
		}
		next := c.mark(in.mark.watermark)
		if next != in.mark {
			in.mark, w.moved = next, true
		}
		in.input = in.mark
	}
}

// mark is a split's part in its source's watermark.
func (s *split) mark() mark {
	if s.done {
		return mark{watermark: vec.MaxTime}
	}
	return mark{watermark: s.watermark, idle: s.idle}
}

// judge decides whether a split is idle, by what its reader knows:
//
//	unread rows, or some read in this step ────── never idle
//	drained, never written ────────────────────── idle at once
//	drained ── last append ── timeout (if set) ── idle
func (s *split) judge(now time.Time, timeout time.Duration) {
	switch {
	case !s.status.Drained, s.told:
		// What it told counts before it stops counting, also where a backlog is older
		// than the timeout.
		s.idle = false
	case s.status.LastAppend.IsZero():
		s.idle = true
	default:
		s.idle = timeout > 0 && now.Sub(s.status.LastAppend) >= timeout
	}
}

// idleAt is when a split that is not idle will be, if nothing comes.
func (s *split) idleAt(timeout time.Duration) (time.Time, bool) {
	if timeout <= 0 || s.done || s.idle || !s.status.Drained || s.status.LastAppend.IsZero() {
		return time.Time{}, false
	}
	return s.status.LastAppend.Add(timeout), true
}

// wake takes a split back that was idle: it must not be behind what its source
// said meanwhile, so its rows are late against the source's watermark.
func (s *split) wakeUp(source int64) {
	if s.idle {
		s.idle = false
		s.watermark = max(s.watermark, source)
	}
}
