package commitlog

import (
	"math"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/vfs"
)

func TestSegmentAge(t *testing.T) {
	for _, c := range []struct {
		age, jitter, lag time.Duration
		compact          bool
		seed             uint32
		want             time.Duration
	}{
		{age: time.Hour, want: time.Hour, seed: 7, lag: time.Minute},
		{age: time.Hour, jitter: time.Minute, seed: 0, want: time.Hour, lag: time.Minute},
		{age: time.Hour, jitter: time.Minute, seed: 1 << 31, want: time.Hour - 30*time.Second, lag: time.Minute},
		{age: time.Hour, jitter: 10 * time.Hour, seed: math.MaxUint32, want: time.Microsecond, lag: time.Minute},
		{age: time.Hour, lag: time.Minute, compact: true, want: time.Minute},
		{age: math.MaxInt64, jitter: math.MaxInt64, seed: 1 << 31, lag: math.MaxInt64, want: math.MaxInt64 / 2},
	} {
		cfg := Config{SegmentAge: c.age, SegmentJitter: c.jitter, Compact: c.compact, MaxCompactionLag: c.lag}
		if got := cfg.segmentAge(c.seed); got < c.want-time.Second || got > c.want || got <= 0 {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// TestRetainBeforeSealed: a segment that was closed and waits for its round keeps its
// indexes in memory, also if its files have them all.
func TestRetainBeforeSealed(t *testing.T) {
	l := mustOpen(t, Options{FS: vfs.NewMem(), Dir: "p", Config: testConfig(), Syncer: manualSyncer()})
	defer l.Close()
	l.round.markEvery = 1 // each round writes the active segment's indexes
	mustAppend(t, l, testBatch{n: 3, size: 1000, ts: 5})
	mustAppend(t, l, testBatch{n: 1, size: 100, ts: 6})
	syncNow(l)
	mustAppend(t, l, testBatch{n: 3, size: 1000, ts: 7})
	for range 2 { // what was used since the last time is kept anyway
		if _, err := l.Retain(time.UnixMilli(8)); err != nil {
			t.Fatal(err)
		}
	}
	syncNow(l)
	if n := len(contents(t, l, 0, HighWatermark)); n != 7 {
		t.Errorf("%d records", n)
	}
}
