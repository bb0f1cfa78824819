package node

import (
	"sync"
	"sync/atomic"

	"github.com/millrace/millrace/internal/vfs"
)

// power is a file system in memory that fails at a moment of one's choice: what the disk
// has then is all that is left, however the node goes on.
type power struct {
	*vfs.Mem
	armed atomic.Bool
	mu    struct {
		sync.Mutex
		writes, points int    // until it fails; 0: not by this
		point          string // of a job's commit; empty: any
		options        vfs.CrashOptions
		left           *vfs.Mem // once it has failed
	}
}

func newPower(disk *vfs.Mem) *power { return &power{Mem: disk} }

// after has the power fail at the n-th change of the disk.
func (p *power) after(n int, o vfs.CrashOptions) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.writes, p.mu.options = n, o
	p.armed.Store(true)
}

// at has it fail when a job passes a point for the n-th time.
func (p *power) at(point string, n int, o vfs.CrashOptions) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.point, p.mu.points, p.mu.options = point, n, o
	p.armed.Store(true)
}

// fail ends it now, if it has not failed, and gives what is left.
func (p *power) fail(o vfs.CrashOptions) *vfs.Mem {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.left == nil {
		p.mu.options = o
		p.failLocked()
	}
	return p.mu.left
}

func (p *power) failLocked() {
	if p.mu.left == nil {
		p.mu.left = p.CrashClone(p.mu.options)
	}
}

// alive calls fn if the power has not failed: whoever got an answer after that never got
// it.
func (p *power) alive(fn func()) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.left == nil {
		fn()
	}
	return p.mu.left == nil
}

func (p *power) touch() {
	if !p.armed.Load() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.writes > 0 {
		if p.mu.writes--; p.mu.writes == 0 {
			p.failLocked()
		}
	}
}

// pass is a node's Hook.
func (p *power) pass(point string) {
	if !p.armed.Load() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.points > 0 && (p.mu.point == "" || p.mu.point == point) {
		if p.mu.points--; p.mu.points == 0 {
			p.failLocked()
		}
	}
}

func (p *power) file(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return poweredFile{f, p}, nil
}

func (p *power) Create(name string) (vfs.File, error) {
	defer p.touch()
	return p.file(p.Mem.Create(name))
}

func (p *power) Open(name string) (vfs.File, error) { return p.file(p.Mem.Open(name)) }
func (p *power) OpenReadWrite(name string) (vfs.File, error) {
	return p.file(p.Mem.OpenReadWrite(name))
}

func (p *power) Rename(old, new string) error {
	defer p.touch()
	return p.Mem.Rename(old, new)
}

func (p *power) Remove(name string) error {
	defer p.touch()
	return p.Mem.Remove(name)
}

func (p *power) SyncDir(name string) error {
	p.touch()
	return p.Mem.SyncDir(name)
}

func (p *power) Volume(dir string) (vfs.Volume, error) {
	v, err := p.Mem.Volume(dir)
	return poweredVolume{v, p}, err
}

type poweredFile struct {
	vfs.File
	power *power
}

func (f poweredFile) WriteAt(b []byte, at int64) (int, error) {
	defer f.power.touch()
	return f.File.WriteAt(b, at)
}

func (f poweredFile) Truncate(size int64) error {
	defer f.power.touch()
	return f.File.Truncate(size)
}

func (f poweredFile) Sync() error {
	f.power.touch()
	return f.File.Sync()
}

type poweredVolume struct {
	vfs.Volume
	power *power
}

func (v poweredVolume) Sync() error {
	v.power.touch()
	return v.Volume.Sync()
}
