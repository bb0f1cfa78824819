package broker

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/millrace/millrace/internal/vfs"
)

// cleanerPoints is where the dirty part of each compacted partition begins, in Kafka's file:
//
//	0              version
//	2              entries
//	topic 0 1200   topic, partition, offset
//	topic 1 31
//
// It only saves work: a log whose entry is missing, or of another log that had the name, is cleaned from its start.
type cleanerPoints struct {
	fs     vfs.FS
	name   string
	dir    string
	report func(string)
	mu     struct {
		sync.Mutex
		offsets map[string]int64 // by "topic partition"
	}
}

const cleanerPointsName = "cleaner-offset-checkpoint"

func openCleanerPoints(fs vfs.FS, dir string, report func(string)) *cleanerPoints {
	p := &cleanerPoints{fs: fs, dir: dir, name: filepath.Join(dir, cleanerPointsName), report: report}
	offsets, err := p.read()
	if err != nil && !vfs.IsNotExist(err) {
		report(fmt.Sprintf("%s: %v: compacted topics are cleaned from their start", p.name, err))
	}
	p.mu.offsets = offsets
	return p
}

func (p *cleanerPoints) read() (map[string]int64, error) {
	f, err := p.fs.Open(p.name)
	if err != nil {
		return map[string]int64{}, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return map[string]int64{}, err
	}
	b := make([]byte, size)
	if _, err := f.ReadAt(b, 0); err != nil && size > 0 {
		return map[string]int64{}, err
	}
	return parseCleanerPoints(string(b))
}

func parseCleanerPoints(text string) (map[string]int64, error) {
	offsets := map[string]int64{}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	var version, n int
	if len(lines) < 2 {
		return offsets, fmt.Errorf("%d lines", len(lines))
	}
	if _, err := fmt.Sscanf(lines[0]+" "+lines[1], "%d %d", &version, &n); err != nil || version != 0 || n != len(lines)-2 {
		return offsets, fmt.Errorf("bad header %q", lines[:2])
	}
	for _, line := range lines[2:] {
		var topic string
		var partition int32
		var offset int64
		if _, err := fmt.Sscanf(line, "%s %d %d", &topic, &partition, &offset); err != nil || offset < 0 {
			return map[string]int64{}, fmt.Errorf("bad entry %q", line)
		}
		offsets[pointKey(topic, partition)] = offset
	}
	return offsets, nil
}

func pointKey(topic string, partition int32) string { return fmt.Sprintf("%s %d", topic, partition) }

// get is -1 if nothing is known.
func (p *cleanerPoints) get(topic string, partition int32) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at, ok := p.mu.offsets[pointKey(topic, partition)]; ok {
		return at
	}
	return -1
}

// set remembers an offset in the file too; false if that cannot be written.
func (p *cleanerPoints) set(topic string, partition int32, offset int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.offsets[pointKey(topic, partition)] = offset
	if err := p.writeLocked(); err != nil {
		p.report(fmt.Sprintf("%s: %v", p.name, err))
		return false
	}
	return true
}

// forget forgets the partitions of a topic that was deleted: its name may come again.
func (p *cleanerPoints) forget(topic string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.mu.offsets)
	maps.DeleteFunc(p.mu.offsets, func(key string, _ int64) bool { return strings.HasPrefix(key, topic+" ") })
	if len(p.mu.offsets) == n {
		return
	}
	if err := p.writeLocked(); err != nil {
		p.report(fmt.Sprintf("%s: %v", p.name, err))
	}
}

func (p *cleanerPoints) writeLocked() error {
	keys := make([]string, 0, len(p.mu.offsets))
	for key := range p.mu.offsets {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	var b strings.Builder
	fmt.Fprintf(&b, "0\n%d\n", len(keys))
	for _, key := range keys {
		fmt.Fprintf(&b, "%s %d\n", key, p.mu.offsets[key])
	}
	f, err := p.fs.Create(p.name + ".tmp")
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte(b.String()), 0)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = p.fs.Rename(p.name+".tmp", p.name)
	}
	if err == nil {
		err = p.fs.SyncDir(p.dir)
	}
	return err
}
