package state

import (
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// Lookup finds rows by key, and makes them if create: ids[i] is the id of the
// row with the key at rows[i] (rows nil: at i), or -1. A row that is made has
// zero or NULL values, and is touched.
//
// It works in two passes, column by column: the first takes for each key the
// first candidate of its hash, or makes the row where there is none; the second
// compares the keys with those of the candidates, one typed loop a column. Keys
// that differ (two of one hash, one in four billion) are then looked up singly.
func (t *Table) Lookup(keys []*vec.Vector, rows []int32, create bool, ids []int32) {
	t.settle()
	if t.cold == nil {
		t.lookup(keys, rows, create, ids)
		return
	}
	t.fetch(keys, rows, len(ids))
	t.lookup(keys, rows, create, ids)
	t.heat(ids)
}

func (t *Table) lookup(keys []*vec.Vector, rows []int32, create bool, ids []int32) {
	n := len(ids)
	if n == 0 {
		return
	}
	hash, group := t.hashKeys(keys, rows, n)
	var prefix []uint64
	if create {
		prefix = t.hashPrefix(keys, rows, n)
	}
	for i := range ids {
		h := uint32(hash[i])
		id := t.index.find(h)
		if id < 0 && create {
			id = t.create(keys, at(rows, i), h, pickHash(group, hash, i), pickHash(prefix, hash, i))
		}
		ids[i] = id
	}
	for _, i := range differing(t.keys, keys, rows, ids, t.scratch.bad[:0], &t.scratch.bad) {
		h, row := uint32(hash[i]), at(rows, int(i))
		id := t.search(&t.index, t.keys, keys, row, h)
		if id < 0 && create {
			id = t.create(keys, row, h, pickHash(group, hash, int(i)), pickHash(prefix, hash, int(i)))
		}
		ids[i] = id
	}
}

// Find is Lookup of one key, without making a row.
func (t *Table) Find(keys []*vec.Vector, row int) int32 { return t.single(keys, row, false) }

// Make is Lookup of one key, making the row if there is none.
func (t *Table) Make(keys []*vec.Vector, row int) int32 { return t.single(keys, row, true) }

func (t *Table) single(keys []*vec.Vector, row int, create bool) int32 {
	t.scratch.row[0] = int32(row)
	t.Lookup(keys, t.scratch.row[:], create, t.scratch.one[:])
	return t.scratch.one[0]
}

func at(rows []int32, i int) int {
	if rows == nil {
		return i
	}
	return int(rows[i])
}

// pickHash is hashes[i]; nil stands for the key's own hashes.
func pickHash(hashes, own []uint64, i int) uint64 {
	if hashes == nil {
		return own[i]
	}
	return hashes[i]
}

// search probes an index for a key until the columns agree.
func (t *Table) search(x *index, cols []*vec.Column, keys []*vec.Vector, row int, h uint32) int32 {
	if x.used == 0 {
		return -1
	}
	pos, id := h, int32(0)
	for {
		id, pos = x.probe(h, pos)
		if id < 0 || sameKey(cols, id, keys, row) {
			return id
		}
	}
}

func sameKey(cols []*vec.Column, id int32, keys []*vec.Vector, row int) bool {
	for c, col := range cols {
		if !col.Equal(int(id), keys[c], row) {
			return false
		}
	}
	return true
}

// create makes a row of a key that is not there.
func (t *Table) create(keys []*vec.Vector, row int, h uint32, group, prefix uint64) int32 {
	id := t.alloc()
	for c, col := range t.keys {
		col.Set(int(id), keys[c], row)
	}
	t.hash[id] = h
	t.flags[id] = isLive
	t.index.insert(h, id)
	t.live++
	if t.store == nil {
		t.group[id] = 0
	} else {
		t.group[id] = uint16(t.keyGroup(group))
	}
	if t.spec.Index != nil {
		t.chains.hash[id] = uint32(prefix)
		t.chains.newAge(id)
		if !t.loose && !t.spec.Ordered {
			t.link(id, t.prefixOf(keys), row)
		}
	}
	if t.spec.TTL > 0 {
		t.ages.stamp[id] = t.store.now
		if !t.loose {
			t.ages.push(id)
		}
	}
	t.Touch(id)
	return id
}

func (t *Table) keyGroup(h uint64) int {
	if t.spec.HashKey == 0 {
		return 0
	}
	return vec.KeyGroup(h, t.store.maxParallelism)
}

// hashKeys hashes the keys, and of those columns that decide the key group; the
// latter is nil where it is the same.
func (t *Table) hashKeys(keys []*vec.Vector, rows []int32, n int) (hash, group []uint64) {
	t.scratch.hash = hashCols(keys, rows, n, t.scratch.hash)
	hash = t.scratch.hash
	if k := t.spec.HashKey; t.store != nil && k != len(keys) {
		t.scratch.group = hashCols(keys[:k], rows, n, t.scratch.group)
		group = t.scratch.group
	}
	return hash, group
}

// hashPrefix hashes the columns that rows are chained by.
func (t *Table) hashPrefix(keys []*vec.Vector, rows []int32, n int) []uint64 {
	if t.spec.Index == nil {
		return nil
	}
	t.scratch.prefix = hashCols(t.prefixOf(keys), rows, n, t.scratch.prefix)
	return t.scratch.prefix
}

func hashCols(cols []*vec.Vector, rows []int32, n int, out []uint64) []uint64 {
	if cap(out) < n {
		out = make([]uint64, max(n, 2*cap(out)))
	}
	out = out[:n]
	if len(cols) == 0 {
		clear(out)
		return out
	}
	vec.HashRows(cols, rows, n, out)
	return out
}

// differing appends the places i at which the key at rows[i] is not that of row
// ids[i], once each; ids below 0 are left out.
func differing(cols []*vec.Column, keys []*vec.Vector, rows, ids, bad []int32, keep *[]int32) []int32 {
	for c, col := range cols {
		bad = differingCol(col, keys[c], rows, ids, bad)
	}
	*keep = bad
	if len(cols) > 1 && len(bad) > 1 {
		bad = unique(bad)
	}
	return bad
}

func differingCol(col *vec.Column, v *vec.Vector, rows, ids, bad []int32) []int32 {
	if v.Valid == nil {
		switch v.Type.Physical() {
		case types.PhysInt64:
			return differingInts(col.I64, col.Valid, v.I64, rows, ids, bad)
		case types.PhysInt32:
			return differingInts(col.I32, col.Valid, v.I32, rows, ids, bad)
		}
	}
	for i, id := range ids {
		if id >= 0 && !col.Equal(int(id), v, at(rows, i)) {
			bad = append(bad, int32(i))
		}
	}
	return bad
}

func differingInts[T int32 | int64](cells []T, valid vec.Bitmap, vals []T, rows, ids, bad []int32) []int32 {
	if rows == nil {
		for i, id := range ids {
			if id >= 0 && (cells[id] != vals[i] || !valid.Get(int(id))) {
				bad = append(bad, int32(i))
			}
		}
		return bad
	}
	for i, id := range ids {
		if id >= 0 && (cells[id] != vals[rows[i]] || !valid.Get(int(id))) {
			bad = append(bad, int32(i))
		}
	}
	return bad
}

// unique drops what occurs twice; few places ever differ, so it may be slow.
func unique(s []int32) []int32 {
	out := s[:0]
	for _, v := range s {
		seen := false
		for _, o := range out {
			seen = seen || o == v
		}
		if !seen {
			out = append(out, v)
		}
	}
	return out
}
