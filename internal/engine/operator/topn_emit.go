package operator

import (
	"slices"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// entered emits that row id has come to rank r.
func (o *topN) entered(id int32, r int64) error {
	if o.spec.FinalOnly || r > o.spec.End {
		return nil
	}
	root := o.table.Root(id)
	total := o.table.Weight(root)
	if o.byRank {
		return o.shift(r, func(k int64) int32 {
			if k == total {
				return -1
			}
			return o.nth(root, k+1)
		}, root)
	}
	if total > o.spec.End {
		out := o.nth(root, o.spec.End+1)
		if o.isTop1() {
			return o.replace(out, id, 1)
		}
		if err := o.out.put(types.Delete, out, 0); err != nil {
			return err
		}
	}
	return o.out.put(types.Insert, id, 0)
}

// left emits that a row has gone from rank r.
func (o *topN) left(id int32, r int64, root int32) error {
	if o.spec.FinalOnly || r > o.spec.End {
		return nil
	}
	if o.byRank {
		return o.shift(r, func(k int64) int32 {
			if k == r {
				return id
			}
			return o.nth(root, k-1)
		}, root)
	}
	if err := o.out.put(types.Delete, id, 0); err != nil {
		return err
	}
	if next := o.nth(root, o.spec.End); next >= 0 {
		return o.out.put(types.Insert, next, 0)
	}
	return nil
}

// moved emits that row old at rank from has become row id at rank to.
func (o *topN) moved(old int32, from int64, id int32, to int64) error {
	end := o.spec.End
	if o.spec.FinalOnly || from > end && to > end {
		return nil
	}
	root := o.table.Root(id)
	if o.byRank {
		return o.shiftUntil(min(from, to), max(from, to), func(k int64) int32 {
			if k == from {
				return old
			}
			if k > from {
				k-- // its place among the other rows
			}
			if k >= to {
				k++ // and with the new row between them
			}
			return o.nth(root, k)
		}, root)
	}
	switch {
	case from <= end && to <= end:
		return o.replace(old, id, to)
	case from <= end:
		return o.swap(old, o.nth(root, end))
	}
	return o.swap(o.nth(root, end+1), id)
}

// swap emits that one row goes and another comes.
func (o *topN) swap(gone, come int32) error {
	if o.isTop1() {
		return o.replace(gone, come, 1)
	}
	if err := o.out.put(types.Delete, gone, 0); err != nil {
		return err
	}
	return o.out.put(types.Insert, come, 0)
}

// isTop1 says whether the partition is a key of the result, and the input such
// that Flink makes use of it.
func (o *topN) isTop1() bool { return o.spec.End == 1 && o.spec.Mode != TopNRetract }

func (o *topN) replace(old, now int32, rank int64) error {
	if o.spec.NeedUpdateBefore {
		if err := o.out.put(types.UpdateBefore, old, rank); err != nil {
			return err
		}
	}
	return o.out.put(types.UpdateAfter, now, rank)
}

func (o *topN) nth(root int32, k int64) int32 {
	id, _ := o.table.Nth(root, k)
	return id
}

// shift emits the ranks from r on; before says which row was at a rank, -1 none.
func (o *topN) shift(r int64, before func(k int64) int32, root int32) error {
	return o.shiftUntil(r, o.spec.End, before, root)
}

func (o *topN) shiftUntil(r, until int64, before func(k int64) int32, root int32) error {
	for k := max(r, o.spec.Start); k <= min(until, o.spec.End); k++ {
		old, now := before(k), o.nth(root, k)
		var err error
		switch {
		case old < 0 && now < 0:
			return nil
		case old < 0:
			return o.out.put(types.Insert, now, k)
		case now < 0:
			return o.out.put(types.Delete, old, k)
		case old != now: // equal rows that one row stands for change nothing
			err = o.replace(old, now, k)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// rankRows collects output rows, as references to rows of the table, which is
// held, and makes batches of them.
type rankRows struct {
	op    *topN
	out   Emit
	kinds []types.RowKind
	ids   []int32
	ranks []int64
	// limit is the watermark before the row that causes what is put: whoever is told
	// by event time must know it, as if steps had one row.
	limit  int64
	limits []int64
}

func (e *rankRows) begin(op *topN, out Emit) { e.op, e.out, e.limit = op, out, vec.MinTime }

// emitRow puts a final row.
func (e *rankRows) emitRow(id int32, rank int64) error { return e.put(types.Insert, id, rank) }

func (e *rankRows) put(kind types.RowKind, id int32, rank int64) error {
	e.kinds = append(e.kinds, kind)
	e.ids = append(e.ids, id)
	e.ranks = append(e.ranks, rank)
	e.limits = append(e.limits, e.limit)
	if len(e.ids) < vec.BatchRows {
		return nil
	}
	return e.flush()
}

func (e *rankRows) flush() error {
	if len(e.ids) == 0 {
		return nil
	}
	b := &vec.Batch{N: len(e.ids), Cols: gatherCols(e.op.cols, e.ids), Kinds: slices.Clone(allInserts(e.kinds))}
	if e.op.spec.RankNumber {
		v := vec.New(countType, len(e.ids), 0)
		copy(v.I64, e.ranks)
		b.Cols = append(b.Cols, v)
	}
	if e.limit != vec.MinTime {
		b.Before = slices.Clone(e.limits)
	}
	e.kinds, e.ids, e.ranks, e.limits = e.kinds[:0], e.ids[:0], e.ranks[:0], e.limits[:0]
	return e.out(b)
}
