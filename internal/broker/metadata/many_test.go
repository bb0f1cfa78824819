package metadata

import (
	"fmt"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/commitlog"
	"github.com/millrace/millrace/internal/vfs"
	"github.com/millrace/millrace/internal/wire"
)

// many creates so many partitions, in topics of a hundred.
func many(t testing.TB, s *Store, n int) {
	t.Helper()
	var topics []NewTopic
	for i := range n / 100 {
		topics = append(topics, NewTopic{fmt.Sprint("many-", i), 100, nil})
	}
	_, errs, err := s.CreateAll(topics, false)
	for _, e := range append(errs, err) {
		if e != nil {
			t.Fatal(e)
		}
	}
}

// TestManyPartitions writes to ten thousand partitions and reads them again: the files that are open stay under the bound, nothing runs
// for a partition that nobody uses, and a start opens none of them.
func TestManyPartitions(t *testing.T) {
	const n = 10_000
	fs := vfs.NewMem()
	s, _ := open(t, fs)
	many(t, s, n)
	before := runtime.NumGoroutine()
	for i := range n {
		put(t, s, fmt.Sprint("many-", i/100), int32(i%100), "x")
	}
	for i := range n {
		log, err := s.Partition(fmt.Sprint("many-", i/100), int32(i%100))
		if err != nil || log.HighWatermark() != 1 {
			t.Fatal(err)
		}
		c, err := log.Read(0, 1000, commitlog.HighWatermark, true)
		if err != nil || c.Len() == 0 {
			t.Fatal(err)
		}
		c.Release()
	}
	if open := s.handles.Open(); open > 4096+64 {
		t.Errorf("%d files are open", open)
	}
	s.syncer.Idle()
	if now := runtime.NumGoroutine(); now > before+2 {
		t.Errorf("%d goroutines, there were %d", now, before)
	}
	after, said := open(t, fs.CrashClone(vfs.CrashOptions{UnsyncedDataPercent: 100}))
	if open := after.handles.Open(); open > 4 || len(said.list) > 0 {
		t.Errorf("a start opens %d files: %q", open, said.list)
	}
	visited := 0
	for range 2 {
		for _, topic := range after.Topics() {
			for i := range topic.Partitions {
				after.VisitDue(topic, i, func(log *commitlog.Log) (time.Time, error) {
					visited++
					return time.Now().Add(time.Hour), nil
				})
			}
		}
	}
	if visited != n {
		t.Errorf("two passes of retention visit %d partitions", visited)
	}
	for _, p := range after.mu.parts[after.Topic("many-7").ID] {
		if p.log.Load() != nil {
			t.Fatal("a visit leaves the log open")
		}
	}
}

// BenchmarkManyPartitions measures, on disk: creating ten thousand partitions, writing to each for the first time, a start after a crash,
// and what an idle partition that was used takes in memory.
func BenchmarkManyPartitions(b *testing.B) {
	const n = 1_000
	dir := b.TempDir()
	onDisk := func(o *Options) { o.Dir = filepath.Join(dir, "data") }
	s, _ := open(b, vfs.OS, onDisk)
	for b.Loop() {
		start := time.Now()
		many(b, s, n)
		b.ReportMetric(time.Since(start).Seconds(), "create-s")
		heap := heapBytes()
		start = time.Now()
		var logs []*commitlog.Log
		for i := range n {
			log, err := s.Partition(fmt.Sprint("many-", i/100), int32(i%100))
			if err != nil {
				b.Fatal(err)
			}
			logs = append(logs, log)
		}
		b.ReportMetric(time.Since(start).Seconds(), "open-s")
		start = time.Now()
		for i := range n {
			append1(b, logs[i])
		}
		for _, log := range logs {
			if err := log.WaitDurable(b.Context(), 0); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(time.Since(start).Seconds(), "first-writes-s")
		s.syncer.Idle()
		b.ReportMetric(float64(heapBytes()-heap)/n, "heap-B/partition")
		b.ReportMetric(float64(s.handles.Open()), "open-files")
		lock := s.lock
		lock.Close() // as a crash does
		start = time.Now()
		after, _ := open(b, vfs.OS, onDisk)
		b.ReportMetric(float64(time.Since(start).Milliseconds()), "restart-ms")
		start = time.Now()
		for _, topic := range after.Topics() {
			for i := range topic.Partitions {
				after.VisitDue(topic, i, func(log *commitlog.Log) (time.Time, error) { _, err := log.Retain(time.Now()); return time.Time{}, err })
			}
		}
		b.ReportMetric(time.Since(start).Seconds(), "retention-pass-s")
	}
}

func heapBytes() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func append1(t testing.TB, log *commitlog.Log) {
	t.Helper()
	b := wire.NewBuilder(nil)
	b.Append(time.Now().UnixMilli(), nil, make([]byte, 100), nil)
	if _, err := log.Append(b.Bytes(), commitlog.Internal, 0); err != nil {
		t.Fatal(err)
	}
}
