package commitlog

import (
	"math"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/millrace/millrace/internal/vfs"
	"github.com/millrace/millrace/internal/wire"
)

// place is where a log's files are, and whom to tell about damage.
type place struct {
	fs      vfs.FS
	dir     string
	report  func(Finding)
	handles *Handles
	log     *Log
}

func (p *place) path(base int64, suffix string) string {
	return filepath.Join(p.dir, fileName(base, suffix))
}

// segment is a stretch of the log in a file, with its indexes.
//
// Its bytes up to size are whole batches and never change; only the last segment of a log grows. Bytes below trusted were there when
// the log was opened, and are checked before they are first read (verify.go); the others this process wrote, or has checked.
//
// A segment is counted by those who use it, the log among them. Deleting removes its files at once and drops the log's count; the
// last reader closes the handle, and the space is free. Handles, and indexes of closed segments, are opened when first needed; one
// uses the file of a segment only while one is counted.
type segment struct {
	*place
	handle
	base    int64
	next    atomic.Int64 // the base of the following segment; MaxInt64 in the last
	used    atomic.Bool  // since the last trim
	gapTold atomic.Bool  // that offsets after its end are in no file
	remade  atomic.Bool  // the indexes have been, since their checksums were taken
	size    atomic.Int64
	trusted int64
	firstTS int64 // of the first batch, -1 if none; guarded by the log's lock
	created int64 // ms, or when it was opened; guarded by the log's lock
	jitter  uint32

	// sparse says that the segment may lack offsets, because it has been compacted.
	sparse bool
	// moved says that the segment's names stand for another file, or will: it lives by its handle and by what it has in memory.
	moved atomic.Bool

	// trustedEnd is the offset that follows what is below trusted.
	trustedEnd int64
	flushing   sync.Mutex // held while the index files are written

	mu struct {
		sync.RWMutex
		loaded  bool // index, times, newest and aborted are those on disk
		index   offsetIndex
		times   timeIndex
		newest  timeEntry // greatest timestamp so far, and the last offset of its batch
		since   int       // bytes since the last index entry
		aborted []abortedEntry
		flushed struct{ index, times, aborted int } // entries written to the files
		stale   bool                                // the files may have more than that, from before a crash

		checked  []uint64 // a bit for each interval below trusted
		surveyed bool     // all below trusted has been checked, and damage is complete
		damage   []damage
	}
}

// damage is a stretch that cannot be read: bytes [pos, end), offsets [first, next). It is whole if the length in its header leads to
// its end, so that it is one batch.
type damage struct {
	pos, end, first, next int64
	whole                 bool
}

func newSegment(p *place, base, size, trusted int64) *segment {
	s := &segment{place: p, base: base, trusted: trusted, firstTS: -1}
	s.cache, s.disk, s.name = p.handles, p.fs, p.path(base, logSuffix)
	s.next.Store(math.MaxInt64)
	s.size.Store(size)
	s.refs.Store(1)
	s.mu.newest.ts = -1
	return s
}

// createSegment makes the files of a new last segment. The directory is synced before anything in it is acknowledged.
func createSegment(p *place, base int64) (*segment, error) {
	s := newSegment(p, base, 0, 0)
	f, err := p.fs.Create(p.path(base, logSuffix))
	if err != nil {
		return nil, err
	}
	s.adopt(f)
	s.mu.loaded, s.mu.surveyed = true, true
	return s, nil
}

func (s *segment) logPath() string { return s.name }

// note indexes a batch that is in the segment now.
func (s *segment) note(b wire.Batch, pos int64, interval int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noteLocked(b, pos, interval)
}

func (s *segment) noteLocked(b wire.Batch, pos int64, interval int) {
	rel := uint32(b.LastOffset() - s.base)
	if ts := b.MaxTimestamp(); ts > s.mu.newest.ts {
		s.mu.newest = timeEntry{ts, rel}
	}
	if s.mu.since > interval {
		s.mu.index = append(s.mu.index, indexEntry{rel, uint32(pos)})
		s.noteTimeLocked()
		s.mu.since = 0
	}
	s.mu.since += b.Size()
}

// noteTimeLocked enters the greatest timestamp so far, if it has grown.
func (s *segment) noteTimeLocked() {
	n := len(s.mu.times)
	if s.mu.newest.ts < 0 || n > 0 && (s.mu.times[n-1].ts >= s.mu.newest.ts || s.mu.times[n-1].rel >= s.mu.newest.rel) {
		return
	}
	s.mu.times = append(s.mu.times, s.mu.newest)
}

func (s *segment) addAborted(e abortedEntry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.aborted = append(s.mu.aborted, e)
}

// indexFull says that a further entry would make an index larger than a segment may have.
func (s *segment) indexFull(limit int) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return (len(s.mu.index)+1)*indexEntrySize > limit || (len(s.mu.times)+1)*timeEntrySize > limit
}

// seal closes the segment for appends: the next one begins at an offset.
func (s *segment) seal(next int64) {
	s.next.Store(next)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noteTimeLocked()
}

// load reads the indexes of a segment that was closed before this process began, and makes them anew if they are missing or wrong.
func (s *segment) load(interval int) error {
	s.mu.RLock()
	loaded := s.mu.loaded
	s.mu.RUnlock()
	s.used.Store(true)
	if loaded {
		return nil
	}
	s.mu.Lock()
	what, next, err := "", s.next.Load(), error(nil)
	if !s.mu.loaded {
		what, next, err = s.loadLocked()
		s.mu.loaded = what == "" && err == nil
	}
	s.mu.Unlock()
	if err == nil && what == "" && next < s.next.Load() {
		return s.closeGap(next)
	}
	if what == "" || err != nil {
		return err
	}
	s.report(Finding{Path: s.path(s.base, indexSuffix), First: -1, Next: -1, What: "index " + what + ": made anew"})
	return s.rebuild(interval)
}

// loadLocked reads the three index files; what names what is wrong with them, and next is the base of the segment that once followed.
func (s *segment) loadLocked() (what string, next int64, err error) {
	files, err := s.readIndexes()
	if err != nil {
		return "", 0, err
	}
	want, next := s.readSums()
	switch {
	case files.index == nil:
		return "is missing", next, nil
	case files.times == nil:
		return "of times is missing", next, nil
	case want != nil && !files.cut(*want):
		return "does not have its checksum", next, nil
	}
	var clean, cleanTimes, cleanAborted bool
	s.mu.index, clean = parseIndex(files.index, s.size.Load())
	s.mu.times, cleanTimes = parseTimes(files.times)
	s.mu.aborted, cleanAborted = parseAborted(files.aborted, s.base)
	if !clean || !cleanTimes || !cleanAborted || s.size.Load() > 0 && len(s.mu.times) == 0 && !s.timelessLocked() {
		return "is damaged", next, nil
	}
	s.mu.flushed.index, s.mu.flushed.times, s.mu.flushed.aborted = len(s.mu.index), len(s.mu.times), len(s.mu.aborted)
	if n := len(s.mu.times); n > 0 {
		s.mu.newest = s.mu.times[n-1]
	}
	if n := len(s.mu.index); n > 0 {
		ok, err := s.entryLocked(s.mu.index[n-1])
		if err != nil {
			return "", next, err
		}
		if !ok {
			return "does not match the log", next, nil
		}
	}
	return "", next, nil
}

// rebuild makes the indexes of a closed segment out of its batches. What its markers aborted may have begun before it, so that the
// producers as they were at its base are needed.
func (s *segment) rebuild(interval int) error {
	aborted, _, err := s.log.abortedOf(s)
	if err != nil {
		return err
	}
	if err := s.survey(interval, true); err != nil {
		return err
	}
	s.mu.Lock()
	s.mu.aborted, s.mu.flushed.aborted, s.mu.stale = aborted, 0, true
	s.mu.Unlock()
	// What cannot be written now stays in memory, and is written with what comes.
	if s.flush() == nil {
		_ = s.writeSums()
	}
	return nil
}

// timelessLocked says whether the first batch has no timestamp, for then an empty time index is right.
func (s *segment) timelessLocked() bool {
	f, err := s.open()
	if err != nil {
		return false
	}
	w := newWindow(f, s.size.Load())
	defer w.release()
	b, err := w.header(0)
	return err == nil && b.MaxTimestamp() < 0
}

// entryLocked compares an index entry with the batch that it names. A batch that cannot be read does not speak against the entry.
func (s *segment) entryLocked(e indexEntry) (bool, error) {
	f, err := s.open()
	if err != nil {
		return false, err
	}
	w := newWindow(f, s.size.Load())
	defer w.release()
	b, err := w.header(int64(e.pos))
	return err == nil && b.LastOffset() == s.base+int64(e.rel), nil
}

// trim forgets what has not been used since the last trim.
func (s *segment) trim() {
	s.mu.Lock()
	defer s.mu.Unlock()
	fl := s.mu.flushed
	if s.mu.loaded && !s.moved.Load() && !s.used.Load() && fl.index == len(s.mu.index) && fl.times == len(s.mu.times) && fl.aborted == len(s.mu.aborted) {
		s.mu.loaded, s.mu.index, s.mu.times, s.mu.aborted = false, nil, nil, nil
	}
	s.used.Store(false)
}

// newest is the greatest timestamp in the segment and the last offset of its batch; -1 if there is none.
func (s *segment) newest() (ts, lastOffset int64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.mu.newest.ts < 0 {
		return -1, -1
	}
	return s.mu.newest.ts, s.base + int64(s.mu.newest.rel)
}

// remove deletes the files.
func (s *segment) remove() error {
	var first error
	for _, suffix := range []string{logSuffix, indexSuffix, timeSuffix, txnSuffix, snapshotSuffix, sumsSuffix} {
		if err := s.fs.Remove(s.path(s.base, suffix)); err != nil && !vfs.IsNotExist(err) && first == nil {
			first = err
		}
	}
	return first
}
