package commitlog

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/vfs"
	"github.com/millrace/millrace/internal/wire"
)

// testBatch builds a batch of n records of about size bytes.
type testBatch struct {
	n, size int
	ts      int64
	pid     int64
	epoch   int16
	seq     int32
	txn     bool
	tag     string
}

func (t testBatch) bytes() []byte {
	b := wire.NewBuilder(nil)
	if t.pid > 0 {
		b.SetProducer(t.pid, t.epoch, t.seq)
	}
	b.SetTransactional(t.txn)
	for i := range max(t.n, 1) {
		v := fmt.Sprintf("%s%d", t.tag, i)
		if pad := t.size - len(v); pad > 0 {
			v += strings.Repeat(".", pad)
		}
		b.Append(t.ts+int64(i), nil, []byte(v), nil)
	}
	return append([]byte(nil), b.Bytes()...)
}

// clock is a settable time.
type clock struct {
	sync.Mutex
	ms int64
}

func (c *clock) now() time.Time {
	c.Lock()
	defer c.Unlock()
	return time.UnixMilli(c.ms)
}

func (c *clock) set(ms int64) {
	c.Lock()
	defer c.Unlock()
	c.ms = ms
}

// manualSyncer does no rounds by itself.
func manualSyncer() *Syncer {
	s := &Syncer{maxFiles: 0, volume: idleVolume{}}
	s.mu.shared = true
	return s
}

type idleVolume struct{}

func (idleVolume) Sync() error  { return nil }
func (idleVolume) Close() error { return nil }

// syncNow runs the rounds that are due.
func syncNow(l *Log) {
	for l.syncOnce() {
	}
}

func testConfig() Config {
	c := DefaultConfig()
	c.SegmentBytes = 4096
	c.IndexIntervalBytes = 300
	c.TimestampAfterMax = 1 << 62
	return c
}

func mustOpen(t testing.TB, o Options) *Log {
	t.Helper()
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func mustAppend(t testing.TB, l *Log, b testBatch) AppendInfo {
	t.Helper()
	info, err := l.Append(b.bytes(), FromClient, 0)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// contents reads the whole log up to a limit, by record.
func contents(t testing.TB, l *Log, from int64, limit Limit) map[int64]string {
	t.Helper()
	out := map[int64]string{}
	for {
		c, err := l.Read(from, 1<<20, limit, true)
		if err != nil {
			t.Fatalf("read at %d: %v", from, err)
		}
		b, err := c.Bytes(nil)
		c.Release()
		if err != nil {
			t.Fatal(err)
		}
		if len(b) == 0 {
			return out
		}
		for len(b) > 0 {
			batch, rest, err := wire.ParseBatch(b)
			if err != nil || batch.CheckCRC() != nil {
				t.Fatalf("read at %d: %v %v", from, err, batch.CheckCRC())
			}
			it := wire.Records(batch, nil)
			for it.Next() {
				r := it.Record()
				v := string(r.Value)
				if batch.IsControl() {
					m, _ := wire.ParseMarker(batch)
					v = fmt.Sprintf("marker %d %v", batch.ProducerID(), m.Commit)
				}
				out[r.Offset] = v
			}
			from, b = batch.NextOffset(), rest
		}
	}
}

// memOptions are for a log in memory whose rounds the test runs.
func memOptions(fs vfs.FS, c *clock, findings *[]Finding) Options {
	return Options{FS: fs, Dir: "p", Config: testConfig(), Now: c.now, Syncer: manualSyncer(), TopicID: [16]byte{1},
		Report: func(f Finding) {
			if findings != nil {
				*findings = append(*findings, f)
			}
		}}
}
