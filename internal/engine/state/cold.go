package state

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/cockroachdb/pebble"

	"github.com/millrace/millrace/internal/vec"
)

// cold is the part of a table that memory has no room for. Rows move between memory
// and a Spill by units:
//
//	table                      unit
//	without Index              a row
//	with Index                 a chain or tree: all rows that agree in these columns
//	with Index and Wide        a row; chains are visited with Each
//
// to be exact, all that have the same 32 bits of hash: so a look at the index tells
// whether a unit is in memory. A unit is in memory or in the Spill, never in both,
// and never in part. Lookup and First bring the units that they meet into memory;
// Evict, between steps and when the epoch's changes were recorded, takes those out
// that nobody has met for longest. So operators see columns and ids, and nothing else.
type cold struct {
	spill *Spill
	db    *pebble.DB // nil until a row is spilled
	space uint32
	rows  int64 // spilled, at most; exact but after a restore
	hand  int32 // where Evict goes on
	batch *pebble.Batch

	key, val []byte
	asked    []uint32
	loaded   []int32
	one      [1]int32
	// order is that of the key's columns in a Wide table's keys: the chain's first,
	// so that chains lie together; nil: as they are.
	order []int
	// direct: rows that are restored go to the Spill at once.
	direct bool
	late   lateRows
}

// batchSize is where a batch for the Spill is closed.
const batchSize = 1 << 20

// spillable says whether rows of a table may leave memory: not if all of them are one
// unit.
func (spec *TableSpec) spillable() bool {
	return !spec.Pinned && !spec.Broadcast && len(spec.Key) > 0 && (spec.Index == nil || len(spec.Index) > 0)
}

// byChain says that a chain is the unit.
func (t *Table) byChain() bool { return t.spec.Index != nil && !t.spec.Wide }

func (c *cold) open() {
	if c.db == nil {
		c.db, c.space = c.spill.space()
	}
	if c.batch == nil {
		c.batch = c.db.NewBatch()
	}
}

// write hands the batch to the Spill.
func (c *cold) write() {
	if c.batch != nil && !c.batch.Empty() {
		must(c.batch.Commit(pebble.NoSync))
		c.batch = nil
	}
}

func (c *cold) any() bool { return c != nil && c.db != nil && c.rows > 0 }

// unitOf is the hash of a row's unit; of Wide tables that of its chain.
func (t *Table) unitOf(id int32) uint32 {
	if t.spec.Index != nil {
		return t.chains.hash[id]
	}
	return t.hash[id]
}

// fetch brings the units of keys into memory.
func (t *Table) fetch(keys []*vec.Vector, rows []int32, n int) {
	if !t.cold.any() {
		return
	}
	if t.spec.Wide {
		t.fetchRows(keys, rows, n)
		return
	}
	if t.byChain() {
		t.fetchUnits(&t.chains.heads, t.hashPrefix(keys, rows, n))
		return
	}
	hash, _ := t.hashKeys(keys, rows, n)
	t.fetchUnits(&t.index, hash)
}

// fetchUnits brings units into memory; x leads to those that are there.
func (t *Table) fetchUnits(x *index, hashes []uint64) {
	c := t.cold
	c.asked = c.asked[:0]
	for _, h := range hashes {
		if x.find(uint32(h)) < 0 {
			c.asked = append(c.asked, uint32(h))
		}
	}
	if len(c.asked) == 0 {
		return
	}
	slices.Sort(c.asked)
	c.asked = slices.Compact(c.asked)
	it, err := c.db.NewIter(c.bounds())
	must(err)
	for _, unit := range c.asked {
		c.loaded = c.loaded[:0]
		c.key = spillKey(c.key[:0], c.space, unit)
		for ok := it.SeekPrefixGE(c.key); ok; ok = it.Next() {
			t.load(it.Key(), spilledValue(it))
		}
		t.linkLoaded(c.loaded)
	}
	must(it.Error())
	must(it.Close())
	c.write()
}

// fetchAll brings all rows into memory.
func (t *Table) fetchAll() {
	if !t.cold.any() {
		return
	}
	c := t.cold
	it, err := c.db.NewIter(c.bounds())
	must(err)
	c.loaded = c.loaded[:0]
	for ok := it.First(); ok; ok = it.Next() {
		t.load(it.Key(), spilledValue(it))
	}
	must(it.Error())
	must(it.Close())
	t.linkLoaded(c.loaded)
	c.write()
}

func spilledValue(it *pebble.Iterator) []byte {
	v, err := it.ValueAndErr()
	must(err)
	return v
}

func (c *cold) bounds() *pebble.IterOptions {
	return &pebble.IterOptions{LowerBound: spillKey(nil, c.space, 0)[:4], UpperBound: spillKey(nil, c.space+1, 0)[:4]}
}

// fetchRows brings single rows of a Wide table into memory.
func (t *Table) fetchRows(keys []*vec.Vector, rows []int32, n int) {
	c := t.cold
	hash, _ := t.hashKeys(keys, rows, n)
	prefix := t.hashPrefix(keys, rows, n)
	for i := range n {
		row := at(rows, i)
		if t.search(&t.index, t.keys, keys, row, uint32(hash[i])) >= 0 {
			continue
		}
		c.key = spillKey(c.key[:0], c.space, uint32(prefix[i]))
		for _, k := range c.order {
			c.key = vec.AppendValue(c.key, keys[k], row)
		}
		val, closer, err := c.db.Get(c.key)
		if err == pebble.ErrNotFound {
			continue
		}
		must(err)
		c.loaded = c.loaded[:0]
		t.load(c.key, val)
		must(closer.Close())
		t.linkLoaded(c.loaded)
		// A key that comes twice in a batch is in memory now; the Spill has it
		// until the batch is written.
	}
	c.write()
}

// load makes a row of memory of a spilled one; linkLoaded is to follow.
func (t *Table) load(key, val []byte) {
	c := t.cold
	c.open()
	must(c.batch.Delete(key, nil))
	c.rows--
	if id := t.restoreRow(key, val); id >= 0 {
		c.loaded = append(c.loaded, id)
	}
}

// restoreRow makes a row of memory; -1 if it has expired.
func (t *Table) restoreRow(key, val []byte) int32 {
	head, values := spilledParts(val)
	d := decoder{src: head}
	group := d.uvarint()
	seq, stamp := int64(0), int64(0)
	if t.spec.Index != nil {
		seq = int64(d.uvarint())
	}
	if t.spec.TTL > 0 {
		if stamp = int64(d.uvarint()); t.expired(stamp) {
			t.buried.addKey(t, group, t.naturalKey(nil, key))
			return -1
		}
	}
	id := t.alloc()
	src := key[prefixBytes:]
	if order := t.cold.order; order != nil {
		for _, k := range order {
			src = readCell(t.keys[k], id, src)
		}
	} else {
		for _, col := range t.keys {
			src = readCell(col, id, src)
		}
	}
	for _, col := range t.values {
		values = readCell(col, id, values)
	}
	t.hash[id], t.group[id] = binary.BigEndian.Uint32(val), uint16(group)
	t.flags[id] = isLive | isKnown | isHot
	t.index.insert(t.hash[id], id)
	t.live++
	if t.spec.Index != nil {
		t.chains.hash[id], t.chains.seq[id] = binary.BigEndian.Uint32(key[4:]), seq
	}
	if t.spec.TTL > 0 {
		t.ages.stamp[id] = stamp
		t.flags[id] |= isLate
		t.cold.late.push(t, stamp, id)
	}
	return id
}

func readCell(col *vec.Column, id int32, src []byte) []byte {
	rest, err := col.ReadValue(int(id), src)
	must(err)
	return rest
}

func spilledParts(val []byte) (head, values []byte) {
	n := int(val[4])
	return val[5 : 5+n], val[5+n:]
}

// naturalKey appends the key columns of a spilled row, encoded, in their order.
func (t *Table) naturalKey(dst, key []byte) []byte {
	key = key[prefixBytes:]
	order := t.cold.order
	if order == nil {
		return append(dst, key...)
	}
	parts := make([][]byte, len(order))
	for _, k := range order {
		rest, err := vec.SkipValue(key, t.spec.Key[k])
		must(err)
		parts[k], key = key[:len(key)-len(rest)], rest
	}
	for _, p := range parts {
		dst = append(dst, p...)
	}
	return dst
}

// linkLoaded chains the rows that were loaded, in the order of their age, and sorts
// ids by it.
func (t *Table) linkLoaded(ids []int32) {
	if t.spec.Index == nil {
		return
	}
	if len(ids) > 1 {
		seq := t.chains.seq
		slices.SortFunc(ids, func(a, b int32) int { return cmp.Compare(seq[a], seq[b]) })
	}
	for _, id := range ids {
		if t.spec.Ordered {
			t.Link(id)
		} else if head := t.headOf(id); head < 0 {
			t.linkFirst(id)
		} else {
			t.linkAfter(id, head)
		}
	}
}

// heat marks rows as met.
func (t *Table) heat(ids []int32) {
	for _, id := range ids {
		if id >= 0 {
			t.flags[id] |= isHot
		}
	}
}

// encode makes a row's key and value in c.key and c.val.
func (t *Table) encode(id int32) {
	c := t.cold
	c.key = spillKey(c.key[:0], c.space, t.unitOf(id))
	if c.order != nil {
		for _, k := range c.order {
			c.key = t.keys[k].AppendValue(c.key, int(id))
		}
	} else {
		for _, col := range t.keys {
			c.key = col.AppendValue(c.key, int(id))
		}
	}
	c.val = binary.BigEndian.AppendUint32(c.val[:0], t.hash[id])
	c.val = t.appendHead(append(c.val, 0), id)
	c.val[4] = byte(len(c.val) - 5)
	for _, col := range t.values {
		c.val = col.AppendValue(c.val, int(id))
	}
}

// spillRow moves a row from memory to the Spill.
func (t *Table) spillRow(id int32) {
	c := t.cold
	c.open()
	t.encode(id)
	must(c.batch.Set(c.key, c.val, nil))
	c.rows++
	for _, p := range t.store.snapshots {
		p.leaving(t, id)
	}
	t.drop(id)
	if c.batch.Len() >= batchSize {
		c.write()
	}
}

// Evict moves units that nobody has met for longest to the Spill, until the store
// holds no more than so many bytes, or more than most rows were looked at. All changes
// must have been recorded. It returns what the store holds then.
func (s *Store) Evict(bytes int64, most int) int64 {
	held := s.LiveBytes()
	if held <= bytes {
		return held
	}
	share := float64(held-bytes) / float64(held)
	for _, t := range s.tables {
		if t.cold != nil && t.live > 0 {
			t.evict(t.live-int(float64(t.live)*share), most)
		}
	}
	return s.LiveBytes()
}

// evict goes around the rows until no more than keep are left: a row that was met
// since the last time around is spared once (the clock algorithm).
func (t *Table) evict(keep, most int) {
	t.settle()
	c := t.cold
	for looked := 0; t.live > keep && looked < min(most, 2*t.n); looked++ {
		if int(c.hand) >= t.n {
			c.hand = 0
		}
		id := c.hand
		c.hand++
		switch f := t.flags[id]; {
		case f&isLive == 0 || f&isDirty != 0:
		case f&isHot != 0:
			t.flags[id] = f &^ isHot
		default:
			t.evictUnit(id)
		}
	}
	c.write()
}

// evictUnit spills the unit of a row, unless a part of it is in use.
func (t *Table) evictUnit(id int32) {
	c := t.cold
	if t.spec.Wide {
		t.spillRow(id)
		return
	}
	c.loaded = t.unit(c.loaded[:0], t.unitOf(id))
	for _, row := range c.loaded {
		if t.flags[row]&(isHot|isDirty) != 0 {
			return
		}
	}
	for _, row := range c.loaded {
		t.spillRow(row)
	}
}

// unit appends the rows of a unit.
func (t *Table) unit(ids []int32, hash uint32) []int32 {
	x := &t.index
	if t.byChain() {
		x = &t.chains.heads
	}
	if x.used == 0 {
		return ids
	}
	for first, pos := x.probe(hash, hash); first >= 0; first, pos = x.probe(hash, pos) {
		switch {
		case !t.byChain():
			ids = append(ids, first)
		case t.spec.Ordered:
			ids = t.chains.tree(ids, first)
		default:
			for id := first; id >= 0; id = t.Next(id) {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// tree appends the rows of a tree.
func (c *chains) tree(ids []int32, root int32) []int32 {
	if root < 0 {
		return ids
	}
	ids = append(c.tree(ids, c.prev[root]), root)
	return c.tree(ids, c.next[root])
}

// Each calls f with the rows of a chain, a piece at a time; f may delete and change
// them, and must not hold them. Rows that are spilled are in memory during the call
// only, and come after the others.
func (t *Table) Each(prefix []*vec.Vector, row, piece int, f func(ids []int32) error) error {
	ids := make([]int32, 0, piece)
	for id := t.FirstOf(prefix, row); id >= 0; {
		ids = ids[:0]
		for ; id >= 0 && len(ids) < piece; id = t.Next(id) {
			ids = append(ids, id)
		}
		if err := f(ids); err != nil {
			return err
		}
	}
	return t.EachSpilled(prefix, row, piece, f)
}

// EachSpilled is Each for the rows that are not in memory.
func (t *Table) EachSpilled(prefix []*vec.Vector, row, piece int, f func(ids []int32) error) error {
	if !t.cold.any() {
		return nil
	}
	c := t.cold
	t.scratch.prefix = hashCols(prefix, []int32{int32(row)}, 1, t.scratch.prefix)
	key := t.chainKey(spillKey(nil, c.space, uint32(t.scratch.prefix[0])), prefix, row)
	it, err := c.db.NewIter(c.bounds())
	must(err)
	defer func() { must(it.Close()) }()
	v := visit{t: t}
	for ok := it.SeekGE(key); ok && bytes.HasPrefix(it.Key(), key); ok = it.Next() {
		if v.add(it.Key(), spilledValue(it)); len(v.ids) == piece {
			if err := v.flush(f); err != nil {
				return err
			}
		}
	}
	must(it.Error())
	err = v.flush(f)
	c.write()
	return err
}

// chainKey appends what all keys of a chain of a Wide table begin with.
func (t *Table) chainKey(key []byte, prefix []*vec.Vector, row int) []byte {
	for _, v := range prefix {
		key = vec.AppendValue(key, v, row)
	}
	return key
}

// visit has spilled rows in memory for a call.
type visit struct {
	t    *Table
	ids  []int32
	keys [][]byte
}

func (v *visit) add(key, val []byte) {
	id := v.t.restoreRow(key, val)
	if id < 0 {
		v.t.cold.open()
		must(v.t.cold.batch.Delete(key, nil))
		v.t.cold.rows--
		return
	}
	v.ids, v.keys = append(v.ids, id), append(v.keys, bytes.Clone(key))
}

// flush calls f with the rows, and lets go of those that it left as they were.
func (v *visit) flush(f func(ids []int32) error) error {
	if len(v.ids) == 0 {
		return nil
	}
	t := v.t
	ids := slices.Clone(v.ids)
	t.linkLoaded(ids)
	err := f(ids)
	t.cold.open()
	for i, id := range v.ids {
		if t.flags[id]&isLive != 0 && t.flags[id]&isDirty == 0 {
			t.drop(id) // the Spill has it still
			continue
		}
		must(t.cold.batch.Delete(v.keys[i], nil))
		t.cold.rows--
	}
	v.ids, v.keys = v.ids[:0], v.keys[:0]
	return err
}

// undo takes a row out that restoreRow made and that is in no chain.
func (t *Table) undo(id int32) {
	t.index.remove(t.hash[id], id)
	t.flags[id] = 0
	t.live--
	t.recycle(id)
}

// EachChain calls f with a row of each chain of a Wide table, spilled ones included.
func (t *Table) EachChain(f func(id int32)) {
	t.settle()
	for _, s := range t.chains.heads.segments() {
		for _, slot := range s.slots {
			if slot != 0 {
				f(slotID(slot))
			}
		}
	}
	if !t.cold.any() {
		return
	}
	c := t.cold
	it, err := c.db.NewIter(c.bounds())
	must(err)
	defer func() { must(it.Close()) }()
	for ok := it.First(); ok; {
		next := t.pastChain(it.Key())
		if id := t.restoreRow(it.Key(), spilledValue(it)); id >= 0 {
			f(id)
			t.undo(id)
		}
		ok = next != nil && it.SeekGE(next)
	}
	must(it.Error())
}

// pastChain is a key past all of the chain of a Wide table that a key is of; nil:
// there is none.
func (t *Table) pastChain(key []byte) []byte {
	rest := key[prefixBytes:]
	for _, k := range t.spec.Index {
		var err error
		rest, err = vec.SkipValue(rest, t.spec.Key[k])
		must(err)
	}
	next := bytes.Clone(key[:len(key)-len(rest)])
	for i := len(next) - 1; i >= 0; i-- {
		if next[i]++; next[i] != 0 {
			return next
		}
	}
	return nil
}
