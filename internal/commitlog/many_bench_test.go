package commitlog

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/vfs"
)

// BenchmarkPartitionsAtOnce has one writer for each of so many partitions, all of them writing a record every 50 ms and waiting until
// it is durable, as a producer with acks=all does: the p99 with 300 is to be at most three times that with one.
func BenchmarkPartitionsAtOnce(b *testing.B) {
	for _, n := range []int{1, 10, 300} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			dir := b.TempDir()
			syncer := NewSyncer(SyncerOptions{FS: vfs.OS, Dir: dir})
			handles := NewHandles(0)
			var logs []*Log
			for i := range n {
				l := mustOpen(b, Options{FS: vfs.OS, Dir: filepath.Join(dir, fmt.Sprint("p-", i)), Config: DefaultConfig(), Syncer: syncer, Handles: handles})
				defer l.Close()
				mustAppend(b, l, testBatch{size: 200, ts: time.Now().UnixMilli()})
				logs = append(logs, l)
			}
			for _, l := range logs { // the first round of a new partition syncs its names
				if err := l.WaitDurable(context.Background(), 0); err != nil {
					b.Fatal(err)
				}
			}
			for b.Loop() {
				var mu sync.Mutex
				var all []time.Duration
				var wg sync.WaitGroup
				for i, l := range logs {
					wg.Go(func() {
						time.Sleep(time.Duration(i) * 50 * time.Millisecond / time.Duration(n))
						batch := testBatch{size: 200, ts: time.Now().UnixMilli()}
						var took []time.Duration
						for range 40 {
							start := time.Now()
							info, err := l.Append(batch.bytes(), FromClient, 0)
							if err == nil {
								err = l.WaitDurable(context.Background(), info.LastOffset)
							}
							if err != nil {
								b.Error(err)
							}
							took = append(took, time.Since(start))
							time.Sleep(50*time.Millisecond - time.Since(start))
						}
						mu.Lock()
						defer mu.Unlock()
						all = append(all, took...)
					})
				}
				wg.Wait()
				slices.Sort(all)
				b.ReportMetric(float64(all[len(all)/2].Microseconds()), "p50-us")
				b.ReportMetric(float64(all[len(all)*99/100].Microseconds()), "p99-us")
			}
		})
	}
}
