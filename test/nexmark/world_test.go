package nexmark

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/millrace/millrace/bench/nexmark"
	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/connector/filesystem"
	source "github.com/millrace/millrace/internal/connector/nexmark"
	"github.com/millrace/millrace/internal/engine"
	_ "github.com/millrace/millrace/internal/format/csv" // of q13's file
	"github.com/millrace/millrace/internal/sql/catalog"
	"github.com/millrace/millrace/internal/sql/parser"
	"github.com/millrace/millrace/internal/sql/session"
	"github.com/millrace/millrace/internal/vfs"
	"github.com/millrace/millrace/internal/wire"
)

// world is a query, and all of it that survives a crash.
type world struct {
	query   nexmark.Query
	script  []parser.Stmt
	journal *memLog
	ledger  *nexmark.Ledger
}

// newWorld makes a query over so many events. rows: the result's rows are kept.
func newWorld(q nexmark.Query, events int64, splits int, side string, rows bool) (*world, error) {
	prologue := nexmark.Prologue("generator", map[string]string{"EVENTS": fmt.Sprint(events), "SPLITS": fmt.Sprint(splits)})
	stmts, err := parser.ParseScript(prologue + q.Script("'connector' = '"+nexmark.Sink+"'", side))
	return &world{query: q, script: stmts, journal: &memLog{}, ledger: nexmark.NewLedger(rows)}, err
}

// clone is one moment: while the journal is held nothing can be committed that is not
// in its copy.
func (w *world) clone() *world {
	w.journal.mu.Lock()
	defer w.journal.mu.Unlock()
	c := *w
	c.journal, c.ledger = w.journal.cloneLocked(), w.ledger.Clone()
	return &c
}

// host plans: what is submitted to it is run by the test.
type host struct {
	shared *session.Shared
	job    session.Submission
}

func (h *host) Catalog() *session.Shared { return h.shared }
func (h *host) Jobs() []session.Job      { return nil }

func (h *host) Submit(_ context.Context, s session.Submission) (session.Job, error) {
	h.job = s
	return submitted{}, nil
}

func (h *host) RunLocal(context.Context, engine.JobSpec, func() error) session.Job {
	return submitted{}
}

type submitted struct{}

func (submitted) ID() string                 { return "" }
func (submitted) Owner() session.User        { return session.User{} }
func (submitted) Status() engine.Status      { return engine.Status{} }
func (submitted) Wait(context.Context) error { return nil }
func (submitted) Cancel()                    {}

// plan makes the job's graph anew: a graph is used once.
func (w *world) plan(batch bool) (*engine.Graph, error) {
	h := &host{shared: &session.Shared{Catalog: catalog.New([]*connector.Factory{
		source.Factory(), filesystem.Factory(vfs.OS), nexmark.Factory(w.query, func() *nexmark.Ledger { return w.ledger }),
	}), Record: func(session.DDL) error { return nil }}}
	settings := map[string]string{}
	if batch {
		settings["execution.runtime-mode"] = "batch"
	}
	s := session.New(h, session.Options{Settings: settings})
	for _, stmt := range w.script {
		if _, err := s.Run(context.Background(), stmt); err != nil {
			return nil, err
		}
	}
	return h.job.Graph, nil
}

// variation is a way to run a job, which must change nothing.
type variation struct {
	workers  int
	stepRows int // 0: as the engine does by itself
	batch    bool
	// kill is a point of a commit at which the job is killed, the n-th time that it is
	// passed, and then restored with other workers.
	kill string
	nth  int
}

func (v variation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d workers", v.workers)
	if v.stepRows > 0 {
		fmt.Fprintf(&b, ", %d rows a step", v.stepRows)
	}
	if v.batch {
		b.WriteString(", batch")
	}
	if v.kill != "" {
		fmt.Fprintf(&b, ", killed at %s %d", v.kill, v.nth)
	}
	return b.String()
}

var errKilled = errors.New("killed")

// run runs the query, and over again from what was left if it is killed.
func (w *world) run(v variation) (*world, error) {
	config := engine.Config{Workers: v.workers, StepRows: v.stepRows, Batch: v.batch}
	if v.kill == "" {
		return w, w.start(context.Background(), config)
	}
	config.CommitInterval, config.SnapshotBytes = 1, 1<<20
	for range 2 {
		crashed, err := w.crash(config, v.kill, v.nth)
		if err != nil {
			return nil, err
		}
		if crashed == nil {
			return w, nil
		}
		w = crashed
		config.Workers = config.Workers%3 + 1
	}
	config.CommitInterval = time.Second
	return w, w.start(context.Background(), config)
}

// crash runs until the point is passed the n-th time and gives what would be left if
// the process died there; nil if the job ended before.
func (w *world) crash(c engine.Config, point string, n int) (crashed *world, err error) {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	var mu sync.Mutex
	c.Hook = func(p string) {
		mu.Lock()
		defer mu.Unlock()
		if p == point && crashed == nil {
			if n--; n == 0 {
				crashed = w.clone()
				cancel(errKilled)
			}
		}
	}
	err = w.start(ctx, c)
	if crashed != nil {
		return crashed, nil
	}
	return nil, err
}

func (w *world) start(ctx context.Context, c engine.Config) error {
	g, err := w.plan(c.Batch)
	if err != nil {
		return err
	}
	return engine.NewJob(engine.JobSpec{ID: "job", Name: w.query.Name, Graph: g, Journal: w.journal, Config: c}).Run(ctx)
}

// memLog is a journal's partition as a value.
type memLog struct {
	mu         sync.Mutex
	batches    []wire.Batch
	start, end int64
}

func (l *memLog) cloneLocked() *memLog {
	return &memLog{batches: slices.Clone(l.batches), start: l.start, end: l.end}
}

func (l *memLog) Append(batches []byte) (int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(batches) > 0 {
		b, rest, err := wire.ParseBatch(batches)
		if err != nil {
			return 0, err
		}
		b = slices.Clone(b)
		b.SetBaseOffset(l.end)
		l.batches, l.end, batches = append(l.batches, b), b.NextOffset(), rest
	}
	return l.end - 1, nil
}

func (l *memLog) WaitDurable(context.Context, int64) error { return nil }

func (l *memLog) Read(from int64, limit int, buf []byte) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	buf = buf[:0]
	first, _ := slices.BinarySearchFunc(l.batches, from, func(b wire.Batch, from int64) int {
		if b.LastOffset() < from {
			return -1
		}
		return 1
	})
	for _, b := range l.batches[first:] {
		if len(buf) > 0 && len(buf)+len(b) > limit {
			break
		}
		buf = append(buf, b...)
	}
	return buf, nil
}

func (l *memLog) Start() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.start
}

func (l *memLog) End() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.end
}

func (l *memLog) DeleteBefore(offset int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.start = max(l.start, offset)
	l.batches = slices.DeleteFunc(l.batches, func(b wire.Batch) bool { return b.LastOffset() < offset })
	return nil
}
