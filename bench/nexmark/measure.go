package nexmark

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"syscall"
	"time"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/node"
	"github.com/millrace/millrace/internal/shell"
	"github.com/millrace/millrace/internal/sql/session"
)

// Run says how a query is measured.
type Run struct {
	Query  Query
	Events int64
	// Source is generator, log or kafka. Brokers and Topic are those of kafka; log
	// reads what Fill wrote into Data.
	Source, Brokers, Topic string
	// Data is a directory for the node and for files; empty: the node is in memory.
	Data    string
	Workers int
	// Settings are further ones of SET.
	Settings map[string]string
	// Profile is a file for a CPU profile of the query; empty: none is made.
	Profile string
}

// Measured is what a run cost, and what came out.
type Measured struct {
	Query      string  `json:"query"`
	Source     string  `json:"source"`
	Workers    int     `json:"workers"`
	Events     int64   `json:"events"`
	Seconds    float64 `json:"seconds"`
	PerSecond  float64 `json:"events_per_second"`
	CPUSeconds float64 `json:"cpu_seconds"`
	// NanosPerEvent is CPU time.
	NanosPerEvent float64 `json:"cpu_ns_per_event"`
	// PeakBytes is the largest the process has been.
	PeakBytes int64  `json:"peak_bytes"`
	Rows      int64  `json:"rows"`
	Checksum  string `json:"checksum"`
	// Check is "flink" if the result is the one that Flink gave, "differs" if it is
	// another one, and empty where none is recorded.
	Check string `json:"check,omitempty"`
	Error string `json:"error,omitempty"`
}

// table is the topic of the embedded log that Fill writes and log reads.
const table = "nexmark"

// Measure runs a query in a node of its own. CPU and memory are those of the process,
// so that one process should measure one query.
func Measure(ctx context.Context, r Run) (m Measured, err error) {
	m = Measured{Query: r.Query.Name, Source: r.Source, Workers: r.Workers, Events: r.Events}
	var ledger *Ledger
	n, err := node.Open(node.Config{Data: r.Data, Connectors: []*connector.Factory{Factory(r.Query, func() *Ledger { return ledger })}})
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	work, err := os.MkdirTemp(r.Data, "nexmark-")
	if err != nil {
		return m, err
	}
	defer os.RemoveAll(work)
	side := filepath.Join(work, "side.csv")
	if err := WriteSide(side); err != nil {
		return m, err
	}
	s := &runner{node.Local(n.Session(session.Options{Dir: work, Settings: r.settings()}))}
	if err := s.exec(ctx, forget+r.prologue()); err != nil {
		return m, err
	}
	ledger = NewLedger(false)
	if r.Profile != "" {
		f, err := os.Create(r.Profile)
		if err != nil {
			return m, err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return m, err
		}
		defer pprof.StopCPUProfile()
	}
	if m.Seconds, m.CPUSeconds, err = s.time(ctx, r.Query.Script(r.sink(work), side)); err != nil {
		return m, err
	}
	if r.Query.Files {
		if err := s.exec(ctx, readBack); err != nil {
			return m, err
		}
	}
	if err := s.exec(ctx, forget); err != nil {
		return m, err
	}
	m.PerSecond, m.NanosPerEvent = float64(r.Events)/m.Seconds, m.CPUSeconds*1e9/float64(r.Events)
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return m, err
	}
	m.PeakBytes = usage.Maxrss << 10
	return m, m.judge(r, ledger)
}

// judge compares the result with Flink's.
func (m *Measured) judge(r Run, l *Ledger) error {
	got := l.Result()
	m.Rows, m.Checksum = got.Rows(), got.Short()
	want, err := Answer(r.Query, r.Events)
	if want == nil || err != nil {
		return err
	}
	m.Check = "flink"
	if len(got.Differ(want)) > 0 || got.Total != want.Total {
		m.Check = "differs"
	}
	return nil
}

func (r *Run) settings() map[string]string {
	out := map[string]string{"table.dml-sync": "true", "parallelism.default": fmt.Sprint(max(1, r.Workers))}
	maps.Copy(out, r.Settings)
	return out
}

func (r *Run) prologue() string {
	return Prologue(r.Source, map[string]string{
		"EVENTS": fmt.Sprint(r.Events), "SPLITS": fmt.Sprint(partitions), "TOPIC": r.topic(), "BROKERS": r.Brokers,
	})
}

func (r *Run) topic() string {
	if r.Topic == "" {
		return table
	}
	return r.Topic
}

// partitions is how many the events are in.
const partitions = 4

// sink are the options of the query's result.
func (r *Run) sink(work string) string {
	if r.Query.Files {
		return fmt.Sprintf("'connector' = 'filesystem', 'format' = 'csv', 'path' = '%s/out', 'sink.partition-commit.trigger' = 'partition-time', "+
			"'sink.partition-commit.delay' = '1 min', 'sink.partition-commit.policy.kind' = 'success-file', "+
			"'partition.time-extractor.timestamp-pattern' = '$dt $hm:00', 'sink.rolling-policy.rollover-interval' = '1min', "+
			"'sink.rolling-policy.check-interval' = '1min'", work)
	}
	return "'connector' = '" + Sink + "'"
}

// Fill writes events into a topic of a node's log, in Data: each partition in order.
func Fill(ctx context.Context, data string, events int64) error {
	n, err := node.Open(node.Config{Data: data})
	if err != nil {
		return err
	}
	s := &runner{node.Local(n.Session(session.Options{Settings: map[string]string{"table.dml-sync": "true", "parallelism.default": "1"}}))}
	generator := text("ddl_generator", map[string]string{"EVENTS": fmt.Sprint(events), "SPLITS": "1"})
	err = s.exec(ctx, forget+"DROP TABLE IF EXISTS events;\n"+Prologue("log", map[string]string{"SPLITS": fmt.Sprint(partitions), "TOPIC": table})+
		strings.Replace(generator, "CREATE TABLE nexmark", "CREATE TABLE events", 1)+
		"INSERT INTO nexmark SELECT event_type, person, auction, bid FROM events;"+forget+"DROP TABLE events;")
	return errors.Join(err, n.Close())
}

// readBack digests q10's files as they are read again.
const readBack = `
	DROP TABLE IF EXISTS written;
	CREATE TABLE written (auction BIGINT, bidder BIGINT, price BIGINT, bidTime TIMESTAMP(3), extra STRING, dt STRING, hm STRING) WITH ('connector' = '` + Sink + `');
	INSERT INTO written SELECT * FROM answer;
	DROP TABLE written;
`

// forget drops what the scripts declare, which a data directory keeps. Topics stay.
const forget = `
	DROP VIEW IF EXISTS B; DROP VIEW IF EXISTS person; DROP VIEW IF EXISTS auction; DROP VIEW IF EXISTS bid;
	DROP TABLE IF EXISTS answer; DROP TABLE IF EXISTS side_input; DROP TABLE IF EXISTS nexmark;
`

// runner runs scripts in one session.
type runner struct{ session shell.Executor }

func (s *runner) exec(ctx context.Context, sql string) error {
	script := shell.Script{Text: sql, Out: io.Discard}
	stmts, err := script.Parse()
	if err != nil {
		return err
	}
	return script.Run(ctx, stmts, s.session)
}

// time runs a script, and says what its last statement, the INSERT, took.
func (s *runner) time(ctx context.Context, sql string) (seconds, cpu float64, err error) {
	before, used := time.Now(), cpuSeconds()
	if err := s.exec(ctx, sql); err != nil {
		return 0, 0, err
	}
	return time.Since(before).Seconds(), cpuSeconds() - used, nil
}

// cpuSeconds is what the process has used, in its own code and in the kernel.
func cpuSeconds() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
