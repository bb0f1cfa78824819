package savepoint

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"path"
	"sort"

	"github.com/millrace/millrace/internal/vfs"
	"github.com/millrace/millrace/internal/wire"
)

// fileBytes is where a file of a savepoint ends, and the next begins.
const fileBytes = 64 << 20

// output is a journal's log that is written to files in a directory.
type output struct {
	fs    vfs.FS
	dir   string
	limit int64
	files []File

	file vfs.File // nil between files
	size int64
	hash hash.Hash
	end  int64 // the next offset
}

// Append gives the batches their offsets and writes them behind the others. A file may
// be longer than its limit by one batch.
func (o *output) Append(batches []byte) (last int64, err error) {
	for rest := batches; len(rest) > 0; {
		var b wire.Batch
		if b, rest, err = wire.ParseBatch(rest); err != nil {
			return 0, err
		}
		b.SetBaseOffset(o.end)
		if err := o.write(b); err != nil {
			return 0, err
		}
		o.end = b.NextOffset()
	}
	return o.end - 1, nil
}

func (o *output) write(b []byte) error {
	if o.file != nil && o.size >= o.limit {
		if err := o.finish(); err != nil {
			return err
		}
	}
	if o.file == nil {
		f, err := o.fs.Create(path.Join(o.dir, fmt.Sprintf("state-%05d", len(o.files)+1)))
		if err != nil {
			return err
		}
		o.file, o.size, o.hash = f, 0, sha256.New()
	}
	if _, err := o.file.WriteAt(b, o.size); err != nil {
		return err
	}
	o.hash.Write(b)
	o.size += int64(len(b))
	return nil
}

// finish makes the open file durable and notes its checksum.
func (o *output) finish() error {
	if o.file == nil {
		return nil
	}
	err := errors.Join(o.file.Sync(), o.file.Close())
	o.file = nil
	o.files = append(o.files, File{Name: fmt.Sprintf("state-%05d", len(o.files)+1), Size: o.size, SHA256: hex.EncodeToString(o.hash.Sum(nil))})
	return err
}

// abandon closes what is open.
func (o *output) abandon() {
	if o.file != nil {
		o.file.Close()
		o.file = nil
	}
}

// WaitDurable makes everything durable: the run is complete when its writer waits.
func (o *output) WaitDurable(context.Context, int64) error { return o.finish() }

func (o *output) Start() int64 { return 0 }
func (o *output) End() int64   { return o.end }

func (o *output) Read(int64, int, []byte) ([]byte, error) {
	return nil, errors.New("a savepoint is not read while it is written")
}

func (o *output) DeleteBefore(int64) error { return nil }

// input is a savepoint's files as a journal's log.
type input struct {
	files   []vfs.File
	batches []place
}

// place is where a batch lies.
type place struct {
	last int64 // offset of its last record
	file int
	at   int64
	size int
}

// openFile reads a file whole, to check it and to find its batches.
func (in *input) openFile(fs vfs.FS, dir string, want File) error {
	f, err := fs.Open(path.Join(dir, want.Name))
	if err != nil {
		if vfs.IsNotExist(err) {
			return fmt.Errorf("savepoint %s is not whole: %s is missing; copy all of its files", dir, want.Name)
		}
		return fmt.Errorf("savepoint %s: %w", dir, err)
	}
	in.files = append(in.files, f)
	size, err := f.Size()
	if err != nil {
		return fmt.Errorf("savepoint %s: %w", dir, err)
	}
	damaged := fmt.Errorf("savepoint %s is damaged: %s is not what was written; use a copy of it or an older savepoint", dir, want.Name)
	if size != want.Size {
		return damaged
	}
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(f, 0, size)); err != nil {
		return fmt.Errorf("savepoint %s: %s: %w", dir, want.Name, err)
	}
	if hex.EncodeToString(h.Sum(nil)) != want.SHA256 {
		return damaged
	}
	if err := in.index(f, size); err != nil {
		return fmt.Errorf("savepoint %s: %s: %w", dir, want.Name, err)
	}
	return nil
}

// index finds the batches of the last file, whose checksum is right.
func (in *input) index(f vfs.File, size int64) error {
	head := make([]byte, wire.HeaderSize)
	for at := int64(0); at < size; {
		if _, err := f.ReadAt(head, at); err != nil {
			return err
		}
		b, length, err := wire.ParseHeader(head)
		if err != nil {
			return err
		}
		if b.BaseOffset() != in.End() || b.LastOffset() < b.BaseOffset() || at+int64(length) > size {
			return fmt.Errorf("has a batch of offsets %d to %d, %d bytes long, where offset %d is expected", b.BaseOffset(), b.LastOffset(), length, in.End())
		}
		in.batches = append(in.batches, place{last: b.LastOffset(), file: len(in.files) - 1, at: at, size: length})
		at += int64(length)
	}
	return nil
}

func (in *input) Start() int64 { return 0 }

func (in *input) End() int64 {
	if len(in.batches) == 0 {
		return 0
	}
	return in.batches[len(in.batches)-1].last + 1
}

// Read gives one batch.
func (in *input) Read(from int64, _ int, buf []byte) ([]byte, error) {
	i := sort.Search(len(in.batches), func(i int) bool { return in.batches[i].last >= from })
	if i == len(in.batches) {
		return nil, nil
	}
	p := in.batches[i]
	if cap(buf) < p.size {
		buf = make([]byte, p.size)
	}
	buf = buf[:p.size]
	if _, err := in.files[p.file].ReadAt(buf, p.at); err != nil && err != io.EOF {
		return nil, err
	}
	return buf, nil
}

func (in *input) Append([]byte) (int64, error)             { return 0, errReadOnly }
func (in *input) WaitDurable(context.Context, int64) error { return nil }
func (in *input) DeleteBefore(int64) error                 { return errReadOnly }

var errReadOnly = errors.New("a savepoint is not changed")

func (in *input) close() error {
	var errs []error
	for _, f := range in.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}
