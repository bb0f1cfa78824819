package catalog

import (
	"time"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/sql/parser"
)

// The options of a table that say how its watermark is told (FLIP-296).
const (
	idleTimeout    = "scan.watermark.idle-timeout"
	alignmentGroup = "scan.watermark.alignment.group"
	alignmentDrift = "scan.watermark.alignment.max-drift"
	alignmentEvery = "scan.watermark.alignment.update-interval"
)

// watermarkOptions are those of any table.
//
// Lateness is a property of the row here: a row is late against the watermark of its
// split before it. This is what Flink's on-event strategy gives. Flink's default,
// on-periodic, lets rows pass that come within 200 ms of processing time after the row
// that overtook them, so that its answer hangs on how fast the rows were read; of all
// the answers that it may give, on-event's is the one that a repetition gives again.
// Both strategies are therefore on-event's.
var watermarkOptions = []connector.Option{
	{Name: "scan.watermark.emit.strategy", Type: "enum", Values: []string{"on-periodic", "on-event"}, Default: "on-periodic",
		Doc: "When watermarks are told. Both are told with every row: on-periodic gives what on-event gives, so that no answer depends on how fast rows are read."},
	{Name: idleTimeout, Type: "duration", Doc: "After what time without rows a split no longer holds back the watermark; instead of table.exec.source.idle-timeout."},
	{Name: alignmentGroup, Type: "string", Doc: "The sources of a statement with the same group read no further apart in event time than max-drift."},
	{Name: alignmentDrift, Type: "duration", Doc: "How far a split may be ahead of the least watermark of its group before it is not read."},
	{Name: alignmentEvery, Type: "duration", Default: "1s", Doc: "Has no effect: alignment is checked at each step."},
}

// Alignment is the table's alignment group and its drift; an empty group: none.
func (t *Table) Alignment() (group string, drift time.Duration) {
	text, _ := t.Option(alignmentDrift)
	drift, _ = ParseDuration(text)
	group, _ = t.Option(alignmentGroup)
	return group, drift
}

// checkAlignment wants group and drift together, as Flink does.
func checkAlignment(w *With, path Path, at parser.Pos, options []parser.Option) error {
	_, group := w.Options[alignmentGroup]
	_, drift := w.Options[alignmentDrift]
	_, every := w.Options[alignmentEvery]
	if group && drift || !group && !drift && !every {
		return nil
	}
	for _, o := range options {
		if o.Key == alignmentGroup || o.Key == alignmentDrift || o.Key == alignmentEvery {
			at = o.Pos()
			break
		}
	}
	return errorAt(at, "table '%s': '%s' and '%s' are set together, or neither", path, alignmentGroup, alignmentDrift)
}
