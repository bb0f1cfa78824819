package metadata

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/millrace/millrace/internal/vfs"
)

// A partition lives in <topic>-<partition>. Deleting moves it to <topic>-<partition>.<id>-delete, which is durable before the name
// can be used again, and is removed in the background, or by the next start.
//
// Nothing is removed for being unknown: metadata that lacks a topic is as likely damaged as the directory is stray. Only what a
// record in the log says was deleted is.

const deletedSuffix = "-delete"

func partitionName(topic string, i int32) string { return topic + "-" + strconv.Itoa(int(i)) }

// deletedName fits into the 255 bytes of a file name by shortening the topic's.
func deletedName(topic string, i int32, id UUID) string {
	tail := "-" + strconv.Itoa(int(i)) + "." + id.hex() + deletedSuffix
	return topic[:min(len(topic), 255-len(tail))] + tail
}

// isDeletedName recognizes what deletedName makes.
func isDeletedName(name string) bool {
	rest, ok := strings.CutSuffix(name, deletedSuffix)
	dot := strings.LastIndexByte(rest, '.')
	if !ok || dot < 0 || len(rest)-dot-1 != 32 {
		return false
	}
	_, _, ok = parsePartitionName(rest[:dot])
	return ok
}

func parsePartitionName(name string) (topic string, i int32, ok bool) {
	dash := strings.LastIndexByte(name, '-')
	if dash < 1 {
		return "", 0, false
	}
	n, err := strconv.ParseInt(name[dash+1:], 10, 32)
	if err != nil || n < 0 || CheckName(name[:dash]) != nil || strconv.Itoa(int(n)) != name[dash+1:] {
		return "", 0, false
	}
	return name[:dash], int32(n), true
}

// removePartitions moves the directories of a deleted topic out of the way and removes them behind the caller's back.
func (s *Store) removePartitions(t *Topic, parts []*partition) {
	var moved []string
	for i, p := range parts {
		if err := p.close(); err != nil {
			s.opt.Report(fmt.Sprintf("closing %s-%d, which is deleted: %v", t.Name, i, err))
		}
		if dir, ok := s.moveAway(t.Name, int32(i), t.ID); ok {
			moved = append(moved, dir)
		}
	}
	if len(moved) == 0 {
		return
	}
	if err := s.opt.FS.SyncDir(s.opt.Dir); err != nil {
		s.opt.Report(fmt.Sprintf("deleting %s: %v", t.Name, err))
	}
	s.removeLater(moved)
}

func (s *Store) moveAway(topic string, i int32, id UUID) (dir string, ok bool) {
	dir = filepath.Join(s.opt.Dir, deletedName(topic, i, id))
	err := s.opt.FS.Rename(s.partitionDir(topic, i), dir)
	if err != nil && !vfs.IsNotExist(err) {
		s.opt.Report(fmt.Sprintf("deleting %s-%d: %v", topic, i, err))
	}
	return dir, err == nil
}

func (s *Store) removeLater(dirs []string) {
	s.removing.Go(func() {
		for _, dir := range dirs {
			if err := s.opt.FS.RemoveAll(dir); err != nil {
				s.opt.Report(fmt.Sprintf("removing %s: %v", dir, err))
			}
		}
	})
}

// scan compares the directories with the metadata at the start: it finishes deletions, and reports what it does not know.
func (s *Store) scan() error {
	names, err := s.opt.FS.List(s.opt.Dir)
	if err != nil {
		return err
	}
	var remove []string
	failed := false
	for _, name := range names {
		if isDeletedName(name) {
			remove = append(remove, filepath.Join(s.opt.Dir, name))
			continue
		}
		topic, i, ok := parsePartitionName(name)
		if !ok || topic == MetadataTopic || s.knows(topic, i) {
			continue
		}
		if id, ok := s.deletedID(name, topic); !ok {
			s.opt.Report(fmt.Sprintf("directory %s belongs to no topic: it is left alone", filepath.Join(s.opt.Dir, name)))
		} else if dir, ok := s.moveAway(topic, i, id); ok {
			remove = append(remove, dir)
		} else {
			failed = true
		}
	}
	if len(remove) > 0 {
		if err := s.opt.FS.SyncDir(s.opt.Dir); err != nil {
			return err
		}
		s.removeLater(remove)
	}
	if !failed {
		clear(s.mu.state.deleted)
	}
	return nil
}

func (s *Store) knows(topic string, i int32) bool {
	t := s.mu.state.topics[topic]
	return t != nil && i < t.Partitions
}

// deletedID reads whose directory it is, and looks for the record that deleted that topic.
func (s *Store) deletedID(name, topic string) (id UUID, ok bool) {
	value, ok := s.claimed(name)
	if !ok {
		return id, false
	}
	for id, was := range s.mu.state.deleted {
		if (was == topic || was == "") && id.String() == value {
			return id, true
		}
	}
	return id, false
}

// claimed is the id that a directory says it belongs to: Kafka's partition.metadata says "topic_id: …" in its second line.
func (s *Store) claimed(name string) (id string, ok bool) {
	f, err := s.opt.FS.Open(filepath.Join(s.opt.Dir, name, "partition.metadata"))
	if err != nil {
		return "", false
	}
	defer f.Close()
	var text [256]byte
	n, _ := f.ReadAt(text[:], 0) // what cannot be read is not recognized
	for line := range strings.Lines(string(text[:n])) {
		if id, ok = strings.CutPrefix(strings.TrimSpace(line), "topic_id: "); ok {
			return id, true
		}
	}
	return "", false
}
