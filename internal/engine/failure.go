package engine

import (
	"errors"

	"github.com/millrace/millrace/internal/engine/journal"
)

// States that a job has between two runs of its graph, by Flink's names: whoever runs jobs
// decides on them.
const (
	Failing    State = "FAILING"
	Cancelling State = "CANCELLING"
	Restarting State = "RESTARTING"
)

// Ended says that a job in this state does not go on by itself.
func (s State) Ended() bool { return s == Finished || s == Canceled || s == Failed }

// Blame is the operator in which a job failed, and the row, as far as they are known: a
// place in a source ("topic t, partition 0, offset 17") or what is in the row.
func Blame(err error) (operator, row string) {
	var e *nodeError
	var a *AssertionError
	switch {
	case errors.As(err, &e):
		return e.node, e.where
	case errors.As(err, &a):
		return a.Node, ""
	}
	return "", ""
}

// Begun is closed when the job's journal says what the job begins with, or when it failed
// before that by itself.
func (j *Job) Begun() <-chan struct{} { return j.begun }

// Settled says whether a job that has ended has left nothing open at its sinks. If not, the
// next start settles it, or whoever lets the job go must.
func (j *Job) Settled() bool { return j.settled.Load() }

// markSettled notes what became of the outputs of a job that ended: err is what its sinks
// said when they were settled.
func (j *Job) markSettled(failure, err error) {
	inDoubt := errors.Is(failure, journal.ErrInDoubt) || j.out.phase == journaling || !j.out.recovered
	j.settled.Store(failure == nil || err == nil && !inDoubt)
}

// showWidth shows how wide the job runs, which its journal may have decided.
func (j *Job) showWidth() {
	j.board.mu.Lock()
	defer j.board.mu.Unlock()
	j.board.mu.status.Workers, j.board.mu.status.KeyGroups = j.config.Workers, j.config.MaxParallelism
}
