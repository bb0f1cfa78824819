package commitlog

import (
	"errors"
	"io"
	"sync"

	"github.com/millrace/millrace/internal/vfs"
	"github.com/millrace/millrace/internal/wire"
)

// window reads a segment's batches through a buffer. A batch that it returns is valid until the next call.
type window struct {
	file vfs.File
	end  int64 // read nothing from here on
	buf  []byte
	off  int64 // of what is in buf
	n    int
}

const windowSize = 32 << 10

var windows = sync.Pool{New: func() any { return &window{buf: make([]byte, windowSize)} }}

func newWindow(f vfs.File, end int64) *window {
	w := windows.Get().(*window)
	w.file, w.end, w.off, w.n = f, end, 0, 0
	return w
}

func (w *window) release() {
	w.file = nil
	if len(w.buf) <= 1<<20 {
		windows.Put(w)
	}
}

// at returns at least need bytes from pos; io.ErrUnexpectedEOF if the window's end is nearer.
func (w *window) at(pos int64, need int) ([]byte, error) {
	if pos+int64(need) > w.end {
		return nil, io.ErrUnexpectedEOF
	}
	if pos < w.off || pos+int64(need) > w.off+int64(w.n) {
		if need > len(w.buf) {
			w.buf = make([]byte, need)
		}
		n := int(min(int64(len(w.buf)), w.end-pos))
		w.off, w.n = pos, 0
		if _, err := readFull(w.file, w.buf[:n], pos); err != nil {
			return nil, err
		}
		w.n = n
	}
	return w.buf[pos-w.off : w.n], nil
}

// header reads the header of the batch at pos; the batch must end within the window.
func (w *window) header(pos int64) (wire.Batch, error) {
	b, err := w.at(pos, wire.HeaderSize)
	if err != nil {
		return nil, err
	}
	h, size, err := wire.ParseHeader(b)
	if err != nil {
		return nil, err
	}
	if pos+int64(size) > w.end {
		return nil, io.ErrUnexpectedEOF
	}
	if h.LastOffsetDelta() < 0 {
		return nil, wire.ErrLength
	}
	return h, nil
}

// batch reads the whole batch at pos, unchecked.
func (w *window) batch(pos int64) (wire.Batch, error) {
	h, err := w.header(pos)
	if err != nil {
		return nil, err
	}
	b, err := w.at(pos, h.Size())
	if err != nil {
		return nil, err
	}
	batch, _, err := wire.ParseBatch(b)
	return batch, err
}

// sound reads the batch at pos if its checksum is right and its offsets are in [from, below).
func (w *window) sound(pos, from, below int64) (wire.Batch, error) {
	b, err := w.batch(pos)
	if err != nil {
		return nil, err
	}
	if b.BaseOffset() < from || b.LastOffset() >= below {
		return nil, errOffsets
	}
	return b, b.CheckCRC()
}

// ordered is sound for a batch that is followed by others: its offsets are not covered by its checksum. If they do not join what is
// before them, which only compaction may do, they must at least be in order with what follows.
func (w *window) ordered(pos, from, below int64) (wire.Batch, error) {
	b, err := w.sound(pos, from, below)
	if err != nil || b.BaseOffset() == from || pos+int64(b.Size()) >= w.end {
		return b, err
	}
	size, next := int64(b.Size()), b.NextOffset()
	follower, err := w.header(pos + size)
	if err == nil && follower.BaseOffset() < next {
		err = errOffsets
	}
	if err != nil {
		return nil, err
	}
	return w.batch(pos)
}

var errOffsets = errors.New("offsets are out of order")
