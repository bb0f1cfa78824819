package filesystem

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/format"
	"github.com/millrace/millrace/internal/vec"
	"github.com/millrace/millrace/internal/vfs"
)

// Writer opens the writer of a worker.
func (s *sink) Writer(_ context.Context, worker, _ int) (connector.Writer, error) {
	enc, err := s.format.NewEncoder(s.inFiles())
	if err != nil {
		return nil, err
	}
	w := &writer{sink: s, worker: worker, enc: enc, parts: map[string]*part{}, buffers: map[string]*buffer{}, watermark: vec.MinTime}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.writers = append(s.mu.writers, w)
	return w, nil
}

// writer writes the rows of one worker, a file for each partition.
type writer struct {
	*sink
	worker    int
	enc       format.Encoder
	buffers   map[string]*buffer // by folder
	current   *buffer            // the last row's
	folder    []byte
	parts     map[string]*part // by folder; under the sink's lock
	watermark int64            // likewise
	buffered  int
	cols      []*vec.Vector
}

// buffer holds rows on their way to a file.
type buffer struct {
	folder string
	rows   []byte
}

// part is a file that is being written.
type part struct {
	file           vfs.File
	name           string
	size           int64
	begun, written time.Time
	fresh          bool // it has got rows since the last Seal
}

// Advance tells how far event time has come.
func (w *writer) Advance(watermark int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.watermark = watermark
}

// Write encodes the rows, a line each.
func (w *writer) Write(b *vec.Batch) error {
	cols := b.Cols
	if len(w.partitions.names) > 0 {
		w.cols = w.cols[:0]
		for _, c := range w.partitions.others {
			w.cols = append(w.cols, b.Cols[c])
		}
		cols = w.cols
	}
	for i := range b.Len() {
		r := b.Row(i)
		to := w.bufferOf(b, r)
		before := len(to.rows)
		rows, err := w.enc.Encode(to.rows, cols, r)
		if err != nil {
			return vec.RowErrorf(r, "table %s: %v", w.table.Path[2], err)
		}
		to.rows = append(rows, '\n')
		w.buffered += len(to.rows) - before
	}
	if w.buffered >= bufferBytes {
		return w.Flush()
	}
	return nil
}

// bufferOf is that of the row's partition, mostly the one of the row before.
func (w *writer) bufferOf(b *vec.Batch, r int) *buffer {
	w.folder = w.partitions.folder(w.folder[:0], b, r)
	if w.current != nil && w.current.folder == string(w.folder) {
		return w.current
	}
	to := w.buffers[string(w.folder)]
	if to == nil {
		to = &buffer{folder: string(w.folder)}
		w.buffers[to.folder] = to
	}
	w.current = to
	return to
}

// Flush writes what is buffered to the files.
func (w *writer) Flush() error {
	if w.buffered == 0 {
		return nil
	}
	for folder, b := range w.buffers {
		if err := w.flush(b); err != nil {
			return fmt.Errorf("table %s: %w", w.table.Path[2], err)
		}
		// Partitions come and go; the buffer of the only one stays.
		if len(w.buffers) > 1 {
			delete(w.buffers, folder)
		}
	}
	w.current, w.buffered = nil, 0
	return nil
}

func (w *writer) flush(b *buffer) error {
	if len(b.rows) == 0 {
		return nil
	}
	p, err := w.part(b.folder)
	if err != nil {
		return err
	}
	n, err := p.file.WriteAt(b.rows, p.size)
	w.mu.Lock()
	defer w.mu.Unlock()
	p.size += int64(n)
	p.written, p.fresh = w.now(), true
	b.rows = b.rows[:0]
	return err
}

// part is the file of a folder, a new one if there is none.
func (w *writer) part(folder string) (*part, error) {
	w.mu.Lock()
	p, name := w.parts[folder], fmt.Sprintf("part-%s-%d-%d", w.mu.id, w.worker, w.mu.epoch)
	w.mu.Unlock()
	if p != nil {
		return p, nil
	}
	dir := filepath.Join(w.path, folder)
	if err := w.makeFolder(dir); err != nil {
		return nil, err
	}
	f, err := w.fs.Create(filepath.Join(dir, hidden(name)))
	if err != nil {
		return nil, err
	}
	p = &part{file: f, name: name, begun: w.now()}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.parts[folder] = p
	return p, nil
}

func (w *writer) Close() error { return nil }
