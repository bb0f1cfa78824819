package session

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/millrace/millrace/internal/engine"
	"github.com/millrace/millrace/internal/sql/parser"
	"github.com/millrace/millrace/internal/types"
)

// Controller is a job that can be told more than to end: those that a node remembers.
type Controller interface {
	Job
	// Detail is all that is known of the job.
	Detail() JobDetail
	// Savepoint writes a savepoint below dir, while the job goes on, and returns its
	// path.
	Savepoint(ctx context.Context, dir string) (path string, err error)
	// Stop ends the job at the end of an epoch with a savepoint below dir. If that fails
	// the job goes on.
	Stop(ctx context.Context, dir string) (path string, err error)
	// Rescale lets the job go on with so many workers, from now on and after restarts.
	Rescale(ctx context.Context, parallelism int) error
	// End cancels the job, whatever its state, and waits until nothing of it is open.
	End(ctx context.Context) error
}

// JobDetail is a job as its node knows it.
type JobDetail struct {
	engine.Status
	// Text is the job's SQL.
	Text     string
	Settings map[string]string
	// Submitted is when the job was, by whom ever it is run now; Changed is when its state
	// last changed.
	Submitted, Changed time.Time
	// Failures are the last ones, the oldest first.
	Failures []JobFailure
	Restarts int
	// NextStart is when a job that is RESTARTING starts again.
	NextStart time.Time
	Strategy  string
	// Savepoint is the last that was made of the job; RestoredFrom the one that it began
	// with.
	Savepoint, RestoredFrom string
}

// JobFailure is a failure of a job.
type JobFailure struct {
	Time time.Time `json:"time"`
	// Error is the whole, in one line. Operator and Row are where it happened, if known.
	Error    string `json:"error"`
	Operator string `json:"operator,omitempty"`
	Row      string `json:"row,omitempty"`
	// Epoch is the last good one.
	Epoch int64 `json:"epoch"`
}

// RestoreOptions say how a job is restored from a savepoint.
type RestoreOptions struct {
	// Savepoint is its directory.
	Savepoint string
	// AllowNonRestored lets state go that the job does not take.
	AllowNonRestored bool
	// Parallelism, if above 0, is another number of workers.
	Parallelism int
}

// Submit plans the statement of a submission, and submits it, with the rights of the session
// and nothing else of it.
func (s *Session) Submit(ctx context.Context, sub Submission) (Job, error) {
	s = New(s.host, Options{Dir: sub.Dir, Settings: sub.Settings, Rights: s.options.Rights})
	s.database = sub.Database
	stmt, err := parser.ParseStatement(sub.Text)
	if err != nil {
		return nil, err
	}
	r, err := s.insert(ctx, stmt)
	if err != nil {
		return nil, err
	}
	return r.job, nil
}

// strategyNames are the names that Flink takes for its restart strategies.
var strategyNames = map[string]string{
	"none": "none", "off": "none", "disable": "none",
	"fixed-delay": "fixed-delay", "fixeddelay": "fixed-delay",
	"failure-rate": "failure-rate", "failurerate": "failure-rate",
	"exponential-delay": "exponential-delay", "exponentialdelay": "exponential-delay",
}

// RestartStrategy is the strategy that a name stands for, empty if none.
func RestartStrategy(name string) string { return strategyNames[strings.ToLower(name)] }

func checkStrategy(v string) error {
	if RestartStrategy(v) == "" {
		return fmt.Errorf("'%s' is no restart strategy: none, fixed-delay, failure-rate or exponential-delay", v)
	}
	return nil
}

// Default is the default of a setting.
func Default(name string) string {
	if s := findSetting(name); s != nil {
		return s.def
	}
	return ""
}

func checkAttempts(v string) error {
	if v == "infinite" {
		return nil
	}
	if n, err := strconv.Atoi(v); err != nil || n < 1 {
		return fmt.Errorf("'%s' is not a number of 1 or more, nor infinite", v)
	}
	return nil
}

func checkCount(least int) func(string) error {
	return func(v string) error {
		if n, err := strconv.Atoi(v); err != nil || n < least {
			return fmt.Errorf("'%s' is not a number of %d or more", v, least)
		}
		return nil
	}
}

func checkFloat(ok func(float64) bool, what string) func(string) error {
	return func(v string) error {
		if f, err := strconv.ParseFloat(v, 64); err != nil || !ok(f) {
			return fmt.Errorf("'%s' is not %s", v, what)
		}
		return nil
	}
}

// restartSettings are those of the restart strategies, as Flink 2.3 has them.
var restartSettings = []setting{
	{"restart-strategy.type", "", "What becomes of a job that fails: none, fixed-delay, failure-rate or exponential-delay. If not set: exponential-delay on a node that serves, as in Flink with checkpoints; none where somebody waits for the job (millrace run, table.dml-sync).", checkStrategy, true},
	{"restart-strategy", "", "The older name of restart-strategy.type.", checkStrategy, true},
	{"restart-strategy.fixed-delay.attempts", "1", "How often a job is started again.", checkCount(0), true},
	{"restart-strategy.fixed-delay.delay", "1 s", "How long after a failure.", checkDuration, true},
	{"restart-strategy.failure-rate.max-failures-per-interval", "1", "More failures than that in an interval fail the job.", checkCount(1), true},
	{"restart-strategy.failure-rate.failure-rate-interval", "1 min", "The interval.", checkDuration, true},
	{"restart-strategy.failure-rate.delay", "1 s", "How long after a failure the job starts again.", checkDuration, true},
	{"restart-strategy.exponential-delay.initial-backoff", "1 s", "The delay after the first failure.", checkDuration, true},
	{"restart-strategy.exponential-delay.max-backoff", "1 min", "The longest delay.", checkDuration, true},
	{"restart-strategy.exponential-delay.backoff-multiplier", "1.5", "How many times longer each delay is than the one before.", checkFloat(func(f float64) bool { return f > 1 }, "a number above 1"), true},
	{"restart-strategy.exponential-delay.reset-backoff-threshold", "1 h", "A job that ran for so long begins with the initial delay again.", checkDuration, true},
	{"restart-strategy.exponential-delay.jitter-factor", "0.1", "The part of a delay by which chance changes it.", checkFloat(func(f float64) bool { return f >= 0 && f <= 1 }, "a number from 0 to 1"), true},
	{"restart-strategy.exponential-delay.attempts-before-reset-backoff", "infinite", "How often a job is started again before the delay is reset.", checkAttempts, true},
}

// savepointSettings are those of savepoints; Flink 2 has renamed them, and takes both names.
var savepointSettings = []setting{
	{"execution.state-recovery.path", "", "The savepoint that the jobs that follow begin with, until RESET.", nil, true},
	{"execution.savepoint.path", "", "The older name of execution.state-recovery.path.", nil, true},
	{"execution.state-recovery.ignore-unclaimed-state", "false", "Whether state of a savepoint may be lost that no operator takes.", checkBool, true},
	{"execution.savepoint.ignore-unclaimed-state", "false", "The older name of execution.state-recovery.ignore-unclaimed-state.", checkBool, true},
	{"execution.state-recovery.claim-mode", "NO_CLAIM", "A savepoint is read and left as it is.", checkEnum("NO_CLAIM"), true},
	{"execution.checkpointing.savepoint-dir", "", "Where savepoints are made if nobody says where.", nil, true},
	{"state.savepoints.dir", "", "The older name of execution.checkpointing.savepoint-dir.", nil, true},
}

// either is the value of a setting that has two names, the newer first.
func (s *Session) either(name, old string) string {
	if v, ok := s.settings[name]; ok {
		return v
	}
	return s.value(old)
}

// Jobs are those of the node that the session's user may see.
func (s *Session) Jobs() []Job { return s.visibleJobs() }

// MayControl says whether the user may end a job that may be seen, or change how it runs.
func (s *Session) MayControl(j Job) error {
	if s.options.Rights == nil || s.owns(j) {
		return nil
	}
	return s.may(Alter, Cluster, "")
}

// MayUseFiles says whether the user may have savepoints read and written: files are reached
// with the node's own rights.
func (s *Session) MayUseFiles() error { return s.may(Alter, Cluster, "") }

// job finds a job of the node.
func (s *Session) job(at parser.Node, id string) (Controller, error) {
	for _, j := range s.visibleJobs() {
		if c, ok := j.(Controller); ok && j.ID() == id {
			return c, nil
		}
	}
	return nil, &parser.Error{Pos: at.Pos(), Msg: fmt.Sprintf("there is no job '%s'; SHOW JOBS lists them", id)}
}

func (s *Session) stopJob(ctx context.Context, stmt *parser.StopJob) (*Result, error) {
	if stmt.Drain {
		return nil, unsupported(stmt, "STOP JOB WITH DRAIN")
	}
	j, err := s.job(stmt, stmt.JobID)
	if err != nil {
		return nil, err
	}
	if err := s.MayControl(j); err != nil {
		return nil, at(stmt, err)
	}
	if !stmt.Savepoint {
		return &Result{}, at(stmt, j.End(ctx))
	}
	dir := s.either("execution.checkpointing.savepoint-dir", "state.savepoints.dir")
	if dir == "" {
		return nil, &parser.Error{Pos: stmt.Pos(), Msg: "no directory for savepoints: SET 'execution.checkpointing.savepoint-dir' = '…' first"}
	}
	if err := s.MayUseFiles(); err != nil {
		return nil, at(stmt, err)
	}
	path, err := j.Stop(ctx, dir)
	if err != nil {
		return nil, at(stmt, err)
	}
	return names("savepoint path", []string{path}), nil
}

// jobColumns are those of Flink's SHOW JOBS and DESCRIBE JOB.
func jobColumns() []types.Field { return stringColumns("job id", "job name", "status", "start time") }

func jobRow(j Job) []any {
	st := j.Status()
	started := ""
	if !st.Started.IsZero() {
		started = st.Started.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	return []any{j.ID(), st.Name, string(st.State), started}
}

// describeJob is DESCRIBE JOB: Flink's row, and behind it, as one text, what each operator
// has done and waits for, and why nothing comes out.
func (s *Session) describeJob(stmt *parser.Describe) (*Result, error) {
	j, err := s.job(stmt, stmt.JobID)
	if err != nil {
		return nil, err
	}
	st := j.Status()
	columns := append(jobColumns(), stringColumns("details")...)
	return rowsResult(columns, [][]any{append(jobRow(j), st.Describe(s.options.Now()))}), nil
}

func (s *Session) showJobs() *Result {
	var rows [][]any
	for _, j := range s.visibleJobs() {
		rows = append(rows, jobRow(j))
	}
	return rowsResult(jobColumns(), rows)
}
