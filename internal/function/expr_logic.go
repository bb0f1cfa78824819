package function

import (
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// NewAnd and NewOr are the connectives of three-valued logic. An argument is
// evaluated only on rows that those before it have not decided, so that
// `b <> 0 AND a / b > 1` never divides by zero.
func NewAnd(args []vec.Expr) vec.Expr { return newLogic(true, args) }

// NewOr is described at NewAnd.
func NewOr(args []vec.Expr) vec.Expr { return newLogic(false, args) }

func newLogic(and bool, args []vec.Expr) vec.Expr {
	flat := make([]vec.Expr, 0, len(args))
	t := types.TBool.Required()
	for _, a := range args {
		if l, ok := a.(*logicExpr); ok && l.and == and {
			flat = append(flat, l.args...)
		} else {
			flat = append(flat, a)
		}
		if !a.Type().NotNull {
			t = types.TBool
		}
	}
	if len(flat) == 1 {
		return flat[0]
	}
	return &logicExpr{and: and, args: flat, typ: t}
}

// logicExpr is AND, or, with all values turned round, OR: the argument that
// decides a row is FALSE for AND and TRUE for OR.
type logicExpr struct {
	and  bool
	args []vec.Expr
	typ  types.Type
	open []int32 // scratch: rows not yet decided
}

func (l *logicExpr) Type() types.Type     { return l.typ }
func (l *logicExpr) children() []vec.Expr { return l.args }
func (l *logicExpr) pure() bool           { return true }

func (l *logicExpr) Eval(ctx *vec.EvalContext, b *vec.Batch) (*vec.Vector, error) {
	out := vec.New(l.typ, b.N, 0)
	open := allRows(l.open[:0], b)
	for _, a := range l.args {
		if len(open) == 0 {
			break
		}
		v, err := a.Eval(ctx, b.Select(open))
		if err != nil {
			return nil, err
		}
		open = l.fold(v, open, out)
	}
	for _, r := range open {
		out.Bool[r] = l.and
	}
	l.open = open
	return out, nil
}

// fold takes one argument into account and returns the rows still open, in
// place. A NULL leaves its row open: a later argument may decide it, and if none
// does, the NULL that is set here stands.
func (l *logicExpr) fold(v *vec.Vector, open []int32, out *vec.Vector) []int32 {
	k := 0
	for _, r := range open {
		switch {
		case v.IsNull(int(r)):
			out.SetNull(int(r))
		case v.Bool[r] != l.and:
			out.Bool[r] = !l.and
			if out.Valid != nil {
				out.Valid.Set(int(r))
			}
			continue
		}
		open[k] = r
		k++
	}
	return open[:k]
}

// allRows appends the selected rows of b to rows; never nil.
func allRows(rows []int32, b *vec.Batch) []int32 {
	if rows == nil {
		rows = make([]int32, 0, b.N)
	}
	if b.Sel != nil {
		return append(rows, b.Sel...)
	}
	for i := range b.N {
		rows = append(rows, int32(i))
	}
	return rows
}
