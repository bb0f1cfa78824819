package gateway

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/internal/sql/session"
)

// The part of Flink's job REST API that tools use:
// https://nightlies.apache.org/flink/flink-docs-release-2.3/docs/ops/rest_api/
//
//	GET   /overview, /jobs, /jobs/overview, /jobs/J, /jobs/J/status, /jobs/J/config, /jobs/J/exceptions
//	PATCH /jobs/J?mode=cancel                                        202
//	POST  /jobs/J/savepoints {target-directory, cancel-job}          202 {request-id}
//	POST  /jobs/J/stop {targetDirectory, drain}                      202 {request-id}
//	GET   /jobs/J/savepoints/T                                       {status: {id}, operation: {location}}
//	GET, PUT /jobs/J/resource-requirements {VERTEX: {parallelism: {lowerBound, upperBound}}}
//
// and one request of millrace's own, for Flink's is to run a JAR file:
//
//	POST  /jobs {savepointPath, allowNonRestoredState, parallelism}  {jobid}

// Jobs are a node's jobs, with somebody's rights.
type Jobs interface {
	// Jobs are those that may be seen.
	Jobs() []session.Job
	// MayControl says whether a job may be ended or changed, MayUseFiles whether savepoints
	// may be written and read.
	MayControl(j session.Job) error
	MayUseFiles() error
	Restore(ctx context.Context, o session.RestoreOptions) (session.Job, error)
}

// jobRoutes adds the job API; without Jobs there is none.
func (g *Gateway) jobRoutes(handle func(pattern string, code int, fn func(*http.Request) (any, error))) {
	if g.options.Jobs == nil {
		return
	}
	job := func(fn func(*http.Request, session.Controller) (any, error)) func(*http.Request) (any, error) {
		return func(r *http.Request) (any, error) {
			j, err := g.findJob(r)
			if err != nil {
				return nil, err
			}
			return fn(r, j)
		}
	}
	// change is for what needs more than to see the job.
	change := func(files bool, fn func(*http.Request, session.Controller) (any, error)) func(*http.Request) (any, error) {
		return job(func(r *http.Request, j session.Controller) (any, error) {
			jobs := g.options.Jobs(r)
			err := jobs.MayControl(j)
			if err == nil && files {
				err = jobs.MayUseFiles()
			}
			if err != nil {
				return nil, errorf(http.StatusForbidden, "%w", err)
			}
			return fn(r, j)
		})
	}
	handle("GET /overview", 200, g.clusterOverview)
	handle("GET /jobs", 200, g.listJobs)
	handle("GET /jobs/overview", 200, g.jobsOverview)
	handle("POST /jobs", 200, g.restoreJob)
	handle("GET /jobs/{job}", 200, job(g.describeJob))
	handle("PATCH /jobs/{job}", 202, change(false, g.cancelJob))
	handle("GET /jobs/{job}/status", 200, job(jobStatus))
	handle("GET /jobs/{job}/config", 200, job(jobConfig))
	handle("GET /jobs/{job}/exceptions", 200, job(jobExceptions))
	handle("POST /jobs/{job}/savepoints", 202, change(true, g.triggerSavepoint))
	handle("POST /jobs/{job}/stop", 202, change(true, g.triggerStop))
	handle("GET /jobs/{job}/savepoints/{trigger}", 200, job(g.triggered))
	handle("GET /jobs/{job}/resource-requirements", 200, job(jobResources))
	handle("PUT /jobs/{job}/resource-requirements", 200, change(false, rescaleJob))
}

func (g *Gateway) controllers(r *http.Request) (out []session.Controller) {
	for _, j := range g.options.Jobs(r).Jobs() {
		if c, ok := j.(session.Controller); ok {
			out = append(out, c)
		}
	}
	return out
}

func (g *Gateway) findJob(r *http.Request) (session.Controller, error) {
	id := r.PathValue("job")
	for _, j := range g.controllers(r) {
		if j.ID() == id {
			return j, nil
		}
	}
	return nil, errorf(http.StatusNotFound, "Job %s not found", id)
}

func (g *Gateway) cancelJob(r *http.Request, j session.Controller) (any, error) {
	if mode := r.URL.Query().Get("mode"); mode != "" && mode != "cancel" {
		return nil, errorf(http.StatusBadRequest, "the mode '%s' is not known; only cancel is: a job is stopped by POST /jobs/%s/stop", mode, j.ID())
	}
	switch st := j.Status().State; st {
	case "FINISHED", "CANCELED":
		return nil, errorf(http.StatusConflict, "Job cancellation failed because the job has already reached another terminal state (%s).", st)
	}
	return struct{}{}, j.End(r.Context())
}

func (g *Gateway) restoreJob(r *http.Request) (any, error) {
	var req struct {
		Savepoint   string `json:"savepointPath"`
		Allow       bool   `json:"allowNonRestoredState"`
		Parallelism int    `json:"parallelism"`
	}
	if err := decode(r, &req); err != nil {
		return nil, err
	}
	if req.Savepoint == "" {
		return nil, errorf(http.StatusBadRequest, "the request names no savepointPath")
	}
	jobs := g.options.Jobs(r)
	if err := jobs.MayUseFiles(); err != nil {
		return nil, errorf(http.StatusForbidden, "%w", err)
	}
	j, err := jobs.Restore(r.Context(), session.RestoreOptions{Savepoint: req.Savepoint, AllowNonRestored: req.Allow, Parallelism: req.Parallelism})
	if err != nil {
		return nil, errorf(http.StatusBadRequest, "%w", err)
	}
	return map[string]string{"jobid": j.ID()}, nil
}

// bounds is Flink's form of a vertex' parallelism.
type bounds struct {
	Parallelism struct {
		Lower int `json:"lowerBound"`
		Upper int `json:"upperBound"`
	} `json:"parallelism"`
}

func jobResources(_ *http.Request, j session.Controller) (any, error) {
	d := j.Detail()
	out := map[string]bounds{}
	for _, n := range d.Nodes {
		var b bounds
		b.Parallelism.Lower, b.Parallelism.Upper = 1, d.Workers
		out[vertexID(n.ID)] = b
	}
	return out, nil
}

// rescaleJob takes the highest parallelism that is asked for: all operators of a job have
// the same.
func rescaleJob(r *http.Request, j session.Controller) (any, error) {
	var req map[string]bounds
	if err := decode(r, &req); err != nil {
		return nil, err
	}
	n := 0
	for _, b := range req {
		n = max(n, b.Parallelism.Upper)
	}
	if err := j.Rescale(r.Context(), n); err != nil {
		return nil, errorf(http.StatusBadRequest, "%w", err)
	}
	return struct{}{}, nil
}

// triggers are operations that were asked for and take their time. What became of one is
// kept for a while after its end, as Flink does (rest.async.store-duration).
type triggers struct {
	mu struct {
		sync.Mutex
		byID map[string]*trigger
	}
}

type trigger struct {
	job  string
	done chan struct{}
	path string // set when done
	err  error
}

const triggerLife = 5 * time.Minute

// start runs fn, and answers with the id under which its result is found. An id that the
// client chose and that is there already starts nothing: the request was repeated.
func (t *triggers) start(ctx context.Context, job, id string, fn func(context.Context) (string, error)) map[string]string {
	if id == "" {
		id = strings.ReplaceAll(uuid.NewString(), "-", "")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mu.byID == nil {
		t.mu.byID = map[string]*trigger{}
	}
	if t.mu.byID[id] == nil {
		op := &trigger{job: job, done: make(chan struct{})}
		t.mu.byID[id] = op
		go func() {
			op.path, op.err = fn(ctx)
			close(op.done)
			time.AfterFunc(triggerLife, func() { t.forget(id) })
		}()
	}
	return map[string]string{"request-id": id}
}

func (t *triggers) forget(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.mu.byID, id)
}

func (t *triggers) find(job, id string) *trigger {
	t.mu.Lock()
	defer t.mu.Unlock()
	if op := t.mu.byID[id]; op != nil && op.job == job {
		return op
	}
	return nil
}

func (g *Gateway) triggerSavepoint(r *http.Request, j session.Controller) (any, error) {
	var req struct {
		Dir    string `json:"target-directory"`
		Cancel bool   `json:"cancel-job"`
		ID     string `json:"triggerId"`
	}
	if err := decodeOptional(r, &req); err != nil {
		return nil, err
	}
	dir, err := targetDirectory(j, req.Dir)
	if err != nil {
		return nil, err
	}
	do := func(ctx context.Context) (string, error) { return j.Savepoint(ctx, dir) }
	if req.Cancel {
		do = func(ctx context.Context) (string, error) { return j.Stop(ctx, dir) }
	}
	return g.triggers.start(g.ctx, j.ID(), req.ID, do), nil
}

func (g *Gateway) triggerStop(r *http.Request, j session.Controller) (any, error) {
	var req struct {
		Dir   string `json:"targetDirectory"`
		Drain bool   `json:"drain"`
		ID    string `json:"triggerId"`
	}
	if err := decodeOptional(r, &req); err != nil {
		return nil, err
	}
	if req.Drain {
		return nil, errorf(http.StatusBadRequest, "drain is not supported: windows that are open are in the savepoint, and go on when it is restored")
	}
	dir, err := targetDirectory(j, req.Dir)
	if err != nil {
		return nil, err
	}
	return g.triggers.start(g.ctx, j.ID(), req.ID, func(ctx context.Context) (string, error) { return j.Stop(ctx, dir) }), nil
}

func decodeOptional(r *http.Request, into any) error {
	if r.ContentLength == 0 {
		return nil
	}
	return decode(r, into)
}

// targetDirectory is the one that was asked for, or the job's setting.
func targetDirectory(j session.Controller, dir string) (string, error) {
	settings := j.Detail().Settings
	for _, name := range []string{"execution.checkpointing.savepoint-dir", "state.savepoints.dir"} {
		if dir == "" {
			dir = settings[name]
		}
	}
	if dir == "" {
		return "", errorf(http.StatusBadRequest, "Config key [execution.checkpointing.savepoint-dir] is not set. Property [targetDirectory] must be provided.")
	}
	return dir, nil
}

type operationStatus struct {
	Status struct {
		ID string `json:"id"`
	} `json:"status"`
	Operation *operationResult `json:"operation,omitempty"`
}

type operationResult struct {
	Location string        `json:"location,omitempty"`
	Failure  *failureCause `json:"failure-cause,omitempty"`
}

type failureCause struct {
	Class string `json:"class"`
	Trace string `json:"stack-trace"`
}

func (g *Gateway) triggered(r *http.Request, j session.Controller) (any, error) {
	op := g.triggers.find(j.ID(), r.PathValue("trigger"))
	if op == nil {
		return nil, errorf(http.StatusNotFound, "Operation not found under key: %s", r.PathValue("trigger"))
	}
	var out operationStatus
	out.Status.ID = "IN_PROGRESS"
	select {
	case <-op.done:
		out.Status.ID = "COMPLETED"
		out.Operation = &operationResult{Location: op.path}
		if op.err != nil {
			out.Operation = &operationResult{Failure: &failureCause{Class: fmt.Sprintf("%T", op.err), Trace: oneLine(op.err)}}
		}
	default:
	}
	return out, nil
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// vertexID is an operator's ID in Flink's form, 32 hexadecimal digits.
func vertexID(id string) string {
	const digits = 32
	plain := strings.Map(func(c rune) rune {
		if strings.ContainsRune("0123456789abcdef", c) {
			return c
		}
		return -1
	}, id)
	return strings.Repeat("0", max(0, digits-len(plain))) + plain[max(0, len(plain)-digits):]
}

// millis is a time as Flink writes it: epoch milliseconds, -1 for none.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return -1
	}
	return t.UnixMilli()
}
