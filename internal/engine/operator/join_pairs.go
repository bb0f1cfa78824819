package operator

import (
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// joinPairs are rows of the input, by position, with candidates of the other
// side by id; -1 ends the row.
type joinPairs struct {
	in, other []int32
	keep      []bool
}

// hold evaluates the residual on all pairs.
func (p *joinPairs) hold(o *join, port int) error {
	p.keep = sized(p.keep, len(p.in))
	for k := range p.keep {
		p.keep[k] = o.spec.Residual == nil
	}
	if o.spec.Residual == nil {
		return nil
	}
	var rows, ids, at []int32
	for k, id := range p.other {
		if id >= 0 {
			rows, ids, at = append(rows, o.rows[p.in[k]]), append(ids, id), append(at, int32(k))
		}
	}
	if len(ids) == 0 {
		return nil
	}
	cols := o.out.columns(rows, ids, false)
	cond, err := o.spec.Residual.Eval(o.ctx.Eval, &vec.Batch{N: len(ids), Cols: cols})
	if err != nil {
		return err
	}
	for i, k := range at {
		p.keep[k] = holds(cond, i)
	}
	return nil
}

// joinOutput collects results: a row of the input batch and one of the other
// side's table, either of which may be -1 for NULLs.
type joinOutput struct {
	join  *join
	port  int
	batch *vec.Batch
	emit  Emit

	kinds []types.RowKind
	rows  []int32
	ids   []int32
}

func (e *joinOutput) begin(o *join, port int, b *vec.Batch, out Emit) {
	e.join, e.port, e.batch, e.emit = o, port, b, out
	e.rows, e.ids, e.kinds = e.rows[:0], e.ids[:0], e.kinds[:0]
	o.pairs.in, o.pairs.other = o.pairs.in[:0], o.pairs.other[:0]
}

func (e *joinOutput) put(kind types.RowKind, row, id int32, times int64) error {
	for range times {
		e.kinds, e.rows, e.ids = append(e.kinds, kind), append(e.rows, row), append(e.ids, id)
		if len(e.kinds) == vec.BatchRows {
			if err := e.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *joinOutput) flush() error {
	if len(e.kinds) == 0 {
		return nil
	}
	b := &vec.Batch{N: len(e.kinds), Cols: e.columns(e.rows, e.ids, e.join.semi()), Kinds: allInserts(e.kinds)}
	// The kinds go with the batch; the other slices were copied from.
	e.kinds, e.rows, e.ids = nil, e.rows[:0], e.ids[:0]
	return e.emit(b)
}

// columns gathers rows of the batch and the other side's rows ids, the left
// side's columns first.
func (e *joinOutput) columns(rows, ids []int32, leftOnly bool) []*vec.Vector {
	o := e.join
	if leftOnly {
		return e.leftColumns(rows, ids)
	}
	mine := make([]*vec.Vector, len(o.sides[e.port].types))
	for c := range mine {
		if e.batch == nil {
			mine[c] = vec.NewNulls(o.sides[e.port].types[c].Nullable(), len(rows))
		} else {
			mine[c] = vec.Copy(e.batch.Cols[c], rows)
		}
		e.pad(mine[c], e.port)
	}
	theirs := o.sides[1-e.port].gather(ids)
	for _, v := range theirs {
		e.pad(v, 1-e.port)
	}
	if e.port == 0 {
		return append(mine, theirs...)
	}
	return append(theirs, mine...)
}

// pad makes a column nullable if rows of the other side may come without it.
func (e *joinOutput) pad(v *vec.Vector, side int) {
	if e.join.sides[1-side].padded {
		v.Type = v.Type.Nullable()
	}
}

func (s *joinSide) gather(ids []int32) []*vec.Vector {
	out := make([]*vec.Vector, len(s.types))
	for c := range out {
		out[c] = s.table.Key(s.at[c]).Gather(ids)
	}
	return out
}

// leftColumns are a semi or anti join's: all results of a call come from the
// left input, or all from the left table.
func (e *joinOutput) leftColumns(rows, ids []int32) []*vec.Vector {
	if e.port == 1 {
		return e.join.sides[0].gather(ids)
	}
	out := make([]*vec.Vector, len(e.batch.Cols))
	for c, v := range e.batch.Cols {
		out[c] = vec.Copy(v, rows)
	}
	return out
}
