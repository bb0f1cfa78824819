package commitlog

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/millrace/millrace/internal/vfs"
	"github.com/millrace/millrace/internal/wire"
)

// Open opens a log, or makes it. What it reads depends on how the log was left:
//
//	segments …………………………………………… | last segment known to be synced       | what a crash left
//	                         |               mark          recovery point     end of file
//	not read                 | not read       | batches           | batches        |
//
// After Close mark, recovery point and end are one. Between mark and recovery point the batches give back producer state and index
// entries. After the recovery point nothing had been acknowledged: at the first bad batch the log ends, and what follows is cut.
// What is before it may be damaged, but is never cut: verify.go keeps it apart.
//
// Without its checkpoint, as in a directory of Kafka's, a log ends behind the last sound batch of its last segment, whatever lies
// between: what is not known to be torn is not cut.
func Open(o Options) (*Log, error) {
	if err := o.Config.Validate(); err != nil {
		return nil, err
	}
	l := &Log{place: place{fs: o.FS, dir: o.Dir, report: o.Report, handles: o.Handles}, now: o.Now, syncer: o.Syncer, space: o.Space}
	l.log = l
	if l.handles == nil {
		l.handles = NewHandles(0)
	}
	if l.now == nil {
		l.now = time.Now
	}
	if l.report == nil {
		l.report = func(Finding) {}
	}
	l.config.Store(&o.Config)
	l.mu.snapshots = map[int64][]byte{}
	l.round.snapshotAt, l.round.markEvery = -1, markInterval
	if err := l.makeDir(o); err != nil {
		return nil, err
	}
	r := &recovery{Log: l, topicID: o.TopicID}
	if err := r.run(); err != nil {
		r.abandon()
		return nil, fmt.Errorf("open log %s: %w", l.dir, err)
	}
	if l.syncer == nil {
		l.syncer, l.own = NewSyncer(SyncerOptions{FS: o.FS, Dir: o.Dir}), true
	}
	return l, nil
}

func (l *Log) makeDir(o Options) error {
	if _, err := l.fs.Stat(l.dir); vfs.IsNotExist(err) {
		if err := l.fs.MkdirAll(l.dir); err != nil {
			return err
		}
		l.mu.newParent = true
	}
	return l.ensureMetadata(o.TopicID, o.OtherTopic)
}

// recovery is Open at work.
type recovery struct {
	*Log
	topicID   [16]byte
	ck        checkpoint
	segments  []*segment
	snapshots []int64 // offsets, growing
	last      int     // the segment that holds the recovery point
	end       position
	from      int64 // what indexes of aborted transactions have from here on is not trusted, but computed again
	replayed  int64 // the producer state is that before this offset
	noted     int64 // position in the last segment before which batches are indexed
	exact     bool  // offsets after the recovery point have no gaps: they are ours, and not compacted
	blank     bool  // the checkpoint was there, and never written to
	read      int64 // bytes that had to be read
	changed   bool  // files are not as they should be
}

func (r *recovery) run() error {
	found, damaged, err := r.readCheckpoint()
	if err != nil {
		return err
	}
	if err := r.recoverSwaps(r.ck.start); err != nil {
		return err
	}
	if err := r.list(); err != nil {
		return err
	}
	if err := r.readEpochs(); err != nil {
		return err
	}
	// A log whose first rounds were lost to a power failure has a checkpoint of zeros. Nothing before them was acknowledged, unless a
	// segment was closed, which would have synced the checkpoint.
	if !found && !damaged && r.blank && len(r.segments) <= 1 && (len(r.segments) == 0 || r.segments[0].base == 0) {
		found = true
	}
	if r.exact = found; !found {
		if err := r.guessCheckpoint(damaged); err != nil {
			return err
		}
	}
	r.markSparse()
	if err := r.findPoint(); err != nil {
		return err
	}
	r.opening = r.segments
	if err := r.trustMark(); err != nil {
		return err
	}
	if err := r.loadProducers(); err != nil {
		return err
	}
	if err := r.loadIndexes(); err != nil {
		return err
	}
	if err := r.replay(); err != nil {
		return err
	}
	if err := r.scan(); err != nil {
		return err
	}
	return r.finish(found)
}

func (r *recovery) abandon() {
	for _, s := range r.segments {
		s.release()
	}
	if r.Log.ck != nil {
		r.Log.ck.release()
	}
}

func (r *recovery) readCheckpoint() (found, damaged bool, err error) {
	r.Log.ck, found, damaged, err = openCheckpoint(&r.place, r.topicID)
	r.blank = r.Log.ck.blank
	if err == nil {
		r.ck = r.Log.ck.get()
	}
	return found, damaged, err
}

// list finds the segments and snapshots, and removes what an interrupted replacement of a file left.
func (r *recovery) list() error {
	names, err := r.fs.List(r.dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		path := filepath.Join(r.dir, name)
		if strings.HasSuffix(name, tmpSuffix) {
			if err := r.fs.Remove(path); err != nil {
				return err
			}
		}
		base, ok := parseName(name, indexSuffix)
		if ok && base >= r.ck.start && base < r.ck.recovery.offset && !slices.Contains(names, fileName(base, logSuffix)) {
			r.report(Finding{Path: r.path(base, logSuffix), First: base, Next: base, What: "segment file is missing, its index is there"})
		}
		if at, ok := parseName(name, snapshotSuffix); ok {
			r.snapshots = append(r.snapshots, at)
		}
		if base, ok := parseName(name, logSuffix); ok {
			info, err := r.fs.Stat(path)
			if err != nil {
				return err
			}
			if info.Dir {
				r.report(Finding{Path: path, First: -1, Next: -1, What: "directory with the name of a segment: it is left alone"})
				continue
			}
			r.segments = append(r.segments, newSegment(&r.place, base, info.Size, info.Size))
		}
	}
	for i := 1; i < len(r.segments); i++ {
		r.segments[i-1].next.Store(r.segments[i].base)
		r.segments[i-1].trustedEnd = r.segments[i].base
	}
	return nil
}

func (r *recovery) readEpochs() error {
	b, err := readFile(r.fs, filepath.Join(r.dir, epochsName))
	if vfs.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if r.mu.epochs, err = parseEpochs(string(b)); err != nil {
		r.report(Finding{Path: filepath.Join(r.dir, epochsName), First: -1, Next: -1, What: err.Error()})
	}
	return nil
}

// guessCheckpoint stands in for a checkpoint that is not there: all but the last segment count as synced, and of that what is before
// the end of its last sound batch.
func (r *recovery) guessCheckpoint(damaged bool) error {
	r.changed = true
	if len(r.segments) == 0 && !damaged {
		return nil
	}
	what := "is missing"
	if damaged {
		what = "is damaged"
	} else if r.blank {
		what = "is blank"
	}
	r.report(Finding{Path: filepath.Join(r.dir, checkpointName), First: -1, Next: -1,
		What: "checkpoint " + what + ": the log is taken to end behind its last sound batch"})
	if len(r.segments) == 0 {
		return nil
	}
	r.ck.start = r.segments[0].base
	if err := r.guessPoint(); err != nil {
		return err
	}
	if r.config.Load().Compact {
		r.ck.cleaned = r.ck.recovery.base
	}
	return nil
}

// guessPoint takes the end of the last sound batch for the recovery point, and its segment's base for the mark.
func (r *recovery) guessPoint() error {
	s := r.segments[len(r.segments)-1]
	s.trusted, s.trustedEnd = s.size.Load(), math.MaxInt64
	r.ck.recovery = position{s.base, s.base, 0}
	err := s.eachSound(func(b wire.Batch, pos int64) {
		r.ck.recovery = position{b.NextOffset(), s.base, pos + int64(b.Size())}
	}, func(damage) {})
	r.ck.mark = mark{position: position{s.base, s.base, 0}}
	return err
}

// findPoint finds the segment that holds the recovery point, or goes on without it. The offsets before the recovery point have been
// given out, so that the log continues there even if the bytes before it are gone; and where there are segments after it, it is the
// point that is wrong, and not they.
func (r *recovery) findPoint() error {
	p := r.ck.recovery
	for i, s := range r.segments {
		if s.base == p.base && s.size.Load() >= p.pos {
			r.last = i
			return nil
		}
	}
	if len(r.segments) > 0 || p.offset > r.ck.start {
		r.report(Finding{Path: r.dir, First: -1, Next: -1,
			What: fmt.Sprintf("what was synced before offset %d is not all there: the log goes on at it", p.offset)})
	}
	if n := len(r.segments); n > 0 {
		if err := r.guessPoint(); err != nil {
			return err
		}
		if r.ck.recovery.offset >= p.offset {
			r.last, r.changed = n-1, true
			return nil
		}
	}
	return r.startAnew(p.offset)
}

// startAnew makes an empty segment at an offset that is above all others.
func (r *recovery) startAnew(at int64) error {
	s, err := createSegment(&r.place, at)
	if err != nil {
		return err
	}
	if n := len(r.segments); n > 0 {
		r.segments[n-1].next.Store(at)
		r.segments[n-1].trustedEnd = at
	}
	r.segments = append(r.segments, s)
	r.last = len(r.segments) - 1
	r.ck.recovery = position{at, at, 0}
	r.ck.mark = mark{position: r.ck.recovery}
	r.changed = true
	return nil
}

// finish puts the log in its state.
func (r *recovery) finish(found bool) error {
	l := r.Log
	active := r.segments[len(r.segments)-1]
	active.next.Store(math.MaxInt64)
	list := r.segments
	l.segments.Store(&list)
	l.mu.active = active
	active.created, active.jitter = l.now().UnixMilli(), rand.Uint32()
	if cut := l.mu.epochs.cut(r.end.offset); len(cut) < len(l.mu.epochs) {
		l.mu.epochs, l.mu.newEpochs = cut, true
	}
	l.mu.synced = r.end.offset
	l.mu.producers.expire(l.now().UnixMilli(), l.config.Load().ProducerExpiry)
	l.end.Store(r.end.offset)
	l.start.Store(min(max(r.ck.start, 0), r.end.offset))
	l.appended.Store(r.ck.appended)
	l.advance(r.end)
	if err := r.firstTimestamp(active); err != nil {
		return err
	}
	if err := r.dropSnapshots(); err != nil {
		return err
	}
	l.round.snapshotAt = r.from
	l.round.checkpointSynced = l.now()
	if l.mu.newParent || r.blank {
		l.mu.newDir, l.mu.newParent = true, true // of a new log no name is durable before its first record
		if r.end.offset == 0 {
			return nil
		}
	}
	if !found {
		if err := r.fs.SyncDir(filepath.Dir(r.dir)); err != nil {
			return err
		}
	}
	if !r.changed && found && !r.blank && r.ck.mark.base == active.base && r.read <= rereadBytes {
		return errors.Join(r.leave(), l.dropSegments())
	}
	if r.changed || l.mu.newEpochs || !found || r.read > 0 {
		// A full disk is no reason not to serve what is there. What was found is found again by the next Open, or settled by the
		// rounds to come.
		if err := r.settle(); err != nil && !isFull(err) {
			return err
		}
	}
	return l.dropSegments()
}

// rereadBytes is how much a log may have to read again after a crash without its being marked anew.
const rereadBytes = 1 << 20

// leave keeps a log's mark where it is. What was read from there on is little, and is read again by the next Open, unless a mark comes
// first: to write it all down would cost a start after a crash some eight syncs for each partition. The records themselves are synced.
func (r *recovery) leave() error {
	l := r.Log
	l.mu.unmarked, l.round.asFound = r.read, r.read > 0
	if r.ck.recovery == r.end {
		return nil
	}
	return l.ck.update(false, func(c *checkpoint) { c.recovery = r.end })
}

// firstTimestamp reads what the age of the active segment is counted from.
func (r *recovery) firstTimestamp(s *segment) error {
	if s.size.Load() == 0 {
		return nil
	}
	f, err := s.open()
	if err != nil {
		return err
	}
	w := newWindow(f, s.size.Load())
	defer w.release()
	if b, err := w.header(0); err == nil {
		s.firstTS = b.MaxTimestamp()
	}
	return nil
}

// dropSnapshots removes snapshots that no mark and no segment needs: those after the mark, which may be of a log that was cut, and
// those that are neither the mark's nor at a segment's base.
func (r *recovery) dropSnapshots() error {
	for _, at := range r.snapshots {
		if at == r.from || at < r.from && r.begins(at) {
			continue
		}
		if err := r.fs.Remove(r.path(at, snapshotSuffix)); err != nil && !vfs.IsNotExist(err) {
			return err
		}
	}
	return nil
}

// settle makes what recovery found durable, as Close does.
func (r *recovery) settle() error {
	l := r.Log
	for i := 1; i < len(r.segments); i++ {
		if r.segments[i].base >= r.from {
			l.mu.sealed = append(l.mu.sealed, r.segments[i-1])
		}
	}
	if err := l.ck.update(false, func(c *checkpoint) { c.start, c.cleaned = l.start.Load(), r.ck.cleaned }); err != nil {
		return err
	}
	return l.lastRound()
}
