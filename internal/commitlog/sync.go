package commitlog

import (
	"path/filepath"
	"sync"
	"time"
)

const (
	// markInterval is how much may be appended until indexes and a producer snapshot are synced: what an Open after a crash reads the
	// headers of.
	markInterval = 32 << 20
	// checkpointInterval is the least time between two syncs of the checkpoint file.
	checkpointInterval = time.Second
	// preallocateFrom is the size from which a segment is given space ahead of its writes, preallocateStep how much: appending to
	// space that is there costs the kernel half as much, but a small partition should stay small.
	preallocateFrom = 8 << 20
	preallocateStep = 32 << 20
)

// A sync round makes durable what was in the log when it began, while appends go on; those that came meanwhile share the next one.
// Order:
//
//	1  indexes, snapshots, epochs of closed segments are written     prepare
//	2  data: closed segments and their indexes, directory, active    sync
//	3  the high watermark moves, waiters go                          release
//	4  the checkpoint says so; now and then it is synced, with       remember
//	   everything that a later Open would otherwise have to compute
//
// If 2 fails nothing is known about what is on disk, and a second attempt would be told that all is well: the log goes offline. If
// 1 fails, the disk being full, 2 and 3 go on and 4 waits: the recovery point stays before the segment whose indexes are missing.
//
// One round of a log runs at a time, under Log.round.
type rounds struct {
	sync.Mutex
	shut             bool // no more rounds
	checkpointSynced time.Time
	markEvery        int64 // markInterval, less in tests
	metadata         bool  // partition.metadata was written and not synced
	asFound          bool  // nothing was appended since recovery left the log as it was
	snapshotAt       int64 // the last snapshot that no segment begins with, -1 if there is none
	allocated        int64 // of the active segment
	allocatedFor     int64 // its base
}

type round struct {
	end       position
	sealed    []*segment
	active    *segment
	snapshots map[int64][]byte
	newDir    bool
	newParent bool
	epochs    epochs
	newEpochs bool
	snapshot  []byte // the producer state at end, if this round marks
	mark      mark
	start     time.Time
	complete  bool // the files beside the data are written too
	shared    bool // the sync is the file system's, and so will be the next
}

// dirtyLocked says whether a round would have something to do.
func (l *Log) dirtyLocked() bool {
	return l.end.Load() > l.mu.synced || len(l.mu.sealed) > 0
}

// kick asks for a round; mu.syncing is set, and mu not held.
func (l *Log) kick(c *Config) {
	if c.PageCache {
		time.AfterFunc(c.FlushInterval, func() { l.syncer.start(l) })
		return
	}
	l.syncer.start(l)
}

// begin captures what a round makes durable; nil if there is nothing, or nothing can be. The caller holds l.round.
func (l *Log) begin(marking bool) *round {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.round.shut && !marking || l.mu.err != nil || !l.dirtyLocked() && !marking {
		l.mu.syncing = false
		return nil
	}
	l.round.asFound = false
	r := &round{
		end:       l.endLocked(),
		sealed:    append([]*segment(nil), l.mu.sealed...),
		active:    l.mu.active,
		newDir:    l.mu.newDir,
		newParent: l.mu.newParent,
		epochs:    l.mu.epochs,
		start:     l.now(),
	}
	if len(r.sealed) > 0 {
		r.snapshots = make(map[int64][]byte, len(l.mu.snapshots))
		for base, b := range l.mu.snapshots {
			r.snapshots[base] = b
		}
	}
	if marking || l.mu.unmarked >= l.round.markEvery {
		l.mu.producers.expire(l.now().UnixMilli(), l.config.Load().ProducerExpiry)
		r.snapshot = l.mu.producers.snapshot()
		r.mark = mark{r.end, r.active.markIndexes()}
		l.mu.unmarked = 0
	}
	// Epochs are needed from the mark on only: after it, an Open finds them in the batches.
	if r.newEpochs = l.mu.newEpochs && (r.snapshot != nil || len(r.sealed) > 0); r.newEpochs {
		l.mu.newEpochs = false
	}
	l.mu.newDir, l.mu.newParent = false, false
	return r
}

// prepare writes what is beside the data.
func (l *Log) prepare(r *round) error {
	for _, s := range r.sealed {
		if err := s.flush(); err != nil {
			return err
		}
		if err := s.syncIndexes(); err != nil {
			return err
		}
	}
	for base, b := range r.snapshots {
		if err := writeFile(l.fs, l.path(base, snapshotSuffix), b, true); err != nil {
			return err
		}
	}
	if r.newEpochs {
		if err := replaceFile(l.fs, filepath.Join(l.dir, epochsName), []byte(r.epochs.String())); err != nil {
			return err
		}
	}
	if r.snapshot != nil {
		return r.active.flush()
	}
	return nil
}

// tryPrepare is prepare for a round that goes on without what it could not write.
func (l *Log) tryPrepare(r *round) {
	err := l.prepare(r)
	r.complete = err == nil
	if isFull(err) {
		l.space.full(r.start, false) // the next round tries again
	}
}

// syncData makes the data durable, file by file.
func (l *Log) syncData(r *round) error {
	for _, s := range r.sealed {
		if err := syncSegment(s); err != nil {
			return err
		}
	}
	if r.newDir || len(r.sealed) > 0 {
		if err := l.fs.SyncDir(l.dir); err != nil {
			return err
		}
	}
	if r.newParent {
		if err := l.fs.SyncDir(filepath.Dir(l.dir)); err != nil {
			return err
		}
	}
	return syncSegment(r.active)
}

func syncSegment(s *segment) error {
	s.acquire()
	defer s.release()
	f, err := s.open()
	if err != nil {
		return err
	}
	return f.Sync()
}

// release tells what a round's sync came to, and says whether another is due.
func (l *Log) release(r *round, err error) (again bool) {
	l.mu.Lock()
	if err != nil {
		l.offline(err)
	} else {
		l.mu.synced = r.end.offset
		l.advance(r.end)
		l.cleanLocked(r)
		if r.complete {
			l.mu.sealed = append([]*segment(nil), l.mu.sealed[len(r.sealed):]...)
			for base := range r.snapshots {
				delete(l.mu.snapshots, base)
			}
		} else {
			l.mu.newEpochs = l.mu.newEpochs || r.newEpochs
		}
	}
	c := l.config.Load()
	again = l.mu.err == nil && l.end.Load() > l.mu.synced
	later := again && c.PageCache
	l.mu.syncing = again
	l.mu.Unlock()
	l.notify()
	if later {
		l.kick(c)
	}
	return again && !later
}

// cleanLocked lets go of the files that hold nothing unsynced any more.
func (l *Log) cleanLocked(r *round) {
	for _, s := range r.sealed {
		s.unsynced.Store(false)
	}
	if l.mu.active == r.active && l.end.Load() == r.end.offset {
		r.active.unsynced.Store(false)
	}
}

// remember writes the checkpoint after a round.
func (l *Log) remember(r *round) error {
	change := func(c *checkpoint) {
		c.recovery = r.end
		c.appended = l.appended.Load()
		if r.snapshot != nil {
			c.mark = r.mark
		} else if len(r.sealed) > 0 {
			base := r.active.base
			c.mark = mark{position: position{base, base, 0}}
		}
	}
	due := len(r.sealed) > 0 || r.start.Sub(l.round.checkpointSynced) >= checkpointInterval
	if r.snapshot != nil {
		if err := l.markHere(r); err != nil {
			return err
		}
		due = true
	}
	// A sync for each of many logs would hold all of them up; the next round's, which is of the whole file system, takes the
	// checkpoints with it. Until then they are too low after a power failure.
	due = due && !r.shared
	if err := l.ck.update(due, change); err != nil {
		return err
	}
	if due {
		l.round.checkpointSynced = r.start
	}
	l.dropSnapshots(r)
	l.allocate(r)
	return nil
}

// markHere makes the active segment's indexes and the producer snapshot durable.
func (l *Log) markHere(r *round) error {
	if err := r.active.syncIndexes(); err != nil {
		return err
	}
	if err := writeFile(l.fs, l.path(r.end.offset, snapshotSuffix), r.snapshot, true); err != nil {
		return err
	}
	if l.round.metadata {
		if err := syncFile(l.fs, filepath.Join(l.dir, metadataName)); err != nil {
			return err
		}
		l.round.metadata = false
	}
	return l.fs.SyncDir(l.dir)
}

// dropSnapshots removes the snapshot before the one that was just made, unless a segment begins there.
func (l *Log) dropSnapshots(r *round) {
	if r.snapshot == nil || r.end.offset == l.round.snapshotAt {
		return
	}
	if r.shared { // the checkpoint that no longer needs it is not on disk yet; the next Open removes it
		l.round.snapshotAt = r.end.offset
		return
	}
	if at := l.round.snapshotAt; at >= 0 && !l.begins(at) {
		// One that stays costs a few bytes, and is removed when the log is next opened.
		_ = l.fs.Remove(l.path(at, snapshotSuffix))
	}
	l.round.snapshotAt = r.end.offset
}

// begins says whether a segment has that base.
func (l *Log) begins(offset int64) bool {
	for _, s := range *l.segments.Load() {
		if s.base == offset {
			return true
		}
	}
	return false
}

// allocate asks for space ahead of the writes. A file system that has none will say so to a write.
func (l *Log) allocate(r *round) {
	if l.round.allocatedFor != r.active.base {
		l.round.allocatedFor, l.round.allocated = r.active.base, 0
	}
	size := r.active.size.Load()
	if size < preallocateFrom || size+preallocateStep/4 < l.round.allocated {
		return
	}
	from := max(size, l.round.allocated)
	n := min(preallocateStep, l.config.Load().SegmentBytes-from)
	if n <= 0 {
		return
	}
	r.active.acquire()
	defer r.active.release()
	f, err := r.active.open()
	if err != nil || f.Preallocate(from, n) != nil {
		return
	}
	l.round.allocated = from + n
}

// trimAllocation gives back what closed segments did not use.
func (l *Log) trimAllocation(r *round) {
	for _, s := range r.sealed {
		if s.base == l.round.allocatedFor && l.round.allocated > 0 {
			s.giveBack()
		}
	}
}

// giveBack frees the space behind the segment's end.
func (s *segment) giveBack() {
	s.acquire()
	defer s.release()
	if f, err := s.open(); err == nil {
		_ = f.Truncate(s.size.Load()) // what stays is found by the next Open
	}
}

// syncOnce runs one round.
func (l *Log) syncOnce() (again bool) {
	l.round.Lock()
	defer l.round.Unlock()
	r := l.begin(false)
	if r == nil {
		return false
	}
	l.tryPrepare(r)
	return l.settle(r, l.timedSync(r))
}

// settle is the second half of a round, err being what became of its sync.
func (l *Log) settle(r *round, err error) (again bool) {
	again = l.release(r, err)
	if err != nil || !r.complete {
		return again
	}
	l.trimAllocation(r)
	if err := l.remember(r); err != nil {
		if isFull(err) {
			l.space.full(r.start, false)
		}
		l.mu.Lock()
		_ = l.writeFailed(err) // a full disk is met again by the next mark; the recovery point stays where it was
		l.mu.Unlock()
		l.notify()
	}
	return again
}

// lastRound makes all durable and marks the end, so that the next Open has nothing to read. The caller holds l.round.
func (l *Log) lastRound() error {
	if l.marked() || l.untouched() {
		return nil
	}
	r := l.begin(true)
	if r == nil {
		return nil
	}
	if err := l.prepare(r); err != nil {
		l.mu.Lock()
		l.mu.newDir, l.mu.newParent, l.mu.newEpochs = l.mu.newDir || r.newDir, l.mu.newParent || r.newParent, l.mu.newEpochs || r.newEpochs
		l.mu.Unlock()
		return err
	}
	r.complete = true
	err := l.timedSync(r)
	l.release(r, err)
	if err != nil {
		return err
	}
	if l.round.allocated > 0 {
		r.active.giveBack()
	}
	return l.remember(r)
}

// untouched says whether the log is as recovery found it, and left it.
func (l *Log) untouched() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.round.asFound && !l.dirtyLocked() && l.ck.get().recovery == l.endLocked() && l.mu.unmarked <= rereadBytes
}

// marked says whether the mark is at the end already.
func (l *Log) marked() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.ck.get()
	return !l.dirtyLocked() && !l.mu.newEpochs && !l.mu.active.remade.Load() && !c.rewritten && c.mark.offset == l.end.Load() && c.mark.position == c.recovery
}
