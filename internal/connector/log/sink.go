package log

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/wire"
)

// flushBytes is the size at which a partition's batch is appended: large enough to
// spread its header, small enough that readers' buffers take it whole.
const flushBytes = 128 << 10

// lastEpoch is the highest producer epoch in use; a producer that reached it keeps
// it and goes on with its sequence numbers.
const lastEpoch = 32766

// sink writes a topic. Exactly once means that an epoch's batches stand in an open
// transaction, which the job's journal decides:
//
//	append … append ── Seal ── Prepare: wait until durable ── [journal] ── Commit: markers
//	                    └ the next epoch's batches are kept (gate.go) ──────────┘ append …
//
// A token names the producer and, for each partition written, the offset after its
// last batch. A transaction that is open and began before that offset belongs to
// the token's epoch; one that began at or after it was never committed.
type sink struct {
	*layout
	broker        Broker
	transactional bool
	durable       bool // sink.delivery-guarantee is not none

	mu struct {
		sync.Mutex
		topic      Topic
		producerID int64
		epoch      int16
		parts      []partState
		gate       gate
		writers    []*writer
	}
}

// partState is what the sink has written to a partition.
type partState struct {
	sequence int32 // of the next record
	last     int64 // offset of the last record appended since the last Seal, -1: none
	sealed   int64 // that of the sealed epoch
	open     bool  // a transaction may be open
	marker   int64 // offset of the last marker, -1: none
}

func newSink(l *layout, b Broker) (*sink, error) {
	guarantee, err := l.env.Guarantee(l.table.Options)
	s := &sink{layout: l, broker: b}
	s.transactional = guarantee == connector.ExactlyOnce
	s.durable = guarantee != connector.NoGuarantee
	s.mu.producerID = -1
	s.mu.epoch = -1
	return s, err
}

func (s *sink) ChangelogMode(query types.KindSet) types.KindSet {
	if s.upsert {
		return types.Upsert
	}
	return types.AppendOnly
}

func (s *sink) Transactional() bool { return s.transactional }

// Identity is the producer id under which the job writes for ever.
func (s *sink) Identity(context.Context) ([]byte, error) {
	if !s.transactional {
		return nil, nil
	}
	id, err := s.broker.AllocateProducerID()
	return binary.BigEndian.AppendUint64(nil, uint64(id)), err
}

// Recover ends every transaction that the identity left open, as the token says,
// and raises the producer epoch.
func (s *sink) Recover(_ context.Context, identity, token []byte) error {
	topic, err := s.ensure(s.broker, s.topic)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.topic = topic
	s.mu.parts = make([]partState, len(topic.Partitions))
	for i := range s.mu.parts {
		s.mu.parts[i] = partState{last: -1, sealed: -1, marker: -1}
	}
	if !s.transactional && identity == nil {
		return nil // else it was, before the job's settings changed
	}
	if len(identity) != 8 {
		return fmt.Errorf("topic %s: the journal's producer id has %d bytes, not 8", s.topic, len(identity))
	}
	s.mu.producerID = int64(binary.BigEndian.Uint64(identity))
	ends, err := s.decodeToken(token)
	if err != nil {
		return err
	}
	highest := int16(-1)
	for i, p := range topic.Partitions {
		state, known := p.Producer(s.mu.producerID)
		if !known {
			continue
		}
		highest = max(highest, state.Epoch)
		if state.TxnFirst >= 0 {
			end, named := ends[i]
			if err := s.mark(i, state.Epoch, named && state.TxnFirst < end); err != nil {
				return err
			}
		}
		if state.Epoch == lastEpoch {
			s.mu.parts[i].sequence = wire.AddSequence(state.LastSequence, 1)
		}
	}
	s.mu.epoch = min(highest+1, lastEpoch)
	return nil
}

// appendLocked writes a batch of one partition.
func (s *sink) appendLocked(n int, b *wire.Builder) error {
	p := &s.mu.parts[n]
	records := int32(b.Count())
	if s.transactional {
		b.SetProducer(s.mu.producerID, s.mu.epoch, p.sequence)
		b.SetTransactional(true)
	}
	last, err := s.mu.topic.Partitions[n].Append(b.Bytes())
	if err != nil {
		return fmt.Errorf("topic %s, partition %d: %w", s.topic, n, err)
	}
	p.sequence = wire.AddSequence(p.sequence, records)
	p.last, p.open = last, s.transactional
	return nil
}

// Seal notes how far the epoch goes. From now on a transactional sink appends nothing
// until the epoch is committed.
func (s *sink) Seal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	written := false
	for i := range s.mu.parts {
		p := &s.mu.parts[i]
		p.sealed, p.last = p.last, -1
		written = written || p.sealed >= 0
	}
	if written && s.transactional {
		s.mu.gate.shut()
	}
}

// Prepare waits until everything sealed is durable, and the markers before it in all
// partitions: the token that it gives takes the place of the one that could make them
// anew.
func (s *sink) Prepare(ctx context.Context, _ int64) ([]byte, error) {
	ends, markers, topic, err := s.sealed()
	if err != nil || !s.durable || len(ends) == 0 {
		return nil, err
	}
	for _, e := range append(markers, ends...) {
		if err := topic.Partitions[e.partition].WaitDurable(ctx, e.last); err != nil {
			return nil, fmt.Errorf("topic %s, partition %d: %w", s.topic, e.partition, err)
		}
	}
	if !s.transactional {
		return nil, nil
	}
	token := append([]byte(nil), topic.ID[:]...)
	for _, e := range ends {
		token = binary.AppendUvarint(token, uint64(e.partition))
		token = binary.AppendUvarint(token, uint64(e.last+1))
	}
	return token, nil
}

// end is the last record in a partition that is waited for.
type end struct {
	partition int
	last      int64
}

// sealed are the ends of the sealed epoch, and the last markers.
func (s *sink) sealed() (ends, markers []end, topic Topic, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.mu.parts {
		p := &s.mu.parts[i]
		if p.sealed >= 0 {
			ends = append(ends, end{i, p.sealed})
		}
		if p.marker >= 0 {
			markers = append(markers, end{i, p.marker})
		}
	}
	return ends, markers, s.mu.topic, s.mu.gate.err
}

// decodeToken is the end offset by partition.
func (s *sink) decodeToken(token []byte) (map[int]int64, error) {
	return tokenEnds(token, s.mu.topic.ID)
}

// tokenEnds is the end offset by partition; a token of a topic that was deleted and made
// again names nothing.
func tokenEnds(token []byte, topic TopicID) (map[int]int64, error) {
	ends := map[int]int64{}
	if token == nil {
		return ends, nil
	}
	if len(token) < len(TopicID{}) {
		return nil, errors.New("a log sink's token is too short")
	}
	if TopicID(token[:16]) != topic {
		return ends, nil
	}
	for token = token[16:]; len(token) > 0; {
		n, a := binary.Uvarint(token)
		if a <= 0 {
			return nil, errors.New("a log sink's token is broken")
		}
		end, b := binary.Uvarint(token[a:])
		if b <= 0 {
			return nil, errors.New("a log sink's token is broken")
		}
		ends[int(n)], token = int64(end), token[a+b:]
	}
	return ends, nil
}

// Commit appends the markers of the token's transactions that are still open, and
// right behind each what the writers were made to keep: one sync makes both durable.
func (s *sink) Commit(_ context.Context, token []byte) error {
	writers := s.lockWriters()
	defer unlock(writers)
	s.mu.Lock()
	defer s.mu.Unlock()
	ends, err := s.decodeToken(token)
	if err != nil {
		return err
	}
	for i := range s.mu.parts {
		if end, named := ends[i]; named {
			if err := s.commitLocked(i, end); err != nil {
				return err
			}
		}
		s.handOver(i, writers)
	}
	s.mu.gate.open()
	return nil
}

func (s *sink) commitLocked(i int, end int64) error {
	state, ok := s.mu.topic.Partitions[i].Producer(s.mu.producerID)
	if !ok || state.TxnFirst < 0 || state.TxnFirst >= end {
		return nil
	}
	if err := s.mark(i, s.mu.epoch, true); err != nil {
		return err
	}
	s.mu.parts[i].open = false
	return nil
}

// Abort ends what is still open, so that no reader waits behind it.
func (s *sink) Abort(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.gate.open()
	var errs []error
	for i := range s.mu.parts {
		if !s.mu.parts[i].open {
			continue
		}
		p := s.mu.topic.Partitions[i]
		if state, ok := p.Producer(s.mu.producerID); ok && state.TxnFirst >= 0 {
			errs = append(errs, s.mark(i, state.Epoch, false))
		}
		s.mu.parts[i].open = false
	}
	return errors.Join(errs...)
}

// mark ends the producer's transaction in a partition. It is called with mu held.
func (s *sink) mark(i int, epoch int16, commit bool) error {
	offset, err := s.mu.topic.Partitions[i].AppendMarker(s.mu.producerID, epoch, commit)
	if err != nil {
		return fmt.Errorf("topic %s, partition %d: %w", s.topic, i, err)
	}
	s.mu.parts[i].marker = offset
	return nil
}

// closePatience is how long Close waits for a disk.
const closePatience = 10 * time.Second

// Close waits until the last markers are durable: whoever waited for the job's end
// finds its results there.
func (s *sink) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx, stop := context.WithTimeout(context.Background(), closePatience)
	defer stop()
	var errs []error
	for i := range s.mu.parts {
		if m := s.mu.parts[i].marker; m >= 0 {
			errs = append(errs, s.mu.topic.Partitions[i].WaitDurable(ctx, m))
		}
	}
	return errors.Join(errs...)
}

// Writer opens the writer of a worker.
func (s *sink) Writer(ctx context.Context, _, _ int) (connector.Writer, error) {
	return newWriter(ctx, s)
}

func (s *sink) now() int64 {
	if s.env.Now != nil {
		return s.env.Now().UnixMilli()
	}
	return time.Now().UnixMilli()
}
