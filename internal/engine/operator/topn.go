package operator

import (
	"bytes"
	"slices"
	"time"

	"github.com/millrace/millrace/internal/engine/state"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// TopNInput says what changes a TopN has to expect.
type TopNInput uint8

// The inputs of a TopN. A TopNUpsert input has a unique key and no -U. TopNAppend
// keeps no rows beyond the last rank; the others keep all, since a row that goes
// makes room for the next.
const (
	TopNAppend TopNInput = iota
	TopNUpsert
	TopNRetract
)

// TopNSpec is ROW_NUMBER() OVER (PARTITION BY … ORDER BY …) with a bound, and
// ORDER BY … LIMIT (no Partition; it runs on worker 0).
type TopNSpec struct {
	// Input are the types of the input's columns.
	Input []types.Type
	// Partition are the PARTITION BY columns; the input is distributed by them.
	Partition []int
	// Order is the ORDER BY; ties go by age.
	Order []vec.SortKey
	// Start and End are the first and last rank that are emitted, from 1.
	Start, End int64
	// RankNumber adds the rank, a BIGINT NOT NULL, as the last column.
	RankNumber bool
	// Mode is what the input does.
	Mode TopNInput
	// Unique are the columns that identify a row of a TopNUpsert input, besides
	// the partition's.
	Unique []int
	// NeedUpdateBefore emits -U before +U.
	NeedUpdateBefore bool
	// FinalOnly emits the result once, in order, at the end of the input.
	FinalOnly bool
	// TTL is how long rows are kept; 0: for ever.
	TTL time.Duration
}

// topN keeps the rows of each partition in a tree, ordered by sort key and age,
// and emits after each row how the ranks from Start to End have changed, as
// Flink's rank functions do.
//
// Without rank numbers, and with Start 1, a row enters or leaves:
//
//	enters, all ranks taken     -D the last, +I the row
//	leaves, another follows     -D the row, +I the one that is last now
//	changes within the ranks    -U old, +U new (TopNUpsert)
//	ROW_NUMBER = 1, no -U/-D in the input: -U old, +U new, since the partition is
//	the key of the result
//
// With rank numbers or an offset each rank that holds another row than before is
// -U old, +U new; a new last rank +I, a rank that is empty now -D.
type topN struct {
	spec  TopNSpec
	ctx   *Context
	table *state.Table
	rest  []int // columns of the row that are values of the table
	ident []int
	cols  []*vec.Column
	ended ended

	weight, sort int // value columns
	byRank       bool
	hashed       int // columns of the partition that decide the worker
	out          rankRows

	rows    []int32
	keys    []*vec.Vector
	prefix  []*vec.Vector
	number  *vec.Vector
	sortKey []byte
}

// NewTopN makes the operator.
func NewTopN(spec TopNSpec) Operator {
	return &topN{spec: spec, hashed: len(spec.Partition), byRank: spec.RankNumber || spec.Start > 1, number: vec.New(countType, 0, 0)}
}

func (o *topN) Open(ctx *Context) error {
	o.ctx = ctx
	n := len(o.spec.Partition)
	left := others(len(o.spec.Input), o.spec.Partition)
	switch o.spec.Mode {
	case TopNAppend:
		o.rest = left
	case TopNUpsert:
		for _, c := range left {
			if slices.Contains(o.spec.Unique, c) {
				o.ident = append(o.ident, c)
			} else {
				o.rest = append(o.rest, c)
			}
		}
	case TopNRetract:
		o.ident = left
	}
	spec := state.TableSpec{Name: "rows", HashKey: o.hashed, Index: []int{}, Ordered: true, TTL: o.spec.TTL, Pinned: o.spec.FinalOnly}
	for i := range n {
		spec.Index = append(spec.Index, i)
	}
	spec.Key = append(columnTypes(o.spec.Input, o.spec.Partition), columnTypes(o.spec.Input, o.ident)...)
	if o.spec.Mode == TopNAppend {
		spec.Key = append(spec.Key, countType)
	}
	spec.Value = append(columnTypes(o.spec.Input, o.rest), countType, types.TBytes.Required())
	o.table = ctx.State.Table(spec)
	o.weight, o.sort = len(o.rest), len(o.rest)+1
	o.cols = rowColumns(o.table, len(o.spec.Input), append(slices.Clone(o.spec.Partition), o.ident...), o.rest)
	if o.spec.FinalOnly {
		o.ended = openEnded(ctx.State)
	}
	return nil
}

// rowColumns are the columns of a table that hold the columns of a row, of which
// keys are the first in the key, and values the first in the value.
func rowColumns(t *state.Table, n int, keys, values []int) []*vec.Column {
	cols := make([]*vec.Column, n)
	for i := len(keys) - 1; i >= 0; i-- {
		cols[keys[i]] = t.Key(i)
	}
	for i, c := range values {
		cols[c] = t.Value(i)
	}
	return cols
}

func (o *topN) Process(_ int, b *vec.Batch, out Emit) error {
	o.ctx.State.Tick(o.ctx.Eval.Now)
	o.begin(b)
	o.table.Hold() // what leaves is emitted from where it was
	o.out.begin(o, out)
	for _, r := range o.rows {
		if b.Before != nil {
			o.out.limit = b.Before[r]
		}
		o.sortKey = appendSortKey(o.sortKey[:0], o.spec.Order, b.Cols, int(r))
		if err := o.change(b, int(r)); err != nil {
			return err
		}
	}
	err := o.out.flush()
	o.table.Release()
	return err
}

// begin takes the keys from a batch.
func (o *topN) begin(b *vec.Batch) {
	o.rows = selected(o.rows, b)
	o.prefix = pick(o.prefix, b, o.spec.Partition)
	o.keys = append(o.prefix, pick(nil, b, o.ident)...)
	if o.spec.Mode == TopNAppend {
		o.number.N, o.number.I64 = b.N, sized(o.number.I64, b.N)
		o.keys = append(o.keys, o.number)
	}
}

func (o *topN) change(b *vec.Batch, row int) error {
	switch {
	case o.spec.Mode == TopNAppend:
		return o.appendRow(b, row)
	case !b.Kind(row).Adds():
		return o.retract(row)
	case o.spec.Mode == TopNUpsert:
		return o.upsert(b, row)
	}
	id := o.table.Find(o.keys, row)
	if id >= 0 {
		o.table.Weigh(id, o.table.Value(o.weight).I64[id]+1)
	} else {
		id = o.insert(b, row)
	}
	return o.entered(id, o.lastRank(id))
}

// lastRank is the rank of the last of the equal rows that id stands for.
func (o *topN) lastRank(id int32) int64 {
	return o.table.Rank(id) + o.table.Value(o.weight).I64[id] - 1
}

// insert makes a row and puts it in its place.
func (o *topN) insert(b *vec.Batch, row int) int32 {
	t := o.table
	id := t.Make(o.keys, row)
	for i, c := range o.rest {
		t.Value(i).Set(int(id), b.Cols[c], row)
	}
	t.Value(o.weight).I64[id] = 1
	t.Value(o.sort).SetBytes(int(id), o.sortKey)
	t.Link(id)
	return id
}

// appendRow inserts a row if it comes to a rank that is asked for, and drops the
// one that is pushed out.
func (o *topN) appendRow(b *vec.Batch, row int) error {
	t := o.table
	root := t.FirstOf(o.prefix, row)
	if last, _ := t.Nth(root, o.spec.End); last >= 0 && bytes.Compare(o.sortKey, t.Value(o.sort).Bytes(int(last))) >= 0 {
		return nil
	}
	o.number.I64[row] = t.NextAge()
	id := o.insert(b, row)
	if err := o.entered(id, t.Rank(id)); err != nil {
		return err
	}
	if over, _ := t.Nth(t.Root(id), o.spec.End+1); over >= 0 {
		t.Delete(over)
	}
	return nil
}

func (o *topN) retract(row int) error {
	t := o.table
	id := t.Find(o.keys, row)
	if id < 0 {
		return nil
	}
	rank := o.lastRank(id)
	if w := t.Value(o.weight).I64[id]; w > 1 {
		t.Weigh(id, w-1)
	} else {
		t.Delete(id)
	}
	return o.left(id, rank, t.FirstOf(o.prefix, row))
}

func (o *topN) upsert(b *vec.Batch, row int) error {
	t := o.table
	old := t.Find(o.keys, row)
	if old < 0 {
		id := o.insert(b, row)
		return o.entered(id, t.Rank(id))
	}
	from, age := t.Rank(old), t.Age(old)
	same := bytes.Equal(o.sortKey, t.Value(o.sort).Bytes(int(old)))
	t.Delete(old)
	id := o.insert(b, row)
	if same {
		t.SetAge(id, age) // a row keeps its place among ties
	}
	return o.moved(old, from, id, t.Rank(id))
}

func (o *topN) Advance(wm int64, out Emit) (int64, error) {
	if !o.spec.FinalOnly || wm != vec.MaxTime || o.ended.is() {
		return wm, nil
	}
	o.ended.set()
	o.out.begin(o, out)
	for _, root := range o.partitions() {
		for k := o.spec.Start; k <= min(o.spec.End, o.table.Weight(root)); k++ {
			id, _ := o.table.Nth(root, k)
			if err := o.out.put(types.Insert, id, k); err != nil {
				return wm, err
			}
		}
	}
	return wm, o.out.flush()
}

// partitions are the roots of all partitions, in the order of their oldest rows.
func (o *topN) partitions() []int32 {
	seen := map[int32]bool{}
	var roots []int32
	for _, id := range byAge(o.table) {
		if root := o.table.Root(id); !seen[root] {
			seen[root] = true
			roots = append(roots, root)
		}
	}
	return roots
}
