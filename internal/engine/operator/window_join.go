package operator

import (
	"slices"
	"time"

	"github.com/millrace/millrace/internal/engine/state"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// WindowJoinSpec joins the rows of a window with those of the same window on the
// other side, of inputs that only insert and know their windows of event time.
type WindowJoinSpec struct {
	Kind JoinKind
	// Left and Right are the types of the inputs' columns; the output is as that of
	// a JoinSpec.
	Left, Right []types.Type
	// LeftKeys and RightKeys are what is equated besides the windows; the inputs
	// are distributed by them. NullSafe as in JoinSpec.
	LeftKeys, RightKeys []int
	NullSafe            []bool
	// LeftEnd and RightEnd are the columns with the windows' ends, which tell the
	// windows of one function apart.
	LeftEnd, RightEnd int
	// Residual is what the condition asks besides, over both sides' columns; nil:
	// nothing.
	Residual vec.Expr
	// Location is the local time zone if the time attribute is TIMESTAMP_LTZ.
	Location *time.Location
}

// windowJoin keeps the rows of both sides, chained by window, until the watermark
// passes the window's end; then it joins the two chains, emits all results, which
// nothing takes back, and drops the rows. So its state is bounded by the windows
// that are open.
//
//	rows    L R  L   R │        late rows of the window are counted and dropped
//	window  ├──────────┤
//	watermark          ▲ joined, emitted, dropped
//
// A batch is late by its own watermarks (vec.Batch.Before), as in windowAgg.
type windowJoin struct {
	spec  WindowJoinSpec
	ctx   *Context
	grid  lattice
	sides [2]windowJoinSide
	clock clock
	wm    int64
	ends  ends
	seen  int // restored records that ends and wm know of

	built *state.Table // the right side's rows of the window that fires, by key
	pairs windowPairs

	rows, keyed, null []int32
	one               *vec.Vector
	late              lateList
}

type windowJoinSide struct {
	types  []types.Type
	keys   []int
	end    int
	store  *serialTable
	padded bool // rows without a match are emitted with NULLs
}

// NewWindowJoin makes the operator.
func NewWindowJoin(spec WindowJoinSpec) Operator {
	o := &windowJoin{spec: spec, wm: vec.MinTime, one: vec.New(timeKey, 1, 0)}
	o.grid = newLattice(Windows{Kind: Attached, Location: spec.Location})
	k := spec.Kind
	o.sides[0] = windowJoinSide{types: spec.Left, keys: spec.LeftKeys, end: spec.LeftEnd, padded: k == LeftJoin || k == FullJoin || k == AntiJoin}
	o.sides[1] = windowJoinSide{types: spec.Right, keys: spec.RightKeys, end: spec.RightEnd, padded: k == RightJoin || k == FullJoin}
	return o
}

func (o *windowJoin) Open(ctx *Context) error {
	o.ctx = ctx
	for i, name := range []string{"left", "right"} {
		s := &o.sides[i]
		k := len(s.keys)
		s.store = openSerial(ctx.State, name, s.types, append(slices.Clone(s.keys), s.end), k, []int{k})
	}
	keys := columnTypes(o.spec.Right, o.spec.RightKeys)
	o.built = state.NewTable(state.TableSpec{Key: append(slices.Clone(keys), countType), Index: countTo(len(keys))})
	o.clock = openClock(ctx.State)
	return nil
}

// countTo is the numbers from 0 to n-1, not nil.
func countTo(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func (o *windowJoin) semi() bool { return o.spec.Kind == SemiJoin || o.spec.Kind == AntiJoin }

// refresh reads what is derived from tables again if they were restored.
func (o *windowJoin) refresh() {
	l, r := o.sides[0].store.table, o.sides[1].store.table
	if n := l.Restored() + r.Restored() + o.clock.restored(); n != o.seen {
		o.seen, o.wm = n, o.clock.now()
		o.ends = merged(endsOf(l, len(o.spec.LeftKeys)), endsOf(r, len(o.spec.RightKeys)))
	}
}

func (o *windowJoin) Process(port int, b *vec.Batch, _ Emit) error {
	o.refresh()
	s := &o.sides[port]
	o.rows = o.inTime(b, s.end)
	if !s.padded {
		// A row that can equal nothing and is not emitted alone is of no use.
		o.keyed, o.null = withoutNulls(o.keyed, o.null, b, o.rows, s.keys, o.spec.NullSafe)
		o.rows, o.keyed = o.keyed, o.rows
	}
	s.store.add(b, o.rows)
	return o.late.drop(o.ctx, port, b, "the window of the row has fired")
}

// inTime are the rows whose window has not fired.
func (o *windowJoin) inTime(b *vec.Batch, end int) []int32 {
	rows := o.rows[:0]
	o.late.reset()
	v := b.Cols[end]
	var last, at int64
	ready := false
	for i := range b.Len() {
		r := b.Row(i)
		if v.IsNull(r) {
			o.ctx.Metrics.NullTimeRows++
			continue
		}
		if !ready || v.I64[r] != last {
			last, at, ready = v.I64[r], o.grid.fireAt(v.I64[r]), true
			if at > o.wm {
				o.ends.add(last)
			}
		}
		limit := o.wm
		if b.Before != nil {
			limit = max(limit, b.Before[r])
		}
		if at <= limit {
			o.late.add(int32(r), at, limit)
			continue
		}
		rows = append(rows, int32(r))
	}
	return rows
}

func (o *windowJoin) Advance(wm int64, out Emit) (int64, error) {
	o.refresh()
	if wm <= o.wm {
		return wm, nil
	}
	l, r := o.sides[0].store.table, o.sides[1].store.table
	l.Hold()
	r.Hold()
	o.pairs.begin(o, out)
	fired := 0
	for _, end := range o.ends {
		if o.grid.fireAt(end) > wm {
			break
		}
		if err := o.fire(end); err != nil {
			return wm, err
		}
		fired++
	}
	o.ends = append(o.ends[:0], o.ends[fired:]...)
	err := o.pairs.flush()
	l.Release()
	r.Release()
	o.clock.set(wm)
	o.wm = wm
	return wm, err
}

// rowsOf are the rows of a window, in the order in which they came.
func (o *windowJoin) rowsOf(t *state.Table, end int64) []int32 {
	o.one.I64[0] = end
	var ids []int32
	for id := t.FirstOf([]*vec.Vector{o.one}, 0); id >= 0; id = t.Next(id) {
		ids = append(ids, id)
	}
	return ids
}

// fire joins the rows of a window and drops them.
func (o *windowJoin) fire(end int64) error {
	left, right := o.rowsOf(o.sides[0].store.table, end), o.rowsOf(o.sides[1].store.table, end)
	p := &o.pairs
	p.open(left, right)
	if len(left) > 0 && len(right) > 0 {
		if err := o.match(left, right); err != nil {
			return err
		}
	}
	if err := p.close(); err != nil {
		return err
	}
	for i, ids := range [][]int32{left, right} {
		for _, id := range ids {
			o.sides[i].store.table.Delete(id)
		}
	}
	return nil
}

// match lists the pairs with equal keys, left row by left row.
func (o *windowJoin) match(left, right []int32) error {
	o.built.Clear()
	keys := gatherKeys(o.sides[1].store.table, len(o.spec.RightKeys), right)
	number := vec.New(countType, len(right), 0)
	for i := range number.I64 {
		number.I64[i] = int64(i)
	}
	rows := o.comparable(keys, len(right))
	ids := make([]int32, len(rows))
	o.built.Lookup(append(keys, number), rows, true, ids)

	keys = gatherKeys(o.sides[0].store.table, len(o.spec.LeftKeys), left)
	rows = o.comparable(keys, len(left))
	heads := make([]int32, len(rows))
	o.built.First(keys, rows, heads)
	numbers := o.built.Key(len(o.spec.RightKeys)).I64
	for i, head := range heads {
		for id := head; id >= 0; id = o.built.Next(id) {
			if err := o.pairs.add(rows[i], int32(numbers[id])); err != nil {
				return err
			}
		}
	}
	return o.pairs.decide()
}

// comparable are the rows whose keys can equal something.
func (o *windowJoin) comparable(keys []*vec.Vector, n int) []int32 {
	rows := make([]int32, 0, n)
	cols := &vec.Batch{N: n, Cols: keys}
	all := countTo(len(keys))
	for r := range int32(n) {
		if !anyNull(cols, all, o.spec.NullSafe, int(r)) {
			rows = append(rows, r)
		}
	}
	return rows
}
