// Package vfs is the file system as an argument: the operating system's, one in memory whose crashes are values, and one that
// fails on command.
//
// The interface is what a log needs and no more. Reads and writes name their position, because an append position that lives in
// the kernel is state that a failed write leaves unknown.
package vfs

import (
	"errors"
	"io"
	"io/fs"
	"time"
)

// FS is a tree of files. Implementations are safe for concurrent use.
//
// Durability follows POSIX at its strictest: File.Sync makes a file's bytes and length durable, not its name; SyncDir makes the
// names in one directory durable, not what they stand for.
type FS interface {
	// Create makes a file, or empties the one that is there, and opens it for reading and writing.
	Create(name string) (File, error)
	// Open opens a file for reading.
	Open(name string) (File, error)
	// OpenReadWrite opens a file that exists for reading and writing.
	OpenReadWrite(name string) (File, error)
	// MkdirAll makes a directory and its missing parents.
	MkdirAll(dir string) error
	// List returns the names in a directory, sorted, without their directory.
	List(dir string) ([]string, error)
	// Remove removes a file or an empty directory. Open handles keep working.
	Remove(name string) error
	// RemoveAll removes a tree; a missing one is no error.
	RemoveAll(dir string) error
	// Rename moves a file or directory, replacing a file of the new name.
	Rename(oldName, newName string) error
	// Stat describes a file or directory.
	Stat(name string) (Info, error)
	// SyncDir makes the names in dir durable.
	SyncDir(dir string) error
	// Volume opens the file system that holds dir, for syncing all of it at once. It is opened early and kept: the kernel reports
	// a failed write-back only to handles that were open when it failed.
	Volume(dir string) (Volume, error)
	// Lock takes the exclusive lock of a data directory, by a file that it creates; closing releases it. A lock that another
	// process or handle holds gives ErrLocked.
	Lock(name string) (io.Closer, error)
	// Free is the number of bytes that may still be written under dir.
	Free(dir string) (int64, error)
}

// File is an open file. ReadAt may run beside everything else; the caller orders writes.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Sync makes the bytes and the length durable (fdatasync). After an error nothing is known about what was written since the
	// last success, and a later success does not change that.
	Sync() error
	// Truncate sets the length.
	Truncate(size int64) error
	// Preallocate reserves space for a range without changing the length. It is a hint where a file system cannot do it.
	Preallocate(off, length int64) error
	// Size is the length.
	Size() (int64, error)
	// Fd is the descriptor for sendfile, where there is one.
	Fd() (fd uintptr, ok bool)
}

// Volume is a whole file system.
type Volume interface {
	// Sync makes durable everything written to the file system before the call, names included.
	Sync() error
	io.Closer
}

// Info is what Stat tells.
type Info struct {
	Size    int64
	ModTime time.Time
	Dir     bool
}

// ErrLocked is returned by Lock for a directory that is in use.
var ErrLocked = errors.New("data directory is in use by another process")

// IsNotExist says whether an error means that a file is not there.
func IsNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }
