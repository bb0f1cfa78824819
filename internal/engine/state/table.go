package state

import (
	"fmt"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// Table is a keyed table: a row has a number, its id, under which its key and
// value lie in columns; an index leads from key to id. Ids of deleted rows are
// used again. Whoever changes a value column calls Touch. An id is good until the
// step ends, for between steps rows may leave memory (cold.go); in Pinned tables until
// the row is deleted.
//
// Nothing here is a pointer per row: the garbage collector sees a few slices a
// table, however many rows there are.
type Table struct {
	spec   TableSpec
	store  *Store // nil: a scratch table
	shape  uint32 // see record.go
	keys   []*vec.Column
	values []*vec.Column

	room  vec.Room
	n     int // ids given out so far
	size  int // rows the columns have room for
	live  int
	hash  []uint32 // lower half of the key's hash
	group []uint16 // key group
	flags []flag
	index index

	free  []int32
	limbo []int32 // deleted while held: the cells stay until Release
	held  bool

	dirty  []int32 // touched rows; some may have been deleted since
	buried graves

	chains chains
	ages   ages

	cold *cold // nil: all rows are in memory

	restored int
	loose    bool // rows were restored: chains and ages must be made anew

	scratch scratch
	applier *applier // nil until a record is applied
}

type flag uint8

const (
	isLive   flag = 1 << iota
	isDirty       // is to go into the next delta
	isKnown       // some delta or snapshot has it: deleting needs a tombstone
	isLinked      // is in its tree (Ordered tables)
	isHot         // was met since Evict last came by
	isLate        // is in lateRows, not in the list of ages
)

// scratch is what a call needs for a moment.
type scratch struct {
	hash, group, prefix []uint64
	bad                 []int32
	one                 [1]int32
	row                 [1]int32
}

func newTable(spec TableSpec, s *Store) *Table {
	t := &Table{spec: spec, store: s, shape: shape(spec)}
	for _, k := range spec.Key {
		t.keys = append(t.keys, vec.NewColumn(k))
	}
	for _, v := range spec.Value {
		t.values = append(t.values, vec.NewColumn(v))
	}
	if spec.Ordered {
		last := len(spec.Value) - 1
		t.chains.weight, t.chains.sort = t.values[last-1], t.values[last]
	}
	return t
}

// NewTable makes a scratch table: it belongs to no store, nothing of it is
// journaled, and it is emptied with Clear.
func NewTable(spec TableSpec) *Table { return newTable(spec, nil) }

// Name is the table's name; Spec its declaration.
func (t *Table) Name() string { return t.spec.Name }

// Spec is the table's declaration.
func (t *Table) Spec() TableSpec { return t.spec }

// Len is the number of rows, in memory and not.
func (t *Table) Len() int {
	if t.cold != nil {
		return t.live + int(t.cold.rows)
	}
	return t.live
}

// Size is above all ids.
func (t *Table) Size() int { return t.size }

// Has says whether id is a row.
func (t *Table) Has(id int32) bool { return t.flags[id]&isLive != 0 }

// Key is a column of the key, by id; it is not to be changed.
func (t *Table) Key(c int) *vec.Column { return t.keys[c] }

// Value is a column of the value, by id.
func (t *Table) Value(c int) *vec.Column { return t.values[c] }

// Values are all columns of the value.
func (t *Table) Values() []*vec.Column { return t.values }

// KeyTypes are the types of the key's columns.
func (t *Table) KeyTypes() []types.Type { return t.spec.Key }

// Restored counts the records that were restored into the table: what an
// operator derives from a table is to be made anew when it has changed.
func (t *Table) Restored() int { return t.restored }

// Scan calls f for all rows, in the order of their ids, which is not the same
// after a restore. f may delete the row it is called for. All rows are brought into
// memory: what is large has EachChain and Each.
func (t *Table) Scan(f func(id int32)) {
	t.settle()
	t.fetchAll()
	for id := range int32(t.n) {
		if t.flags[id]&isLive != 0 {
			f(id)
		}
	}
}

// Touch marks a row as changed: its after-image goes into the next delta.
func (t *Table) Touch(id int32) {
	if t.store == nil {
		return
	}
	if t.flags[id]&isDirty == 0 {
		t.flags[id] |= isDirty
		t.dirty = append(t.dirty, id)
	}
	if t.spec.TTL > 0 {
		t.renewAge(id)
	}
}

// TouchAll touches rows.
func (t *Table) TouchAll(ids []int32) {
	for _, id := range ids {
		t.Touch(id)
	}
}

// Delete takes a row out.
func (t *Table) Delete(id int32) {
	if t.store != nil && t.flags[id]&isKnown != 0 {
		t.buried.add(t, id)
	}
	t.drop(id)
}

// DeleteAll takes rows out.
func (t *Table) DeleteAll(ids []int32) {
	for _, id := range ids {
		t.Delete(id)
	}
}

// drop takes a row out without a tombstone.
func (t *Table) drop(id int32) {
	if !t.loose {
		if t.spec.Index != nil {
			t.unlink(id)
		}
		if t.spec.TTL > 0 {
			t.dropAge(id)
		}
	}
	t.index.remove(t.hash[id], id)
	t.flags[id] = 0
	t.live--
	if t.held {
		t.limbo = append(t.limbo, id)
		return
	}
	t.recycle(id)
}

func (t *Table) recycle(id int32) {
	for _, c := range t.keys {
		c.Zero(int(id))
	}
	for _, c := range t.values {
		c.Zero(int(id))
	}
	t.free = append(t.free, id)
}

// Hold keeps the cells of rows that are deleted from now on readable by their
// old ids, until Release: so output can be gathered after a batch of changes.
func (t *Table) Hold() { t.held = true }

// Release ends Hold.
func (t *Table) Release() {
	t.held = false
	for _, id := range t.limbo {
		t.recycle(id)
	}
	t.limbo = t.limbo[:0]
}

// Clear empties a scratch table; ids are given out from 0 again.
func (t *Table) Clear() {
	for id := range int32(t.n) {
		if t.flags[id] == 0 {
			continue
		}
		t.flags[id] = 0
		for _, c := range t.keys {
			c.Zero(int(id))
		}
		for _, c := range t.values {
			c.Zero(int(id))
		}
	}
	t.n, t.live = 0, 0
	t.free = t.free[:0]
	t.index.clear()
	t.chains.clear()
}

// alloc gives out an id.
func (t *Table) alloc() int32 {
	if k := len(t.free); k > 0 {
		id := t.free[k-1]
		t.free = t.free[:k-1]
		return id
	}
	if t.n == t.size {
		t.grow()
	}
	t.n++
	return int32(t.n - 1)
}

const (
	minRows = 16
	// smoothRows is by how many rows a table grows that need not be copied for it.
	smoothRows = 1 << 17
)

func (t *Table) grow() {
	if t.size == vec.MaxRows {
		panic(&vec.LimitError{What: fmt.Sprintf("%d rows in table %q", t.size, t.spec.Name)})
	}
	more := max(minRows, t.size/2)
	if vec.Smooth(t.size) {
		more = smoothRows
	}
	t.size = min(t.size+more, vec.MaxRows)
	for _, c := range t.keys {
		c.Grow(t.size)
	}
	for _, c := range t.values {
		c.Grow(t.size)
	}
	t.hash = vec.Extend(&t.room, t.hash, t.size, vec.MaxRows)
	t.group = vec.Extend(&t.room, t.group, t.size, vec.MaxRows)
	t.flags = vec.Extend(&t.room, t.flags, t.size, vec.MaxRows)
	if t.spec.Index != nil {
		t.chains.grow(&t.room, t.size, t.spec.Ordered)
	}
	if t.spec.TTL > 0 {
		t.ages.grow(&t.room, t.size)
	}
}

// liveBytes is what the rows in memory take.
func (t *Table) liveBytes() int64 {
	row := int64(4 + 2 + 1 + 14) // hash, group, flags, index
	if t.spec.Index != nil {
		row += 4 + 8 + 8 + 14
	}
	if t.spec.Ordered {
		row += 8
	}
	if t.spec.TTL > 0 {
		row += 16
	}
	n := int64(0)
	for _, c := range t.keys {
		row += int64(c.Width())
		n += c.LiveText()
	}
	for _, c := range t.values {
		row += int64(c.Width())
		n += c.LiveText()
	}
	return n + row*int64(t.live)
}

// MemBytes is the memory that the table holds.
func (t *Table) MemBytes() int64 {
	n := t.index.memBytes() + int64(t.size)*(4+2+1)
	for _, c := range t.keys {
		n += c.MemBytes()
	}
	for _, c := range t.values {
		n += c.MemBytes()
	}
	return n + t.chains.memBytes() + t.ages.memBytes() + int64(cap(t.free)+cap(t.dirty))*4 + t.buried.memBytes()
}
