package operator

import (
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// MatchSlotKind says what a MatchSlot is.
type MatchSlotKind uint8

// What conditions and measures know of a match.
const (
	// MatchColumn is a column of a variable's row: FIRST(A.c, n), LAST(A.c, n).
	MatchColumn MatchSlotKind = iota
	// MatchAggregate is an aggregate over all rows of a variable.
	MatchAggregate
	// MatchRowtime and MatchProctime are the functions of these names.
	MatchRowtime
	MatchProctime
)

// MatchSlot is a value that an expression takes of the match: a column of the batch
// that it is evaluated over.
type MatchSlot struct {
	Kind MatchSlotKind
	// Var is the variable, by its place in the pattern; -1 is all rows of the match.
	Var int
	// Col is a column of the input; Offset counts rows from the variable's first one
	// or back from its last.
	Col, Offset int
	First       bool
	// Fn aggregates Args, which are expressions over the input columns Cols.
	Fn   vec.Aggregate
	Cols []int
	Args []vec.Expr
	// Type is the value's.
	Type types.Type
}

// MatchExprs are expressions over slots.
type MatchExprs struct {
	Slots []MatchSlot
	Exprs []vec.Expr
}

// matchItem is a run for which expressions are computed, or a match.
type matchItem struct {
	ids    []int32 // its rows
	counts []int32
	// current is the row that is asked about, -1 in a match, as if it were given to
	// variable.
	current  int32
	variable int
	rowtime  int64
}

// rowsOf is a variable's rows, and whether the current row is one more.
func (m *matchItem) rowsOf(v int) (ids []int32, current bool) {
	if v < 0 {
		return m.ids, m.current >= 0
	}
	from := int32(0)
	for _, c := range m.counts[:v] {
		from += c
	}
	return m.ids[from : from+m.counts[v]], m.current >= 0 && v == m.variable
}

// locate is the row of a column slot, or -1.
func (m *matchItem) locate(s *MatchSlot) int32 {
	ids, current := m.rowsOf(s.Var)
	n := len(ids)
	if current {
		n++
	}
	at := s.Offset
	if !s.First {
		at = n - 1 - s.Offset
	}
	switch {
	case at < 0 || at >= n:
		return -1
	case at == len(ids):
		return m.current
	}
	return ids[at]
}

// matchEval computes expressions for items. Rows are read by gather, which knows
// what an id is.
type matchEval struct {
	exprs  MatchExprs
	ids    []int32
	groups []int32
	cells  [][]*vec.Column
}

type gatherFunc func(col int, ids []int32) *vec.Vector

func (e *matchEval) eval(ctx *vec.EvalContext, items []matchItem, gather gatherFunc) ([]*vec.Vector, error) {
	b := &vec.Batch{N: len(items), Cols: make([]*vec.Vector, len(e.exprs.Slots))}
	for i := range e.exprs.Slots {
		v, err := e.slot(ctx, i, items, gather)
		if err != nil {
			return nil, err
		}
		b.Cols[i] = v
	}
	out := make([]*vec.Vector, len(e.exprs.Exprs))
	for i, x := range e.exprs.Exprs {
		v, err := x.Eval(ctx, b)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

func (e *matchEval) slot(ctx *vec.EvalContext, i int, items []matchItem, gather gatherFunc) (*vec.Vector, error) {
	s := &e.exprs.Slots[i]
	switch s.Kind {
	case MatchAggregate:
		return e.aggregate(ctx, i, items, gather)
	case MatchColumn:
		e.ids = e.ids[:0]
		for k := range items {
			e.ids = append(e.ids, items[k].locate(s))
		}
		v := gather(s.Col, e.ids)
		v.Type = s.Type
		return v, nil
	}
	v := vec.New(s.Type, len(items), 0)
	for k := range items {
		at := items[k].rowtime
		if s.Kind == MatchProctime {
			at = ctx.Now.UnixMilli()
		}
		v.I64[k] = fromMillis(at, s.Type.Unit())
	}
	return v, nil
}

// aggregate folds the rows of each item anew, as Flink does: a run keeps no
// accumulators.
func (e *matchEval) aggregate(ctx *vec.EvalContext, i int, items []matchItem, gather gatherFunc) (*vec.Vector, error) {
	s := &e.exprs.Slots[i]
	cells := e.accumulators(i, len(items))
	e.ids, e.groups = e.ids[:0], e.groups[:0]
	fold := func() error {
		b := &vec.Batch{N: len(e.ids)}
		for _, c := range s.Cols {
			b.Cols = append(b.Cols, gather(c, e.ids))
		}
		args := make([]*vec.Vector, len(s.Args))
		for k, x := range s.Args {
			var err error
			if args[k], err = x.Eval(ctx, b); err != nil {
				return err
			}
		}
		err := s.Fn.Add(cells, e.groups, args, countUp(nil, len(e.ids)))
		e.ids, e.groups = e.ids[:0], e.groups[:0]
		return err
	}
	add := func(id int32, k int) error {
		e.ids, e.groups = append(e.ids, id), append(e.groups, int32(k))
		if len(e.ids) == vec.BatchRows {
			return fold()
		}
		return nil
	}
	for k := range items {
		ids, current := items[k].rowsOf(s.Var)
		for _, id := range ids {
			if err := add(id, k); err != nil {
				return nil, err
			}
		}
		if current {
			if err := add(items[k].current, k); err != nil {
				return nil, err
			}
		}
	}
	if len(e.ids) > 0 {
		if err := fold(); err != nil {
			return nil, err
		}
	}
	return s.Fn.Result(cells, countUp(nil, len(items)))
}

// accumulators are n new ones of a slot.
func (e *matchEval) accumulators(i, n int) []*vec.Column {
	if e.cells == nil {
		e.cells = make([][]*vec.Column, len(e.exprs.Slots))
	}
	if e.cells[i] == nil {
		for _, t := range e.exprs.Slots[i].Fn.Cells() {
			e.cells[i] = append(e.cells[i], vec.NewColumn(t))
		}
	}
	for _, c := range e.cells[i] {
		if c.Len() < n {
			c.Grow(max(n, 2*c.Len()))
		}
		for k := range n {
			c.Zero(k)
		}
	}
	return e.cells[i]
}
