package engine

import (
	"context"
	"time"

	"github.com/millrace/millrace/internal/engine/operator"
	"github.com/millrace/millrace/internal/vec"
)

// turn is what was decided for a step before it began.
type turn struct {
	now time.Time
	// rows is how many a worker may read.
	rows int
	// read is false in the first step after a restore: operators get their
	// watermarks back before they see a row.
	read bool
	// advance is false in batch mode until the input has ended.
	advance bool
}

// pace sizes steps: so many rows that a step takes the target time. It grows at
// most twofold a step, because a short step says little about a long one.
type pace struct {
	target time.Duration
	rows   int
	fixed  bool
}

const (
	minStepRows = 64
	maxStepRows = 1 << 20
)

func newPace(c *Config) pace {
	p := pace{target: c.StepTarget, rows: vec.BatchRows}
	if c.StepRows > 0 {
		p.rows, p.fixed = c.StepRows, true
	}
	return p
}

// learn takes what a step read on its busiest worker, and how long it took.
func (p *pace) learn(read int, took time.Duration) {
	if p.fixed || read == 0 || took <= 0 || (read < p.rows && took < p.target) {
		return // a step that had less to read says nothing about larger ones
	}
	want := float64(read) * float64(p.target) / float64(took)
	p.rows = min(max(int(want), p.rows/2, minStepRows), p.rows*2, maxStepRows)
}

// loop runs steps until the input has ended.
//
//	wake ─> step ─ step ─ step ─> all read ─> sleep
//	                └ cut, when a commit is due ┘└ and when the one before is done ┘
func (j *Job) loop() error {
	for {
		if err := j.ctx.Err(); err != nil {
			return err
		}
		select {
		case <-j.wake: // what it was for is read now
		default:
		}
		if err := j.step(); err != nil {
			return err
		}
		switch ended := j.ended(); {
		case ended && !j.turn.advance:
			continue // batch: the step that ends it all
		case ended:
			return j.finish()
		}
		if err := j.commits(); err != nil {
			return err
		}
		j.publish(!j.polled)
		if !j.polled && j.turn.read && !j.released() {
			if err := j.rest(); err != nil {
				return err
			}
		}
	}
}

// finish commits the last epoch.
func (j *Job) finish() error {
	if err := j.land(true); err != nil {
		return err
	}
	if err := j.cut(true); err != nil {
		return err
	}
	if err := j.land(true); err != nil {
		return err
	}
	j.publish(true)
	return nil
}

// rest waits until there may be something to compute; commits go on meanwhile.
func (j *Job) rest() error {
	for j.sleep() {
		if err := j.commits(); err != nil {
			return err
		}
	}
	return nil
}

// step runs one step on all workers.
func (j *Job) step() error {
	started := time.Now()
	j.turn = turn{now: j.stepTime(), rows: j.pace.rows, read: !j.restored, advance: !j.config.Batch || j.ended()}
	j.restored = false
	j.align()
	if err := j.team.do((*worker).measured); err != nil {
		return err
	}
	most := 0
	j.polled, j.behind = false, false
	for _, w := range j.workers {
		most = max(most, w.read)
		j.polled = j.polled || w.polled
		j.behind = j.behind || w.behind
		j.dirty = j.dirty || w.polled || w.moved
	}
	j.pace.learn(most, time.Since(started))
	j.traceStep(started)
	return nil
}

// stepTime is the step's now: it never goes back, not across a restart either,
// and stands still in batch mode.
func (j *Job) stepTime() time.Time {
	if j.config.Batch && !j.turn.now.IsZero() {
		return j.turn.now
	}
	now := j.config.Now()
	if now.Before(j.turn.now) {
		return j.turn.now
	}
	return now
}

// ended says that every split has reached its bound.
func (j *Job) ended() bool {
	for _, splits := range j.splits {
		for _, s := range splits {
			if !s.done {
				return false
			}
		}
	}
	return !j.restored
}

// wakeUp is what readers call when they have rows; it never blocks.
func (j *Job) wakeUp() {
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// sleep waits for rows, for the time when a split becomes idle, or for an
// operator's alarm. It is true if a commit may be ended or begun, and nothing else is
// known.
func (j *Job) sleep() (commits bool) {
	var landed <-chan struct{}
	var due, timer <-chan time.Time
	if f := j.out.flight; f != nil {
		landed = f.done
	} else if j.dirty && j.turn.advance {
		t := time.NewTimer(time.Until(j.out.ended.Add(j.config.CommitPause)))
		defer t.Stop()
		due = t.C
	}
	if at, ok := j.alarm(); ok {
		t := time.NewTimer(at.Sub(j.config.Now()))
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-j.wake:
	case <-timer:
	case <-j.ctx.Done():
	case <-landed:
		return true
	case <-due:
		return true
	}
	return false
}

// alarm is the next moment at which time alone changes something.
func (j *Job) alarm() (at time.Time, ok bool) {
	earlier := func(t time.Time) {
		if !ok || t.Before(at) {
			at, ok = t, true
		}
	}
	for node, splits := range j.splits {
		for _, s := range splits {
			if t, due := s.idleAt(j.spec.Graph.Nodes[node].Source.IdleTimeout); due {
				earlier(t)
			}
		}
	}
	for _, w := range j.workers {
		for _, in := range w.alarms {
			if ms, set := in.op.(operator.Alarm).NextAlarm(); set {
				earlier(time.UnixMilli(ms))
			}
		}
	}
	return at, ok
}

// detached is for what must be finished although the job was cancelled.
func (j *Job) detached() context.Context { return context.WithoutCancel(j.ctx) }
