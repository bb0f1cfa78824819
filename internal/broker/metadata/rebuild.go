package metadata

import (
	"encoding/base64"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/millrace/millrace/internal/commitlog"
	"github.com/millrace/millrace/internal/vfs"
)

// The metadata log can be damaged like any other, and then the node starts all the same. What helps, in this order:
//
//	a snapshot of the whole state is appended at every close and after a crash, so that most of it is in the log twice
//	what the damage has hidden of a topic is found again in its directories: name, id, and as many partitions as have files
//	what cannot be found again, a topic's configs, is chosen so that nothing is deleted: retention is off until a person sets it
//	producer ids go on far above all that are known: one that is given out twice would have its records taken for duplicates
//
// Nothing is ever deleted because metadata is missing.

// producerJump is how far producer ids go on above the last known.
const producerJump = 1 << 32

// repair is what a replay finds out about the log's damage.
type repair struct {
	damaged bool
	why     string          // the first that was found
	orphans map[UUID]*Topic // changes of topics whose creation is not there
}

// found notes damage. What was found before a snapshot is of no interest after it.
func (r *repair) found(why string) {
	if !r.damaged {
		*r = repair{damaged: true, why: why, orphans: map[UUID]*Topic{}}
	}
}

// applyDamaged takes a record that contradicts what came before, because what came before is not all there.
func (s *Store) applyDamaged(r record) {
	st := s.mu.state
	id, ok := topicOf(r)
	if !ok {
		return
	}
	if _, ok := r.(deletedRecord); ok {
		st.deleted[id] = "" // its name is not known
		delete(s.repair.orphans, id)
		return
	}
	o := s.repair.orphans[id]
	if o == nil {
		o = &Topic{}
		s.repair.orphans[id] = o
	}
	switch r := r.(type) {
	case topicRecord:
		// A topic of this name or id is there, whose deletion is not: the later one counts.
		if old := st.topics[r.name]; old != nil && old.ID != r.id {
			_ = st.apply(deletedRecord{old.ID})
			_ = st.apply(r)
		}
		delete(s.repair.orphans, id)
	case partitionsRecord:
		o.Partitions = r.partitions
	case topicConfigRecord:
		o.Configs = r.configs
	}
}

// adopt finds topics again by their directories, and makes what it found part of the log.
func (s *Store) adopt() error {
	empty := s.log.EndOffset() == 0 && !s.fresh
	if !s.repair.damaged && !empty {
		return nil
	}
	dirs, err := s.orphanDirs()
	if err != nil || empty && len(dirs) == 0 {
		return err
	}
	if empty {
		s.repair.found("it is empty")
	}
	s.opt.Report(fmt.Sprintf("metadata log %s: %s; topics are found again by their directories", filepath.Join(s.opt.Dir, MetadataTopic+"-0"), s.repair.why))
	st := s.mu.state
	st.nextProducer += producerJump
	for _, name := range slices.Sorted(maps.Keys(dirs)) {
		s.adoptTopic(name, dirs[name])
	}
	for _, t := range st.topics {
		s.mu.parts[t.ID] = newPartitions(t.Partitions)
	}
	return s.appendSnapshot()
}

// orphan is what the directories say of a topic that the metadata does not know, or not whole.
type orphan struct {
	id         UUID // zero if no directory says it
	partitions int32
}

// orphanDirs looks for directories of ours that no topic accounts for.
func (s *Store) orphanDirs() (map[string]orphan, error) {
	names, err := s.opt.FS.List(s.opt.Dir)
	if err != nil {
		return nil, err
	}
	found := map[string]orphan{}
	for _, name := range names {
		topic, i, ok := parsePartitionName(name)
		if !ok || topic == MetadataTopic || s.knows(topic, i) || !isPartition(s.opt.FS, filepath.Join(s.opt.Dir, name)) {
			continue
		}
		if _, deleted := s.deletedID(name, topic); deleted {
			continue
		}
		o := found[topic]
		if id, ok := s.claimedID(name); ok && o.id == (UUID{}) {
			o.id = id
		}
		o.partitions = max(o.partitions, i+1)
		found[topic] = o
	}
	return found, nil
}

// claimedID reads whose directory it is.
func (s *Store) claimedID(name string) (id UUID, ok bool) {
	value, ok := s.claimed(name)
	if !ok {
		return id, false
	}
	b, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil || len(b) != len(id) {
		return id, false
	}
	return UUID(b), true
}

func (s *Store) adoptTopic(name string, o orphan) {
	st := s.mu.state
	if t := st.topics[name]; t != nil {
		s.opt.Report(fmt.Sprintf("topic %s: %d partitions were found, the metadata has %d", name, o.partitions, t.Partitions))
		_ = st.apply(partitionsRecord{t.ID, o.partitions})
		return
	}
	if o.id == (UUID{}) || st.byID[o.id] != nil {
		id, err := NewUUID(s.opt.Random)
		if err != nil {
			s.opt.Report(fmt.Sprintf("topic %s is not found again: no random numbers: %v", name, err))
			return
		}
		o.id = id
	}
	configs := keepingConfigs(name)
	partitions := max(o.partitions, s.usualPartitions(name))
	if was := s.repair.orphans[o.id]; was != nil {
		partitions = max(partitions, was.Partitions)
		if was.Configs != nil {
			configs = was.Configs
		}
	}
	if err := st.apply(topicRecord{o.id, name, partitions, s.opt.Now().UnixMilli(), configs}); err != nil {
		s.opt.Report(fmt.Sprintf("topic %s is not found again: %v", name, err))
		return
	}
	s.opt.Report(fmt.Sprintf("topic %s: found again with id %s and %d partitions; its configs are now %v, check them", name, o.id, partitions, configs))
}

// keepingConfigs are those under which no record of a topic is deleted.
func keepingConfigs(name string) map[string]string {
	configs := map[string]string{"retention.ms": "-1", "retention.bytes": "-1"}
	if name == "__consumer_offsets" || name == "__transaction_state" {
		configs["cleanup.policy"] = "compact"
	}
	return configs
}

// usualPartitions is how many a coordinator's topic has, also where not all of them have files: keys are spread over them.
func (s *Store) usualPartitions(name string) int32 {
	switch name {
	case "__consumer_offsets":
		return int32(s.SettingInt("offsets.topic.num.partitions"))
	case "__transaction_state":
		return int32(s.SettingInt("transaction.state.log.num.partitions"))
	}
	return 0
}

// appendSnapshot makes the whole state the log's last batch.
func (s *Store) appendSnapshot() error {
	_, err := s.append(s.mu.state.snapshot())
	if err == nil {
		s.sinceSnapshot = 0
	}
	return err
}

// secure appends the state if the log has it only once. A disk that is full is no reason not to start or stop.
func (s *Store) secure() {
	if s.sinceSnapshot > 0 && s.log != nil && s.log.Err() == nil {
		_ = s.appendSnapshot() // it has been reported
	}
}

// isPartition says whether a directory is a partition's: one with its checkpoint, or with a segment.
func isPartition(fs vfs.FS, dir string) bool {
	if commitlog.IsLog(fs, dir) {
		return true
	}
	names, err := fs.List(dir)
	return err == nil && slices.ContainsFunc(names, func(name string) bool { return strings.HasSuffix(name, ".log") })
}
