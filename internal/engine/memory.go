package engine

import (
	"github.com/millrace/millrace/internal/engine/state"
)

// StateConfig says where a job's state lies: in memory as far as there is room, and
// beyond that on disk (package state, cold.go).
type StateConfig struct {
	// Budget is the memory that the states of several jobs share; nil: no limit.
	Budget *state.Budget
	// Bytes, if above 0, is a budget of the job's own instead.
	Bytes int64
	// InMemory keeps all state in memory, whatever the budget.
	InMemory bool
	// Dir is where state lies for which memory has no room. What is there is deleted
	// when the job begins to use it and when it ends. Empty: a temporary directory.
	Dir string
}

// Evicting rows leaves so much of the budget, so that not each epoch has to; and in an
// epoch no more rows are looked at than this, unless the budget is exceeded by far.
const (
	evictTo   = 0.8
	evictRows = 100_000
	crowded   = 1.1
	farOver   = 1.25
)

// memory is a job's part in the memory for state.
type memory struct {
	spill   *state.Spill // nil: all state is in memory
	share   *state.Share
	allowed int64 // a worker's, for the epoch that is being cut
}

func (j *Job) openMemory() {
	c := j.config.State
	budget := c.Budget
	if c.Bytes > 0 {
		budget = state.NewBudget(c.Bytes)
	}
	if c.InMemory {
		return
	}
	if j.memory.share = budget.Join(); j.memory.share != nil {
		j.memory.spill = state.NewSpill(c.Dir)
	}
}

func (j *Job) closeMemory() error {
	if j.memory.spill == nil {
		return nil
	}
	j.memory.share.Leave()
	return j.memory.spill.Close()
}

// stateBytes is what the state of all workers takes in memory.
func (j *Job) stateBytes() int64 {
	n := int64(0)
	for _, w := range j.workers {
		n += w.stateBytes()
	}
	return n
}

func (w *worker) stateBytes() int64 {
	n := int64(0)
	for _, in := range w.nodes {
		if in != nil && in.store != nil {
			n += in.store.LiveBytes()
		}
	}
	return n
}

// weigh works out how much memory the job may use.
func (j *Job) weigh() (held, allowed int64) {
	held = j.stateBytes()
	allowed = j.memory.share.Allowed(held)
	j.memory.allowed = allowed / int64(len(j.workers))
	return held, allowed
}

// crowded says that an epoch should end so that rows can leave memory: only what the
// journal has been told may.
func (j *Job) crowded() bool {
	if j.memory.spill == nil {
		return false
	}
	held, allowed := j.weigh()
	return float64(held) > crowded*float64(allowed)
}

// evict moves rows to disk if memory has no room for them. The changes of the epoch
// are recorded.
func (w *worker) evict() {
	m := &w.job.memory
	if m.spill == nil {
		return
	}
	held := w.stateBytes()
	if held <= m.allowed {
		return
	}
	most := evictRows
	if float64(held) > farOver*float64(m.allowed) {
		most = 1 << 31
	}
	keep := evictTo * float64(m.allowed) / float64(held)
	for _, in := range w.nodes {
		if in != nil && in.store != nil {
			w.at = in
			in.store.Evict(int64(keep*float64(in.store.LiveBytes())), most)
		}
	}
	w.at = nil
}

// forget drops what a job without a journal has noted for it.
func (w *worker) forget() {
	for _, in := range w.nodes {
		if in != nil && in.store != nil {
			in.store.Forget()
		}
	}
}
