package engine

import (
	"errors"
	"sync"
	"time"

	"github.com/millrace/millrace/internal/engine/journal"
)

// flight is the commit of one epoch, beside the steps of the next:
//
//	job      step ─ step ─ cut ─ step ─ step ───────────────── land, cut ─ step
//	flight                   └ Prepare ── journal ── Commit ─┘     └ Prepare …
//	sinks    rows of n       │ rows of n+1 are kept          │ and handed over
//
// There is at most one, so committed epochs are a prefix of the journal. It takes part
// in nothing that a step waits for, and it is never given up: an outcome that is not
// known could only be learnt from the journal. Whatever ends the job waits for it first.
//
// What it is made of belongs to its goroutine until done is closed, the journal's
// writer and the sinks' tokens included, and to the job's before and after.
type flight struct {
	epoch  int64
	all    bool            // the commit record holds everything
	record *journal.Commit // nil without a journal
	done   chan struct{}
	trace  *epochTrace // nil: not traced

	phase phase
	err   error
	ended time.Time
}

// phase is how far a commit has come: it decides what a failure may undo.
//
//	open ── Prepare … ── journaling ── commit record durable ── journaled ── Commit … ── open
//	abort                leave all to recovery                  commit, then abort
type phase uint8

const (
	open phase = iota
	journaling
	journaled
)

// fly carries out a commit. If it fails the job does, for the state in memory is ahead
// of what can be recovered; steps that are under way are told by the job's context.
func (j *Job) fly(f *flight) {
	defer func() {
		if p := recover(); p != nil {
			f.err = assertion(nil, p)
		}
		f.ended = time.Now()
		if f.err != nil {
			j.cancel(f.err)
		}
		close(f.done)
	}()
	f.err = j.carry(f)
}

// carry is the commit: outputs durable, then the journal, then visible. The journal's
// commit record is the commit.
func (j *Job) carry(f *flight) error {
	hook := j.config.Hook
	f.stage("prepare")
	hook("before-prepare")
	if err := j.eachSink(func(s *sink) (err error) {
		s.token, err = s.node.Sink.Sink.Prepare(j.detached(), f.epoch)
		hook("prepared")
		return err
	}); err != nil {
		return err
	}
	hook("after-prepare")
	if f.record != nil {
		if err := j.write(f); err != nil {
			return err
		}
	}
	f.phase = journaled
	f.stage("commit")
	hook("before-commit")
	if err := j.eachSink(j.commitSink); err != nil {
		return err
	}
	f.phase = open
	hook("after-commit")
	if f.record != nil && j.out.writer.Full() {
		hook("snapshot")
		if err := j.out.writer.Trim(); err != nil {
			return err
		}
		hook("trimmed")
	}
	return nil
}

// write closes the epoch's run in the journal, and makes it durable.
func (j *Job) write(f *flight) error {
	for _, s := range j.out.sinks {
		token := s.token
		if token == nil && f.all {
			token = s.last
		}
		if token != nil {
			f.record.Tokens = append(f.record.Tokens, journal.Token{Sink: s.number, Token: token})
		}
	}
	f.stage("journal")
	j.config.Hook("before-journal")
	f.phase = journaling
	if err := j.out.writer.Commit(j.detached(), f.record); err != nil {
		if !errors.Is(err, journal.ErrInDoubt) {
			f.phase = open
		}
		return err
	}
	f.phase = journaled
	j.config.Hook("after-journal")
	return nil
}

// eachSink calls fn for all sinks, at once if there are several: each may wait
// for a disk of its own.
func (j *Job) eachSink(fn func(*sink) error) error {
	named := func(s *sink) (err error) {
		defer func() {
			if p := recover(); p != nil {
				err = assertion(s.node, p)
			}
		}()
		if err := fn(s); err != nil {
			return &nodeError{node: s.node.Name, err: err}
		}
		return nil
	}
	if len(j.out.sinks) == 1 {
		return named(j.out.sinks[0])
	}
	errs := make([]error, len(j.out.sinks))
	var wait sync.WaitGroup
	for i, s := range j.out.sinks {
		wait.Go(func() { errs[i] = named(s) })
	}
	wait.Wait()
	return errors.Join(errs...)
}

// commitSink makes visible what the sink prepared. It may be called again.
func (j *Job) commitSink(s *sink) error {
	if s.token == nil {
		return nil
	}
	if err := s.node.Sink.Sink.Commit(j.detached(), s.token); err != nil {
		return err
	}
	s.last, s.token = s.token, nil
	j.config.Hook("committed")
	return nil
}

// land takes back what a flight had, if it is over or wait says to wait for it, and
// returns what it came to.
func (j *Job) land(wait bool) error {
	o := &j.out
	f := o.flight
	if f == nil {
		return nil
	}
	if !wait {
		select {
		case <-f.done:
		default:
			return nil
		}
	}
	<-f.done
	o.flight, o.phase = nil, f.phase
	j.sendTrace(f)
	if f.err != nil {
		return f.err
	}
	o.ended = f.ended
	o.took = (3*o.took + o.ended.Sub(o.cut)) / 4
	if f.record != nil {
		j.committed(f.record)
	}
	j.showCommit(f.epoch, o.took)
	j.measureCommit(f)
	return nil
}

// committed takes over what the journal says of the splits now.
func (j *Job) committed(c *journal.Commit) {
	for _, m := range c.Splits {
		node := j.nodes[j.out.begin.Sources[m.Source].Node]
		j.splits[node][m.Split].position = m.Position
	}
}

// settle ends what a failed or cancelled job has begun, no flight being under way: a
// committed epoch is made visible, everything else dropped. What cannot be decided here
// is left as it is to the next start, which reads the journal.
func (j *Job) settle() error {
	if j.out.phase == journaling || !j.out.recovered {
		return nil
	}
	if j.out.phase == journaled {
		if err := j.eachSink(j.commitSink); err != nil {
			return err
		}
	}
	return j.eachSink(func(s *sink) error { return s.node.Sink.Sink.Abort(j.detached()) })
}
