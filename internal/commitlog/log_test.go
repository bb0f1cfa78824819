package commitlog

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/vfs"
	"github.com/millrace/millrace/internal/wire"
)

// TestConcurrent has many writers, readers and watchers on some logs that share a syncer, on a real disk; a MaxFiles below the number
// of logs makes some of them sync together.
func TestConcurrent(t *testing.T) {
	for _, maxFiles := range []int{100, 1} {
		t.Run(fmt.Sprint(maxFiles), func(t *testing.T) { testConcurrent(t, maxFiles) })
	}
}

func testConcurrent(t *testing.T, maxFiles int) {
	dir := t.TempDir()
	syncer := NewSyncer(SyncerOptions{FS: vfs.OS, Dir: dir, MaxFiles: maxFiles})
	var logs []*Log
	for i := range 4 {
		c := testConfig()
		c.SegmentBytes = 16 << 10
		l := mustOpen(t, Options{FS: vfs.OS, Dir: filepath.Join(dir, fmt.Sprint("p", i)), Config: c, Syncer: syncer,
			Report: func(f Finding) { t.Error(f) }})
		l.round.markEvery = 20 << 10
		logs = append(logs, l)
	}
	const writers, each = 4, 100
	var wg, readers sync.WaitGroup
	for _, l := range logs {
		var calls atomic.Int64
		cancel := l.Watch(func() { calls.Add(1) })
		readers.Go(func() {
			defer cancel()
			follow(t, l, writers*each)
			if calls.Load() == 0 {
				t.Error("the watcher was not called")
			}
		})
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					info, err := l.Append(testBatch{size: 200, ts: time.Now().UnixMilli(), pid: int64(w + 1), seq: int32(i)}.bytes(), FromClient, 0)
					if err == nil {
						err = l.WaitDurable(context.Background(), info.LastOffset)
					}
					if err != nil || l.HighWatermark() <= info.LastOffset {
						t.Error(err)
						return
					}
				}
			})
		}
	}
	wg.Wait()
	readers.Wait()
	for i, l := range logs {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		c := testConfig()
		l := mustOpen(t, Options{FS: vfs.OS, Dir: filepath.Join(dir, fmt.Sprint("p", i)), Config: c, Syncer: syncer})
		if n := len(contents(t, l, 0, LastStable)); n != writers*each {
			t.Errorf("%d records after opening again", n)
		}
		if err := l.Delete(); err != nil {
			t.Error(err)
		}
	}
	if err := syncer.Close(); err != nil {
		t.Error(err)
	}
}

// follow reads a log from its start until it has n records, waiting as a fetch does.
func follow(t *testing.T, l *Log, n int64) {
	wake := make(chan struct{}, 1)
	cancel := l.Watch(func() {
		select {
		case wake <- struct{}{}:
		default:
		}
	})
	defer cancel()
	for at := int64(0); at < n; {
		c, err := l.Read(at, 1000, LastStable, true)
		if err != nil {
			t.Error(err)
			return
		}
		b, err := c.Bytes(nil)
		c.Release()
		if err != nil {
			t.Error(err)
			return
		}
		empty := len(b) == 0
		for len(b) > 0 {
			batch, rest, err := wire.ParseBatch(b)
			if err != nil || batch.BaseOffset() != at || batch.CheckCRC() != nil {
				t.Errorf("at %d: %v %d", at, err, batch.BaseOffset())
				return
			}
			at, b = batch.NextOffset(), rest
		}
		if empty {
			<-wake
		}
	}
}

func TestWaitDurable(t *testing.T) {
	l := mustOpen(t, memOptions(vfs.NewMem(), &clock{ms: 1e12}, nil))
	mustAppend(t, l, testBatch{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := l.WaitDurable(ctx, 0); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	errs := make(chan error, 1)
	go func() { errs <- l.WaitDurable(context.Background(), 1) }()
	syncNow(l)
	if err := l.WaitDurable(context.Background(), 0); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-errs; !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
	if _, err := l.Append(testBatch{}.bytes(), FromClient, 0); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
	if _, err := l.Read(0, 1, HighWatermark, true); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
}

// TestChunkOutlivesSegment holds a chunk while its segment is deleted.
func TestChunkOutlivesSegment(t *testing.T) {
	l := mustOpen(t, memOptions(vfs.NewMem(), &clock{ms: 1e12}, nil))
	for range 20 {
		mustAppend(t, l, testBatch{size: 1000})
	}
	syncNow(l)
	c, err := l.Read(0, 100, HighWatermark, true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.DeleteBefore(15); err != nil {
		t.Fatal(err)
	}
	b, err := c.Bytes(nil)
	if err != nil || wire.Batch(b).CheckCRC() != nil {
		t.Fatal(err)
	}
	f := c.Range.File
	c.Release()
	c.Release()
	if _, err := f.ReadAt(b, 0); err == nil {
		t.Fatal("the handle is still open")
	}
}

func TestRejected(t *testing.T) {
	o := memOptions(vfs.NewMem(), &clock{ms: 1e12}, nil)
	o.Config.MaxMessageBytes, o.Config.TimestampAfterMax, o.Config.TimestampBeforeMax = 1000, time.Hour, time.Hour
	l := mustOpen(t, o)
	edit := func(fn func(wire.Batch)) []byte {
		b := testBatch{n: 2, ts: 1e12, pid: 1}.bytes()
		fn(b)
		return b
	}
	two := append(edit(func(wire.Batch) {}), edit(func(wire.Batch) {})...)
	for name, c := range map[string]struct {
		b    []byte
		want error
	}{
		"nothing":        {nil, ErrInvalidRecord},
		"two batches":    {two, ErrInvalidRecord},
		"cut off":        {two[:50], ErrCorrupt},
		"checksum":       {edit(func(b wire.Batch) { b[len(b)-1]++ }), ErrCorrupt},
		"magic":          {edit(func(b wire.Batch) { b[16] = 1 }), ErrInvalidRecord},
		"count":          {edit(func(b wire.Batch) { b[60]++; sign(b) }), ErrInvalidRecord},
		"flipped count":  {edit(func(b wire.Batch) { b[60]++ }), ErrCorrupt},
		"too large":      {testBatch{size: 2000, ts: 1e12}.bytes(), ErrMessageTooLarge},
		"control":        {wire.BuildMarker(1, 0, true, 0, 1e12), ErrInvalidRecord},
		"too early":      {testBatch{ts: 1e12 - 7200000}.bytes(), ErrInvalidTimestamp},
		"too late":       {testBatch{ts: 1e12 + 7200000}.bytes(), ErrInvalidTimestamp},
		"larger segment": {testBatch{size: 5000, ts: 1e12}.bytes(), ErrMessageTooLarge},
	} {
		if _, err := l.Append(c.b, FromClient, 0); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if l.EndOffset() != 0 || l.Size() != 0 {
		t.Error("something was appended")
	}
}

// sign makes the checksum right again.
func sign(b wire.Batch) {
	binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], crc32.MakeTable(crc32.Castagnoli)))
}

func TestForeignDirectory(t *testing.T) {
	fs := vfs.NewMem()
	o := memOptions(fs, &clock{}, nil)
	if err := mustOpen(t, o).Close(); err != nil {
		t.Fatal(err)
	}
	o.TopicID = [16]byte{2}
	if _, err := Open(o); err == nil {
		t.Fatal("a partition of another topic was opened")
	}
}

// TestSyncsPerRound pins what durability costs: one sync of the data for a round.
func TestSyncsPerRound(t *testing.T) {
	counter := &countingFS{FS: vfs.NewMem()}
	clk := &clock{ms: 1e12}
	l := mustOpen(t, memOptions(counter, clk, nil))
	mustAppend(t, l, testBatch{})
	syncNow(l)
	counter.syncs.Store(0)
	for range 10 {
		for range 5 {
			mustAppend(t, l, testBatch{})
		}
		syncNow(l)
	}
	if n := counter.syncs.Load(); n != 10 {
		t.Errorf("10 rounds cost %d syncs", n)
	}
	// A clean log is closed and opened without reading its batches or writing anything.
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	counter.syncs.Store(0)
	l = mustOpen(t, memOptions(counter, clk, nil))
	if err := l.Close(); err != nil || counter.syncs.Load() != 0 {
		t.Errorf("%d syncs: %v", counter.syncs.Load(), err)
	}
}

type countingFS struct {
	vfs.FS
	syncs atomic.Int64
}

func (c *countingFS) wrap(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &countingFile{f, c}, nil
}
func (c *countingFS) Create(n string) (vfs.File, error)        { return c.wrap(c.FS.Create(n)) }
func (c *countingFS) OpenReadWrite(n string) (vfs.File, error) { return c.wrap(c.FS.OpenReadWrite(n)) }
func (c *countingFS) SyncDir(d string) error                   { c.syncs.Add(1); return c.FS.SyncDir(d) }

type countingFile struct {
	vfs.File
	fs *countingFS
}

func (f *countingFile) Sync() error { f.fs.syncs.Add(1); return f.File.Sync() }

func TestAppendDoesNotAllocate(t *testing.T) {
	o := Options{FS: vfs.OS, Dir: filepath.Join(t.TempDir(), "p"), Config: DefaultConfig(), Syncer: manualSyncer()}
	o.Config.IndexIntervalBytes = 1 << 30
	l := mustOpen(t, o)
	defer l.Close()
	b := testBatch{n: 100, size: 100, ts: time.Now().UnixMilli(), pid: 0}.bytes()
	if n := testing.AllocsPerRun(200, func() {
		if _, err := l.Append(b, FromClient, 0); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("append: %v allocations", n)
	}
	syncNow(l)
	buf := make([]byte, 1<<20)
	if n := testing.AllocsPerRun(200, func() {
		c, err := l.Read(1000, 1<<19, HighWatermark, true)
		if err != nil {
			t.Fatal(err)
		}
		c.Bytes(buf)
		c.Release()
	}); n != 0 && !raceDetector {
		t.Errorf("read: %v allocations", n)
	}
}

func benchLog(b *testing.B, n, size int) (*Log, []byte) {
	l := mustOpen(b, Options{FS: vfs.OS, Dir: filepath.Join(b.TempDir(), "p"), Config: DefaultConfig()})
	b.Cleanup(func() { l.Close() })
	return l, testBatch{n: n, size: size, ts: time.Now().UnixMilli()}.bytes()
}

// BenchmarkAppend appends without waiting, while rounds sync behind it.
func BenchmarkAppend(b *testing.B) {
	for _, n := range []int{1, 100, 4000} {
		b.Run(fmt.Sprintf("records=%d", n), func(b *testing.B) {
			l, batch := benchLog(b, n, 200)
			b.SetBytes(int64(len(batch)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := l.Append(batch, FromClient, 0); err != nil {
					b.Fatal(err)
				}
			}
			l.WaitDurable(context.Background(), l.EndOffset()-1)
		})
	}
}

// BenchmarkAppendDurable waits for each append, with so many writers.
func BenchmarkAppendDurable(b *testing.B) {
	for _, writers := range []int{1, 16, 128} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			l, _ := benchLog(b, 1, 200)
			b.SetParallelism(max(writers/2, 1))
			if writers == 1 {
				batch := testBatch{size: 200, ts: time.Now().UnixMilli()}.bytes()
				for b.Loop() {
					info, _ := l.Append(batch, FromClient, 0)
					l.WaitDurable(context.Background(), info.LastOffset)
				}
				return
			}
			b.RunParallel(func(pb *testing.PB) {
				batch := testBatch{size: 200, ts: time.Now().UnixMilli()}.bytes()
				for pb.Next() {
					info, _ := l.Append(batch, FromClient, 0)
					l.WaitDurable(context.Background(), info.LastOffset)
				}
			})
		})
	}
}

// BenchmarkRead reads a log of 200 MB from its start, over and over, in fetches of a size.
func BenchmarkRead(b *testing.B) {
	for _, size := range []int{16 << 10, 1 << 20} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			l, batch := benchLog(b, 50, 200)
			for l.Size() < 200<<20 {
				l.Append(batch, FromClient, 0)
			}
			l.WaitDurable(context.Background(), l.EndOffset()-1)
			buf := make([]byte, size)
			at := int64(0)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				c, err := l.Read(at, size, HighWatermark, true)
				if err != nil {
					b.Fatal(err)
				}
				data, _ := c.Bytes(buf)
				c.Release()
				if at += int64(len(data) / len(batch) * 50); len(data) == 0 {
					at = 0
				}
			}
		})
	}
}
