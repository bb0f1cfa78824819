package operator

import (
	"errors"
	"slices"

	"github.com/millrace/millrace/internal/engine/state"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// WindowAggregateSpec is a GROUP BY over windows.
type WindowAggregateSpec struct {
	// Input are the types of the input's columns.
	Input []types.Type
	// Windows are the windows to group by.
	Windows Windows
	// Keys are the other grouping columns; the input is distributed by them.
	Keys []int
	// Calls are the aggregate functions.
	Calls []AggCall
	// Properties are the window columns that are emitted. The output's columns
	// are Keys, Calls, Properties, in this order.
	Properties []WindowProperty
	// TimeType is the type of the WindowTime property.
	TimeType types.Type
	// Retracts says that the input is not append-only. In windows that overlap all
	// functions must then be retractable and none DISTINCT; Open refuses it otherwise.
	Retracts bool
}

// windowAgg aggregates by slices: a row is added once, to the accumulator of its
// key and pane, and panes are merged when a window fires.
//
//   - TUMBLE and attached windows: the pane is the window; firing reads and
//     deletes its rows.
//   - CUMULATE: when a window fires, its last pane is merged into the running
//     accumulator of the key and period, which is what is emitted: one merge a
//     key and step, however long the period.
//   - HOP: a window merges its panes in a scratch table. To merge every pane in
//     every window is what makes HOP(1 s, 1 h) slow, so panes are also merged in
//     tiers of 8, 64, 512 …: a window of 3600 panes takes at most some 50 merges a
//     key. Running sums that also subtract would need fewer, but there is no
//     subtraction for MAX, and none that is exact for DOUBLE; two stacks (suffix
//     sums of a block, flipped once a block) need three, but rewrite the state of
//     an hour in one step, which a step of 20 ms has no time for, and do not bear
//     rows that come late. Windows of fewer than 16 panes have no tiers.
//
// A row is late against the larger of its own split's watermark before it and
// the operator's watermark (which is the larger if the split was idle). It is
// dropped if the last window that contains it has fired by then. If only the
// first ones have, it counts in those that have not, exactly: even if those
// first ones have not fired yet in this run of steps, since with smaller steps
// they would have. For CUMULATE that is the pane of the first window that is
// left; for HOP the row waits in the table extras until that window fires, and
// then goes to its pane and to the tiers above.
//
//	time     ──────┼──pane──┼────────┼────────┼────────┼──▶
//	windows  ├─────────A────┤
//	                ├─────────B──────┤
//	                         ├─────────C───────┤
//	watermark of the row      ▲ A has fired: the row counts in B and C
//
// Everything that outlives a step is in tables; panes, tiers and the clock are
// read from them again after a restore.
type windowAgg struct {
	spec  WindowAggregateSpec
	ctx   *Context
	grid  lattice
	unit  types.Unit
	calls *calls
	plain []bool // calls that are added to panes and merged
	sets  []*windowSet
	kept  *keptArgs // of an input that retracts, in windows of one pane; else nil

	slices *state.Table // keys, pane [, start of attached window] -> cells
	extras *state.Table // HOP: keys, pane, first window that counts -> cells
	runs   *state.Table // CUMULATE: keys, end of period -> cells
	clock  clock
	tiers  []*tier

	wm       int64
	fired    int64 // end of the last window that has fired
	panes    ends  // with rows in slices or extras
	periods  ends  // with rows in runs
	restored int

	scratch *state.Table // HOP: the window that fires: keys -> cells

	in windowInput
	// Buffers of one call.
	ids, mapped, piece []int32
	keys               []*vec.Vector
	one                *vec.Vector
	prefix             [1]*vec.Vector
}

// ends is a sorted list of the ends of panes, blocks or periods that have rows.
type ends []int64

func (e *ends) add(end int64) {
	if n := len(*e); n == 0 || (*e)[n-1] < end {
		*e = append(*e, end)
		return
	}
	if at, found := slices.BinarySearch(*e, end); !found {
		*e = slices.Insert(*e, at, end)
	}
}

func (e ends) has(end int64) bool {
	_, found := slices.BinarySearch(e, end)
	return found
}

func (e *ends) shift() { *e = slices.Delete(*e, 0, 1) }

// NewWindowAggregate makes the operator.
func NewWindowAggregate(spec WindowAggregateSpec) Operator {
	o := &windowAgg{spec: spec, grid: newLattice(spec.Windows), wm: vec.MinTime, fired: vec.MinTime}
	if w := spec.Windows; w.Kind != Attached && !w.ProcTime {
		o.unit = spec.Input[w.TimeCol].Unit()
	}
	list := spec.Calls
	if spec.Retracts {
		list = withRowCount(list)
	}
	o.calls = layoutCalls(list)
	for _, c := range list {
		o.plain = append(o.plain, !c.Distinct)
	}
	o.one = vec.New(timeKey, 1, 0)
	return o
}

// timeKey is the type of key columns that hold window times.
var timeKey = types.TBigInt.Required()

func (o *windowAgg) Open(ctx *Context) error {
	o.ctx = ctx
	if err := o.refuse(); err != nil {
		return err
	}
	keys := columnTypes(o.spec.Input, o.spec.Keys)
	table := func(name string, times ...types.Type) *state.Table {
		return ctx.State.Table(state.TableSpec{
			Name: name, Key: append(slices.Clone(keys), times...), HashKey: len(keys),
			Value: o.calls.types, Index: []int{len(keys) + len(times) - 1}, Wide: true,
		})
	}
	switch o.grid.kind {
	case Attached:
		// The start comes first, so that rows are chained by the end.
		o.slices = table("slices", timeKey, timeKey)
	case Hop:
		o.slices = table("slices", timeKey)
		o.extras = table("extras", timeKey, timeKey)
		o.openTiers(table)
		o.scratch = state.NewTable(state.TableSpec{Key: keys, Value: o.calls.types})
	case Cumulate:
		o.slices = table("slices", timeKey)
		o.runs = table("runs", timeKey)
	default:
		o.slices = table("slices", timeKey)
	}
	if o.spec.Retracts && (o.grid.kind == Tumble || o.grid.kind == Attached) {
		more := []types.Type{timeKey}
		if o.grid.kind == Attached {
			more = append(more, timeKey)
		}
		o.kept = openKept(ctx.State, &o.spec, o.calls, keys, more...)
		o.plain = o.kept.plain
		o.clock = openClock(ctx.State)
		return nil
	}
	for i, s := range valueSets(o.spec.Calls, func(c AggCall) bool { return c.Distinct }) {
		o.sets = append(o.sets, o.openSet(setName(i), s))
	}
	o.clock = openClock(ctx.State)
	return nil
}

func (o *windowAgg) refuse() error {
	if !o.spec.Retracts || o.grid.kind == Tumble || o.grid.kind == Attached {
		return nil
	}
	for _, c := range o.spec.Calls {
		if c.Distinct || !c.Fn.Retractable() {
			return errors.New("window aggregation: an updating input of windows that overlap needs functions that can retract, without DISTINCT")
		}
	}
	return nil
}

// refresh reads what is derived from tables again if they were restored.
func (o *windowAgg) refresh() {
	n := o.slices.Restored() + o.clock.restored()
	if o.extras != nil {
		n += o.extras.Restored()
	}
	if n == o.restored {
		return
	}
	o.restored = n
	o.wm = o.clock.now()
	o.fired = o.grid.fired(o.wm)
	at := len(o.spec.Keys)
	o.panes = endsOf(o.slices, o.slices.Spec().Index[0])
	if o.extras != nil {
		for _, p := range endsOf(o.extras, at) {
			o.panes.add(p)
		}
	}
	if o.runs != nil {
		o.periods = endsOf(o.runs, at)
	}
	for _, t := range o.tiers {
		t.blocks = endsOf(t.table, at)
	}
	o.in.pane.ready = false
}

// endsOf collects the distinct values of the column that a table is chained by.
func endsOf(t *state.Table, col int) ends {
	var all ends
	t.EachChain(func(id int32) { all = append(all, t.Key(col).I64[id]) })
	slices.Sort(all)
	return slices.Compact(all)
}

func (o *windowAgg) Process(_ int, b *vec.Batch, _ Emit) error {
	o.refresh()
	in := &o.in
	in.reset(b.N)
	if o.grid.kind == Attached {
		o.assignAttached(b)
	} else {
		o.assign(b)
	}
	if err := o.ctx.Late(0, len(in.late), func() *LateRows { return o.lateRows(b) }); err != nil {
		return err
	}
	if err := o.add(o.slices, b, in.rows, &in.panes, nil); err != nil {
		return err
	}
	return o.add(o.extras, b, in.partly, &in.panes, &in.from)
}

// add folds rows into the accumulators of their key and pane; from is the first
// window that counts, for extras.
func (o *windowAgg) add(t *state.Table, b *vec.Batch, rows []int32, panes, from *vec.Vector) error {
	if len(rows) == 0 {
		return nil
	}
	o.keys = pick(o.keys, b, o.spec.Keys)
	if o.grid.kind == Attached {
		o.keys = append(o.keys, b.Cols[o.spec.Windows.StartCol])
	}
	o.keys = append(o.keys, panes)
	setKeys := len(o.keys)
	if from != nil {
		o.keys = append(o.keys, from)
	}
	o.ids = sized(o.ids, len(rows))
	t.Lookup(o.keys, rows, true, o.ids)
	t.TouchAll(o.ids)
	for _, s := range o.sets {
		if err := s.observe(o, b, o.keys[:setKeys], from, o.ids, rows); err != nil {
			return err
		}
	}
	if o.spec.Retracts {
		return o.change(t, b, rows)
	}
	for i := range o.calls.list {
		if !o.plain[i] {
			continue
		}
		g, r := o.calls.filtered(i, b, o.ids, rows)
		if err := o.calls.add(i, o.calls.cells(t, i), g, b, r); err != nil {
			return err
		}
	}
	return nil
}

// change is add for an input that also retracts.
func (o *windowAgg) change(t *state.Table, b *vec.Batch, rows []int32) error {
	for i := range o.calls.list {
		if !o.plain[i] {
			continue
		}
		g, r := o.calls.filtered(i, b, o.ids, rows)
		cells := o.calls.cells(t, i)
		plus, minus := byKind(b, g, r)
		if err := o.calls.add(i, cells, plus.groups, b, plus.rows); err != nil {
			return err
		}
		if err := o.calls.retract(i, cells, minus.groups, b, minus.rows); err != nil {
			return err
		}
	}
	if o.kept != nil {
		return o.kept.observe(b, t, o.ids, rows)
	}
	return nil
}

// grouped is rows with the group of each.
type grouped struct{ groups, rows []int32 }

func (g grouped) clear() grouped { return grouped{g.groups[:0], g.rows[:0]} }

// byKind parts rows into those that add and those that take away.
func byKind(b *vec.Batch, groups, rows []int32) (plus, minus grouped) {
	if b.Kinds == nil {
		return grouped{groups, rows}, grouped{}
	}
	for k, r := range rows {
		to := &minus
		if b.Kinds[r].Adds() {
			to = &plus
		}
		to.groups, to.rows = append(to.groups, groups[k]), append(to.rows, r)
	}
	return plus, minus
}
