package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/internal/engine/journal"
	"github.com/millrace/millrace/internal/trace"
	"github.com/millrace/millrace/internal/vec"
)

// Config says how a job runs. The zero value of a field stands for its default.
type Config struct {
	// Workers is how many goroutines share the job (parallelism.default); 1.
	Workers int
	// MaxParallelism is the number of key groups (pipeline.max-parallelism); 128.
	// A job keeps for ever the one that it began with.
	MaxParallelism int
	// StepTarget is how long a step should take under load; 20 ms.
	StepTarget time.Duration
	// StepRows, if above 0, is how many rows a worker reads in a step, whatever
	// time it takes: tests run with 1 and with many.
	StepRows int
	// ExchangeRows is how many rows a worker may have on their way to others
	// before these take them, in the middle of a step if need be; 64 Ki.
	ExchangeRows int
	// CommitInterval is the longest time between two commits while there is more
	// to read (execution.checkpointing.interval); 1 s. When a step has taken all
	// that there was the epoch is committed at once.
	CommitInterval time.Duration
	// CommitPause is the least time between the end of a commit and the next
	// (execution.checkpointing.min-pause); 0.
	CommitPause time.Duration
	// Forgetful jobs (execution.checkpointing.interval = 0) get no journal: nothing is
	// left of them after a failure but what they wrote.
	Forgetful bool
	// SnapshotBytes is the least that the journal grows by before a snapshot of
	// all state begins; 16 MiB.
	SnapshotBytes int64
	// SnapshotPiece, if above 0, is how many bytes of a snapshot a worker writes
	// in an epoch, whatever time it takes: tests run with few and with many.
	SnapshotPiece int
	// State says where state lies; the zero value: in memory, without a limit.
	State StateConfig
	// Batch (execution.runtime-mode = batch) makes the whole input, which must be
	// bounded, one step: watermarks move once, at its end, so that operators emit
	// final results only; and one epoch.
	Batch bool
	// Now is the clock; time.Now.
	Now func() time.Time
	// Location is table.local-time-zone; UTC.
	Location *time.Location
	// Params are the session options that the job was made with; Status shows
	// them.
	Params map[string]string
	// Tracer gets a trace of each epoch; nil: none is noted.
	Tracer *trace.Tracer
	// Hook is called at named points around a commit (see Points), for tests that
	// kill there; by several goroutines at once.
	Hook func(point string)
}

func (c *Config) fill() {
	def(&c.Workers, 1)
	def(&c.MaxParallelism, 128)
	def(&c.StepTarget, 20*time.Millisecond)
	def(&c.ExchangeRows, 64<<10)
	def(&c.CommitInterval, time.Second)
	def(&c.SnapshotBytes, journal.SnapshotBytes)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Location == nil {
		c.Location = time.UTC
	}
	if c.Hook == nil {
		c.Hook = func(string) {}
	}
}

func def[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (c *Config) validate(g *Graph) error {
	for _, n := range g.Nodes {
		if c.Batch && n.Source != nil && !n.Source.Source.Bounded() {
			return fmt.Errorf("%s: execution.runtime-mode = batch needs a source that ends", n.Name)
		}
	}
	switch {
	case c.Workers < 1, c.MaxParallelism < 1, c.StepRows < 0, c.ExchangeRows < 1:
		return fmt.Errorf("job: workers, key groups and rows of a step must be positive")
	case c.Workers > c.MaxParallelism:
		return fmt.Errorf("job: %d workers cannot share %d key groups; lower parallelism.default or raise pipeline.max-parallelism", c.Workers, c.MaxParallelism)
	}
	return nil
}

// JobSpec is a job to run.
type JobSpec struct {
	// ID is unique and stable; the journal is checked against it.
	ID   string
	Name string
	// Graph is used by one job only: sources and sinks belong to it.
	Graph *Graph
	// Journal is nil for a job with nothing to recover, such as a shell's SELECT.
	Journal journal.Log
	// Restore opens what a job begins with whose journal is empty; nil: with nothing.
	Restore func() (*Restore, error)
	Config  Config
}

// Job is a job graph at work. It runs once.
//
// One goroutine, that of Run, decides everything and is worker 0; other workers
// work only during a step. Fields without a guard are that goroutine's, and are
// read by the workers during a step.
type Job struct {
	spec   JobSpec
	config Config
	ctx    context.Context
	cancel context.CancelCauseFunc
	wake   chan struct{} // holds one token while a reader may have rows
	board  board

	layout    *layout
	owner     []int32       // the worker of each key group
	exchanges [][]*exchange // by the producers' level
	barrier   *barrier
	workers   []*worker
	team      *team
	splits    [][]*split // by node, in the order of the journal
	// alignments are the groups of sources that read no further apart.
	alignments []*alignment

	numbers []int                 // by node: its place in the journal's begin record
	nodes   []int                 // the other way round
	marks   [][]journal.SplitMark // by source and split of the begin record; nil for a new job

	tracing   *epochTrace // of the epoch under way; nil: not traced, or not begun
	turn      turn
	pace      pace
	pieceTime time.Duration // for the epoch that is being recorded
	restored  bool          // and no step was made since
	polled    bool          // the last step found rows
	behind    bool          // and left some
	dirty     bool          // something happened since the last commit

	out      outputs
	memory   memory
	base     []counters // of earlier starts, by node
	recorded []nodeMark // by node, in the last commit record

	shown time.Time
	rate  rate

	settled atomic.Bool   // see Settled
	begun   chan struct{} // see Begun
}

// NewJob makes a job; Run runs it.
func NewJob(spec JobSpec) *Job {
	j := &Job{spec: spec, config: spec.Config, wake: make(chan struct{}, 1), begun: make(chan struct{})}
	j.config.fill()
	j.pace = newPace(&j.config)
	b := &j.board.mu.status
	b.ID, b.Name, b.State = spec.ID, spec.Name, Created
	b.Workers, b.Batch, b.Params = j.config.Workers, j.config.Batch, spec.Config.Params
	b.Progress.Watermark = vec.MinTime
	return j
}

// Run runs the job until its bounded input ends (nil), ctx ends (its error), or
// it fails. Whatever happens, nothing of the job is left open when it returns:
// what the journal commits is visible, the rest is dropped, unless the sink or the
// journal could not say; then the next start settles it.
func (j *Job) Run(ctx context.Context) (err error) {
	parent := ctx
	j.ctx, j.cancel = context.WithCancelCause(parent)
	defer j.cancel(nil)
	j.enter(Initializing, nil)
	defer func() {
		if p := recover(); p != nil {
			err = assertion(nil, p)
		}
		if failed := j.land(true); failed != nil {
			err = failed // and what came of it is not the reason
		}
		if cause := j.end(err); cause != nil && err == nil {
			err = cause
		} else if cause != nil {
			j.note("after the failure: " + cause.Error())
		}
		switch {
		case err == nil:
			j.enter(Finished, nil)
		case parent.Err() != nil && errors.Is(err, parent.Err()):
			j.enter(Canceled, nil)
		default:
			j.enter(Failed, err)
		}
	}()
	finished, err := j.start()
	if ctx.Err() == nil {
		close(j.begun)
	}
	if err != nil || finished {
		return err
	}
	j.enter(Running, nil)
	return j.loop()
}

// end settles what is open and closes everything.
func (j *Job) end(failure error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = assertion(nil, p)
		}
	}()
	if j.team != nil {
		j.team.dismiss()
	}
	var errs []error
	var unsettled error
	if failure != nil {
		unsettled = j.settle()
		errs = append(errs, unsettled)
	}
	j.markSettled(failure, unsettled)
	for _, w := range j.workers {
		errs = append(errs, w.close())
	}
	for _, n := range j.spec.Graph.Nodes {
		if n.Sink != nil && n.Sink.Sink != nil {
			errs = append(errs, n.Sink.Sink.Close())
		}
	}
	if j.base != nil {
		j.publish(true)
	}
	errs = append(errs, j.closeMemory())
	return errors.Join(errs...)
}

func (w *worker) close() error {
	var errs []error
	for _, s := range w.splits {
		if s.reader != nil {
			errs = append(errs, s.reader.Close())
		}
	}
	for _, in := range w.nodes {
		if in != nil && in.writer != nil {
			errs = append(errs, in.writer.Close())
		}
		if in == nil {
			continue
		}
		if c, ok := in.op.(io.Closer); ok {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}
