package broker

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/millrace/millrace/internal/vfs"
)

// freeFS says how much is free.
type freeFS struct {
	vfs.FS
	free atomic.Int64
}

func (f *freeFS) Free(string) (int64, error) { return f.free.Load(), nil }

// TestDiskFull lets the free space fall below the limit and rise again under a producer: it waits, everybody else goes on, and then its
// records are there, once each.
func TestDiskFull(t *testing.T) {
	fs := &freeFS{FS: vfs.NewMem()}
	fs.free.Store(1 << 40)
	var ahead atomic.Int64 // of the clock, so that nothing has to be waited for
	tb := start(t, Config{FS: fs, Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
		Settings: map[string]string{"millrace.log.dirs.min.free.bytes": "1000000"}})
	tb.create(t, "f", 1, map[string]string{"internal.segment.bytes": "1024"})
	cl := tb.client(t, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0))
	for i := range 20 {
		produce(t, cl, &kgo.Record{Topic: "f", Value: []byte(fmt.Sprintf("%d%0100d", i, 0))})
	}
	fs.free.Store(999_999)
	ahead.Store(int64(2 * time.Second))
	p := tb.dial(t).produce(t, "f", batch("refused"))
	if p.ErrorCode != kerr.KafkaStorageError.Code {
		t.Fatalf("error %d", p.ErrorCode)
	}
	done := make(chan error, 1)
	cl.Produce(context.Background(), &kgo.Record{Topic: "f", Value: []byte("late")}, func(_ *kgo.Record, err error) { done <- err })

	got := readUpTo(t, tb, "f", 19)
	commitOffset(t, tb, "g", "f", 15)
	offsets := kadm.Offsets{}
	offsets.Add(kadm.Offset{Topic: "f", Partition: 0, At: 15})
	if _, err := tb.admin(t).DeleteRecords(testContext(t), offsets); err != nil {
		t.Fatal(err)
	}
	if _, err := tb.admin(t).CreateTopic(testContext(t), 1, 1, nil, "made"); err != nil {
		t.Fatal(err)
	}
	if _, err := tb.admin(t).DeleteTopic(testContext(t), "made"); err != nil {
		t.Fatal(err)
	}
	tb.retainOnce()
	select {
	case err := <-done:
		t.Fatalf("the producer was answered: %v", err)
	default:
	}
	fs.free.Store(1 << 40)
	ahead.Add(int64(time.Second))
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for at, value := range readUpTo(t, tb, "f", 20) {
		if at < 20 && value != got[at] || at == 20 && value != "late" {
			t.Fatalf("offset %d is %q", at, value)
		}
	}
	tb.reports.Lock()
	defer tb.reports.Unlock()
	if len(tb.reports.lines) != 2 {
		t.Fatalf("%q", tb.reports.lines)
	}
}
