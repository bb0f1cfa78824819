package engine

import (
	"errors"
	"sync"
)

// errBroken is what waiting workers get when another failed; the other's error
// is the one that counts.
var errBroken = errors.New("another worker failed")

// barrier is where the workers of a job meet. All call wait the same number of
// times in a step, in the same order: they run one program.
//
//	worker 0  ──── wait(true) ┄┄┄┄┄┄┄┄┄┄┄┄┐── false
//	worker 1  ────────────────wait(false) ┴── false
type barrier struct {
	n    int
	cond *sync.Cond
	mu   struct {
		sync.Mutex
		arrived int
		round   int
		all     bool // of those that arrived
		result  bool // of the last round
		broken  bool
	}
}

func newBarrier(n int) *barrier {
	b := &barrier{n: n}
	b.cond = sync.NewCond(&b.mu)
	b.mu.all = true
	return b
}

// wait returns when all workers wait; all says whether each said ok.
func (b *barrier) wait(ok bool) (all bool, err error) {
	if b.n == 1 {
		return ok, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.all = b.mu.all && ok
	b.mu.arrived++
	round := b.mu.round
	if b.mu.arrived == b.n {
		b.mu.result, b.mu.all = b.mu.all, true
		b.mu.arrived = 0
		b.mu.round++
		b.cond.Broadcast()
	}
	// The result stays until all have read it: the next round needs them.
	for b.mu.round == round && !b.mu.broken {
		b.cond.Wait()
	}
	if b.mu.broken {
		return false, errBroken
	}
	return b.mu.result, nil
}

// breakUp ends all waiting, now and later.
func (b *barrier) breakUp() {
	b.mu.Lock()
	b.mu.broken = true
	b.mu.Unlock()
	b.cond.Broadcast()
}
