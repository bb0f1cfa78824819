package operator

import (
	"github.com/millrace/millrace/internal/vec"
)

// folded is what a step has changed: the groups in the order of their first
// change, and what they were before it.
type folded struct {
	ids    []int32
	had    []int64
	before [][]*vec.Vector // results, a set of columns a batch
	fresh  []int32
	// step numbers the steps; marks[id] is the one in which a group changed last.
	step  uint32
	marks []uint32
	room  vec.Room
}

// remember notes groups that change for the first time in this step.
func (f *folded) remember(o *groupAgg, ids []int32) error {
	f.fresh = f.fresh[:0]
	f.marks = vec.Extend(&f.room, f.marks, o.groups.Size(), vec.MaxRows)
	for _, id := range ids {
		if f.marks[id] != f.step+1 {
			f.marks[id] = f.step + 1
			f.fresh = append(f.fresh, id)
		}
	}
	if len(f.fresh) == 0 {
		return nil
	}
	results, err := o.calls.results(o.groups.Values(), f.fresh, len(o.spec.Calls))
	if err != nil {
		return err
	}
	for _, id := range f.fresh {
		f.ids, f.had = append(f.ids, id), append(f.had, o.counts.I64[id])
	}
	f.before = append(f.before, results)
	return nil
}

func (f *folded) clear() {
	f.ids, f.had, f.before = f.ids[:0], f.had[:0], nil
	f.step++
}

// flush emits what the step changed.
func (f *folded) flush(o *groupAgg, out Emit) error {
	if len(f.ids) == 0 {
		return nil
	}
	after, err := o.calls.results(o.groups.Values(), f.ids, len(o.spec.Calls))
	if err != nil {
		return err
	}
	n := int32(len(f.ids))
	both, before := make([]*vec.Vector, len(after)), make([]*vec.Vector, len(after))
	for c := range after {
		parts := make([]*vec.Vector, 0, len(f.before)+1)
		for _, b := range f.before {
			parts = append(parts, b[c])
		}
		before[c] = vec.Concat(parts)
		both[c] = vec.Concat([]*vec.Vector{before[c], after[c]})
	}
	e := changes{spec: &o.spec}
	for i, id := range f.ids {
		same := func() bool { return equalResults(before, i, after, i) }
		e.add(int32(i), int32(i), n+int32(i), f.had[i], o.counts.I64[id], same)
	}
	keys := gatherKeys(o.groups, len(o.spec.Keys), f.ids)
	o.removeEmpty(f.ids)
	f.clear()
	return e.emit(keys, both, out)
}

// lazy folds a run into the groups and emits nothing.
func (o *groupAgg) lazy(b *vec.Batch, rows, ids []int32, _ Emit) error {
	if !o.spec.Retracts && len(o.sets) == 0 {
		return o.addAll(b, rows, ids)
	}
	r := &o.run
	r.begin(b, rows, ids, o.counts.I64)
	for _, s := range o.sets {
		s.observe(o, b)
	}
	for i := range o.calls.list {
		r.pos = countUp(r.pos, len(r.rows))
		again := o.classify(i, b, r.pos)
		for _, pos := range again {
			o.markStale(i, r.ids[pos])
		}
		toGroups(r.plus.groups, r.ids)
		toGroups(r.minus.groups, r.ids)
		cells := o.calls.cells(o.groups, i)
		if err := o.calls.add(i, cells, r.plus.groups, b, r.plus.rows); err != nil {
			return err
		}
		if err := o.calls.retract(i, cells, r.minus.groups, b, r.minus.rows); err != nil {
			return err
		}
	}
	for at, id := range r.firsts {
		o.counts.I64[id] = r.count[r.lasts[at]]
		o.groups.Touch(id)
		if o.counts.I64[id] == 0 {
			o.calls.zero(o.groups.Values(), []int32{id})
		}
	}
	if o.spec.FinalOnly && o.spec.Retracts {
		o.fold.ids = append(o.fold.ids, ids...)
	}
	for _, s := range o.sets {
		s.removeEmpty()
	}
	return nil
}

// addAll is lazy where rows only add, and none is to be treated apart.
func (o *groupAgg) addAll(b *vec.Batch, rows, ids []int32) error {
	for i := range o.calls.list {
		g, r := o.calls.filtered(i, b, ids, rows)
		if err := o.calls.add(i, o.calls.cells(o.groups, i), g, b, r); err != nil {
			return err
		}
	}
	counts := o.counts.I64
	for _, id := range ids {
		counts[id]++
	}
	o.groups.TouchAll(ids)
	return nil
}

// toGroups makes positions of a run ids of groups.
func toGroups(positions, ids []int32) {
	for i, pos := range positions {
		positions[i] = ids[pos]
	}
}
