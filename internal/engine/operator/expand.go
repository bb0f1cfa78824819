package operator

import (
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// ExpandSpec repeats rows for sets of groups.
type ExpandSpec struct {
	// Types are the output's columns.
	Types []types.Type
	// Groups are the first columns; the one behind them gets the number of the set.
	Groups int
	// Sets are the groups that a copy keeps; the others become NULL.
	Sets [][]int
}

// expand keeps nothing and copies no column.
type expand struct {
	spec ExpandSpec
	keep [][]bool
}

// NewExpand makes the operator.
func NewExpand(spec ExpandSpec) Operator {
	o := &expand{spec: spec}
	for _, s := range spec.Sets {
		keep := make([]bool, spec.Groups)
		for _, c := range s {
			keep[c] = true
		}
		o.keep = append(o.keep, keep)
	}
	return o
}

func (o *expand) Open(*Context) error { return nil }

func (o *expand) Process(_ int, b *vec.Batch, out Emit) error {
	for n, keep := range o.keep {
		cols := make([]*vec.Vector, len(b.Cols))
		copy(cols, b.Cols)
		for c, kept := range keep {
			if !kept {
				cols[c] = vec.NewNulls(o.spec.Types[c], b.N)
			}
		}
		number := vec.New(o.spec.Types[o.spec.Groups], b.N, 0)
		for i := range number.I64 {
			number.I64[i] = int64(n)
		}
		cols[o.spec.Groups] = number
		if err := out(b.With(cols)); err != nil {
			return err
		}
	}
	return nil
}

func (o *expand) Advance(wm int64, _ Emit) (int64, error) { return wm, nil }
