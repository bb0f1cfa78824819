package node

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/millrace/millrace/internal/broker"
	"github.com/millrace/millrace/internal/broker/metadata"
	"github.com/millrace/millrace/internal/commitlog"
	"github.com/millrace/millrace/internal/engine"
	"github.com/millrace/millrace/internal/sql/session"
	"github.com/millrace/millrace/internal/wire"
)

// systemTopic is what the node remembers of itself: one partition, whose records are
// the entries below as JSON. It is small (DDL, jobs, runs of scripts) and is read in
// full at the start.
const systemTopic = "__millrace"

// entry is one record: exactly one field is set.
type entry struct {
	DDL *ddlEntry `json:"ddl,omitempty"`
	Job *jobEntry `json:"job,omitempty"`
	Run *runEntry `json:"run,omitempty"`
}

// ddlEntry is a statement that changed the catalog. Carrying out all of them in
// order makes the catalog again. Their numbers show what damage has taken.
type ddlEntry struct {
	Number   int       `json:"number"` // from 0
	Database [2]string `json:"database"`
	Text     string    `json:"text"`
	Dir      string    `json:"dir"`

	lost bool // only the number is known
}

// jobEntry is a job as it was submitted, or, with an ID that came before, its new
// state.
type jobEntry struct {
	ID        string            `json:"id"`
	State     string            `json:"state"`
	Error     string            `json:"error,omitempty"`
	Name      string            `json:"name,omitempty"`
	Text      string            `json:"text,omitempty"`
	Database  [2]string         `json:"database"`
	Settings  map[string]string `json:"settings,omitempty"`
	Dir       string            `json:"dir,omitempty"`
	DDL       int               `json:"ddl"` // how many DDL entries it was planned with
	Submitted time.Time         `json:"submitted"`
	User      session.User      `json:"user,omitzero"` // with whose rights it runs; empty: with all
	// Savepoint is what the job began with.
	Savepoint string `json:"savepoint,omitempty"`

	// What follows changes in a job's life, as State and Error do. At is when it did.
	At          time.Time `json:"at,omitzero"`
	Parallelism int       `json:"parallelism,omitempty"` // if it was rescaled
	// Failures of an update are new ones.
	Failures      []session.JobFailure `json:"failures,omitempty"`
	MadeSavepoint string               `json:"madeSavepoint,omitempty"`

	last int64 // offset of what was last written of it
}

// update takes over what an entry says that came later.
func (e *jobEntry) update(later *jobEntry) {
	if later.State != "" {
		e.State, e.Error = later.State, later.Error
	}
	if !later.At.IsZero() {
		e.At = later.At
	}
	if later.Parallelism > 0 {
		e.Parallelism = later.Parallelism
	}
	if later.MadeSavepoint != "" {
		e.MadeSavepoint = later.MadeSavepoint
	}
	all := append(e.Failures[:len(e.Failures):len(e.Failures)], later.Failures...)
	e.Failures = all[max(0, len(all)-historyOfFailures):]
}

// over says that the job has ended for good.
func (e *jobEntry) over() bool {
	return e.State == string(engine.Finished) || e.State == string(engine.Canceled)
}

// runEntry is how far a script has come.
type runEntry struct {
	Script string `json:"script"` // its text
	Name   string `json:"name"`
	At     int    `json:"at"` // the statement that is running
	Job    string `json:"job,omitempty"`
	Done   bool   `json:"done"`
}

// system is the system topic's partition. The topic is made when there is something
// to remember: a start on an empty directory waits for no disk because of it.
type system struct {
	meta *metadata.Store
	mu   struct {
		sync.Mutex
		log     *commitlog.Log // nil while there is no topic
		builder *wire.Builder
	}
}

func openSystem(b *broker.Broker) (*system, memory, error) {
	s := &system{meta: b.Metadata()}
	s.mu.builder = wire.NewBuilder(nil)
	t := s.meta.Topic(systemTopic)
	if t == nil {
		return s, memory{}, nil
	}
	log, err := s.meta.PartitionOf(t, 0)
	if err != nil {
		return nil, memory{}, err
	}
	s.mu.log = log
	m, err := readMemory(log)
	if err != nil {
		return nil, m, fmt.Errorf("topic %s, which holds the node's tables and jobs: %w", systemTopic, err)
	}
	return s, m, nil
}

// memory is what the system topic holds: its entries in order, and from where to where
// damage has taken some.
type memory struct {
	entries []entry
	offsets []int64
	holes   []hole
}

type hole struct{ first, next int64 }

// holeAfter says whether something may be lost that came after an offset.
func (m *memory) holeAfter(offset int64) bool {
	return len(m.holes) > 0 && m.holes[len(m.holes)-1].first > offset
}

func readMemory(log *commitlog.Log) (m memory, err error) {
	var buf []byte
	for at := log.StartOffset(); at < log.EndOffset(); {
		chunk, err := log.Read(at, 1<<20, commitlog.End, true)
		if err != nil {
			return m, err
		}
		if chunk.Damage != nil {
			m.holes = append(m.holes, hole{chunk.Damage.First, chunk.Damage.Next})
		}
		buf, err = chunk.Bytes(buf[:0])
		chunk.Release()
		if err != nil {
			return m, err
		}
		for rest := buf; len(rest) > 0; {
			var b wire.Batch
			if b, rest, err = wire.ParseBatch(rest); err != nil {
				return m, err
			}
			if err = m.decode(b); err != nil {
				return m, err
			}
			at = b.NextOffset()
		}
	}
	return m, nil
}

func (m *memory) decode(b wire.Batch) error {
	it := wire.Records(b, nil)
	for it.Next() {
		var e entry
		if err := json.Unmarshal(it.Record().Value, &e); err != nil {
			return fmt.Errorf("offset %d: %w", it.Record().Offset, err)
		}
		m.entries, m.offsets = append(m.entries, e), append(m.offsets, it.Record().Offset)
	}
	return it.Err()
}

// ddl are the statements by their numbers; those that are lost are marked.
func (m *memory) ddl() (all []ddlEntry) {
	upTo := func(n int) {
		for len(all) < n {
			all = append(all, ddlEntry{Number: len(all), lost: true})
		}
	}
	for _, e := range m.entries {
		switch {
		case e.DDL != nil:
			upTo(e.DDL.Number)
			all = append(all, *e.DDL)
		case e.Job != nil && len(m.holes) > 0:
			upTo(e.Job.DDL)
		}
	}
	return all
}

// write makes an entry durable.
func (s *system) write(e entry) error {
	value, err := json.Marshal(e)
	if err != nil {
		return err
	}
	log, last, err := s.append(value)
	if err != nil {
		return err
	}
	return log.WaitDurable(context.Background(), last)
}

func (s *system) append(value []byte) (log *commitlog.Log, last int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.log == nil {
		if s.mu.log, err = s.create(); err != nil {
			return nil, 0, err
		}
	}
	s.mu.builder.Reset(nil)
	s.mu.builder.Append(time.Now().UnixMilli(), nil, value, nil)
	info, err := s.mu.log.Append(s.mu.builder.Bytes(), commitlog.Internal, leaderEpoch)
	return s.mu.log, info.LastOffset, err
}

func (s *system) create() (*commitlog.Log, error) {
	t, err := s.meta.Create(systemTopic, 1, map[string]string{"retention.ms": "-1", "retention.bytes": "-1"})
	if err != nil {
		return nil, err
	}
	return s.meta.PartitionOf(t, 0)
}
