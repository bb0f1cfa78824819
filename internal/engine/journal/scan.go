package journal

import (
	"fmt"

	"github.com/millrace/millrace/internal/wire"
)

const readBytes = 1 << 20

// record is a record of the log; its value is valid during the visit.
type record struct {
	offset int64
	kind   byte
	value  []byte
}

// scan visits the records from offset from up to end, and every damage between
// them. An error of a visit ends it.
func scan(log Log, from, end int64, visit func(record) error, damaged func(Damage) error) error {
	s := scanner{log: log}
	for next := from; next < end; {
		batch, err := s.batch(next)
		if err != nil {
			d := Damage{Offset: next, End: s.resume(next+1, end), Reason: err.Error()}
			if err := damaged(d); err != nil {
				return err
			}
			next = d.End
			continue
		}
		if err := s.visit(batch, next, end, visit); err != nil {
			return err
		}
		next = batch.NextOffset()
	}
	return nil
}

// scanner reads batches in order.
type scanner struct {
	log    Log
	buf    []byte
	ahead  []byte // read and not yet parsed
	at     int64  // the offset that ahead begins with
	expand wire.Decompressor
}

// batch is the batch with the record at offset, whole and checked.
func (s *scanner) batch(offset int64) (wire.Batch, error) {
	if len(s.ahead) > 0 && s.at == offset {
		if b, err := s.take(offset); err == nil {
			return b, nil
		}
	}
	buf, err := s.log.Read(offset, readBytes, s.buf)
	if err != nil {
		return nil, err
	}
	s.buf, s.ahead = buf, buf
	return s.take(offset)
}

// take cuts the first batch off what was read ahead.
func (s *scanner) take(offset int64) (wire.Batch, error) {
	batch, rest, err := wire.ParseBatch(s.ahead)
	s.ahead = nil
	if err != nil {
		return nil, err
	}
	if err := batch.CheckCRC(); err != nil {
		return nil, err
	}
	if batch.BaseOffset() > offset || batch.LastOffset() < offset {
		return nil, fmt.Errorf("the log gave the records from offset %d to %d instead", batch.BaseOffset(), batch.LastOffset())
	}
	s.ahead, s.at = rest, batch.NextOffset()
	return batch, nil
}

// resume finds the first readable batch at or after offset. The length in a
// damaged header is not believed: every offset is asked for.
func (s *scanner) resume(offset, end int64) int64 {
	for ; offset < end; offset++ {
		if b, err := s.batch(offset); err == nil && b.BaseOffset() == offset {
			s.ahead = nil
			return offset
		}
	}
	return end
}

func (s *scanner) visit(batch wire.Batch, from, end int64, visit func(record) error) error {
	it := wire.Records(batch, &s.expand)
	for it.Next() {
		r := it.Record()
		if r.Offset < from || r.Offset >= end || len(r.Key) != 1 {
			continue
		}
		if err := visit(record{offset: r.Offset, kind: r.Key[0], value: r.Value}); err != nil {
			return err
		}
	}
	return it.Err()
}
