// Package metadata is what a node knows of itself: its identity, its topics with their ids, partitions and configs, and the
// producer ids it has handed out. A pure state machine decides; its records are kept in a log of their own; beside them lie the
// partitions' logs, which open on first use.
package metadata

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/millrace/millrace/internal/broker/auth"
	"github.com/millrace/millrace/internal/commitlog"
	"github.com/millrace/millrace/internal/vfs"
	"github.com/millrace/millrace/internal/wire"
)

// MetadataTopic is the topic of the metadata log.
const MetadataTopic = "__cluster_metadata"

// Options say where a store is and what it stands on.
type Options struct {
	FS  vfs.FS
	Dir string
	// ClusterID and NodeID, where set, must be those of the directory; an empty directory gets them.
	ClusterID string
	NodeID    int32
	// Settings are the server's own broker configs, by Kafka's names.
	Settings map[string]string
	// Now and Random are the clock and the source of ids; nil for the real ones.
	Now    func() time.Time
	Random io.Reader
	// Report is told, in one line, what a person should know; nil for nobody.
	Report func(string)
}

// Event says that a topic was created, changed or deleted: Old is nil for a new topic, New for one that is gone.
type Event struct{ Old, New *Topic }

// Store is the metadata of a node and its partitions. It is safe for concurrent use.
//
// A change is decided, appended, durable, and only then visible: write is held all that time, so that changes are decided one after
// the other on what is durable. Readers never wait for it.
type Store struct {
	opt      Options
	lock     io.Closer
	identity Identity
	fresh    bool // the directory was empty
	syncer   *commitlog.Syncer
	handles  *commitlog.Handles
	space    *commitlog.Space
	log      *commitlog.Log
	repair   repair // of the log's damage, while it is opened

	// sinceSnapshot is how many records the log has after the last snapshot; guarded by write.
	sinceSnapshot int64

	write sync.Mutex
	mu    struct {
		sync.RWMutex
		state    *state
		parts    map[UUID][]*partition
		watchers map[int]func(Event)
		settings map[int]func(changed []string)

		quotaWatchers    map[int]func()
		resourceWatchers map[int]func(Resource)
		nextID           int
		closed           bool
	}
	static   map[string]string
	defaults atomic.Int64               // how often the broker's configs have changed
	noted    map[string]bool            // configs that were said to have no effect; under write
	removing sync.WaitGroup             // deleted partitions' files
	acls     atomic.Pointer[auth.Index] // nil when stale; written under mu
	aclCount atomic.Int64               // changes of ACLs
	onACLs   atomic.Pointer[func()]     // see WatchACLs
}

// Open opens a data directory, formatting an empty one.
func Open(opt Options) (*Store, error) {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Report == nil {
		opt.Report = func(string) {}
	}
	inert, err := CheckSettings(opt.Settings)
	if err != nil {
		return nil, err
	}
	for _, name := range inert {
		opt.Report(inertText(name))
	}
	lock, id, fresh, err := openDirectory(opt)
	if err != nil {
		return nil, err
	}
	s := &Store{opt: opt, lock: lock, identity: id, fresh: fresh, static: maps.Clone(opt.Settings), noted: map[string]bool{}}
	s.mu.state, s.mu.parts, s.mu.watchers = newState(), map[UUID][]*partition{}, map[int]func(Event){}
	s.mu.settings, s.mu.quotaWatchers = map[int]func([]string){}, map[int]func(){}
	s.mu.resourceWatchers = map[int]func(Resource){}
	if err := s.open(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) open() error {
	s.syncer = commitlog.NewSyncer(commitlog.SyncerOptions{FS: s.opt.FS, Dir: s.opt.Dir})
	s.handles = commitlog.NewHandles(0)
	s.space = commitlog.NewSpace(commitlog.SpaceOptions{FS: s.opt.FS, Dir: s.opt.Dir, Limit: s.SettingInt(minFree), Report: s.opt.Report})
	config := commitlog.DefaultConfig()
	config.RetentionAge, config.MaxMessageBytes = -1, 1<<30
	log, err := commitlog.Open(commitlog.Options{
		FS: s.opt.FS, Dir: filepath.Join(s.opt.Dir, MetadataTopic+"-0"), TopicID: MetadataTopicID, Config: config,
		Now: s.opt.Now, Syncer: s.syncer, Handles: s.handles, Space: s.space, Report: s.finding,
		OtherTopic: func([16]byte) bool { return false }, // there is one such directory
	})
	if err != nil {
		return err
	}
	s.log = log
	if err := s.replay(); err != nil {
		return fmt.Errorf("metadata log %s-0: %w", MetadataTopic, err)
	}
	s.space.SetLimit(s.SettingInt(minFree))
	if err := s.settleIdentity(); err != nil {
		return err
	}
	for _, t := range s.mu.state.topics {
		s.mu.parts[t.ID] = newPartitions(t.Partitions)
	}
	if err := s.adopt(); err != nil {
		return err
	}
	if err := s.scan(); err != nil {
		return err
	}
	s.secure()
	return s.compact()
}

func (s *Store) finding(f commitlog.Finding) { s.opt.Report(f.String()) }

// replay builds the state out of the log.
func (s *Store) replay() error {
	var buf []byte
	for at := s.log.StartOffset(); at < s.log.HighWatermark(); {
		chunk, err := s.log.Read(at, 1<<20, commitlog.HighWatermark, true)
		if err != nil {
			return err
		}
		if chunk.Damage != nil {
			s.repair.found(chunk.Damage.Error())
		}
		buf, err = chunk.Bytes(buf)
		chunk.Release()
		if err != nil {
			return err
		}
		if at, err = s.replayBatches(buf, at); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) replayBatches(b []byte, at int64) (next int64, err error) {
	first := at
	for len(b) > 0 {
		batch, rest, err := wire.ParseBatch(b)
		if err != nil {
			return at, err
		}
		records := wire.Records(batch, nil)
		for records.Next() {
			r, err := decodeRecord(records.Record().Value)
			if err != nil {
				return at, fmt.Errorf("offset %d: %w", records.Record().Offset, err)
			}
			s.replayRecord(r)
		}
		if err := records.Err(); err != nil {
			return at, err
		}
		at, b = batch.NextOffset(), rest
	}
	if at == first {
		return at, fmt.Errorf("offset %d: nothing to read", at)
	}
	return at, nil
}

// replayRecord applies a record. One that contradicts what came before says that not all of that could be read.
func (s *Store) replayRecord(r record) {
	if _, ok := r.(snapshotRecord); ok {
		s.repair, s.sinceSnapshot = repair{}, -int64(len(s.mu.state.topics))-3
	}
	s.sinceSnapshot++
	if err := s.mu.state.apply(r); err != nil {
		s.repair.found(err.Error())
		s.applyDamaged(r)
	}
}

// compactAbove is how many records the log may have for each that the state needs, and compactLeast how many it must have, before
// a start rewrites it.
const (
	compactAbove = 4
	compactLeast = 10_000
)

// compact appends the state as one batch, if the log has grown out of proportion, and deletes what came before.
func (s *Store) compact() error {
	records := s.mu.state.snapshot()
	if n := s.log.EndOffset() - s.log.StartOffset(); n < compactLeast || n < compactAbove*int64(len(records)) {
		return nil
	}
	first, err := s.append(records)
	if err == nil {
		err = s.appendSnapshot() // so that the state stays in the log twice
	}
	if err != nil {
		return err
	}
	_, err = s.log.DeleteBefore(first)
	return err
}

// append writes records as one batch, and waits until it is durable.
func (s *Store) append(records []record) (first int64, err error) {
	b := wire.NewBuilder(nil)
	now := s.opt.Now().UnixMilli()
	for _, r := range records {
		b.Append(now, nil, r.appendTo(nil), nil)
	}
	s.sinceSnapshot += int64(len(records))
	info, err := s.log.Append(b.Bytes(), commitlog.Internal, 0)
	if err == nil {
		err = s.log.WaitDurable(context.Background(), info.LastOffset)
	}
	if err != nil {
		s.opt.Report("metadata log: " + err.Error())
		return 0, errf(kerr.KafkaStorageError, "the metadata log cannot be written: %v", err)
	}
	return info.FirstOffset, nil
}

// change makes what decide returns durable and then visible. The caller of decide has write, so the state stands still.
func (s *Store) change(decide func(*state) []record) error {
	s.write.Lock()
	defer s.write.Unlock()
	s.mu.RLock()
	closed := s.mu.closed
	s.mu.RUnlock()
	if closed {
		return errClosed
	}
	records := decide(s.mu.state)
	if len(records) == 0 {
		return nil
	}
	if s.log.EndOffset() == 0 {
		records = append([]record{identityRecord{s.identity}}, records...)
	}
	if _, err := s.append(records); err != nil {
		return err
	}
	for _, r := range records {
		s.publish(r)
	}
	return nil
}

var errClosed = errf(kerr.NotLeaderForPartition, "the node is stopping")

// publish makes a durable record visible, and then does to the partitions what follows from it.
func (s *Store) publish(r record) {
	var e Event
	var gone []*partition
	s.mu.Lock()
	id, isTopic := topicOf(r)
	e.Old = s.mu.state.byID[id]
	before := s.values()
	if err := s.mu.state.apply(r); err != nil {
		panic(err) // it was decided on this very state
	}
	switch r.(type) {
	case aclRecord, aclDeletedRecord:
		s.acls.Store(nil)
		s.aclCount.Add(1)
		if fn := s.onACLs.Load(); fn != nil {
			defer (*fn)()
		}
	}
	e.New = s.mu.state.byID[id]
	if e.New != nil {
		parts := s.mu.parts[id]
		s.mu.parts[id] = append(parts[:len(parts):len(parts)], newPartitions(e.New.Partitions-int32(len(parts)))...)
	} else if isTopic {
		gone = s.mu.parts[id]
		delete(s.mu.parts, id)
	}
	watchers := make([]func(Event), 0, len(s.mu.watchers))
	for _, fn := range s.mu.watchers {
		watchers = append(watchers, fn)
	}
	s.mu.Unlock()

	if gone != nil {
		s.removePartitions(e.Old, gone)
	}
	if _, ok := r.(topicConfigRecord); ok {
		s.reconfigure(e.New)
	}
	s.published(r, before)
	if isTopic {
		for _, fn := range watchers {
			fn(e)
		}
	}
}

// topicOf is the topic that a record is about.
func topicOf(r record) (id UUID, ok bool) {
	switch r := r.(type) {
	case topicRecord:
		return r.id, true
	case deletedRecord:
		return r.id, true
	case partitionsRecord:
		return r.id, true
	case topicConfigRecord:
		return r.id, true
	}
	return id, false
}

// Watch calls fn after every change of a topic, in the order of changes, until cancelled. fn must not make changes itself.
func (s *Store) Watch(fn func(Event)) (cancel func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.mu.nextID
	s.mu.nextID++
	s.mu.watchers[id] = fn
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.mu.watchers, id)
	}
}

// SpaceLow says whether producers are refused because the disk is almost full.
func (s *Store) SpaceLow() bool { return s.space.Low(s.opt.Now()) }

// LogEnd is how far the metadata log goes.
func (s *Store) LogEnd() int64 { return s.log.HighWatermark() }

// Identity is the directory's.
func (s *Store) Identity() Identity { return s.identity }

// Dir is the data directory.
func (s *Store) Dir() string { return s.opt.Dir }

// FS is the file system the directory is in.
func (s *Store) FS() vfs.FS { return s.opt.FS }

// Close closes every log and gives up the directory.
func (s *Store) Close() error {
	s.write.Lock()
	defer s.write.Unlock()
	s.mu.Lock()
	if s.mu.closed {
		s.mu.Unlock()
		return nil
	}
	s.mu.closed = true
	var parts []*partition
	for _, list := range s.mu.parts {
		parts = append(parts, list...)
	}
	s.mu.Unlock()
	s.removing.Wait()
	var errs []error
	for _, p := range parts {
		errs = append(errs, p.close())
	}
	if s.log != nil {
		s.secure()
		errs = append(errs, s.log.Close())
	}
	if s.syncer != nil {
		errs = append(errs, s.syncer.Close())
	}
	return errors.Join(append(errs, s.lock.Close())...)
}
