package function

import (
	"fmt"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// node is what all expressions of this package have besides being vec.Expr.
type node interface {
	vec.Expr
	children() []vec.Expr
	// pure: the value depends on the children alone.
	pure() bool
}

// NewColumn is column idx of the batch.
func NewColumn(idx int, t types.Type) vec.Expr { return &column{idx, t} }

type column struct {
	idx int
	typ types.Type
}

func (c *column) Type() types.Type     { return c.typ }
func (c *column) children() []vec.Expr { return nil }
func (c *column) pure() bool           { return false }

func (c *column) Eval(_ *vec.EvalContext, b *vec.Batch) (*vec.Vector, error) {
	return b.Cols[c.idx], nil
}

// NewLiteral is a constant; see Literal for the Go types of value.
func NewLiteral(t types.Type, value any) vec.Expr {
	return &literal{lit: Literal{Type: t.WithNull(value == nil), Value: value}}
}

// literal keeps its vector for the largest batch so far, and hands out its
// beginning: a constant costs nothing per row after the first batch.
type literal struct {
	lit  Literal
	full *vec.Vector
	last *vec.Vector
}

func (l *literal) Type() types.Type     { return l.lit.Type }
func (l *literal) children() []vec.Expr { return nil }
func (l *literal) pure() bool           { return true }

func (l *literal) Eval(_ *vec.EvalContext, b *vec.Batch) (*vec.Vector, error) {
	if l.last != nil && l.last.N == b.N {
		return l.last, nil
	}
	if l.full == nil || l.full.N < b.N {
		l.full = constant(l.lit.Type, l.lit.Value, b.N)
	}
	l.last = head(l.full, b.N)
	return l.last, nil
}

// constant is a vector of n times the value; a symbol has no values at all.
func constant(t types.Type, value any, n int) *vec.Vector {
	if t.Root == types.Symbol || t.Root == types.Null {
		return &vec.Vector{Type: t, N: n}
	}
	if value == nil {
		return vec.NewNulls(t, n)
	}
	return vec.Const(t, value, n)
}

// head is the first n values of v, which has no nested values.
func head(v *vec.Vector, n int) *vec.Vector {
	if v.N == n || v.Kids != nil {
		return v
	}
	h := *v
	h.N = n
	h.Bool, h.I8, h.I16, h.I32 = cut(v.Bool, n), cut(v.I8, n), cut(v.I16, n), cut(v.I32, n)
	h.I64, h.F32, h.F64, h.Dec = cut(v.I64, n), cut(v.F32, n), cut(v.F64, n), cut(v.Dec, n)
	h.Off = cut(v.Off, n+1)
	return &h
}

func cut[T any](s []T, n int) []T {
	if s == nil {
		return nil
	}
	return s[:n:n]
}

// AsLiteral is the constant that e is, or nil.
func AsLiteral(e vec.Expr) *Literal {
	if l, is := e.(*literal); is {
		return &l.lit
	}
	return nil
}

// NewCall calls a bound function. The arguments must have the types bound.Args,
// but for nullability and the length of strings.
func NewCall(bound Bound, args []vec.Expr) vec.Expr {
	if bound.Build != nil {
		return bound.Build(args)
	}
	if bound.fresh != nil {
		bound.Kernel = bound.fresh()
	}
	return &callExpr{bound: bound, args: args, vecs: make([]*vec.Vector, len(args))}
}

// NewCast applies a cast that BindCast has made. A cast of a constant that
// succeeds, and does not depend on the session, is done at once.
func NewCast(bound Bound, arg vec.Expr) vec.Expr {
	e := NewCall(bound, []vec.Expr{arg})
	if AsLiteral(arg) == nil || bound.volatile || nested(bound.Result) {
		return e
	}
	if v, err := EvalConst(e); err == nil {
		return NewLiteral(bound.Result, v)
	}
	return e
}

func nested(t types.Type) bool { return t.Physical() >= types.PhysArray }

// Call binds the function name to args, casts them, and calls it.
func Call(name string, args ...vec.Expr) (vec.Expr, error) {
	f, ok := LookupScalar(name)
	if !ok {
		return nil, unknown(name)
	}
	ts := make([]types.Type, len(args))
	lits := make([]*Literal, len(args))
	for i, a := range args {
		ts[i], lits[i] = a.Type(), AsLiteral(a)
	}
	bound, err := f.Bind(ts, lits)
	if err != nil {
		return nil, err
	}
	cast, err := CastArgs(bound, args)
	if err != nil {
		return nil, err
	}
	return NewCall(bound, cast), nil
}

func unknown(name string) error {
	if n := Nearest(name); n != "" {
		return fmt.Errorf("no function %s; did you mean %s?", name, n)
	}
	return fmt.Errorf("no function %s", name)
}

// CastArgs casts args to the types that bound wants.
func CastArgs(bound Bound, args []vec.Expr) ([]vec.Expr, error) {
	out := make([]vec.Expr, len(args))
	for i, a := range args {
		var err error
		if out[i], err = CastTo(a, bound.Args[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// CastTo is e as type t, or e itself if its values are already that.
func CastTo(e vec.Expr, t types.Type) (vec.Expr, error) {
	from := e.Type()
	if from.Same(t) || from.IsString() && t.Same(types.TString) || from.IsBytes() && t.Same(types.TBytes) || t.Root == types.Null {
		return e, nil
	}
	bound, err := BindCast(from, t.WithNull(!from.NotNull), false)
	if err != nil {
		return nil, err
	}
	return NewCast(bound, e), nil
}

type callExpr struct {
	bound Bound
	args  []vec.Expr
	vecs  []*vec.Vector // scratch
	rows  []int32       // scratch
}

func (c *callExpr) Type() types.Type     { return c.bound.Result }
func (c *callExpr) children() []vec.Expr { return c.args }
func (c *callExpr) pure() bool           { return !c.bound.volatile }

func (c *callExpr) Eval(ctx *vec.EvalContext, b *vec.Batch) (*vec.Vector, error) {
	for i, a := range c.args {
		v, err := a.Eval(ctx, b)
		if err != nil {
			return nil, err
		}
		c.vecs[i] = v
	}
	out := vec.New(c.bound.Result, b.N, 0)
	if c.bound.NullCall {
		return out, c.located(c.bound.Kernel(ctx, c.vecs, b.Sel, b.N, out))
	}
	valid := c.valid(b.N)
	sel := b.Sel
	switch {
	case c.bound.total:
		// Running over all rows without a selection costs less than going
		// through one, unless few rows are left.
		if len(sel)*4 > b.N {
			sel = nil
		}
	case valid != nil:
		c.rows = keep(c.rows[:0], sel, b.N, valid)
		sel = c.rows
	}
	if err := c.bound.Kernel(ctx, c.vecs, sel, b.N, out); err != nil {
		return nil, c.located(err)
	}
	out.Valid = vec.And(valid, out.Valid, b.N)
	return out, nil
}

// located gives the error of a row the place of the call.
func (c *callExpr) located(err error) error {
	if e, ok := err.(*vec.RowError); ok && e.At == "" {
		return &vec.RowError{Row: e.Row, Msg: e.Msg, At: c.bound.At}
	}
	return err
}

// valid is the bitmap of rows on which no argument is NULL, or nil.
func (c *callExpr) valid(n int) vec.Bitmap {
	var out vec.Bitmap
	for i, v := range c.vecs {
		if v.Type.Root == types.Null && c.bound.Args[i].Root != types.Symbol {
			return vec.NewBitmap(n, false)
		}
		out = vec.And(out, v.Valid, n)
	}
	return out
}

// keep appends to rows those of sel (nil: all n) that are valid. The result is
// never nil, for a nil selection means all rows.
func keep(rows, sel []int32, n int, valid vec.Bitmap) []int32 {
	if rows == nil {
		rows = make([]int32, 0, n)
	}
	if sel == nil {
		for i := range n {
			if valid.Get(i) {
				rows = append(rows, int32(i))
			}
		}
		return rows
	}
	for _, r := range sel {
		if valid.Get(int(r)) {
			rows = append(rows, r)
		}
	}
	return rows
}
