package operator

import (
	"slices"

	"github.com/millrace/millrace/internal/engine/state"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// groupSet holds how often each argument is in each group, for all calls over
// the same columns that need to know: DISTINCT ones, which fold in the first and
// take out the last, and those that cannot retract, which are computed from the
// arguments again. A call counts for itself, since filters differ.
//
// An append-only input counts to 1 only: a row is not written again for each
// time that an argument comes back.
type groupSet struct {
	valueSet
	table *state.Table // keys, args -> a count for each call
	stale []staleGroup // lazily: groups to compute again

	ids  []int32
	keys []*vec.Vector
}

type staleGroup struct {
	call int
	id   int32
}

func (o *groupAgg) openSet(name string, s valueSet, keys []types.Type) *groupSet {
	spec := state.TableSpec{
		Name: name, Key: append(slices.Clone(keys), columnTypes(o.spec.Input, s.args)...), HashKey: len(keys),
		Value: repeated(countType, len(s.calls)), TTL: o.spec.TTL,
	}
	for _, call := range s.calls {
		if o.recomputes[call] {
			spec.Index = []int{}
			for k := range keys {
				spec.Index = append(spec.Index, k)
			}
			break
		}
	}
	return &groupSet{valueSet: s, table: o.ctx.State.Table(spec)}
}

// observe counts the arguments of the run's rows, and decides for each row what
// its calls do with it.
func (s *groupSet) observe(o *groupAgg, b *vec.Batch) {
	r := &o.run
	s.keys = append(s.keys[:0], o.keys...)
	for _, a := range s.args {
		s.keys = append(s.keys, b.Cols[a])
	}
	s.ids = sized(s.ids, len(r.rows))
	s.table.Lookup(s.keys, r.rows, true, s.ids)
	for k, call := range s.calls {
		r.ops[call] = sized(r.ops[call], len(r.rows))
		filter := o.calls.list[call].Filter
		for pos, row := range r.rows {
			if filter >= 0 && !holds(b.Cols[filter], int(row)) {
				r.ops[call][pos] = opNone
				continue
			}
			r.ops[call][pos] = s.count(o, k, call, s.ids[pos], b.Kind(int(row)).Adds())
		}
		if o.recomputes[call] && !o.lazily() {
			s.spare(o, call, b)
		}
	}
}

func (s *groupSet) count(o *groupAgg, k, call int, id int32, adds bool) int8 {
	count := &s.table.Value(k).I64[id]
	distinct := o.calls.list[call].Distinct
	if adds {
		if *count > 0 && distinct && !o.spec.Retracts {
			return opNone
		}
		*count++
		s.table.Touch(id)
		if *count > 1 && distinct {
			return opNone
		}
		return opAdd
	}
	if *count == 0 {
		return opNone
	}
	*count--
	s.table.Touch(id)
	switch {
	case *count > 0 && (distinct || selects(o.calls.list[call].Fn)):
		return opNone
	case o.recomputes[call]:
		return opRecompute
	}
	return opRetract
}

func selects(fn vec.Aggregate) bool {
	s, ok := fn.(Selects)
	return ok && s.Selects()
}

// spare finds the recomputations that change nothing: where MAX loses a value
// that is not the largest. It compares with the result before the run, so each
// group must be in it once: lazily it is not asked, and a group is computed again
// once a step at most.
func (s *groupSet) spare(o *groupAgg, call int, b *vec.Batch) {
	fn := o.calls.list[call].Fn
	if !selects(fn) || len(s.args) != 1 {
		return
	}
	r := &o.run
	ops := r.ops[call]
	r.pos, r.from = r.pos[:0], r.from[:0]
	for pos, op := range ops {
		if op == opRecompute {
			r.pos, r.from = append(r.pos, int32(pos)), append(r.from, r.ids[pos])
		}
	}
	if len(r.pos) == 0 {
		return
	}
	result, err := fn.Result(o.calls.cells(o.groups, call), r.from)
	if err != nil {
		return // the recomputation will say so
	}
	arg := b.Cols[s.args[0]]
	for i, pos := range r.pos {
		if vec.Compare(result, i, arg, int(r.rows[pos])) != 0 {
			ops[pos] = opNone
		}
	}
}

// removeEmpty deletes arguments that no call counts any more.
func (s *groupSet) removeEmpty() {
	for _, id := range s.ids {
		if !s.table.Has(id) {
			continue
		}
		empty := true
		for _, c := range s.table.Values() {
			empty = empty && c.I64[id] == 0
		}
		if empty {
			s.table.Delete(id)
		}
	}
	s.ids = s.ids[:0]
}

// setOf is the set that call belongs to, and its place there.
func (o *groupAgg) setOf(call int) (*groupSet, int) {
	for _, s := range o.sets {
		if k := slices.Index(s.calls, call); k >= 0 {
			return s, k
		}
	}
	panic("operator: the call has no set")
}

// recompute makes the accumulator at row to of cells from the arguments of group
// id.
func (o *groupAgg) recompute(call int, cells []*vec.Column, to, id int32) error {
	for _, c := range cells {
		c.Zero(int(to))
	}
	s, k := o.setOf(call)
	counts, n := s.table.Value(k).I64, len(o.spec.Keys)
	one := []int32{id}
	arg := s.table.FirstOf(gatherKeys(o.groups, n, one), 0)
	var ids, rows, groups []int32
	for arg >= 0 {
		ids, rows, groups = ids[:0], rows[:0], groups[:0]
		for ; arg >= 0 && len(rows) < vec.BatchRows; arg = s.table.Next(arg) {
			times := counts[arg]
			if o.calls.list[call].Distinct {
				times = min(times, 1)
			}
			for range times {
				rows, groups = append(rows, int32(len(ids))), append(groups, to)
			}
			ids = append(ids, arg)
		}
		args := make([]*vec.Vector, len(s.args))
		for a := range args {
			args[a] = s.table.Key(n + a).Gather(ids)
		}
		if err := o.calls.list[call].Fn.Add(cells, groups, args, rows); err != nil {
			return err
		}
	}
	return nil
}

// markStale notes that a call of a group is to be computed again this step.
func (o *groupAgg) markStale(call int, id int32) {
	s, _ := o.setOf(call)
	s.stale = append(s.stale, staleGroup{call, id})
}

// recomputeStale computes what markStale noted, each once.
func (o *groupAgg) recomputeStale() error {
	for _, s := range o.sets {
		slices.SortFunc(s.stale, func(a, b staleGroup) int { return (a.call-b.call)*2 + sign(a.id-b.id) })
		for _, g := range slices.Compact(s.stale) {
			if !o.groups.Has(g.id) || o.counts.I64[g.id] == 0 {
				continue
			}
			if err := o.recompute(g.call, o.calls.cells(o.groups, g.call), g.id, g.id); err != nil {
				return err
			}
			o.groups.Touch(g.id)
		}
		s.stale = s.stale[:0]
	}
	return nil
}

func sign(x int32) int {
	switch {
	case x < 0:
		return -1
	case x > 0:
		return 1
	}
	return 0
}
