package quota

import "time"

// Bucket is a token bucket (KIP-599): it fills with the limit per second, up to what a whole window gives, and may be overdrawn once: who
// finds it empty waits.
type Bucket struct {
	tokens float64
	filled time.Time // zero: it is full
}

func (b *Bucket) refill(w Window, limit float64, now time.Time) {
	burst := limit * (time.Duration(w.Samples) * w.Length).Seconds()
	if b.filled.IsZero() {
		b.tokens = burst
	} else if passed := now.Sub(b.filled); passed > 0 {
		b.tokens += limit * passed.Seconds()
	}
	b.tokens, b.filled = min(b.tokens, burst), now
}

// Take takes tokens, more than there are if need be.
func (b *Bucket) Take(w Window, limit, amount float64, now time.Time) {
	b.refill(w, limit, now)
	b.tokens -= amount
}

// Wait is how long it takes until the bucket is not overdrawn.
func (b *Bucket) Wait(w Window, limit float64, now time.Time) time.Duration {
	b.refill(w, limit, now)
	if b.tokens >= 0 {
		return 0
	}
	return rounded(-b.tokens / limit * 1000)
}
