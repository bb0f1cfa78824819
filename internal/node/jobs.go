package node

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/millrace/millrace/internal/broker/metadata"
	"github.com/millrace/millrace/internal/connector/kafka"
	"github.com/millrace/millrace/internal/engine"
	"github.com/millrace/millrace/internal/sql/session"
)

// journalPrefix is that of the topics that hold jobs' journals, a topic a job.
const journalPrefix = systemTopic + "_journal_"

// job is a job of the node. A durable one has an entry in the system topic and a
// journal; it ends there only when it finishes, is stopped or is cancelled, and goes on at
// the node's next start otherwise, after a failure too.
//
// A durable job has a goroutine, its supervisor (supervise.go), until it ends. Whoever asks
// something of it puts a request, and the supervisor carries it out between two runs.
type job struct {
	node    *Node
	durable bool
	// done is closed when the job has ended in this process: it needs a person to go on.
	done    chan struct{}
	journal journalGuard
	allowed func() error // whether its user still may; nil: nobody asks

	mu struct {
		sync.Mutex
		entry  jobEntry
		engine *engine.Job   // of the last run, nil if there was none
		next   chan struct{} // closed when there is another engine
		state  engine.State  // empty while it is the engine's
		err    error
		ended  time.Time // also of a failed one

		forgetful bool // it commits nothing
		strategy  string
		restarts  int
		failures  []session.JobFailure // the last ones, the oldest first
		nextStart time.Time

		remote    *kafka.Journal          // of a job that writes exactly once to a Kafka cluster
		interrupt context.CancelCauseFunc // ends the run, or the wait for the next
		request   *request
	}
	ending sync.Mutex // held by who ends a job that has no supervisor
}

var (
	errCancelled = errors.New("cancelled")
	errClosing   = errors.New("the node is closing")
)

func newJobID() string {
	var id [16]byte
	rand.Read(id[:])
	return hex.EncodeToString(id[:])
}

// Submit makes a job durable and starts it.
func (n *Node) Submit(ctx context.Context, s session.Submission) (session.Job, error) {
	id, ok := ctx.Value(jobIDKey{}).(string)
	if !ok {
		id = newJobID()
	}
	e := jobEntry{
		ID: id, State: string(engine.Running), Name: s.Name, Text: s.Text, Database: s.Database,
		Settings: s.Settings, Dir: s.Dir, DDL: n.ddlCount(), Submitted: n.now(), User: s.User,
	}
	if _, err := newRestarts(s.Settings, "none"); err != nil {
		return nil, err
	}
	if s.Savepoint != "" {
		if s.Config.Forgetful {
			return nil, errors.New("a job that commits nothing ('execution.checkpointing.interval' = '0') cannot begin with a savepoint")
		}
		path, err := n.checkSavepoint(ctx, s)
		if err != nil {
			return nil, err
		}
		e.Savepoint = path
	}
	if err := n.system.write(entry{Job: &e}); err != nil {
		return nil, err
	}
	return n.startDurable(e, s), nil
}

// RunLocal runs a job that nothing remembers.
func (n *Node) RunLocal(ctx context.Context, spec engine.JobSpec, allowed func() error) session.Job {
	spec.ID = newJobID()
	j := n.newJob(jobEntry{ID: spec.ID, Name: spec.Name, Submitted: n.now()})
	ctx, cancel := context.WithCancelCause(ctx)
	n.placeState(&spec)
	ej := engine.NewJob(spec)
	j.mu.engine, j.mu.interrupt, j.allowed = ej, cancel, allowed
	n.ask(j)
	n.running.Go(func() {
		defer close(j.done)
		defer n.unask(j)
		defer cancel(nil)
		err := ej.Run(ctx)
		if err != nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		j.mu.Lock()
		defer j.mu.Unlock()
		j.mu.err = err
	})
	return j
}

func (n *Node) newJob(e jobEntry) *job {
	j := &job{node: n, done: make(chan struct{})}
	j.mu.next = make(chan struct{})
	j.mu.entry = e
	j.mu.failures = e.Failures
	return j
}

func (n *Node) startDurable(e jobEntry, s session.Submission) *job {
	j := n.newJob(e)
	j.durable, j.allowed = true, s.Allowed
	n.addJob(j)
	// The first run's context is there before anybody can ask for its end.
	ctx := j.interruptible(n.ctx)
	n.ask(j)
	n.running.Go(func() {
		defer n.unask(j)
		j.supervise(ctx, s)
	})
	return j
}

// historySize is how many jobs that have ended are listed.
const historySize = 100

func (n *Node) addJob(j *job) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mu.jobs = append(n.mu.jobs, j)
	n.trimHistory()
}

// trimHistory forgets the oldest of too many that have ended. A failed one is not over.
func (n *Node) trimHistory() {
	over := -historySize
	for _, j := range n.mu.jobs {
		if j.over() {
			over++
		}
	}
	n.mu.jobs = slices.DeleteFunc(n.mu.jobs, func(j *job) bool {
		if over <= 0 || !j.over() {
			return false
		}
		over--
		return true
	})
}

// over says that the job will never run again.
func (j *job) over() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.mu.state == engine.Finished || j.mu.state == engine.Canceled
}

func (j *job) entry() jobEntry {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.mu.entry
}

// Owner is who submitted the job.
func (j *job) Owner() session.User { return j.entry().User }

// ID is the job's id.
func (j *job) ID() string { return j.entry().ID }

// Status is the engine's of the last run, with the state that the job has as a whole.
func (j *job) Status() engine.Status {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.status()
}

// status is called with the lock held.
func (j *job) status() engine.Status {
	e := &j.mu.entry
	s := engine.Status{ID: e.ID, Name: e.Name, State: engine.State(e.State), Started: e.Submitted, Ended: j.mu.ended}
	if j.mu.engine != nil {
		s = j.mu.engine.Status()
		if !j.durable {
			return s
		}
	}
	switch {
	case j.mu.state != "":
		s.State, s.Err, s.Ended = j.mu.state, j.mu.err, j.mu.ended
	case s.State == engine.Failed: // what becomes of it is not decided yet
		s.State, s.Ended = engine.Failing, time.Time{}
	case s.State == engine.Canceled, s.State == engine.Finished:
		s.State, s.Ended = engine.Cancelling, time.Time{}
		if s.Err == nil && j.mu.request == nil {
			s.State = engine.Running
		}
	}
	return s
}

// Detail is all that is known of the job.
func (j *job) Detail() session.JobDetail {
	j.mu.Lock()
	defer j.mu.Unlock()
	e := &j.mu.entry
	d := session.JobDetail{
		Status: j.status(), Text: e.Text, Settings: e.Settings, Submitted: e.Submitted, Changed: e.At,
		Failures: slices.Clone(j.mu.failures), Restarts: j.mu.restarts, NextStart: j.mu.nextStart, Strategy: j.mu.strategy,
		Savepoint: e.MadeSavepoint, RestoredFrom: e.Savepoint,
	}
	if d.Changed.IsZero() {
		d.Changed = e.Submitted
	}
	if d.Workers == 0 {
		d.Workers = e.Parallelism
	}
	return d
}

// Wait waits for the end of the job.
func (j *job) Wait(ctx context.Context) error {
	select {
	case <-j.done:
		j.mu.Lock()
		defer j.mu.Unlock()
		return j.mu.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Cancel asks the job to end; what it had not committed is dropped.
func (j *job) Cancel() {
	if !j.durable {
		j.mu.interrupt(errCancelled)
		return
	}
	if !j.ask(&request{kind: cancelJob, reply: make(chan answer, 1)}) {
		j.endFailed()
	}
}

// Jobs are the durable jobs, the newest last.
func (n *Node) Jobs() []session.Job {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := make([]session.Job, len(n.mu.jobs))
	for i, j := range n.mu.jobs {
		out[i] = j
	}
	return out
}

// resume starts the jobs that had not ended when the node stopped, each planned
// again from its text, with the tables as they were when it was submitted.
func (n *Node) resume(m *memory) {
	var order []string
	jobs := map[string]*jobEntry{}
	for i, e := range m.entries {
		switch {
		case e.Job == nil:
			continue
		case jobs[e.Job.ID] == nil:
			jobs[e.Job.ID] = e.Job
			order = append(order, e.Job.ID)
		default:
			jobs[e.Job.ID].update(e.Job)
		}
		jobs[e.Job.ID].last = m.offsets[i]
	}
	var left []string // jobs that do not go on
	for _, id := range order {
		e := *jobs[id]
		if err := n.resumeJob(e, m); err != nil {
			left = append(left, id)
			n.report(fmt.Sprintf("job %s (%s) cannot go on: %v", e.ID, e.Name, err))
		}
	}
	n.reportHeld(append(left, n.strayJournals(jobs)...))
}

func (n *Node) resumeJob(e jobEntry, m *memory) error {
	if e.over() {
		n.rememberEnded(e, nil)
		return nil
	}
	p, err := n.replanAtStart(e, m)
	if err == nil {
		n.startDurable(e, p)
		return nil
	}
	e.State = string(engine.Failed)
	n.rememberEnded(e, err)
	return err
}

// replanAtStart plans a job as it was planned when it was submitted. What damage may have
// made another job, or one that has ended, is refused: it would write its results again.
func (n *Node) replanAtStart(e jobEntry, m *memory) (p session.Submission, err error) {
	if e.Text == "" {
		return p, fmt.Errorf("topic %s is damaged where it says what the job was", systemTopic)
	}
	if m.holeAfter(e.last) {
		return p, fmt.Errorf("topic %s is damaged where it may say that the job has ended; start it again if its results are not there", systemTopic)
	}
	return n.replan(e)
}

// replan plans a job with the tables that there were when it was submitted.
func (n *Node) replan(e jobEntry) (session.Submission, error) {
	ddl, whole := n.ddlUpTo(e.DDL)
	if !whole {
		return session.Submission{}, fmt.Errorf("topic %s is damaged where it says what tables the job was planned with; make them again, and start it again", systemTopic)
	}
	p, err := session.Replan(n.connectors, ddl, e.submission(), n.rightsOf(e.User))
	return e.widened(p), err
}

// planAgain plans a job that ran in this process, which may use temporary tables: they are
// not remembered, but still there.
func (n *Node) planAgain(e jobEntry) (session.Submission, error) {
	p, err := n.replan(e)
	if err == nil {
		return p, nil
	}
	if p, now := session.Plan(n, e.submission(), n.rightsOf(e.User)); now == nil {
		return e.widened(p), nil
	}
	return p, err
}

func (e *jobEntry) submission() session.Submission {
	return session.Submission{Name: e.Name, Text: e.Text, Database: e.Database, Settings: e.Settings, Dir: e.Dir}
}

// widened is a job as it was rescaled.
func (e *jobEntry) widened(p session.Submission) session.Submission {
	if e.Parallelism > 0 {
		p.Config.Workers = e.Parallelism
	}
	return p
}

func (n *Node) rememberEnded(e jobEntry, err error) {
	j := n.newJob(e)
	j.durable = true
	j.mu.state, j.mu.ended, j.mu.err = engine.State(e.State), e.At, err
	if err == nil && e.Error != "" {
		j.mu.err = errors.New(e.Error)
	}
	if j.mu.ended.IsZero() {
		j.mu.ended = e.Submitted
	}
	close(j.done)
	n.addJob(j)
}

// strayJournals deletes the journals of jobs that ended just before the node was killed. A
// journal whose job is unknown may be all that is left of it: it is listed as a failed job,
// so that a person can cancel it. These jobs are given.
func (n *Node) strayJournals(jobs map[string]*jobEntry) (unknown []string) {
	for _, t := range n.broker.Metadata().Topics() {
		id := journalID(t)
		switch e := jobs[id]; {
		case id == "":
		case e == nil:
			err := fmt.Errorf("topic %s does not know this job, of which there is a journal: it is damaged, or was deleted; cancel the job to end what it has left open", systemTopic)
			n.rememberEnded(jobEntry{ID: id, Name: "unknown", State: string(engine.Failed)}, err)
			n.report(fmt.Sprintf("job %s cannot go on: %v", id, err))
			unknown = append(unknown, id)
		case e.over():
			n.dropJournal(id)
		}
	}
	return unknown
}

func (n *Node) dropJournal(id string) {
	name := journalPrefix + id
	if n.broker.Metadata().Topic(name) == nil {
		return
	}
	if err := n.broker.Metadata().Delete(name); err != nil {
		n.report(fmt.Sprintf("journal of job %s: %v", id, err))
	}
}

func journalID(t *metadata.Topic) string {
	if len(t.Name) > len(journalPrefix) && t.Name[:len(journalPrefix)] == journalPrefix {
		return t.Name[len(journalPrefix):]
	}
	return ""
}

// elapsed is how long a job has run.
func elapsed(s engine.Status, now time.Time) time.Duration {
	if !s.Ended.IsZero() {
		now = s.Ended
	}
	return now.Sub(s.Started)
}
