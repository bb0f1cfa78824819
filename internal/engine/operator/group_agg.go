package operator

import (
	"slices"
	"time"

	"github.com/millrace/millrace/internal/engine/state"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// GroupAggregateSpec is an unbounded GROUP BY.
type GroupAggregateSpec struct {
	// Input are the types of the input's columns.
	Input []types.Type
	// Keys are the grouping columns; the input is distributed by them. With none
	// the operator runs on worker 0.
	Keys []int
	// Calls are the aggregate functions. The output's columns are Keys, Calls.
	// With no calls it is SELECT DISTINCT.
	Calls []AggCall
	// Retracts says that the input is not append-only.
	Retracts bool
	// NeedUpdateBefore emits -U before +U.
	NeedUpdateBefore bool
	// Fold emits the changes of a step once a key, in Advance.
	Fold bool
	// FinalOnly emits only final results, as inserts, at the end of the input;
	// without keys one row also if there was no input.
	FinalOnly bool
	// TTL is table.exec.state.ttl or the hint's; 0: for ever.
	TTL time.Duration
}

// groupAgg emits for every row of the input what it changes in its group, as
// Flink's GroupAggFunction does:
//
//	rows in the group before, after     emitted
//	0, 1…                               +I new
//	1…, 1… and another result           -U old, +U new
//	1…, 1… and the same result          nothing (with a TTL: as if another)
//	1…, 0                               -D old
//	retraction from a group of 0        nothing; the row is ignored
//
// With Fold the same is decided once a step, between what the group was before
// the step and what it is after. A group that appears and disappears within a
// step emits nothing: the operator knows that nobody downstream has heard of it.
// (The rule that an insert and a delete that cancel still write a tombstone is
// for folding at an upsert sink's input, where nobody knows what the sink holds.)
//
// An input that only appends counts its rows too: a count of 0 is a group that
// was made this moment.
type groupAgg struct {
	spec   GroupAggregateSpec
	ctx    *Context
	calls  *calls
	groups *state.Table // keys -> cells, number of rows
	counts *vec.Column  // the last value column of groups
	sets   []*groupSet
	// recomputes says of each call that it cannot retract what the input can:
	// its arguments are kept, and it is computed from them again.
	recomputes   []bool
	anyRecompute bool
	ended        ended

	run  run
	hist history
	fold folded

	rows, ids, all []int32
	keys           []*vec.Vector
}

// NewGroupAggregate makes the operator.
func NewGroupAggregate(spec GroupAggregateSpec) Operator {
	o := &groupAgg{spec: spec, calls: layoutCalls(spec.Calls)}
	for _, c := range spec.Calls {
		r := spec.Retracts && !c.Fn.Retractable()
		o.recomputes = append(o.recomputes, r)
		o.anyRecompute = o.anyRecompute || r
	}
	o.hist.init(o.calls.types)
	o.run.ops = make([][]int8, len(spec.Calls))
	return o
}

func (o *groupAgg) Open(ctx *Context) error {
	o.ctx = ctx
	keys := columnTypes(o.spec.Input, o.spec.Keys)
	spec := state.TableSpec{
		Name: "groups", Key: keys, HashKey: len(keys), TTL: o.spec.TTL,
		Value: append(slices.Clone(o.calls.types), countType),
	}
	if o.spec.FinalOnly {
		spec.Index = []int{} // the result comes in the order in which groups did
	}
	o.groups = ctx.State.Table(spec)
	o.counts = o.groups.Value(len(o.calls.types))
	need := func(c AggCall) bool { return c.Distinct || o.spec.Retracts && !c.Fn.Retractable() }
	for i, s := range valueSets(o.spec.Calls, need) {
		o.sets = append(o.sets, o.openSet(setName(i), s, keys))
	}
	if o.spec.FinalOnly {
		o.ended = openEnded(ctx.State)
	}
	return nil
}

func (o *groupAgg) Process(_ int, b *vec.Batch, out Emit) error {
	o.ctx.State.Tick(o.ctx.Eval.Now)
	o.rows = selected(o.rows, b)
	o.keys = pick(o.keys, b, o.spec.Keys)
	o.ids = sized(o.ids, len(o.rows))
	o.groups.Lookup(o.keys, o.rows, true, o.ids)
	lazy := o.lazily()
	if lazy && !o.spec.FinalOnly {
		if err := o.fold.remember(o, o.ids); err != nil {
			return err
		}
	}
	for from := 0; from < len(o.rows); {
		to := o.cut(b, from, lazy)
		step := o.eager
		if lazy {
			step = o.lazy
		}
		if err := step(b, o.rows[from:to], o.ids[from:to], out); err != nil {
			return err
		}
		from = to
	}
	if !lazy {
		o.removeEmpty(o.ids)
	}
	return nil
}

// lazily says whether nothing is emitted before the end of the step.
func (o *groupAgg) lazily() bool { return o.spec.Fold || o.spec.FinalOnly }

// removeEmpty deletes groups without rows.
func (o *groupAgg) removeEmpty(ids []int32) {
	if !o.spec.Retracts {
		return
	}
	for _, id := range ids {
		if o.groups.Has(id) && o.counts.I64[id] == 0 {
			o.groups.Delete(id)
		}
	}
}

// cut is the end of the run of rows that can be worked on together.
//
// Eagerly that is all of them, since the history keeps each row's result apart;
// but a function that is computed again from its arguments needs them as they are
// after that very row, so then no group may be twice in a run. Lazily a run ends
// where a group is left without rows, so that the next row finds new accumulators
// (a sum of DOUBLEs that was retracted to nothing may not be 0).
func (o *groupAgg) cut(b *vec.Batch, from int, lazy bool) int {
	if !o.spec.Retracts || !lazy && !o.anyRecompute {
		return len(o.rows)
	}
	seen := &o.run.seen
	seen.begin(o.ids[from:])
	to := from
	for ; to < len(o.rows); to++ {
		id := o.ids[to]
		count, again := seen.get(id)
		if !again {
			count = int32(o.counts.I64[id])
		} else if !lazy {
			break
		}
		adds := b.Kind(int(o.rows[to])).Adds()
		if lazy && !adds && count == 1 {
			to++
			break
		}
		if adds {
			count++
		} else if count > 0 {
			count--
		}
		seen.put(id, count)
	}
	return to
}

func (o *groupAgg) Advance(wm int64, out Emit) (int64, error) {
	if err := o.recomputeStale(); err != nil {
		return wm, err
	}
	switch {
	case o.spec.FinalOnly && wm == vec.MaxTime:
		return wm, o.emitFinal(out)
	case o.spec.FinalOnly:
		o.removeEmpty(o.fold.ids)
		o.fold.clear()
	case o.spec.Fold:
		return wm, o.fold.flush(o, out)
	}
	return wm, nil
}

// emitFinal emits all groups in the order in which they came.
func (o *groupAgg) emitFinal(out Emit) error {
	if o.ended.is() {
		return nil
	}
	o.ended.set()
	if len(o.spec.Keys) == 0 && o.groups.Len() == 0 && o.ctx.Worker == 0 {
		o.counts.I64[o.makeOnly()] = 1 // SQL: an aggregate of nothing is a row
	}
	o.all = o.all[:0]
	for id := o.groups.FirstOf(nil, 0); id >= 0; id = o.groups.Next(id) {
		if o.counts.I64[id] > 0 {
			o.all = append(o.all, id)
		}
	}
	return inPieces(o.all, func(ids []int32) error {
		results, err := o.calls.results(o.groups.Values(), ids, len(o.spec.Calls))
		if err != nil {
			return err
		}
		return out(&vec.Batch{N: len(ids), Cols: append(gatherKeys(o.groups, len(o.spec.Keys), ids), results...)})
	})
}

// makeOnly makes the one group of a table without keys.
func (o *groupAgg) makeOnly() int32 { return o.groups.Make(nil, 0) }
