package engine

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/millrace/millrace/internal/engine/operator"
	"github.com/millrace/millrace/internal/vec"
)

// Why says in a sentence what the job's next result waits for: the question of everybody
// whose window does not fire. It is a function of the status alone.
func (s *Status) Why(now time.Time) string {
	switch {
	case s.State == Failed && s.Err != nil:
		return "the job has failed: " + s.Err.Error()
	case s.State == Finished:
		return "the job has finished: all its results are written"
	case s.State == Canceled:
		return "the job was cancelled"
	case s.State != Running || len(s.Nodes) == 0:
		return "the job has not made a step yet"
	case s.Batch:
		return "the results of a batch job come when its input has ended" + s.unread()
	}
	for i := range s.Nodes {
		if w := s.Nodes[i].Waits; w != nil {
			return s.nodeWaits(i, w, now)
		}
	}
	return s.nothingWaits(now)
}

// nodeWaits is for a node that holds results back. The first one in the order of the
// graph counts: others may wait for its rows.
func (s *Status) nodeWaits(node int, w *operator.Wait, now time.Time) string {
	n := &s.Nodes[node]
	at := instant(w.At)
	switch {
	case w.What == operator.WaitInput:
		return fmt.Sprintf("%s gives its rows when its input has ended%s", n.Name, s.unread())
	case w.ProcTime:
		return fmt.Sprintf("window end %s of %s waits for the clock: it fires in %s", instant(w.Time), n.Name, span(time.UnixMilli(w.At).Sub(now)))
	}
	what := fmt.Sprintf("window end %s of %s", instant(w.Time), n.Name)
	if w.What == operator.WaitRow {
		what = fmt.Sprintf("the row of %s in %s", instant(w.Time), n.Name)
	}
	if n.Input >= w.At {
		return fmt.Sprintf("%s has its watermark, %s, and comes with the next step", what, at)
	}
	stands := "it is " + instant(n.Input)
	if n.Input == vec.MinTime {
		stands = "there is none yet"
	}
	return fmt.Sprintf("%s waits for the watermark %s; %s, %s", what, at, stands, s.holder(node, now))
}

// holder says what holds the watermark of a node's input back.
func (s *Status) holder(node int, now time.Time) string {
	at := s.leastInput(node)
	if at < 0 {
		return "and its inputs have ended"
	}
	n := &s.Nodes[at]
	switch {
	case n.Kind == Reads:
		return s.heldBySplit(node, n, now)
	case n.Watermark < n.Input:
		return "held back by " + n.Name + ", which has rows of that time to give"
	}
	return s.holder(at, now)
}

// leastInput is the input with the least watermark; one that is idle only if all are.
func (s *Status) leastInput(node int) int {
	inputs := slices.DeleteFunc(slices.Clone(s.Nodes[node].Inputs), func(i int) bool { return s.Nodes[i].Watermark == vec.MaxTime })
	if len(inputs) == 0 {
		return -1
	}
	return slices.MinFunc(inputs, func(a, b int) int {
		x, y := &s.Nodes[a], &s.Nodes[b]
		if x.Idle != y.Idle {
			if y.Idle {
				return -1
			}
			return 1
		}
		return cmp.Compare(x.Watermark, y.Watermark)
	})
}

// heldBySplit names the split of a source that holds the watermark back, and why it does.
func (s *Status) heldBySplit(node int, n *NodeStatus, now time.Time) string {
	live := slices.DeleteFunc(slices.Clone(n.Splits), func(sp SplitStatus) bool { return sp.Done })
	if len(live) == 0 {
		return "and " + n.Name + " has ended"
	}
	if n.Idle {
		newest := slices.MaxFunc(live, func(a, b SplitStatus) int { return a.LastAppend.Compare(b.LastAppend) })
		return fmt.Sprintf("and stands there: all splits of %s are idle, the source %s; it moves with the next record", n.Name, last(newest.LastAppend, now))
	}
	live = slices.DeleteFunc(live, func(sp SplitStatus) bool { return sp.Idle })
	if len(live) == 0 {
		return "held back by " + n.Name
	}
	least := slices.MinFunc(live, func(a, b SplitStatus) int { return cmp.Compare(a.Watermark, b.Watermark) })
	who := "held back by " + least.ID
	if more := countSplits(live, least.Watermark) - 1; more > 0 {
		who += fmt.Sprintf(" and %d more", more)
	}
	who += ", which "
	if least.Watermark == vec.MinTime {
		who += "has told no time yet and "
	}
	switch {
	case least.Held:
		return fmt.Sprintf("%sis not read: it is ahead of its alignment group '%s' by more than %s", who, n.Alignment.Group, span(n.Alignment.MaxDrift))
	case least.Behind > 0:
		return fmt.Sprintf("%shas %s", who, records(least.Behind, "unread"))
	case least.Hidden > 0:
		return fmt.Sprintf("%shas %d offsets in a transaction that is still open", who, least.Hidden)
	}
	who += last(least.LastAppend, now)
	switch {
	case n.IdleTimeout > 0:
		return fmt.Sprintf("%s and is idle in %s", who, span(least.LastAppend.Add(n.IdleTimeout).Sub(now)))
	case s.anyAhead(node, least.Watermark):
		return who + "; set 'scan.watermark.idle-timeout' on the table so that it does not hold the others back"
	}
	return who + "; a later record moves it"
}

func countSplits(list []SplitStatus, watermark int64) (n int) {
	for _, sp := range list {
		if sp.Watermark == watermark {
			n++
		}
	}
	return n
}

// anyAhead says whether some split above a node is further than a watermark: only then
// does it help if the split that stands there becomes idle.
func (s *Status) anyAhead(node int, watermark int64) bool {
	for _, sp := range s.Nodes[node].Splits {
		if !sp.Done && sp.Watermark > watermark {
			return true
		}
	}
	return slices.ContainsFunc(s.Nodes[node].Inputs, func(i int) bool { return s.anyAhead(i, watermark) })
}

// nothingWaits is for a job whose operators hold nothing back: what is not there has not
// been read, or no operator let it pass.
func (s *Status) nothingWaits(now time.Time) string {
	read := int64(0)
	var newest time.Time
	for i := range s.Nodes {
		n := &s.Nodes[i]
		if n.Kind == Reads {
			read += n.RowsIn
		}
		for _, sp := range n.Splits {
			switch {
			case sp.Behind > 0 && sp.Held:
				return fmt.Sprintf("%s of %s has %s and is not read: it is ahead of its alignment group '%s' by more than %s",
					sp.ID, n.Name, records(sp.Behind, "unread"), n.Alignment.Group, span(n.Alignment.MaxDrift))
			case sp.Behind > 0:
				return fmt.Sprintf("%s of %s has %s: it is being read", sp.ID, n.Name, records(sp.Behind, "unread"))
			case sp.Hidden > 0 && !sp.Done:
				return fmt.Sprintf("the next %d offsets of %s belong to a transaction that is still open", sp.Hidden, sp.ID)
			}
			if sp.LastAppend.After(newest) {
				newest = sp.LastAppend
			}
		}
	}
	switch {
	case read == 0 && newest.IsZero():
		return "nothing was read: the sources never got a record"
	case read == 0:
		return "nothing was read: the sources " + last(newest, now) + ", before where the job began"
	}
	for i := range s.Nodes {
		n := &s.Nodes[i]
		if n.Kind != Operates || n.RowsIn == 0 || n.RowsOut > 0 {
			continue
		}
		if dropped := n.LateRows + n.NullTimeRows; dropped > 0 {
			return fmt.Sprintf("%s has given nothing of %d rows: %d came too late, %d had no event time", n.Name, n.RowsIn, n.LateRows, n.NullTimeRows)
		}
		return fmt.Sprintf("%s has given nothing of %d rows", n.Name, n.RowsIn)
	}
	return "nothing is held back: all that was read has passed; the sources " + last(newest, now)
}

// unread is how much the sources have to read, as an end of a sentence.
func (s *Status) unread() string {
	total := int64(0)
	for i := range s.Nodes {
		for _, sp := range s.Nodes[i].Splits {
			total += max(0, sp.Behind)
		}
	}
	if total == 0 {
		return ""
	}
	return "; " + records(total, "unread")
}

func records(n int64, what string) string {
	if n == 1 {
		return "1 " + what + " record"
	}
	return fmt.Sprintf("%d %s records", n, what)
}

// last says how long ago a record came.
func last(at, now time.Time) string {
	if at.IsZero() {
		return "never got a record"
	}
	return "last got a record " + span(now.Sub(at)) + " ago"
}

// span is a duration as a person says it.
func span(d time.Duration) string {
	switch {
	case d < 0:
		return "0 s"
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// instant is a watermark as EXPLAIN and errors write times.
func instant(ms int64) string {
	switch ms {
	case vec.MinTime:
		return "-"
	case vec.MaxTime:
		return "end"
	}
	t := time.UnixMilli(ms).UTC()
	if ms%1000 == 0 {
		return t.Format("2006-01-02 15:04:05")
	}
	return t.Format("2006-01-02 15:04:05.000")
}
