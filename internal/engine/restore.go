package engine

import (
	"errors"
	"fmt"
	"sync"

	"github.com/millrace/millrace/internal/engine/journal"
)

// restoreAhead is how many records may wait for a worker that restores its state.
const restoreAhead = 16

// restore brings state, counters and watermarks back. The journal is read once; the
// workers decode it beside each other. Each takes the key groups that are its own
// now, whoever wrote them; if there are as many workers as wrote it, each has its own
// records.
func (j *Job) restore(rec *journal.Recovered) error {
	for node := range j.spec.Graph.Nodes {
		for _, w := range j.workers {
			if in := w.nodes[node]; in != nil {
				in.input.watermark, in.mark = j.recorded[node].input, j.recorded[node].out
			}
		}
	}
	if j.memory.spill != nil {
		j.weigh()
	}
	loaders := make([]*loader, len(j.workers))
	for i, w := range j.workers {
		loaders[i] = newLoader(w)
	}
	err := rec.StateOf(func(number, worker, workers int, delta []byte) error {
		node := j.nodes[number]
		same := workers == len(j.workers)
		for i, l := range loaders {
			in := j.workers[i].nodes[node]
			if in == nil || same && worker != i {
				continue
			}
			if in.store == nil {
				return fmt.Errorf("%s: the journal has state for it, and it keeps none", in.node.Name)
			}
			if !l.give(in, delta) {
				return errStopped
			}
		}
		return nil
	})
	for _, l := range loaders {
		if lerr := l.finish(); lerr != nil && (err == nil || errors.Is(err, errStopped)) {
			err = lerr
		}
	}
	return err
}

// errStopped ends the reading of a journal when a worker has failed.
var errStopped = errors.New("a worker has failed")

// loader applies a worker's records on a goroutine of its own.
type loader struct {
	w     *worker
	queue chan loadRecord
	spare sync.Pool
	done  chan struct{}
	err   error // once done is closed
}

type loadRecord struct {
	in    *instance
	delta *[]byte
}

func newLoader(w *worker) *loader {
	l := &loader{w: w, queue: make(chan loadRecord, restoreAhead), done: make(chan struct{})}
	l.spare.New = func() any { return new([]byte) }
	go func() {
		defer close(l.done)
		l.err = w.run(func(*worker) error { return l.load() })
	}()
	return l
}

// give queues a copy of a record; false if the loader has failed.
func (l *loader) give(in *instance, delta []byte) bool {
	buf := l.spare.Get().(*[]byte)
	*buf = append((*buf)[:0], delta...)
	select {
	case l.queue <- loadRecord{in, buf}:
		return true
	case <-l.done:
		return false
	}
}

// finish waits for what is queued.
func (l *loader) finish() error {
	close(l.queue)
	<-l.done
	return l.err
}

func (l *loader) load() error {
	w := l.w
	for r := range l.queue {
		w.at = r.in
		if err := r.in.store.Apply(*r.delta, w.owns(r.in.index)); err != nil {
			return fmt.Errorf("%s: %w", r.in.node.Name, err)
		}
		l.spare.Put(r.delta)
		if w.job.memory.spill != nil && w.stateBytes() > w.job.memory.allowed {
			w.chill()
		}
	}
	for _, in := range w.nodes {
		if in != nil && in.store != nil {
			w.at = in
			in.store.Settle()
		}
	}
	w.at = nil
	return nil
}

// chill has the rest of the state go to disk.
func (w *worker) chill() {
	for _, in := range w.nodes {
		if in != nil && in.store != nil {
			in.store.Chill()
		}
	}
}

// owns says which key groups of a node are the worker's; nil: all.
func (w *worker) owns(node int) func(int) bool {
	if w.job.layout.single[node] || len(w.job.workers) == 1 {
		return nil
	}
	return func(kg int) bool { return w.job.owner[kg] == int32(w.index) }
}
