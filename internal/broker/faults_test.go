package broker

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/millrace/millrace/internal/vfs"
	"github.com/millrace/millrace/internal/wire"
)

// TestDiskErrors checks that a disk's failures reach a producer as errors that it may retry, and that retrying then works.
func TestDiskErrors(t *testing.T) {
	for name, script := range map[string]string{
		"full":          "write *.log times=1 enospc",
		"write fails":   "write *.log times=1 eio",
		"sync fails":    "sync *.log times=1 eio",
		"all syncs":     "sync *.log times=1 eio\nsyncvolume * times=1 eio",
		"short write":   "write *.log times=1 short",
		"does not open": "create *.log times=1 enospc",
	} {
		t.Run(name, func(t *testing.T) {
			fs, err := vfs.WithFaults(vfs.NewMem(), "")
			if err != nil {
				t.Fatal(err)
			}
			tb := start(t, Config{FS: fs})
			tb.create(t, "d", 2, nil)
			c := tb.dial(t)
			if name != "does not open" {
				c.produce(t, "d", batch("before"))
			}
			if err := fs.Set(script); err != nil {
				t.Fatal(err)
			}
			p := c.produce(t, "d", batch("during"))
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil && !kerr.IsRetriable(err) {
				t.Fatalf("error %v", err)
			}
			if p.ErrorCode == 0 && name != "all syncs" && name != "sync fails" {
				t.Fatal("no error")
			}
			if err := fs.Set(""); err != nil {
				t.Fatal(err)
			}
			time.Sleep(1100 * time.Millisecond) // retryOpen
			produce(t, tb.client(t), &kgo.Record{Topic: "d", Partition: 0, Value: []byte("after")})
			if p := c.produce(t, "d", batch("again")); p.ErrorCode != 0 {
				t.Fatalf("error %d", p.ErrorCode)
			}
		})
	}
}

// TestAcknowledgedSurvivesPowerLoss produces, cuts the power, and reads what was acknowledged.
func TestAcknowledgedSurvivesPowerLoss(t *testing.T) {
	fs := vfs.NewMem()
	tb := start(t, Config{FS: fs})
	tb.create(t, "p", 1, map[string]string{"internal.segment.bytes": "3000"})
	c := tb.dial(t)
	b := wire.NewBuilder(nil)
	for i := range int32(30) {
		b.Reset(nil)
		b.SetProducer(5, 0, i)
		b.Append(time.Now().UnixMilli(), nil, make([]byte, 300), nil)
		if p := c.produce(t, "p", b.Bytes()); p.ErrorCode != 0 || p.BaseOffset != int64(i) {
			t.Fatalf("record %d: error %d offset %d", i, p.ErrorCode, p.BaseOffset)
		}
		if i%10 != 9 {
			continue
		}
		after := start(t, Config{FS: fs.CrashClone(vfs.CrashOptions{Seed: int64(i), UnsyncedDataPercent: 50})})
		if p := after.dial(t).produce(t, "p", b.Bytes()); p.ErrorCode != 0 || p.BaseOffset != int64(i) {
			t.Fatalf("record %d sent again after the crash: error %d offset %d", i, p.ErrorCode, p.BaseOffset)
		}
		consume(t, after.client(t, kgo.ConsumeTopics("p")), int(i)+1)
	}
}
