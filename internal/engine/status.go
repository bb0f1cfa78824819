package engine

import (
	"slices"
	"sync"
	"time"

	"github.com/millrace/millrace/internal/engine/operator"
	"github.com/millrace/millrace/internal/vec"
)

// State is where a job is in its life.
type State string

// The states, by Flink's names.
const (
	Created      State = "CREATED"
	Initializing State = "INITIALIZING"
	Running      State = "RUNNING"
	Finished     State = "FINISHED"
	Canceled     State = "CANCELED"
	Failed       State = "FAILED"
)

// Status is a job seen from outside.
type Status struct {
	ID, Name string
	State    State
	// Err is why the job failed.
	Err            error
	Started, Ended time.Time
	// Workers share KeyGroups, which are the job's for ever.
	Workers, KeyGroups int
	// Batch: results come when the input has ended.
	Batch  bool
	Params map[string]string
	// Epoch is the last one committed; CommitTook is how long that took.
	Epoch      int64
	CommitTook time.Duration
	Progress   Progress
	// Commit is the last one.
	Commit CommitStatus
	// Tasks are how the workers spend their time.
	Tasks []WorkerStatus
	// Nodes are in the graph's order.
	Nodes []NodeStatus
	// Notes are what a person should know: damage found in the journal.
	Notes []string
}

// NodeStatus is a node, all workers taken together. Row counts are of the whole
// life of the job, restarts included.
type NodeStatus struct {
	ID, Name string
	Kind     NodeKind
	// Inputs are the nodes, by index, that it takes rows of.
	Inputs          []int
	RowsIn, RowsOut int64
	// LateRows came behind the watermark and were dropped; NullTimeRows had no
	// event time; SkippedRows could not be decoded and were left out.
	LateRows, NullTimeRows, SkippedRows int64
	// Watermark is the node's output watermark in epoch milliseconds;
	// vec.MinTime before the first and vec.MaxTime after the last row.
	Watermark int64
	// Input is the least of the inputs' watermarks: what the node has acted on. A
	// source's is its own.
	Input int64
	// Idle: the node's inputs are idle, and do not hold others back.
	Idle bool
	// Waits is what the node's next result waits for; nil if it holds none back.
	Waits *operator.Wait
	// State is what the node keeps.
	State StateSize

	// Subtasks are the node on each worker that runs it.
	Subtasks []SubtaskStatus

	// Of a source:

	// Splits are what it reads.
	Splits []SplitStatus
	// TellsTime: it has a watermark.
	TellsTime   bool
	IdleTimeout time.Duration
	Alignment   Alignment
}

// NodeKind is what a node is.
type NodeKind uint8

// The kinds; KeepsLate is the sink of a late topic.
const (
	Operates NodeKind = iota
	Reads
	Writes
	KeepsLate
)

func (n *Node) kind() NodeKind {
	switch {
	case n.Source != nil:
		return Reads
	case n.Sink == nil:
		return Operates
	case n.Sink.Late:
		return KeepsLate
	}
	return Writes
}

// StateSize is the size of a node's state, all workers taken together.
type StateSize struct {
	// Rows are in memory or on disk; after a restore their number may be too high.
	Rows int64
	// Bytes are what those in memory take, Disk about what the others do.
	Bytes, Disk int64
}

// SplitStatus is a split of a source.
type SplitStatus struct {
	ID     string
	Worker int
	// Position is the connector's, as of the last commit.
	Position   []byte
	Watermark  int64
	Idle, Done bool
	// Since is when the watermark last moved; the zero time if it did not since the
	// job was started.
	Since      time.Time
	LastAppend time.Time
	// Behind is how much is unread, -1 if unknown; Hidden how much an open
	// transaction hides.
	Behind, Hidden int64
	// Held: it is not read, being ahead of its alignment group.
	Held bool
	// FetchLag is how far the event time of the last row was behind the clock when it was
	// read, in milliseconds.
	FetchLag int64
}

// Progress is what a line about a running job shows.
type Progress struct {
	RowsRead, RowsOut, LateRows, NullTimeRows int64
	// RowsPerSecond is the rate of reading over about the last second.
	RowsPerSecond float64
	// Watermark is the least of the sinks' watermarks.
	Watermark int64
	// Behind is what the sources have not read, -1 if one does not know.
	Behind int64
}

// board is the status for other goroutines: the job's goroutine writes it
// between steps.
type board struct {
	mu struct {
		sync.Mutex
		status Status
		shown  time.Time // when it was last written
		quiet  bool      // and the job went to sleep then
	}
}

// progress is the progress now; a job that sleeps reads nothing. The lock is held.
func (b *board) progress() Progress {
	p := b.mu.status.Progress
	if b.mu.quiet && time.Since(b.mu.shown) > time.Second {
		p.RowsPerSecond = 0
	}
	return p
}

// Status is safe to call from any goroutine at any time.
func (j *Job) Status() Status {
	j.board.mu.Lock()
	defer j.board.mu.Unlock()
	s := j.board.mu.status
	s.Progress = j.board.progress()
	s.Notes = slices.Clone(s.Notes)
	s.Nodes = slices.Clone(s.Nodes)
	for i := range s.Nodes {
		s.Nodes[i].Splits = slices.Clone(s.Nodes[i].Splits)
	}
	return s
}

// Progress is Status' Progress, without copying the rest.
func (j *Job) Progress() Progress {
	j.board.mu.Lock()
	defer j.board.mu.Unlock()
	return j.board.progress()
}

// counters are a node's, as the journal keeps them.
type counters [numCounters]int64

const (
	rowsIn = iota
	rowsOut
	lateRows
	nullTimeRows
	skippedRows
	numCounters
)

// nodeMark is a node as a whole: the least of its workers' watermarks, the sum of
// their counters and of those of earlier starts.
type nodeMark struct {
	input    int64
	out      mark
	counters counters
}

func (j *Job) nodeMark(node int) nodeMark {
	m := nodeMark{counters: j.base[node]}
	m.input, m.out.watermark = vec.MinTime, vec.MinTime
	if j.workers == nil && j.recorded[node] != (nodeMark{}) {
		return j.recorded[node] // finished before this start
	}
	first := true
	for _, w := range j.workers {
		in := w.nodes[node]
		if in == nil {
			continue
		}
		if first {
			m.input, m.out = in.input.watermark, in.mark
		}
		first = false
		m.input = min(m.input, in.input.watermark)
		m.out.watermark = min(m.out.watermark, in.mark.watermark)
		m.out.idle = m.out.idle && in.mark.idle
		m.counters[rowsIn] += in.metrics.RowsIn
		m.counters[rowsOut] += in.metrics.RowsOut
		m.counters[lateRows] += in.metrics.LateRows
		m.counters[nullTimeRows] += in.metrics.NullTimeRows
	}
	for _, s := range j.splits[node] {
		m.counters[skippedRows] += s.status.Skipped
	}
	return m
}

// publishEvery is how often a busy job shows itself.
const publishEvery = 100 * time.Millisecond

// publish writes the board, from the job's goroutine between steps: at once if the
// job has nothing to do, else from time to time.
func (j *Job) publish(quiet bool) {
	if !quiet && time.Since(j.shown) < publishEvery {
		return
	}
	nodes := make([]NodeStatus, len(j.spec.Graph.Nodes))
	total := Progress{Watermark: vec.MaxTime}
	for i, n := range j.spec.Graph.Nodes {
		nodes[i] = j.nodeStatus(i, n)
		total.add(n, &nodes[i])
	}
	tasks := make([]WorkerStatus, len(j.workers))
	for i, w := range j.workers {
		tasks[i] = w.status()
	}
	j.board.mu.Lock()
	defer j.board.mu.Unlock()
	s := &j.board.mu.status
	s.Tasks = tasks
	total.RowsPerSecond = j.rate.learn(total.RowsRead, time.Now())
	s.Progress, s.Nodes = total, nodes
	j.shown = time.Now()
	j.board.mu.shown, j.board.mu.quiet = j.shown, quiet
}

// showCommit tells the board of a commit.
func (j *Job) showCommit(epoch int64, took time.Duration) {
	j.board.mu.Lock()
	defer j.board.mu.Unlock()
	j.board.mu.status.Epoch, j.board.mu.status.CommitTook = epoch, took
}

func (j *Job) nodeStatus(i int, n *Node) NodeStatus {
	m := j.nodeMark(i)
	s := NodeStatus{
		ID: n.ID, Name: n.Name, Kind: n.kind(), Input: m.input,
		RowsIn: m.counters[rowsIn], RowsOut: m.counters[rowsOut],
		LateRows: m.counters[lateRows], NullTimeRows: m.counters[nullTimeRows], SkippedRows: m.counters[skippedRows],
		Watermark: m.out.watermark, Idle: m.out.idle,
	}
	for _, in := range n.Inputs {
		s.Inputs = append(s.Inputs, in.Node)
	}
	if src := n.Source; src != nil {
		s.TellsTime, s.IdleTimeout, s.Alignment = src.Watermark != nil, src.IdleTimeout, src.Alignment
	}
	j.addHeld(&s, i)
	for _, sp := range j.splits[i] {
		s.Splits = append(s.Splits, SplitStatus{
			ID: sp.id, Worker: sp.worker, Position: sp.position, Watermark: sp.mark().watermark,
			Idle: sp.idle, Done: sp.done, Since: sp.since, LastAppend: sp.status.LastAppend,
			Behind: sp.status.Behind, Hidden: sp.status.Hidden, Held: sp.held, FetchLag: sp.lag,
		})
	}
	return s
}

// addHeld adds what a node holds, over all workers: its state, and the earliest of the
// results that it holds back.
func (j *Job) addHeld(s *NodeStatus, node int) {
	for _, w := range j.workers {
		in := w.nodes[node]
		if in == nil {
			continue
		}
		sub := w.subtask(in)
		s.Subtasks = append(s.Subtasks, sub)
		s.State.Rows, s.State.Bytes, s.State.Disk = s.State.Rows+sub.State.Rows, s.State.Bytes+sub.State.Bytes, s.State.Disk+sub.State.Disk
		if op, ok := in.op.(operator.Waiter); ok {
			if wait, held := op.Waits(); held && (s.Waits == nil || wait.At < s.Waits.At) {
				s.Waits = &wait
			}
		}
	}
}

// add counts a node into the job's progress.
func (p *Progress) add(n *Node, s *NodeStatus) {
	p.LateRows += s.LateRows
	p.NullTimeRows += s.NullTimeRows
	switch {
	case n.Source != nil:
		p.RowsRead += s.RowsIn
		for _, sp := range s.Splits {
			if sp.Behind < 0 || p.Behind < 0 {
				p.Behind = -1
			} else {
				p.Behind += sp.Behind
			}
		}
	case n.Sink != nil && !n.Sink.Late:
		p.RowsOut += s.RowsIn
		p.Watermark = min(p.Watermark, s.Watermark)
	}
}

// rate is a running mean of rows a second, over about the last second.
type rate struct {
	at    time.Time
	count int64
	mean  float64
}

func (r *rate) learn(count int64, now time.Time) float64 {
	passed := now.Sub(r.at).Seconds()
	switch {
	case r.at.IsZero():
		r.at, r.count = now, count
	case passed >= publishEvery.Seconds()/2:
		weight := min(1, passed)
		r.mean += weight * (float64(count-r.count)/passed - r.mean)
		r.at, r.count = now, count
	}
	return r.mean
}

// enter notes a new state, and why.
func (j *Job) enter(s State, err error) {
	j.board.mu.Lock()
	defer j.board.mu.Unlock()
	b := &j.board.mu.status
	b.State, b.Err = s, err
	switch s {
	case Initializing:
		b.Started = j.config.Now()
	case Finished, Canceled, Failed:
		b.Ended = j.config.Now()
	}
}

// note keeps a sentence for a person.
func (j *Job) note(text string) {
	j.board.mu.Lock()
	defer j.board.mu.Unlock()
	j.board.mu.status.Notes = append(j.board.mu.status.Notes, text)
}
