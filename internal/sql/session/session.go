// Package session runs SQL statements for one user: it keeps the settings and the
// current database, plans what it is given, and asks the node that it runs in to
// remember DDL and to run jobs.
package session

import (
	"context"
	"fmt"
	"io"
	"maps"
	"sync"
	"time"

	"github.com/millrace/millrace/internal/engine"
	"github.com/millrace/millrace/internal/sql/catalog"
	"github.com/millrace/millrace/internal/sql/parser"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// Host is the node as a session sees it.
type Host interface {
	// Catalog is what all sessions of the node share.
	Catalog() *Shared
	// Submit makes a job durable and runs it; it goes on after the session, and
	// after a restart of the node.
	Submit(ctx context.Context, j Submission) (Job, error)
	// RunLocal runs a query's job, which nothing remembers. allowed is as in Submission.
	RunLocal(ctx context.Context, spec engine.JobSpec, allowed func() error) Job
	// Jobs are those that the node knows, the newest last.
	Jobs() []Job
}

// Submission is an INSERT or a statement set: all that is needed to plan it again
// after a restart.
type Submission struct {
	Name string
	// Text is the statement, behind as much space as there was text before it, so that its
	// places mean the same when it is planned again. Database and Settings are what it was
	// planned with.
	Text     string
	Database [2]string
	Settings map[string]string
	// Dir is where relative paths of its tables start from.
	Dir   string
	Graph *engine.Graph
	// Config is made from the settings.
	Config engine.Config
	// Savepoint is the directory of the savepoint that the job begins with, or empty;
	// AllowNonRestored lets state of it go that the job does not take.
	Savepoint        string
	AllowNonRestored bool
	// Waited says that somebody waits for the job's end (table.dml-sync).
	Waited bool
	// User is who submitted it, and Allowed says whether that user may still do all that
	// the job does; nil where nobody asks.
	User    User
	Allowed func() error
}

// Job is a job of the node.
type Job interface {
	ID() string
	Status() engine.Status
	// Wait waits for the job's end and returns why it failed, nil if it finished.
	Wait(ctx context.Context) error
	// Cancel asks the job to end without finishing.
	Cancel()
	// Owner is who submitted it.
	Owner() User
}

// Shared is the catalog of a node, with the lock under which statements are planned
// and DDL is carried out.
type Shared struct {
	sync.Mutex
	*catalog.Catalog
	// Record makes DDL durable, so that the catalog can be made again; it is
	// called with the lock held, after the catalog took the change.
	Record func(DDL) error
}

// DDL is a statement that changed the catalog.
type DDL struct {
	Database [2]string
	Text     string
	// Dir is where relative paths in it start from.
	Dir string
}

// Options are what a session begins with.
type Options struct {
	// Dir is where relative paths in tables start from.
	Dir string
	// Settings are those of SET.
	Settings map[string]string
	// AcceptIdentical lets CREATE pass where the very same object is there: a
	// script that runs again.
	AcceptIdentical bool
	// Report is told what a person should know and no error says; nil: nobody.
	Report func(string)
	Now    func() time.Time
	// Rights are what the session's user may do; nil: everything.
	Rights Rights
}

// Session runs statements one after the other; it is used by one goroutine at a
// time.
type Session struct {
	host     Host
	options  Options
	settings map[string]string
	database [2]string
	set      []*parser.Insert // of BEGIN STATEMENT SET; nil outside of one
	inSet    bool
	told     map[string]bool // settings without effect that were reported
}

// New makes a session.
func New(h Host, o Options) *Session {
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Session{host: h, options: o, settings: map[string]string{}, told: map[string]bool{}, database: [2]string{catalog.DefaultCatalog, catalog.DefaultDatabase}}
	maps.Copy(s.settings, o.Settings)
	return s
}

// Result is what a statement gives. A result without columns says only that the
// statement was carried out.
type Result struct {
	columns   []types.Field
	streaming bool
	job       Job
	next      func(context.Context) (*vec.Batch, error)
	close     func()
}

// Columns is nil where there is nothing to show.
func (r *Result) Columns() []types.Field { return r.columns }

// Streaming says that the rows are a changelog.
func (r *Result) Streaming() bool { return r.streaming }

// JobID is the job that the statement started, or empty.
func (r *Result) JobID() string {
	if r.job == nil {
		return ""
	}
	return r.job.ID()
}

// Next waits for the next rows; io.EOF after the last. The batch is valid until the
// next call.
func (r *Result) Next(ctx context.Context) (*vec.Batch, error) {
	if r.next == nil {
		return nil, io.EOF
	}
	return r.next(ctx)
}

// Close ends a query that is still running.
func (r *Result) Close() error {
	if r.close != nil {
		r.close()
	}
	return nil
}

// rowsResult is a result that is there already: SHOW, DESCRIBE, EXPLAIN.
func rowsResult(columns []types.Field, rows [][]any) *Result {
	done := false
	return &Result{columns: columns, next: func(context.Context) (*vec.Batch, error) {
		if done || len(rows) == 0 {
			return nil, io.EOF
		}
		done = true
		b := &vec.Batch{N: len(rows)}
		for c, f := range columns {
			v := vec.NewBuilder(f.Type, len(rows))
			for _, row := range rows {
				v.AppendAny(row[c])
			}
			b.Cols = append(b.Cols, v.Finish())
		}
		return b, nil
	}}
}

func stringColumns(names ...string) []types.Field {
	out := make([]types.Field, len(names))
	for i, n := range names {
		out[i] = types.Field{Name: n, Type: types.TString}
	}
	return out
}

func names(column string, values []string) *Result {
	rows := make([][]any, len(values))
	for i, v := range values {
		rows[i] = []any{v}
	}
	return rowsResult(stringColumns(column), rows)
}

// Execute parses and runs one statement.
func (s *Session) Execute(ctx context.Context, text string) (*Result, error) {
	stmt, err := parser.ParseStatement(text)
	if err != nil {
		return nil, err
	}
	return s.Run(ctx, stmt)
}

func unsupported(at parser.Node, what string) error {
	return &parser.Error{Pos: at.Pos(), Msg: fmt.Sprintf("%s is not supported", what)}
}
