package broker

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/internal/metrics"
)

// apiKeys is how many keys there may be.
const apiKeys = 128

// requestTimes are how long requests took, by API, from when they were read until their
// answers were written: Kafka's TotalTimeMs. An API that nobody asks costs a pointer.
type requestTimes [apiKeys]atomic.Pointer[metrics.Histogram]

func (t *requestTimes) observe(key int16, d time.Duration) {
	h := t[key].Load()
	if h == nil {
		t[key].CompareAndSwap(nil, &metrics.Histogram{})
		h = t[key].Load()
	}
	h.Observe(d)
}

// throttleKind is which quota silenced a client.
type throttleKind uint8

const (
	produceThrottle throttleKind = iota
	fetchThrottle
	requestThrottle
	mutationThrottle
	throttleKinds
)

// throttles remember how long clients were last told to be silent. Only who is over a
// quota comes here.
type throttles struct {
	mu struct {
		sync.Mutex
		last map[throttleKey]toldThrottle
	}
}

type throttleKey struct {
	kind         throttleKind
	user, client string
}

type toldThrottle struct {
	d  time.Duration
	at time.Time
}

const (
	// maxThrottles bounds what is remembered: client ids are the clients' choice.
	maxThrottles = 1000
	// throttleSpan is how long a throttle is told of, Kafka's span of such means.
	throttleSpan = 30 * time.Second
)

func (t *throttles) note(k throttleKey, d time.Duration, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mu.last == nil {
		t.mu.last = map[throttleKey]toldThrottle{}
	}
	if _, known := t.mu.last[k]; !known && len(t.mu.last) >= maxThrottles {
		return
	}
	t.mu.last[k] = toldThrottle{d, now}
}

// each calls fn for the throttles of the last half minute, and forgets the others.
func (t *throttles) each(now time.Time, fn func(throttleKey, time.Duration)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for k, told := range t.mu.last {
		if now.Sub(told.at) > throttleSpan {
			delete(t.mu.last, k)
			continue
		}
		fn(k, told.d)
	}
}
