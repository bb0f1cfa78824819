package quota

import (
	"sync"
	"time"

	"github.com/millrace/millrace/internal/broker/metadata"
)

// Meter counts the use of one kind of limit, by who shares it. It is safe for concurrent use.
type Meter struct {
	mu struct {
		sync.Mutex
		rates   map[metadata.QuotaEntity]*Rate
		buckets map[metadata.QuotaEntity]*Bucket
		sweep   int // at how many the idle ones are forgotten
	}
}

// NewMeter makes a meter.
func NewMeter() *Meter {
	m := &Meter{}
	m.mu.rates, m.mu.buckets, m.mu.sweep = map[metadata.QuotaEntity]*Rate{}, map[metadata.QuotaEntity]*Bucket{}, firstSweep
	return m
}

// firstSweep bounds what clients with ever new names can make us remember.
const firstSweep = 1024

// Use records an amount and says how long who is to be silent: not at all, while the rate is within the limit.
func (m *Meter) Use(w Window, limit float64, who metadata.QuotaEntity, amount float64, now time.Time) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.rate(w, who, now)
	r.Record(w, amount, now)
	rate, over := r.Measure(w, now)
	return Throttle(rate, limit, over)
}

// Undo takes back an amount that was recorded and then not used.
func (m *Meter) Undo(w Window, who metadata.QuotaEntity, amount float64, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rate(w, who, now).Record(w, -amount, now)
}

func (m *Meter) rate(w Window, who metadata.QuotaEntity, now time.Time) *Rate {
	r := m.mu.rates[who]
	if r == nil {
		if len(m.mu.rates) >= m.mu.sweep {
			for k, old := range m.mu.rates {
				if old.idle(w, now) {
					delete(m.mu.rates, k)
				}
			}
			m.mu.sweep = max(firstSweep, 2*len(m.mu.rates))
		}
		r = &Rate{}
		m.mu.rates[who] = r
	}
	return r
}

// Take takes tokens. With strict it takes none while the bucket is overdrawn: taken is false, and wait says for how long. Otherwise it
// takes them, and wait is how long who is to be silent.
func (m *Meter) Take(w Window, limit float64, who metadata.QuotaEntity, amount float64, strict bool, now time.Time) (taken bool, wait time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.mu.buckets[who]
	if b == nil {
		if len(m.mu.buckets) >= m.mu.sweep {
			clear(m.mu.buckets) // they fill within a window; forgetting is to the clients' favour
		}
		b = &Bucket{}
		m.mu.buckets[who] = b
	}
	if strict {
		if wait = b.Wait(w, limit, now); wait > 0 {
			return false, wait
		}
		b.Take(w, limit, amount, now)
		return true, 0
	}
	b.Take(w, limit, amount, now)
	return true, b.Wait(w, limit, now)
}
