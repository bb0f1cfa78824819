package metrics

import (
	"math/bits"
	"sync"
	"sync/atomic"
	"time"
)

// Quantiles are those of Kafka's and Flink's histograms.
var Quantiles = [...]float64{0.5, 0.75, 0.95, 0.98, 0.99, 0.999}

// Distribution is a histogram at one moment, in milliseconds.
type Distribution struct {
	Quantiles [len(Quantiles)]float64
	Sum       float64
	Count     int64
}

const (
	// firstBucket is where buckets begin, as a power of two of nanoseconds: 1 us.
	firstBucket = 10
	// perPower buckets make a power of two: a quantile is off by an eighth at the most.
	perPower = 4
	buckets  = perPower * 32
	// window is what quantiles look back on, at the least.
	window = 5 * time.Minute
)

// Histogram counts durations; an observation is three additions. The zero value is ready.
type Histogram struct {
	counts [buckets]atomic.Int64
	sum    atomic.Int64 // nanoseconds

	// mu is for who reads: counts as they were at the beginning of this window and of
	// the one before.
	mu struct {
		sync.Mutex
		at          time.Time
		begin, last [buckets]int64
	}
}

// Observe counts a duration.
func (h *Histogram) Observe(d time.Duration) {
	h.counts[bucketOf(d)].Add(1)
	h.sum.Add(int64(d))
}

// bucketOf is the bucket of a duration: its power of two, and the two bits behind the
// leading one.
func bucketOf(d time.Duration) int {
	v := uint64(max(d, 0))
	if v < 1<<firstBucket {
		return 0
	}
	power := bits.Len64(v) - 1
	return min(perPower*(power-firstBucket)+int(v>>(power-2)&3), buckets-1)
}

// bound is the upper end of a bucket in milliseconds.
func bound(bucket int) float64 {
	power, part := firstBucket+bucket/perPower, bucket%perPower
	return float64(uint64(1)<<power) * (1 + float64(part+1)/perPower) / 1e6
}

// Read is the distribution now: quantiles of the last five to ten minutes, zero if nothing
// was counted in them.
func (h *Histogram) Read(now time.Time) (d Distribution) {
	var counts [buckets]int64
	for i := range h.counts {
		counts[i] = h.counts[i].Load()
		d.Count += counts[i]
	}
	d.Sum = float64(h.sum.Load()) / 1e6
	h.mu.Lock()
	defer h.mu.Unlock()
	if now.Sub(h.mu.at) > window {
		h.mu.begin = h.mu.last
		h.mu.last = counts
		if now.Sub(h.mu.at) > 2*window && !h.mu.at.IsZero() {
			h.mu.begin = h.mu.last // nobody has asked for long: begin anew
		}
		h.mu.at = now
	}
	total := int64(0)
	for i := range counts {
		counts[i] -= h.mu.begin[i]
		total += counts[i]
	}
	for q, share := range Quantiles {
		d.Quantiles[q] = quantile(&counts, total, share)
	}
	return d
}

func quantile(counts *[buckets]int64, total int64, share float64) float64 {
	if total == 0 {
		return 0
	}
	rest := int64(share * float64(total))
	for i, n := range counts {
		if rest -= n; rest < 0 {
			return bound(i)
		}
	}
	return bound(buckets - 1)
}
