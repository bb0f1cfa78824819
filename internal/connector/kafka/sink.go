package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/millrace/millrace/internal/connector"
	logconn "github.com/millrace/millrace/internal/connector/log"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
	"github.com/millrace/millrace/internal/wire"
)

// keepBytes is how much of the next epoch a transactional sink keeps while one is
// committed; beyond that its writers wait.
const keepBytes = 16 << 20

// sink writes a topic of a cluster.
//
//	none            records are sent
//	at-least-once   Prepare waits until all of the epoch are acknowledged
//	exactly-once    they stand in the transaction in which the job's journal is (journal.go): its
//	                commit is theirs. Between Seal and Commit the next epoch's are kept
type sink struct {
	table     connector.Table
	env       connector.Env
	config    config
	rows      *logconn.Rows // for what can be asked of a table
	guarantee string
	fixed     bool // sink.partitioner
	robin     bool

	transaction *transaction    // of exactly-once; OpenJournal gives it
	ctx         context.Context // of the writers: records that are not sent yet end with it

	mu struct {
		sync.Mutex
		client *kgo.Client // its own, of all else
		err    error       // of a record that was not taken
		now    *sync.WaitGroup
		sealed *sync.WaitGroup
		shut   chan struct{} // closed when the gate opens; nil while it is open
		kept   []*kgo.Record
		bytes  int
	}
}

func newSink(t connector.Table, env connector.Env) (connector.Sink, error) {
	c, err := readConfig(properties(t.Options))
	if err != nil {
		return nil, err
	}
	rows, err := logconn.NewRows(t, env)
	if err != nil {
		return nil, err
	}
	s := &sink{table: t, env: env, config: c, rows: rows, guarantee: connector.AtLeastOnce}
	if t.Options["sink.delivery-guarantee"] != "" {
		if s.guarantee, err = env.Guarantee(t.Options); err != nil {
			return nil, err
		}
	}
	s.fixed, s.robin = t.Options["sink.partitioner"] == "fixed", t.Options["sink.partitioner"] == "round-robin"
	s.mu.now, s.mu.sealed = new(sync.WaitGroup), new(sync.WaitGroup)
	return s, nil
}

func (s *sink) ChangelogMode(types.KindSet) types.KindSet { return s.rows.Changelog() }
func (s *sink) Transactional() bool                       { return s.guarantee == connector.ExactlyOnce }

// Identity is none: the transactional id is the job's.
func (s *sink) Identity(context.Context) ([]byte, error) { return nil, nil }

// Recover has nothing to decide: what belongs to the journal's last commit was committed
// with it.
func (s *sink) Recover(context.Context, []byte, []byte) error {
	if s.Transactional() {
		if s.transaction == nil {
			return errors.New("exactly-once on a Kafka cluster needs a job with a journal; use 'sink.delivery-guarantee' = 'at-least-once'")
		}
		return nil
	}
	opts, err := s.config.options()
	if err != nil {
		return err
	}
	s.mu.client, err = kgo.NewClient(append(opts, producing(&s.config)...)...)
	return err
}

func (s *sink) client() *kgo.Client {
	if s.transaction != nil {
		return s.transaction.client
	}
	return s.mu.client
}

// send hands a record over; its bytes are the sink's.
func (s *sink) send(ctx context.Context, r *kgo.Record) {
	if s.transaction != nil {
		if err := s.transaction.begin(); err != nil {
			s.fail(err)
			return
		}
	}
	s.mu.Lock()
	epoch := s.mu.now
	s.mu.Unlock()
	epoch.Add(1)
	s.client().Produce(ctx, r, func(_ *kgo.Record, err error) {
		s.fail(err)
		epoch.Done()
	})
}

func (s *sink) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.err == nil && err != nil {
		s.mu.err = fmt.Errorf("topic %s: %w", s.rows.Topic(), explain(&s.config, err))
	}
}

func (s *sink) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.err
}

// Seal ends the epoch. A transactional sink keeps what follows even where it has written
// nothing: the transaction that ends now may be another sink's.
func (s *sink) Seal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.sealed, s.mu.now = s.mu.now, new(sync.WaitGroup)
	if s.Transactional() {
		s.mu.shut = make(chan struct{})
	}
}

// Prepare waits until the cluster has acknowledged the sealed records.
func (s *sink) Prepare(context.Context, int64) ([]byte, error) {
	s.mu.Lock()
	sealed := s.mu.sealed
	s.mu.Unlock()
	if s.guarantee != connector.NoGuarantee {
		done := make(chan struct{})
		go func() { sealed.Wait(); close(done) }()
		select {
		case <-done:
		case <-time.After(s.config.patience):
			return nil, fmt.Errorf("topic %s: %w", s.rows.Topic(), explain(&s.config, context.DeadlineExceeded))
		}
	}
	if s.Transactional() {
		return []byte{1}, s.failed()
	}
	return nil, s.failed()
}

// Commit lets the next epoch through: the transaction has ended with the journal's
// commit record.
func (s *sink) Commit(context.Context, []byte) error {
	s.mu.Lock()
	kept := s.open()
	s.mu.Unlock()
	for _, r := range kept {
		s.send(s.ctx, r)
	}
	return nil
}

// open opens the gate and returns what was kept. The lock is held.
func (s *sink) open() []*kgo.Record {
	kept := s.mu.kept
	s.mu.kept, s.mu.bytes = nil, 0
	if s.mu.shut != nil {
		close(s.mu.shut)
		s.mu.shut = nil
	}
	return kept
}

// Abort drops what was not committed.
func (s *sink) Abort(ctx context.Context) error {
	s.mu.Lock()
	s.open()
	s.mu.Unlock()
	if s.transaction != nil {
		return s.transaction.abort(ctx)
	}
	return nil
}

// Close sends what is left; the transaction's client is closed with the journal.
func (s *sink) Close() error {
	if s.mu.client == nil {
		return nil
	}
	ctx, stop := context.WithTimeout(context.Background(), s.config.patience)
	defer stop()
	err := s.mu.client.Flush(ctx)
	s.mu.client.Close()
	return errors.Join(err, s.failed())
}

// Writer opens the writer of a worker.
func (s *sink) Writer(ctx context.Context, worker, _ int) (connector.Writer, error) {
	rows, err := logconn.NewRows(s.table, s.env)
	w := &writer{sink: s, rows: rows, ctx: ctx, worker: int32(worker)}
	w.put = w.add
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ctx = ctx
	return w, err
}

// writer makes records of one worker's rows.
type writer struct {
	sink    *sink
	rows    *logconn.Rows
	put     logconn.Put
	ctx     context.Context
	worker  int32
	pending []*kgo.Record
}

func (w *writer) Write(b *vec.Batch) error {
	now := time.Now
	if w.sink.env.Now != nil {
		now = w.sink.env.Now
	}
	w.pending = w.pending[:0]
	if err := w.rows.Encode(b, now().UnixMilli(), w.put); err != nil {
		return err
	}
	return w.hand()
}

func (w *writer) add(ts int64, key, value []byte, headers []wire.Header) error {
	// One piece of memory a record; what is nil stays nil, for it means something.
	bytes := append(append(make([]byte, 0, len(key)+len(value)), key...), value...)
	r := &kgo.Record{Topic: w.rows.Topic(), Timestamp: time.UnixMilli(ts), Partition: anyPartition}
	if key != nil {
		r.Key = bytes[:len(key):len(key)]
	}
	if value != nil {
		r.Value = bytes[len(key):]
	}
	for _, h := range headers {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: h.Key, Value: slices.Clone(h.Value)})
	}
	switch {
	case w.sink.fixed:
		r.Partition = w.worker
	case w.sink.robin:
		r.Partition = eachPartition
	}
	w.pending = append(w.pending, r)
	return nil
}

// hand sends what was made of a batch, or keeps it while the gate is shut.
func (w *writer) hand() error {
	s := w.sink
	for {
		s.mu.Lock()
		shut, err := s.mu.shut, s.mu.err
		if err == nil && shut != nil && s.mu.bytes < keepBytes {
			for _, r := range w.pending {
				s.mu.bytes += len(r.Key) + len(r.Value) + 100
			}
			s.mu.kept = append(s.mu.kept, w.pending...)
			s.mu.Unlock()
			return nil
		}
		s.mu.Unlock()
		if err != nil {
			return err
		}
		if shut == nil {
			break
		}
		select {
		case <-shut:
		case <-w.ctx.Done():
			return w.ctx.Err()
		}
	}
	for _, r := range w.pending {
		s.send(w.ctx, r)
	}
	return nil
}

// Flush has nothing to do: records are on their way, or kept.
func (w *writer) Flush() error { return w.sink.failed() }
func (w *writer) Close() error { return nil }
