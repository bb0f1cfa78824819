package broker

import (
	"encoding/binary"
	"errors"
	"math"
)

// Kafka's primitives, for the headers and for the messages whose records must not be copied: Produce and Fetch. kmsg does the rest.

var errMalformed = errors.New("malformed request")

// reader reads fields off the front; after one that is not there it is bad and stays so. Bytes alias the request. An array's length
// is bounded by the bytes left and the least size of an element, so that a small request cannot ask for much memory.
//
// The bytes may still be on their way, in a frame: then each field is read when it is asked for, and what was returned before it is
// gone.
type reader struct {
	b        []byte
	frame    *frame // nil if all there is is in b, which is empty otherwise
	flexible bool   // compact lengths and tags
	bad      bool
}

// left is how many bytes there are, or will be.
func (r *reader) left() int {
	if r.frame != nil {
		return r.frame.left
	}
	return len(r.b)
}

// whole waits for all of the request.
func (r *reader) whole() {
	if r.frame != nil {
		r.b = r.frame.next(r.frame.left)
		r.bad = r.bad || r.frame.err != nil
		r.frame = nil
	}
}

func (r *reader) take(n int) []byte {
	if n >= 0 && n <= r.left() && r.frame != nil && !r.bad {
		b := r.frame.next(n)
		r.bad = r.frame.err != nil
		return b
	}
	if n < 0 || n > len(r.b) {
		r.b, r.bad = nil, true
		return nil
	}
	out := r.b[:n:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) int8() int8 {
	if b := r.take(1); b != nil {
		return int8(b[0])
	}
	return 0
}

func (r *reader) int16() int16 {
	if b := r.take(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (r *reader) int32() int32 {
	if b := r.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (r *reader) int64() int64 {
	if b := r.take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

func (r *reader) uuid() (id [16]byte) {
	copy(id[:], r.take(len(id)))
	return id
}

func (r *reader) uvarint() int {
	if r.frame != nil {
		return r.slowUvarint()
	}
	v, n := binary.Uvarint(r.b)
	if n <= 0 || v > math.MaxInt32 {
		r.b, r.bad = nil, true
		return 0
	}
	r.b = r.b[n:]
	return int(v)
}

// slowUvarint is uvarint where the bytes come one by one.
func (r *reader) slowUvarint() int {
	var b [binary.MaxVarintLen64]byte
	for i := range b {
		in := r.take(1)
		if r.bad {
			return 0
		}
		if b[i] = in[0]; b[i] < 0x80 {
			whole := reader{b: b[:i+1]}
			v := whole.uvarint()
			r.bad = whole.bad
			return v
		}
	}
	r.bad = true
	return 0
}

// nullable reads a length, -1 for null.
func (r *reader) nullable() int {
	if r.flexible {
		return r.uvarint() - 1
	}
	return int(r.int32())
}

// array reads the length of an array whose elements take at least size bytes; null is empty.
func (r *reader) array(size int) int {
	n := r.nullable()
	if n > r.left()/size {
		r.b, r.bad = nil, true
	}
	if r.bad || n < 0 {
		return 0
	}
	return n
}

// topicSize is the least size of a topic: an empty name, no partitions, in flexible versions no tags.
func topicSize(flexible bool) int {
	if flexible {
		return 1 + 1 + 1
	}
	return 2 + 4
}

// string reads a string; null is empty, and not ok.
func (r *reader) string() (s string, ok bool) {
	n := 0
	if r.flexible {
		n = r.uvarint() - 1
	} else {
		n = int(r.int16())
	}
	if n < 0 || r.bad {
		return "", false
	}
	return string(r.take(n)), true
}

// bytes reads nullable bytes.
func (r *reader) bytes() []byte {
	n := r.nullable()
	if n < 0 || r.bad {
		return nil
	}
	return r.take(n)
}

// tags skips tagged fields.
func (r *reader) tags() { r.tagged(nil) }

// tagged hands each tagged field to fn, which need not read it to its end.
func (r *reader) tagged(fn func(tag int, field *reader)) {
	if !r.flexible {
		return
	}
	for n := r.uvarint(); n > 0 && !r.bad; n-- {
		tag := r.uvarint()
		field := reader{b: r.take(r.uvarint()), flexible: true}
		if fn != nil && !r.bad {
			fn(tag, &field)
			r.bad = field.bad
		}
	}
}

// writer appends fields.
type writer struct {
	b        []byte
	flexible bool
}

func (w *writer) int16(v int16)    { w.b = binary.BigEndian.AppendUint16(w.b, uint16(v)) }
func (w *writer) int32(v int32)    { w.b = binary.BigEndian.AppendUint32(w.b, uint32(v)) }
func (w *writer) int64(v int64)    { w.b = binary.BigEndian.AppendUint64(w.b, uint64(v)) }
func (w *writer) uuid(v [16]byte)  { w.b = append(w.b, v[:]...) }
func (w *writer) uvarint(v uint64) { w.b = binary.AppendUvarint(w.b, v) }

// length writes the length of an array or of bytes; -1 is null.
func (w *writer) length(n int) {
	if w.flexible {
		w.uvarint(uint64(n + 1))
	} else {
		w.int32(int32(n))
	}
}

func (w *writer) string(s string) {
	if w.flexible {
		w.uvarint(uint64(len(s) + 1))
	} else {
		w.int16(int16(len(s)))
	}
	w.b = append(w.b, s...)
}

func (w *writer) nullableString(s string, null bool) {
	switch {
	case !null:
		w.string(s)
	case w.flexible:
		w.uvarint(0)
	default:
		w.int16(-1)
	}
}

// tags writes that there are no tagged fields.
func (w *writer) tags() {
	if w.flexible {
		w.b = append(w.b, 0)
	}
}
