package bind

import (
	"slices"
	"strconv"

	"github.com/millrace/millrace/internal/sql/parser"
	"github.com/millrace/millrace/internal/sql/plan"
	"github.com/millrace/millrace/internal/sql/plan/rex"
)

// match binds MATCH_RECOGNIZE. What Flink parses and does not execute is refused
// here.
func (b *Binder) match(t *parser.MatchRecognize) (*relation, error) {
	in, err := b.from(t.Input)
	if err != nil {
		return nil, err
	}
	m := &matching{spec: plan.MatchSpec{At: t.Pos()}, input: scopeOf("", in.node.Fields()), slots: map[string]int{}}
	if err := m.pattern(t); err != nil {
		return nil, err
	}
	if err := b.matchOrder(m, t); err != nil {
		return nil, err
	}
	if err := m.after(t.After); err != nil {
		return nil, err
	}
	if t.Within != nil {
		if m.spec.Within, err = b.exprs(&scope{}, "WITHIN").millis(t.Within, "WITHIN"); err != nil {
			return nil, err
		}
		if m.spec.Within < 0 {
			return nil, errorAt(t.Within.Pos(), "WITHIN cannot be negative")
		}
	}
	if err := b.matchExprs(m, t); err != nil {
		return nil, err
	}
	return named(&plan.LogicalMatch{Input: in.node, Spec: m.spec}, ""), nil
}

// matchOrder binds PARTITION BY and ORDER BY.
func (b *Binder) matchOrder(m *matching, t *parser.MatchRecognize) error {
	x := b.exprs(m.input, "MATCH_RECOGNIZE")
	for _, e := range t.PartitionBy {
		v, err := x.bind(e)
		if err != nil {
			return err
		}
		c, ok := v.(*rex.Column)
		if !ok {
			return errorAt(e.Pos(), "PARTITION BY of MATCH_RECOGNIZE takes columns: compute others in a sub-query")
		}
		m.spec.Partition = append(m.spec.Partition, c.Index)
	}
	for _, o := range t.OrderBy {
		v, err := x.bind(o.Expr)
		if err != nil {
			return err
		}
		c, ok := v.(*rex.Column)
		if !ok {
			return errorAt(o.Expr.Pos(), "ORDER BY of MATCH_RECOGNIZE takes columns: compute others in a sub-query")
		}
		m.spec.Order = append(m.spec.Order, plan.SortKey{Column: c.Index, Desc: o.Desc, NullsFirst: nullsFirst(o)})
	}
	if len(m.spec.Order) == 0 {
		return errorAt(t.Pos(), "You must specify either rowtime or proctime for order by.")
	}
	return nil
}

// matchExprs binds DEFINE and MEASURES.
func (b *Binder) matchExprs(m *matching, t *parser.MatchRecognize) error {
	for _, d := range t.Define {
		v, ok := m.variable(d.Var.Name)
		if !ok {
			b.note("the pattern has no variable '%s': its definition has no effect", d.Var.Name)
			continue
		}
		if m.spec.Pattern[v].Define != nil {
			return errorAt(d.Var.Pos(), "pattern variable '%s' has already been defined", d.Var.Name)
		}
		x := b.exprs(m.input, "DEFINE")
		x.match, m.define = m, true
		cond, err := x.boolean(d.Cond, "DEFINE")
		if err != nil {
			return err
		}
		m.spec.Pattern[v].Define = cond
	}
	x := b.exprs(m.input, "MEASURES")
	x.match, m.define = m, false
	for _, s := range t.Measures {
		if slices.Contains(m.spec.Names, s.Alias.Name) {
			return errorAt(s.Alias.Pos(), "there are two measures of the name '%s'", s.Alias.Name)
		}
		e, err := x.bind(s.Expr)
		if err != nil {
			return err
		}
		m.spec.Measures, m.spec.Names = append(m.spec.Measures, e), append(m.spec.Names, s.Alias.Name)
	}
	return nil
}

// pattern takes variables one after the other, each with a quantifier.
func (m *matching) pattern(t *parser.MatchRecognize) error {
	switch {
	case t.StrictStart || t.StrictEnd:
		return errorAt(t.Pattern.Pos(), "a pattern cannot be anchored with ^ or $: a stream has neither beginning nor end")
	case len(t.Subsets) > 0:
		return unsupported(t.Subsets[0].Pos(), "SUBSET is")
	}
	if err := m.element(t.Pattern); err != nil {
		return err
	}
	some := false
	for _, v := range m.spec.Pattern {
		some = some || v.Min > 0
	}
	last := m.spec.Pattern[len(m.spec.Pattern)-1]
	switch {
	case !some:
		return errorAt(t.Pattern.Pos(), "Patterns that can produce empty matches are not supported. There must be at least one non-optional state.")
	case greedy(last):
		return errorAt(t.Pattern.Pos(), "Greedy quantifiers are not allowed as the last element of a Pattern yet. Finish your pattern with either a simple variable or reluctant quantifier.")
	case t.AllRows:
		return errorAt(t.Pos(), "All rows per match mode is not supported yet.")
	}
	return nil
}

// greedy says whether a variable leaves the next one only rows that it cannot take. One
// of a fixed number of rows, or of one at the most, does not, as in Flink.
func greedy(v plan.MatchVar) bool {
	return !v.Reluctant && v.Min != v.Max && (v.Min != 0 || v.Max != 1)
}

func (m *matching) element(p *parser.Pattern) error {
	switch p.Kind {
	case parser.PatternConcat:
		for _, s := range p.Subs {
			if err := m.element(s); err != nil {
				return err
			}
		}
		return nil
	case parser.PatternVar:
		return m.add(p, plan.MatchVar{Name: p.Var.Name, Min: 1, Max: 1})
	case parser.PatternRepeat:
		sub := p.Subs[0]
		if sub.Kind != parser.PatternVar {
			return errorAt(sub.Pos(), "a quantifier can stand behind a variable only: group patterns are not supported yet")
		}
		if p.Min == 0 && p.Max == 1 && p.Reluctant {
			return errorAt(p.Pos(), "Reluctant optional variables are not supported yet.")
		}
		if n := len(m.spec.Pattern); p.Min == 0 && (p.Max < 0 || p.Max == 1) && n > 0 && greedy(m.spec.Pattern[n-1]) {
			return errorAt(p.Pos(), "Optional pattern cannot be preceded by greedy pattern: '%s' can be absent, and '%s' before it takes as many rows as it can", sub.Var.Name, m.spec.Pattern[n-1].Name)
		}
		return m.add(p, plan.MatchVar{Name: sub.Var.Name, Min: p.Min, Max: p.Max, Reluctant: p.Reluctant, Quantity: quantity(p)})
	case parser.PatternAlt:
		return errorAt(p.Pos(), "a pattern cannot branch: '|' is not supported")
	case parser.PatternPermute:
		return errorAt(p.Pos(), "PERMUTE patterns are not supported")
	}
	return errorAt(p.Pos(), "'{-' '-}' patterns are not supported")
}

func (m *matching) add(p *parser.Pattern, v plan.MatchVar) error {
	if _, ok := m.variable(v.Name); ok {
		return errorAt(p.Pos(), "Pattern variables must be unique. That might change in the future.")
	}
	m.spec.Pattern = append(m.spec.Pattern, v)
	return nil
}

// quantity is a quantifier as it is written.
func quantity(p *parser.Pattern) string {
	s := ""
	switch {
	case p.Min == 0 && p.Max < 0:
		s = "*"
	case p.Min == 1 && p.Max < 0:
		s = "+"
	case p.Min == 0 && p.Max == 1:
		s = "?"
	case p.Max < 0:
		s = "{" + strconv.Itoa(p.Min) + ",}"
	case p.Min == p.Max:
		s = "{" + strconv.Itoa(p.Min) + "}"
	default:
		s = "{" + strconv.Itoa(p.Min) + "," + strconv.Itoa(p.Max) + "}"
	}
	if p.Reluctant {
		s += "?"
	}
	return s
}

func (m *matching) after(a *parser.AfterMatch) error {
	m.spec.Skip = plan.SkipToNext
	if a == nil {
		return nil
	}
	switch a.Kind {
	case "PAST LAST ROW":
		m.spec.Skip = plan.SkipPastLast
	case "TO FIRST":
		m.spec.Skip = plan.SkipToFirst
	case "TO LAST":
		m.spec.Skip = plan.SkipToLast
	}
	if a.Var == nil {
		return nil
	}
	v, ok := m.variable(a.Var.Name)
	if !ok {
		return m.unknown(*a.Var)
	}
	m.spec.SkipVar = v
	return nil
}
