package commitlog

import (
	"math"
	"testing"
	"time"
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
