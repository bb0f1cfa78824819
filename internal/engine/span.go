package engine

import (
	"time"

	"github.com/millrace/millrace/internal/trace"
)

// maxStepSpans is how many steps of an epoch are told one by one.
const maxStepSpans = 64

// epochTrace is what is noted of an epoch that is traced:
//
//	epoch  ├──────────────────────────────────────────────────────────┤
//	steps  ├ step ┤ ├ step ┤
//	commit                  ├ cut ┤├ prepare ┤├ journal ┤├ commit ┤
//
// The next epoch's steps are in its own. Nothing is noted where there is no tracer.
type epochTrace struct {
	steps  []trace.Span
	count  int64 // of steps
	rows   int64 // read
	stages []trace.Span
}

// traceStep notes a step that did something.
func (j *Job) traceStep(began time.Time) {
	tr := j.config.Tracer
	if tr == nil || !j.dirty {
		return
	}
	if j.tracing == nil {
		j.tracing = &epochTrace{}
		if !tr.Sampled() {
			j.tracing.count = -1
		}
	}
	e := j.tracing
	if e.count < 0 {
		return
	}
	rows := int64(0)
	for _, w := range j.workers {
		rows += int64(w.read)
	}
	e.count++
	e.rows += rows
	if len(e.steps) < maxStepSpans {
		e.steps = append(e.steps, trace.Span{Name: "step", Start: began, End: time.Now(), Attributes: []trace.Attribute{{Key: "rows", Value: rows}}})
	}
}

// takeTrace is the trace of the epoch that is cut, nil if it is not traced.
func (j *Job) takeTrace() *epochTrace {
	e := j.tracing
	j.tracing = nil
	if e == nil || e.count < 0 {
		return nil
	}
	return e
}

// stage ends the stage of a commit that is under way, and begins the next.
func (f *flight) stage(name string) {
	if f.trace == nil {
		return
	}
	now := time.Now()
	f.endStage(now)
	f.trace.stages = append(f.trace.stages, trace.Span{Name: name, Start: now})
}

func (f *flight) endStage(at time.Time) {
	if n := len(f.trace.stages); n > 0 {
		f.trace.stages[n-1].End = at
	}
}

// sendTrace sends the trace of an epoch whose commit is over.
func (j *Job) sendTrace(f *flight) {
	e := f.trace
	if e == nil || len(e.steps) == 0 {
		return
	}
	f.endStage(f.ended)
	if n := len(e.stages); n > 0 {
		e.stages[n-1].Err = f.err
	}
	written := int64(0)
	if j.out.writer != nil {
		written = j.out.writer.RunBytes()
	}
	j.config.Tracer.Send(trace.Span{
		Name: "epoch", Start: e.steps[0].Start, End: f.ended, Err: f.err,
		Attributes: []trace.Attribute{
			{Key: "job.id", Value: j.spec.ID}, {Key: "job.name", Value: j.spec.Name}, {Key: "epoch", Value: f.epoch},
			{Key: "steps", Value: e.count}, {Key: "rows", Value: e.rows}, {Key: "journal.bytes", Value: written},
		},
		Children: append(e.steps, e.stages...),
	})
}
