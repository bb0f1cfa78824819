package gateway

import (
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/millrace/millrace/internal/sql/session"
)

// JobDetails is a job as GET /jobs/J gives it: Flink's fields, and under "millrace" what
// Flink has no field for.
type JobDetails struct {
	ID             string           `json:"jid"`
	Name           string           `json:"name"`
	Stoppable      bool             `json:"isStoppable"`
	State          string           `json:"state"`
	Type           string           `json:"job-type"`
	Start          int64            `json:"start-time"`
	End            int64            `json:"end-time"`
	Duration       int64            `json:"duration"`
	MaxParallelism int              `json:"maxParallelism"`
	Now            int64            `json:"now"`
	Timestamps     map[string]int64 `json:"timestamps"`
	Vertices       []Vertex         `json:"vertices"`
	StatusCounts   map[string]int   `json:"status-counts"`
	Plan           Plan             `json:"plan"`
	Millrace       JobMore          `json:"millrace"`
}

// Vertex is an operator.
type Vertex struct {
	ID             string         `json:"id"`
	Name           string         `json:"name"`
	MaxParallelism int            `json:"maxParallelism"`
	Parallelism    int            `json:"parallelism"`
	Status         string         `json:"status"`
	Start          int64          `json:"start-time"`
	End            int64          `json:"end-time"`
	Duration       int64          `json:"duration"`
	Tasks          map[string]int `json:"tasks"`
	Metrics        VertexMetrics  `json:"metrics"`
	Millrace       OperatorMore   `json:"millrace"`
}

// VertexMetrics are Flink's; bytes are not counted.
type VertexMetrics struct {
	ReadBytes           int64 `json:"read-bytes"`
	ReadBytesComplete   bool  `json:"read-bytes-complete"`
	WriteBytes          int64 `json:"write-bytes"`
	WriteBytesComplete  bool  `json:"write-bytes-complete"`
	ReadRecords         int64 `json:"read-records"`
	ReadRecordsComplete bool  `json:"read-records-complete"`
	WriteRecords        int64 `json:"write-records"`
	WriteComplete       bool  `json:"write-records-complete"`
}

// OperatorMore is what millrace knows more of an operator.
type OperatorMore struct {
	ID string `json:"id"`
	// Watermark is in epoch milliseconds; null before the first, and after the last row.
	Watermark    *int64      `json:"watermark"`
	Ended        bool        `json:"ended"`
	Idle         bool        `json:"idle"`
	LateRows     int64       `json:"late-rows"`
	NullTimeRows int64       `json:"null-time-rows"`
	SkippedRows  int64       `json:"skipped-rows"`
	StateRows    int64       `json:"state-rows"`
	StateBytes   int64       `json:"state-bytes"`
	StateDisk    int64       `json:"state-disk-bytes"`
	Splits       []SplitMore `json:"splits,omitempty"`
}

// SplitMore is a split of a source.
type SplitMore struct {
	ID        string `json:"id"`
	Worker    int    `json:"worker"`
	Watermark *int64 `json:"watermark"`
	Idle      bool   `json:"idle"`
	Done      bool   `json:"done"`
	// Behind is how much is unread, -1 if unknown.
	Behind int64 `json:"behind"`
}

// Plan is Flink's JSON plan, without its edges.
type Plan struct {
	ID    string     `json:"jid"`
	Name  string     `json:"name"`
	Type  string     `json:"type"`
	Nodes []PlanNode `json:"nodes"`
}

// PlanNode is an operator in the plan.
type PlanNode struct {
	ID          string `json:"id"`
	Parallelism int    `json:"parallelism"`
	Description string `json:"description"`
}

// JobFailure is a failure of a job.
type JobFailure = session.JobFailure

// JobMore is what millrace knows more of a job.
type JobMore struct {
	SQL          string               `json:"sql"`
	Settings     map[string]string    `json:"settings"`
	Error        string               `json:"error,omitempty"`
	Epoch        int64                `json:"epoch"`
	CommitMillis float64              `json:"commit-ms"`
	Strategy     string               `json:"restart-strategy"`
	Restarts     int                  `json:"restarts"`
	NextStart    int64                `json:"next-start"`
	Failures     []session.JobFailure `json:"failures"`
	Savepoint    string               `json:"savepoint,omitempty"`
	RestoredFrom string               `json:"restored-from,omitempty"`
	Notes        []string             `json:"notes,omitempty"`
	// Why says what the next result waits for.
	Why string `json:"why"`
}

// taskStates are those of Flink's tasks.
var taskStates = []string{"CREATED", "SCHEDULED", "DEPLOYING", "INITIALIZING", "RUNNING", "FINISHED", "CANCELING", "CANCELED", "FAILED", "RECONCILING"}

// taskState is the state that the tasks of a job have.
func taskState(job string) string {
	switch job {
	case "RESTARTING", "FAILING":
		return "FAILED"
	case "CANCELLING":
		return "CANCELING"
	}
	return job
}

func taskCounts(state string, n int) map[string]int {
	out := map[string]int{}
	for _, s := range taskStates {
		out[s] = 0
	}
	out[taskState(state)] += n
	return out
}

func spent(d *session.JobDetail) int64 {
	end := d.Ended
	if end.IsZero() {
		end = time.Now()
	}
	return max(0, end.Sub(d.Submitted).Milliseconds())
}

func (g *Gateway) describeJob(_ *http.Request, j session.Controller) (any, error) {
	d := j.Detail()
	state := string(d.State)
	out := JobDetails{
		ID: d.ID, Name: d.Name, State: state, Type: "STREAMING", Start: millis(d.Submitted), End: millis(d.Ended),
		Duration: spent(&d), MaxParallelism: orNone(d.KeyGroups), Now: time.Now().UnixMilli(),
		Timestamps: map[string]int64{"CREATED": millis(d.Submitted), state: millis(d.Changed)}, Vertices: []Vertex{},
		StatusCounts: taskCounts(state, len(d.Nodes)), Plan: Plan{ID: d.ID, Name: d.Name, Type: "STREAMING", Nodes: []PlanNode{}},
		Millrace: JobMore{
			SQL: d.Text, Settings: d.Settings, Epoch: d.Epoch, CommitMillis: float64(d.CommitTook.Microseconds()) / 1000,
			Strategy: d.Strategy, Restarts: d.Restarts, NextStart: millis(d.NextStart), Failures: d.Failures,
			Savepoint: d.Savepoint, RestoredFrom: d.RestoredFrom, Notes: d.Notes, Why: d.Why(time.Now()),
		},
	}
	if d.Settings["execution.runtime-mode"] == "batch" {
		out.Type, out.Plan.Type = "BATCH", "BATCH"
	}
	if d.Err != nil {
		out.Millrace.Error = oneLine(d.Err)
	}
	for _, n := range d.Nodes {
		v := Vertex{
			ID: vertexID(n.ID), Name: n.Name, MaxParallelism: orNone(d.KeyGroups), Parallelism: d.Workers, Status: taskState(state),
			Start: millis(d.Started), End: millis(d.Ended), Duration: spent(&d), Tasks: taskCounts(state, d.Workers),
			Metrics: VertexMetrics{ReadRecords: n.RowsIn, ReadRecordsComplete: true, WriteRecords: n.RowsOut, WriteComplete: true},
			Millrace: OperatorMore{
				ID: n.ID, Watermark: watermark(n.Watermark), Ended: n.Watermark == math.MaxInt64, Idle: n.Idle,
				LateRows: n.LateRows, NullTimeRows: n.NullTimeRows, SkippedRows: n.SkippedRows, StateRows: n.State.Rows, StateBytes: n.State.Bytes, StateDisk: n.State.Disk,
			},
		}
		for _, s := range n.Splits {
			v.Millrace.Splits = append(v.Millrace.Splits, SplitMore{
				ID: s.ID, Worker: s.Worker, Watermark: watermark(s.Watermark), Idle: s.Idle, Done: s.Done, Behind: s.Behind,
			})
		}
		out.Vertices = append(out.Vertices, v)
		out.Plan.Nodes = append(out.Plan.Nodes, PlanNode{ID: v.ID, Parallelism: d.Workers, Description: n.Name})
	}
	return out, nil
}

func orNone(n int) int {
	if n == 0 {
		return -1
	}
	return n
}

// watermark is nil where there is none, or none any more.
func watermark(ms int64) *int64 {
	if ms == math.MinInt64 || ms == math.MaxInt64 {
		return nil
	}
	return &ms
}

// JobLine is a job as GET /jobs/overview gives it.
type JobLine struct {
	ID       string         `json:"jid"`
	Name     string         `json:"name"`
	Start    int64          `json:"start-time"`
	End      int64          `json:"end-time"`
	Duration int64          `json:"duration"`
	State    string         `json:"state"`
	Modified int64          `json:"last-modification"`
	Tasks    map[string]int `json:"tasks"`
}

func (g *Gateway) jobsOverview(r *http.Request) (any, error) {
	lines := []JobLine{}
	for _, j := range g.controllers(r) {
		d := j.Detail()
		tasks := map[string]int{"total": len(d.Nodes)}
		for s, n := range taskCounts(string(d.State), len(d.Nodes)) {
			tasks[strings.ToLower(s)] = n
		}
		lines = append(lines, JobLine{
			ID: d.ID, Name: d.Name, Start: millis(d.Submitted), End: millis(d.Ended), Duration: spent(&d),
			State: string(d.State), Modified: millis(d.Changed), Tasks: tasks,
		})
	}
	return map[string]any{"jobs": lines}, nil
}

func (g *Gateway) listJobs(r *http.Request) (any, error) {
	lines := []map[string]string{}
	for _, j := range g.controllers(r) {
		lines = append(lines, map[string]string{"id": j.ID(), "status": string(j.Status().State)})
	}
	return map[string]any{"jobs": lines}, nil
}

// clusterOverview is what Flink's tools ask first: a node is one task manager, which has as
// many slots as it uses.
func (g *Gateway) clusterOverview(r *http.Request) (any, error) {
	count := map[string]int{}
	slots := 0
	for _, j := range g.controllers(r) {
		st := j.Status()
		count[string(st.State)]++
		if !st.State.Ended() {
			slots += st.Workers
		}
	}
	ended := count["FINISHED"] + count["CANCELED"] + count["FAILED"]
	return map[string]any{
		"taskmanagers": 1, "slots-total": slots, "slots-available": 0,
		"jobs-running": len(g.controllers(r)) - ended, "jobs-finished": count["FINISHED"], "jobs-cancelled": count["CANCELED"], "jobs-failed": count["FAILED"],
		"flink-version": "millrace " + g.options.Version, "flink-commit": "",
	}, nil
}

func jobStatus(_ *http.Request, j session.Controller) (any, error) {
	return map[string]string{"status": string(j.Status().State)}, nil
}

func jobConfig(_ *http.Request, j session.Controller) (any, error) {
	d := j.Detail()
	return map[string]any{"jid": d.ID, "name": d.Name, "execution-config": map[string]any{
		"restart-strategy": d.Strategy, "job-parallelism": d.Workers, "object-reuse-mode": false, "user-config": d.Settings,
	}}, nil
}

// exceptionEntry is a failure as Flink shows it.
type exceptionEntry struct {
	Name       string           `json:"exceptionName"`
	Trace      string           `json:"stacktrace"`
	Time       int64            `json:"timestamp"`
	Task       string           `json:"taskName,omitempty"`
	Concurrent []exceptionEntry `json:"concurrentExceptions"`
}

// jobExceptions are the job's failures, the newest first.
func jobExceptions(_ *http.Request, j session.Controller) (any, error) {
	d := j.Detail()
	entries := []exceptionEntry{}
	for i := len(d.Failures) - 1; i >= 0; i-- {
		f := d.Failures[i]
		entries = append(entries, exceptionEntry{Name: fmt.Sprintf("failure after epoch %d", f.Epoch), Trace: f.Error, Time: millis(f.Time), Task: f.Operator, Concurrent: []exceptionEntry{}})
	}
	out := map[string]any{"exceptionHistory": map[string]any{"entries": entries, "truncated": false}}
	return out, nil
}
