package operator

import (
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// replicate keeps nothing: a change of the number is two rows, whose copies are taken
// back and given.
type replicate struct{ rows []int32 }

// NewReplicate repeats each row as often as its last column, a BIGINT, says, and leaves
// that column out.
func NewReplicate() Operator { return &replicate{} }

func (o *replicate) Open(*Context) error { return nil }

func (o *replicate) Process(_ int, b *vec.Batch, out Emit) error {
	cols := b.Cols[:len(b.Cols)-1]
	times := b.Cols[len(b.Cols)-1].I64
	o.rows = o.rows[:0]
	for i := range b.Len() {
		r := b.Row(i)
		for range times[r] {
			if o.rows = append(o.rows, int32(r)); len(o.rows) == vec.BatchRows {
				if err := o.flush(b, cols, out); err != nil {
					return err
				}
			}
		}
	}
	return o.flush(b, cols, out)
}

func (o *replicate) flush(b *vec.Batch, cols []*vec.Vector, out Emit) error {
	if len(o.rows) == 0 {
		return nil
	}
	next := &vec.Batch{N: len(o.rows)}
	for _, c := range cols {
		next.Cols = append(next.Cols, vec.Copy(c, o.rows))
	}
	if b.Kinds != nil {
		next.Kinds = pairedKinds(gatherRows(b.Kinds, o.rows))
	}
	if b.Before != nil {
		next.Before = gatherRows(b.Before, o.rows)
	}
	o.rows = o.rows[:0]
	return out(next)
}

// pairedKinds makes inserts and deletions of updates, whose halves need not be as
// many.
func pairedKinds(kinds []types.RowKind) []types.RowKind {
	for i, k := range kinds {
		if k.Adds() {
			kinds[i] = types.Insert
		} else {
			kinds[i] = types.Delete
		}
	}
	return kinds
}

func (o *replicate) Advance(wm int64, _ Emit) (int64, error) { return wm, nil }
