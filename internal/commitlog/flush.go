package commitlog

import (
	"math"

	"github.com/millrace/millrace/internal/vfs"
)

// tail is what an index file lacks.
type tail struct {
	suffix string
	at     int // entries before it
	size   int // of an entry
	bytes  []byte
}

// tails are what the index files lack.
func (s *segment) tails() (_ [3]tail, stale bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	fl := s.mu.flushed
	return [3]tail{
		{indexSuffix, fl.index, indexEntrySize, s.mu.index[fl.index:].appendTo(nil)},
		{timeSuffix, fl.times, timeEntrySize, s.mu.times[fl.times:].appendTo(nil)},
		{txnSuffix, fl.aborted, abortedSize, appendAborted(nil, s.mu.aborted[fl.aborted:])},
	}, s.mu.stale
}

// flush writes to the index files what they lack. That is done when the segment is closed and at marks: in between, what Open would
// do with newer entries is to compute them again.
func (s *segment) flush() error {
	s.flushing.Lock()
	defer s.flushing.Unlock()
	if s.moved.Load() {
		return nil
	}
	tails, stale := s.tails()
	for _, t := range tails {
		if len(t.bytes) == 0 && !stale {
			continue
		}
		if err := s.writeTail(t, stale); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.flushed.index += len(tails[0].bytes) / indexEntrySize
	s.mu.flushed.times += len(tails[1].bytes) / timeEntrySize
	s.mu.flushed.aborted += len(tails[2].bytes) / abortedSize
	s.mu.stale = false
	return nil
}

func (s *segment) writeTail(t tail, stale bool) error {
	name := s.path(s.base, t.suffix)
	open := s.fs.OpenReadWrite
	if t.at == 0 {
		// Kafka has a transaction index only where there is an aborted transaction.
		if t.suffix == txnSuffix && len(t.bytes) == 0 {
			if err := s.fs.Remove(name); err != nil && !vfs.IsNotExist(err) {
				return err
			}
			return nil
		}
		open = s.fs.Create
	}
	f, err := open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if stale {
		if err := f.Truncate(int64(t.at * t.size)); err != nil {
			return err
		}
	}
	_, err = f.WriteAt(t.bytes, int64(t.at*t.size))
	return err
}

// syncIndexes makes the index files durable, apart from their names, with the checksums of those of a closed segment; missing ones of
// the two indexes are made.
func (s *segment) syncIndexes() error {
	for _, suffix := range []string{indexSuffix, timeSuffix, txnSuffix} {
		name := s.path(s.base, suffix)
		err := syncFile(s.fs, name)
		if vfs.IsNotExist(err) && suffix != txnSuffix {
			err = writeFile(s.fs, name, nil, true)
		}
		if err != nil && !vfs.IsNotExist(err) {
			return err
		}
	}
	if s.next.Load() == math.MaxInt64 {
		return nil
	}
	return s.writeSums()
}

// markIndexes enters the greatest timestamp, so that an Open from here on need not look back, and sums the entries up.
func (s *segment) markIndexes() sums {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remade.Store(false)
	s.noteTimeLocked()
	return s.sumsLocked(len(s.mu.index), len(s.mu.times), len(s.mu.aborted))
}
