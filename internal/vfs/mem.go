package vfs

import (
	"io"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"
)

// sectorSize is what a disk writes whole or not at all.
const sectorSize = 512

// Mem is a file system in memory that knows what has been synced, so that a crash is a value: CrashClone.
//
// One lock guards the whole tree. Beside its present bytes a file keeps, for each sector written since its last Sync, the bytes
// that the disk had there before; beside its present names a directory keeps the operations since its last SyncDir.
type Mem struct {
	mu struct {
		sync.Mutex
		root  *memNode
		locks map[string]bool
	}
}

// NewMem makes an empty file system.
func NewMem() *Mem {
	m := &Mem{}
	m.mu.root = newMemDir()
	m.mu.locks = map[string]bool{}
	return m
}

// memNode is a file or, if names is not nil, a directory. Guarded by Mem.mu.
type memNode struct {
	data       []byte
	syncedSize int64
	undo       map[int64][]byte // sector -> its synced bytes; fewer than sectorSize at the synced end
	modTime    time.Time

	names       map[string]*memNode
	syncedNames map[string]*memNode
	ops         []dirOp // what leads from syncedNames to names
}

// dirOp sets one or two names at once: a rename is atomic within a directory.
type dirOp struct {
	name  string
	node  *memNode // nil: removed
	other string   // for a rename: the name that it also removes
}

func newMemDir() *memNode {
	return &memNode{names: map[string]*memNode{}, syncedNames: map[string]*memNode{}}
}

func (n *memNode) isDir() bool { return n.names != nil }

func (n *memNode) apply(names map[string]*memNode, op dirOp) {
	if op.other != "" {
		delete(names, op.other)
	}
	if op.node == nil {
		delete(names, op.name)
	} else {
		names[op.name] = op.node
	}
}

func (n *memNode) do(op dirOp) {
	n.apply(n.names, op)
	n.ops = append(n.ops, op)
}

func pathErr(op, name string, err error) error { return &fs.PathError{Op: op, Path: name, Err: err} }

func split(name string) []string {
	name = strings.Trim(filepath.ToSlash(filepath.Clean(name)), "/")
	if name == "" || name == "." {
		return nil
	}
	return strings.Split(name, "/")
}

// find walks to a node; nil if it is not there.
func (m *Mem) find(name string) *memNode {
	n := m.mu.root
	for _, part := range split(name) {
		if n == nil || !n.isDir() {
			return nil
		}
		n = n.names[part]
	}
	return n
}

// parent finds the directory that holds, or would hold, a name.
func (m *Mem) parent(op, name string) (*memNode, string, error) {
	parts := split(name)
	if len(parts) == 0 {
		return nil, "", pathErr(op, name, fs.ErrInvalid)
	}
	dir := m.find(strings.Join(parts[:len(parts)-1], "/"))
	if dir == nil || !dir.isDir() {
		return nil, "", pathErr(op, name, fs.ErrNotExist)
	}
	return dir, parts[len(parts)-1], nil
}

func (m *Mem) Create(name string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, err := m.parent("create", name)
	if err != nil {
		return nil, err
	}
	n := dir.names[base]
	switch {
	case n == nil:
		n = &memNode{modTime: time.Now()}
		dir.do(dirOp{name: base, node: n})
	case n.isDir():
		return nil, pathErr("create", name, fs.ErrInvalid)
	default:
		n.truncate(0)
	}
	return &memFile{fs: m, node: n, name: name, writable: true}, nil
}

func (m *Mem) Open(name string) (File, error)          { return m.open(name, false) }
func (m *Mem) OpenReadWrite(name string) (File, error) { return m.open(name, true) }

func (m *Mem) open(name string, writable bool) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.find(name)
	if n == nil {
		return nil, pathErr("open", name, fs.ErrNotExist)
	}
	if n.isDir() {
		return nil, pathErr("open", name, fs.ErrInvalid)
	}
	return &memFile{fs: m, node: n, name: name, writable: writable}, nil
}

func (m *Mem) MkdirAll(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.mu.root
	for _, part := range split(dir) {
		next := n.names[part]
		if next == nil {
			next = newMemDir()
			n.do(dirOp{name: part, node: next})
		}
		if !next.isDir() {
			return pathErr("mkdir", dir, fs.ErrExist)
		}
		n = next
	}
	return nil
}

func (m *Mem) List(dir string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.find(dir)
	if n == nil || !n.isDir() {
		return nil, pathErr("list", dir, fs.ErrNotExist)
	}
	names := make([]string, 0, len(n.names))
	for name := range n.names {
		names = append(names, name)
	}
	sort.Strings(names)
	return names, nil
}

func (m *Mem) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, err := m.parent("remove", name)
	if err != nil {
		return err
	}
	n := dir.names[base]
	if n == nil {
		return pathErr("remove", name, fs.ErrNotExist)
	}
	if n.isDir() && len(n.names) > 0 {
		return pathErr("remove", name, fs.ErrInvalid)
	}
	dir.do(dirOp{name: base})
	return nil
}

func (m *Mem) RemoveAll(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, err := m.parent("remove", name)
	if err == nil && dir.names[base] != nil {
		dir.do(dirOp{name: base})
	}
	return nil
}

func (m *Mem) Rename(oldName, newName string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	from, oldBase, err := m.parent("rename", oldName)
	if err != nil {
		return err
	}
	to, newBase, err := m.parent("rename", newName)
	if err != nil {
		return err
	}
	n := from.names[oldBase]
	if n == nil {
		return pathErr("rename", oldName, fs.ErrNotExist)
	}
	if from == to {
		if oldBase != newBase {
			to.do(dirOp{name: newBase, node: n, other: oldBase})
		}
		return nil
	}
	to.do(dirOp{name: newBase, node: n})
	from.do(dirOp{name: oldBase})
	return nil
}

func (m *Mem) Stat(name string) (Info, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.find(name)
	if n == nil {
		return Info{}, pathErr("stat", name, fs.ErrNotExist)
	}
	return Info{Size: int64(len(n.data)), ModTime: n.modTime, Dir: n.isDir()}, nil
}

func (m *Mem) SyncDir(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.find(dir)
	if n == nil || !n.isDir() {
		return pathErr("syncdir", dir, fs.ErrNotExist)
	}
	n.syncNames()
	return nil
}

func (n *memNode) syncNames() {
	for _, op := range n.ops {
		n.apply(n.syncedNames, op)
	}
	n.ops = nil
}

type memVolume struct{ fs *Mem }

// Volume syncs the whole tree.
func (m *Mem) Volume(string) (Volume, error) { return memVolume{m}, nil }

func (v memVolume) Close() error { return nil }
func (v memVolume) Sync() error {
	v.fs.mu.Lock()
	defer v.fs.mu.Unlock()
	v.fs.mu.root.syncTree()
	return nil
}

func (n *memNode) syncTree() {
	if !n.isDir() {
		n.sync()
		return
	}
	n.syncNames()
	for _, child := range n.names {
		child.syncTree()
	}
}

type memLock struct {
	fs   *Mem
	name string
}

func (m *Mem) Lock(name string) (io.Closer, error) {
	f, err := m.Create(name)
	if err != nil {
		return nil, err
	}
	f.Close()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mu.locks[name] {
		return nil, pathErr("lock", name, ErrLocked)
	}
	m.mu.locks[name] = true
	return &memLock{m, name}, nil
}

func (l *memLock) Close() error {
	l.fs.mu.Lock()
	defer l.fs.mu.Unlock()
	delete(l.fs.mu.locks, l.name)
	return nil
}

func (m *Mem) Free(string) (int64, error) { return math.MaxInt64, nil }

type memFile struct {
	fs       *Mem
	node     *memNode
	name     string
	writable bool
	closed   bool // guarded by fs.mu
}

// check is called with the lock held.
func (f *memFile) check(op string, write bool) error {
	if f.closed {
		return pathErr(op, f.name, fs.ErrClosed)
	}
	if write && !f.writable {
		return pathErr(op, f.name, fs.ErrPermission)
	}
	return nil
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.check("read", false); err != nil {
		return 0, err
	}
	if off >= int64(len(f.node.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.node.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.check("write", true); err != nil {
		return 0, err
	}
	f.node.write(p, off)
	return len(p), nil
}

func (f *memFile) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.check("sync", false); err != nil {
		return err
	}
	f.node.sync()
	return nil
}

func (f *memFile) Truncate(size int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.check("truncate", true); err != nil {
		return err
	}
	f.node.truncate(size)
	return nil
}

func (f *memFile) Preallocate(off, length int64) error { return nil }

func (f *memFile) Size() (int64, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return int64(len(f.node.data)), f.check("stat", false)
}

func (f *memFile) Close() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.check("close", false); err != nil {
		return err
	}
	f.closed = true
	return nil
}

func (f *memFile) Fd() (uintptr, bool) { return 0, false }

// touch remembers the synced bytes of the sectors in [from, to).
func (n *memNode) touch(from, to int64) {
	for s := from / sectorSize; s*sectorSize < to; s++ {
		if _, ok := n.undo[s]; ok {
			continue
		}
		if n.undo == nil {
			n.undo = map[int64][]byte{}
		}
		lo := s * sectorSize
		hi := min(lo+sectorSize, n.syncedSize, int64(len(n.data)))
		if lo < hi {
			n.undo[s] = slices.Clone(n.data[lo:hi])
		} else {
			n.undo[s] = nil
		}
	}
}

func (n *memNode) write(p []byte, off int64) {
	n.modTime = time.Now()
	end := off + int64(len(p))
	n.touch(min(off, int64(len(n.data))), end)
	if end > int64(len(n.data)) {
		n.grow(end)
	}
	copy(n.data[off:], p)
}

func (n *memNode) grow(size int64) {
	old := len(n.data)
	n.data = slices.Grow(n.data, int(size)-old)[:size]
	clear(n.data[old:])
}

func (n *memNode) truncate(size int64) {
	n.modTime = time.Now()
	old := int64(len(n.data))
	if size < old {
		n.touch(size, old)
		n.data = n.data[:size]
		return
	}
	n.touch(old, size)
	n.grow(size)
}

func (n *memNode) sync() {
	n.syncedSize = int64(len(n.data))
	n.undo = nil
}
