package operator

import "slices"

// MatchVar is a variable of a row pattern with its quantifier.
type MatchVar struct {
	// Min and Max are how many rows it takes; Max is below 0 without a bound.
	Min, Max int
	// Reluctant: the pattern may go on with the next variable although the row would
	// do for this one.
	Reluctant bool
	// Define is the index of its condition, or -1: any row will do.
	Define int
}

// automaton is a pattern as Flink's CEP compiles it (NFACompiler, with strict
// contiguity: no row of a match is left out). An edge either takes the row or
// proceeds to a state that looks at the same row.
//
// A greedy quantifier is a condition on what comes behind it: every edge of the next
// variable's first state also demands that the row would not do for the greedy one.
// This is not the greediness of regular expressions: A{1,2} B does not match three
// rows that are all A, the last one B too.
type automaton struct {
	states       []matchState
	start, final int32
	vars         []MatchVar
}

type matchState struct {
	variable int // which an edge that takes gives the row to
	edges    []matchEdge
}

type matchEdge struct {
	to   int32
	take bool
	when []matchTest // all must hold, looked at in this order
}

// matchTest is a condition, or that it does not hold: NULL is not TRUE.
type matchTest struct {
	define int
	not    bool
}

func compilePattern(vars []MatchVar) *automaton {
	a := &automaton{vars: vars}
	a.final = a.state(-1)
	a.start = a.final
	for v := len(vars) - 1; v >= 0; v-- {
		a.start = a.variable(v, a.start)
	}
	return a
}

func (a *automaton) state(variable int) int32 {
	a.states = append(a.states, matchState{variable: variable})
	return int32(len(a.states) - 1)
}

func (a *automaton) edge(from, to int32, take bool) {
	e := matchEdge{to: to, take: take}
	s := &a.states[from]
	if take {
		e.when = []matchTest{{define: a.vars[s.variable].Define}}
	}
	s.edges = append(s.edges, e)
}

// variable makes the states of a variable in front of those of the next one.
func (a *automaton) variable(v int, sink int32) int32 {
	m := a.vars[v]
	last, from := sink, max(m.Min, 1)
	switch {
	case m.Max < 0:
		last = a.state(v)
		a.edge(last, sink, false)
		if !m.Reluctant {
			a.yield(sink, m.Define)
		}
		a.edge(last, last, true)
	case m.Max > 1:
		if !m.Reluctant && m.Min != m.Max && from != m.Max {
			a.yield(sink, m.Define)
		}
		for range m.Max - from {
			last = a.single(v, last, sink, true)
		}
	}
	for range from - 1 {
		last = a.single(v, last, sink, false)
	}
	return a.single(v, last, sink, m.Min == 0)
}

// single is a state that takes one row, or proceeds if it is optional.
func (a *automaton) single(v int, next, proceed int32, optional bool) int32 {
	s := a.state(v)
	a.edge(s, next, true)
	if optional {
		a.edge(s, proceed, false)
	}
	return s
}

// yield lets a state do nothing with a row that does for a greedy variable before it.
func (a *automaton) yield(s int32, define int) {
	for i := range a.states[s].edges {
		e := &a.states[s].edges[i]
		e.when = append(slices.Clone(e.when), matchTest{define: define, not: true})
	}
}

// Answers to a condition.
const (
	matchUnknown uint8 = iota
	matchYes
	matchNo
)

// matchWalk is what a row does to a run: the states that it goes on in, each with
// the variable that takes the row. The run itself ends.
type matchWalk struct {
	next  []matchStep
	stack []int32
	takes []matchStep
}

type matchStep struct {
	state    int32
	variable int
}

// walk finds what a row does in a state. Conditions are asked for one by one, as
// Flink does, for one that need not hold may be one that cannot be computed: the
// result is the condition to be answered next, or -1 when w.next is complete.
func (a *automaton) walk(s int32, answers []uint8, w *matchWalk) (missing int) {
	w.next, w.takes = w.next[:0], w.takes[:0]
	w.stack = append(w.stack[:0], s)
	for len(w.stack) > 0 {
		from := w.stack[len(w.stack)-1]
		w.stack = w.stack[:len(w.stack)-1]
		for i := range a.states[from].edges {
			e := &a.states[from].edges[i]
			switch ok, missing := e.holds(answers); {
			case missing >= 0:
				return missing
			case !ok:
			case e.take:
				w.takes = append(w.takes, matchStep{e.to, a.states[from].variable})
			default:
				w.stack = append(w.stack, e.to)
			}
		}
	}
	for _, t := range w.takes {
		w.next = append(w.next, t)
		ends, missing := a.ends(t.state, answers, w)
		if missing >= 0 {
			return missing
		}
		if ends {
			w.next = append(w.next, matchStep{a.final, t.variable})
		}
	}
	return -1
}

// ends says whether the final state is reached from a state without another row.
func (a *automaton) ends(s int32, answers []uint8, w *matchWalk) (ends bool, missing int) {
	w.stack = append(w.stack[:0], s)
	for len(w.stack) > 0 {
		from := w.stack[len(w.stack)-1]
		w.stack = w.stack[:len(w.stack)-1]
		for i := range a.states[from].edges {
			e := &a.states[from].edges[i]
			if e.take {
				continue
			}
			ok, missing := e.holds(answers)
			if missing >= 0 {
				return false, missing
			}
			if !ok {
				continue
			}
			if e.to == a.final {
				return true, -1
			}
			w.stack = append(w.stack, e.to)
		}
	}
	return false, -1
}

func (e *matchEdge) holds(answers []uint8) (ok bool, missing int) {
	for _, t := range e.when {
		answer := matchYes
		if t.define >= 0 {
			answer = answers[t.define]
		}
		if answer == matchUnknown {
			return false, t.define
		}
		if (answer == matchYes) == t.not {
			return false, -1
		}
	}
	return true, -1
}
