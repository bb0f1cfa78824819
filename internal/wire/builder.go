package wire

import "encoding/binary"

// Header is a record header.
type Header struct {
	Key   string
	Value []byte
}

// Builder writes one record batch. Records are appended as bytes at once; Bytes fills the header and compresses.
//
// A Builder is reused by Reset; it then allocates only to grow.
type Builder struct {
	buf     []byte // the batch, uncompressed
	out     []byte // the batch, compressed
	codec   Codec
	count   int32
	firstTS int64
	maxTS   int64
}

// NewBuilder starts a batch in buf, whose content is overwritten and which may be nil. The batch has no producer and no compression
// until told otherwise.
func NewBuilder(buf []byte) *Builder {
	b := &Builder{}
	b.Reset(buf)
	return b
}

// Reset starts another batch in buf; with a nil buf in the one it has, which overwrites what Bytes returned.
func (b *Builder) Reset(buf []byte) {
	if buf == nil {
		buf = b.buf
	}
	var header [HeaderSize]byte
	header[offMagic] = 2
	b.buf = append(buf[:0], header[:]...)
	b.codec, b.count = None, 0
	b.SetLeaderEpoch(-1)
	b.SetProducer(-1, -1, -1)
}

func (b *Builder) attributes(mask uint16, on bool) {
	a := binary.BigEndian.Uint16(b.buf[offAttributes:])
	if a &^= mask; on {
		a |= mask
	}
	binary.BigEndian.PutUint16(b.buf[offAttributes:], a)
}

// SetProducer names the idempotent producer and the sequence number of the first record.
func (b *Builder) SetProducer(pid int64, epoch int16, baseSequence int32) {
	binary.BigEndian.PutUint64(b.buf[offProducerID:], uint64(pid))
	binary.BigEndian.PutUint16(b.buf[offProducerEpoch:], uint16(epoch))
	binary.BigEndian.PutUint32(b.buf[offBaseSequence:], uint32(baseSequence))
}

func (b *Builder) SetTransactional(on bool) { b.attributes(attrTransactional, on) }
func (b *Builder) setControl()              { b.attributes(attrControl, true) }

// SetCodec chooses the compression.
func (b *Builder) SetCodec(c Codec) { b.codec = c }

func (b *Builder) SetBaseOffset(off int64)    { Batch(b.buf).SetBaseOffset(off) }
func (b *Builder) SetLeaderEpoch(epoch int32) { Batch(b.buf).SetLeaderEpoch(epoch) }

// Append adds a record. A nil key, value or header value is null.
func (b *Builder) Append(ts int64, key, value []byte, headers []Header) {
	if b.count == 0 {
		b.firstTS, b.maxTS = ts, ts
	}
	b.maxTS = max(b.maxTS, ts)
	delta := ts - b.firstTS

	size := 1 + varintSize(delta) + varintSize(int64(b.count)) + bytesSize(key) + bytesSize(value) + varintSize(int64(len(headers)))
	for i := range headers {
		n := len(headers[i].Key)
		size += varintSize(int64(n)) + n + bytesSize(headers[i].Value)
	}
	p := appendVarint(b.buf, int64(size))
	p = append(p, 0)
	p = appendVarint(p, delta)
	p = appendVarint(p, int64(b.count))
	p = appendBytes(p, key)
	p = appendBytes(p, value)
	p = appendVarint(p, int64(len(headers)))
	for i := range headers {
		p = appendVarint(p, int64(len(headers[i].Key)))
		p = append(p, headers[i].Key...)
		p = appendBytes(p, headers[i].Value)
	}
	b.buf = p
	b.count++
}

func bytesSize(v []byte) int {
	if v == nil {
		return 1
	}
	return varintSize(int64(len(v))) + len(v)
}

func appendBytes(p, v []byte) []byte {
	if v == nil {
		return append(p, 1) // zigzag of -1
	}
	return append(appendVarint(p, int64(len(v))), v...)
}

// Count is the number of records so far.
func (b *Builder) Count() int { return int(b.count) }

// Len is the size of the batch so far, uncompressed.
func (b *Builder) Len() int { return len(b.buf) }

// Bytes finishes the batch: it may be appended to and finished again, but what was returned before is then overwritten. A batch
// without records is nil.
func (b *Builder) Bytes() []byte {
	if b.count == 0 {
		return nil
	}
	batch := Batch(b.buf)
	if b.codec != None {
		out, err := Compress(append(b.out[:0], b.buf[:HeaderSize]...), b.codec, b.buf[HeaderSize:])
		if err == nil {
			b.out, batch = out, Batch(out)
			binary.BigEndian.PutUint16(batch[offAttributes:], uint16(batch.Attributes())|uint16(b.codec))
		}
	}
	binary.BigEndian.PutUint32(batch[offLength:], uint32(len(batch)-LengthPrefix))
	binary.BigEndian.PutUint32(batch[offLastOffsetDelta:], uint32(b.count-1))
	binary.BigEndian.PutUint64(batch[offFirstTimestamp:], uint64(b.firstTS))
	binary.BigEndian.PutUint64(batch[offMaxTimestamp:], uint64(b.maxTS))
	binary.BigEndian.PutUint32(batch[offRecordCount:], uint32(b.count))
	batch.setCRC()
	return batch
}
