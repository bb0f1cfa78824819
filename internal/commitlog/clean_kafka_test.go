package commitlog

import (
	"context"
	"fmt"
	"math/rand"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/vfs"
	"github.com/millrace/millrace/internal/wire"
)

// TestKafkaReadsCleaned has Kafka's dump tool compare the indexes of cleaned segments, of several entries each, with their batches.
func TestKafkaReadsCleaned(t *testing.T) {
	libs := kafkaLibs(t)
	dir := filepath.Join(t.TempDir(), "topic-0")
	cleanForKafka(t, dir)
	text := dumpLog(t, libs, dir, logSuffix, indexSuffix, timeSuffix, txnSuffix)
	mustRead(t, text, "deleteHorizonMs: OptionalLong[", "endTxnMarker: ABORT", "firstOffset: ")
}

// cleanForKafka writes a log with few keys and aborted transactions, and cleans it twice.
func cleanForKafka(t *testing.T, dir string) {
	c := DefaultConfig()
	c.SegmentBytes, c.IndexIntervalBytes, c.Compact = 60_000, 1000, true
	l := mustOpen(t, Options{FS: vfs.OS, Dir: dir, Config: c, TopicID: [16]byte{1, 2, 3}})
	rng, now, seq := rand.New(rand.NewSource(1)), time.Now().UnixMilli(), int32(0)
	b := wire.NewBuilder(nil)
	dirty := int64(-1)
	for i := range 900 {
		b.Reset(nil)
		b.SetCodec(wire.Codec(i % 5))
		txn := i%3 == 0
		if txn {
			b.SetProducer(7, 1, seq)
			b.SetTransactional(true)
		}
		for k := range 1 + i%4 {
			value := []byte(strings.Repeat(fmt.Sprint(rng.Int()), 10))
			if rng.Intn(5) == 0 {
				value = nil
			}
			b.Append(now+int64(i*10-k), fmt.Append(nil, "key", rng.Intn(300)), value, nil)
			if txn {
				seq++
			}
		}
		if _, err := l.Append(b.Bytes(), FromClient, 0); err != nil {
			t.Fatal(err)
		}
		if i%20 == 19 {
			if _, err := l.AppendMarker(7, 1, i%40 == 39, 3); err != nil {
				t.Fatal(err)
			}
		}
		if i%440 == 439 {
			dirty = cleanNow(t, l, dirty)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func cleanNow(t *testing.T, l *Log, dirty int64) int64 {
	t.Helper()
	if err := l.WaitDurable(context.Background(), l.EndOffset()-1); err != nil {
		t.Fatal(err)
	}
	list := *l.segments.Load()
	for l.settled() < list[len(list)-1].base { // the round writes its checkpoint after its waiters have gone
		time.Sleep(time.Millisecond)
	}
	stats, err := l.Clean(context.Background(), CleanOptions{FirstDirty: dirty, MapBytes: 1 << 20, MapLoad: 0.9})
	if err != nil || stats.Rewritten == 0 {
		t.Fatal(stats, err)
	}
	return stats.End
}
