package commitlog

import (
	"sync"
	"time"

	"github.com/millrace/millrace/internal/metrics"
	"github.com/millrace/millrace/internal/vfs"
)

// Syncer runs the sync rounds of the logs of a data directory. A log with something to sync has a goroutine of its own, which goes
// round after round, each as soon as the disk is done with the last, until there is nothing left: under load a round carries what
// came during the one before, and alone a record waits for one sync. Beyond MaxFiles such logs a sync for each is worse than one
// for all: the others are served together, by rounds that sync the file system.
type Syncer struct {
	// Times are how long the disk took for each sync of a round.
	Times metrics.Histogram

	maxFiles int
	volume   vfs.Volume // nil where there is no such thing
	running  sync.WaitGroup
	mu       struct {
		sync.Mutex
		files  int    // logs with a goroutine of their own
		queue  []*Log // those without
		shared bool   // the goroutine for those is running
	}
}

// SyncerOptions configure a Syncer.
type SyncerOptions struct {
	// FS and Dir are the data directory, which exists.
	FS  vfs.FS
	Dir string
	// MaxFiles is how many logs sync by themselves at a time; 0 stands for 32.
	MaxFiles int
}

// NewSyncer makes a Syncer.
func NewSyncer(o SyncerOptions) *Syncer {
	s := &Syncer{maxFiles: o.MaxFiles}
	if s.maxFiles == 0 {
		s.maxFiles = 32
	}
	// Without a volume each log syncs by itself, however many there are.
	if v, err := o.FS.Volume(o.Dir); err == nil {
		s.volume = v
	}
	return s
}

// Close waits until no round runs. The logs are closed first.
func (s *Syncer) Close() error {
	s.running.Wait()
	if s.volume == nil {
		return nil
	}
	return s.volume.Close()
}

// Idle waits until no round runs, though nothing keeps the next from beginning.
func (s *Syncer) Idle() { s.running.Wait() }

// start sees to it that a log is synced until it is clean.
func (s *Syncer) start(l *Log) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.files < s.maxFiles || s.volume == nil {
		s.mu.files++
		s.running.Add(1)
		go s.alone(l)
		return
	}
	s.mu.queue = append(s.mu.queue, l)
	if !s.mu.shared {
		s.mu.shared = true
		s.running.Add(1)
		go s.together()
	}
}

func (s *Syncer) alone(l *Log) {
	defer s.running.Done()
	for l.syncOnce() {
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.files--
}

// together runs shared rounds until nobody is waiting for one.
func (s *Syncer) together() {
	defer s.running.Done()
	for {
		s.mu.Lock()
		logs := s.mu.queue
		s.mu.queue = nil
		if len(logs) == 0 {
			s.mu.shared = false
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		again := s.shared(logs)
		s.mu.Lock()
		s.mu.queue = append(s.mu.queue, again...)
		s.mu.Unlock()
	}
}

// shared runs one round of many logs, and returns those that have more to sync. Their locks are taken in no order, which is safe
// because nobody else holds two.
func (s *Syncer) shared(logs []*Log) (again []*Log) {
	rounds := make([]*round, len(logs))
	for i, l := range logs {
		l.round.Lock()
		if rounds[i] = l.begin(false); rounds[i] != nil {
			rounds[i].shared = true
			l.tryPrepare(rounds[i])
		}
	}
	began := time.Now()
	err := s.volume.Sync()
	s.Times.Observe(time.Since(began))
	for i, l := range logs {
		if r := rounds[i]; r != nil && l.settle(r, err) {
			again = append(again, l)
		}
		l.round.Unlock()
	}
	return again
}
