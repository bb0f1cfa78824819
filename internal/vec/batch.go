package vec

import (
	"math"

	"github.com/millrace/millrace/internal/types"
)

// MinTime is the watermark before any event time; MaxTime the one after all:
// the end of a bounded input.
const (
	MinTime int64 = math.MinInt64
	MaxTime int64 = math.MaxInt64
)

// BatchRows is how many rows a batch has at the most, by custom: operators that
// make batches cut them here, so that one fits the second-level cache.
const BatchRows = 4096

// Batch is a run of rows, as columns. Rows count physically from 0 to N-1; Sel,
// where it is not nil, lists those that are really there, ascending. A filter
// narrows Sel and moves nothing.
//
// A batch belongs to the step that made it: it is valid until the step ends,
// and whoever keeps a value longer copies it. It is read only once handed on.
type Batch struct {
	N    int
	Cols []*Vector
	Sel  []int32
	// Kinds holds the row kind of each physical row; nil means that all are
	// inserts.
	Kinds []types.RowKind
	// Before holds for each physical row the watermark of its split before that
	// row, in epoch milliseconds: a row is late against this, so that lateness
	// does not depend on where a step ends. nil means that no row can be late.
	Before []int64
}

// Len is the number of rows selected.
func (b *Batch) Len() int {
	if b.Sel != nil {
		return len(b.Sel)
	}
	return b.N
}

// Row is the physical index of the i-th selected row.
func (b *Batch) Row(i int) int {
	if b.Sel != nil {
		return int(b.Sel[i])
	}
	return i
}

// Kind is the row kind of physical row r.
func (b *Batch) Kind(r int) types.RowKind {
	if b.Kinds == nil {
		return types.Insert
	}
	return b.Kinds[r]
}

// With is a batch of other columns over the same rows.
func (b *Batch) With(cols []*Vector) *Batch {
	c := *b
	c.Cols = cols
	return &c
}

// Select is the same batch with another selection.
func (b *Batch) Select(sel []int32) *Batch {
	c := *b
	c.Sel = sel
	return &c
}
