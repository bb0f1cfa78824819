package node

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/millrace/millrace/internal/engine"
	"github.com/millrace/millrace/internal/engine/journal"
	"github.com/millrace/millrace/internal/sql/session"
)

// request is what somebody asks of a job. It interrupts the run, or the wait for the next
// one; the supervisor carries it out and answers.
type request struct {
	kind        requestKind
	dir         string // of a savepoint
	parallelism int
	reply       chan answer // has room for the answer
}

type requestKind uint8

const (
	cancelJob requestKind = iota
	stopJob
	rescaleJob
)

type answer struct {
	path string
	err  error
}

// errAsked interrupts a run for a request.
var errAsked = errors.New("interrupted by a request")

// ask puts a request; false: the job has no supervisor (any more). Cancelling goes over
// what was asked before it.
func (j *job) ask(r *request) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	select {
	case <-j.done:
		return false
	default:
	}
	if old := j.mu.request; old != nil {
		if r.kind != cancelJob || old.kind == cancelJob {
			r.reply <- answer{err: errors.New("the job is being stopped, cancelled or rescaled already")}
			return true
		}
		old.reply <- answer{err: errCancelled}
	}
	j.mu.request = r
	j.mu.interrupt(errAsked)
	return true
}

// take takes the request, if there is one.
func (j *job) take() *request {
	j.mu.Lock()
	defer j.mu.Unlock()
	r := j.mu.request
	j.mu.request = nil
	return r
}

// interruptible is a context that a request ends.
func (j *job) interruptible(parent context.Context) context.Context {
	ctx, cancel := context.WithCancelCause(parent)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.mu.interrupt = cancel
	if j.mu.request != nil {
		cancel(errAsked)
	}
	return ctx
}

// supervise runs a job until it ends:
//
//	        ┌──────── delay ◄── strategy: again ──┐
//	        ▼                                     │
//	plan ─ run ─┬─ failure ───────────────────────┴─ strategy: no ─> FAILED
//	   ▲        ├─ end of input ─> FINISHED
//	   │        ├─ node closes ─> (goes on at the next start)
//	   │        └─ request ─┬─ cancel ─> CANCELED
//	   └── rescale ─────────┤
//	   └── no savepoint ────┴─ stop: savepoint ─> FINISHED
//
// ctx is the first run's; s is the job as it was planned for it.
func (j *job) supervise(ctx context.Context, s session.Submission) {
	defer j.leave()
	defer j.closeRemote()
	strategy := j.strategy(&s)
	for planned := true; ; planned = false {
		var err error
		if !planned {
			s, err = j.node.planAgain(j.entry())
		}
		if err == nil {
			err = j.runOnce(ctx, s)
		}
		again := false
		switch r := j.take(); {
		case errors.Is(context.Cause(j.node.ctx), errClosing) && (err != nil || r != nil):
			j.interrupted(r)
			return
		case r != nil:
			again = j.carryOut(r, err)
		case err == nil:
			j.end(engine.Finished, nil)
		default:
			again = j.failed(ctx, err, strategy)
		}
		if !again {
			return
		}
		ctx = j.interruptible(j.node.ctx)
	}
}

// leave ends the supervisor. What was asked in the last moment is done here.
func (j *job) leave() {
	close(j.done)
	r := j.take()
	if r == nil {
		return
	}
	switch r.kind {
	case cancelJob:
		r.reply <- answer{err: j.endFailed()}
	case stopJob:
		path, err := j.stopFailed(r.dir)
		r.reply <- answer{path, err}
	case rescaleJob:
		r.reply <- answer{err: fmt.Errorf("the job is %s: it cannot be rescaled", j.Status().State)}
	}
}

// strategy is the job's restart strategy. One that somebody waits for fails at once, and so
// does one that commits nothing: as in Flink without checkpoints it would start over.
func (j *job) strategy(s *session.Submission) restarts {
	def := j.node.config.RestartStrategy
	if def == "" || s.Waited || s.Config.Forgetful {
		def = "none"
	}
	r, err := newRestarts(s.Settings, def)
	if err != nil {
		j.node.report(fmt.Sprintf("job %s: %v", j.ID(), err))
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.mu.strategy, j.mu.forgetful = r.String(), s.Config.Forgetful
	return r
}

// runOnce runs the job's graph to its end, or until it is interrupted.
func (j *job) runOnce(ctx context.Context, s session.Submission) error {
	e := j.entry()
	s.Config.Hook, s.Config.Tracer = j.node.config.Hook, j.node.tracer
	if j.node.config.tune != nil {
		j.node.config.tune(&s.Config)
	}
	spec := engine.JobSpec{ID: e.ID, Name: e.Name, Graph: s.Graph, Config: s.Config}
	if !s.Config.Forgetful {
		log, err := j.journalFor(ctx, s.Graph)
		if err != nil {
			return err
		}
		spec.Journal = log
	}
	if e.Savepoint != "" {
		spec.Restore = func() (*engine.Restore, error) {
			return openRestore(j.node.savepoints(), e.Savepoint, s.AllowNonRestored)
		}
	}
	j.node.placeState(&spec)
	ej := engine.NewJob(spec)
	j.mu.Lock()
	j.mu.engine, j.mu.state, j.mu.err, j.mu.ended, j.mu.nextStart = ej, "", nil, time.Time{}, time.Time{}
	close(j.mu.next)
	j.mu.next = make(chan struct{})
	j.mu.Unlock()
	err := ej.Run(ctx)
	if f := (forbidden{}); err != nil && errors.As(context.Cause(ctx), &f) {
		err = f
	}
	return err
}

// forbidden ends a job whose user may no longer do what it does. It is not started again.
type forbidden struct{ error }

func (f forbidden) Unwrap() error { return f.error }

// forbid ends the job because its user may not.
func (j *job) forbid(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.durable {
		j.mu.interrupt(err)
		return
	}
	j.mu.interrupt(forbidden{err})
}

// interrupted: the node closes, and the job goes on at its next start.
func (j *job) interrupted(r *request) {
	if r != nil {
		r.reply <- answer{err: errClosing}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.mu.err = errClosing
}

// carryOut does what was asked, after a run that ended with err; again says whether the job
// goes on.
func (j *job) carryOut(r *request, err error) (again bool) {
	if err == nil && r.kind != rescaleJob {
		// It came to its end in the same moment. Nothing is left to be saved.
		j.end(engine.Finished, nil)
		r.reply <- answer{err: map[requestKind]error{stopJob: errors.New("the job has finished: there is no state to be saved")}[r.kind]}
		return false
	}
	switch r.kind {
	case cancelJob:
		r.reply <- answer{err: j.end(engine.Canceled, errCancelled)}
	case stopJob:
		path, err := j.stopWithSavepoint(r.dir)
		if err != nil {
			j.node.report(fmt.Sprintf("job %s goes on: it was to be stopped with a savepoint: %v", j.ID(), err))
		}
		r.reply <- answer{path, err}
		return err != nil
	case rescaleJob:
		if err == nil {
			j.end(engine.Finished, nil)
			r.reply <- answer{err: errors.New("the job has finished")}
			return false
		}
		werr := j.update(jobEntry{State: string(engine.Running), Parallelism: r.parallelism})
		r.reply <- answer{err: werr}
		return true
	}
	return false
}

// update writes a change of the job's entry, and takes it over.
func (j *job) update(change jobEntry) error {
	change.ID, change.At = j.ID(), j.node.now()
	err := j.node.system.write(entry{Job: &change})
	j.mu.Lock()
	defer j.mu.Unlock()
	if err == nil || engine.State(change.State).Ended() {
		j.mu.entry.update(&change)
	}
	return err
}

// end ends the job for good: what is open is closed, the end is durable, the journal goes.
// A job of which something stays open is a failed one: its journal is needed.
func (j *job) end(state engine.State, cause error) error {
	return j.endWith(jobEntry{State: string(state)}, cause)
}

func (j *job) endWith(change jobEntry, cause error) error {
	err := j.settle()
	if err != nil {
		change.State = string(engine.Failed)
		err = fmt.Errorf("what the job has left open could not be ended: %w", err)
	} else if err = j.update(change); err == nil {
		j.node.dropJournal(j.ID())
		j.dropRemote()
	}
	if err != nil {
		j.node.report(fmt.Sprintf("job %s (%s): %s", j.ID(), j.entry().Name, oneLine(err)))
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.mu.state, j.mu.ended = engine.State(change.State), j.node.now()
	if j.mu.err = cause; err != nil {
		j.mu.err = also(cause, err)
	}
	return err
}

// historyOfFailures is how many failures of a job are kept; Flink's web.exception-history-size.
const historyOfFailures = 16

// failed takes a failure to the restart strategy, and waits if the job is to start again.
func (j *job) failed(ctx context.Context, err error, strategy restarts) (again bool) {
	now := j.node.now()
	f := j.failure(err, now)
	delay, again := strategy.failed(now, 2*rand.Float64()-1)
	if no := (forbidden{}); errors.As(err, &no) {
		again = false
	}
	state := engine.Failed
	if again {
		state = engine.Restarting
	}
	if werr := j.update(jobEntry{State: string(state), Error: f.Error, Failures: []session.JobFailure{f}}); werr != nil {
		err = also(err, werr)
	}
	j.mu.Lock()
	j.mu.failures = j.mu.entry.Failures
	j.mu.state, j.mu.err, j.mu.ended = state, err, now
	if again {
		j.mu.ended, j.mu.nextStart = time.Time{}, now.Add(delay)
		j.mu.restarts++
	}
	j.mu.Unlock()
	j.tell(f, delay, again)
	return again && j.pause(ctx, delay)
}

func (j *job) failure(err error, now time.Time) session.JobFailure {
	f := session.JobFailure{Time: now, Error: oneLine(err)}
	f.Operator, f.Row = engine.Blame(err)
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.mu.engine != nil {
		f.Epoch = j.mu.engine.Status().Epoch
	}
	if n := len(j.mu.failures); n > 0 {
		// A run that did not get as far as its journal knows of no epoch.
		f.Epoch = max(f.Epoch, j.mu.failures[n-1].Epoch)
	}
	return f
}

// tell says in one line why a job has failed. Where somebody waits for it, its end says it.
func (j *job) tell(f session.JobFailure, delay time.Duration, again bool) {
	e := j.entry()
	switch {
	case again:
		j.node.report(fmt.Sprintf("job %s (%s) failed after epoch %d and starts again in %s: %s", e.ID, e.Name, f.Epoch, delay.Round(time.Millisecond), f.Error))
	case j.node.config.RestartStrategy != "":
		j.node.report(fmt.Sprintf("job %s (%s) failed after epoch %d: %s", e.ID, e.Name, f.Epoch, f.Error))
	}
}

// pause waits until the job is to start again; what is asked meanwhile is carried out.
func (j *job) pause(ctx context.Context, delay time.Duration) (again bool) {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	}
	r := j.take()
	if errors.Is(context.Cause(j.node.ctx), errClosing) {
		j.interrupted(r)
		return false
	}
	return r == nil || j.carryOut(r, errAsked)
}

// begun waits until the job has something that can be saved, or has ended. A run that was
// interrupted before that is followed by another.
func (j *job) begun(ctx context.Context) error {
	for {
		var begun <-chan struct{}
		j.mu.Lock()
		next := j.mu.next
		if j.mu.engine != nil {
			begun = j.mu.engine.Begun()
		}
		j.mu.Unlock()
		select {
		case <-begun:
			return nil
		case <-j.done:
			return nil
		case <-next:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// keepsNothing says that there is nothing of the job to go on with.
func (j *job) keepsNothing() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.mu.forgetful {
		return nil
	}
	return errors.New("the job commits nothing ('execution.checkpointing.interval' is 0): there is no state to go on with")
}

// oneLine is an error as a person reads it.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// End cancels the job, whatever its state, and waits until nothing of it is open.
func (j *job) End(ctx context.Context) error {
	r := &request{kind: cancelJob, reply: make(chan answer, 1)}
	if !j.ask(r) {
		return j.endFailed()
	}
	_, err := r.wait(ctx)
	if err == nil {
		<-j.done
	}
	return err
}

// endFailed ends a job that has no supervisor: one that failed, or could not be planned.
func (j *job) endFailed() error {
	j.ending.Lock()
	defer j.ending.Unlock()
	if j.over() {
		return nil
	}
	return j.end(engine.Canceled, errCancelled)
}

// Rescale lets the job go on with another number of workers.
func (j *job) Rescale(ctx context.Context, parallelism int) error {
	groups := j.Status().KeyGroups
	switch {
	case j.keepsNothing() != nil:
		return j.keepsNothing()
	case parallelism < 1:
		return fmt.Errorf("a parallelism of %d is none", parallelism)
	case groups > 0 && parallelism > groups:
		return fmt.Errorf("a parallelism of %d is higher than the job's max parallelism, %d, which was fixed when it was submitted ('pipeline.max-parallelism')", parallelism, groups)
	}
	r := &request{kind: rescaleJob, parallelism: parallelism, reply: make(chan answer, 1)}
	if !j.ask(r) {
		return fmt.Errorf("the job is %s: it cannot be rescaled", j.Status().State)
	}
	_, err := r.wait(ctx)
	return err
}

func (r *request) wait(ctx context.Context) (string, error) {
	select {
	case a := <-r.reply:
		return a.path, a.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

var _ session.Controller = (*job)(nil)
var _ journal.Log = (*guardedLog)(nil)
