package group

import (
	"encoding/binary"
	"slices"
)

// Kafka's flexible encoding, for the records that kmsg does not have. Its reader bounds every length by the bytes that are left.

type encoder struct{ b []byte }

func (e *encoder) int8(v int8)     { e.b = append(e.b, byte(v)) }
func (e *encoder) int32(v int32)   { e.b = binary.BigEndian.AppendUint32(e.b, uint32(v)) }
func (e *encoder) int64(v int64)   { e.b = binary.BigEndian.AppendUint64(e.b, uint64(v)) }
func (e *encoder) uvarint(v int)   { e.b = binary.AppendUvarint(e.b, uint64(v)) }
func (e *encoder) string(s string) { e.uvarint(len(s) + 1); e.b = append(e.b, s...) }
func (e *encoder) bytes(s []byte)  { e.uvarint(len(s) + 1); e.b = append(e.b, s...) }
func (e *encoder) length(n int)    { e.uvarint(n + 1) }
func (e *encoder) version(v int16) { e.b = binary.BigEndian.AppendUint16(e.b, uint16(v)) }
func (e *encoder) noTags()         { e.uvarint(0) }
func (e *encoder) strings(s []string) {
	e.length(len(s))
	for _, v := range s {
		e.string(v)
	}
}

func (e *encoder) nullable(s *string) {
	if s == nil {
		e.uvarint(0)
		return
	}
	e.string(*s)
}

// tag writes one tagged field, the only one.
func (e *encoder) tag(id int, body []byte) {
	e.uvarint(1)
	e.uvarint(id)
	e.uvarint(len(body))
	e.b = append(e.b, body...)
}

// byTopic are the partitions of each topic, sorted, and the topics in order.
func byTopic(a Assignment) (ids []TopicID, lists map[TopicID][]int32) {
	lists = map[TopicID][]int32{}
	for p := range a {
		if lists[p.ID] == nil {
			ids = append(ids, p.ID)
		}
		lists[p.ID] = append(lists[p.ID], p.Partition)
	}
	for _, l := range lists {
		slices.Sort(l)
	}
	slices.SortFunc(ids, func(a, b TopicID) int { return slices.Compare(a[:], b[:]) })
	return ids, lists
}

// EachTopic calls f with the partitions of each topic, both in order.
func (a Assignment) EachTopic(f func(id TopicID, partitions []int32)) {
	ids, lists := byTopic(a)
	for _, id := range ids {
		f(id, lists[id])
	}
}

// assignment writes partitions by topic; with epochs, each list has them beside it.
func (e *encoder) assignment(a Assignment, epochs bool) {
	ids, lists := byTopic(a)
	e.length(len(ids))
	for _, id := range ids {
		e.b = append(e.b, id[:]...)
		e.length(len(lists[id]))
		for _, p := range lists[id] {
			e.int32(p)
		}
		if !epochs {
			e.noTags()
			continue
		}
		var t encoder
		t.length(len(lists[id]))
		for _, p := range lists[id] {
			t.int32(a[IDPartition{id, p}])
		}
		e.tag(0, t.b)
	}
}

type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) take(n int) []byte {
	if n < 0 || n > len(d.b) {
		d.b, d.bad = nil, true
		return nil
	}
	out := d.b[:n:n]
	d.b = d.b[n:]
	return out
}

func (d *decoder) int8() int8 {
	if b := d.take(1); b != nil {
		return int8(b[0])
	}
	return 0
}

func (d *decoder) int16() int16 {
	if b := d.take(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (d *decoder) int32() int32 {
	if b := d.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (d *decoder) int64() int64 {
	if b := d.take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

func (d *decoder) uvarint() int {
	v, n := binary.Uvarint(d.b)
	if n <= 0 || v > 1<<31-1 {
		d.b, d.bad = nil, true
		return 0
	}
	d.b = d.b[n:]
	return int(v)
}

// length reads the length of an array whose elements take at least size bytes; null is -1.
func (d *decoder) length(size int) int {
	n := d.uvarint() - 1
	if n > len(d.b)/size {
		d.b, d.bad = nil, true
	}
	if d.bad {
		return 0
	}
	return n
}

func (d *decoder) nullable() *string {
	n := d.uvarint() - 1
	if n < 0 || d.bad {
		return nil
	}
	s := string(d.take(n))
	return &s
}

func (d *decoder) string() string {
	if s := d.nullable(); s != nil {
		return *s
	}
	return ""
}

func (d *decoder) bytes() []byte {
	n := d.uvarint() - 1
	if n < 0 || d.bad {
		return nil
	}
	return slices.Clone(d.take(n))
}

func (d *decoder) strings() (out []string) {
	for n := d.length(1); n > 0 && !d.bad; n-- {
		out = append(out, d.string())
	}
	return out
}

// oldString is a string of a key: keys are not flexible.
func (d *decoder) oldString() string { return string(d.take(int(d.int16()))) }

// tags reads tagged fields; those that f does not know are passed over.
func (d *decoder) tags(f func(id int, body *decoder)) {
	for n := d.uvarint(); n > 0 && !d.bad; n-- {
		id := d.uvarint()
		body := decoder{b: d.take(d.uvarint())}
		if f != nil && !d.bad {
			f(id, &body)
			d.bad = d.bad || body.bad
		}
	}
}

func (d *decoder) assignment() Assignment {
	out := Assignment{}
	for n := d.length(18); n > 0 && !d.bad; n-- {
		var id TopicID
		copy(id[:], d.take(len(id)))
		var list, epochs []int32
		for k := d.length(4); k > 0 && !d.bad; k-- {
			list = append(list, d.int32())
		}
		d.tags(func(tag int, body *decoder) {
			if tag != 0 {
				return
			}
			for k := body.length(4); k > 0 && !body.bad; k-- {
				epochs = append(epochs, body.int32())
			}
		})
		for i, p := range list {
			if out[IDPartition{id, p}] = 0; i < len(epochs) {
				out[IDPartition{id, p}] = epochs[i]
			}
		}
	}
	return out
}
