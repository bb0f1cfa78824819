package operator

import (
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// CalcSpec filters and projects.
type CalcSpec struct {
	// Filter is a BOOLEAN over the input; rows where it is not TRUE go. nil: none.
	Filter vec.Expr
	// Project computes the output's columns; nil: the input's.
	Project []vec.Expr
	// DropUpdateBefore leaves out -U, where nobody downstream needs it.
	DropUpdateBefore bool
}

// calc moves no row: a filter narrows the selection, and a projection computes
// columns beside those that are there.
type calc struct {
	spec CalcSpec
	ctx  *Context
}

// NewCalc makes the operator.
func NewCalc(spec CalcSpec) Operator { return &calc{spec: spec} }

func (c *calc) Open(ctx *Context) error {
	c.ctx = ctx
	return nil
}

func (c *calc) Process(_ int, b *vec.Batch, out Emit) error {
	if c.spec.DropUpdateBefore {
		b = withKinds(b, types.Upsert)
	}
	if c.spec.Filter != nil && b.Len() > 0 {
		cond, err := c.spec.Filter.Eval(c.ctx.Eval, b)
		if err != nil {
			return err
		}
		// The selection is handed on with the batch: it needs memory of its own.
		b = b.Select(holding(make([]int32, 0, b.Len()), cond, selected(nil, b)))
	}
	if b.Len() == 0 {
		return nil
	}
	if c.spec.Project != nil {
		cols := make([]*vec.Vector, len(c.spec.Project))
		for i, e := range c.spec.Project {
			v, err := e.Eval(c.ctx.Eval, b)
			if err != nil {
				return err
			}
			cols[i] = v
		}
		b = b.With(cols)
	}
	return out(b)
}

func (c *calc) Advance(wm int64, _ Emit) (int64, error) { return wm, nil }

// withKinds is the batch with only the rows of the kinds in keep.
func withKinds(b *vec.Batch, keep types.KindSet) *vec.Batch {
	all := true
	for i := range b.Len() {
		if !keep.Has(b.Kind(b.Row(i))) {
			all = false
			break
		}
	}
	if all {
		return b
	}
	sel := make([]int32, 0, b.Len())
	for i := range b.Len() {
		if r := b.Row(i); keep.Has(b.Kind(r)) {
			sel = append(sel, int32(r))
		}
	}
	return b.Select(sel)
}
