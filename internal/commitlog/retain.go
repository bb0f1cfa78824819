package commitlog

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// DeleteBefore moves the start of the log up to an offset at most the high watermark, durably, and deletes the segments that lie
// before it.
func (l *Log) DeleteBefore(offset int64) (newStart int64, err error) {
	if hw := l.hw.Load(); offset > hw {
		return l.start.Load(), fmt.Errorf("%w: %d, the high watermark is %d", ErrOffsetOutOfRange, offset, hw)
	}
	err = l.moveStart(offset)
	return l.start.Load(), err
}

// moveStart is in this order: the start is durable before a file goes, so that a crash leaves files that nobody needs and not a start
// that nothing is at. The segments leave the list before their files go, so that a new reader does not find them.
func (l *Log) moveStart(offset int64) error {
	l.round.Lock()
	defer l.round.Unlock()
	l.mu.Lock()
	if err := l.mu.err; err != nil {
		l.mu.Unlock()
		return err
	}
	l.mu.Unlock()
	if offset > l.start.Load() {
		if err := l.ck.update(true, func(c *checkpoint) { c.start = offset }); err != nil {
			l.mu.Lock()
			defer l.mu.Unlock()
			return l.writeFailed(err)
		}
		l.start.Store(offset)
	}
	return l.dropSegments()
}

// dropSegments deletes the segments that end at or before the start. The last one stays, and those that a round has to sync first.
func (l *Log) dropSegments() error {
	l.mu.Lock()
	list := *l.segments.Load()
	n, start := 0, l.start.Load()
	for n < len(list)-1 && list[n].next.Load() <= start && !slices.Contains(l.mu.sealed, list[n]) {
		n++
	}
	rest := append([]*segment(nil), list[n:]...)
	l.segments.Store(&rest)
	l.mu.Unlock()
	var first error
	for _, s := range list[:n] {
		if err := s.remove(); err != nil && first == nil {
			first = err
		}
		s.unsynced.Store(true) // who still reads it could not open it again
		s.release()
	}
	return first
}

// Retain deletes the oldest segments that the configuration no longer keeps: those whose newest record is older than RetentionAge,
// and those without which the log still has RetentionBytes. It says how many went. It is called now and then, and also forgets
// indexes that nobody has used since the last time.
func (l *Log) Retain(now time.Time) (deleted int, err error) {
	c := l.config.Load()
	if err := l.rollExpired(c, now); err != nil {
		return 0, err
	}
	list := *l.segments.Load()
	size, start := l.Size(), l.start.Load()
	for _, s := range list[:len(list)-1] {
		if s.next.Load() > l.hw.Load() || l.unsynced(s) {
			break
		}
		over := c.RetentionBytes >= 0 && size-s.size.Load() >= c.RetentionBytes
		if s.next.Load() > start && !over {
			old, err := l.expired(s, c, now)
			if err != nil {
				return 0, err
			}
			if !old {
				break
			}
		}
		start = max(start, s.next.Load())
		size -= s.size.Load()
		deleted++
	}
	if deleted > 0 {
		err = l.moveStart(start)
	}
	rest := *l.segments.Load()
	for _, s := range rest[:len(rest)-1] {
		if !l.unsynced(s) { // a round is going to write its indexes and their checksums
			s.trim()
		}
	}
	return deleted, err
}

// RetainNext is the earliest time at which Retain may find something to delete in a log to which nothing is appended: when its oldest
// segment's newest record is too old; far away if records are kept for ever.
func (l *Log) RetainNext() time.Time {
	c, never := l.config.Load(), time.Unix(1<<40, 0)
	s := (*l.segments.Load())[0]
	if c.RetentionAge < 0 || s.size.Load() == 0 && s.next.Load() == math.MaxInt64 {
		return never
	}
	s.mu.RLock()
	loaded := s.mu.loaded
	s.mu.RUnlock()
	if !loaded { // its indexes have been forgotten: they are read the next time
		return time.Time{}
	}
	if ts, _ := s.newest(); ts >= 0 {
		return time.UnixMilli(ts).Add(c.RetentionAge)
	}
	return time.Time{}
}

// unsynced says whether a closed segment waits for a round.
func (l *Log) unsynced(s *segment) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Contains(l.mu.sealed, s)
}

// expired says whether a segment's newest record is older than the retention. Without timestamps the file's age counts.
func (l *Log) expired(s *segment, c *Config, now time.Time) (bool, error) {
	if c.RetentionAge < 0 || !s.acquire() {
		return false, nil
	}
	defer s.release()
	if err := s.load(c.IndexIntervalBytes); err != nil {
		return false, err
	}
	ts, _ := s.newest()
	if ts >= 0 {
		return now.UnixMilli()-ts > c.RetentionAge.Milliseconds(), nil
	}
	info, err := s.fs.Stat(s.logPath())
	if err != nil {
		return false, err
	}
	return now.Sub(info.ModTime) > c.RetentionAge, nil
}

// rollExpired closes the active segment if nothing in it is to be kept, so that it can be deleted once that is durable.
func (l *Log) rollExpired(c *Config, now time.Time) error {
	l.mu.Lock()
	s := l.mu.active
	if l.mu.err != nil || s.size.Load() == 0 || l.hw.Load() < l.end.Load() {
		err := l.mu.err
		l.mu.Unlock()
		return err
	}
	old, err := l.expired(s, c, now)
	if err == nil && (old || c.RetentionBytes == 0) {
		if err = l.rollLocked(); err != nil {
			err = l.writeFailed(err)
		}
	}
	l.finishAppend(c, err != nil)
	return err
}
