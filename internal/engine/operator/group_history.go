package operator

import (
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// history holds the accumulators of each row's group as they are after that row:
// so a batch is added column by column, and yet each row's own result can be
// emitted. Row i's accumulator is a copy of that of the row before it in the same
// group (or of the group's, in state) with row i folded in. Rows that have as
// many rows of their group before them in the batch are worked on together:
//
//	rows       a  b  a  c  a  b
//	level 0    a  b     c           copied from state
//	level 1          a        b     copied from level 0
//	level 2             a           copied from level 1
type history struct {
	cells []*vec.Column
	size  int
	used  []int32
}

func (h *history) init(types []types.Type) {
	for _, t := range types {
		h.cells = append(h.cells, vec.NewColumn(t))
	}
}

func (h *history) reserve(n int) {
	if n > h.size {
		h.size = n
		for _, c := range h.cells {
			c.Grow(n)
		}
	}
}

// run is a part of a batch that is worked on together, and what is known of its
// rows; all slices go by position in the run.
type run struct {
	rows []int32 // physical rows of the batch
	ids  []int32 // groups
	prev []int32 // the position of the row before in the same group, or -1
	// count is the number of rows in the group after this row.
	count []int64
	level []int32
	order []int32 // positions by level
	width []int32 // where each level begins in order
	// ops says what each call does with each row, for calls that have a value set.
	ops  [][]int8
	seen seen

	firsts []int32 // groups in the order of their first row in the run
	first  []int32 // which of firsts a position's group is
	lasts  []int32 // position of the last row of each of firsts
	pos    []int32
	from   []int32
	plus   grouped
	minus  grouped
}

// What a call does with a row.
const (
	opNone int8 = iota
	opAdd
	opRetract
	opRecompute
)

// begin takes rows and leaves out retractions from groups that have no rows.
//
// Slices are built in local variables: to append to a field costs a write barrier
// for each row while the garbage collector runs.
func (r *run) begin(b *vec.Batch, rows, ids []int32, counts []int64) {
	n := len(rows)
	kept, groups, first := sized(r.rows, n), sized(r.ids, n), sized(r.first, n)
	prevs, levels, after := sized(r.prev, n), sized(r.level, n), sized(r.count, n)
	firsts, lasts := r.firsts[:0], r.lasts[:0]
	r.seen.begin(ids)
	pos := int32(0)
	for i, id := range ids {
		at, again := r.seen.get(id)
		prev, count, level := int32(-1), counts[id], int32(0)
		if again {
			prev = lasts[at]
			count, level = after[prev], levels[prev]+1
		}
		if b.Kind(int(rows[i])).Adds() {
			count++
		} else if count--; count < 0 {
			continue
		}
		if again {
			lasts[at] = pos
		} else {
			at = int32(len(firsts))
			firsts, lasts = append(firsts, id), append(lasts, pos)
			r.seen.put(id, at)
		}
		kept[pos], groups[pos], first[pos] = rows[i], id, at
		prevs[pos], levels[pos], after[pos] = prev, level, count
		pos++
	}
	r.rows, r.ids, r.first = kept[:pos], groups[:pos], first[:pos]
	r.prev, r.level, r.count = prevs[:pos], levels[:pos], after[:pos]
	r.firsts, r.lasts = firsts, lasts
}

// sortByLevel fills order and width.
func (r *run) sortByLevel() {
	top := int32(0)
	for _, l := range r.level {
		top = max(top, l)
	}
	r.width = sized(r.width, int(top)+2)
	clear(r.width)
	for _, l := range r.level {
		r.width[l+1]++
	}
	for l := range top + 1 {
		r.width[l+1] += r.width[l]
	}
	r.order = sized(r.order, len(r.level))
	next := sized(r.pos, int(top)+1)
	r.pos = next
	copy(next, r.width)
	for pos, l := range r.level {
		r.order[next[l]] = int32(pos)
		next[l]++
	}
}

// eager works on a run and emits what each row changes.
func (o *groupAgg) eager(b *vec.Batch, rows, ids []int32, out Emit) error {
	r := &o.run
	r.begin(b, rows, ids, o.counts.I64)
	if len(r.rows) == 0 {
		return nil
	}
	for _, s := range o.sets {
		s.observe(o, b)
	}
	before, err := o.calls.results(o.groups.Values(), r.firsts, len(o.spec.Calls))
	if err != nil {
		return err
	}
	o.hist.reserve(len(r.rows))
	r.sortByLevel()
	for l := range len(r.width) - 1 {
		if err := o.computeLevel(b, r.order[r.width[l]:r.width[l+1]], l); err != nil {
			return err
		}
	}
	o.hist.used = countUp(o.hist.used, len(r.rows))
	after, err := o.calls.results(o.hist.cells, o.hist.used, len(o.spec.Calls))
	if err != nil {
		return err
	}
	if err := o.emitChanges(b, before, after, out); err != nil {
		return err
	}
	o.writeBack()
	return nil
}

// computeLevel makes the accumulators of positions, whose predecessors are made.
func (o *groupAgg) computeLevel(b *vec.Batch, positions []int32, level int) error {
	r := &o.run
	r.pos, r.from = r.pos[:0], r.from[:0]
	source := o.hist.cells
	for _, pos := range positions {
		switch prev := r.prev[pos]; {
		case level == 0:
			r.pos, r.from = append(r.pos, pos), append(r.from, r.ids[pos])
		case r.count[prev] > 0:
			r.pos, r.from = append(r.pos, pos), append(r.from, prev)
		} // otherwise the group had ended and begins anew
	}
	if level == 0 {
		source = o.groups.Values()
	}
	copyCells(o.hist.cells, r.pos, source, r.from)
	for i := range o.calls.list {
		again := o.classify(i, b, positions)
		cells := o.calls.part(o.hist.cells, i)
		if err := o.calls.add(i, cells, r.plus.groups, b, r.plus.rows); err != nil {
			return err
		}
		if err := o.calls.retract(i, cells, r.minus.groups, b, r.minus.rows); err != nil {
			return err
		}
		for _, pos := range again {
			if err := o.recompute(i, cells, pos, r.ids[pos]); err != nil {
				return err
			}
		}
	}
	return nil
}

// classify parts positions into those that call i adds (plus), retracts (minus)
// and computes again.
func (o *groupAgg) classify(i int, b *vec.Batch, positions []int32) (again []int32) {
	r := &o.run
	call := o.calls.list[i]
	special := call.Distinct || o.recomputes[i]
	plus, minus := r.plus.clear(), r.minus.clear()
	for _, pos := range positions {
		row := r.rows[pos]
		op := opAdd
		switch {
		case special:
			op = r.ops[i][pos]
		case call.Filter >= 0 && !holds(b.Cols[call.Filter], int(row)):
			continue
		case !b.Kind(int(row)).Adds():
			op = opRetract
		}
		switch op {
		case opAdd:
			plus.groups, plus.rows = append(plus.groups, pos), append(plus.rows, row)
		case opRetract:
			minus.groups, minus.rows = append(minus.groups, pos), append(minus.rows, row)
		case opRecompute:
			again = append(again, pos)
		}
	}
	r.plus, r.minus = plus, minus
	return again
}

func holds(cond *vec.Vector, row int) bool { return cond.Bool[row] && cond.Valid.Get(row) }

// emitChanges compares each row's results with those before it.
func (o *groupAgg) emitChanges(b *vec.Batch, before, after []*vec.Vector, out Emit) error {
	r := &o.run
	n := int32(len(r.firsts)) // before and after are put one behind the other
	e := changes{spec: &o.spec}
	for pos := range r.rows {
		old, had := r.first[pos], o.counts.I64[r.ids[pos]]
		if prev := r.prev[pos]; prev >= 0 {
			old, had = n+prev, r.count[prev]
		}
		same := func() bool {
			if old < n {
				return equalResults(before, int(old), after, pos)
			}
			return equalResults(after, int(old-n), after, pos)
		}
		e.add(r.rows[pos], old, n+int32(pos), had, r.count[pos], same)
	}
	if len(e.kinds) == 0 {
		return nil
	}
	both := make([]*vec.Vector, len(after))
	for i := range both {
		both[i] = vec.Concat([]*vec.Vector{before[i], after[i]})
	}
	keys := make([]*vec.Vector, len(o.spec.Keys))
	for i, k := range o.spec.Keys {
		keys[i] = b.Cols[k]
	}
	return e.emit(keys, both, out)
}

func equalResults(a []*vec.Vector, i int, b []*vec.Vector, j int) bool {
	for c := range a {
		if vec.Compare(a[c], i, b[c], j) != 0 {
			return false
		}
	}
	return true
}

// changes collects the changelog of groups: references to a row of keys and one
// of results.
type changes struct {
	spec  *GroupAggregateSpec
	kinds []types.RowKind
	keys  []int32
	vals  []int32
}

// add decides what a change from a group of had rows with result old to one of
// has rows with result now emits.
func (e *changes) add(key, old, now int32, had, has int64, same func() bool) {
	switch {
	case had == 0 && has == 0:
	case had == 0:
		e.put(types.Insert, key, now)
	case has == 0:
		e.put(types.Delete, key, old)
	case e.spec.TTL == 0 && same():
	default:
		if e.spec.NeedUpdateBefore {
			e.put(types.UpdateBefore, key, old)
		}
		e.put(types.UpdateAfter, key, now)
	}
}

func (e *changes) put(k types.RowKind, key, val int32) {
	e.kinds = append(e.kinds, k)
	e.keys = append(e.keys, key)
	e.vals = append(e.vals, val)
}

func (e *changes) emit(keys, vals []*vec.Vector, out Emit) error {
	for from := 0; from < len(e.kinds); from += vec.BatchRows {
		to := min(from+vec.BatchRows, len(e.kinds))
		cols := make([]*vec.Vector, 0, len(keys)+len(vals))
		for _, k := range keys {
			cols = append(cols, vec.Copy(k, e.keys[from:to]))
		}
		for _, v := range vals {
			cols = append(cols, vec.Copy(v, e.vals[from:to]))
		}
		b := &vec.Batch{N: to - from, Cols: cols, Kinds: allInserts(e.kinds[from:to:to])}
		if err := out(b); err != nil {
			return err
		}
	}
	return nil
}

// writeBack puts the last accumulator of each group into the state.
func (o *groupAgg) writeBack() {
	r := &o.run
	copyCells(o.groups.Values()[:len(o.hist.cells)], r.firsts, o.hist.cells, r.lasts)
	for at, id := range r.firsts {
		o.counts.I64[id] = r.count[r.lasts[at]]
		o.groups.Touch(id)
		if o.counts.I64[id] == 0 {
			// A row of the same batch may begin it anew.
			o.calls.zero(o.groups.Values(), []int32{id})
		}
	}
	o.calls.zero(o.hist.cells, o.hist.used)
	for _, s := range o.sets {
		s.removeEmpty()
	}
}
