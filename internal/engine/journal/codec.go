package journal

import (
	"encoding/binary"
	"fmt"
)

func appendInt(b []byte, v int64) []byte    { return binary.AppendUvarint(b, uint64(v)) }
func appendSigned(b []byte, v int64) []byte { return binary.AppendVarint(b, v) }

func appendString(b []byte, s string) []byte { return append(appendInt(b, int64(len(s))), s...) }

// appendBytes keeps nil and empty apart.
func appendBytes(b, v []byte) []byte {
	if v == nil {
		return append(b, 0)
	}
	return append(appendInt(b, int64(len(v))+1), v...)
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

// reader reads fields off the front of a record; after a field that is not there
// it is bad and stays so. What it returns are copies.
type reader struct {
	b       []byte
	version byte
	bad     bool
}

// newReader reads the version and refuses those to come.
func newReader(b []byte) *reader {
	r := &reader{b: b}
	if r.version = r.byte(); r.version < 1 || r.version > version {
		r.fail()
	}
	return r
}

func (r *reader) fail() { r.b, r.bad = nil, true }

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.fail()
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

func (r *reader) bool() bool { return r.byte() != 0 }

func (r *reader) int() int64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 || v > 1<<63-1 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return int64(v)
}

func (r *reader) signed() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

// count is the length of a list; each of its elements takes a byte at least.
func (r *reader) count() int64 {
	n := r.int()
	if n > int64(len(r.b)) {
		r.fail()
		return 0
	}
	return n
}

// index is an index into a list of n.
func (r *reader) index(n int) int {
	v := r.int()
	if v >= int64(n) {
		r.fail()
		return 0
	}
	return int(v)
}

func (r *reader) take(n int64) []byte {
	if n > int64(len(r.b)) {
		r.fail()
		return nil
	}
	v := append([]byte{}, r.b[:n]...)
	r.b = r.b[n:]
	return v
}

func (r *reader) string() string { return string(r.take(r.int())) }

func (r *reader) bytes() []byte {
	n := r.int()
	if n == 0 {
		return nil
	}
	return r.take(n - 1)
}

// err is what was wrong with the record, if anything, bytes left over included.
func (r *reader) err(what string) error {
	switch {
	case r.version > version:
		return errVersion(r.version)
	case r.bad || len(r.b) > 0:
		return fmt.Errorf("is no %s record", what)
	}
	return nil
}
