package wire

import (
	"encoding/binary"
	"fmt"
)

// Filter takes records out of batches, as compaction does: what stays keeps its offset, and the batch its first and last one, so
// that neither offsets nor a producer's sequence numbers move. A Filter is scratch for one goroutine; the zero value is ready.
//
// Scan decides, Append writes. A batch that loses nothing should be copied instead, for Append compresses anew.
type Filter struct {
	scratch Decompressor
	kept    []keptRecord
	out     []byte
}

// keptRecord is a record's bytes, and its time.
type keptRecord struct {
	raw []byte
	ts  int64
}

// Filtered is what Scan found.
type Filtered struct {
	// Read and Kept count records.
	Read, Kept int
	// Tombstones says that a kept record has no value.
	Tombstones bool
}

// Scan asks keep about each record of a batch. The record is valid during the call, the batch must be until Append.
func (f *Filter) Scan(b Batch, keep func(*Record) bool) (r Filtered, err error) {
	f.kept = f.kept[:0]
	it := Records(b, &f.scratch)
	for {
		before := it.rest
		if !it.Next() {
			return r, it.Err()
		}
		r.Read++
		if !keep(&it.rec) {
			continue
		}
		r.Kept++
		r.Tombstones = r.Tombstones || it.rec.Value == nil
		f.kept = append(f.kept, keptRecord{before[:len(before)-len(it.rest)], it.rec.Timestamp})
	}
}

// Append writes the batch with the records that the last Scan kept, of which there must be one. A horizon of at least 0 is the time
// from which its tombstones may go (KIP-534): it takes the place of the first timestamp, which nothing else needs, since records
// say their times relative to it.
func (f *Filter) Append(dst []byte, b Batch, horizon int64) ([]byte, error) {
	base := f.kept[0].ts
	if horizon >= 0 {
		base = horizon
	}
	newest := f.kept[0].ts
	f.out = f.out[:0]
	for _, k := range f.kept {
		newest = max(newest, k.ts)
		f.out = k.appendTo(f.out, base)
	}
	if b.TimestampType() == LogAppendTime {
		newest = b.MaxTimestamp()
	}
	at := len(dst)
	dst, err := Compress(append(dst, b[:HeaderSize]...), b.Codec(), f.out)
	if err != nil {
		return dst[:at], fmt.Errorf("compressing what is left of a batch: %w", err)
	}
	attributes := b.Attributes() &^ attrDeleteHorizon
	if horizon >= 0 {
		attributes |= attrDeleteHorizon
	}
	Batch(dst[at:]).setHeader(attributes, base, newest, int32(len(f.kept)))
	return dst, nil
}

// appendTo writes the record with its time relative to another base.
func (k *keptRecord) appendTo(p []byte, base int64) []byte {
	r := recordReader{b: k.raw}
	r.varint()
	attributes := r.b[0]
	r.skip(1)
	r.varint()
	delta := k.ts - base
	p = appendVarint(p, int64(1+varintSize(delta)+len(r.b)))
	p = append(p, attributes)
	p = appendVarint(p, delta)
	return append(p, r.b...)
}

// AppendEmpty writes a batch without its records: what is left says which offsets were there, who wrote them, and up to which
// sequence number.
func AppendEmpty(dst []byte, b Batch) []byte {
	at := len(dst)
	dst = append(dst, b[:HeaderSize]...)
	Batch(dst[at:]).setHeader(b.Attributes()&(attrLogAppendTime|attrTransactional|attrControl), -1, b.MaxTimestamp(), 0)
	return dst
}

// setHeader fills what depends on the records.
func (b Batch) setHeader(attributes int16, firstTS, maxTS int64, count int32) {
	binary.BigEndian.PutUint32(b[offLength:], uint32(len(b)-LengthPrefix))
	binary.BigEndian.PutUint16(b[offAttributes:], uint16(attributes))
	binary.BigEndian.PutUint64(b[offFirstTimestamp:], uint64(firstTS))
	binary.BigEndian.PutUint64(b[offMaxTimestamp:], uint64(maxTS))
	binary.BigEndian.PutUint32(b[offRecordCount:], uint32(count))
	b.setCRC()
}

// DeleteHorizon is when the batch's tombstones, or its marker, may go; ok is false if that has not been said yet.
func (b Batch) DeleteHorizon() (ms int64, ok bool) {
	return b.FirstTimestamp(), b.HasDeleteHorizon()
}
