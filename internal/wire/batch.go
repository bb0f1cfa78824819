// Package wire is Kafka's record data as bytes: the record batch (magic 2), its records, its compression, and transaction markers.
package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// A record batch, magic 2. All integers are big-endian; varints are zigzag.
//
//	0               8         12        16      17      21          23
//	+---------------+---------+---------+-------+-------+-----------+
//	| base offset 8 | length 4| leader  | magic | crc 4 | attributes|
//	|               |         | epoch 4 |   1   |       |     2     |
//	+---------------+---------+---------+-------+-------+-----------+
//	23              27              35              43            51
//	+---------------+---------------+---------------+-------------+
//	| last offset   | first         | max           | producer    |
//	| delta 4       | timestamp 8   | timestamp 8   | id 8        |
//	+---------------+---------------+---------------+-------------+
//	51              53              57              61          12+length
//	+---------------+---------------+---------------+-------------+
//	| producer      | base          | record        | records …   |
//	| epoch 2       | sequence 4    | count 4       | (compressed)|
//	+---------------+---------------+---------------+-------------+
//
// length counts what follows it. The CRC-32C covers everything from attributes on, so that a broker may write the base offset and
// the leader epoch into a batch without touching what the client signed.
//
//	attributes: bits 0-2 codec · 3 timestamp type · 4 transactional · 5 control · 6 has delete horizon
//
// A record inside:
//
//	+-----------+--------------+--------------------+------------------+
//	| length vi | attributes 1 | timestamp delta vl | offset delta vi  |
//	+-----------+--------------+--------------------+------------------+
//	| key length vi (-1 null) | key | value length vi (-1 null) | value |
//	+-----------------+------------------------------------------------+
//	| header count vi | key length vi, key, value length vi, value …   |
//	+-----------------+------------------------------------------------+
const (
	offBaseOffset      = 0
	offLength          = 8
	offLeaderEpoch     = 12
	offMagic           = 16
	offCRC             = 17
	offAttributes      = 21
	offLastOffsetDelta = 23
	offFirstTimestamp  = 27
	offMaxTimestamp    = 35
	offProducerID      = 43
	offProducerEpoch   = 51
	offBaseSequence    = 53
	offRecordCount     = 57

	// HeaderSize is the size of a batch before its records.
	HeaderSize = 61
	// LengthPrefix is how much of a batch its length field does not count.
	LengthPrefix = 12

	attrCodec         = 0x07
	attrLogAppendTime = 0x08
	attrTransactional = 0x10
	attrControl       = 0x20
	attrDeleteHorizon = 0x40
)

// Errors of parsing. ErrTruncated wraps io.ErrUnexpectedEOF: more bytes could make the batch whole; the others cannot be healed.
var (
	ErrTruncated = fmt.Errorf("record batch is cut off: %w", io.ErrUnexpectedEOF)
	ErrMagic     = errors.New("record batch is not of magic 2")
	ErrLength    = errors.New("record batch has an impossible length")
	ErrCRC       = errors.New("record batch fails its checksum")
	ErrRecord    = errors.New("malformed record")
)

// TimestampType says whose clock stamped a batch.
type TimestampType int8

const (
	CreateTime    TimestampType = 0
	LogAppendTime TimestampType = 1
)

// Batch is a view of the bytes of one record batch. What ParseHeader returns has the header only: Records and CheckCRC need all.
type Batch []byte

// ParseBatch cuts the first batch off b. It checks magic and length, not the checksum.
func ParseBatch(b []byte) (batch Batch, rest []byte, err error) {
	h, size, err := ParseHeader(b)
	if err != nil {
		return nil, b, err
	}
	if len(b) < size {
		return nil, b, ErrTruncated
	}
	return Batch(h[:size:size]), b[size:], nil
}

// ParseHeader reads a batch whose records may not be in b, and says how many bytes the batch has in all.
func ParseHeader(b []byte) (header Batch, size int, err error) {
	if len(b) < HeaderSize {
		return nil, 0, ErrTruncated
	}
	if b[offMagic] != 2 {
		return nil, 0, ErrMagic
	}
	n := int32(binary.BigEndian.Uint32(b[offLength:]))
	if n < HeaderSize-LengthPrefix || n > 1<<31-1-LengthPrefix {
		return nil, 0, ErrLength
	}
	return Batch(b), int(n) + LengthPrefix, nil
}

func (b Batch) i16(off int) int16 { return int16(binary.BigEndian.Uint16(b[off:])) }
func (b Batch) i32(off int) int32 { return int32(binary.BigEndian.Uint32(b[off:])) }
func (b Batch) i64(off int) int64 { return int64(binary.BigEndian.Uint64(b[off:])) }

func (b Batch) BaseOffset() int64      { return b.i64(offBaseOffset) }
func (b Batch) LastOffset() int64      { return b.BaseOffset() + int64(b.LastOffsetDelta()) }
func (b Batch) NextOffset() int64      { return b.LastOffset() + 1 }
func (b Batch) LastOffsetDelta() int32 { return b.i32(offLastOffsetDelta) }

// Length is the length field; Size is what the batch takes in all.
func (b Batch) Length() int32         { return b.i32(offLength) }
func (b Batch) Size() int             { return int(b.Length()) + LengthPrefix }
func (b Batch) LeaderEpoch() int32    { return b.i32(offLeaderEpoch) }
func (b Batch) Attributes() int16     { return b.i16(offAttributes) }
func (b Batch) FirstTimestamp() int64 { return b.i64(offFirstTimestamp) }
func (b Batch) MaxTimestamp() int64   { return b.i64(offMaxTimestamp) }
func (b Batch) ProducerID() int64     { return b.i64(offProducerID) }
func (b Batch) ProducerEpoch() int16  { return b.i16(offProducerEpoch) }
func (b Batch) BaseSequence() int32   { return b.i32(offBaseSequence) }
func (b Batch) RecordCount() int32    { return b.i32(offRecordCount) }
func (b Batch) CRC() uint32           { return binary.BigEndian.Uint32(b[offCRC:]) }

// LastSequence is the sequence number of the last record, which wraps to 0 after the largest int32.
func (b Batch) LastSequence() int32 { return AddSequence(b.BaseSequence(), b.LastOffsetDelta()) }

func (b Batch) Codec() Codec          { return Codec(b.Attributes() & attrCodec) }
func (b Batch) IsTransactional() bool { return b.Attributes()&attrTransactional != 0 }
func (b Batch) IsControl() bool       { return b.Attributes()&attrControl != 0 }
func (b Batch) HasDeleteHorizon() bool {
	return b.Attributes()&attrDeleteHorizon != 0
}
func (b Batch) TimestampType() TimestampType {
	if b.Attributes()&attrLogAppendTime != 0 {
		return LogAppendTime
	}
	return CreateTime
}

// RecordData is the record section as it is stored, compressed or not.
func (b Batch) RecordData() []byte { return b[HeaderSize:] }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// CheckCRC compares the checksum with the bytes.
func (b Batch) CheckCRC() error {
	if crc32.Checksum(b[offAttributes:], castagnoli) != b.CRC() {
		return ErrCRC
	}
	return nil
}

// SetBaseOffset and SetLeaderEpoch write where the checksum does not look.
func (b Batch) SetBaseOffset(off int64) { binary.BigEndian.PutUint64(b[offBaseOffset:], uint64(off)) }
func (b Batch) SetLeaderEpoch(epoch int32) {
	binary.BigEndian.PutUint32(b[offLeaderEpoch:], uint32(epoch))
}

// SetLogAppendTime stamps a batch with the broker's clock and recomputes the checksum.
func (b Batch) SetLogAppendTime(ms int64) {
	binary.BigEndian.PutUint16(b[offAttributes:], uint16(b.Attributes()|attrLogAppendTime))
	binary.BigEndian.PutUint64(b[offMaxTimestamp:], uint64(ms))
	b.setCRC()
}

func (b Batch) setCRC() {
	binary.BigEndian.PutUint32(b[offCRC:], crc32.Checksum(b[offAttributes:], castagnoli))
}

// AddSequence adds to a sequence number as Kafka does: after the largest int32 comes 0.
func AddSequence(seq, n int32) int32 {
	if seq > 1<<31-1-n {
		return n - (1<<31 - 1 - seq) - 1
	}
	return seq + n
}
