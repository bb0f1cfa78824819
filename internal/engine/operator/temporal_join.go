package operator

import (
	"encoding/binary"
	"slices"

	"github.com/millrace/millrace/internal/engine/state"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// TemporalJoinSpec joins each row with the version of the other side's row that held
// at the row's time: FOR SYSTEM_TIME AS OF.
type TemporalJoinSpec struct {
	// Kind is InnerJoin or LeftJoin.
	Kind JoinKind
	// Left and Right are the types of the inputs' columns; the output has both. The
	// left input only inserts; the right one is a changelog by a key.
	Left, Right []types.Type
	// LeftKeys and RightKeys are equated, by which the inputs are distributed; the
	// right ones hold a key of the right side.
	LeftKeys, RightKeys []int
	// LeftTime and RightTime are the event times.
	LeftTime, RightTime int
	// Residual is what the condition asks besides; nil: nothing.
	Residual vec.Expr
}

// temporalJoin keeps rows of the left side until the watermark has passed their time:
// then all versions up to that time are here. Of the versions of a key it keeps the
// last one that the watermark has passed, which still holds, and the later ones.
//
//	versions    v1 ─────── v2 ───────────── v3 ───        a deletion is a version
//	left row              that has none
//	           ▲ at a time between v1 and v2: joined with v1
//	watermark                 ▲ v1 is dropped
//
// A left row that is late is counted, and joined with what is left.
type temporalJoin struct {
	spec     TemporalJoinSpec
	ctx      *Context
	units    [2]types.Unit
	left     *serialTable
	versions *state.Table // join key, time -> row, gone, weight, sort key
	rest     []int        // right columns that are values of versions
	cols     []*vec.Column
	gone     *vec.Column
	at       *vec.Column
	due      timers // left rows
	old      timers // versions
	clock    clock
	wm       int64
	known    int

	keys []*vec.Vector
	time *vec.Vector
	rows []int32
	null []int32
}

// NewTemporalJoin makes the operator.
func NewTemporalJoin(spec TemporalJoinSpec) Operator {
	return &temporalJoin{
		spec: spec, wm: vec.MinTime, time: vec.New(timeKey, 0, 0),
		units: [2]types.Unit{spec.Left[spec.LeftTime].Unit(), spec.Right[spec.RightTime].Unit()},
	}
}

func (o *temporalJoin) Open(ctx *Context) error {
	o.ctx = ctx
	k := len(o.spec.LeftKeys)
	o.left = openSerial(ctx.State, "left", o.spec.Left, slices.Clone(o.spec.LeftKeys), k, countTo(k), timeKey)
	o.rest = others(len(o.spec.Right), o.spec.RightKeys)
	n := len(o.rest)
	o.versions = ctx.State.Table(state.TableSpec{
		Name: "versions", Key: append(columnTypes(o.spec.Right, o.spec.RightKeys), timeKey), HashKey: k, Index: countTo(k), Ordered: true, Pinned: true,
		Value: append(columnTypes(o.spec.Right, o.rest), types.TBool.Required(), countType, types.TBytes.Required()),
	})
	o.cols = rowColumns(o.versions, len(o.spec.Right), o.spec.RightKeys, o.rest)
	o.gone, o.at = o.versions.Value(n), o.versions.Key(k)
	o.clock = openClock(ctx.State)
	return nil
}

func (o *temporalJoin) refresh() {
	n := o.left.table.Restored() + o.versions.Restored() + o.clock.restored()
	if n == o.known {
		return
	}
	o.known, o.wm = n, o.clock.now()
	o.due.clear()
	o.old.clear()
	o.left.table.Scan(func(id int32) { o.due.push(timer{at: o.left.extra(0).I64[id], age: o.left.table.Age(id), id: id}) })
	o.versions.Scan(func(id int32) { o.old.push(timer{at: o.at.I64[id], age: o.versions.Age(id), id: id}) })
}

func (o *temporalJoin) Process(port int, b *vec.Batch, out Emit) error {
	o.refresh()
	if port == 1 {
		o.change(b)
		return nil
	}
	v := b.Cols[o.spec.LeftTime]
	rows := o.rows[:0]
	for i := range b.Len() {
		r := b.Row(i)
		if v.IsNull(r) {
			o.ctx.Metrics.NullTimeRows++
			continue
		}
		limit := o.wm
		if b.Before != nil {
			limit = max(limit, b.Before[r])
		}
		if millis(v.I64[r], o.units[0]) <= limit {
			o.ctx.Metrics.LateRows++
		}
		rows = append(rows, int32(r))
	}
	o.rows = rows
	times := o.left.extra(0)
	for i, id := range o.left.add(b, rows) {
		times.I64[id] = millis(v.I64[rows[i]], o.units[0])
		o.due.push(timer{at: times.I64[id], age: o.left.table.Age(id), id: id})
	}
	return nil
}

// change writes versions. An update's -U says nothing that its +U does not; one
// whose +U is of another key has that of a deletion.
func (o *temporalJoin) change(b *vec.Batch) {
	v := b.Cols[o.spec.RightTime]
	o.time.N, o.time.I64 = b.N, sized(o.time.I64, b.N)
	o.keys = append(pick(o.keys, b, o.spec.RightKeys), o.time)
	t := o.versions
	n := len(o.rest)
	var key [8]byte
	for i := range b.Len() {
		r := b.Row(i)
		kind := b.Kind(r)
		if kind == types.UpdateBefore || anyNull(b, o.spec.RightKeys, nil, r) {
			continue
		}
		if v.IsNull(r) {
			o.ctx.Metrics.NullTimeRows++
			continue
		}
		at := millis(v.I64[r], o.units[1])
		o.time.I64[r] = at
		id := t.Make(o.keys, r)
		for k, c := range o.rest {
			t.Value(k).Set(int(id), b.Cols[c], r)
		}
		o.gone.Bool[id] = !kind.Adds()
		t.Touch(id)
		if t.Value(n + 1).I64[id] == 0 { // it is new
			t.Value(n + 1).I64[id] = 1
			binary.BigEndian.PutUint64(key[:], uint64(at)^1<<63)
			t.Value(n+2).SetBytes(int(id), key[:])
			t.Link(id)
			o.old.push(timer{at: at, age: t.Age(id), id: id})
		}
	}
}

func (o *temporalJoin) Advance(wm int64, out Emit) (int64, error) {
	o.refresh()
	var ids []int32
	for {
		t, ok := o.due.due(wm)
		if !ok {
			break
		}
		ids = append(ids, t.id)
	}
	if err := inPieces(ids, func(ids []int32) error { return o.emit(ids, out) }); err != nil {
		return wm, err
	}
	for _, id := range ids {
		o.left.table.Delete(id)
	}
	o.forget(wm)
	if wm > o.wm {
		o.wm = wm
		o.clock.set(wm)
	}
	return wm, nil
}

// forget drops the versions that a later one has replaced by now; one that came late
// may be among them.
func (o *temporalJoin) forget(wm int64) {
	t := o.versions
	for {
		v, ok := o.old.due(wm)
		if !ok {
			return
		}
		if !t.Has(v.id) || t.Age(v.id) != v.age {
			continue
		}
		root := t.Root(v.id)
		last := o.upTo(root, wm)
		for ; last > 1; last-- {
			older, _ := t.Nth(root, 1)
			next, _ := t.Nth(root, 2)
			t.Delete(older)
			root = t.Root(next)
		}
		if id, _ := t.Nth(root, 1); o.gone.Bool[id] {
			t.Delete(id) // that there is no row needs no version
		}
	}
}

// emit joins left rows with the versions of their times.
func (o *temporalJoin) emit(ids []int32, out Emit) error {
	keys := gatherKeys(o.left.table, len(o.spec.LeftKeys), ids)
	roots := make([]int32, len(ids))
	o.versions.First(keys, nil, roots)
	cols := &vec.Batch{N: len(ids), Cols: keys}
	found := make([]int32, len(ids))
	for i, id := range ids {
		found[i] = -1
		if !anyNull(cols, countTo(len(keys)), nil, i) {
			found[i] = o.version(roots[i], o.left.extra(0).I64[id])
		}
	}
	left := o.left.gather(ids)
	right := nullable(gatherCols(o.cols, found))
	if o.spec.Residual != nil {
		cond, err := o.spec.Residual.Eval(o.ctx.Eval, &vec.Batch{N: len(ids), Cols: append(slices.Clone(left), right...)})
		if err != nil {
			return err
		}
		for i := range found {
			if !holds(cond, i) {
				found[i] = -1
			}
		}
		right = nullable(gatherCols(o.cols, found))
	}
	b := &vec.Batch{N: len(ids), Cols: append(left, right...)}
	if o.spec.Kind == LeftJoin {
		return out(b)
	}
	for i, v := range right {
		v.Type = o.spec.Right[i]
	}
	sel := make([]int32, 0, len(ids))
	for i, id := range found {
		if id >= 0 {
			sel = append(sel, int32(i))
		}
	}
	if len(sel) == 0 {
		return nil
	}
	return out(b.Select(sel))
}

// upTo is how many versions there are up to a time.
func (o *temporalJoin) upTo(root int32, at int64) int64 {
	low, high := int64(0), o.versions.Weight(root) // the first low are up to the time, those after high later
	for low < high {
		mid := (low + high + 1) / 2
		if id, _ := o.versions.Nth(root, mid); o.at.I64[id] <= at {
			low = mid
		} else {
			high = mid - 1
		}
	}
	return low
}

// version is the last one up to a time, -1 if there is none or it is a deletion.
func (o *temporalJoin) version(root int32, at int64) int32 {
	id, _ := o.versions.Nth(root, o.upTo(root, at))
	if id >= 0 && o.gone.Bool[id] {
		return -1
	}
	return id
}
