package commitlog

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/vfs"
	"github.com/millrace/millrace/internal/wire"
)

// TestCleanBeside cleans a log that is written to, read and trimmed all the while, and closes it in the middle of a cleaning.
func TestCleanBeside(t *testing.T) {
	c := testConfig()
	c.Compact, c.SegmentBytes, c.RetentionAge = true, 3000, -1
	l := mustOpen(t, Options{FS: vfs.OS, Dir: filepath.Join(t.TempDir(), "p"), Config: c})
	var done atomic.Bool
	var all sync.WaitGroup
	all.Go(func() { writeKeyed(t, l, 1500); done.Store(true) })
	for i := range 3 {
		all.Go(func() {
			for rng := rand.New(rand.NewSource(int64(i))); !done.Load(); {
				readSome(t, l, rng)
			}
		})
	}
	all.Go(func() {
		for !done.Load() {
			if _, err := l.Retain(time.Now()); err != nil {
				t.Error(err)
			}
		}
	})
	cleanings, dirty := 0, int64(-1)
	for !done.Load() {
		stats, err := l.Clean(context.Background(), CleanOptions{FirstDirty: dirty, MapBytes: 1 << 16, MapLoad: 0.9})
		if err != nil {
			t.Fatal(err)
		}
		if stats.End > dirty {
			cleanings, dirty = cleanings+1, stats.End
		}
	}
	all.Wait()
	newest := map[string]string{}
	for _, v := range contents(t, l, 0, HighWatermark) {
		newest[v] = v
	}
	for k := range 20 {
		if v := fmt.Sprintf("%d of %d", 1500-20+k, k); newest[v] == "" {
			t.Errorf("key %d has lost its newest value %q", k, v)
		}
	}
	if n := len(*l.segments.Load()); cleanings < 2 || n > 40 {
		t.Errorf("%d cleanings left %d segments", cleanings, n)
	}
	// Close overtakes a cleaning, which then leaves nothing behind.
	started := make(chan struct{})
	all.Go(func() {
		var once sync.Once
		_, err := l.Clean(context.Background(), CleanOptions{FirstDirty: 0, MapBytes: 1 << 16, MapLoad: 0.9, Pause: func(int) error {
			once.Do(func() { close(started) })
			return nil
		}})
		if err != nil && !errors.Is(err, ErrCleanStopped) {
			t.Error(err)
		}
	})
	<-started
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	all.Wait()
}

func writeKeyed(t *testing.T, l *Log, n int) {
	b := wire.NewBuilder(nil)
	for i := range n {
		b.Reset(nil)
		b.Append(time.Now().UnixMilli(), fmt.Append(nil, i%20), fmt.Appendf(nil, "%d of %d", i, i%20), nil)
		info, err := l.Append(b.Bytes(), FromClient, 0)
		if err == nil && i%10 == 0 || i == n-1 {
			err = l.WaitDurable(context.Background(), info.LastOffset)
		}
		if err != nil {
			t.Error(err)
			return
		}
	}
}

// readSome reads from a random offset on: sound batches, each after the other.
func readSome(t *testing.T, l *Log, rng *rand.Rand) {
	from := rng.Int63n(l.HighWatermark() + 1)
	for range 3 {
		c, err := l.Read(from, 2000, HighWatermark, true)
		if err != nil {
			t.Errorf("read at %d: %v", from, err)
			return
		}
		b, err := c.Bytes(nil)
		c.Release()
		if err != nil {
			t.Error(err)
			return
		}
		for len(b) > 0 {
			batch, rest, err := wire.ParseBatch(b)
			if err != nil || batch.CheckCRC() != nil || batch.LastOffset() < from {
				t.Errorf("read at %d: %v %v", from, err, batch.CheckCRC())
				return
			}
			from, b = batch.NextOffset(), rest
		}
	}
}

// BenchmarkClean cleans 64 MiB, of which one record in eight stays, in segments of 8 MiB.
func BenchmarkClean(b *testing.B) {
	c := DefaultConfig()
	c.Compact, c.SegmentBytes = true, 8<<20
	value := make([]byte, 1000)
	rand.New(rand.NewSource(1)).Read(value)
	for b.Loop() {
		b.StopTimer()
		l := mustOpen(b, Options{FS: vfs.OS, Dir: filepath.Join(b.TempDir(), "p"), Config: c})
		bld := wire.NewBuilder(nil)
		for i := range 4096 {
			bld.Reset(nil)
			for k := range 16 {
				bld.Append(time.Now().UnixMilli(), fmt.Append(nil, (i*16+k)%8192), value, nil)
			}
			if _, err := l.Append(bld.Bytes(), FromClient, 0); err != nil {
				b.Fatal(err)
			}
		}
		if err := l.WaitDurable(b.Context(), l.EndOffset()-1); err != nil {
			b.Fatal(err)
		}
		for list := *l.segments.Load(); l.settled() < list[len(list)-1].base; {
			time.Sleep(time.Millisecond)
		}
		b.StartTimer()
		stats, err := l.Clean(b.Context(), CleanOptions{FirstDirty: -1, MapBytes: 1 << 24, MapLoad: 0.9})
		if err != nil || stats.RecordsKept >= stats.RecordsRead/4 {
			b.Fatal(stats, err)
		}
		b.SetBytes(stats.SizeBefore)
		b.StopTimer()
		if err := l.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
