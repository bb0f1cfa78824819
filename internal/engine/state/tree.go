package state

import "bytes"

// The chains of an Ordered table are trees: treaps, whose nodes are rows and
// whose links are integers. Each knows the weight of its subtree, so that the
// rank of a row and the row at a rank take O(log n). A row is in its tree from
// Link to Unlink: whoever makes a row sets its value columns, then links it; and
// unlinks it before the sort key changes. Delete unlinks.
//
// The shape of a tree depends on ids and so differs after a restore; the order
// of its rows does not.

// Link puts a row into its tree. Its weight and sort key must be set.
func (t *Table) Link(id int32) {
	c := &t.chains
	root := t.headOf(id)
	c.next[id], c.prev[id] = -1, -1
	c.rows[id] = c.weight.I64[id]
	t.flags[id] |= isLinked
	t.setRoot(id, root, c.insert(root, id))
}

// Unlink takes a row out of its tree; it may be out already.
func (t *Table) Unlink(id int32) {
	if t.flags[id]&isLinked == 0 {
		return
	}
	t.flags[id] &^= isLinked
	root := t.headOf(id)
	t.setRoot(id, root, t.chains.remove(root, id))
}

func (t *Table) setRoot(id, old, root int32) {
	c := &t.chains
	switch {
	case old == root:
	case old < 0:
		c.heads.insert(c.hash[id], root)
	case root < 0:
		c.heads.remove(c.hash[id], old)
	default:
		c.heads.replace(c.hash[id], old, root)
	}
}

// SetAge gives a row that is in its tree the age of one that it takes the place
// of, and touches it.
func (t *Table) SetAge(id int32, age int64) {
	t.Unlink(id)
	t.chains.seq[id] = age
	t.Link(id)
	t.Touch(id)
}

// Weigh changes the weight of a row, and touches it.
func (t *Table) Weigh(id int32, weight int64) {
	c := &t.chains
	diff := weight - c.weight.I64[id]
	c.weight.I64[id] = weight
	t.Touch(id)
	if t.flags[id]&isLinked == 0 {
		return
	}
	for node := t.headOf(id); ; {
		c.rows[node] += diff
		if node == id {
			return
		}
		node = c.child(node, id)
	}
}

// Root is the root of the tree that a row with the key of id is in, or -1.
func (t *Table) Root(id int32) int32 { return t.headOf(id) }

// Weight is the weight of all rows below root; 0 for root -1.
func (t *Table) Weight(root int32) int64 { return t.chains.below(root) }

// Nth is the row at rank k, from 1, counted by weight, or -1; over is the part
// of its own weight that lies at and before k.
func (t *Table) Nth(root int32, k int64) (id int32, over int64) {
	c := &t.chains
	for root >= 0 {
		before := c.below(c.prev[root])
		own := c.weight.I64[root]
		switch {
		case k <= before:
			root = c.prev[root]
		case k <= before+own:
			return root, k - before
		default:
			k -= before + own
			root = c.next[root]
		}
	}
	return -1, 0
}

// Rank is the rank, from 1, of a row that is in its tree: one more than the
// weight of all rows before it.
func (t *Table) Rank(id int32) int64 {
	c := &t.chains
	rank := int64(1)
	for node := t.headOf(id); ; node = c.child(node, id) {
		if node == id {
			return rank + c.below(c.prev[id])
		}
		if c.less(node, id) {
			rank += c.below(c.prev[node]) + c.weight.I64[node]
		}
	}
}

func (c *chains) below(node int32) int64 {
	if node < 0 {
		return 0
	}
	return c.rows[node]
}

func (c *chains) child(node, towards int32) int32 {
	if c.less(towards, node) {
		return c.prev[node]
	}
	return c.next[node]
}

func (c *chains) less(a, b int32) bool {
	if o := bytes.Compare(c.sort.Bytes(int(a)), c.sort.Bytes(int(b))); o != 0 {
		return o < 0
	}
	return c.seq[a] < c.seq[b]
}

// priority scatters ids, which makes the tree balanced whatever the order of
// insertion.
func priority(id int32) uint32 {
	x := uint32(id)*0x9E3779B1 + 0x7F4A7C15
	x ^= x >> 15
	x *= 0x85EBCA77
	return x ^ x>>13
}

func (c *chains) pull(node int32) {
	c.rows[node] = c.weight.I64[node] + c.below(c.prev[node]) + c.below(c.next[node])
}

func (c *chains) insert(root, id int32) int32 {
	if root < 0 {
		return id
	}
	if priority(id) > priority(root) {
		c.prev[id], c.next[id] = c.split(root, id)
		c.pull(id)
		return id
	}
	if c.less(id, root) {
		c.prev[root] = c.insert(c.prev[root], id)
	} else {
		c.next[root] = c.insert(c.next[root], id)
	}
	c.pull(root)
	return root
}

// split parts a tree into the rows before id and those after it.
func (c *chains) split(root, id int32) (before, after int32) {
	if root < 0 {
		return -1, -1
	}
	if c.less(root, id) {
		c.next[root], after = c.split(c.next[root], id)
		c.pull(root)
		return root, after
	}
	before, c.prev[root] = c.split(c.prev[root], id)
	c.pull(root)
	return before, root
}

func (c *chains) remove(root, id int32) int32 {
	if root == id {
		return c.merge(c.prev[id], c.next[id])
	}
	if c.less(id, root) {
		c.prev[root] = c.remove(c.prev[root], id)
	} else {
		c.next[root] = c.remove(c.next[root], id)
	}
	c.pull(root)
	return root
}

// merge joins two trees, all of a before all of b.
func (c *chains) merge(a, b int32) int32 {
	switch {
	case a < 0:
		return b
	case b < 0:
		return a
	case priority(a) > priority(b):
		c.next[a] = c.merge(c.next[a], b)
		c.pull(a)
		return a
	}
	c.prev[b] = c.merge(a, c.prev[b])
	c.pull(b)
	return b
}
