package operator

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/millrace/millrace/internal/engine/state"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// SortSpec is ORDER BY without LIMIT, of an input that only inserts; it runs on
// worker 0.
type SortSpec struct {
	// Input are the types of the input's columns.
	Input []types.Type
	// Order is the ORDER BY; ties go by age.
	Order []vec.SortKey
	// Streaming: the first key is the event time, ascending; rows are emitted
	// when the watermark passes them, and those that come after that are dropped
	// and counted, as in Flink. Otherwise all rows are emitted at the end of the
	// input.
	Streaming bool
}

// sorter keeps rows under a serial number. With Streaming they are in a tree,
// from whose front the watermark takes; otherwise they are sorted once.
type sorter struct {
	spec  SortSpec
	ctx   *Context
	table *state.Table
	clock clock
	ended ended
	unit  types.Unit

	rows   []int32
	number *vec.Vector
	ids    []int32
	key    []byte
}

// NewSort makes the operator.
func NewSort(spec SortSpec) Operator {
	o := &sorter{spec: spec, number: vec.New(countType, 0, 0)}
	if spec.Streaming {
		o.unit = spec.Input[spec.Order[0].Col].Unit()
	}
	return o
}

func (o *sorter) Open(ctx *Context) error {
	o.ctx = ctx
	o.table = ctx.State.Table(state.TableSpec{
		Name: "rows", Key: []types.Type{countType}, Index: []int{}, Ordered: o.spec.Streaming,
		Value: append(slices.Clone(o.spec.Input), countType, types.TBytes.Required()),
	})
	if o.spec.Streaming {
		o.clock = openClock(ctx.State)
	} else {
		o.ended = openEnded(ctx.State)
	}
	return nil
}

func (o *sorter) Process(_ int, b *vec.Batch, _ Emit) error {
	o.rows = selected(o.rows, b)
	if o.spec.Streaming {
		if err := o.dropLate(b); err != nil {
			return err
		}
	}
	t := o.table
	age := t.NextAge()
	o.number.N, o.number.I64 = b.N, sized(o.number.I64, b.N)
	for i, r := range o.rows {
		o.number.I64[r] = age + int64(i)
	}
	o.ids = sized(o.ids, len(o.rows))
	t.Lookup([]*vec.Vector{o.number}, o.rows, true, o.ids)
	for c, v := range b.Cols {
		col := t.Value(c)
		for i, id := range o.ids {
			col.Set(int(id), v, int(o.rows[i]))
		}
	}
	n := len(b.Cols)
	for i, id := range o.ids {
		o.key = appendSortKey(o.key[:0], o.spec.Order, b.Cols, int(o.rows[i]))
		t.Value(n).I64[id] = 1
		t.Value(n+1).SetBytes(int(id), o.key)
		if o.spec.Streaming {
			t.Link(id)
		}
	}
	return nil
}

// dropLate keeps of o.rows those that are not behind the watermark.
func (o *sorter) dropLate(b *vec.Batch) error {
	v, wm := b.Cols[o.spec.Order[0].Col], o.clock.now()
	var late []int32
	kept := o.rows[:0]
	for _, r := range o.rows {
		switch {
		case v.IsNull(int(r)):
			o.ctx.Metrics.NullTimeRows++
		case millis(v.I64[r], o.unit) <= passed(wm, b, r):
			late = append(late, r)
		default:
			kept = append(kept, r)
		}
	}
	o.rows = kept
	return o.ctx.Late(0, len(late), func() *LateRows { return o.lateRows(b, late) })
}

func (o *sorter) Advance(wm int64, out Emit) (int64, error) {
	if o.spec.Streaming {
		return wm, o.emitUpTo(wm, out)
	}
	if wm != vec.MaxTime || o.ended.is() {
		return wm, nil
	}
	o.ended.set()
	o.ids = o.ids[:0]
	o.table.Scan(func(id int32) { o.ids = append(o.ids, id) })
	keys := o.table.Value(len(o.spec.Input) + 1)
	slices.SortFunc(o.ids, func(a, b int32) int {
		if c := bytes.Compare(keys.Bytes(int(a)), keys.Bytes(int(b))); c != 0 {
			return c
		}
		return cmp.Compare(o.table.Age(a), o.table.Age(b))
	})
	return wm, inPieces(o.ids, func(ids []int32) error { return o.emit(ids, out) })
}

func (o *sorter) emit(ids []int32, out Emit) error {
	return out(&vec.Batch{N: len(ids), Cols: gatherCols(o.table.Values()[:len(o.spec.Input)], ids)})
}

// emitUpTo emits and deletes the rows up to the watermark.
func (o *sorter) emitUpTo(wm int64, out Emit) error {
	if wm <= o.clock.now() {
		return nil
	}
	o.clock.set(wm)
	times := o.table.Value(o.spec.Order[0].Col)
	for {
		o.ids = o.ids[:0]
		root := o.table.FirstOf(nil, 0)
		for k := int64(1); k <= vec.BatchRows; k++ {
			id, _ := o.table.Nth(root, k)
			if id < 0 || millis(times.I64[id], o.unit) > wm {
				break
			}
			o.ids = append(o.ids, id)
		}
		if len(o.ids) == 0 {
			return nil
		}
		if err := o.emit(o.ids, out); err != nil {
			return err
		}
		for _, id := range o.ids {
			o.table.Delete(id)
		}
	}
}
