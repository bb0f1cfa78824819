package engine

import (
	"errors"
	"sync"
	"time"

	"github.com/millrace/millrace/internal/engine/journal"
)

// Points are where Config.Hook is called, in the order of a commit:
//
//	before-prepare │ Prepare of all sinks │ after-prepare
//	before-journal │ the run with its commit record, durable │ after-journal
//	before-commit  │ Commit of all sinks │ after-commit
//	snapshot       │ what a snapshot replaces that is complete now is deleted
//
// A kill up to before-journal loses the epoch as a whole, one at after-journal or
// later nothing of it.
var Points = []string{
	"before-prepare", "after-prepare", "before-journal", "after-journal", "before-commit", "after-commit", "snapshot",
}

// commitShare is how much longer than a commit an epoch lasts under load, so that
// commits take under 5 % of the time.
const commitShare = 20

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

// outputs are the sinks of a job and the state of its commit.
type outputs struct {
	sinks  []*sink
	phase  phase
	epoch  int64
	writer *journal.Writer // nil without a journal
	begin  *journal.Begin
	// recovered: the sinks know this start, and may be written to.
	recovered bool

	ended time.Time     // of the last commit
	took  time.Duration // by the last commits, smoothed
}

// sink is a sink node.
type sink struct {
	node   *Node
	index  int
	number int    // in the begin record
	token  []byte // of the epoch that is being committed
	last   []byte // the last that was not nil
}

// commitDue: at once when the sources are drained, because nothing is gained by
// waiting; else after so long that commits cost little.
func (j *Job) commitDue() bool {
	if !j.dirty || !j.turn.advance {
		return false
	}
	if !j.polled || j.drained() {
		return true
	}
	return time.Since(j.out.ended) >= min(j.config.CommitInterval, commitShare*j.out.took)
}

// commit ends the epoch: outputs durable, then the journal, then visible. The
// journal's commit record is the commit. Once it is begun the rest is not given up
// for a cancelled context, because it takes less time than to recover from it.
func (j *Job) commit(finished bool) error {
	started := time.Now()
	o := &j.out
	o.epoch++
	j.config.Hook("before-prepare")
	if err := j.eachSink(func(s *sink) (err error) {
		s.token, err = s.node.Sink.Sink.Prepare(j.ctx, o.epoch)
		return err
	}); err != nil {
		return err
	}
	j.config.Hook("after-prepare")
	if o.writer != nil {
		if err := j.record(finished); err != nil {
			return err
		}
	}
	o.phase = journaled
	j.config.Hook("before-commit")
	if err := j.eachSink(j.commitSink); err != nil {
		return err
	}
	o.phase = open
	j.config.Hook("after-commit")
	if o.writer != nil && o.writer.Full() {
		j.config.Hook("snapshot")
		if err := o.writer.Trim(); err != nil {
			return err
		}
	}
	j.dirty = false
	o.ended = time.Now()
	o.took = (3*o.took + o.ended.Sub(started)) / 4
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
	return nil
}

// record writes the epoch's run, and makes it durable.
func (j *Job) record(finished bool) error {
	o := &j.out
	begins := j.openRun()
	if err := j.team.do((*worker).recordState); err != nil {
		return err
	}
	j.closeRun()
	c := &journal.Commit{Time: j.turn.now, Finished: finished}
	j.recordSplits(c, begins)
	j.recordNodes(c, begins)
	for _, s := range o.sinks {
		token := s.token
		if token == nil && begins {
			token = s.last
		}
		if token != nil {
			c.Tokens = append(c.Tokens, journal.Token{Sink: s.number, Token: token})
		}
	}
	j.config.Hook("before-journal")
	o.phase = journaling
	if err := o.writer.Commit(j.detached(), c); err != nil {
		if !errors.Is(err, journal.ErrInDoubt) {
			o.phase = open
		}
		return err
	}
	o.phase = journaled
	j.config.Hook("after-journal")
	return nil
}

// recordSplits notes how far the splits were read.
func (j *Job) recordSplits(c *journal.Commit, all bool) {
	for number, src := range j.out.begin.Sources {
		for i, s := range j.splits[j.nodes[src.Node]] {
			if !s.changed && !all {
				continue
			}
			s.changed = false
			if s.reader != nil {
				s.position = s.reader.Position()
			}
			s.journaledIdle = s.idle
			c.Splits = append(c.Splits, journal.SplitMark{
				Source: number, Split: i, Position: s.position, Watermark: s.watermark, Idle: s.idle, Done: s.done,
			})
		}
	}
}

// recordNodes notes watermarks and counters.
func (j *Job) recordNodes(c *journal.Commit, all bool) {
	for node := range j.spec.Graph.Nodes {
		m := j.nodeMark(node)
		if !all && m == j.recorded[node] {
			continue
		}
		j.recorded[node] = m
		c.Nodes = append(c.Nodes, journal.NodeMark{
			Node: j.numbers[node], Input: m.input, Watermark: m.out.watermark, Idle: m.out.idle, Counters: m.counters[:],
		})
	}
}

// settle ends what a failed or cancelled job has begun: a committed epoch is made
// visible, everything else dropped. What cannot be decided here is left as it is
// to the next start, which reads the journal.
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
