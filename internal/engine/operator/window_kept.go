package operator

import (
	"slices"

	"github.com/millrace/millrace/internal/engine/state"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// keptArgs keeps, for windows, the arguments of calls that cannot be folded in as
// rows come: DISTINCT ones where accumulators are merged or rows taken back, and
// those that cannot take back, such as MAX. A window emits once, so that it is
// enough to compute them when it fires, from how often each argument is there.
//
//	key: the window's key (keys … , number or pane …) , args …      value: a count a call
type keptArgs struct {
	calls *calls
	sets  []*keptSet
	// plain says of each call that it is not kept.
	plain []bool
}

type keptSet struct {
	valueSet
	table *state.Table
	width int // columns of the window's key

	keys []*vec.Vector
	ids  []int32
}

// openKept declares the tables. The window's key are the keys, by which the state is
// distributed, and more columns behind them.
func openKept(s *state.Store, spec *WindowAggregateSpec, calls *calls, keys []types.Type, more ...types.Type) *keptArgs {
	k := &keptArgs{calls: calls}
	need := func(c AggCall) bool { return c.Distinct || spec.Retracts && !c.Fn.Retractable() }
	for _, c := range calls.list {
		k.plain = append(k.plain, !need(c))
	}
	for i, set := range valueSets(calls.list, need) {
		window := append(slices.Clone(keys), more...)
		k.sets = append(k.sets, &keptSet{
			valueSet: set, width: len(window),
			table: s.Table(state.TableSpec{
				Name: setName(i), Key: append(window, columnTypes(spec.Input, set.args)...), HashKey: len(keys),
				Value: repeated(countType, len(set.calls)), Index: countTo(len(window)),
			}),
		})
	}
	return k
}

// observe counts the arguments of rows, whose windows are ids of a table.
func (k *keptArgs) observe(b *vec.Batch, windows *state.Table, ids, rows []int32) error {
	for _, s := range k.sets {
		s.keys = append(gatherKeys(windows, s.width, ids), s.argsOf(b, rows)...)
		s.ids = sized(s.ids, len(rows))
		s.table.Lookup(s.keys, nil, true, s.ids)
		s.table.TouchAll(s.ids)
		for at, call := range s.calls {
			counts, filter := s.table.Value(at).I64, k.calls.list[call].Filter
			for i, r := range rows {
				switch {
				case filter >= 0 && !holds(b.Cols[filter], int(r)):
				case b.Kind(int(r)).Adds():
					counts[s.ids[i]]++
				default:
					counts[s.ids[i]]--
				}
			}
		}
		s.removeEmpty()
	}
	return nil
}

func (s *keptSet) argsOf(b *vec.Batch, rows []int32) []*vec.Vector {
	out := make([]*vec.Vector, len(s.args))
	for i, a := range s.args {
		out[i] = vec.Copy(b.Cols[a], rows)
	}
	return out
}

// removeEmpty deletes arguments that were taken back as often as they came.
func (s *keptSet) removeEmpty() {
	for _, id := range s.ids {
		if s.table.Has(id) && s.isEmpty(id) {
			s.table.Delete(id)
		}
	}
}

func (s *keptSet) isEmpty(id int32) bool {
	for at := range s.calls {
		if s.table.Value(at).I64[id] != 0 {
			return false
		}
	}
	return true
}

// chain lists the arguments of a window.
func (s *keptSet) chain(windows *state.Table, id int32) []int32 {
	one := []int32{id}
	var out []int32
	for at := s.table.FirstOf(gatherKeys(windows, s.width, one), 0); at >= 0; at = s.table.Next(at) {
		out = append(out, at)
	}
	return out
}

// move gives a window the arguments of another.
func (k *keptArgs) move(windows *state.Table, into, from int32) error {
	for _, s := range k.sets {
		ids := s.chain(windows, from)
		if len(ids) == 0 {
			continue
		}
		to := make([]int32, len(ids))
		for i := range to {
			to[i] = into
		}
		keys := append(gatherKeys(windows, s.width, to), gatherKeys(s.table, s.width+len(s.args), ids)[s.width:]...)
		s.table.Lookup(keys, nil, true, to)
		s.table.TouchAll(to)
		for at := range s.calls {
			counts := s.table.Value(at).I64
			for i, id := range ids {
				counts[to[i]] += counts[id]
			}
		}
		for _, id := range ids {
			s.table.Delete(id)
		}
		s.ids = append(s.ids[:0], to...)
		s.removeEmpty()
	}
	return nil
}

// compute folds the arguments of windows that fire into their accumulators, and
// drops them.
func (k *keptArgs) compute(windows *state.Table, ids []int32) error {
	for _, s := range k.sets {
		var all, groups []int32
		for _, id := range ids {
			for _, arg := range s.chain(windows, id) {
				all, groups = append(all, arg), append(groups, id)
			}
		}
		if err := s.fold(k.calls, windows, all, groups); err != nil {
			return err
		}
		for _, arg := range all {
			s.table.Delete(arg)
		}
	}
	return nil
}

// fold folds arguments into the accumulators of groups: once each into a DISTINCT
// call, as often as they are there into others.
func (s *keptSet) fold(calls *calls, windows *state.Table, args, groups []int32) error {
	if len(args) == 0 {
		return nil
	}
	values := gatherKeys(s.table, s.width+len(s.args), args)[s.width:]
	for at, call := range s.calls {
		counts := s.table.Value(at).I64
		var rows, to []int32
		for i, id := range args {
			times := counts[id]
			if calls.list[call].Distinct {
				times = min(times, 1)
			}
			for range times {
				rows, to = append(rows, int32(i)), append(to, groups[i])
			}
		}
		if len(rows) == 0 {
			continue
		}
		if err := calls.list[call].Fn.Add(calls.cells(windows, call), to, values, rows); err != nil {
			return err
		}
	}
	return nil
}

// existing are the windows that have rows: of an input that only adds, all.
func existing(c *calls, t *state.Table, ids []int32, retracts bool) []int32 {
	if !retracts {
		return ids
	}
	count := t.Value(len(c.types) - 1).I64
	kept := make([]int32, 0, len(ids))
	for _, id := range ids {
		if count[id] > 0 {
			kept = append(kept, id)
		}
	}
	return kept
}
