package commitlog

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/millrace/millrace/internal/vfs"
)

// A cleaned segment takes the place of a group of segments by names, Kafka's:
//
//	1  NNN.log.cleaned, .index.cleaned … are written and synced, and the directory is
//	2  they are renamed to .swap, the log last, and the directory is synced         this is the commit
//	3  the files of the group's other segments are removed
//	4  .swap is taken off the names, the log's last, which replaces the first segment's files
//	5  the list of segments changes
//
// A crash before 2 is done leaves .cleaned files, and .swap files without a log, which are removed: nothing has happened. After it
// there is a .log.swap until 4 is done, and Open goes on at 3. It does not know the group, only which offsets the new segment has:
// it removes the segments that begin within these. One beyond, of which nothing was left, stays as it was, uncleaned.
//
// Readers hold segments, not names. Before its names change, a segment's file is opened and its indexes are read, so that who has it
// can use it to the end.
const (
	cleanedSuffix = ".cleaned"
	swapSuffix    = ".swap"
	deletedSuffix = ".deleted"
)

// swapOrder is the order of renaming.
var swapOrder = []string{indexSuffix, timeSuffix, txnSuffix, sumsSuffix, logSuffix}

// swap puts a segment in a group's place. It fails before anything has changed, or, committed, takes the log offline: the files under
// the new segment's names are then the only ones that have all.
func (l *Log) swap(group []*segment, s *segment) (committed bool, err error) {
	l.round.Lock()
	defer l.round.Unlock()
	if l.stopping.Load() || !l.holds(group) {
		return false, ErrCleanStopped
	}
	if err := l.ck.update(true, func(c *checkpoint) { c.cleaned = max(c.cleaned, s.next.Load()) }); err != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		return false, l.writeFailed(err)
	}
	for _, old := range group {
		if err := old.detach(l.config.Load().IndexIntervalBytes); err != nil {
			attach(group)
			return false, err
		}
	}
	for _, suffix := range swapOrder {
		name := l.path(s.base, suffix)
		if err := l.fs.Rename(name+cleanedSuffix, name+swapSuffix); err != nil {
			attach(group)
			return false, err
		}
	}
	if err = l.fs.SyncDir(l.dir); err == nil {
		err = l.completeSwap(s.base, group[1:])
	}
	l.mu.Lock()
	if err != nil {
		err = l.offline(err)
		l.mu.Unlock()
		l.notify()
		return true, err
	}
	l.replaceLocked(group, s)
	l.mu.Unlock()
	s.unsynced.Store(false)
	for _, old := range group {
		old.release()
	}
	return true, nil
}

// holds says whether a group is still in the log, and the log takes changes.
func (l *Log) holds(group []*segment) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := *l.segments.Load()
	i := slices.Index(list, group[0])
	return l.mu.err == nil && i >= 0 && i+len(group) < len(list) && slices.Equal(list[i:i+len(group)], group)
}

func (l *Log) replaceLocked(group []*segment, s *segment) {
	list := *l.segments.Load()
	i := slices.Index(list, group[0])
	next := append(append(slices.Clone(list[:i]), s), list[i+len(group):]...)
	l.segments.Store(&next)
}

// detach makes a segment independent of its names.
func (s *segment) detach(interval int) error {
	s.moved.Store(true)    // from here on trim lets the indexes be
	s.unsynced.Store(true) // and nobody closes the file, which could not be opened again
	if _, err := s.open(); err != nil {
		return err
	}
	if err := s.load(interval); err != nil {
		return err
	}
	s.flushing.Lock() // who flushes now is done before the names change
	defer s.flushing.Unlock()
	return nil
}

// attach is for segments that keep their names after all.
func attach(group []*segment) {
	for _, s := range group {
		s.moved.Store(false)
		s.unsynced.Store(false)
	}
}

// completeSwap does what follows the commit: the segments that others replace go, and the one that replaces them gets its names.
func (l *Log) completeSwap(base int64, replaced []*segment) error {
	bases := make([]int64, len(replaced))
	for i, s := range replaced {
		bases[i] = s.base
	}
	return l.place.completeSwap(base, bases)
}

func (p *place) completeSwap(base int64, replaced []int64) error {
	for _, b := range replaced {
		for _, suffix := range []string{logSuffix, indexSuffix, timeSuffix, txnSuffix, snapshotSuffix, sumsSuffix} {
			if err := p.fs.Remove(p.path(b, suffix)); err != nil && !vfs.IsNotExist(err) {
				return err
			}
		}
	}
	for _, suffix := range swapOrder {
		name := p.path(base, suffix)
		if err := p.fs.Rename(name+swapSuffix, name); err != nil && !vfs.IsNotExist(err) {
			return err
		}
	}
	// Kafka has a transaction index only where there is an aborted transaction.
	name := p.path(base, txnSuffix)
	if info, err := p.fs.Stat(name); err == nil && info.Size == 0 {
		if err := p.fs.Remove(name); err != nil {
			return err
		}
	}
	return p.fs.SyncDir(p.dir)
}

// recoverSwaps finishes, or undoes, what a crash interrupted. It is called before the segments are listed. Indexes without a segment
// below the log's start are what a crash left of its deletion; above it they are damage, but for those of segments that were replaced.
func (p *place) recoverSwaps(start int64) error {
	names, err := p.fs.List(p.dir)
	if err != nil {
		return err
	}
	var swaps, bases []int64
	for _, name := range names {
		if base, ok := parseName(name, logSuffix); ok {
			bases = append(bases, base)
		}
		if base, ok := parseName(name, logSuffix+swapSuffix); ok {
			swaps = append(swaps, base)
		}
	}
	if len(swaps) > 0 {
		start = math.MaxInt64
	}
	// First, since what a second crash leaves must still be recognized.
	if err := p.removeLeftovers(names, start); err != nil {
		return err
	}
	for _, base := range swaps {
		if err := p.recoverSwap(base, bases); err != nil {
			return err
		}
	}
	return nil
}

// recoverSwap goes on after the commit of a swap.
func (p *place) recoverSwap(base int64, bases []int64) error {
	next, err := p.swapEnd(base)
	if err != nil {
		return fmt.Errorf("%s%s: %w", p.path(base, logSuffix), swapSuffix, err)
	}
	var replaced []int64
	for _, b := range bases {
		if b > base && b < next {
			replaced = append(replaced, b)
		}
	}
	return p.completeSwap(base, replaced)
}

// swapEnd is the offset that follows what a swapped segment has. It was synced before its name said so; if it has been damaged since,
// what is before the damage counts.
func (p *place) swapEnd(base int64) (next int64, err error) {
	f, err := p.fs.Open(p.path(base, logSuffix) + swapSuffix)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return 0, err
	}
	w := newWindow(f, size)
	defer w.release()
	next = base
	for pos := int64(0); pos < size; {
		b, err := w.header(pos)
		if err != nil || b.BaseOffset() < next {
			break
		}
		next = b.NextOffset()
		pos += int64(b.Size())
	}
	return next, nil
}

// removeLeftovers removes, of the files that were found, those that belong to no segment: of cleanings that were not committed, of
// segments that were replaced or deleted, and what Kafka deletes later.
func (p *place) removeLeftovers(names []string, start int64) error {
	removed := false
	for _, name := range names {
		if !leftover(name, names, start) {
			continue
		}
		if err := p.fs.Remove(filepath.Join(p.dir, name)); err != nil && !vfs.IsNotExist(err) {
			return err
		}
		removed = true
	}
	if !removed {
		return nil
	}
	return p.fs.SyncDir(p.dir)
}

// leftover says whether a file, one of several, has no use.
func leftover(name string, names []string, start int64) bool {
	has := func(name string) bool {
		_, found := slices.BinarySearch(names, name)
		return found
	}
	if strings.HasSuffix(name, cleanedSuffix) || strings.HasSuffix(name, deletedSuffix) {
		return true
	}
	if of, ok := strings.CutSuffix(name, swapSuffix); ok {
		number, _, _ := strings.Cut(of, ".")
		return !has(number + logSuffix + swapSuffix)
	}
	for _, suffix := range []string{indexSuffix, timeSuffix, txnSuffix, sumsSuffix} {
		if base, ok := parseName(name, suffix); ok && base < start {
			return !has(fileName(base, logSuffix)) && !has(fileName(base, logSuffix)+swapSuffix)
		}
	}
	return false
}

// markSparse tells the segments that may lack offsets.
func (r *recovery) markSparse() {
	for _, s := range r.segments {
		s.sparse = s.base < r.ck.cleaned
	}
}
