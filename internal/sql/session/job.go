package session

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/engine"
	"github.com/millrace/millrace/internal/sql/bind"
	"github.com/millrace/millrace/internal/sql/catalog"
	"github.com/millrace/millrace/internal/sql/lower"
	"github.com/millrace/millrace/internal/sql/optimize"
	"github.com/millrace/millrace/internal/sql/parser"
	"github.com/millrace/millrace/internal/sql/plan"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// plan plans a query, an INSERT or a statement set against the shared catalog.
func (s *Session) plan(stmt parser.Stmt) (st *plan.Statement, does *accesses, err error) {
	does = &accesses{session: s}
	if err := s.checkWorkers(stmt); err != nil {
		return nil, nil, err
	}
	location, _ := zone(s.value("table.local-time-zone"))
	err = s.withCatalog(func(c *catalog.Catalog) error {
		p := optimize.Planner{Catalog: c, Options: optimize.Options{
			Batch:    s.batch(),
			Location: location,
			Env:      s.env(does),
		}}
		st, err = p.Plan(stmt)
		return at(stmt, err)
	})
	if err != nil {
		return nil, nil, err
	}
	for _, n := range st.Notes {
		s.report(n)
	}
	if s.batch() && !st.Bounded() {
		return nil, nil, &parser.Error{Pos: stmt.Pos(), Msg: "execution.runtime-mode is batch and a source has no end: bound it ('scan.bounded.mode' = 'latest-offset') or run in streaming mode"}
	}
	return st, does, nil
}

// env is what connectors get of the session, for a statement that asks for rights.
func (s *Session) env(does *accesses) connector.Env {
	location, _ := zone(s.value("table.local-time-zone"))
	return connector.Env{
		Now: s.options.Now, Location: location, Params: s.settings, May: does.env(), Delivery: s.delivery(), Forgetful: s.forgetful(),
	}
}

func (s *Session) batch() bool { return s.value("execution.runtime-mode") == "batch" }

func (s *Session) report(line string) {
	if s.options.Report != nil {
		s.options.Report(line)
	}
}

var nullRowTimes = map[string]engine.NullRowTime{"FAIL": engine.Fail, "DROP": engine.Drop, "SKIP_WATERMARK": engine.SkipWatermark}

func (s *Session) lower(st *plan.Statement, does *accesses, collect connector.Sink) (*engine.Graph, error) {
	location, _ := zone(s.value("table.local-time-zone"))
	return lower.Graph(st, lower.Env{
		Location:    location,
		NullRowTime: nullRowTimes[s.value("table.exec.source.rowtime-null-handling")],
		IdleTimeout: s.duration("table.exec.source.idle-timeout"),
		DropNulls:   s.value("table.exec.sink.not-null-enforcer") == "DROP",
		StateTTL:    s.stateTTL(),
		Collect:     collect,
		Late:        s.late(st, does),
	})
}

// query runs a SELECT: a job that lives as long as its result is read.
func (s *Session) query(ctx context.Context, stmt *parser.QueryStmt) (*Result, error) {
	st, does, err := s.plan(stmt)
	if err != nil {
		return nil, err
	}
	c := newCollector()
	g, err := s.lower(st, does, c)
	if err != nil {
		return nil, at(stmt, err)
	}
	job := s.host.RunLocal(ctx, engine.JobSpec{Name: "query", Graph: g, Config: s.jobConfig()}, does.recheck())
	return c.result(st.Columns(), !s.batch(), job), nil
}

// insert submits an INSERT or a statement set.
func (s *Session) insert(ctx context.Context, stmt parser.Stmt) (*Result, error) {
	sub, err := s.submission(stmt)
	if err != nil {
		return nil, err
	}
	if sub.Savepoint != "" {
		if err := s.MayUseFiles(); err != nil {
			return nil, at(stmt, err)
		}
	}
	job, err := s.host.Submit(ctx, sub)
	if err != nil {
		return nil, err
	}
	return s.Follow(job), nil
}

func (s *Session) submission(stmt parser.Stmt) (Submission, error) {
	st, does, err := s.plan(stmt)
	if err != nil {
		return Submission{}, err
	}
	g, err := s.lower(st, does, nil)
	if err != nil {
		return Submission{}, at(stmt, err)
	}
	var user User
	if s.options.Rights != nil {
		user = s.options.Rights.User()
	}
	return Submission{
		User: user, Allowed: does.recheck(),
		Name: s.jobName(st), Text: parser.Padded(stmt), Database: s.database, Settings: s.Settings(), Dir: s.options.Dir,
		Graph: g, Config: s.jobConfig(),
		Savepoint:        s.either("execution.state-recovery.path", "execution.savepoint.path"),
		AllowNonRestored: s.either("execution.state-recovery.ignore-unclaimed-state", "execution.savepoint.ignore-unclaimed-state") == "true",
		Waited:           s.value("table.dml-sync") == "true",
	}, nil
}

// jobName is pipeline.name, or the names of the tables that the job writes.
func (s *Session) jobName(st *plan.Statement) string {
	if name := s.settings["pipeline.name"]; name != "" {
		return name
	}
	var tables []string
	for _, k := range st.Sinks() {
		if name := k.Table.Path.Name(); !slices.Contains(tables, name) {
			tables = append(tables, name)
		}
	}
	return "insert-into " + strings.Join(tables, ", ")
}

// Follow is the result of a statement that started a job: it ends at once, or, with
// table.dml-sync, when the job does.
func (s *Session) Follow(job Job) *Result {
	r := &Result{job: job}
	if s.value("table.dml-sync") == "true" {
		r.next = func(ctx context.Context) (*vec.Batch, error) {
			if err := job.Wait(ctx); err != nil {
				return nil, err
			}
			return nil, io.EOF
		}
	}
	return r
}

func (s *Session) explain(stmt *parser.Explain) (*Result, error) {
	st, _, err := s.plan(stmt.Stmt)
	if err != nil {
		return nil, err
	}
	text := st.Explain(slices.Contains(stmt.Details, "CHANGELOG_MODE"))
	if err := st.Close(); err != nil {
		return nil, err
	}
	return names("result", []string{text}), nil
}

// Replan makes the job of a submission again, with the tables as DDL made them, for
// somebody with these rights; nil: all.
func Replan(connectors []*connector.Factory, ddl []DDL, sub Submission, rights Rights) (Submission, error) {
	shared, err := rebuilt(connectors, ddl)
	if err != nil {
		return sub, err
	}
	return Plan(planOnly{shared}, sub, rights)
}

// Plan makes the job of a submission again, with the tables that a node has now and with
// somebody's rights.
func Plan(h Host, sub Submission, rights Rights) (Submission, error) {
	s := New(h, Options{Dir: sub.Dir, Settings: sub.Settings, Now: time.Now, Rights: rights})
	s.database = sub.Database
	stmt, err := parser.ParseStatement(sub.Text)
	if err != nil {
		return sub, err
	}
	return s.submission(stmt)
}

// Check plans a whole script without running any of it: what is wrong in its last
// line is said before its first one has an effect.
func Check(connectors []*connector.Factory, ddl []DDL, o Options, stmts []parser.Stmt) error {
	shared, err := rebuilt(connectors, ddl)
	if err != nil {
		return err
	}
	o.Report = nil
	s := New(planOnly{shared}, o)
	for _, stmt := range stmts {
		if err := s.check(stmt); err != nil {
			return err
		}
	}
	return nil
}

func (s *Session) check(stmt parser.Stmt) error {
	switch stmt := stmt.(type) {
	case *parser.QueryStmt:
		st, does, err := s.plan(stmt)
		if err != nil {
			return err
		}
		_, err = s.lower(st, does, newCollector())
		return at(stmt, err)
	case *parser.Execute:
		return s.check(stmt.Stmt)
	case *parser.Insert, *parser.StatementSet:
		_, err := s.submission(stmt)
		return err
	}
	_, err := s.Run(context.Background(), stmt)
	return err
}

// planOnly is a host on which nothing runs.
type planOnly struct{ shared *Shared }

func (p planOnly) Catalog() *Shared { return p.shared }
func (p planOnly) Jobs() []Job      { return nil }

func (p planOnly) Submit(context.Context, Submission) (Job, error) {
	return nil, fmt.Errorf("internal error: a job on a host that only plans")
}

func (p planOnly) RunLocal(context.Context, engine.JobSpec, func() error) Job { return nil }

// describeResult is DESCRIBE's answer; Flink's columns.
func describeResult(rows []catalog.DescribeRow) *Result {
	columns := stringColumns("name", "type", "null", "key", "extras", "watermark")
	comments := slices.ContainsFunc(rows, func(r catalog.DescribeRow) bool { return r.Comment != "" })
	if comments {
		columns = append(columns, types.Field{Name: "comment", Type: types.TString})
	}
	out := make([][]any, len(rows))
	for i, r := range rows {
		out[i] = []any{r.Name, r.Type, r.Null == "TRUE", orNull(r.Key), orNull(r.Extras), orNull(r.Watermark)}
		if comments {
			out[i] = append(out[i], orNull(r.Comment))
		}
	}
	columns[2].Type = types.TBool
	return rowsResult(columns, out)
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// ParseType reads a type as SQL writes it.
func ParseType(text string) (types.Type, error) {
	stmt, err := parser.ParseStatement("CREATE TABLE t (c " + text + ")")
	if err != nil {
		return types.Type{}, err
	}
	columns := stmt.(*parser.CreateTable).Schema.Columns
	if len(columns) != 1 {
		return types.Type{}, fmt.Errorf("'%s' is not a type", text)
	}
	return bind.Type(columns[0].Type)
}
