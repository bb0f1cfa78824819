package node

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/millrace/millrace/internal/broker/metadata"
	"github.com/millrace/millrace/internal/engine"
	"github.com/millrace/millrace/internal/sql/session"
)

// journalPrefix is that of the topics that hold jobs' journals, a topic a job.
const journalPrefix = systemTopic + "_journal_"

// job is a job of the node. A durable one has an entry in the system topic and a
// journal; it ends there only when it finishes or is cancelled, and goes on at the
// node's next start otherwise, after a failure too.
type job struct {
	node    *Node
	entry   jobEntry
	durable bool
	allowed func() error // whether its user still may; nil: nobody asks
	cancel  context.CancelCauseFunc
	done    chan struct{} // closed when the job has ended in this process

	mu struct {
		sync.Mutex
		engine *engine.Job // nil if it could not be planned
		err    error
	}
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
	if err := n.system.write(entry{Job: &e}); err != nil {
		return nil, err
	}
	return n.startDurable(e, s)
}

// RunLocal runs a job that nothing remembers.
func (n *Node) RunLocal(ctx context.Context, spec engine.JobSpec, allowed func() error) session.Job {
	spec.ID = newJobID()
	j := n.newJob(jobEntry{ID: spec.ID, Name: spec.Name, Submitted: n.now()})
	j.allowed = allowed
	j.run(ctx, spec)
	return j
}

func (n *Node) startDurable(e jobEntry, s session.Submission) (*job, error) {
	spec := engine.JobSpec{ID: e.ID, Name: e.Name, Graph: s.Graph, Config: s.Config}
	spec.Config.Hook = n.config.Hook
	if n.config.tune != nil {
		n.config.tune(&spec.Config)
	}
	if !s.Config.Forgetful {
		log, err := n.openJournal(e.ID)
		if err != nil {
			return nil, err
		}
		spec.Journal = log
	}
	j := n.newJob(e)
	j.durable, j.allowed = true, s.Allowed
	n.mu.Lock()
	n.mu.jobs = append(n.mu.jobs, j)
	n.mu.Unlock()
	j.run(n.ctx, spec)
	return j, nil
}

func (n *Node) newJob(e jobEntry) *job {
	return &job{node: n, entry: e, done: make(chan struct{})}
}

func (n *Node) openJournal(id string) (journalLog, error) {
	meta := n.broker.Metadata()
	name := journalPrefix + id
	t := meta.Topic(name)
	if t == nil {
		var err error
		if t, err = meta.Create(name, 1, map[string]string{"retention.ms": "-1", "retention.bytes": "-1"}); err != nil {
			return journalLog{}, fmt.Errorf("journal of job %s: %w", id, err)
		}
	}
	p, err := openPartition(meta, t, 0)
	return journalLog{p}, err
}

// run starts the job's goroutine.
func (j *job) run(parent context.Context, spec engine.JobSpec) {
	ctx, cancel := context.WithCancelCause(parent)
	j.cancel = cancel
	j.node.placeState(&spec)
	ej := engine.NewJob(spec)
	j.mu.engine = ej
	j.node.ask(j)
	j.node.running.Go(func() {
		defer close(j.done)
		defer j.node.unask(j)
		defer cancel(nil)
		err := ej.Run(ctx)
		if err != nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		j.ended(err)
	})
}

// ended remembers how the job ended. One that the node's closing interrupted has
// not ended.
func (j *job) ended(err error) {
	state := engine.Finished
	switch {
	case errors.Is(err, errCancelled):
		state = engine.Canceled
	case errors.Is(err, errClosing):
		j.setErr(err)
		return
	case err != nil:
		state = engine.Failed
	}
	if j.durable {
		e := jobEntry{ID: j.entry.ID, State: string(state)}
		if err != nil {
			e.Error = err.Error()
		}
		if werr := j.node.system.write(entry{Job: &e}); werr != nil {
			err = also(err, werr)
		} else if state != engine.Failed {
			j.node.dropJournal(j.entry.ID)
		}
	}
	j.setErr(err)
}

func (j *job) setErr(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.mu.err = err
}

func (n *Node) dropJournal(id string) {
	if err := n.broker.Metadata().Delete(journalPrefix + id); err != nil {
		n.report(fmt.Sprintf("journal of job %s: %v", id, err))
	}
}

// Owner is who submitted the job.
func (j *job) Owner() session.User { return j.entry.User }

// ID is the job's id.
func (j *job) ID() string { return j.entry.ID }

// Status is the engine's, or what is remembered of a job that did not start.
func (j *job) Status() engine.Status {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.mu.engine != nil {
		return j.mu.engine.Status()
	}
	return engine.Status{ID: j.entry.ID, Name: j.entry.Name, State: engine.State(j.entry.State), Err: j.mu.err, Started: j.entry.Submitted}
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

// Cancel ends the job; what it had not committed is dropped.
func (j *job) Cancel() {
	if j.cancel != nil {
		j.cancel(errCancelled)
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
			jobs[e.Job.ID].State, jobs[e.Job.ID].Error = e.Job.State, e.Job.Error
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
	n.reportHeld(append(left, n.dropStrayJournals(jobs)...))
}

func (n *Node) resumeJob(e jobEntry, m *memory) error {
	if e.State == string(engine.Finished) || e.State == string(engine.Canceled) {
		n.rememberEnded(e, nil)
		return nil
	}
	p, err := n.replan(e, m)
	if err == nil {
		_, err = n.startDurable(e, p)
	}
	if err != nil {
		e.State = string(engine.Failed)
		n.rememberEnded(e, err)
	}
	return err
}

// replan plans a job as it was planned when it was submitted. What damage may have made
// another job, or one that has ended, is refused: it would write its results again.
func (n *Node) replan(e jobEntry, m *memory) (p session.Submission, err error) {
	if m.holeAfter(e.last) {
		return p, fmt.Errorf("topic %s is damaged where it may say that the job has ended; start it again if its results are not there", systemTopic)
	}
	ddl, whole := n.ddlUpTo(e.DDL)
	if !whole {
		return p, fmt.Errorf("topic %s is damaged where it says what tables the job was planned with; make them again, and start it again", systemTopic)
	}
	return session.Replan(n.connectors, ddl, session.Submission{
		Name: e.Name, Text: e.Text, Database: e.Database, Settings: e.Settings, Dir: e.Dir,
	}, n.rightsOf(e.User))
}

func (n *Node) rememberEnded(e jobEntry, err error) {
	j := n.newJob(e)
	j.durable = true
	j.mu.err = err
	if err == nil && e.Error != "" {
		j.mu.err = errors.New(e.Error)
	}
	close(j.done)
	n.mu.Lock()
	n.mu.jobs = append(n.mu.jobs, j)
	n.mu.Unlock()
}

// dropStrayJournals deletes the journals of jobs that ended just before the node
// was killed. A journal whose job is unknown stays: it may be all that is left. These jobs
// are given.
func (n *Node) dropStrayJournals(jobs map[string]*jobEntry) (unknown []string) {
	for _, t := range n.broker.Metadata().Topics() {
		id := journalID(t)
		switch e := jobs[id]; {
		case id != "" && e == nil:
			unknown = append(unknown, id)
		case e != nil && (e.State == string(engine.Finished) || e.State == string(engine.Canceled)):
			n.dropJournal(id)
		}
	}
	return unknown
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
