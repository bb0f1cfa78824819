package vfs

import (
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// Faults is a file system that fails as a script says. A script has one rule a line:
//
//	OPERATION PATTERN [after=N] [times=N] ERROR     # comment
//
// OPERATION is create, open, mkdir, list, remove, rename, stat, syncdir, syncvolume, lock, free, read, write, sync, truncate,
// preallocate, or * for any. PATTERN matches the path's last element, or the whole path if it has a slash, as filepath.Match
// does. The first N matching calls pass (after), then so many fail (times; without it, all). ERROR is enospc, eio, or short: a
// write of half the bytes, then ENOSPC. Of several rules that match, the first that is due fails the call.
type Faults struct {
	fs FS
	mu struct {
		sync.Mutex
		rules []*rule
	}
}

type rule struct {
	op, pattern  string
	after, times int
	short        bool
	err          error
}

// WithFaults wraps fs. An empty script injects nothing.
func WithFaults(fs FS, script string) (*Faults, error) {
	f := &Faults{fs: fs}
	return f, f.Set(script)
}

// Set replaces the script, its counts starting anew.
func (f *Faults) Set(script string) error {
	var rules []*rule
	for i, line := range strings.Split(script, "\n") {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		r, err := parseRule(words)
		if err != nil {
			return fmt.Errorf("fault script line %d: %w", i+1, err)
		}
		rules = append(rules, r)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.rules = rules
	return nil
}

func parseRule(words []string) (*rule, error) {
	if len(words) < 3 {
		return nil, fmt.Errorf("want OPERATION PATTERN [after=N] [times=N] ERROR, have %q", strings.Join(words, " "))
	}
	r := &rule{op: words[0], pattern: words[1], times: -1}
	if _, err := filepath.Match(r.pattern, ""); err != nil {
		return nil, err
	}
	for _, w := range words[2 : len(words)-1] {
		key, val, _ := strings.Cut(w, "=")
		n, err := strconv.Atoi(val)
		if err != nil {
			return nil, fmt.Errorf("%q: want a number", w)
		}
		switch key {
		case "after":
			r.after = n
		case "times":
			r.times = n
		default:
			return nil, fmt.Errorf("%q: want after=N or times=N", w)
		}
	}
	switch e := words[len(words)-1]; e {
	case "enospc":
		r.err = syscall.ENOSPC
	case "eio":
		r.err = syscall.EIO
	case "short":
		r.err, r.short = syscall.ENOSPC, true
	default:
		return nil, fmt.Errorf("error %q: want enospc, eio or short", e)
	}
	return r, nil
}

func (r *rule) matches(op, name string) bool {
	if r.op != "*" && r.op != op {
		return false
	}
	if !strings.Contains(r.pattern, "/") {
		name = filepath.Base(name)
	}
	ok, _ := filepath.Match(r.pattern, name)
	return ok
}

// hit finds the rule that fails a call, if one does.
func (f *Faults) hit(op, name string) *rule {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.mu.rules {
		if !r.matches(op, name) {
			continue
		}
		if r.after > 0 {
			r.after--
			continue
		}
		if r.times != 0 {
			r.times--
			return r
		}
	}
	return nil
}

func (f *Faults) fail(op, name string) error {
	if r := f.hit(op, name); r != nil {
		return pathErr(op, name, r.err)
	}
	return nil
}

func (f *Faults) open(op, name string, open func(string) (File, error)) (File, error) {
	if err := f.fail(op, name); err != nil {
		return nil, err
	}
	file, err := open(name)
	if err != nil {
		return nil, err
	}
	return &faultFile{File: file, fs: f, name: name}, nil
}

func (f *Faults) Create(name string) (File, error) { return f.open("create", name, f.fs.Create) }
func (f *Faults) Open(name string) (File, error)   { return f.open("open", name, f.fs.Open) }
func (f *Faults) OpenReadWrite(name string) (File, error) {
	return f.open("open", name, f.fs.OpenReadWrite)
}

func (f *Faults) call(op, name string, fn func(string) error) error {
	if err := f.fail(op, name); err != nil {
		return err
	}
	return fn(name)
}

func (f *Faults) MkdirAll(dir string) error  { return f.call("mkdir", dir, f.fs.MkdirAll) }
func (f *Faults) Remove(name string) error   { return f.call("remove", name, f.fs.Remove) }
func (f *Faults) RemoveAll(dir string) error { return f.call("remove", dir, f.fs.RemoveAll) }
func (f *Faults) SyncDir(dir string) error   { return f.call("syncdir", dir, f.fs.SyncDir) }
func (f *Faults) Rename(oldName, newName string) error {
	return f.call("rename", newName, func(string) error { return f.fs.Rename(oldName, newName) })
}

func (f *Faults) List(dir string) ([]string, error) {
	if err := f.fail("list", dir); err != nil {
		return nil, err
	}
	return f.fs.List(dir)
}

func (f *Faults) Stat(name string) (Info, error) {
	if err := f.fail("stat", name); err != nil {
		return Info{}, err
	}
	return f.fs.Stat(name)
}

func (f *Faults) Lock(name string) (io.Closer, error) {
	if err := f.fail("lock", name); err != nil {
		return nil, err
	}
	return f.fs.Lock(name)
}

func (f *Faults) Free(dir string) (int64, error) {
	if err := f.fail("free", dir); err != nil {
		return 0, err
	}
	return f.fs.Free(dir)
}

func (f *Faults) Volume(dir string) (Volume, error) {
	v, err := f.fs.Volume(dir)
	if err != nil {
		return nil, err
	}
	return &faultVolume{v, f, dir}, nil
}

type faultVolume struct {
	Volume
	fs  *Faults
	dir string
}

func (v *faultVolume) Sync() error {
	if err := v.fs.fail("syncvolume", v.dir); err != nil {
		return err
	}
	return v.Volume.Sync()
}

type faultFile struct {
	File
	fs   *Faults
	name string
}

func (f *faultFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.fs.fail("read", f.name); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, off)
}

func (f *faultFile) WriteAt(p []byte, off int64) (int, error) {
	r := f.fs.hit("write", f.name)
	if r == nil {
		return f.File.WriteAt(p, off)
	}
	n := 0
	if r.short {
		n, _ = f.File.WriteAt(p[:len(p)/2], off)
	}
	return n, pathErr("write", f.name, r.err)
}

func (f *faultFile) Sync() error {
	if err := f.fs.fail("sync", f.name); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *faultFile) Truncate(size int64) error {
	if err := f.fs.fail("truncate", f.name); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f *faultFile) Preallocate(off, length int64) error {
	if err := f.fs.fail("preallocate", f.name); err != nil {
		return err
	}
	return f.File.Preallocate(off, length)
}

// Fd hides the descriptor, so that no read goes past the script.
func (f *faultFile) Fd() (uintptr, bool) { return 0, false }
