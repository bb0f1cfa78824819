package operator

import (
	"slices"
	"time"

	"github.com/millrace/millrace/internal/engine/state"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// DeduplicateSpec is ROW_NUMBER … = 1 ordered by a time attribute, of an input
// that only inserts.
type DeduplicateSpec struct {
	// Input are the types of the input's columns.
	Input []types.Type
	// Keys are the PARTITION BY columns; the input is distributed by them.
	Keys []int
	// TimeCol is the event time, or -1 for the processing time (order of arrival).
	TimeCol int
	// KeepLast keeps the last row of a key (ORDER BY time DESC), not the first.
	// Of rows with the same time the first keeps the first that came, the last
	// the last.
	KeepLast bool
	// NeedUpdateBefore emits -U before +U.
	NeedUpdateBefore bool
	// FinalOnly emits at the end of the input only.
	FinalOnly bool
	// TTL is how long a key is remembered; 0: for ever.
	TTL time.Duration
}

// NewDeduplicate makes the operator.
func NewDeduplicate(spec DeduplicateSpec) Operator {
	o := &lastRow{
		input: spec.Input, keyCols: spec.Keys, updateBefore: spec.NeedUpdateBefore,
		finalOnly: spec.FinalOnly, ttl: spec.TTL, timeCol: spec.TimeCol,
	}
	switch {
	case spec.KeepLast:
		o.rule = keepLast
	case spec.TimeCol >= 0:
		o.rule = keepFirst
	default:
		// What came first stays: nothing of the row is needed again.
		o.rule, o.keysOnly = keepFirst, !spec.FinalOnly
	}
	return o
}

// ChangelogNormalizeSpec turns an upsert stream into a full changelog by its key.
type ChangelogNormalizeSpec struct {
	// Input are the types of the input's columns.
	Input []types.Type
	// Keys are the primary key's columns; the input is distributed by them.
	Keys []int
	// NeedUpdateBefore emits -U before +U.
	NeedUpdateBefore bool
	// TTL is how long a key is remembered; 0: for ever.
	TTL time.Duration
}

// NewChangelogNormalize makes the operator. A row that changes nothing is
// dropped (not so with a TTL); a deletion carries the whole row that it deletes,
// whatever the input's deletion says; one of a key that is not there is dropped.
func NewChangelogNormalize(spec ChangelogNormalizeSpec) Operator {
	return &lastRow{
		input: spec.Input, keyCols: spec.Keys, updateBefore: spec.NeedUpdateBefore, ttl: spec.TTL,
		timeCol: -1, rule: normalize,
	}
}

// rule says which row of a key stays.
type rule uint8

const (
	keepFirst rule = iota
	keepLast
	normalize
)

// lastRow keeps a row of each key. What a row of the batch replaces is either in
// state or earlier in the batch; the changes refer to both by number and are
// gathered at the end, before the state is written.
type lastRow struct {
	input        []types.Type
	keyCols      []int
	timeCol      int
	rule         rule
	keysOnly     bool
	updateBefore bool
	finalOnly    bool
	ttl          time.Duration

	ctx   *Context
	table *state.Table
	rest  []int         // columns of the row that are values of the table
	cols  []*vec.Column // by column of the row; nil with keysOnly
	known *vec.Column   // BOOLEAN: the row was there before the batch
	ended ended

	seen  seen
	rows  []int32
	ids   []int32
	keys  []*vec.Vector
	kinds []types.RowKind
	refs  []int32 // physical row of the batch, or b.N + index into olds
	olds  []int32 // rows of state
	cause []int32 // the row of the batch that causes each
}

const noRow = -1

func (o *lastRow) Open(ctx *Context) error {
	o.ctx = ctx
	if !o.keysOnly {
		o.rest = others(len(o.input), o.keyCols)
	}
	spec := state.TableSpec{
		Name: "rows", Key: columnTypes(o.input, o.keyCols), HashKey: len(o.keyCols), TTL: o.ttl,
		Value: append(columnTypes(o.input, o.rest), types.TBool.Required()),
	}
	if o.finalOnly {
		spec.Index = []int{}
	}
	o.table = ctx.State.Table(spec)
	o.cols = rowColumns(o.table, len(o.input), o.keyCols, o.rest)
	o.known = o.table.Value(len(o.rest))
	if o.finalOnly {
		o.ended = openEnded(ctx.State)
	}
	return nil
}

func (o *lastRow) Process(_ int, b *vec.Batch, out Emit) error {
	o.ctx.State.Tick(o.ctx.Eval.Now)
	o.rows = selected(o.rows, b)
	o.keys = pick(o.keys, b, o.keyCols)
	o.ids = sized(o.ids, len(o.rows))
	o.table.Lookup(o.keys, o.rows, true, o.ids)
	o.kinds, o.refs, o.olds, o.cause = o.kinds[:0], o.refs[:0], o.olds[:0], o.cause[:0]
	o.seen.begin(o.ids)
	for i, r := range o.rows {
		o.decide(b, o.ids[i], r)
		for len(o.cause) < len(o.refs) {
			o.cause = append(o.cause, r)
		}
	}
	res := o.gather(b)
	o.write(b)
	return o.emit(res, out)
}

// current is the row that a key has now, as a reference.
func (o *lastRow) current(b *vec.Batch, id int32) int32 {
	if ref, ok := o.seen.get(id); ok {
		return ref
	}
	if !o.known.Bool[id] {
		return noRow
	}
	o.olds = append(o.olds, id)
	ref := int32(b.N + len(o.olds) - 1)
	o.seen.put(id, ref)
	return ref
}

// decide works out what row r does to its key.
func (o *lastRow) decide(b *vec.Batch, id, r int32) {
	old := o.current(b, id)
	switch {
	case o.rule == normalize && !b.Kind(int(r)).Adds():
		if old != noRow {
			o.put(types.Delete, old)
		}
		o.seen.put(id, noRow)
	case old == noRow:
		o.put(types.Insert, r)
		o.seen.put(id, r)
	case o.stays(b, id, old, r):
	default:
		if o.updateBefore {
			o.put(types.UpdateBefore, old)
		}
		o.put(types.UpdateAfter, r)
		o.seen.put(id, r)
	}
}

func (o *lastRow) put(kind types.RowKind, ref int32) {
	if !o.finalOnly {
		o.kinds, o.refs = append(o.kinds, kind), append(o.refs, ref)
	}
}

// stays says whether the row that a key has is kept against row r.
func (o *lastRow) stays(b *vec.Batch, id, old, r int32) bool {
	if o.rule == normalize {
		return o.ttl == 0 && o.same(b, id, old, r)
	}
	if o.timeCol < 0 {
		return o.rule == keepFirst
	}
	order := o.compare(b, id, old, r, o.timeCol)
	if o.rule == keepLast {
		return order > 0
	}
	return order <= 0
}

// compare orders column c of a key's row and of row r.
func (o *lastRow) compare(b *vec.Batch, id, old, r int32, c int) int {
	if int(old) < b.N {
		return vec.Compare(b.Cols[c], int(old), b.Cols[c], int(r))
	}
	return o.cols[c].Compare(int(id), b.Cols[c], int(r))
}

func (o *lastRow) same(b *vec.Batch, id, old, r int32) bool {
	for _, c := range o.rest {
		if o.compare(b, id, old, r, c) != 0 {
			return false
		}
	}
	return true
}

// gather makes the output's columns while the state still holds the old rows.
func (o *lastRow) gather(b *vec.Batch) *vec.Batch {
	res := &vec.Batch{N: len(o.refs), Kinds: slices.Clone(allInserts(o.kinds))}
	if res.N == 0 {
		return res
	}
	if b.Before != nil {
		// What a row changes is as late as the row.
		res.Before = gatherRows(b.Before, o.cause)
	}
	for c, v := range b.Cols {
		if len(o.olds) > 0 && o.cols[c] != nil {
			v = vec.Concat([]*vec.Vector{v, o.cols[c].Gather(o.olds)})
		}
		res.Cols = append(res.Cols, vec.Copy(v, o.refs))
	}
	return res
}

// write puts the rows that keys have at the end of the batch into the state.
func (o *lastRow) write(b *vec.Batch) {
	for _, id := range o.ids {
		ref, ok := o.seen.get(id)
		switch {
		case !o.table.Has(id):
		case !ok || ref == noRow:
			o.table.Delete(id)
		case int(ref) < b.N:
			for i, c := range o.rest {
				o.table.Value(i).Set(int(id), b.Cols[c], int(ref))
			}
			o.known.Bool[id] = true
			o.table.Touch(id)
		}
	}
}

// emit sends the result in batches; keys that change in each row make twice as
// many rows as came.
func (o *lastRow) emit(res *vec.Batch, out Emit) error {
	if res.N <= vec.BatchRows {
		if res.N == 0 {
			return nil
		}
		return out(res)
	}
	for from := 0; from < res.N; from += vec.BatchRows {
		to := min(from+vec.BatchRows, res.N)
		piece := &vec.Batch{N: to - from}
		for _, v := range res.Cols {
			piece.Cols = append(piece.Cols, vec.Slice(v, from, to))
		}
		if res.Kinds != nil {
			piece.Kinds = res.Kinds[from:to]
		}
		if res.Before != nil {
			piece.Before = res.Before[from:to]
		}
		if err := out(piece); err != nil {
			return err
		}
	}
	return nil
}

func (o *lastRow) Advance(wm int64, out Emit) (int64, error) {
	if !o.finalOnly || wm != vec.MaxTime || o.ended.is() {
		return wm, nil
	}
	o.ended.set()
	o.ids = o.ids[:0]
	for id := o.table.FirstOf(nil, 0); id >= 0; id = o.table.Next(id) {
		o.ids = append(o.ids, id)
	}
	return wm, inPieces(o.ids, func(ids []int32) error {
		return out(&vec.Batch{N: len(ids), Cols: gatherCols(o.cols, ids)})
	})
}
