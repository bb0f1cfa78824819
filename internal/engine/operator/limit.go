package operator

import (
	"github.com/millrace/millrace/internal/engine/state"
	"github.com/millrace/millrace/internal/vec"
)

// LimitSpec is LIMIT without ORDER BY, of an input that only inserts; it runs on
// worker 0.
type LimitSpec struct {
	// Offset rows are skipped, then Count emitted; Count < 0: all.
	Offset, Count int64
}

// limit counts the rows that have come, in one row of state.
type limit struct {
	spec  LimitSpec
	table *state.Table
}

// NewLimit makes the operator.
func NewLimit(spec LimitSpec) Operator { return &limit{spec: spec} }

func (o *limit) Open(ctx *Context) error {
	o.table = ctx.State.Table(state.TableSpec{Name: "passed", Value: repeated(countType, 1)})
	return nil
}

func (o *limit) Process(_ int, b *vec.Batch, out Emit) error {
	id := o.table.Make(nil, 0)
	passed := &o.table.Value(0).I64[id]
	n := int64(b.Len())
	from, to := clamp(o.spec.Offset-*passed, n), n
	if o.spec.Count >= 0 {
		to = clamp(o.spec.Offset+o.spec.Count-*passed, n)
		if *passed >= o.spec.Offset+o.spec.Count {
			return nil
		}
	}
	*passed += n
	o.table.Touch(id)
	if from >= to {
		return nil
	}
	return out(b.Select(selected(nil, b)[from:to]))
}

func clamp(x, top int64) int64 { return max(0, min(x, top)) }

func (o *limit) Advance(wm int64, _ Emit) (int64, error) { return wm, nil }
