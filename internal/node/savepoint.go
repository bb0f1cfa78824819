package node

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/millrace/millrace/internal/engine"
	"github.com/millrace/millrace/internal/engine/journal"
	"github.com/millrace/millrace/internal/engine/savepoint"
	"github.com/millrace/millrace/internal/sql/session"
	"github.com/millrace/millrace/internal/vfs"
)

// journalGuard keeps what a reader of a job's journal reads from being deleted under it:
// while somebody reads, deletions are put off.
type journalGuard struct {
	mu struct {
		sync.Mutex
		readers int
		before  int64 // what is to be deleted when nobody reads
	}
}

// guardedLog is a job's journal as its engine writes it.
type guardedLog struct {
	journalLog
	guard *journalGuard
}

// DeleteBefore lets the log forget what a snapshot has replaced, now or later.
func (l *guardedLog) DeleteBefore(offset int64) error {
	g := l.guard
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.mu.readers > 0 {
		g.mu.before = max(g.mu.before, offset)
		return nil
	}
	return l.journalLog.DeleteBefore(offset)
}

// hold keeps the journal as it is until release is called.
func (g *journalGuard) hold(log journalLog) (release func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.mu.readers++
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.mu.readers--; g.mu.readers == 0 && g.mu.before > 0 {
			// If it fails, the next snapshot tries again.
			_ = log.DeleteBefore(g.mu.before)
			g.mu.before = 0
		}
	}
}

// openJournal opens the job's journal for its engine; it is made if it is not there.
func (j *job) openJournal() (*guardedLog, error) {
	meta := j.node.broker.Metadata()
	id := j.ID()
	name := journalPrefix + id
	t := meta.Topic(name)
	if t == nil {
		var err error
		if t, err = meta.Create(name, 1, map[string]string{"retention.ms": "-1", "retention.bytes": "-1"}); err != nil {
			return nil, fmt.Errorf("journal of job %s: %w", id, err)
		}
	}
	p, err := openPartition(meta, t, 0)
	return &guardedLog{journalLog{p}, &j.journal}, err
}

// existingJournal is the job's journal if there is one.
func (j *job) existingJournal() (log journalLog, ok bool, err error) {
	meta := j.node.broker.Metadata()
	t := meta.Topic(journalPrefix + j.ID())
	if t == nil {
		return log, false, nil
	}
	p, err := openPartition(meta, t, 0)
	return journalLog{p}, true, err
}

// readJournal reads what the job has committed, durably, up to now. The job may be running;
// what was read stays readable until release is called.
func (j *job) readJournal() (rec *journal.Recovered, release func(), err error) {
	if j.remoteJournal() != nil {
		return nil, nil, fmt.Errorf("the journal of job %s is in the Kafka cluster that it writes to: it cannot be copied", j.ID())
	}
	log, ok, err := j.existingJournal()
	if err != nil {
		return nil, nil, err
	}
	if ok {
		release = j.journal.hold(log)
		rec, err = journal.Open(journal.Upto(log, log.log.HighWatermark()))
	}
	if err == nil && rec == nil {
		err = fmt.Errorf("job %s has committed nothing yet", j.ID())
	}
	if err != nil && release != nil {
		release()
	}
	return rec, release, err
}

// Savepoint writes what the job has committed to a new directory below dir. The job is not
// disturbed: a savepoint is a copy of what its journal says.
func (j *job) Savepoint(ctx context.Context, dir string) (string, error) {
	if err := errors.Join(j.begun(ctx), j.keepsNothing()); err != nil {
		return "", err
	}
	path, err := j.writeSavepoint(ctx, dir)
	if err == nil {
		err = j.update(jobEntry{MadeSavepoint: path})
	}
	return path, err
}

func (j *job) writeSavepoint(ctx context.Context, dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	rec, release, err := j.readJournal()
	if err != nil {
		return "", err
	}
	defer release()
	e := j.entry()
	if e.Text == "" {
		return "", fmt.Errorf("of job %s it is not known what it computes; it can only be cancelled", e.ID)
	}
	m := &savepoint.Manifest{
		Millrace: Version, Created: j.node.now().UTC(),
		Job: savepoint.Job{ID: e.ID, Name: e.Name, SQL: e.Text, Database: e.Database, Settings: e.Settings, Dir: e.Dir},
	}
	j.describeOperators(m)
	path := filepath.Join(dir, savepoint.Name(e.ID))
	return path, savepoint.Write(ctx, j.node.savepoints(), filepath.ToSlash(path), rec, m)
}

// describeOperators fills in what the journal does not know: names, for which a job that has
// not run in this process is planned.
func (j *job) describeOperators(m *savepoint.Manifest) {
	st := j.Status()
	m.Parallelism = max(st.Workers, 1)
	for _, n := range st.Nodes {
		m.Operators = append(m.Operators, savepoint.Operator{ID: n.ID, Name: n.Name})
	}
	if len(st.Nodes) > 0 {
		return
	}
	p, err := j.node.replan(j.entry())
	if err != nil {
		return // the operators are known by their IDs
	}
	for _, n := range p.Graph.Nodes {
		m.Operators = append(m.Operators, savepoint.Operator{ID: n.ID, Name: n.Name})
	}
}

// savepoints is the file system that savepoints are on: the real one, also for a node in
// memory.
func (n *Node) savepoints() vfs.FS {
	if n.config.files != nil {
		return n.config.files
	}
	return vfs.OS
}

// stopWithSavepoint saves a job whose run was interrupted, and ends it. What the run had not
// committed was dropped, so the savepoint is at the end of an epoch: whoever goes on from it
// reads that again, and nothing is lost or doubled.
func (j *job) stopWithSavepoint(dir string) (string, error) {
	path, err := j.writeSavepoint(j.node.ctx, dir)
	if err != nil {
		return "", err
	}
	return path, j.endWith(jobEntry{State: string(engine.Finished), MadeSavepoint: path}, nil)
}

// Stop ends the job with a savepoint.
func (j *job) Stop(ctx context.Context, dir string) (string, error) {
	if err := errors.Join(j.begun(ctx), j.keepsNothing()); err != nil {
		return "", err
	}
	r := &request{kind: stopJob, dir: dir, reply: make(chan answer, 1)}
	if j.ask(r) {
		path, err := r.wait(ctx)
		if err == nil {
			<-j.done
		}
		return path, err
	}
	return j.stopFailed(dir)
}

// stopFailed saves and ends a job that has no supervisor.
func (j *job) stopFailed(dir string) (string, error) {
	j.ending.Lock()
	defer j.ending.Unlock()
	if j.over() {
		return "", fmt.Errorf("the job is %s: there is no state to be saved", j.Status().State)
	}
	return j.stopWithSavepoint(dir)
}

// openRestore opens a savepoint for an engine that begins with it.
func openRestore(fs vfs.FS, dir string, allow bool) (*engine.Restore, error) {
	sp, err := savepoint.Open(fs, filepath.ToSlash(dir))
	if err != nil {
		return nil, err
	}
	r := &engine.Restore{From: sp.State, AllowNonRestored: allow, Close: sp.Close}
	for _, o := range sp.Manifest.Operators {
		name := o.Name
		if name == "" {
			name = "operator " + o.ID
		}
		r.Names, r.StateBytes = append(r.Names, name), append(r.StateBytes, o.StateBytes)
	}
	return r, nil
}

// checkSavepoint finds out, before a job is submitted, whether it can begin with its
// savepoint. path is where that is, wherever the node is started next.
func (n *Node) checkSavepoint(ctx context.Context, s session.Submission) (path string, err error) {
	if path, err = filepath.Abs(s.Savepoint); err != nil {
		return "", err
	}
	r, err := openRestore(n.savepoints(), path, s.AllowNonRestored)
	if err != nil {
		return "", err
	}
	defer r.Close()
	return path, r.Unclaimed(ctx, s.Graph)
}

// Restore submits the job of a savepoint anew, to go on with its state.
func (n *Node) Restore(ctx context.Context, o session.RestoreOptions) (session.Job, error) {
	return n.restoreFor(ctx, n.Session(session.Options{}), o)
}

// restoreFor restores with the rights of a session.
func (n *Node) restoreFor(ctx context.Context, s *session.Session, o session.RestoreOptions) (session.Job, error) {
	if err := s.MayUseFiles(); err != nil {
		return nil, err
	}
	path, err := filepath.Abs(o.Savepoint)
	if err != nil {
		return nil, err
	}
	m, err := savepoint.ReadManifest(n.savepoints(), filepath.ToSlash(path))
	if err != nil {
		return nil, err
	}
	settings := maps.Clone(m.Job.Settings)
	if settings == nil {
		settings = map[string]string{}
	}
	for _, name := range []string{"execution.savepoint.path", "execution.savepoint.ignore-unclaimed-state", "table.dml-sync"} {
		delete(settings, name)
	}
	settings["execution.state-recovery.path"] = path
	settings["execution.state-recovery.ignore-unclaimed-state"] = strconv.FormatBool(o.AllowNonRestored)
	if o.Parallelism == 0 {
		o.Parallelism = m.Parallelism // it may have been rescaled
	}
	delete(settings, "table.exec.resource.default-parallelism")
	settings["parallelism.default"] = strconv.Itoa(o.Parallelism)
	return s.Submit(ctx, session.Submission{Text: m.Job.SQL, Database: m.Job.Database, Settings: settings, Dir: m.Job.Dir})
}
