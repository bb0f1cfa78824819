package commitlog

import (
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/internal/vfs"
)

// Space watches how much room a data directory has. Below a limit, producers are refused with an error that they retry, long before
// the disk is full: what is left is for the coordinators, whose records let consumers go on, for indexes, snapshots and recovery, and
// for what frees space. A reserve, a file of nothing, is given up when even they find the disk full.
//
// Nothing runs by itself: an append asks again when the last answer is old or much was written since, and so does each refused one.
// Which is why a full disk costs a statfs now and then, and an idle node nothing.
type Space struct {
	fs     vfs.FS
	dir    string
	say    func(string)
	limit  atomic.Int64
	low    atomic.Bool
	asked  atomic.Int64 // when, ms
	since  atomic.Int64 // bytes that may still be written until it is asked again
	asking sync.Mutex

	mu struct {
		sync.Mutex
		retry time.Time     // not before is a disk that was found full believed to have room, whatever it says: a quota may be what is full
		pause time.Duration // and that long after the next time
	}
}

const (
	// askEvery and askBytes are how old an answer may be, in time and in what was written since; askLow is for one that was no.
	askEvery = time.Second
	askLow   = 100 * time.Millisecond
	askBytes = 4 << 20

	reserveName  = "millrace-reserve"
	reserveBytes = 4 << 20
)

// SpaceOptions say what to watch.
type SpaceOptions struct {
	FS  vfs.FS
	Dir string
	// Limit is the free bytes below which producers are refused; 0 for no limit.
	Limit int64
	// Report is told, in one line, when the limit is crossed, either way.
	Report func(string)
}

// NewSpace begins to watch, and makes the reserve if there is room for it.
func NewSpace(o SpaceOptions) *Space {
	s := &Space{fs: o.FS, dir: o.Dir, say: o.Report}
	if s.say == nil {
		s.say = func(string) {}
	}
	s.limit.Store(o.Limit)
	return s
}

// SetLimit changes the limit; the next append asks.
func (s *Space) SetLimit(limit int64) {
	s.limit.Store(limit)
	s.asked.Store(0)
}

// Low says whether producers are refused, now.
func (s *Space) Low(now time.Time) bool { return s != nil && s.admit(0, now) != nil }

// admit says whether a producer may append so many bytes.
func (s *Space) admit(bytes int, now time.Time) error {
	if s == nil {
		return nil
	}
	low, age := s.low.Load(), now.UnixMilli()-s.asked.Load()
	if age < 0 || low && age >= askLow.Milliseconds() || !low && (age >= askEvery.Milliseconds() || s.since.Add(-int64(bytes)) < 0) {
		s.ask(now)
		low = s.low.Load()
	}
	if low {
		return fmt.Errorf("%w: less than %d bytes are free in %s (millrace.log.dirs.min.free.bytes)", ErrNoSpace, s.limit.Load(), s.dir)
	}
	return nil
}

// ask looks at the disk, unless somebody is doing that. It crosses back a tenth above the limit, lest it go to and fro.
func (s *Space) ask(now time.Time) {
	if !s.asking.TryLock() {
		return
	}
	defer s.asking.Unlock()
	s.asked.Store(now.UnixMilli())
	s.since.Store(askBytes)
	limit := s.limit.Load()
	free, err := s.fs.Free(s.dir)
	if err != nil {
		return // as it was: a disk that does not say is not refused for it
	}
	s.mu.Lock()
	wait := now.Before(s.mu.retry)
	s.mu.Unlock()
	if wait {
		return
	}
	switch low := s.low.Load(); {
	case !low && free < limit:
		s.low.Store(true)
		s.say(fmt.Sprintf("%s has %d bytes free, less than millrace.log.dirs.min.free.bytes=%d: producers are told to try again; delete topics, lower their retention, or make room",
			s.dir, free, limit))
	case low && free >= limit+limit/10:
		s.low.Store(false)
		s.say(fmt.Sprintf("%s has %d bytes free again: producers go on", s.dir, free))
		fallthrough
	case !low && limit > 0:
		s.reserve(free)
	}
}

// reserve makes the reserve if it is not there and half of what is free would remain.
func (s *Space) reserve(free int64) {
	name := filepath.Join(s.dir, reserveName)
	if free < 2*reserveBytes+s.limit.Load() {
		return
	}
	if _, err := s.fs.Stat(name); err == nil || !vfs.IsNotExist(err) {
		return
	}
	f, err := s.fs.Create(name)
	if err != nil {
		return
	}
	defer f.Close()
	if f.Preallocate(0, reserveBytes) != nil {
		_ = s.fs.Remove(name)
	}
}

// full is told of a write that found no space. Producers are refused from here on. If it was another's write, the reserve is given up,
// and full says whether trying again may help.
func (s *Space) full(now time.Time, producer bool) (again bool) {
	if s == nil {
		return false
	}
	s.mu.Lock()
	if now.Sub(s.mu.retry) > time.Minute {
		s.mu.pause = 0
	}
	s.mu.pause = min(max(2*s.mu.pause, 2*askLow), time.Minute)
	s.mu.retry = now.Add(s.mu.pause)
	s.mu.Unlock()
	if s.limit.Load() > 0 && !s.low.Swap(true) {
		s.say(fmt.Sprintf("%s is full: producers are told to try again; delete topics, lower their retention, or make room", s.dir))
	}
	if producer {
		return false
	}
	s.asking.Lock()
	defer s.asking.Unlock()
	return s.fs.Remove(filepath.Join(s.dir, reserveName)) == nil
}
