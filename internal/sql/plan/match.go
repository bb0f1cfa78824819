package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/millrace/millrace/internal/function"
	"github.com/millrace/millrace/internal/sql/parser"
	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// MatchVar is a variable of a row pattern with its quantifier.
type MatchVar struct {
	Name      string
	Min, Max  int // Max is -1 without a bound
	Reluctant bool
	Quantity  string // as it was written: "+", "*?", "{2,3}"
	// Define is its condition, nil for none: a BOOLEAN over the slots of the MatchSpec.
	Define rex.Expr
}

// MatchSlotKind says what a MatchSlot is.
type MatchSlotKind uint8

// What conditions and measures know of a match.
const (
	MatchColumn MatchSlotKind = iota
	MatchAggregate
	MatchRowtime
	MatchProctime
)

// MatchSlot is a value of a match that expressions use as if it were a column:
// FIRST(A.c, n), LAST(A.c, n), an aggregate over the rows of a variable.
type MatchSlot struct {
	Kind MatchSlotKind
	// Var is the variable; -1 stands for all rows of the match.
	Var         int
	Col, Offset int
	First       bool
	Fn          *function.AggregateFn
	// Args are the aggregate's arguments, over the input's columns.
	Args []rex.Expr
	T    types.Type
}

// MatchSkip is AFTER MATCH SKIP.
type MatchSkip uint8

// Where the next match may begin.
const (
	SkipPastLast MatchSkip = iota
	SkipToNext
	SkipToFirst
	SkipToLast
)

// MatchSpec is what MATCH_RECOGNIZE says.
type MatchSpec struct {
	Partition []int
	Order     []SortKey
	Pattern   []MatchVar
	Skip      MatchSkip
	SkipVar   int
	// Within is in milliseconds; 0: without a limit.
	Within   int64
	Slots    []MatchSlot
	Measures []rex.Expr // over the slots
	Names    []string   // of the measures
	At       parser.Pos
}

// Columns are the input's columns that are used.
func (m *MatchSpec) Columns() []int {
	out := slices.Clone(m.Partition)
	for _, k := range m.Order {
		out = append(out, k.Column)
	}
	for _, s := range m.Slots {
		if s.Kind == MatchColumn {
			out = append(out, s.Col)
		}
		out = append(out, rex.Columns(s.Args...)...)
	}
	return out
}

// Remap gives the input's columns other numbers.
func (m MatchSpec) Remap(to func(int) int) MatchSpec {
	m.Partition, m.Order, m.Slots = slices.Clone(m.Partition), slices.Clone(m.Order), slices.Clone(m.Slots)
	for i, c := range m.Partition {
		m.Partition[i] = to(c)
	}
	for i, k := range m.Order {
		m.Order[i].Column = to(k.Column)
	}
	for i := range m.Slots {
		s := &m.Slots[i]
		if s.Kind == MatchColumn {
			s.Col = to(s.Col)
		}
		s.Args = slices.Clone(s.Args)
		for k, a := range s.Args {
			s.Args[k] = rex.Remap(a, to)
		}
	}
	return m
}

// fields: no time attribute is left but MATCH_ROWTIME and MATCH_PROCTIME, for the
// other times of a match lie behind.
func (m *MatchSpec) fields(in []types.Field) []types.Field {
	var out []types.Field
	for _, c := range m.Partition {
		out = append(out, types.Field{Name: in[c].Name, Type: in[c].Type.Plain()})
	}
	for i, e := range m.Measures {
		t := e.Type()
		if c, ok := e.(*rex.Column); !ok || m.Slots[c.Index].Kind < MatchRowtime {
			t = t.Plain()
		}
		out = append(out, types.Field{Name: m.Names[i], Type: t})
	}
	return out
}

// text has Flink's parts in Flink's order; the pattern and its conditions are written as in
// SQL, where Flink prints its parse tree, and WITHIN is shown.
func (m *MatchSpec) text(in Node, style rex.Style) string {
	var b strings.Builder
	if len(m.Partition) > 0 {
		b.WriteString("partitionBy=[" + columnList(in, m.Partition) + "], ")
	}
	b.WriteString("orderBy=" + orderText(m.Order, in) + ", measures=" + m.measures(in, style))
	b.WriteString(", rowsPerMatch=[ONE ROW PER MATCH], after=[" + m.after() + "]")
	if m.Within > 0 {
		b.WriteString(", within=[" + strconv.FormatInt(m.Within, 10) + ":INTERVAL SECOND]")
	}
	vars, defines := make([]string, len(m.Pattern)), []string{}
	for i, v := range m.Pattern {
		vars[i] = v.Name + v.Quantity
		if v.Define != nil {
			defines = append(defines, v.Name+"="+rex.Format(v.Define, style, m.slotNames(in, style)))
		}
	}
	fmt.Fprintf(&b, ", pattern=[(%s)], define=[{%s}]", strings.Join(vars, " "), strings.Join(defines, ", "))
	return b.String()
}

func (m *MatchSpec) measures(in Node, style rex.Style) string {
	items := make([]string, len(m.Measures))
	for i, e := range m.Measures {
		items[i] = "FINAL(" + rex.Format(e, style, m.slotNames(in, style)) + ")"
		if style != rex.Identity {
			items[i] += " AS " + m.Names[i]
		}
	}
	return list(items)
}

func (m *MatchSpec) after() string {
	switch m.Skip {
	case SkipToNext:
		return "SKIP TO NEXT ROW"
	case SkipToFirst:
		return "SKIP TO FIRST " + m.Pattern[m.SkipVar].Name
	case SkipToLast:
		return "SKIP TO LAST " + m.Pattern[m.SkipVar].Name
	}
	return "SKIP PAST LAST ROW"
}

// slotNames prints slots: FIRST(A.price, 0), SUM(A.price).
func (m *MatchSpec) slotNames(in Node, style rex.Style) func(int) string {
	columns := rex.Names(in.Fields())
	return func(i int) string {
		s := m.Slots[i]
		of := "*."
		if s.Var >= 0 {
			of = m.Pattern[s.Var].Name + "."
		}
		switch s.Kind {
		case MatchRowtime:
			return "MATCH_ROWTIME()"
		case MatchProctime:
			return "MATCH_PROCTIME()"
		case MatchAggregate:
			if len(s.Args) == 0 && s.Var >= 0 {
				return s.Fn.Name + "(" + of + "*)"
			}
			args := make([]string, len(s.Args))
			for k, a := range s.Args {
				args[k] = rex.Format(a, style, func(c int) string { return of + columns(c) })
			}
			return s.Fn.Name + "(" + strings.Join(args, ", ") + ")"
		}
		f := "LAST"
		if s.Offset == 0 && !s.First && s.Var >= 0 {
			return of + columns(s.Col)
		}
		if s.First {
			f = "FIRST"
		}
		return fmt.Sprintf("%s(%s%s, %d)", f, of, columns(s.Col), s.Offset)
	}
}

// LogicalMatch is MATCH_RECOGNIZE.
type LogicalMatch struct {
	Input Node
	Spec  MatchSpec
}

// Inputs is the one input.
func (n *LogicalMatch) Inputs() []Node { return []Node{n.Input} }

// WithInputs is the node over another input.
func (n *LogicalMatch) WithInputs(in []Node) Node { return &LogicalMatch{in[0], n.Spec} }

// Fields are the PARTITION BY columns and the measures.
func (n *LogicalMatch) Fields() []types.Field { return n.Spec.fields(n.Input.Fields()) }

// Text is as in Flink.
func (n *LogicalMatch) Text(rex.Style) string {
	return "LogicalMatch(" + n.Spec.text(n.Input, rex.Logical) + ")"
}

// Match computes MATCH_RECOGNIZE.
type Match struct {
	props
	Input Node
	Spec  MatchSpec
}

// Inputs is the one input.
func (n *Match) Inputs() []Node { return []Node{n.Input} }

// WithInputs is the node over another input.
func (n *Match) WithInputs(in []Node) Node {
	c := *n
	c.Input = in[0]
	return &c
}

// Fields are the PARTITION BY columns and the measures.
func (n *Match) Fields() []types.Field { return n.Spec.fields(n.Input.Fields()) }

// Text is as in Flink.
func (n *Match) Text(style rex.Style) string { return "Match(" + n.Spec.text(n.Input, style) + ")" }
