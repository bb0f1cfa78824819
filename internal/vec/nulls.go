package vec

import "github.com/millrace/millrace/internal/types"

// Nulls gives columns of one type without values, over and over: a column that
// nobody looks at must not cost the writing of its NULLs for every batch.
type Nulls struct{ v *Vector }

// Of is a vector of n NULLs of the type, which must be the same in all calls.
func (x *Nulls) Of(t types.Type, n int) *Vector {
	if x.v == nil || x.v.N < n {
		x.v = NewNulls(t, max(n, BatchRows))
	}
	if x.v.N == n {
		return x.v
	}
	return Slice(x.v, 0, n)
}
