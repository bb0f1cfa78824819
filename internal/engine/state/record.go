package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/millrace/millrace/internal/vec"
)

// A record of the journal holds sections; a section holds rows of one table,
// all of them after-images, or all tombstones. Numbers are unsigned varints
// unless a width is given.
//
//	section
//	┌─────────┬──────┬─────────────┬────────────┬───────┬─────────┐
//	│ len     │ name │ shape (4 B) │ what (1 B) │ count │ count × │
//	│ of name │      │             │ 0 or 1     │       │ entry   │
//	└─────────┴──────┴─────────────┴────────────┴───────┴─────────┘
//	entry of an after-image (what = 0)
//	┌───────────┬───────────────┬─────────────────────┬──────────────┬────────────────┐
//	│ key group │ age           │ last touched (ms)   │ key columns, │ value columns, │
//	│           │ if chained    │ if there is a TTL   │ vec encoding │ vec encoding   │
//	└───────────┴───────────────┴─────────────────────┴──────────────┴────────────────┘
//	entry of a tombstone (what = 1)
//	┌───────────┬─────────────┐
//	│ key group │ key columns │
//	└───────────┴─────────────┘
//
// shape is a checksum over the types of the table's columns: rows of another
// table of the same name are refused rather than misread. Within a record a
// table's tombstones come before its after-images: a row that was deleted and
// made again in one epoch is there.
const (
	afterImages = 0
	tombstones  = 1
)

// ErrCorrupt is wrapped by errors of Apply about bytes that are no record.
var ErrCorrupt = errors.New("state: corrupt record")

// AppendDelta encodes all rows that were touched or deleted since the last call
// and forgets the marks. It appends nothing if there are none.
func (s *Store) AppendDelta(dst []byte) []byte {
	_, _ = s.EachDelta(nil, 0, func(rec []byte) error {
		dst = append(dst, rec...)
		return nil
	})
	return dst
}

// EachDelta is AppendDelta in records of about limit bytes, which emit must have
// copied when it returns; 0: one a table. It gives back buf, grown.
func (s *Store) EachDelta(buf []byte, limit int, emit func(rec []byte) error) ([]byte, error) {
	var err error
	for _, t := range s.tables {
		if buf, err = t.eachDelta(buf, limit, emit); err != nil {
			return buf, err
		}
	}
	return buf, nil
}

func (t *Table) eachDelta(buf []byte, limit int, emit func([]byte) error) ([]byte, error) {
	if err := t.buried.each(t, emit); err != nil {
		return buf, err
	}
	changed := t.dirty[:0]
	for _, id := range t.dirty {
		if t.flags[id]&isDirty != 0 {
			t.flags[id] = t.flags[id]&^isDirty | isKnown
			changed = append(changed, id)
		}
	}
	t.dirty = changed[:0]
	rows := deltaRows
	if limit == 0 {
		rows = len(changed)
	}
	buf = buf[:0]
	for len(changed) > 0 {
		n := min(rows, len(changed))
		buf = t.appendSection(buf, afterImages, n)
		for _, id := range changed[:n] {
			buf = t.appendRow(buf, id)
		}
		changed = changed[n:]
		if len(buf) < limit && len(changed) > 0 {
			continue
		}
		if err := emit(buf); err != nil {
			return buf, err
		}
		buf = buf[:0]
	}
	return buf, nil
}

// deltaRows is how many rows a section of a delta has at most, if records are to be
// bounded.
const deltaRows = 256

// graves are tombstones since the last delta, encoded, in sections of bounded size.
type graves struct {
	full [][]byte // whole sections
	last []byte   // entries
	n    int      // of last
}

const graveBytes = 256 << 10

func (g *graves) add(t *Table, id int32) {
	g.last = t.appendKey(g.last, id)
	g.close(t)
}

// addKey buries a row that is not in memory; key are its columns, encoded.
func (g *graves) addKey(t *Table, group uint64, key []byte) {
	g.last = append(binary.AppendUvarint(g.last, group), key...)
	g.close(t)
}

func (g *graves) close(t *Table) {
	g.n++
	if len(g.last) >= graveBytes {
		g.full = append(g.full, append(t.appendSection(nil, tombstones, g.n), g.last...))
		g.last, g.n = g.last[:0], 0
	}
}

// each hands out the sections and forgets them.
func (g *graves) each(t *Table, emit func([]byte) error) error {
	for _, section := range g.full {
		if err := emit(section); err != nil {
			return err
		}
	}
	g.full = nil
	if g.n == 0 {
		return nil
	}
	section := append(t.appendSection(nil, tombstones, g.n), g.last...)
	g.last, g.n = g.last[:0], 0
	return emit(section)
}

func (g *graves) memBytes() int64 { return int64(len(g.full)*graveBytes + cap(g.last)) }

func (t *Table) appendSection(dst []byte, what byte, count int) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(t.spec.Name)))
	dst = append(dst, t.spec.Name...)
	dst = binary.LittleEndian.AppendUint32(dst, t.shape)
	dst = append(dst, what)
	return binary.AppendUvarint(dst, uint64(count))
}

func shape(spec TableSpec) uint32 {
	text := ""
	for _, k := range spec.Key {
		text += k.SQL() + ";"
	}
	text += "->"
	for _, v := range spec.Value {
		text += v.SQL() + ";"
	}
	if spec.Index != nil {
		text += "chained"
	}
	if spec.TTL > 0 {
		text += "ttl"
	}
	return crc32.ChecksumIEEE([]byte(text))
}

func (t *Table) appendKey(dst []byte, id int32) []byte {
	dst = binary.AppendUvarint(dst, uint64(t.group[id]))
	for _, c := range t.keys {
		dst = c.AppendValue(dst, int(id))
	}
	return dst
}

// appendHead encodes what an after-image begins with.
func (t *Table) appendHead(dst []byte, id int32) []byte {
	dst = binary.AppendUvarint(dst, uint64(t.group[id]))
	if t.spec.Index != nil {
		dst = binary.AppendUvarint(dst, uint64(t.chains.seq[id]))
	}
	if t.spec.TTL > 0 {
		dst = binary.AppendUvarint(dst, uint64(t.ages.stamp[id]))
	}
	return dst
}

func (t *Table) appendRow(dst []byte, id int32) []byte {
	dst = t.appendHead(dst, id)
	for _, c := range t.keys {
		dst = c.AppendValue(dst, int(id))
	}
	for _, c := range t.values {
		dst = c.AppendValue(dst, int(id))
	}
	return dst
}

// Apply restores a record of either kind; owns says which key groups are this
// worker's, nil: all. It is called after the tables are declared. Applying a
// record again changes nothing.
func (s *Store) Apply(record []byte, owns func(keyGroup int) bool) error {
	d := decoder{src: record}
	for len(d.src) > 0 && d.err == nil {
		if err := s.applySection(&d, owns); err != nil {
			return err
		}
	}
	return d.err
}

func (s *Store) applySection(d *decoder, owns func(int) bool) error {
	name := string(d.bytes(int(min(d.uvarint(), 1<<16))))
	shape := d.bytes(4)
	what := d.bytes(1)
	count := d.uvarint()
	if d.err != nil {
		return d.err
	}
	t := s.byName[name]
	if t == nil {
		return fmt.Errorf("state: the journal has rows of table %q, which the operator does not declare", name)
	}
	if binary.LittleEndian.Uint32(shape) != t.shape {
		return fmt.Errorf("state: the journal's table %q has other columns than the operator's", name)
	}
	if t.spec.Broadcast {
		owns = nil
	}
	t.restored++
	t.loose = t.spec.Index != nil || t.spec.TTL > 0 || t.cold != nil
	if t.cold.any() && !t.cold.direct {
		t.chill()
	}
	if t.applier == nil {
		t.applier = &applier{t: t}
	}
	a := t.applier
	a.owns, a.d = owns, d
	for ; count > 0 && d.err == nil; count -= min(count, applyRows) {
		a.apply(int(min(count, applyRows)), what[0] == tombstones)
	}
	return d.err
}

// applyRows is how many keys are looked up at once.
const applyRows = 256

// applier restores entries of one table, a run of them at a time: the keys are
// decoded to columns of their own, looked up together, and then the values are
// read to the rows found.
type applier struct {
	t     *Table
	owns  func(int) bool
	d     *decoder
	keys  []*vec.Column
	heads []entryHead
	rows  [applyRows]int32
	vecs  []*vec.Vector
}

type entryHead struct {
	seq, stamp int64
	all        []byte // the entry, up to where the value's columns begin
	key        int    // where the key's columns begin there
	value      []byte // starts with the value's columns
	size       int    // of the value's columns
}

func (a *applier) apply(n int, tombs bool) {
	if a.keys == nil {
		for _, k := range a.t.spec.Key {
			c := vec.NewColumn(k)
			c.Grow(applyRows)
			a.keys = append(a.keys, c)
		}
	}
	a.heads = a.heads[:0]
	for range n {
		a.read(tombs)
	}
	if a.d.err != nil || len(a.heads) == 0 {
		return
	}
	rows := a.rows[:len(a.heads)]
	for i := range rows {
		rows[i] = int32(i)
	}
	keys := a.vecs[:0]
	for _, col := range a.keys {
		keys = append(keys, col.Gather(rows))
	}
	a.vecs = keys
	if c := a.t.cold; c != nil && c.direct {
		a.spill(keys, tombs)
		return
	}
	ids := rows
	a.t.lookup(keys, nil, !tombs, ids)
	for i, id := range ids {
		if tombs {
			a.bury(id)
		} else {
			a.store(id, a.heads[i])
		}
	}
}

// read decodes one entry; if it is another worker's, it is passed over.
func (a *applier) read(tombs bool) {
	d, t := a.d, a.t
	entry := d.src
	group := int(d.uvarint())
	var h entryHead
	if !tombs && t.spec.Index != nil {
		h.seq = int64(d.uvarint())
	}
	if !tombs && t.spec.TTL > 0 {
		h.stamp = int64(d.uvarint())
	}
	row := len(a.heads)
	h.key = len(entry) - len(d.src)
	var err error
	for _, c := range a.keys {
		if d.err == nil {
			if d.src, err = c.ReadValue(row, d.src); err != nil {
				d.fail(err)
			}
		}
	}
	h.all, h.value = entry[:len(entry)-len(d.src)], d.src
	if !tombs {
		for _, c := range t.values {
			if d.err == nil {
				if d.src, err = vec.SkipValue(d.src, c.Type); err != nil {
					d.fail(err)
				}
			}
		}
	}
	h.size = len(h.value) - len(d.src)
	if a.owns == nil || a.owns(group) {
		a.heads = append(a.heads, h)
	}
}

func (a *applier) bury(id int32) {
	// Two tombstones of one key in a record find the same row; the second finds
	// it gone.
	if id >= 0 && a.t.flags[id]&isLive != 0 {
		a.t.drop(id)
	}
}

func (a *applier) store(id int32, h entryHead) {
	t := a.t
	t.flags[id] = t.flags[id]&^isDirty | isKnown
	if t.spec.Index != nil {
		t.chains.seq[id] = h.seq
		t.chains.nextSeq = max(t.chains.nextSeq, h.seq+1)
	}
	if t.spec.TTL > 0 {
		t.ages.stamp[id] = h.stamp
	}
	src := h.value
	for _, c := range t.values {
		var err error
		if src, err = c.ReadValue(int(id), src); err != nil {
			a.d.fail(err)
			return
		}
	}
}

// decoder reads a record and remembers the first error.
type decoder struct {
	src []byte
	err error
}

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %v", ErrCorrupt, err)
	}
	d.src = nil
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.src)
	if n <= 0 {
		d.fail(errors.New("cut short"))
		return 0
	}
	d.src = d.src[n:]
	return v
}

func (d *decoder) bytes(n int) []byte {
	if n > len(d.src) {
		d.fail(errors.New("cut short"))
		return make([]byte, n)
	}
	b := d.src[:n]
	d.src = d.src[n:]
	return b
}
