package operator

import (
	"encoding/binary"
	"time"

	"github.com/millrace/millrace/internal/engine/state"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// WindowTopNSpec is a Top-N in each window, of an input that only inserts and knows
// its windows of event time.
type WindowTopNSpec struct {
	// Input are the types of the input's columns.
	Input []types.Type
	// Partition are the PARTITION BY columns but for those of the window; the input
	// is distributed by them.
	Partition []int
	// End is the column with the window's end.
	End int
	// Order, First, Last and RankNumber are as in TopNSpec.
	Order       []vec.SortKey
	First, Last int64
	RankNumber  bool
	// Youngest: of rows that are alike in Order the youngest comes first, as where
	// the last row by time is kept.
	Youngest bool
	// Location is the local time zone if the time attribute is TIMESTAMP_LTZ.
	Location *time.Location
}

// windowTopN keeps the best rows of each partition and window until the watermark
// passes the window's end, and emits them then, once. A partition of a window is a
// tree of topN; the table windows lists those of each window. Late rows are counted
// and dropped.
type windowTopN struct {
	spec    WindowTopNSpec
	ctx     *Context
	grid    lattice
	rows    *topN
	windows *state.Table // partition, end
	clock   clock
	wm      int64
	ends    ends
	known   int
	serial  int64

	keys []*vec.Vector
	one  *vec.Vector
	late lateList
}

// NewWindowTopN makes the operator.
func NewWindowTopN(spec WindowTopNSpec) Operator {
	o := &windowTopN{spec: spec, wm: vec.MinTime, one: vec.New(timeKey, 1, 0)}
	o.grid = newLattice(Windows{Kind: Attached, Location: spec.Location})
	partition := append(append([]int{}, spec.Partition...), spec.End)
	o.rows = NewTopN(TopNSpec{
		Input: spec.Input, Partition: partition, Order: spec.Order, Start: spec.First, End: spec.Last,
		RankNumber: spec.RankNumber, FinalOnly: true,
	}).(*topN)
	o.rows.hashed = len(spec.Partition)
	return o
}

func (o *windowTopN) Open(ctx *Context) error {
	o.ctx = ctx
	if err := o.rows.Open(ctx); err != nil {
		return err
	}
	k := len(o.spec.Partition)
	o.windows = ctx.State.Table(state.TableSpec{
		Name: "windows", Key: append(columnTypes(o.spec.Input, o.spec.Partition), o.spec.Input[o.spec.End]), HashKey: k, Index: []int{k}, Pinned: true,
	})
	o.clock = openClock(ctx.State)
	return nil
}

func (o *windowTopN) refresh() {
	if n := o.windows.Restored() + o.rows.table.Restored() + o.clock.restored(); n != o.known {
		o.known, o.wm = n, o.clock.now()
		o.ends = endsOf(o.windows, len(o.spec.Partition))
		o.serial = 0
	}
}

func (o *windowTopN) Process(_ int, b *vec.Batch, _ Emit) error {
	o.refresh()
	t := o.rows
	t.begin(b)
	o.late.reset()
	end := b.Cols[o.spec.End]
	o.keys = append(pick(o.keys, b, o.spec.Partition), end)
	for i := range b.Len() {
		r := b.Row(i)
		if end.IsNull(r) {
			o.ctx.Metrics.NullTimeRows++
			continue
		}
		limit := o.wm
		if b.Before != nil {
			limit = max(limit, b.Before[r])
		}
		if at := o.grid.fireAt(end.I64[r]); at <= limit {
			o.late.add(int32(r), at, limit)
			continue
		}
		t.sortKey = appendSortKey(t.sortKey[:0], o.spec.Order, b.Cols, r)
		if o.spec.Youngest {
			t.sortKey = binary.BigEndian.AppendUint64(t.sortKey, ^uint64(t.table.NextAge()))
		}
		if err := t.appendRow(b, r); err != nil {
			return err
		}
		o.windows.Make(o.keys, r)
		o.ends.add(end.I64[r])
	}
	return o.late.drop(o.ctx, 0, b, "the window of the row has fired")
}

func (o *windowTopN) Advance(wm int64, out Emit) (int64, error) {
	o.refresh()
	if wm <= o.wm {
		return wm, nil
	}
	t := o.rows
	t.table.Hold()
	t.out.begin(t, out)
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
	err := t.out.flush()
	t.table.Release()
	o.wm = wm
	o.clock.set(wm)
	return wm, err
}

// fire emits the rows of a window, partition by partition, and drops them.
func (o *windowTopN) fire(end int64) error {
	o.one.I64[0] = end
	t := o.rows.table
	for id := o.windows.FirstOf([]*vec.Vector{o.one}, 0); id >= 0; {
		key := gatherKeys(o.windows, len(o.spec.Partition)+1, []int32{id})
		root := t.FirstOf(key, 0)
		var ids []int32
		for k := int64(1); k <= t.Weight(root); k++ {
			row, _ := t.Nth(root, k)
			ids = append(ids, row)
		}
		for i, row := range ids {
			if rank := int64(i) + 1; rank >= o.spec.First && rank <= o.spec.Last {
				if err := o.rows.out.emitRow(row, rank); err != nil {
					return err
				}
			}
			t.Delete(row)
		}
		next := o.windows.Next(id)
		o.windows.Delete(id)
		id = next
	}
	return nil
}
