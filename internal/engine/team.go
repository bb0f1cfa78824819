package engine

import (
	"errors"
	"sync"
)

// team is the workers with their goroutines. Worker 0 runs on the job's own
// goroutine, so a job with one worker never hands anything over.
type team struct {
	workers []*worker
	errs    []error
	done    sync.WaitGroup
}

func newTeam(workers []*worker) *team {
	t := &team{workers: workers, errs: make([]error, len(workers))}
	for _, w := range workers[1:] {
		w.work = make(chan func(*worker) error)
		go func() {
			for fn := range w.work {
				t.errs[w.index] = w.run(fn)
				t.done.Done()
			}
		}()
	}
	return t
}

// do calls fn on all workers and returns when all are done, with the first error
// that is not a consequence of another.
func (t *team) do(fn func(*worker) error) error {
	t.done.Add(len(t.workers) - 1)
	for _, w := range t.workers[1:] {
		w.work <- fn
	}
	t.errs[0] = t.workers[0].run(fn)
	t.done.Wait()
	var first error
	for _, err := range t.errs {
		if err != nil && (first == nil || errors.Is(first, errBroken)) {
			first = err
		}
	}
	return first
}

// dismiss ends the goroutines.
func (t *team) dismiss() {
	for _, w := range t.workers[1:] {
		close(w.work)
	}
}
