package wire

import (
	"encoding/binary"
	"math"
)

// EmptyBatch builds a batch without records that covers the offsets from first to last, as Kafka's compaction leaves them: a reader
// takes nothing from it and goes on behind it. It covers no more than a batch can, which its last offset says.
func EmptyBatch(first, last int64) Batch {
	b := NewBuilder(nil)
	batch := Batch(b.buf)
	batch.SetBaseOffset(first)
	binary.BigEndian.PutUint32(batch[offLength:], HeaderSize-LengthPrefix)
	binary.BigEndian.PutUint32(batch[offLastOffsetDelta:], uint32(min(last-first, math.MaxInt32-1)))
	binary.BigEndian.PutUint64(batch[offFirstTimestamp:], math.MaxUint64) // -1: none
	binary.BigEndian.PutUint64(batch[offMaxTimestamp:], math.MaxUint64)
	batch.setCRC()
	return batch
}
