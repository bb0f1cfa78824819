package node

import (
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/millrace/millrace/internal/engine"
	"github.com/millrace/millrace/internal/engine/state"
)

// stateShare is what a node's jobs may take of its memory for their state, before it
// goes to disk: as much as Flink gives it (taskmanager.memory.managed.fraction).
const stateShare = 0.4

// leastState is what they may take where the memory is not known or very small.
const leastState = 256 << 20

// stateDir holds the jobs' state that memory has no room for, a directory a job. It is
// no part of what a node remembers.
const stateDir = "state"

// openState makes the budget, and deletes what an earlier process has left.
func (n *Node) openState() error {
	n.memory = state.NewBudget(max(int64(stateShare*float64(memoryLimit())), leastState))
	if n.config.Data == "" {
		return nil
	}
	return os.RemoveAll(filepath.Join(n.config.Data, stateDir))
}

// placeState says where a job's state lies.
func (n *Node) placeState(spec *engine.JobSpec) {
	spec.Config.State.Budget = n.memory
	if n.config.Data != "" {
		spec.Config.State.Dir = filepath.Join(n.config.Data, stateDir, spec.ID)
	}
}

// memoryLimit is the memory that this process may use: the least of GOMEMLIMIT, its
// control group's and the machine's; 0 if none is known.
func memoryLimit() int64 {
	limit := debug.SetMemoryLimit(-1)
	for _, file := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		if text, err := os.ReadFile(file); err == nil {
			if v, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil {
				limit = min(limit, v)
			}
		}
	}
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		limit = min(limit, memTotal(string(text), limit))
	}
	if limit == math.MaxInt64 {
		return 0
	}
	return limit
}

// memTotal reads the machine's memory, or gives back other.
func memTotal(meminfo string, other int64) int64 {
	for line := range strings.Lines(meminfo) {
		if rest, ok := strings.CutPrefix(line, "MemTotal:"); ok {
			if kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64); err == nil {
				return kb << 10
			}
		}
	}
	return other
}
