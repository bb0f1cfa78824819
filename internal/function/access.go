package function

import (
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// NewField is field i of a ROW.
func NewField(arg vec.Expr, i int) vec.Expr {
	t := arg.Type().Fields[i].Type
	return &fieldExpr{arg: arg, field: i, typ: t.WithNull(!t.NotNull || !arg.Type().NotNull)}
}

type fieldExpr struct {
	arg   vec.Expr
	field int
	typ   types.Type
}

func (f *fieldExpr) Type() types.Type     { return f.typ }
func (f *fieldExpr) children() []vec.Expr { return []vec.Expr{f.arg} }
func (f *fieldExpr) pure() bool           { return true }

func (f *fieldExpr) Eval(ctx *vec.EvalContext, b *vec.Batch) (*vec.Vector, error) {
	row, err := f.arg.Eval(ctx, b)
	if err != nil {
		return nil, err
	}
	kid := row.Kids[f.field]
	if row.Valid == nil {
		return kid, nil
	}
	// The field of a row that is NULL is NULL, whatever lies under it.
	out := *kid
	out.Type = f.typ
	out.Valid = vec.And(kid.Valid, row.Valid, kid.N)
	return &out, nil
}
