package state

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// chains join the rows that agree in the Index columns. heads leads from the
// hash of those columns to the first row of a list, or the root of a tree. In a
// list, next[last] is -1 and prev[first] is the last.
//
// The order of a list is that of age: seq counts the rows of the table as they
// are made, and is journaled with the row. So a restored table gives its rows in
// the same order as the one that was lost, which ids alone would not.
type chains struct {
	heads      index
	hash       []uint32
	seq        []int64
	nextSeq    int64
	next, prev []int32 // of a tree: right and left child
	rows       []int64 // of a tree: weight of the subtree
	weight     *vec.Column
	sort       *vec.Column
	cols       []*vec.Column
	vecs       []*vec.Vector
	one        [1]int32
}

func (c *chains) grow(r *vec.Room, n int, tree bool) {
	c.hash = vec.Extend(r, c.hash, n, vec.MaxRows)
	c.seq = vec.Extend(r, c.seq, n, vec.MaxRows)
	c.next = vec.Extend(r, c.next, n, vec.MaxRows)
	c.prev = vec.Extend(r, c.prev, n, vec.MaxRows)
	if tree {
		c.rows = vec.Extend(r, c.rows, n, vec.MaxRows)
	}
}

func (c *chains) newAge(id int32) {
	c.seq[id] = c.nextSeq
	c.nextSeq++
}

func (c *chains) clear() {
	c.heads.clear()
	c.nextSeq = 0
}

func (c *chains) memBytes() int64 {
	return c.heads.memBytes() + int64(len(c.hash))*4 + int64(len(c.seq))*8 + int64(len(c.next))*8 + int64(len(c.rows))*8
}

// prefixOf picks the Index columns from those of the key.
func (t *Table) prefixOf(keys []*vec.Vector) []*vec.Vector {
	t.chains.vecs = t.chains.vecs[:0]
	for _, c := range t.spec.Index {
		t.chains.vecs = append(t.chains.vecs, keys[c])
	}
	return t.chains.vecs
}

func (t *Table) prefixCols() []*vec.Column {
	if t.chains.cols == nil {
		for _, c := range t.spec.Index {
			t.chains.cols = append(t.chains.cols, t.keys[c])
		}
	}
	return t.chains.cols
}

// First finds chains: heads[i] is the first row (of a tree, the root) that has
// the Index columns at rows[i] (rows nil: at i), or -1.
func (t *Table) First(prefix []*vec.Vector, rows []int32, heads []int32) {
	t.settle()
	n := len(heads)
	if n == 0 {
		return
	}
	t.scratch.prefix = hashCols(prefix, rows, n, t.scratch.prefix)
	hash := t.scratch.prefix
	if t.cold.any() && t.byChain() {
		t.fetchUnits(&t.chains.heads, hash)
	}
	for i := range heads {
		heads[i] = t.chains.heads.find(uint32(hash[i]))
	}
	cols := t.prefixCols()
	for _, i := range differing(cols, prefix, rows, heads, t.scratch.bad[:0], &t.scratch.bad) {
		heads[i] = t.search(&t.chains.heads, cols, prefix, at(rows, int(i)), uint32(hash[i]))
	}
	if t.cold != nil {
		t.heat(heads)
	}
}

// FirstOf is First of one prefix.
func (t *Table) FirstOf(prefix []*vec.Vector, row int) int32 {
	t.scratch.row[0] = int32(row)
	t.First(prefix, t.scratch.row[:], t.chains.one[:])
	return t.chains.one[0]
}

// Next is the row after id in its list, or -1.
func (t *Table) Next(id int32) int32 { return t.chains.next[id] }

// Age orders rows by when they were made; it is kept over a restore.
func (t *Table) Age(id int32) int64 { return t.chains.seq[id] }

// NextAge is the age that the next row will get: larger than all that are there.
func (t *Table) NextAge() int64 {
	t.settle()
	return t.chains.nextSeq
}

// Renew makes a row the youngest, as if it had been deleted and made again.
func (t *Table) Renew(id int32) {
	t.settle()
	c := &t.chains
	c.newAge(id)
	t.Touch(id)
	if c.next[id] < 0 {
		return // it is the last already
	}
	head := c.next[id]
	if !c.isHead(id) {
		head = t.headOf(id)
	}
	t.unlinkList(id)
	t.linkAfter(id, head)
}

// link puts a new row at the end of its list.
func (t *Table) link(id int32, prefix []*vec.Vector, row int) {
	head := t.search(&t.chains.heads, t.prefixCols(), prefix, row, t.chains.hash[id])
	if head < 0 {
		t.linkFirst(id)
		return
	}
	t.linkAfter(id, head)
}

func (t *Table) linkFirst(id int32) {
	c := &t.chains
	c.next[id], c.prev[id] = -1, id
	c.heads.insert(c.hash[id], id)
}

func (t *Table) linkAfter(id, head int32) {
	c := &t.chains
	last := c.prev[head]
	c.next[last], c.prev[id], c.next[id], c.prev[head] = id, last, -1, id
}

func (t *Table) unlink(id int32) {
	if t.spec.Ordered {
		t.Unlink(id)
		return
	}
	t.unlinkList(id)
}

// isHead says whether a row is the first of its list: only then the row before
// it, which is the last, has none after it.
func (c *chains) isHead(id int32) bool { return c.next[c.prev[id]] < 0 }

// unlinkList takes a row out of its list.
func (t *Table) unlinkList(id int32) {
	c := &t.chains
	prev, next := c.prev[id], c.next[id]
	switch {
	case c.isHead(id) && next < 0:
		c.heads.remove(c.hash[id], id)
	case c.isHead(id):
		c.heads.replace(c.hash[id], id, next)
		c.prev[next] = prev
	case next >= 0:
		c.next[prev], c.prev[next] = next, prev
	default:
		head := t.headOf(id)
		c.next[prev], c.prev[head] = -1, prev
	}
}

// headOf finds the head of the list that a row belongs to, or -1.
func (t *Table) headOf(id int32) int32 {
	c := &t.chains
	if c.heads.used == 0 {
		return -1
	}
	head, pos := int32(0), c.hash[id]
	for {
		head, pos = c.heads.probe(c.hash[id], pos)
		if head < 0 || t.samePrefix(head, id) {
			return head
		}
	}
}

func (t *Table) samePrefix(a, b int32) bool {
	if a == b {
		return true
	}
	for _, col := range t.prefixCols() {
		if !equalCells(col, a, b) {
			return false
		}
	}
	return true
}

// equalCells compares two rows of a column; NULL equals NULL.
func equalCells(c *vec.Column, a, b int32) bool {
	if x, y := c.IsNull(int(a)), c.IsNull(int(b)); x || y {
		return x == y
	}
	switch c.Type.Physical() {
	case types.PhysInt64:
		return c.I64[a] == c.I64[b]
	case types.PhysInt32:
		return c.I32[a] == c.I32[b]
	case types.PhysBytes:
		return bytes.Equal(c.Bytes(int(a)), c.Bytes(int(b)))
	}
	return bytes.Equal(c.AppendValue(nil, int(a)), c.AppendValue(nil, int(b)))
}

// relink makes all chains anew, after rows were restored in any order.
func (t *Table) relink() {
	c := &t.chains
	c.heads.clear()
	ids := make([]int32, 0, t.live)
	for id := range int32(t.n) {
		if t.flags[id]&isLive != 0 {
			ids = append(ids, id)
			t.flags[id] &^= isLinked
			c.nextSeq = max(c.nextSeq, c.seq[id]+1)
		}
	}
	// Chains that unite several former workers' rows may hold equal ages.
	slices.SortFunc(ids, func(a, b int32) int {
		return cmp.Or(cmp.Compare(c.seq[a], c.seq[b]), cmp.Compare(t.group[a], t.group[b]), cmp.Compare(t.hash[a], t.hash[b]))
	})
	const chunk = 1024
	for len(ids) > 0 {
		k := min(chunk, len(ids))
		t.linkChunk(ids[:k])
		ids = ids[k:]
	}
}

func (t *Table) linkChunk(ids []int32) {
	prefix := make([]*vec.Vector, len(t.spec.Index))
	for i, k := range t.spec.Index {
		prefix[i] = t.keys[k].Gather(ids)
	}
	for i, id := range ids {
		if t.spec.Ordered {
			t.Link(id)
			continue
		}
		t.link(id, prefix, i)
	}
}
