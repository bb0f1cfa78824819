package vfs

import (
	"os"
	"sort"
)

// OS is the operating system's file system.
var OS FS = osFS{}

type osFS struct{}

type osFile struct{ *os.File }

func (osFS) open(name string, flag int) (File, error) {
	f, err := os.OpenFile(name, flag, 0o644)
	if err != nil {
		return nil, err
	}
	return &osFile{f}, nil
}

func (fs osFS) Create(name string) (File, error) {
	return fs.open(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
}
func (fs osFS) Open(name string) (File, error)          { return fs.open(name, os.O_RDONLY) }
func (fs osFS) OpenReadWrite(name string) (File, error) { return fs.open(name, os.O_RDWR) }

func (osFS) MkdirAll(dir string) error  { return os.MkdirAll(dir, 0o755) }
func (osFS) Remove(name string) error   { return os.Remove(name) }
func (osFS) RemoveAll(dir string) error { return os.RemoveAll(dir) }
func (osFS) Rename(o, n string) error   { return os.Rename(o, n) }
func (f *osFile) Fd() (uintptr, bool)   { return f.File.Fd(), true }
func (f *osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (osFS) List(dir string) ([]string, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	sort.Strings(names)
	return names, err
}

func (osFS) Stat(name string) (Info, error) {
	info, err := os.Stat(name)
	if err != nil {
		return Info{}, err
	}
	return Info{Size: info.Size(), ModTime: info.ModTime(), Dir: info.IsDir()}, nil
}

func (osFS) SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	return err
}
