package commitlog

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/millrace/millrace/internal/wire"
)

// Bytes stay bytes, unless the configuration asks something about records: whether they have keys (a compacted log must know them),
// how old each is, or how they are compressed. Only then is a batch opened, or when its header says that there is something wrong.

// RecordError is what is wrong with one record of a batch.
type RecordError struct {
	Index   int32 // in the batch
	Message string
}

// RecordsError refuses a batch for some of its records, all of which are named (KIP-467). It is ErrInvalidRecord or
// ErrInvalidTimestamp.
type RecordsError struct {
	Kind    error
	Records []RecordError
}

func (e *RecordsError) Error() string {
	if e.Kind == ErrInvalidTimestamp {
		return "One or more records have been rejected due to invalid timestamp"
	}
	text := fmt.Sprintf("One or more records have been rejected due to %d record errors in total, and only showing the first three errors at most: [",
		len(e.Records))
	for i, r := range e.Records[:min(len(e.Records), 3)] {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("RecordError(batchIndex=%d, message='%s')", r.Index, r.Message)
	}
	return text + "]"
}

func (e *RecordsError) Is(target error) bool { return target == e.Kind }

// inspects says whether batches are opened, whoever they come from.
func (c *Config) inspects(batches []byte, origin Origin, now time.Time) bool {
	return c.Compact || c.Compression != ProducerCompression || origin == FromClient && c.judges(batches, now)
}

// judges says whether the time of each record matters.
func (c *Config) judges(batches []byte, now time.Time) bool {
	return c.checksAge() || c.ahead(batches, now)
}

// ahead says whether a batch claims a time that is too far in the future.
func (c *Config) ahead(batches []byte, now time.Time) bool {
	h, _, err := wire.ParseHeader(batches)
	return err == nil && c.TimestampType == wire.CreateTime && h.MaxTimestamp() >= 0 &&
		h.MaxTimestamp()-now.UnixMilli() > c.TimestampAfterMax.Milliseconds()
}

func (c *Config) checksAge() bool {
	return c.TimestampBeforeMax != math.MaxInt64 && c.TimestampType == wire.CreateTime
}

func (c *Config) recompresses(b wire.Batch) bool {
	return c.Compression != ProducerCompression && b.Codec() != c.Compression && !b.IsControl()
}

// inspect checks the records of batches for a partition, and gives the batches as they are to be written: themselves, or others.
func (c *Config) inspect(batches []byte, origin Origin, now time.Time, partition string) ([]byte, error) {
	d := decompressors.Get().(*wire.Decompressor)
	defer decompressors.Put(d)
	recompress := false
	for rest := batches; len(rest) > 0; {
		b, tail, _ := wire.ParseBatch(rest)
		judge := origin == FromClient && c.judges(rest, now)
		recompress = recompress || c.recompresses(b)
		if (c.Compact || judge || c.recompresses(b)) && !b.IsControl() {
			if err := c.inspectRecords(b, judge, now.UnixMilli(), partition, d); err != nil {
				return nil, err
			}
		}
		rest = tail
	}
	if origin == FromClient && c.ahead(batches, now) {
		return nil, fmt.Errorf("%w: the batch claims a later time than its records", ErrInvalidTimestamp)
	}
	if !recompress {
		return batches, nil
	}
	var out []byte
	for rest := batches; len(rest) > 0; {
		b, tail, _ := wire.ParseBatch(rest)
		at, err := len(out), error(nil)
		if !c.recompresses(b) {
			out = append(out, b...)
		} else if out, err = wire.Recompress(out, b, c.Compression, c.CompressionLevel, d); err != nil {
			return nil, fmt.Errorf("%w: %v", ErrCorrupt, err)
		}
		if n := len(out) - at; n > c.MaxMessageBytes && origin != Internal {
			return nil, fmt.Errorf("%w: %d bytes of %d, compressed with %v", ErrMessageTooLarge, n, c.MaxMessageBytes, c.Compression)
		}
		rest = tail
	}
	if int64(len(out)) > c.SegmentBytes {
		return nil, fmt.Errorf("%w: %d bytes, a segment has %d", ErrListTooLarge, len(out), c.SegmentBytes)
	}
	return out, nil
}

func (c *Config) inspectRecords(b wire.Batch, judge bool, now int64, partition string, d *wire.Decompressor) error {
	var keyless, untimely []RecordError
	it := wire.Records(b, d)
	n := int32(0)
	for ; it.Next(); n++ {
		r := it.Record()
		if r.Offset-b.BaseOffset() != int64(n) {
			return fmt.Errorf("%w: record %d has offset delta %d", ErrInvalidRecord, n, r.Offset-b.BaseOffset())
		}
		if c.Compact && r.Key == nil {
			keyless = append(keyless, RecordError{n, "Compacted topic cannot accept message without key in topic partition " + partition})
		}
		if judge && c.untimely(r.Timestamp, now) {
			untimely = append(untimely, RecordError{n, fmt.Sprintf("Timestamp %d of message with offset %d is out of range. "+
				"The timestamp should be within [%d, %d]", r.Timestamp, r.Offset, now-c.TimestampBeforeMax.Milliseconds(),
				now+c.TimestampAfterMax.Milliseconds())})
		}
	}
	switch err := it.Err(); {
	case errors.Is(err, wire.ErrRecord):
		return fmt.Errorf("%w: %v", ErrInvalidRecord, err)
	case err != nil:
		return fmt.Errorf("%w: %v", ErrCorrupt, err)
	case len(untimely) > 0:
		return &RecordsError{ErrInvalidTimestamp, untimely}
	case len(keyless) > 0:
		return &RecordsError{ErrInvalidRecord, keyless}
	}
	return nil
}

// untimely says whether a record's time is too far from the broker's. No time is not untimely.
func (c *Config) untimely(ts, now int64) bool {
	return ts >= 0 && (now-ts > c.TimestampBeforeMax.Milliseconds() || ts-now > c.TimestampAfterMax.Milliseconds())
}
