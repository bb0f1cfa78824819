package session

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/engine"
	"github.com/millrace/millrace/internal/sql/catalog"
	"github.com/millrace/millrace/internal/sql/parser"
)

// setting is a key of SET: Flink's name, what it does here, and its check.
type setting struct {
	name, def, doc string
	check          func(string) error
	// acts is false for a setting of Flink's that is known and has no effect.
	acts bool
}

var settingsList = []setting{
	{"parallelism.default", "", "Workers of a job; the number of CPUs if not set.", connector.Between(1, maxParallelism), true},
	{"pipeline.max-parallelism", "", "Key groups of a job, fixed when it is submitted; if not set 128, or more for more than 85 workers.", connector.Between(1, maxParallelism), true},
	{"pipeline.name", "", "Name of the jobs that follow.", nil, true},
	{"pipeline.auto-watermark-interval", "200 ms", "", checkDuration, false},
	{"pipeline.object-reuse", "false", "", checkBool, false},
	{"pipeline.operator-chaining.enabled", "true", "", checkBool, false},
	{"execution.runtime-mode", "streaming", "batch prints and writes final results only; its sources must be bounded.", checkEnum("streaming", "batch"), true},
	{"execution.checkpointing.interval", "1 s", "Longest time between two commits while there is more to read; when there is not, a commit comes at once. 0: the job keeps no journal. Its sinks are at least once, and after a failure, or with the node's next start, it begins anew.", checkDuration, true},
	{"execution.checkpointing.mode", "EXACTLY_ONCE", "AT_LEAST_ONCE: sinks that have no 'sink.delivery-guarantee' show rows before they are committed, and some again after a failure. State is exactly once all the same.", checkEnum("EXACTLY_ONCE", "AT_LEAST_ONCE"), true},
	{"execution.checkpointing.min-pause", "0 ms", "Least time between the end of a commit and the next: fewer commits, later results.", checkDuration, true},
	{"execution.checkpointing.timeout", "10 min", "", checkDuration, false},
	{"execution.checkpointing.tolerable-failed-checkpoints", "0", "", checkInt, false},
	{"execution.checkpointing.max-concurrent-checkpoints", "1", "", checkInt, false},
	{"execution.checkpointing.unaligned.enabled", "false", "", checkBool, false},
	{"execution.checkpointing.incremental", "false", "", checkBool, false},
	{"execution.buffer-timeout.interval", "100 ms", "", checkDuration, false},
	{"state.backend.type", "", "hashmap keeps a job's state in memory. Otherwise what there is no memory for goes to disk: rocksdb and pebble, which are one here, say so; it is the default, too.", checkEnum("hashmap", "rocksdb", "pebble"), true},
	{"taskmanager.memory.managed.size", "", "Memory for a job's state, beyond which it goes to disk; if not set, the node's jobs share what it sets aside.", checkMemory, true},
	{lateTopic, "", "Topic that the rows of INSERTs go to, as JSON, that come too late: with job, operator, reason, event time, the watermark they were late against and the window. Without it they are only counted.", nil, true},
	{"sql-client.execution.result-mode", "tableau", "", checkEnum("table", "changelog", "tableau"), false},
	{"table.dml-sync", "false", "An INSERT waits for the end of its job.", checkBool, true},
	{"table.local-time-zone", "UTC", "Zone of TIMESTAMP_LTZ values and of windows over them.", checkZone, true},
	{"table.exec.source.idle-timeout", "0 ms", "After what time without rows a split no longer holds back the watermark; 0: never.", checkDuration, true},
	{"table.exec.source.rowtime-null-handling", "FAIL", "A row without event time fails the job, is dropped and counted, or passes without moving the watermark.", checkEnum("FAIL", "DROP", "SKIP_WATERMARK"), true},
	{"table.exec.resource.default-parallelism", "-1", "Workers of a job, before parallelism.default; -1: as that says.", checkParallelism, true},
	{"table.exec.state.ttl", "0 ms", "For how long operators keep a row of state after it was last written; 0: for ever. Windows know by themselves.", checkDuration, true},
	{"table.exec.mini-batch.enabled", "false", "", checkBool, false},
	{"table.exec.mini-batch.allow-latency", "0 ms", "", checkDuration, false},
	{"table.exec.mini-batch.size", "-1", "", checkInt, false},
	{"table.exec.sink.not-null-enforcer", "ERROR", "A NULL for a NOT NULL column of a sink fails the job, or drops the row.", checkEnum("ERROR", "DROP"), true},
	{"table.exec.sink.upsert-materialize", "AUTO", "", checkEnum("NONE", "AUTO", "FORCE"), false},
	{"table.optimizer.agg-phase-strategy", "AUTO", "", checkEnum("AUTO", "ONE_PHASE", "TWO_PHASE"), false},
	{"table.optimizer.distinct-agg.split.enabled", "false", "", checkBool, false},
}

// settingLists are all of them, by theme.
var settingLists = [][]setting{settingsList, restartSettings, savepointSettings}

func findSetting(name string) *setting {
	for _, list := range settingLists {
		for i := range list {
			if list[i].name == name {
				return &list[i]
			}
		}
	}
	return nil
}

// maxParallelism is Flink's upper bound for workers and key groups, defaultKeyGroups
// its lower bound for key groups where nobody says how many.
const (
	maxParallelism   = 1 << 15
	defaultKeyGroups = 128
)

func checkParallelism(v string) error {
	if v == "-1" {
		return nil
	}
	return connector.Between(1, maxParallelism)(v)
}

func checkInt(v string) error {
	if _, err := strconv.Atoi(v); err != nil {
		return fmt.Errorf("'%s' is not a whole number", v)
	}
	return nil
}

func checkBool(v string) error {
	if v != "true" && v != "false" {
		return fmt.Errorf("'%s' is neither true nor false", v)
	}
	return nil
}

func checkDuration(v string) error {
	_, err := catalog.ParseDuration(v)
	return err
}

func checkZone(v string) error {
	_, err := zone(v)
	return err
}

// zone finds a time zone by name; "default" is the machine's.
func zone(v string) (*time.Location, error) {
	switch v {
	case "", "UTC":
		return time.UTC, nil
	case "default":
		return time.Local, nil
	}
	l, err := time.LoadLocation(v)
	if err != nil {
		return nil, fmt.Errorf("'%s' is not a time zone, such as UTC or Europe/Berlin", v)
	}
	return l, nil
}

func checkEnum(values ...string) func(string) error {
	return func(v string) error {
		if !slices.Contains(values, v) {
			return fmt.Errorf("'%s' is none of %v", v, values)
		}
		return nil
	}
}

// set carries out SET, and lists the settings where it says no more.
func (s *Session) setting(stmt *parser.Set) (*Result, error) {
	if stmt.Option == nil {
		var rows [][]any
		for _, k := range slices.Sorted(maps.Keys(s.settings)) {
			rows = append(rows, []any{k, s.settings[k]})
		}
		return rowsResult(stringColumns("key", "value"), rows), nil
	}
	o := stmt.Option
	spec := findSetting(o.Key)
	if spec == nil {
		return nil, &parser.Error{Pos: o.Pos(), Msg: fmt.Sprintf("unknown setting '%s'", o.Key), Hint: nearestSetting(o.Key)}
	}
	if spec.check != nil {
		if err := spec.check(o.Value); err != nil {
			return nil, &parser.Error{Pos: o.ValuePos, Msg: fmt.Sprintf("setting '%s': %v", o.Key, err)}
		}
	}
	if o.Key == lateTopic {
		if err := s.checkLateTopic(o.Value); err != nil {
			return nil, &parser.Error{Pos: o.ValuePos, Msg: fmt.Sprintf("setting '%s': %v", o.Key, err)}
		}
	}
	if !spec.acts && s.options.Report != nil && !s.told[o.Key] {
		s.told[o.Key] = true
		s.options.Report(fmt.Sprintf("setting '%s' is known and has no effect here", o.Key))
	}
	if o.Key == "state.backend.type" && o.Value == "rocksdb" && s.options.Report != nil && !s.told[o.Key] {
		s.told[o.Key] = true
		s.options.Report("state.backend.type = rocksdb: state that memory has no room for lies in Pebble here")
	}
	s.settings[o.Key] = o.Value
	return &Result{}, nil
}

func (s *Session) reset(stmt *parser.Reset) (*Result, error) {
	if stmt.Key == nil {
		s.settings = maps.Clone(s.options.Settings)
		if s.settings == nil {
			s.settings = map[string]string{}
		}
		return &Result{}, nil
	}
	delete(s.settings, stmt.Key.Value)
	return &Result{}, nil
}

// Settings are those that were set.
func (s *Session) Settings() map[string]string { return maps.Clone(s.settings) }

// value is a setting's value, or its default.
func (s *Session) value(name string) string {
	if v, ok := s.settings[name]; ok {
		return v
	}
	return findSetting(name).def
}

func (s *Session) duration(name string) time.Duration {
	d, _ := catalog.ParseDuration(s.value(name))
	return d
}

// workers is how many workers a job gets. The number of CPUs, which nobody asked for, is
// cut to the key groups that there are without asking.
func (s *Session) workers() int {
	for _, name := range []string{"table.exec.resource.default-parallelism", "parallelism.default"} {
		if n, err := strconv.Atoi(s.value(name)); err == nil && n > 0 {
			return n
		}
	}
	return min(runtime.GOMAXPROCS(0), s.keyGroups(1))
}

// keyGroups is how many key groups a job of that many workers gets: as many as were
// asked for, or as many as Flink gives it.
func (s *Session) keyGroups(workers int) int {
	if n, err := strconv.Atoi(s.value("pipeline.max-parallelism")); err == nil {
		return n
	}
	n := defaultKeyGroups
	for n < workers+workers/2 && n < maxParallelism {
		n *= 2
	}
	return n
}

// checkWorkers refuses, as Flink does, more workers than there are key groups to share.
func (s *Session) checkWorkers(stmt parser.Node) error {
	n := s.workers()
	if groups := s.keyGroups(n); n > groups {
		return &parser.Error{Pos: stmt.Pos(), Msg: fmt.Sprintf("a parallelism of %d is higher than the max parallelism, %d: lower 'parallelism.default' or raise 'pipeline.max-parallelism'", n, groups)}
	}
	return nil
}

// jobConfig is how a job of this session runs.
func (s *Session) jobConfig() engine.Config {
	workers := s.workers()
	groups := s.keyGroups(workers)
	location, _ := zone(s.value("table.local-time-zone"))
	return engine.Config{
		Workers:        workers,
		MaxParallelism: groups,
		CommitInterval: s.duration("execution.checkpointing.interval"),
		CommitPause:    s.duration("execution.checkpointing.min-pause"),
		Forgetful:      s.forgetful(),
		Batch:          s.value("execution.runtime-mode") == "batch",
		State:          s.stateConfig(),
		Now:            s.options.Now,
		Location:       location,
		Params:         maps.Clone(s.settings),
	}
}

// delivery is how sinks write that do not say so themselves.
func (s *Session) delivery() string {
	if s.value("execution.checkpointing.mode") == "AT_LEAST_ONCE" {
		return connector.AtLeastOnce
	}
	return connector.ExactlyOnce
}

// forgetful says that jobs keep no journal: checkpointing is off, as in Flink where the
// interval is 0.
func (s *Session) forgetful() bool { return s.duration("execution.checkpointing.interval") == 0 }

// nearestSetting says which setting a misspelt name may mean.
func nearestSetting(name string) string {
	var all []string
	for _, list := range settingLists {
		for _, s := range list {
			all = append(all, s.name)
		}
	}
	best := catalog.Nearest(name, all)
	if best == "" {
		return ""
	}
	return "did you mean '" + best + "'?"
}
