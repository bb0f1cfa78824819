package engine

import (
	"time"

	"github.com/millrace/millrace/internal/engine/journal"
)

// Points are where Config.Hook is called. In each step, by the workers:
//
//	before-append │ a writer hands over what it has │ after-append (each)
//
// and for each epoch:
//
//	cut            │ by the workers: state; after a piece of a snapshot snapshot-piece
//	before-prepare │ Prepare of the sinks, after each prepared │ after-prepare
//	before-journal │ the run with its commit record, durable │ after-journal
//	before-commit  │ Commit of the sinks, after each committed │ after-commit
//	snapshot       │ what a snapshot replaces that is complete now is deleted │ trimmed
//
// All from before-prepare on is beside the next epoch's steps. A kill up to
// before-journal loses the epoch as a whole, one at after-journal or later nothing of
// it.
var Points = []string{
	"before-append", "after-append", "cut", "snapshot-piece", "before-prepare", "prepared", "after-prepare",
	"before-journal", "after-journal", "before-commit", "committed", "after-commit", "snapshot", "trimmed",
}

const (
	// commitShare is how much longer than a commit an epoch lasts while a job catches
	// up, so that commits take under 5 % of the time.
	commitShare = 20
	// commitFloor is the least that an epoch lasts then: each commit writes the
	// changed rows of state once, however often they changed.
	commitFloor = 100 * time.Millisecond
)

// outputs are the sinks of a job and the state of its commits. All of it belongs to
// the job's goroutine, but for the sinks' tokens while a flight is under way.
type outputs struct {
	sinks  []*sink
	writer *journal.Writer // nil without a journal
	begin  *journal.Begin
	// recovered: the sinks know this start, and may be written to.
	recovered bool

	epoch  int64   // the last that was cut
	flight *flight // the commit under way, of that epoch; nil: none is
	phase  phase   // what the last flight came to

	cut   time.Time     // of the last epoch
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

// commitDue: at once when the last step took all that there was, because nothing is
// gained by waiting; else after so long that commits cost little. Changes made while
// a commit is under way wait for the next.
func (j *Job) commitDue() bool {
	if !j.dirty || !j.turn.advance || j.out.flight != nil || time.Since(j.out.ended) < j.config.CommitPause {
		return false
	}
	if !j.behind || j.crowded() {
		return true
	}
	longest := min(j.config.CommitInterval, max(commitFloor, commitShare*j.out.took))
	if w := j.out.writer; w != nil && w.Snapshotting() {
		longest = min(longest, snapshotEpoch)
	}
	return time.Since(j.out.cut) >= longest
}

// commits ends a commit that is done and begins the next, if it is due.
func (j *Job) commits() error {
	if err := j.land(false); err != nil || !j.commitDue() {
		return err
	}
	return j.cut(false)
}

// cut ends the epoch and begins its commit. What is recorded is read here, between two
// steps; all waiting is the flight's.
func (j *Job) cut(finished bool) error {
	o := &j.out
	o.epoch++
	lasted := time.Since(o.cut)
	o.cut = time.Now()
	f := &flight{epoch: o.epoch, done: make(chan struct{}), trace: j.takeTrace()}
	f.stage("cut")
	if o.writer != nil {
		f.record = &journal.Commit{Time: j.turn.now, Finished: finished}
		f.all = j.openRun(lasted)
	}
	if j.memory.spill != nil {
		j.weigh()
	}
	if err := j.team.do(func(w *worker) error { return w.seal(f) }); err != nil {
		return err
	}
	if f.record != nil {
		j.closeRun()
		j.recordSplits(f.record, f.all)
		j.recordNodes(f.record, f.all)
	}
	for _, s := range o.sinks {
		s.node.Sink.Sink.Seal()
	}
	j.dirty = false
	o.flight = f
	go j.fly(f)
	return nil
}

// seal hands over what a commit made the writers keep, and records the state.
func (w *worker) seal(f *flight) error {
	w.job.config.Hook("cut")
	if err := w.flush(); err != nil {
		return err
	}
	if f.record == nil {
		w.forget()
		w.evict()
		return nil
	}
	return w.recordState()
}

// recordSplits notes how far the splits were read.
func (j *Job) recordSplits(c *journal.Commit, all bool) {
	for number, src := range j.out.begin.Sources {
		for i, s := range j.splits[j.nodes[src.Node]] {
			if !s.changed && !all {
				continue
			}
			s.changed = false
			position := s.position
			if s.reader != nil {
				position = s.reader.Position()
			}
			s.journaledIdle = s.idle
			c.Splits = append(c.Splits, journal.SplitMark{
				Source: number, Split: i, Position: position, Watermark: s.watermark, Idle: s.idle, Done: s.done,
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
