package operator

import (
	"slices"

	"github.com/millrace/millrace/internal/engine/state"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// windowSet holds the distinct arguments of each key and pane, for all DISTINCT
// calls over the same columns. A value column for each call says whether the
// argument has come to that call, past its filter.
//
// In TUMBLE and attached windows a new argument is folded in at once. CUMULATE
// carries the sets of panes over to the period as it fires, and folds in what is
// new there; HOP unites the sets of a window's panes each time: accumulators of
// two panes cannot be merged, since both may have seen the same argument.
//
//	key: keys … [, start] , [first window that counts (HOP),] args … , pane
//
// The pane comes last in the key, and rows are chained by it.
type windowSet struct {
	valueSet
	table   *state.Table
	periods *state.Table // CUMULATE: keys, args, period
	scratch *state.Table // HOP: keys, args of the window that fires

	ids  []int32
	keys []*vec.Vector
	// additions are what is to be folded into a call.
	additions grouped
	from      *vec.Vector
}

func (o *windowAgg) openSet(name string, s valueSet) *windowSet {
	prefix := slices.Clone(o.slices.KeyTypes())
	prefix = prefix[:len(prefix)-1]
	if o.grid.kind == Hop {
		prefix = append(prefix, timeKey)
	}
	args := columnTypes(o.spec.Input, s.args)
	key := append(append(prefix, args...), timeKey)
	flags := repeated(types.TBool.Required(), len(s.calls))
	set := &windowSet{valueSet: s, from: vec.New(timeKey, 0, 0)}
	set.table = o.ctx.State.Table(state.TableSpec{
		Name: name, Key: key, HashKey: len(o.spec.Keys), Value: flags, Index: []int{len(key) - 1}, Wide: true,
	})
	switch o.grid.kind {
	case Hop:
		keys := columnTypes(o.spec.Input, o.spec.Keys)
		set.scratch = state.NewTable(state.TableSpec{Key: append(slices.Clone(keys), args...), Value: flags})
	case Cumulate:
		spec := set.table.Spec()
		spec.Name += "of periods"
		set.periods = o.ctx.State.Table(spec)
	}
	return set
}

// observe remembers the arguments of rows. keys are those of the slices table;
// groups are the rows' accumulators there.
func (s *windowSet) observe(o *windowAgg, b *vec.Batch, keys []*vec.Vector, from *vec.Vector, groups, rows []int32) error {
	pane := keys[len(keys)-1]
	s.keys = append(s.keys[:0], keys[:len(keys)-1]...)
	if o.grid.kind == Hop {
		if from == nil {
			s.from.N, s.from.I64 = b.N, sized(s.from.I64, b.N)
			for i := range s.from.I64 {
				s.from.I64[i] = vec.MinTime // counts from the first window on
			}
			from = s.from
		}
		s.keys = append(s.keys, from)
	}
	for _, a := range s.args {
		s.keys = append(s.keys, b.Cols[a])
	}
	s.keys = append(s.keys, pane)
	s.ids = sized(s.ids, len(rows))
	s.table.Lookup(s.keys, rows, true, s.ids)
	simple := o.grid.kind == Tumble || o.grid.kind == Attached
	for k, call := range s.calls {
		s.mark(k, o.spec.Calls[call].Filter, b, groups, rows)
		if !simple {
			continue
		}
		if err := o.calls.add(call, o.calls.cells(o.slices, call), s.additions.groups, b, s.additions.rows); err != nil {
			return err
		}
	}
	return nil
}

// mark notes which rows bring call k an argument that it has not seen.
func (s *windowSet) mark(k, filter int, b *vec.Batch, groups, rows []int32) {
	seen := s.table.Value(k).Bool
	add := s.additions.clear()
	for i, r := range rows {
		if filter >= 0 && !holds(b.Cols[filter], int(r)) {
			continue
		}
		if id := s.ids[i]; !seen[id] {
			seen[id] = true
			s.table.Touch(id)
			add.groups, add.rows = append(add.groups, groups[i]), append(add.rows, r)
		}
	}
	s.additions = add
}

// unite puts the arguments of ids into another table, and folds those that are
// new to a call into the accumulators groups.
func (s *windowSet) unite(o *windowAgg, to *state.Table, keys, args []*vec.Vector, ids []int32, acc *state.Table, groups []int32) error {
	s.ids = sized(s.ids, len(ids))
	to.Lookup(keys, nil, true, s.ids)
	for k, call := range s.calls {
		has, seen := s.table.Value(k).Bool, to.Value(k).Bool
		add := s.additions.clear()
		for i, id := range ids {
			if at := s.ids[i]; has[id] && !seen[at] {
				seen[at] = true
				to.Touch(at)
				add.groups, add.rows = append(add.groups, groups[i]), append(add.rows, int32(i))
			}
		}
		s.additions = add
		if len(add.rows) == 0 {
			continue
		}
		if err := o.calls.list[call].Fn.Add(o.calls.cells(acc, call), add.groups, args, add.rows); err != nil {
			return err
		}
	}
	return nil
}

// foldPane carries a pane's arguments over to its period (CUMULATE).
func (s *windowSet) foldPane(o *windowAgg, pane, period int64) error {
	n, m := len(o.spec.Keys), len(s.args)
	err := o.eachPiece(s.table, pane, func(ids []int32) error {
		keys := gatherKeys(s.table, n+m+1, ids)
		for i := range keys[n+m].I64 {
			keys[n+m].I64[i] = period
		}
		groups := make([]int32, len(ids))
		o.runs.Lookup(append(slices.Clone(keys[:n]), keys[n+m]), nil, true, groups)
		o.runs.TouchAll(groups)
		return s.unite(o, s.periods, keys, keys[n:n+m], ids, o.runs, groups)
	})
	o.drop(s.table, pane)
	return err
}

// combine unites the arguments of a window's panes (HOP).
func (s *windowSet) combine(o *windowAgg, end int64) error {
	s.scratch.Clear()
	n, m := len(o.spec.Keys), len(s.args)
	for _, pane := range o.panes {
		if pane <= end-o.grid.size || pane > end {
			continue
		}
		err := o.eachPiece(s.table, pane, func(ids []int32) error {
			ids = s.counting(n, end, ids)
			keys := gatherKeys(s.table, n+1+m, ids)
			groups := make([]int32, len(ids))
			o.scratch.Lookup(keys[:n], nil, true, groups)
			args := keys[n+1:]
			return s.unite(o, s.scratch, append(slices.Clone(keys[:n]), args...), args, ids, o.scratch, groups)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// counting leaves out the arguments that count only in later windows.
func (s *windowSet) counting(col int, end int64, ids []int32) []int32 {
	from := s.table.Key(col).I64
	kept := ids[:0]
	for _, id := range ids {
		if from[id] <= end {
			kept = append(kept, id)
		}
	}
	return kept
}
