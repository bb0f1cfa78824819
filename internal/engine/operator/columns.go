package operator

import (
	"cmp"
	"slices"

	"github.com/millrace/millrace/internal/engine/state"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// columnTypes picks types by column.
func columnTypes(all []types.Type, cols []int) []types.Type {
	out := make([]types.Type, len(cols))
	for i, c := range cols {
		out[i] = all[c]
	}
	return out
}

// pick picks a batch's columns.
func pick(dst []*vec.Vector, b *vec.Batch, cols []int) []*vec.Vector {
	dst = dst[:0]
	for _, c := range cols {
		dst = append(dst, b.Cols[c])
	}
	return dst
}

// others are the columns from 0 to n-1 that are not in cols.
func others(n int, cols []int) []int {
	taken := make([]bool, n)
	for _, c := range cols {
		taken[c] = true
	}
	var out []int
	for c := range n {
		if !taken[c] {
			out = append(out, c)
		}
	}
	return out
}

// selected appends the batch's selected rows.
func selected(dst []int32, b *vec.Batch) []int32 {
	dst = dst[:0]
	if b.Sel != nil {
		return append(dst, b.Sel...)
	}
	for r := range int32(b.N) {
		dst = append(dst, r)
	}
	return dst
}

// holding appends those of rows where a BOOLEAN column is TRUE.
func holding(dst []int32, cond *vec.Vector, rows []int32) []int32 {
	dst = dst[:0]
	for _, r := range rows {
		if cond.Bool[r] && cond.Valid.Get(int(r)) {
			dst = append(dst, r)
		}
	}
	return dst
}

// countUp is the numbers from 0 to n-1.
func countUp(s []int32, n int) []int32 {
	s = sized(s, n)
	for i := range s {
		s[i] = int32(i)
	}
	return s
}

// sized is s with n elements, whose values mean nothing.
func sized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, max(n, 2*cap(s)))
	}
	return s[:n]
}

// gatherCols gathers rows of state columns.
func gatherCols(cols []*vec.Column, ids []int32) []*vec.Vector {
	out := make([]*vec.Vector, len(cols))
	for i, c := range cols {
		out[i] = c.Gather(ids)
	}
	return out
}

// inPieces calls f with pieces of ids that make batches.
func inPieces(ids []int32, f func([]int32) error) error {
	for len(ids) > 0 {
		n := min(len(ids), vec.BatchRows)
		if err := f(ids[:n]); err != nil {
			return err
		}
		ids = ids[n:]
	}
	return nil
}

// allInserts drops a column of kinds that says nothing.
func allInserts(kinds []types.RowKind) []types.RowKind {
	for _, k := range kinds {
		if k != types.Insert {
			return kinds
		}
	}
	return nil
}

// byAge are the rows of a table from the oldest to the youngest: an order that is
// the same after a restore.
func byAge(t *state.Table) []int32 {
	ids := make([]int32, 0, t.Len())
	t.Scan(func(id int32) { ids = append(ids, id) })
	slices.SortFunc(ids, func(a, b int32) int { return cmp.Compare(t.Age(a), t.Age(b)) })
	return ids
}
