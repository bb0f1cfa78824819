package function

import (
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// NewCase is CASE WHEN whens[i] THEN thens[i] … ELSE els END; els may be nil for
// NULL. The results must have one type, see CommonResult. Each part is evaluated
// only on the rows that come to it.
func NewCase(whens, thens []vec.Expr, els vec.Expr) vec.Expr {
	t := thens[0].Type()
	required := els != nil && els.Type().NotNull
	for _, e := range thens {
		required = required && e.Type().NotNull
		if t.Root == types.Null {
			t = e.Type()
		}
	}
	if els != nil && t.Root == types.Null {
		t = els.Type()
	}
	return &caseExpr{whens: whens, thens: thens, els: els, typ: t.Plain().WithNull(!required)}
}

type caseExpr struct {
	whens, thens []vec.Expr
	els          vec.Expr
	typ          types.Type
	open, hit    []int32 // scratch
}

func (c *caseExpr) Type() types.Type { return c.typ }
func (c *caseExpr) pure() bool       { return true }

func (c *caseExpr) children() []vec.Expr {
	out := append(append([]vec.Expr{}, c.whens...), c.thens...)
	if c.els != nil {
		out = append(out, c.els)
	}
	return out
}

func (c *caseExpr) Eval(ctx *vec.EvalContext, b *vec.Batch) (*vec.Vector, error) {
	open := allRows(c.open[:0], b)
	m := newMerge(b.N)
	for i, w := range c.whens {
		if len(open) == 0 {
			break
		}
		v, err := w.Eval(ctx, b.Select(open))
		if err != nil {
			return nil, err
		}
		open, c.hit = split(v, open, c.hit[:0])
		if len(c.hit) == 0 {
			continue
		}
		v, err = c.thens[i].Eval(ctx, b.Select(c.hit))
		if err != nil {
			return nil, err
		}
		m.add(v, c.hit)
	}
	c.open = open
	if c.els != nil && len(open) > 0 {
		v, err := c.els.Eval(ctx, b.Select(open))
		if err != nil {
			return nil, err
		}
		m.add(v, open)
	}
	return m.vector(c.typ), nil
}

// split divides rows into those on which v is TRUE and the others, which stay
// in place. hit is never nil.
func split(v *vec.Vector, rows, hit []int32) (rest, hits []int32) {
	if hit == nil {
		hit = make([]int32, 0, len(rows))
	}
	k := 0
	for _, r := range rows {
		if !v.IsNull(int(r)) && v.Bool[r] {
			hit = append(hit, r)
			continue
		}
		rows[k] = r
		k++
	}
	return rows[:k], hit
}

// NewCoalesce is the first of args that is not NULL; an argument is evaluated
// only on rows on which all before it are NULL. They must have one type.
func NewCoalesce(args []vec.Expr) vec.Expr {
	t, required := args[0].Type(), false
	for _, a := range args {
		required = required || a.Type().NotNull
		if t.Root == types.Null {
			t = a.Type()
		}
	}
	if len(args) == 1 {
		return args[0]
	}
	return &coalesceExpr{args: args, typ: t.Plain().WithNull(!required)}
}

type coalesceExpr struct {
	args []vec.Expr
	typ  types.Type
	open []int32 // scratch
}

func (c *coalesceExpr) Type() types.Type     { return c.typ }
func (c *coalesceExpr) children() []vec.Expr { return c.args }
func (c *coalesceExpr) pure() bool           { return true }

func (c *coalesceExpr) Eval(ctx *vec.EvalContext, b *vec.Batch) (*vec.Vector, error) {
	first, err := c.args[0].Eval(ctx, b)
	if err != nil {
		return nil, err
	}
	if first.Valid == nil && first.Type.Root != types.Null {
		return first, nil
	}
	open := allRows(c.open[:0], b)
	m := newMerge(b.N)
	m.add(first, open)
	open = nulls(first, open)
	for _, a := range c.args[1:] {
		if len(open) == 0 {
			break
		}
		v, err := a.Eval(ctx, b.Select(open))
		if err != nil {
			return nil, err
		}
		m.add(v, open)
		open = nulls(v, open)
	}
	c.open = open
	return m.vector(c.typ), nil
}

// nulls keeps, in place, the rows on which v is NULL.
func nulls(v *vec.Vector, rows []int32) []int32 {
	k := 0
	for _, r := range rows {
		if v.IsNull(int(r)) {
			rows[k] = r
			k++
		}
	}
	return rows[:k]
}

// merge joins vectors over the same rows into one: each row from the vector
// that claimed it last.
type merge struct {
	n     int
	parts []*vec.Vector
	from  []int16 // by row: 1 + the index in parts; 0: NULL
}

func newMerge(n int) *merge { return &merge{n: n, from: make([]int16, n)} }

func (m *merge) add(v *vec.Vector, rows []int32) {
	m.parts = append(m.parts, v)
	p := int16(len(m.parts))
	for _, r := range rows {
		m.from[r] = p
	}
}

func (m *merge) vector(t types.Type) *vec.Vector {
	switch t.Physical() {
	case types.PhysBool:
		return mergeFixed[bool](m, t)
	case types.PhysInt8:
		return mergeFixed[int8](m, t)
	case types.PhysInt16:
		return mergeFixed[int16](m, t)
	case types.PhysInt32:
		return mergeFixed[int32](m, t)
	case types.PhysInt64:
		return mergeFixed[int64](m, t)
	case types.PhysFloat32:
		return mergeFixed[float32](m, t)
	case types.PhysFloat64:
		return mergeFixed[float64](m, t)
	case types.PhysDec:
		return mergeFixed[types.Dec](m, t)
	case types.PhysBytes:
		return m.bytes(t)
	case types.PhysNull:
		return &vec.Vector{Type: t, N: m.n}
	}
	return m.nested(t)
}

func mergeFixed[T fixed](m *merge, t types.Type) *vec.Vector {
	out := vec.New(t, m.n, 0)
	dst := *slice[T](out)
	src := make([][]T, len(m.parts))
	for p, v := range m.parts {
		if v.Type.Root != types.Null {
			src[p] = *slice[T](v)
		}
	}
	for r, p := range m.from {
		if p == 0 || m.parts[p-1].IsNull(r) {
			out.SetNull(r)
		} else {
			dst[r] = src[p-1][r]
		}
	}
	return out
}

func (m *merge) bytes(t types.Type) *vec.Vector {
	out := vec.New(t, m.n, 0)
	for r, p := range m.from {
		if p == 0 || m.parts[p-1].IsNull(r) {
			out.SetNull(r)
		} else {
			out.Data = append(out.Data, m.parts[p-1].Bytes(r)...)
		}
		out.Off[r+1] = int32(len(out.Data))
	}
	return out
}

// nested gathers from all parts laid end to end.
func (m *merge) nested(t types.Type) *vec.Vector {
	start := make([]int32, len(m.parts))
	at := int32(0)
	for p, v := range m.parts {
		if v.Type.Root == types.Null {
			m.parts[p] = vec.NewNulls(t, m.n)
		}
		start[p] = at
		at += int32(m.n)
	}
	rows := make([]int32, m.n)
	for r, p := range m.from {
		rows[r] = -1
		if p > 0 {
			rows[r] = start[p-1] + int32(r)
		}
	}
	out := vec.Copy(vec.Concat(m.parts), rows)
	out.Type = t
	return out
}
