package wire

import "fmt"

// Record is a view of one record; it is valid until the iterator moves on, its bytes as long as the batch and the scratch are. A
// nil Key or Value is null; an empty one is not nil.
type Record struct {
	Offset    int64
	Timestamp int64
	Key       []byte
	Value     []byte
	Headers   RawHeaders
}

// RawHeaders are a record's headers as bytes, checked when the record was read.
type RawHeaders struct {
	n int
	b []byte
}

// Len is the number of headers left.
func (h RawHeaders) Len() int { return h.n }

// Next cuts the first header off.
func (h *RawHeaders) Next() (key, value []byte, ok bool) {
	if h.n == 0 {
		return nil, nil, false
	}
	r := recordReader{b: h.b}
	key = r.bytes()
	value = r.bytes()
	h.n, h.b = h.n-1, r.b
	return key, value, true
}

// RecordIter walks the records of a batch:
//
//	for it := Records(b, &scratch); it.Next(); { use(it.Record()) }
//
// and then asks Err. It allocates nothing of its own.
type RecordIter struct {
	rec       Record
	rest      []byte
	left      int32
	base      int64
	first     int64
	fixedTime bool
	err       error
}

// Records iterates a batch. A compressed one is expanded into scratch, which may be nil for an uncompressed one.
func Records(b Batch, scratch *Decompressor) RecordIter {
	it := RecordIter{left: b.RecordCount(), base: b.BaseOffset(), first: b.FirstTimestamp()}
	if b.TimestampType() == LogAppendTime {
		it.fixedTime, it.first = true, b.MaxTimestamp()
	}
	it.rest = b.RecordData()
	if c := b.Codec(); c != None {
		if scratch == nil {
			scratch = &Decompressor{}
		}
		it.rest, it.err = scratch.Decompress(c, it.rest)
	}
	if it.err == nil && it.left < 0 {
		it.err = fmt.Errorf("%w: count %d", ErrRecord, it.left)
	}
	return it
}

// Err is what ended the iteration early; nil at the end of the batch.
func (it *RecordIter) Err() error { return it.err }

// Record is the record that Next moved to.
func (it *RecordIter) Record() *Record { return &it.rec }

// Next moves to the next record.
func (it *RecordIter) Next() bool {
	if it.err != nil {
		return false
	}
	if it.left == 0 {
		if len(it.rest) != 0 {
			it.err = fmt.Errorf("%w: %d bytes after the last record", ErrRecord, len(it.rest))
		}
		return false
	}
	it.left--
	size, n := varint(it.rest)
	if n == 0 || size < 0 || size > int64(len(it.rest)-n) {
		it.err = fmt.Errorf("%w: length %d with %d bytes left", ErrRecord, size, len(it.rest)-n)
		return false
	}
	r := recordReader{b: it.rest[n : n+int(size)]}
	it.rest = it.rest[n+int(size):]
	if !it.decode(&r) {
		it.err = fmt.Errorf("%w: bad field", ErrRecord)
		return false
	}
	return true
}

func (it *RecordIter) decode(r *recordReader) bool {
	r.skip(1) // attributes: none are defined
	ts := r.varint()
	delta := r.varint()
	if delta < 0 || delta > 1<<31-1 {
		return false
	}
	it.rec.Offset = it.base + delta
	it.rec.Timestamp = it.first
	if !it.fixedTime {
		it.rec.Timestamp += ts
	}
	it.rec.Key = r.bytes()
	it.rec.Value = r.bytes()
	headers := r.varint()
	it.rec.Headers = RawHeaders{n: int(headers), b: r.b}
	if headers < 0 || headers > int64(len(r.b)) {
		return false
	}
	for range headers {
		if r.bytes() == nil { // a header's key is never null
			return false
		}
		r.bytes()
	}
	return !r.bad && len(r.b) == 0
}

// recordReader reads fields off the front; after a field that is not there it is bad and stays so.
type recordReader struct {
	b   []byte
	bad bool
}

func (r *recordReader) fail() { r.b, r.bad = nil, true }

func (r *recordReader) skip(n int) {
	if len(r.b) < n {
		r.fail()
		return
	}
	r.b = r.b[n:]
}

func (r *recordReader) varint() int64 {
	v, n := varint(r.b)
	if n == 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

// bytes reads a length and that many bytes; nil for a length of -1.
func (r *recordReader) bytes() []byte {
	n := r.varint()
	if n == -1 || r.bad {
		return nil
	}
	if n < 0 || n > int64(len(r.b)) {
		r.fail()
		return nil
	}
	out := r.b[:n:n]
	r.b = r.b[n:]
	return out
}
