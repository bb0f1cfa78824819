package engine

import (
	"time"

	"github.com/millrace/millrace/internal/connector"
)

// What is measured is measured by the step and by the batch, never by the row; what can be
// read when somebody asks is read then.

// SubtaskStatus is a node on one worker, since this start of the job.
type SubtaskStatus struct {
	Worker                              int
	RowsIn, RowsOut, LateRows, NullTime int64
	// Input and Watermark are the watermarks, as in NodeStatus.
	Input, Watermark int64
	State            StateSize
}

// WorkerStatus is how a worker spent its time since this start of the job. What is left
// of the time it was idle.
type WorkerStatus struct {
	Busy time.Duration
	// BackPressured is the part of a step in which writers waited for their sinks.
	BackPressured time.Duration
}

// CommitStatus is the last commit.
type CommitStatus struct {
	// Count is how many there were since this start of the job.
	Count int64
	Took  time.Duration
	// Bytes is what it added to the journal; Full says that it completed a
	// snapshot.
	Bytes int64
	Full  bool
}

// times is how a worker spends its steps.
type times struct {
	steps    time.Duration
	meetings time.Duration // waiting for other workers
}

// measured runs a step and notes how long it took.
func (w *worker) measured() error {
	began := time.Now()
	err := w.step()
	w.times.steps += time.Since(began)
	return err
}

// gather waits for the other workers.
func (w *worker) gather(done bool) (all bool, err error) {
	if w.job.barrier.n == 1 {
		return done, nil
	}
	began := time.Now()
	all, err = w.job.barrier.wait(done)
	w.times.meetings += time.Since(began)
	return all, err
}

// status is how the worker spent its time.
func (w *worker) status() WorkerStatus {
	s := WorkerStatus{Busy: w.times.steps - w.times.meetings}
	for _, in := range w.nodes {
		if in == nil {
			continue
		}
		if b, ok := in.writer.(connector.Blocker); ok {
			s.BackPressured += b.Blocked()
		}
	}
	s.Busy -= s.BackPressured
	return s
}

// subtask is a node on this worker.
func (w *worker) subtask(in *instance) SubtaskStatus {
	s := SubtaskStatus{
		Worker: w.index, RowsIn: in.metrics.RowsIn, RowsOut: in.metrics.RowsOut, LateRows: in.metrics.LateRows, NullTime: in.metrics.NullTimeRows,
		Input: in.input.watermark, Watermark: in.mark.watermark,
	}
	if in.store != nil {
		s.State = StateSize{Rows: int64(in.store.Rows()), Bytes: in.store.LiveBytes(), Disk: in.store.DiskBytes()}
	}
	return s
}

// fetched notes how old, by its event time, the last row of a batch is that was read.
func (s *split) fetched(now time.Time, event int64) { s.lag = now.UnixMilli() - event }

// measureCommit tells the board what a commit took.
func (j *Job) measureCommit(f *flight) {
	c := CommitStatus{Took: f.ended.Sub(j.out.cut)}
	if j.out.writer != nil {
		c.Bytes, c.Full = j.out.writer.RunBytes(), j.out.writer.Full()
	}
	j.board.mu.Lock()
	defer j.board.mu.Unlock()
	c.Count = j.board.mu.status.Commit.Count + 1
	j.board.mu.status.Commit = c
}
