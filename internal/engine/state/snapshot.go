package state

import (
	"bytes"
	"encoding/binary"

	"github.com/millrace/millrace/internal/vec"
)

// Snapshot writes all rows of a store in pieces. Rows may change between the pieces:
// whoever restores applies the pieces and the deltas in the order in which they were
// made, beginning with the deltas since Snapshot was called.
//
// Of each table the spilled rows come first, in the order of their keys, then those in
// memory, in the order of their ids. A row that is brought into memory before its key
// was reached is met there later; one that leaves memory for a key that was passed is
// written as it leaves (leaving).
type Snapshot struct {
	store   *Store
	table   int
	spilled bool   // the table's spilled rows are written
	key     []byte // the spilled rows before it are written; nil: none is
	row     int32  // the rows in memory before it are written

	left  []byte // entries of rows of the table that left memory
	nleft int
	rows  []byte // scratch
}

// Snapshot begins to write all rows. It ends with the last piece, or with Close.
func (s *Store) Snapshot() *Snapshot {
	p := &Snapshot{store: s}
	if s.spill != nil {
		s.snapshots = append(s.snapshots, p)
	}
	return p
}

// Close gives a snapshot up that is not complete.
func (p *Snapshot) Close() {
	for i, o := range p.store.snapshots {
		if o == p {
			p.store.snapshots = append(p.store.snapshots[:i:i], p.store.snapshots[i+1:]...)
			return
		}
	}
}

// Append encodes about limit bytes more as one record; more is false with the last
// piece. A piece may be empty.
func (p *Snapshot) Append(dst []byte, limit int) (out []byte, more bool) {
	end := len(dst) + limit
	dst = p.appendLeft(dst)
	for p.table < len(p.store.tables) {
		t := p.store.tables[p.table]
		if !p.spilled {
			if dst = p.appendSpilled(dst, t, end); !p.spilled {
				return dst, true
			}
		}
		dst = p.appendTable(dst, t, end)
		if int(p.row) < t.n {
			return dst, true
		}
		p.table, p.spilled, p.key, p.row = p.table+1, false, nil, 0
	}
	p.Close()
	return dst, false
}

// leaving is called when a row leaves memory.
func (p *Snapshot) leaving(t *Table, id int32) {
	if p.table >= len(p.store.tables) || p.store.tables[p.table] != t {
		return
	}
	if p.spilled && id >= p.row || !p.spilled && bytes.Compare(t.cold.key, p.key) < 0 {
		p.left = t.appendRow(p.left, id)
		p.nleft++
	}
}

func (p *Snapshot) appendLeft(dst []byte) []byte {
	if p.nleft == 0 {
		return dst
	}
	dst = p.store.tables[p.table].appendSection(dst, afterImages, p.nleft)
	dst = append(dst, p.left...)
	p.left, p.nleft = p.left[:0], 0
	return dst
}

// sectionRows is how many rows a section of a snapshot has at most, smallPiece below
// which limit they are written one by one: a test's.
const (
	sectionRows = 256
	smallPiece  = 4096
)

func rowsOfSection(room int) int {
	if room < smallPiece {
		return 1
	}
	return sectionRows
}

// appendSpilled writes sections of spilled rows until there are no more or the room
// ends. Rows that have lived their TTL are deleted meanwhile.
func (p *Snapshot) appendSpilled(dst []byte, t *Table, end int) []byte {
	if !t.cold.any() {
		p.spilled = true
		return dst
	}
	c := t.cold
	c.write()
	bounds := c.bounds()
	if p.key != nil {
		bounds.LowerBound = p.key
	}
	it, err := c.db.NewIter(bounds)
	must(err)
	n, most := 0, rowsOfSection(end-len(dst))
	flush := func() {
		if n > 0 {
			dst = append(t.appendSection(dst, afterImages, n), p.rows...)
			p.rows, n = p.rows[:0], 0
		}
	}
	ok := it.First()
	for ; ok && len(dst)+len(p.rows) < end; ok = it.Next() {
		head, values := spilledParts(spilledValue(it))
		if t.spec.TTL > 0 && t.expired(stampOf(t, head)) {
			c.open()
			must(c.batch.Delete(it.Key(), nil))
			c.rows--
			continue
		}
		p.rows = append(t.naturalKey(append(p.rows, head...), it.Key()), values...)
		if n++; n == most {
			flush()
		}
	}
	flush()
	if p.spilled = !ok; ok {
		p.key = append(p.key[:0:0], it.Key()...)
	}
	must(it.Error())
	must(it.Close())
	c.write()
	return dst
}

// stampOf is when a row was last touched, of which this is the head.
func stampOf(t *Table, head []byte) int64 {
	d := decoder{src: head}
	d.uvarint()
	if t.spec.Index != nil {
		d.uvarint()
	}
	return int64(d.uvarint())
}

// appendTable writes sections of rows in memory until there are no more or the room
// ends.
func (p *Snapshot) appendTable(dst []byte, t *Table, end int) []byte {
	var ids [sectionRows]int32
	most := rowsOfSection(end - len(dst))
	for int(p.row) < t.n {
		k := 0
		for ; k < most && int(p.row) < t.n; p.row++ {
			if t.flags[p.row]&isLive != 0 {
				// The snapshot has it now: deleting it needs a tombstone.
				t.flags[p.row] |= isKnown
				ids[k] = p.row
				k++
			}
		}
		if k > 0 {
			dst = t.appendSection(dst, afterImages, k)
			for _, id := range ids[:k] {
				dst = t.appendRow(dst, id)
			}
		}
		if len(dst) >= end {
			break
		}
	}
	return dst
}

// Chill moves all rows that may leave memory to the Spill, and has Apply put further
// rows there at once: for a restore of more than memory has room for. It lasts until
// the tables are used.
func (s *Store) Chill() {
	for _, t := range s.tables {
		if t.cold != nil && !t.cold.direct {
			t.chill()
		}
	}
}

func (t *Table) chill() {
	t.cold.open()
	t.loose = true // chains and ages are made anew: no need to keep them meanwhile
	for id := range int32(t.n) {
		if t.flags[id]&isLive != 0 {
			t.spillRow(id)
		}
	}
	t.cold.write()
	t.cold.direct = true
}

// spill puts entries into the Spill, without a look at what is there.
func (a *applier) spill(keys []*vec.Vector, tombs bool) {
	t, c := a.t, a.t.cold
	hash, _ := t.hashKeys(keys, nil, len(a.heads))
	unit := hash
	if t.spec.Index != nil {
		unit = t.hashPrefix(keys, nil, len(a.heads))
	}
	for i, h := range a.heads {
		c.open()
		c.key = spillKey(c.key[:0], c.space, uint32(unit[i]))
		if c.order == nil {
			c.key = append(c.key, h.all[h.key:]...)
		} else {
			for _, k := range c.order {
				c.key = vec.AppendValue(c.key, keys[k], i)
			}
		}
		if tombs {
			must(c.batch.Delete(c.key, nil))
			continue
		}
		c.val = binary.BigEndian.AppendUint32(c.val[:0], uint32(hash[i]))
		c.val = append(append(c.val, byte(h.key)), h.all[:h.key]...)
		c.val = append(c.val, h.value[:h.size]...)
		must(c.batch.Set(c.key, c.val, nil))
		c.rows++
		if t.spec.Index != nil {
			t.chains.nextSeq = max(t.chains.nextSeq, h.seq+1)
		}
		if c.batch.Len() >= batchSize {
			c.write()
		}
	}
}

// Forget drops what was recorded of changes, for a job without a journal.
func (s *Store) Forget() {
	for _, t := range s.tables {
		for _, id := range t.dirty {
			t.flags[id] &^= isDirty
		}
		t.dirty, t.buried = t.dirty[:0], graves{}
	}
}
