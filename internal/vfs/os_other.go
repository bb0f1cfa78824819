//go:build !linux

package vfs

import (
	"io"
	"math"
	"os"
)

func (f *osFile) Preallocate(off, length int64) error { return nil }

// osVolume has no syncfs to call: it says so by an error when opened, and callers sync file by file.
func (osFS) Volume(dir string) (Volume, error) {
	return nil, &os.PathError{Op: "syncfs", Path: dir, Err: os.ErrInvalid}
}

// Lock is a file that only one process can create; one that is left by a crash must be removed by hand.
func (osFS) Lock(name string) (io.Closer, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if os.IsExist(err) {
		return nil, &os.PathError{Op: "lock", Path: name, Err: ErrLocked}
	}
	if err != nil {
		return nil, err
	}
	return &heldLock{f, name}, nil
}

type heldLock struct {
	f    *os.File
	name string
}

func (l *heldLock) Close() error {
	l.f.Close()
	return os.Remove(l.name)
}

// Free is unknown here.
func (osFS) Free(dir string) (int64, error) { return math.MaxInt64, nil }
