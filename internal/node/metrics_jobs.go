package node

import (
	"strconv"
	"sync"
	"time"

	"github.com/millrace/millrace/internal/engine"
	"github.com/millrace/millrace/internal/metrics"
	"github.com/millrace/millrace/internal/vec"
)

// Metrics of jobs have the names that Flink's Prometheus reporter gives them, and its
// labels, but for those of hosts and task managers. A worker is what Flink calls a task's
// subtask: it runs the whole graph, so that there is one task a job.
var (
	jobLabels      = []string{"job_id", "job_name"}
	taskLabels     = append(jobLabels[:2:2], "subtask_index")
	operatorLabels = append(jobLabels[:2:2], "operator_id", "operator_name", "subtask_index")
)

func jobGauge(name, help string) *metrics.Family {
	return &metrics.Family{Name: "flink_jobmanager_job_" + name, Kind: metrics.Gauge, Labels: jobLabels, Help: help}
}

func taskGauge(name, help string) *metrics.Family {
	return &metrics.Family{Name: "flink_taskmanager_job_task_" + name, Kind: metrics.Gauge, Labels: taskLabels, Help: help}
}

// operatorMetric is of a subtask of an operator. Flink's reporter calls its counters
// gauges as well; here they are counters.
func operatorMetric(kind metrics.Kind, name, help string) *metrics.Family {
	return &metrics.Family{Name: "flink_taskmanager_job_task_operator_" + name, Kind: kind, Labels: operatorLabels, Help: help}
}

var (
	runningJobs = &metrics.Family{Name: "flink_jobmanager_numRunningJobs", Kind: metrics.Gauge, Help: "Jobs that run."}

	jobRunning     = jobGauge("runningState", "1 while the job runs, 0 while it is initializing, restarting or failed.")
	jobUptime      = jobGauge("uptime", "Milliseconds since the job was started, the last time.")
	jobRestarts    = jobGauge("numRestarts", "How often the job was started again by its restart strategy, since the node was.")
	jobCommits     = jobGauge("numberOfCompletedCheckpoints", "Epochs committed since the job was started.")
	jobLastCommit  = jobGauge("lastCompletedCheckpointId", "The last epoch committed.")
	jobCommitTook  = jobGauge("lastCheckpointDuration", "Milliseconds that the last commit took, from the end of its epoch until its results were visible.")
	jobCommitBytes = jobGauge("lastCheckpointSize", "Bytes that the last commit added to the job's journal.")
	jobLate        = jobGauge("lateRows", "Rows that came too late and were dropped, by all operators in the job's whole life; millrace's own.")

	taskBusy    = taskGauge("busyTimeMsPerSecond", "Milliseconds a second that the worker computed, since it was asked the last time.")
	taskBlocked = taskGauge("backPressuredTimeMsPerSecond", "Milliseconds a second that the worker waited for a sink that takes no more.")
	taskIdle    = taskGauge("idleTimeMsPerSecond", "Milliseconds a second that the worker waited for rows, or for other workers.")

	opIn        = operatorMetric(metrics.Counter, "numRecordsIn", "Rows that came in since the job was started.")
	opOut       = operatorMetric(metrics.Counter, "numRecordsOut", "Rows that went out since the job was started.")
	opLate      = operatorMetric(metrics.Counter, "numLateRecordsDropped", "Rows that came too late and were dropped, since the job was started.")
	opNullTime  = operatorMetric(metrics.Counter, "numNullTimeRecords", "Rows without an event time; millrace's own.")
	opInput     = operatorMetric(metrics.Gauge, "currentInputWatermark", "The watermark that the operator has acted on, epoch milliseconds; left out before the first.")
	opOutput    = operatorMetric(metrics.Gauge, "currentOutputWatermark", "The watermark that the operator has passed on, epoch milliseconds; left out before the first.")
	opStateRows = operatorMetric(metrics.Gauge, "stateRows", "Rows in the operator's state; millrace's own.")
	opStateSize = operatorMetric(metrics.Gauge, "stateBytes", "Memory of the operator's state; millrace's own.")
	opStateDisk = operatorMetric(metrics.Gauge, "stateDiskBytes", "About how much of the operator's state is on disk; millrace's own.")

	sourcePending   = operatorMetric(metrics.Gauge, "pendingRecords", "Records that the source has not read yet; left out where it cannot know.")
	sourceFetchLag  = operatorMetric(metrics.Gauge, "currentFetchEventTimeLag", "Milliseconds by which the event time of the last row was behind the clock when it was read, the largest of the splits.")
	sourceWatermark = operatorMetric(metrics.Gauge, "watermarkLag", "Milliseconds by which the source's watermark is behind the clock.")
	sourceIdle      = operatorMetric(metrics.Gauge, "idleSplits", "Splits that are idle and do not hold the watermark back; millrace's own.")
)

// jobFamilies are all metrics of jobs, in the order of the page.
var jobFamilies = []*metrics.Family{
	runningJobs, jobRunning, jobUptime, jobRestarts, jobCommits, jobLastCommit, jobCommitTook, jobCommitBytes, jobLate,
	taskBusy, taskBlocked, taskIdle, opIn, opOut, opLate, opNullTime, opInput, opOutput, opStateRows, opStateSize, opStateDisk,
	sourcePending, sourceFetchLag, sourceWatermark, sourceIdle,
}

// jobMetrics remembers, for what is told by the second, what was told before.
type jobMetrics struct {
	mu struct {
		sync.Mutex
		tasks map[taskKey]*taskTimes
	}
}

type taskKey struct {
	job    string
	worker int
}

// taskTimes are a worker's times, as they were at a moment, and what they made by then.
type taskTimes struct {
	at            time.Time
	was           engine.WorkerStatus
	busy, blocked float64
}

// leastSpan is what a rate is taken over, at the least: whoever asks more often gets the
// same answer.
const leastSpan = time.Second

// collect adds what there is to tell of jobs that have not ended.
// jobMeasure is what is told of a job.
type jobMeasure struct {
	engine.Status
	restarts int
}

func (m *jobMetrics) collect(p *metrics.Page, jobs []jobMeasure, now time.Time) {
	running := 0
	m.mu.Lock()
	defer m.mu.Unlock()
	seen := map[taskKey]*taskTimes{}
	for i := range jobs {
		s := &jobs[i].Status
		if s.State == engine.Finished || s.State == engine.Canceled {
			continue
		}
		if s.State == engine.Running {
			running++
		}
		collectJob(p, s, now)
		p.Add(jobRestarts, float64(jobs[i].restarts), s.ID, s.Name)
		if s.State != engine.Running {
			continue
		}
		for w := range s.Tasks {
			k := taskKey{s.ID, w}
			seen[k] = m.task(k, s.Tasks[w], now)
			seen[k].add(p, s, w)
		}
		for n := range s.Nodes {
			collectNode(p, s, &s.Nodes[n], now)
		}
	}
	m.mu.tasks = seen
	p.Add(runningJobs, float64(running))
}

// task takes the times of a worker. The lock is held.
func (m *jobMetrics) task(k taskKey, s engine.WorkerStatus, now time.Time) *taskTimes {
	t := m.mu.tasks[k]
	switch {
	case t == nil || s.Busy < t.was.Busy:
		return &taskTimes{at: now, was: s}
	case now.Sub(t.at) < leastSpan:
		return t
	}
	share := func(d time.Duration) float64 { return min(1000, max(0, 1000*float64(d)/float64(now.Sub(t.at)))) }
	return &taskTimes{at: now, was: s, busy: share(s.Busy - t.was.Busy), blocked: share(s.BackPressured - t.was.BackPressured)}
}

func (t *taskTimes) add(p *metrics.Page, s *engine.Status, worker int) {
	labels := []string{s.ID, s.Name, strconv.Itoa(worker)}
	p.Add(taskBusy, t.busy, labels...)
	p.Add(taskBlocked, t.blocked, labels...)
	p.Add(taskIdle, max(0, 1000-t.busy-t.blocked), labels...)
}

func collectJob(p *metrics.Page, s *engine.Status, now time.Time) {
	add := func(f *metrics.Family, v float64) { p.Add(f, v, s.ID, s.Name) }
	add(jobRunning, map[bool]float64{true: 1}[s.State == engine.Running])
	if s.State == engine.Running {
		add(jobUptime, float64(now.Sub(s.Started).Milliseconds()))
	}
	add(jobLastCommit, float64(s.Epoch))
	add(jobCommits, float64(s.Commit.Count))
	add(jobLate, float64(s.Progress.LateRows))
	if s.Commit.Count > 0 {
		add(jobCommitTook, milliseconds(s.Commit.Took))
		add(jobCommitBytes, float64(s.Commit.Bytes))
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func collectNode(p *metrics.Page, s *engine.Status, n *engine.NodeStatus, now time.Time) {
	for _, sub := range n.Subtasks {
		labels := []string{s.ID, s.Name, n.ID, n.Name, strconv.Itoa(sub.Worker)}
		add := func(f *metrics.Family, v int64) { p.Add(f, float64(v), labels...) }
		add(opIn, sub.RowsIn)
		if n.Kind == engine.Reads || n.Kind == engine.Operates {
			add(opOut, sub.RowsOut)
		}
		if n.Kind == engine.Operates {
			add(opLate, sub.LateRows)
			add(opStateRows, sub.State.Rows)
			add(opStateSize, sub.State.Bytes)
			add(opStateDisk, sub.State.Disk)
		}
		if n.Kind != engine.KeepsLate {
			add(opNullTime, sub.NullTime)
		}
		addMark(add, opInput, sub.Input)
		addMark(add, opOutput, sub.Watermark)
		if n.Kind == engine.Reads {
			collectSource(add, n, sub.Worker, now)
		}
	}
}

func addMark(add func(*metrics.Family, int64), f *metrics.Family, mark int64) {
	if mark != vec.MinTime && mark != vec.MaxTime {
		add(f, mark)
	}
}

func collectSource(add func(*metrics.Family, int64), n *engine.NodeStatus, worker int, now time.Time) {
	pending, idle, known, lag, lagged := int64(0), int64(0), true, int64(0), false
	for _, sp := range n.Splits {
		if sp.Worker != worker {
			continue
		}
		known = known && sp.Behind >= 0
		pending += sp.Behind
		if sp.Idle {
			idle++
		}
		if sp.FetchLag != 0 && (!lagged || sp.FetchLag > lag) {
			lag, lagged = sp.FetchLag, true
		}
	}
	if known {
		add(sourcePending, pending)
	}
	if lagged {
		add(sourceFetchLag, lag)
	}
	if n.TellsTime {
		add(sourceIdle, idle)
		addLag(add, n.Watermark, now)
	}
}

func addLag(add func(*metrics.Family, int64), mark int64, now time.Time) {
	if mark != vec.MinTime && mark != vec.MaxTime {
		add(sourceWatermark, now.UnixMilli()-mark)
	}
}
