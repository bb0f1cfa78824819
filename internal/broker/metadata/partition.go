package metadata

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/millrace/millrace/internal/commitlog"
)

// partition is a place for a log that opens on first use.
type partition struct {
	log atomic.Pointer[commitlog.Log]
	due atomic.Pointer[due]
	// opened counts what may have changed the files: a log that was opened, a visit that has ended.
	opened atomic.Int64
	mu     struct {
		sync.Mutex
		gone   bool // deleted or closed: it does not open again
		failed error
		tried  time.Time // when it failed
	}
}

func newPartitions(n int32) []*partition {
	list := make([]*partition, n)
	for i := range list {
		list[i] = &partition{}
	}
	return list
}

// retryOpen is how long an error of opening a log is remembered: reading a damaged one again for every request helps nobody.
const retryOpen = time.Second

// get gives the log, opening it if need be.
func (p *partition) get(now func() time.Time, open func() (*commitlog.Log, error)) (*commitlog.Log, error) {
	if log := p.log.Load(); log != nil {
		return log, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.gone {
		return nil, kerr.UnknownTopicOrPartition
	}
	if log := p.log.Load(); log != nil {
		return log, nil
	}
	if p.mu.failed != nil && now().Sub(p.mu.tried) < retryOpen {
		return nil, p.mu.failed
	}
	log, err := open()
	if p.mu.failed = err; err != nil {
		p.mu.tried = now()
		return nil, err
	}
	p.log.Store(log)
	p.opened.Add(1)
	return log, nil
}

// visit calls fn with the log, which is opened for it if need be, and closed again. Nobody else can open it meanwhile.
func (p *partition) visit(open func() (*commitlog.Log, error), fn func(*commitlog.Log) error) error {
	p.mu.Lock()
	log := p.log.Load()
	if log != nil {
		p.mu.Unlock()
		return fn(log)
	}
	defer p.mu.Unlock()
	if p.mu.gone || p.mu.failed != nil {
		return nil
	}
	log, err := open()
	if err != nil {
		return err
	}
	defer p.opened.Add(1)
	return errors.Join(fn(log), log.Close())
}

func (p *partition) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.gone = true
	log := p.log.Swap(nil)
	if log == nil {
		return nil
	}
	return log.Close()
}

// Partition gives the log of a partition, by the topic's name.
func (s *Store) Partition(name string, i int32) (*commitlog.Log, error) {
	s.mu.RLock()
	t := s.mu.state.topics[name]
	var p *partition
	if t != nil && i >= 0 && i < t.Partitions {
		p = s.mu.parts[t.ID][i]
	}
	s.mu.RUnlock()
	return s.openPartition(t, p, i)
}

// PartitionOf gives the log of a partition of this very topic, not of another that has its name since.
func (s *Store) PartitionOf(t *Topic, i int32) (*commitlog.Log, error) {
	return s.openPartition(t, s.place(t, i), i)
}

func (s *Store) place(t *Topic, i int32) *partition {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if parts := s.mu.parts[t.ID]; i >= 0 && int(i) < len(parts) {
		return parts[i]
	}
	return nil
}

// OpenLog is PartitionOf for a log that is open already, or has files; nil otherwise.
func (s *Store) OpenLog(t *Topic, i int32) (*commitlog.Log, error) {
	p := s.place(t, i)
	if p == nil {
		return nil, nil
	}
	if p.log.Load() == nil {
		if !s.hasFiles(t.Name, i) {
			return nil, nil
		}
	}
	return s.openPartition(t, p, i)
}

// Unopened stands for a partition whose log is not open: it is another value after its files or its configuration may have changed.
type Unopened struct {
	topic            *Topic
	defaults, opened int64
}

// Unopened gives that value; ok is false where the log is open.
func (s *Store) Unopened(t *Topic, i int32) (u Unopened, ok bool) {
	p := s.place(t, i)
	if p == nil {
		return u, false
	}
	u = Unopened{t, s.defaults.Load(), p.opened.Load()} // before the log is looked at
	return u, p.log.Load() == nil
}

// WorthCleaning says whether the log of a partition that is not open may be worth cleaning: it looks at names and sizes of files only.
func (s *Store) WorthCleaning(t *Topic, i int32, firstDirty int64) bool {
	config := s.logConfig(t.ID)
	what := commitlog.CleanableAtMost(s.opt.FS, s.partitionDir(t.Name, i), firstDirty)
	return what.DirtyBytes > 0 && (what.Ratio() > config.MinDirtyRatio || config.MaxCompactionLag < math.MaxInt64)
}

// Offline gives up a log that its disk has taken offline: the next use reads it again from disk, which alone knows what it holds.
func (s *Store) Offline(t *Topic, i int32, log *commitlog.Log) {
	p := s.place(t, i)
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.log.CompareAndSwap(log, nil) {
		_ = log.Close() // its error has been told
		p.mu.failed, p.mu.tried = log.Err(), s.opt.Now()
	}
}

func (s *Store) openPartition(t *Topic, p *partition, i int32) (*commitlog.Log, error) {
	if p == nil {
		return nil, kerr.UnknownTopicOrPartition
	}
	return p.get(s.opt.Now, s.opener(t, i))
}

func (s *Store) opener(t *Topic, i int32) func() (*commitlog.Log, error) {
	return func() (*commitlog.Log, error) {
		log, err := commitlog.Open(commitlog.Options{
			FS: s.opt.FS, Dir: s.partitionDir(t.Name, i), TopicID: t.ID, Config: s.logConfig(t.ID),
			Now: s.opt.Now, Syncer: s.syncer, Handles: s.handles, Space: s.space, Report: s.finding, OtherTopic: s.isTopic,
		})
		if err != nil {
			s.opt.Report(fmt.Sprintf("partition %s-%d does not open: %v", t.Name, i, err))
			return nil, errf(kerr.KafkaStorageError, "partition %s-%d does not open: %v", t.Name, i, err)
		}
		return log, nil
	}
}

// VisitDue calls fn with the log of a partition that has files, and remembers when it wants to be called again; zero is for the next
// time. A log that is not open is opened for it and closed again, so that looking after all partitions does not keep all of them in
// memory; and not before it is due, for nothing happens to a log that is not open, unless its configuration changes.
func (s *Store) VisitDue(t *Topic, i int32, fn func(*commitlog.Log) (next time.Time, err error)) error {
	p := s.place(t, i)
	if p == nil || p.log.Load() == nil && (s.opt.Now().Before(p.idleUntil(t, s.defaults.Load())) || !s.hasFiles(t.Name, i)) {
		return nil
	}
	return p.visit(s.opener(t, i), func(log *commitlog.Log) error {
		next, err := fn(log)
		p.due.Store(&due{t, s.defaults.Load(), next})
		return err
	})
}

// Visit calls fn with the log of a partition that has files. A log that is not open is opened for it and closed again.
func (s *Store) Visit(t *Topic, i int32, fn func(*commitlog.Log) error) error {
	p := s.place(t, i)
	if p == nil || p.log.Load() == nil && !s.hasFiles(t.Name, i) {
		return nil
	}
	return p.visit(s.opener(t, i), fn)
}

// due is when a partition is to be visited next, if its topic and the broker's defaults are still configured as they were.
type due struct {
	topic    *Topic
	defaults int64
	at       time.Time
}

func (p *partition) idleUntil(t *Topic, defaults int64) time.Time {
	if d := p.due.Load(); d != nil && d.topic == t && d.defaults == defaults {
		return d.at
	}
	return time.Time{}
}

func (s *Store) hasFiles(topic string, i int32) bool {
	_, err := s.opt.FS.Stat(s.partitionDir(topic, i))
	return err == nil
}

// Size is the bytes that a partition's records take. It opens nothing.
func (s *Store) Size(t *Topic, i int32) int64 {
	if p := s.place(t, i); p != nil {
		if log := p.log.Load(); log != nil {
			return log.Size()
		}
	}
	return commitlog.SizeOf(s.opt.FS, s.partitionDir(t.Name, i))
}

// isTopic says whether an id is or was a topic's.
func (s *Store) isTopic(id [16]byte) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, deleted := s.mu.state.deleted[id]
	return deleted || s.mu.state.byID[id] != nil
}

// logConfig resolves the newest configs of a topic, which may have changed since the caller looked it up.
func (s *Store) logConfig(id UUID) commitlog.Config {
	s.mu.RLock()
	values, t := s.values(), s.mu.state.byID[id]
	s.mu.RUnlock()
	if t == nil {
		t = &Topic{}
	}
	return values.logConfig(t)
}

// reconfigure gives the open logs of a topic its configs. One that is being opened waits with its partition's lock, or has read
// them already.
func (s *Store) reconfigure(t *Topic) {
	s.mu.RLock()
	parts := s.mu.parts[t.ID]
	s.mu.RUnlock()
	config := s.logConfig(t.ID)
	for i, p := range parts {
		p.mu.Lock()
		if log := p.log.Load(); log != nil {
			if err := log.SetConfig(config); err != nil && !errors.Is(err, commitlog.ErrClosed) {
				s.opt.Report(fmt.Sprintf("partition %s-%d keeps its old configuration: %v", t.Name, i, err))
			}
		}
		p.mu.Unlock()
	}
}

func (s *Store) partitionDir(name string, i int32) string {
	return filepath.Join(s.opt.Dir, partitionName(name, i))
}
