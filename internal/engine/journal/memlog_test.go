package journal

import (
	"context"
	"fmt"
	"slices"

	"github.com/millrace/millrace/internal/wire"
)

// memLog is a partition as a value: a list of batches.
type memLog struct {
	batches []wire.Batch
	start   int64
	end     int64
}

func (l *memLog) clone() *memLog {
	c := &memLog{start: l.start, end: l.end}
	for _, b := range l.batches {
		c.batches = append(c.batches, slices.Clone(b))
	}
	return c
}

func (l *memLog) Append(batches []byte) (int64, error) {
	for len(batches) > 0 {
		b, rest, err := wire.ParseBatch(batches)
		if err != nil {
			return 0, err
		}
		b = slices.Clone(b)
		b.SetBaseOffset(l.end)
		l.batches, l.end = append(l.batches, b), b.NextOffset()
		batches = rest
	}
	return l.end - 1, nil
}

func (l *memLog) WaitDurable(context.Context, int64) error { return nil }

func (l *memLog) Read(from int64, max int, buf []byte) ([]byte, error) {
	buf = buf[:0]
	for _, b := range l.batches {
		if b.LastOffset() < from {
			continue
		}
		if len(buf) > 0 && len(buf)+len(b) > max {
			break
		}
		buf = append(buf, b...)
	}
	return buf, nil
}

func (l *memLog) Start() int64 { return l.start }
func (l *memLog) End() int64   { return l.end }

func (l *memLog) DeleteBefore(offset int64) error {
	l.start = max(l.start, offset)
	l.batches = slices.DeleteFunc(l.batches, func(b wire.Batch) bool { return b.LastOffset() < offset })
	return nil
}

// find is the batch with the record at offset.
func (l *memLog) find(offset int64) (wire.Batch, error) {
	for _, b := range l.batches {
		if b.BaseOffset() <= offset && offset <= b.LastOffset() {
			return b, nil
		}
	}
	return nil, fmt.Errorf("no offset %d", offset)
}
