package engine

import (
	"time"

	"github.com/millrace/millrace/internal/vec"
)

// Alignment is a source's part in a group of sources that read no further apart in
// event time than a drift (FLIP-182; scan.watermark.alignment.*). A join of a full
// topic with a slow one then keeps the drift in state, and not the full topic.
type Alignment struct {
	// Group is its name; empty: the source is in none.
	Group string
	// MaxDrift is how far a split of this source may be ahead of the group.
	MaxDrift time.Duration
}

// alignment is a group at work. Before each step every split gets a limit; a split
// whose watermark is past it is not read in this step:
//
//	least watermark of the group ── + max drift ──┤ limit
//	split 0  ───────▶
//	split 1  ─────────────────────────▶
//	split 2  ──────────────────────────────────────────▶ not read
//
// What holds nobody back in event time does so neither here: idle splits and those
// at their bound. A split that has told no time yet does. The batch that crosses the
// limit is the last one of its split in the step, so that a split overshoots by a
// batch and not by a step.
//
// Which rows a step reads decides no result, for lateness is the row's; so a limit
// is computed anew after a restart, and not journaled.
type alignment struct {
	members []*split
}

// newAlignments finds the groups. Sources without a watermark tell no time, and are
// in none; in batch mode time moves once, and everybody reads.
func (j *Job) newAlignments() {
	if j.config.Batch {
		return
	}
	byName := map[string]*alignment{}
	for node, splits := range j.splits {
		spec := j.spec.Graph.Nodes[node].Source
		if spec == nil || spec.Watermark == nil || spec.Alignment.Group == "" {
			continue
		}
		a := byName[spec.Alignment.Group]
		if a == nil {
			a = &alignment{}
			byName[spec.Alignment.Group] = a
			j.alignments = append(j.alignments, a)
		}
		for _, s := range splits {
			s.drift = spec.Alignment.MaxDrift.Milliseconds()
			a.members = append(a.members, s)
		}
	}
}

// align sets the limits of the next step.
func (j *Job) align() {
	for _, a := range j.alignments {
		least := a.least()
		for _, s := range a.members {
			s.limit = vec.MaxTime
			if least < vec.MaxTime-s.drift {
				s.limit = least + s.drift
			}
		}
	}
}

// least is the group's watermark, the end if nobody holds it back.
func (a *alignment) least() int64 {
	least := vec.MaxTime
	for _, s := range a.members {
		if !s.done && !s.idle {
			least = min(least, s.watermark)
		}
	}
	return least
}

// released says whether a split that was not read in the last step, although it had
// rows, may be read now.
func (j *Job) released() bool {
	if len(j.alignments) == 0 {
		return false
	}
	j.align()
	for _, a := range j.alignments {
		for _, s := range a.members {
			if s.held && !s.ahead() && !s.status.Drained {
				return true
			}
		}
	}
	return false
}

// ahead says that a split is to wait for its group.
func (s *split) ahead() bool { return s.watermark > s.limit }
