package session

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/millrace/millrace/internal/engine"
)

// stateTTL is for how long operators keep state; a batch job keeps it to its end.
func (s *Session) stateTTL() time.Duration {
	if s.batch() {
		return 0
	}
	return s.duration("table.exec.state.ttl")
}

// stateConfig says where a job's state lies. Budget and directory are the node's.
func (s *Session) stateConfig() engine.StateConfig {
	bytes, _ := parseMemory(s.value("taskmanager.memory.managed.size"))
	return engine.StateConfig{InMemory: s.value("state.backend.type") == "hashmap", Bytes: bytes}
}

// memoryUnits are those of Flink's MemorySize.
var memoryUnits = map[string]int64{
	"": 1, "b": 1, "bytes": 1, "k": 1 << 10, "kb": 1 << 10, "kibibytes": 1 << 10, "m": 1 << 20, "mb": 1 << 20, "mebibytes": 1 << 20,
	"g": 1 << 30, "gb": 1 << 30, "gibibytes": 1 << 30, "t": 1 << 40, "tb": 1 << 40, "tebibytes": 1 << 40,
}

// parseMemory reads an amount of memory as Flink writes it: 512 mb.
func parseMemory(text string) (int64, error) {
	t := strings.ToLower(strings.TrimSpace(text))
	digits := 0
	for digits < len(t) && '0' <= t[digits] && t[digits] <= '9' {
		digits++
	}
	n, err := strconv.ParseInt(t[:digits], 10, 64)
	unit, ok := memoryUnits[strings.TrimSpace(t[digits:])]
	if err != nil || !ok || n > (1<<62)/unit {
		return 0, fmt.Errorf("'%s' is no amount of memory; write 512 mb or 2 gb", text)
	}
	return n * unit, nil
}

func checkMemory(v string) error {
	n, err := parseMemory(v)
	if err == nil && n < 1<<20 {
		err = fmt.Errorf("'%s' is too little; a job needs 1 mb at least", v)
	}
	return err
}
