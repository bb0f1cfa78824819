package operator

import (
	"slices"
	"time"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// UpsertMaterializeSpec makes one row of each primary key of a query that has
// several, or gives the changes of one in no order.
type UpsertMaterializeSpec struct {
	// Input are the types of the input's columns.
	Input []types.Type
	// Keys are the primary key's columns; the input is distributed by them.
	Keys []int
	// TTL is how long rows are kept; 0: for ever.
	TTL time.Duration
}

// materialize keeps all rows of a key in the order in which they came, and shows the
// newest that is still standing, as Flink's SinkUpsertMaterializer does:
//
//	a row comes                     +I, or +U if there was one
//	the newest goes                 +U the one before it, or -D if it was the last
//	another goes                    nothing
//	one goes that is not there      nothing
//
// Of equal rows the newest goes.
type materialize struct {
	spec UpsertMaterializeSpec
	ctx  *Context
	rows *serialTable

	sel, one []int32
	kinds    []types.RowKind
	ids      []int32
}

// NewUpsertMaterialize makes the operator.
func NewUpsertMaterialize(spec UpsertMaterializeSpec) Operator { return &materialize{spec: spec} }

func (o *materialize) Open(ctx *Context) error {
	o.ctx = ctx
	k := len(o.spec.Keys)
	o.rows = serialSpec{spills: true, ttl: o.spec.TTL}.open(ctx.State, "rows", o.spec.Input, slices.Clone(o.spec.Keys), k, countTo(k))
	return nil
}

func (o *materialize) Process(_ int, b *vec.Batch, out Emit) error {
	o.ctx.State.Tick(o.ctx.Eval.Now)
	t := o.rows.table
	t.Hold() // what goes is emitted from where it was
	defer t.Release()
	o.sel = selected(o.sel, b)
	keys := pick(nil, b, o.spec.Keys)
	o.one = sized(o.one, 1)
	for _, r := range o.sel {
		head := t.FirstOf(keys, int(r))
		if !b.Kind(int(r)).Adds() {
			if err := o.retract(b, r, head, out); err != nil {
				return err
			}
			continue
		}
		o.one[0] = r
		kind := types.Insert
		if head >= 0 {
			kind = types.UpdateAfter
		}
		if err := o.put(kind, o.rows.add(b, o.one)[0], out); err != nil {
			return err
		}
	}
	return o.flush(out)
}

// retract takes the newest row out that equals row r.
func (o *materialize) retract(b *vec.Batch, r, head int32, out Emit) error {
	if head < 0 {
		return nil
	}
	t := o.rows.table
	last := t.Last(head)
	for id := last; ; id = t.Prev(id) {
		if o.same(b, id, r) {
			before := t.Prev(id)
			t.Delete(id)
			switch {
			case id != last:
				return nil
			case id == head:
				return o.put(types.Delete, id, out)
			}
			return o.put(types.UpdateAfter, before, out)
		}
		if id == head {
			return nil
		}
	}
}

func (o *materialize) same(b *vec.Batch, id, r int32) bool {
	for _, c := range o.rows.rest {
		if !o.rows.cols[c].Equal(int(id), b.Cols[c], int(r)) {
			return false
		}
	}
	return true
}

func (o *materialize) put(kind types.RowKind, id int32, out Emit) error {
	o.kinds, o.ids = append(o.kinds, kind), append(o.ids, id)
	if len(o.ids) < vec.BatchRows {
		return nil
	}
	return o.flush(out)
}

func (o *materialize) flush(out Emit) error {
	if len(o.ids) == 0 {
		return nil
	}
	b := &vec.Batch{N: len(o.ids), Cols: o.rows.gather(o.ids), Kinds: slices.Clone(allInserts(o.kinds))}
	o.kinds, o.ids = o.kinds[:0], o.ids[:0]
	return out(b)
}

func (o *materialize) Advance(wm int64, _ Emit) (int64, error) { return wm, nil }
