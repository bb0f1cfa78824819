package commitlog

import (
	"errors"
	"fmt"
	"math"

	"github.com/millrace/millrace/internal/vfs"
	"github.com/millrace/millrace/internal/wire"
)

// cleanSyncBytes is how much is written between two syncs, so that no other log's sync waits for all of it.
const cleanSyncBytes = 8 << 20

// errUnchanged says that a segment loses nothing.
var errUnchanged = errors.New("nothing to clean")

// cleanGroup copies a group of segments into one, and puts that in their place. A single segment is not copied before something in
// it changes: most of a large log that is cleaned often does not.
func (cl *cleaning) cleanGroup(group []*segment) error {
	cl.kept = nil
	w := &cleanWriter{cleaning: cl, group: group}
	for _, s := range group {
		err := cl.read(s, func(b wire.Batch) (bool, error) { return true, w.take(s, b) })
		if err != nil {
			w.abandon()
			return err
		}
		cl.filter.stats.Segments++
		cl.filter.stats.SizeBefore += s.size.Load()
	}
	if !w.changed(group) {
		cl.filter.stats.SizeAfterwards += group[0].size.Load()
		return nil
	}
	if err := w.finish(); err != nil {
		w.abandon()
		return err
	}
	cl.filter.stats.Rewritten += len(group)
	cl.filter.stats.SizeAfterwards += w.out.size.Load()
	return nil
}

// cleanWriter writes the segment that takes the place of a group.
type cleanWriter struct {
	*cleaning
	group  []*segment
	out    *segment // nil until something is written
	file   vfs.File // its
	same   int64    // bytes of the one segment that stay as they are
	buf    []byte   // not yet written
	pos    int64    // of what comes next
	synced int64
	oldest int64 // greatest timestamp of the first batch, -1 if there is none

	committed bool // its files have the group's place, whatever else went wrong
}

// take decides about a batch and writes what is left of it.
func (w *cleanWriter) take(s *segment, b wire.Batch) error {
	left, err := w.filter.apply(b)
	if err != nil {
		return fmt.Errorf("%w: %w", &DamageError{s.logPath(), b.BaseOffset(), b.NextOffset()}, err)
	}
	if w.out == nil {
		if len(w.group) == 1 && len(left) == len(b) && &left[0] == &b[0] {
			w.same += int64(len(b))
			return nil
		}
		if err := w.create(); err != nil {
			return err
		}
	}
	return w.put(left)
}

// changed says whether there is something to put in the group's place.
func (w *cleanWriter) changed(group []*segment) bool {
	return len(group) > 1 || w.out != nil || len(w.kept) != w.abortedIn(group[0])
}

// abortedIn counts the aborted transactions whose markers are in a segment.
func (cl *cleaning) abortedIn(s *segment) (n int) {
	for _, a := range cl.aborted {
		if a.LastOffset >= s.base && a.LastOffset < s.next.Load() {
			n++
		}
	}
	return n
}

// create begins the new segment, with the bytes that stay.
func (w *cleanWriter) create() error {
	base := w.group[0].base
	f, err := w.fs.Create(w.path(base, logSuffix) + cleanedSuffix)
	if err != nil {
		return err
	}
	w.out = newSegment(&w.place, base, 0, 0)
	w.out.sparse, w.out.mu.loaded, w.out.mu.surveyed = true, true, true
	w.out.unsynced.Store(true) // it keeps its file until its names are right
	w.out.adopt(f)
	w.file = f
	w.oldest = -1
	if w.same == 0 {
		return nil
	}
	return w.copySame()
}

// copySame writes what was found to stay before anything was written.
func (w *cleanWriter) copySame() error {
	f, err := w.group[0].open()
	if err != nil {
		return err
	}
	from := &window{file: f, end: w.same, buf: make([]byte, min(cleanReadBytes, w.same))}
	for pos := int64(0); pos < w.same; {
		b, err := from.batch(pos)
		if err != nil {
			return err
		}
		if err := w.put(b); err != nil {
			return err
		}
		pos += int64(len(b))
	}
	return nil
}

func (w *cleanWriter) put(b wire.Batch) error {
	if len(b) == 0 {
		return nil
	}
	if w.pos+int64(len(b)) > math.MaxInt32 {
		return fmt.Errorf("what is cleaned of the segments from %d on does not fit into one", w.out.base)
	}
	if w.pos == 0 {
		w.oldest = b.MaxTimestamp()
	}
	w.out.note(b, w.pos, w.c.IndexIntervalBytes)
	w.pos += int64(len(b))
	if w.buf = append(w.buf, b...); len(w.buf) < cleanReadBytes {
		return nil
	}
	return w.flush()
}

func (w *cleanWriter) flush() error {
	n := int64(len(w.buf))
	if _, err := w.file.WriteAt(w.buf, w.pos-n); err != nil {
		return err
	}
	w.buf = w.buf[:0]
	w.filter.stats.BytesWritten += n
	if w.pos-w.synced >= cleanSyncBytes {
		if err := w.file.Sync(); err != nil {
			return err
		}
		w.synced = w.pos
	}
	return w.pause(0)
}

// finish makes the new segment durable under its first names, and swaps it in.
func (w *cleanWriter) finish() error {
	if w.out == nil {
		if err := w.create(); err != nil {
			return err
		}
	}
	if err := w.flush(); err != nil {
		return err
	}
	if err := w.file.Sync(); err != nil {
		return err
	}
	s := w.out
	s.size.Store(w.pos)
	s.firstTS = w.oldest
	s.seal(w.group[len(w.group)-1].next.Load())
	s.mu.aborted = w.kept
	s.mu.flushed.index, s.mu.flushed.times, s.mu.flushed.aborted = len(s.mu.index), len(s.mu.times), len(s.mu.aborted)
	for suffix, b := range map[string][]byte{
		indexSuffix: s.mu.index.appendTo(nil),
		timeSuffix:  s.mu.times.appendTo(nil),
		txnSuffix:   appendAborted(nil, s.mu.aborted),
		sumsSuffix:  s.sumsLocked(len(s.mu.index), len(s.mu.times), len(s.mu.aborted)).encode(w.pos, s.next.Load()),
	} {
		if err := writeFile(w.fs, s.path(s.base, suffix)+cleanedSuffix, b, true); err != nil {
			return err
		}
	}
	err := w.fs.SyncDir(w.dir)
	if err != nil {
		return err
	}
	w.committed, err = w.swap(w.group, s)
	return err
}

// abandon removes what was written, if it has not been put in place. What stays is removed when the log is next opened.
func (w *cleanWriter) abandon() {
	if w.out == nil {
		return
	}
	w.out.release()
	if w.committed {
		return
	}
	for _, suffix := range swapOrder {
		for _, state := range []string{cleanedSuffix, swapSuffix} {
			if err := w.fs.Remove(w.path(w.out.base, suffix) + state); err != nil && !vfs.IsNotExist(err) {
				return
			}
		}
	}
}
