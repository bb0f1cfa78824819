package operator

import (
	"slices"
	"time"

	"github.com/millrace/millrace/internal/engine/state"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// serialTable keeps rows one by one, equal ones too: a number tells them apart.
//
//	key: chosen columns of the row … , number      value: its other columns … , more
//
// Numbers are ages: larger than all before, after a restore too. Workers may have
// given the same number, but not below the same key columns.
type serialTable struct {
	table  *state.Table
	layout []int // columns of the row in the key
	rest   []int // and in the value
	cols   []*vec.Column
	number *vec.Vector
	keys   []*vec.Vector
	ids    []int32
}

// serialSpec is what a serial table is kept as.
type serialSpec struct {
	// spills says that rows may leave memory: nobody holds their ids over steps.
	spills bool
	ttl    time.Duration
}

// openSerial declares the table. The first hash of the key columns decide the
// worker; index are those, by place in the key, by which rows are chained: not nil,
// for only chained rows have ages.
func openSerial(s *state.Store, name string, in []types.Type, key []int, hash int, index []int, more ...types.Type) *serialTable {
	return serialSpec{}.open(s, name, in, key, hash, index, more...)
}

func (p serialSpec) open(s *state.Store, name string, in []types.Type, key []int, hash int, index []int, more ...types.Type) *serialTable {
	t := &serialTable{layout: key, rest: others(len(in), key), number: vec.New(countType, 0, 0)}
	t.table = s.Table(state.TableSpec{
		Name: name, Key: append(columnTypes(in, key), countType), HashKey: hash, Index: index,
		Value: append(columnTypes(in, t.rest), more...), Pinned: !p.spills, TTL: p.ttl,
	})
	t.cols = rowColumns(t.table, len(in), key, t.rest)
	return t
}

// extra is a value column behind those of the row.
func (t *serialTable) extra(i int) *vec.Column { return t.table.Value(len(t.rest) + i) }

// add stores rows; the ids are valid until the next call.
func (t *serialTable) add(b *vec.Batch, rows []int32) []int32 {
	t.ids = sized(t.ids, len(rows))
	if len(rows) == 0 {
		return t.ids
	}
	age := t.table.NextAge()
	t.number.N, t.number.I64 = b.N, sized(t.number.I64, b.N)
	for i, r := range rows {
		t.number.I64[r] = age + int64(i)
	}
	t.keys = append(pick(t.keys, b, t.layout), t.number)
	t.table.Lookup(t.keys, rows, true, t.ids)
	for i, c := range t.rest {
		col, v := t.table.Value(i), b.Cols[c]
		for k, id := range t.ids {
			col.Set(int(id), v, int(rows[k]))
		}
	}
	return t.ids
}

// gather makes columns of rows; an id below 0 is a row of NULLs.
func (t *serialTable) gather(ids []int32) []*vec.Vector { return gatherCols(t.cols, ids) }

// nullable is the vector with a type that allows the NULLs of an outer join.
func nullable(vs []*vec.Vector) []*vec.Vector {
	for _, v := range vs {
		v.Type = v.Type.Nullable()
	}
	return vs
}

// withoutNulls are those of rows whose key columns can equal something, and those
// that cannot.
func withoutNulls(dst, nulls []int32, b *vec.Batch, rows []int32, keys []int, safe []bool) (keyed, others []int32) {
	keyed, others = dst[:0], nulls[:0]
	for _, r := range rows {
		if anyNull(b, keys, safe, int(r)) {
			others = append(others, r)
		} else {
			keyed = append(keyed, r)
		}
	}
	return keyed, others
}

// merged is the union of two sorted lists.
func merged(a, b ends) ends {
	all := append(slices.Clone(a), b...)
	slices.Sort(all)
	return slices.Compact(all)
}
