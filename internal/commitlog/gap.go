package commitlog

import (
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/millrace/millrace/internal/wire"
)

// Records that cannot be read are a gap in the offsets, and a reader must get past it. An error would hold it: Java's consumer asks
// for the same offset for ever after CORRUPT_MESSAGE, librdkafka and franz-go too. A mere jump to the next sound batch would do, as
// after compaction, but for damage at the end of the log: there a reader that wants to reach the end offset (Connect's and Streams'
// restoring of a topic, a bounded scan) would wait for a record that never comes. So damage is served as what compaction leaves
// where it has removed everything: a batch without records, whose offsets say how far it reaches, and the markers of aborted
// transactions (lostmarker.go). Nothing of it is on disk.

// gapInstead replaces the error for damaged records by the batch that stands for them, up to what the reader may see.
func (l *Log) gapInstead(err error, offset int64, limit Limit, maxBytes int, minOneBatch bool) (Chunk, error) {
	empty := Chunk{FirstBatchOffset: -1}
	var d *DamageError
	if !errors.As(err, &d) {
		return empty, err
	}
	end := l.end.Load()
	switch limit {
	case HighWatermark:
		end = l.hw.Load()
	case LastStable:
		end = l.lso.Load()
	}
	next := min(d.Next, end)
	if next <= offset || maxBytes < wire.HeaderSize && !minOneBatch {
		return empty, nil
	}
	b := l.standIn(offset, next)
	return Chunk{FirstBatchOffset: offset, Below: next, Range: FileRange{File: bytesFile(b), Len: len(b)}, Damage: d}, nil
}

// reportGap tells of offsets that no file holds, once.
func (s *segment) reportGap(d *DamageError) {
	s.mu.RLock()
	told := s.mu.surveyed && len(s.mu.damage) > 0
	s.mu.RUnlock()
	if told || d.First >= d.Next || s.gapTold.Swap(true) {
		return
	}
	s.report(Finding{Path: d.Path, Pos: s.size.Load(), First: d.First, Next: d.Next, What: "records are missing after the end of the file"})
}

// bytesFile is bytes that are read like a file.
type bytesFile []byte

func (f bytesFile) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(len(f)) {
		return 0, io.EOF
	}
	n := copy(p, f[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f bytesFile) WriteAt([]byte, int64) (int, error) { return 0, f.readOnly() }
func (f bytesFile) Truncate(int64) error               { return f.readOnly() }
func (f bytesFile) Preallocate(int64, int64) error     { return f.readOnly() }
func (f bytesFile) Sync() error                        { return nil }
func (f bytesFile) Close() error                       { return nil }
func (f bytesFile) Size() (int64, error)               { return int64(len(f)), nil }
func (f bytesFile) Fd() (uintptr, bool)                { return 0, false }
func (f bytesFile) readOnly() error {
	return fmt.Errorf("a batch that stands for damage: %w", syscall.EROFS)
}
