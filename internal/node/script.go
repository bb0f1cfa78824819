package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/millrace/millrace/internal/engine"
	"github.com/millrace/millrace/internal/shell"
	"github.com/millrace/millrace/internal/sql/parser"
	"github.com/millrace/millrace/internal/sql/session"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// ScriptRun is `millrace run`.
type ScriptRun struct {
	Config Config
	// File names the script in errors, and its folder is where relative paths
	// start from.
	File, Text string
	Format     shell.Format
	Out        io.Writer
	// Progress gets lines about jobs, drawn over if it is a Terminal.
	Progress io.Writer
	Terminal bool
	// Discard gives up an unfinished run of another script.
	Discard bool
	// Resume goes on with an unfinished run and does nothing if the last one of
	// this script was completed: what a supervisor that restarts killed runs wants.
	Resume bool
}

// RunScript runs a script in a node of its own and waits for its jobs. The whole
// script is parsed and planned before anything starts, and before a new data directory
// is made.
func RunScript(ctx context.Context, r ScriptRun) error {
	script := &shell.Script{Name: r.File, Text: r.Text, Format: r.Format, Out: r.Out}
	stmts, err := script.Parse()
	if err != nil {
		return err
	}
	fresh, err := isNew(r.Config.Data)
	if err != nil {
		return err
	}
	if fresh {
		if err := session.Check(connectors(nil, func(string) {}), nil, r.options(), stmts); err != nil {
			return script.Locate(err)
		}
	}
	n, err := Open(r.Config)
	if err != nil {
		return err
	}
	err = n.runScript(ctx, r, script, stmts, fresh)
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = r.interrupted()
	}
	return also(err, n.Close())
}

// interrupted is what is said of a run that was asked to end before it had.
func (r *ScriptRun) interrupted() error {
	if r.Config.Data == "" {
		return errors.New("interrupted")
	}
	return fmt.Errorf("interrupted; to go on, run the script again: millrace run %s --data %s", r.File, r.Config.Data)
}

// options are those of the session that the script runs in.
func (r *ScriptRun) options() session.Options {
	return session.Options{Dir: filepath.Dir(r.File), AcceptIdentical: true}
}

// runScript runs a script; planned says that all of it has been planned, as the first of
// this node.
func (n *Node) runScript(ctx context.Context, r ScriptRun, script *shell.Script, stmts []parser.Stmt, planned bool) error {
	if last := n.mu.run; r.Resume && last != nil && last.Done && last.Script == r.Text {
		return nil
	}
	options := r.options()
	options.Report = n.report
	run, err := n.beginRun(r, script, stmts)
	if err != nil {
		return err
	}
	if !planned {
		ddl, _ := n.ddlUpTo(n.ddlCount())
		if err := session.Check(n.connectors, ddl, options, stmts); err != nil {
			return script.Locate(err)
		}
	}
	show, stop := n.showProgress(r, script)
	defer stop()
	x := &runner{node: n, run: run, session: session.New(n, options)}
	script.Before = x.before
	script.After = func(int, string) error { show(); return nil }
	if err := script.Run(ctx, stmts, x); err != nil {
		return err
	}
	if err := x.waitAll(ctx); err != nil {
		return script.Locate(err)
	}
	return n.recordRun(runEntry{Name: run.Name, Script: run.Script, At: len(stmts), Done: true})
}

// beginRun finds out whether a run of this data directory is to be gone on with.
func (n *Node) beginRun(r ScriptRun, script *shell.Script, stmts []parser.Stmt) (runEntry, error) {
	last := n.mu.run
	fresh := runEntry{Name: r.File, Script: r.Text, At: -1}
	switch {
	case last == nil || last.Done || last.At < 0:
		return fresh, nil
	case last.Script == r.Text:
		n.report(fmt.Sprintf("going on with the unfinished run at statement %d of %d", last.At+1, len(stmts)))
		return *last, nil
	case r.Discard:
		for _, j := range n.Jobs() {
			if j.ID() == last.Job {
				j.Cancel()
				j.Wait(context.Background())
			}
		}
		return fresh, nil
	}
	return fresh, fmt.Errorf("%s holds an unfinished run of another script (%s, statement %d): run that script again to finish it, or add --discard-unfinished to give it up", n.config.Data, last.Name, last.At+1)
}

func (n *Node) recordRun(e runEntry) error {
	if err := n.system.write(entry{Run: &e}); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mu.run = &e
	return nil
}

// runner executes a script's statements and remembers how far it came, so that a
// killed run finds its place: statements before it are carried out again if they are
// settings or DDL, and passed over otherwise; its job, which goes on by itself, is
// waited for.
type runner struct {
	node    *Node
	run     runEntry
	session *session.Session
	index   int
	jobs    []session.Job
}

func (x *runner) before(i int, _ parser.Stmt) error {
	x.index = i
	return nil
}

// Execute runs a statement of the script.
func (x *runner) Execute(ctx context.Context, text string) (shell.Result, error) {
	stmt, err := parser.ParseStatement(text)
	if err != nil {
		return nil, err
	}
	if !session.HasEffects(stmt) {
		return x.session.Run(ctx, stmt)
	}
	if x.index < x.run.At {
		return &session.Result{}, nil
	}
	if x.index == x.run.At && x.run.Job != "" {
		if j := x.node.job(x.run.Job); j != nil {
			x.jobs = append(x.jobs, j)
			return x.session.Follow(j), nil
		}
	}
	e := runEntry{Name: x.run.Name, Script: x.run.Script, At: x.index}
	if session.StartsJob(stmt) {
		// The job's entry and the run's must not come apart: the run is written
		// first and names the job that is about to be.
		e.Job = newJobID()
		ctx = context.WithValue(ctx, jobIDKey{}, e.Job)
	}
	if err := x.node.recordRun(e); err != nil {
		return nil, err
	}
	r, err := x.session.Run(ctx, stmt)
	if err == nil && r.JobID() != "" {
		if j := x.node.job(r.JobID()); j != nil {
			x.jobs = append(x.jobs, j)
		}
	}
	return r, err
}

// jobIDKey carries the id that a job is to get.
type jobIDKey struct{}

// waitAll waits for the jobs that the script left running.
func (x *runner) waitAll(ctx context.Context) error {
	for _, j := range x.jobs {
		if err := j.Wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (n *Node) job(id string) session.Job {
	for _, j := range n.Jobs() {
		if j.ID() == id {
			return j
		}
	}
	return nil
}

// showProgress shows the jobs until stop is called; show shows them now.
func (n *Node) showProgress(r ScriptRun, script *shell.Script) (show, stop func()) {
	if r.Progress == nil {
		return func() {}, func() {}
	}
	p := &shell.Progress{W: r.Progress, Terminal: r.Terminal, Poll: n.jobLines}
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		p.Run(end)
	}()
	script.Out = p.Beside(r.Out)
	return p.Show, func() {
		close(end)
		<-ended
	}
}

// jobLines are the jobs of this process as lines of progress.
func (n *Node) jobLines() []shell.JobLine {
	var out []shell.JobLine
	for _, j := range n.Jobs() {
		s := j.Status()
		if s.Started.IsZero() || s.Nodes == nil && s.State.Ended() {
			continue
		}
		p := s.Progress
		l := shell.JobLine{
			ID: s.ID, Name: s.Name, State: string(s.State), Read: p.RowsRead, Written: p.RowsOut, Late: p.LateRows,
			NullTime: p.NullTimeRows, Rate: p.RowsPerSecond, Elapsed: elapsed(s, n.now()),
			Ended: s.State == engine.Finished || s.State == engine.Failed || s.State == engine.Canceled,
		}
		if p.Watermark != vec.MinTime && p.Watermark != vec.MaxTime {
			l.Watermark = string(types.AppendTimestamp(nil, p.Watermark, types.TTimestamp(0)))
		}
		if l.Ended && l.Elapsed > 0 {
			l.Rate = float64(l.Read) / max(l.Elapsed, time.Millisecond).Seconds()
		}
		out = append(out, l)
	}
	return out
}

// local is a session as the shell's executor.
type local struct{ *session.Session }

// Local lets a shell run statements in a session of this process.
func Local(s *session.Session) shell.Executor { return local{s} }

// Execute runs a statement.
func (l local) Execute(ctx context.Context, text string) (shell.Result, error) {
	r, err := l.Session.Execute(ctx, text)
	if err != nil {
		return nil, err
	}
	return r, nil
}
