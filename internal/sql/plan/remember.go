package plan

import (
	"slices"

	"github.com/millrace/millrace/internal/types"
)

// remembered are the columns of a join, which are made of those of all joins below it:
// without it a plan of n joins would ask n times n of them. They hold for what they were
// made of; a copy of the node over other inputs makes its own.
type remembered struct {
	of     [4]any
	fields []types.Field
}

// get gives a copy of the columns, made by build if they are of something else.
func (r *remembered) get(of [4]any, build func() []types.Field) []types.Field {
	if r.fields == nil || r.of != of {
		r.of, r.fields = of, build()
	}
	return slices.Clone(r.fields)
}
