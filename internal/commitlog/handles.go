package commitlog

import (
	"sync"
	"sync/atomic"

	"github.com/millrace/millrace/internal/vfs"
)

// Handles bounds how many files the logs of a data directory hold open. Ten thousand partitions have some twenty thousand files, of
// which few are in use: a file is opened when it is wanted, and beyond the bound those go that nobody has wanted lately, the oldest
// first. The bound is exceeded while more files than that are in use at once, or hold what is not yet synced: the kernel tells of
// a failed write-back only those who had the file open.
type Handles struct {
	max int
	mu  struct {
		sync.Mutex
		open  int
		queue []*handle // those that are open, and some that were; oldest first
	}
}

// NewHandles makes a bound; 0 stands for 4096.
func NewHandles(max int) *Handles {
	if max <= 0 {
		max = 4096
	}
	return &Handles{max: max}
}

// Open is how many files are open.
func (c *Handles) Open() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.open
}

// handle is a file that is open when somebody needs it. Those who use it are counted, its owner among them: while the owner alone
// is, it may be closed, and opens again for the next.
type handle struct {
	cache    *Handles
	disk     vfs.FS
	name     string
	refs     atomic.Int32
	unsynced atomic.Bool // it holds what a sync has not confirmed, or its owner is gone: it stays open for those who use it
	hot      atomic.Bool // used since the cache last looked
	mu       struct {
		sync.RWMutex
		file   vfs.File
		queued bool
	}
}

// acquire counts a user; false if the owner has given the file up.
func (h *handle) acquire() bool {
	for {
		n := h.refs.Load()
		if n == 0 {
			return false
		}
		if h.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// release uncounts a user; the last one closes the file.
func (h *handle) release() {
	if h.refs.Add(-1) > 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closeLocked()
}

func (h *handle) closeLocked() error {
	if h.mu.file == nil {
		return nil
	}
	err := h.mu.file.Close()
	h.mu.file = nil
	h.cache.mu.Lock()
	h.cache.mu.open--
	h.cache.mu.Unlock()
	return err
}

// open returns the file to a user who is counted, for as long as he is.
func (h *handle) open() (vfs.File, error) {
	if !h.hot.Load() {
		h.hot.Store(true)
	}
	h.mu.RLock()
	f := h.mu.file
	h.mu.RUnlock()
	if f != nil {
		return f, nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.mu.file != nil {
		return h.mu.file, nil
	}
	f, err := h.disk.OpenReadWrite(h.name)
	if err != nil {
		return nil, err
	}
	h.adoptLocked(f)
	return f, nil
}

// adopt takes over a file that has just been made.
func (h *handle) adopt(f vfs.File) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.adoptLocked(f)
}

func (h *handle) adoptLocked(f vfs.File) {
	h.mu.file = f
	c := h.cache
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.open++
	if !h.mu.queued {
		h.mu.queued = true
		c.mu.queue = append(c.mu.queue, h)
	}
	c.evict(h)
}

// evict closes files until no more than the bound are open, or it has looked at enough of them: the next one that is opened goes on.
// The first look at a file forgets that it was used. It is called with the lock of keep held and of no other, and waits for none.
func (c *Handles) evict(keep *handle) {
	for tries := 64; c.mu.open > c.max && tries > 0; tries-- {
		h := c.mu.queue[0]
		c.mu.queue = c.mu.queue[1:]
		if h == keep || !h.mu.TryLock() {
			c.mu.queue = append(c.mu.queue, h)
			continue
		}
		switch {
		case h.mu.file == nil:
			h.mu.queued = false
		case h.refs.Load() > 1 || h.unsynced.Load() || h.hot.Swap(false):
			c.mu.queue = append(c.mu.queue, h)
		default:
			_ = h.mu.file.Close() // all in it is synced
			h.mu.file, h.mu.queued = nil, false
			c.mu.open--
		}
		h.mu.Unlock()
	}
}
