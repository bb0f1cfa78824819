package filesystem

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/format"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
	"github.com/millrace/millrace/internal/vfs"
)

// sink writes files that get their names when their epoch is committed:
//
//	.part-ID-WORKER-EPOCH.inprogress ── Seal ── Prepare: synced ── [journal] ── Commit: renamed to part-ID-WORKER-EPOCH
//
// The next epoch has files of its own, so it waits for nothing.
//
// A token lists the names. A rename that was done already is no error, so Commit
// may run again.
type sink struct {
	base
	mu struct {
		sync.Mutex
		id      string
		epoch   int64 // of the files that are being written
		writers []*writer
		sealed  []sealedFile // not yet prepared
		hidden  []string     // prepared and not yet committed
	}
}

// sealedFile is a file that gets no more rows. It is closed once it is synced.
type sealedFile struct {
	name string
	file vfs.File
}

func (s *sink) ChangelogMode(types.KindSet) types.KindSet { return types.AppendOnly }
func (s *sink) Transactional() bool                       { return true }

// Identity is part of the name of every file that the job writes.
func (s *sink) Identity(context.Context) ([]byte, error) {
	id := make([]byte, 8)
	_, err := rand.Read(id)
	return []byte(hex.EncodeToString(id)), err
}

// Recover names the files of the token and removes the job's others.
func (s *sink) Recover(ctx context.Context, identity, token []byte) error {
	s.mu.Lock()
	s.mu.id = string(identity)
	s.mu.Unlock()
	if err := s.makeFolder(s.path); err != nil {
		return fmt.Errorf("table %s: cannot make the folder '%s': %w", s.table.Path[2], s.path, cause(err))
	}
	if err := s.Commit(ctx, token); err != nil {
		return err
	}
	names, err := s.fs.List(s.path)
	if err != nil {
		return err
	}
	for _, n := range names {
		if strings.HasPrefix(n, ".part-"+string(identity)+"-") {
			if err := s.fs.Remove(filepath.Join(s.path, n)); err != nil {
				return err
			}
		}
		if epoch, ok := epochOf(n, string(identity)); ok {
			s.mu.epoch = max(s.mu.epoch, epoch+1)
		}
	}
	return nil
}

// makeFolder makes a folder that is still there after a crash: a name is durable
// when the folder that it stands in is synced.
func (s *sink) makeFolder(path string) error {
	parent := filepath.Dir(path)
	if _, err := s.fs.Stat(path); err == nil || !vfs.IsNotExist(err) || parent == path {
		return err
	}
	if err := s.makeFolder(parent); err != nil {
		return err
	}
	if err := s.fs.MkdirAll(path); err != nil {
		return err
	}
	return s.fs.SyncDir(parent)
}

func epochOf(name, id string) (epoch int64, ok bool) {
	var worker int
	n, _ := fmt.Sscanf(name, "part-"+id+"-%d-%d", &worker, &epoch)
	return epoch, n == 2
}

// Seal lets the next rows begin files of the next epoch.
func (s *sink) Seal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.mu.writers {
		if w.file != nil {
			s.mu.sealed = append(s.mu.sealed, sealedFile{w.name, w.file})
			w.file = nil
		}
	}
	if s.mu.sealed != nil {
		s.mu.epoch++
	}
}

// Prepare syncs and closes the sealed files.
func (s *sink) Prepare(_ context.Context, _ int64) ([]byte, error) {
	s.mu.Lock()
	sealed := s.mu.sealed
	s.mu.sealed = nil
	for _, f := range sealed {
		s.mu.hidden = append(s.mu.hidden, f.name)
	}
	s.mu.Unlock()
	if sealed == nil {
		return nil, nil
	}
	var names []string
	var errs []error
	for _, f := range sealed {
		names = append(names, f.name)
		errs = append(errs, f.file.Sync(), f.file.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("table %s: %w", s.table.Path[2], err)
	}
	return []byte(strings.Join(names, "\n")), s.fs.SyncDir(s.path)
}

// Commit gives the files of the token their names.
func (s *sink) Commit(_ context.Context, token []byte) error {
	if len(token) == 0 {
		return nil
	}
	for _, name := range strings.Split(string(token), "\n") {
		err := s.fs.Rename(filepath.Join(s.path, hidden(name)), filepath.Join(s.path, name))
		if err != nil && !vfs.IsNotExist(err) {
			return fmt.Errorf("table %s: %w", s.table.Path[2], err)
		}
	}
	s.mu.Lock()
	s.mu.hidden = nil
	s.mu.Unlock()
	return s.fs.SyncDir(s.path)
}

func hidden(name string) string { return "." + name + ".inprogress" }

// Abort removes what has no name yet.
func (s *sink) Abort(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.mu.writers {
		if w.file != nil {
			s.mu.sealed = append(s.mu.sealed, sealedFile{w.name, w.file})
			w.file = nil
		}
	}
	var errs []error
	for _, f := range s.mu.sealed {
		errs = append(errs, f.file.Close())
		s.mu.hidden = append(s.mu.hidden, f.name)
	}
	for _, name := range s.mu.hidden {
		errs = append(errs, s.fs.Remove(filepath.Join(s.path, hidden(name))))
	}
	s.mu.sealed, s.mu.hidden = nil, nil
	return errors.Join(errs...)
}

func (s *sink) Close() error { return nil }

// Writer opens the writer of a worker.
func (s *sink) Writer(_ context.Context, worker, _ int) (connector.Writer, error) {
	enc, err := s.format.NewEncoder(s.config())
	if err != nil {
		return nil, err
	}
	w := &writer{sink: s, worker: worker, enc: enc}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.writers = append(s.mu.writers, w)
	return w, nil
}

// writer writes the rows of one worker.
type writer struct {
	*sink
	worker int
	enc    format.Encoder
	buf    []byte
	file   vfs.File // nil until the epoch's first row
	name   string
	size   int64
}

// Write encodes the rows, a line each.
func (w *writer) Write(b *vec.Batch) error {
	for i := range b.Len() {
		r := b.Row(i)
		var err error
		if w.buf, err = w.enc.Encode(w.buf, b.Cols, r); err != nil {
			return vec.RowErrorf(r, "table %s: %v", w.table.Path[2], err)
		}
		w.buf = append(w.buf, '\n')
	}
	if len(w.buf) >= bufferBytes {
		return w.Flush()
	}
	return nil
}

// Flush writes what is buffered to the epoch's file.
func (w *writer) Flush() error {
	if len(w.buf) == 0 {
		return nil
	}
	if w.file == nil {
		w.mu.Lock()
		w.name, w.size = fmt.Sprintf("part-%s-%d-%d", w.mu.id, w.worker, w.mu.epoch), 0
		w.mu.Unlock()
		f, err := w.fs.Create(filepath.Join(w.path, hidden(w.name)))
		if err != nil {
			return fmt.Errorf("table %s: %w", w.table.Path[2], err)
		}
		w.file = f
	}
	n, err := w.file.WriteAt(w.buf, w.size)
	w.size += int64(n)
	w.buf = w.buf[:0]
	return err
}

func (w *writer) Close() error { return nil }
