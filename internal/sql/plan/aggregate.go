package plan

import (
	"slices"
	"strings"

	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// GroupAggregate is an unbounded aggregation: it updates its results.
type GroupAggregate struct {
	props
	Input  Node
	Groups []int
	Calls  []AggCall
	TTL    StateTTL
}

func (n *GroupAggregate) Inputs() []Node { return []Node{n.Input} }

func (n *GroupAggregate) WithInputs(in []Node) Node {
	c := *n
	c.Input = in[0]
	return &c
}

func (n *GroupAggregate) Fields() []types.Field {
	out := aggFields(n.Input.Fields(), n.Groups, n.Calls)
	stripTime(out)
	return out
}

// Retracts says whether rows are taken back from the input.
func Retracts(in Node) bool {
	p, ok := in.(Physical)
	return ok && p.Traits().Mode&^types.AppendOnly != 0
}

func (n *GroupAggregate) Text(style rex.Style) string {
	suffix := ""
	if Retracts(n.Input) {
		suffix = "_RETRACT"
	}
	s := "GroupAggregate("
	if len(n.Groups) > 0 {
		s += "groupBy=[" + columnList(n.Input, n.Groups) + "], "
	}
	s += "select=" + list(callTexts(n.Input, n.Groups, n.Calls, style, suffix))
	if style != rex.Identity {
		s += ttlText([]string{"INPUT"}, n.TTL)
	}
	// Flink has no such thing; only the execution plan, which is nearest to what
	// runs, shows it.
	if n.Traits().Fold && style == rex.Infix {
		s += ", fold=[true]"
	}
	return s + ")"
}

// callTexts are the columns of an aggregation: groups, then calls.
func callTexts(in Node, groups []int, calls []AggCall, style rex.Style, suffix string) []string {
	names := FieldNames(in)
	items := pick(names, groups)
	for i := range calls {
		s := calls[i].text(func(c int) string { return names[c] }, "*", suffix)
		if style != rex.Identity {
			s += " AS " + calls[i].Out
		}
		items = append(items, s)
	}
	return items
}

// WindowProperty is a column that a window aggregation gives of its window.
type WindowProperty uint8

// The window columns.
const (
	WindowStart WindowProperty = iota
	WindowEnd
	WindowTime
)

func (p WindowProperty) text() string {
	return [...]string{"start('w$)", "end('w$)", "rowtime('w$)"}[p]
}

// WindowAggregate aggregates window by window; it emits a window's results once,
// when the watermark passes its end. Its columns are groups, calls, properties.
type WindowAggregate struct {
	props
	Input Node
	// Groups are the keys besides the window.
	Groups []int
	Calls  []AggCall
	Window Window
	// Time is the time column, or -1 where the windows are Attached: then Start
	// and End are the columns with their bounds.
	Time       int
	Start, End int
	// Grouped: the window stands in GROUP BY.
	Grouped bool
	// TimeType is the type of the time attribute.
	TimeType   types.Type
	Properties []WindowProperty
	// PropertyNames are the names of their columns.
	PropertyNames []string
}

func (n *WindowAggregate) Inputs() []Node { return []Node{n.Input} }

func (n *WindowAggregate) WithInputs(in []Node) Node {
	c := *n
	c.Input = in[0]
	return &c
}

func (n *WindowAggregate) Fields() []types.Field {
	out := aggFields(n.Input.Fields(), n.Groups, n.Calls)
	for i, p := range n.Properties {
		t := types.TTimestamp(3).Required()
		if p == WindowTime {
			t = n.TimeType.Required()
		}
		out = append(out, types.Field{Name: n.PropertyNames[i], Type: t})
	}
	return out
}

func (n *WindowAggregate) Text(style rex.Style) string {
	names := FieldNames(n.Input)
	s := "WindowAggregate("
	if n.Grouped {
		s = "GroupWindowAggregate("
	}
	if len(n.Groups) > 0 {
		s += "groupBy=[" + columnList(n.Input, n.Groups) + "], "
	}
	switch {
	case n.Grouped:
		s += "window=[" + n.Window.grouped(names[n.Time]) + "]"
	case n.Time >= 0 && n.Window.Kind == Session:
		s += "window=[" + partitioned(n.Window.overTime(names[n.Time]), names, n.Groups) + "]"
	case n.Time >= 0:
		s += "window=[" + n.Window.overTime(names[n.Time]) + "]"
	default:
		s += "window=[" + n.Window.overWindow(names[n.Start], names[n.End]) + "]"
	}
	suffix := ""
	if Retracts(n.Input) {
		suffix = "_RETRACT"
	}
	items := callTexts(n.Input, n.Groups, n.Calls, style, suffix)
	for i, p := range n.Properties {
		if style == rex.Identity {
			items = append(items, p.text())
		} else {
			items = append(items, p.text()+" AS "+n.PropertyNames[i])
		}
	}
	return s + ", select=[" + strings.Join(items, ", ") + "])"
}

// WindowFunction adds the bounds of its windows to each row: WindowTableFunction.
type WindowFunction struct {
	props
	Input  Node
	Window Window
	Time   int
	// Partition are the keys that a SESSION belongs to.
	Partition []int
}

func (n *WindowFunction) Inputs() []Node { return []Node{n.Input} }

func (n *WindowFunction) WithInputs(in []Node) Node {
	c := *n
	c.Input = in[0]
	return &c
}

func (n *WindowFunction) Fields() []types.Field {
	in := slices.Clone(n.Input.Fields())
	return windowFields(in, in[n.Time].Type)
}

func (n *WindowFunction) Text(rex.Style) string {
	names := FieldNames(n.Input)
	return "WindowTableFunction(window=[" + partitioned(n.Window.overTime(names[n.Time]), names, n.Partition) + "])"
}
