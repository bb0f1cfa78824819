// Package quota is the arithmetic of Kafka's client quotas: how much somebody used of late, whether that is more than he may, and how
// long he is to be silent for it (KIP-13, KIP-124, KIP-219, KIP-599, KIP-612). It has no clock: now is an argument. What is counted and
// who is silenced is the broker's affair.
package quota

import (
	"math"
	"time"
)

// Window is what a rate is taken over: so many samples of such a length (quota.window.num, quota.window.size.seconds).
type Window struct {
	Samples int
	Length  time.Duration
}

// Whole is the time of all samples but the one that is being filled: the least that a rate is taken over.
func (w Window) Whole() time.Duration { return time.Duration(max(w.Samples-1, 1)) * w.Length }

// Rate is an amount per second over the samples of a window:
//
//	 sample   sample   sample   current
//	|--------|--------|--------|---·      a sample goes when its last record is older than the window
//	                               now
//
// The rate is the sum over the time since the oldest sample began, and over no less than the window's whole samples: so the first
// record of somebody who was silent is not a burst. That is Kafka's Rate, to the millisecond.
type Rate struct {
	samples []sample
	current int
}

type sample struct {
	start, last time.Time
	sum         float64
}

// Record adds an amount.
func (r *Rate) Record(w Window, amount float64, now time.Time) {
	s := r.sample(w, now)
	s.sum += amount
	s.last = now
}

func (r *Rate) sample(w Window, now time.Time) *sample {
	if len(r.samples) == 0 {
		r.samples = append(r.samples, sample{start: now, last: now})
	}
	if now.Sub(r.samples[r.current].start) < w.Length {
		return &r.samples[r.current]
	}
	r.current = (r.current + 1) % (w.Samples + 1)
	if r.current >= len(r.samples) {
		r.samples = append(r.samples, sample{})
		r.current = len(r.samples) - 1
	}
	r.samples[r.current] = sample{start: now, last: now}
	return &r.samples[r.current]
}

// Measure is the amount per second, and the time it is taken over.
func (r *Rate) Measure(w Window, now time.Time) (perSecond float64, over time.Duration) {
	expired := time.Duration(w.Samples) * w.Length
	oldest, sum := now, 0.0
	for i := range r.samples {
		s := &r.samples[i]
		if now.Sub(s.last) >= expired {
			*s = sample{start: now, last: now}
		}
		if s.start.Before(oldest) {
			oldest = s.start
		}
		sum += s.sum
	}
	over = now.Sub(oldest)
	if full, least := int(over/w.Length), w.Samples-1; full < least {
		over += time.Duration(least-full) * w.Length
	}
	over = max(over, time.Millisecond)
	return sum / over.Seconds(), over
}

// Throttle is how long somebody who used perSecond over a time must be silent so that it becomes what he may.
func Throttle(perSecond, limit float64, over time.Duration) time.Duration {
	if perSecond <= limit {
		return 0
	}
	return rounded((perSecond - limit) / limit * float64(over.Milliseconds()))
}

// longest bounds a silence: throttle times are milliseconds in 32 bits.
const longest = math.MaxInt32 * time.Millisecond

func rounded(ms float64) time.Duration {
	if ms >= float64(longest.Milliseconds()) {
		return longest
	}
	return time.Duration(math.Floor(ms+0.5)) * time.Millisecond
}

// idle says whether nothing is left of what was recorded, so that it can be forgotten.
func (r *Rate) idle(w Window, now time.Time) bool {
	for _, s := range r.samples {
		if s.sum != 0 && now.Sub(s.last) < time.Duration(w.Samples)*w.Length {
			return false
		}
	}
	return true
}
