package engine

import (
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/millrace/millrace/internal/engine/operator"
	"github.com/millrace/millrace/internal/vec"
)

// Describe is the text of DESCRIBE JOB: the operators with their watermarks, state and
// what they wait for, the splits, and why nothing comes out. Times are UTC; those of a
// TIMESTAMP attribute are as they are.
func (s *Status) Describe(now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "job %s  %s  %s", s.ID, s.Name, s.State)
	if !s.Started.IsZero() {
		end := now
		if !s.Ended.IsZero() {
			end = s.Ended
		}
		fmt.Fprintf(&b, " for %s", span(end.Sub(s.Started)))
	}
	fmt.Fprintf(&b, ", epoch %d, %d %s\n", s.Epoch, s.Workers, map[bool]string{true: "worker", false: "workers"}[s.Workers == 1])
	if len(s.Nodes) > 0 {
		s.describeNodes(&b)
	}
	for i := range s.Nodes {
		if n := &s.Nodes[i]; len(n.Splits) > 0 {
			n.describeSplits(&b, i, now)
		}
	}
	for _, note := range s.Notes {
		fmt.Fprintf(&b, "\nnote: %s\n", note)
	}
	fmt.Fprintf(&b, "\nwhy: %s\n", s.Why(now))
	return b.String()
}

func (s *Status) describeNodes(b *strings.Builder) {
	w := tabwriter.NewWriter(b, 0, 1, 2, ' ', 0)
	fmt.Fprint(w, "\n#\tinputs\toperator\trows in\trows out\tlate\twatermark\tstate\twaits for\n")
	for i := range s.Nodes {
		n := &s.Nodes[i]
		mark := instant(n.Watermark)
		if n.Idle {
			mark += " idle"
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%d\t%d\t%d\t%s\t%s\t%s\n",
			i, inputText(n.Inputs), n.Name, n.RowsIn, n.RowsOut, n.LateRows, mark, stateText(n), waitText(n.Waits))
	}
	w.Flush()
}

func inputText(inputs []int) string {
	if len(inputs) == 0 {
		return "-"
	}
	text := make([]string, len(inputs))
	for i, n := range inputs {
		text[i] = strconv.Itoa(n)
	}
	return strings.Join(text, ",")
}

func stateText(n *NodeStatus) string {
	text := fmt.Sprintf("%d rows, %s", n.State.Rows, size(n.State.Bytes))
	switch n.State.Rows {
	case 0:
		return "-"
	case 1:
		text = "1 row, " + size(n.State.Bytes)
	}
	if n.State.Disk > 0 {
		text += ", " + size(n.State.Disk) + " on disk"
	}
	return text
}

func waitText(w *operator.Wait) string {
	switch {
	case w == nil:
		return "-"
	case w.What == operator.WaitInput:
		return "end of input"
	case w.What == operator.WaitRow:
		return "row of " + instant(w.Time)
	case w.ProcTime:
		return "window end " + instant(w.Time) + " by the clock"
	}
	return "window end " + instant(w.Time)
}

// size is bytes as a person says it.
func size(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d B", n)
}

func (n *NodeStatus) describeSplits(b *strings.Builder, index int, now time.Time) {
	fmt.Fprintf(b, "\nsplits of %d %s", index, n.Name)
	switch {
	case !n.TellsTime:
		b.WriteString(", which has no watermark")
	case n.IdleTimeout > 0:
		fmt.Fprintf(b, ", idle after %s", span(n.IdleTimeout))
	}
	if n.Alignment.Group != "" {
		fmt.Fprintf(b, ", aligned with '%s' to %s", n.Alignment.Group, span(n.Alignment.MaxDrift))
	}
	w := tabwriter.NewWriter(b, 0, 1, 2, ' ', 0)
	fmt.Fprint(w, "\nsplit\twatermark\tmoved\tstate\tunread\tlast record\n")
	for _, sp := range n.Splits {
		moved, appended := "-", "-"
		if !sp.Since.IsZero() {
			moved = span(now.Sub(sp.Since)) + " ago"
		}
		if !sp.LastAppend.IsZero() {
			appended = span(now.Sub(sp.LastAppend)) + " ago"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", sp.ID, instant(sp.Watermark), moved, sp.text(), unreadText(sp), appended)
	}
	w.Flush()
}

// text is how a split stands.
func (sp *SplitStatus) text() string {
	switch {
	case sp.Done:
		return "at its bound"
	case sp.Idle:
		return "idle"
	case sp.Held:
		return "held"
	case sp.Watermark == vec.MinTime:
		return "no time yet"
	}
	return "active"
}

func unreadText(sp SplitStatus) string {
	text := "?"
	if sp.Behind >= 0 {
		text = strconv.FormatInt(sp.Behind, 10)
	}
	if sp.Hidden > 0 {
		text += fmt.Sprintf(" and %d in open transactions", sp.Hidden)
	}
	return text
}
