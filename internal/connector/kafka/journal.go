package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/connector"
	logconn "github.com/millrace/millrace/internal/connector/log"
	"github.com/millrace/millrace/internal/wire"
)

// Journal is the journal of a job that writes exactly once to a Kafka cluster: a topic of
// one partition there. It is written in the same transactions as the job's results, so
// the cluster's coordinator decides both at once, and there is nothing in doubt that the
// job would have to settle:
//
//	begin │ results … │ run of the journal, commit record │ EndTransaction: THIS IS THE COMMIT
//	      └ whoever comes next fences with the same transactional id, and reads the journal
//	        read_committed to the end that it has after that
//
// It implements the engine's journal.Log: WaitDurable, which is asked for a commit record
// only, ends the transaction.
type Journal struct {
	*transaction
	topic string
	id    logconn.TopicID
	admin *kadm.Client
	start int64
	end   int64
}

// transaction is the one that a job's sinks and its journal write in.
type transaction struct {
	client *kgo.Client
	config *config

	mu struct {
		sync.Mutex
		open bool
	}
}

// begin makes sure that a transaction is open.
func (t *transaction) begin() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mu.open {
		return nil
	}
	err := t.client.BeginTransaction()
	t.mu.open = err == nil
	return err
}

func (t *transaction) finish(ctx context.Context, commit kgo.TransactionEndTry) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.mu.open {
		return nil
	}
	if err := t.client.EndTransaction(ctx, commit); err != nil {
		return explain(t.config, err)
	}
	t.mu.open = false
	return nil
}

// abort drops everything since the last commit.
func (t *transaction) abort(ctx context.Context) error {
	if err := t.client.AbortBufferedRecords(ctx); err != nil {
		return err
	}
	return t.finish(ctx, kgo.TryAbort)
}

// journalTopic is the prefix of the names of journals, which are topics like others on
// the cluster.
const journalTopic = "millrace_journal_"

// OpenJournal opens the journal of a job where its sinks are, and enlists them; nil if
// none of them needs it. It fences an earlier run of the same job.
func OpenJournal(ctx context.Context, jobID string, sinks []connector.Sink) (*Journal, error) {
	var enlisted []*sink
	for _, s := range sinks {
		if s, ok := s.(*sink); ok && s.Transactional() {
			enlisted = append(enlisted, s)
		}
	}
	if len(enlisted) == 0 {
		return nil, nil
	}
	first := enlisted[0]
	for _, s := range enlisted[1:] {
		if !slices.Equal(s.config.seeds, first.config.seeds) {
			return nil, fmt.Errorf("a job can write exactly once to one Kafka cluster, and this one writes to %s and to %s; use 'sink.delivery-guarantee' = 'at-least-once' for one of them, or two jobs",
				first.config.where(), s.config.where())
		}
	}
	j, err := openJournal(ctx, jobID, first)
	if err != nil {
		return nil, fmt.Errorf("journal of job %s: %w", jobID, explain(&first.config, err))
	}
	for _, s := range enlisted {
		s.transaction = j.transaction
	}
	return j, nil
}

func openJournal(ctx context.Context, jobID string, s *sink) (_ *Journal, err error) {
	opts, err := s.config.options()
	if err != nil {
		return nil, err
	}
	opts = append(opts, producing(&s.config)...)
	opts = append(opts, kgo.TransactionalID(s.table.Options["sink.transactional-id-prefix"]+"-"+jobID), kgo.TransactionTimeout(s.config.transaction),
		kgo.ProducerBatchMaxBytesFn(func(topic string) int32 {
			if topic == journalTopic+jobID {
				return maxRecord
			}
			return 1_000_000
		}))
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			client.Close()
		}
	}()
	ctx, stop := context.WithTimeout(ctx, s.config.patience)
	defer stop()
	j := &Journal{transaction: &transaction{client: client, config: &s.config}, topic: journalTopic + jobID, admin: kadm.NewClient(client)}
	if err := j.create(ctx); err != nil {
		return nil, fmt.Errorf("topic %s: %w", j.topic, err)
	}
	if _, _, err := client.ProducerID(ctx); err != nil {
		return nil, fmt.Errorf("transactional id of job %s: %w", jobID, err)
	}
	return j, j.bounds(ctx)
}

// create makes the topic, or checks the one that is there: nothing may be deleted from a
// journal but by the job.
func (j *Journal) create(ctx context.Context) error {
	keep, size := "-1", fmt.Sprint(maxRecord)
	replicas := int16(-1)
	_, err := j.admin.CreateTopic(ctx, 1, replicas, map[string]*string{"retention.ms": &keep, "retention.bytes": &keep, "max.message.bytes": &size}, j.topic)
	if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		return err
	}
	t, err := j.known(ctx)
	if err != nil {
		return err
	}
	j.id = logconn.TopicID(t.ID)
	configs, err := j.admin.DescribeTopicConfigs(ctx, j.topic)
	if err != nil {
		return err
	}
	for _, c := range configs {
		for _, k := range c.Configs {
			if v := k.MaybeValue(); (k.Key == "retention.ms" || k.Key == "retention.bytes") && v != "-1" || k.Key == "cleanup.policy" && v != "delete" {
				return fmt.Errorf("%s is %s: a journal must be kept whole; set retention.ms and retention.bytes to -1 and cleanup.policy to delete", k.Key, v)
			}
		}
	}
	return nil
}

// known waits until the cluster knows the topic and its leader: a topic that was made is
// not known to every broker at once.
func (j *Journal) known(ctx context.Context) (t kadm.TopicDetail, err error) {
	for {
		m, err := j.admin.Metadata(ctx, j.topic)
		if err != nil {
			return t, err
		}
		t = m.Topics[j.topic]
		if err = t.Err; err == nil && len(t.Partitions) == 1 && t.Partitions[0].Leader >= 0 {
			return t, nil
		}
		if err != nil && !kerr.IsRetriable(err) {
			return t, err
		}
		select {
		case <-ctx.Done():
			return t, errors.Join(ctx.Err(), err)
		case <-time.After(firstPause):
		}
	}
}

// bounds finds where the journal begins and ends. An aborted transaction of an earlier
// run is waited for: its marker is written before the producer id is given out, and is
// readable a moment later.
func (j *Journal) bounds(ctx context.Context) error {
	starts, err := j.admin.ListStartOffsets(ctx, j.topic)
	if err != nil {
		return err
	}
	for {
		ends, err := j.admin.ListEndOffsets(ctx, j.topic)
		if err != nil {
			return err
		}
		stable, err := j.admin.ListCommittedOffsets(ctx, j.topic)
		if err != nil {
			return err
		}
		first, _ := starts.Lookup(j.topic, 0)
		last, ok := ends.Lookup(j.topic, 0)
		committed, _ := stable.Lookup(j.topic, 0)
		if err := errors.Join(first.Err, last.Err, committed.Err); err != nil && !kerr.IsRetriable(err) {
			return err
		} else if err == nil && ok && committed.Offset >= last.Offset {
			j.start, j.end = first.Offset, last.Offset
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("topic %s has a transaction that does not end: %w", j.topic, ctx.Err())
		case <-time.After(firstPause):
		}
	}
}

// Append adds the records of batches to the open transaction, and waits until the cluster
// has them.
func (j *Journal) Append(batches []byte) (last int64, err error) {
	if err := j.begin(); err != nil {
		return 0, err
	}
	var records []*kgo.Record
	for rest := batches; len(rest) > 0; {
		var b wire.Batch
		if b, rest, err = wire.ParseBatch(rest); err != nil {
			return 0, err
		}
		for it := wire.Records(b, nil); it.Next(); {
			r := it.Record()
			records = append(records, &kgo.Record{Topic: j.topic, Key: slices.Clone(r.Key), Value: slices.Clone(r.Value), Timestamp: time.UnixMilli(r.Timestamp)})
		}
	}
	results := j.client.ProduceSync(context.Background(), records...)
	if err := results.FirstErr(); err != nil {
		return 0, explain(j.config, err)
	}
	for _, r := range results {
		last = max(last, r.Record.Offset)
	}
	j.end = last + 1
	return last, nil
}

// WaitDurable commits the transaction: the records, and the results beside them.
func (j *Journal) WaitDurable(ctx context.Context, _ int64) error {
	return j.finish(ctx, kgo.TryCommit)
}

// Start is the first offset that may be read.
func (j *Journal) Start() int64 { return j.start }

// End is the offset after the last record that is known.
func (j *Journal) End() int64 { return j.end }

// Read gives batches of committed transactions; in place of others there is an empty one.
func (j *Journal) Read(from int64, limit int, buf []byte) ([]byte, error) {
	if from >= j.end {
		return nil, nil
	}
	ctx, stop := context.WithTimeout(context.Background(), j.config.patience)
	defer stop()
	for {
		a, err := j.fetch(ctx, from, limit)
		if err != nil {
			return nil, explain(j.config, err)
		}
		ch, err := readChunk(a, from)
		if err != nil {
			return nil, err
		}
		if len(ch.bytes) > 0 {
			return committedOnly(ch, buf[:0])
		}
	}
}

// committedOnly copies a chunk, and puts empty batches where it has others than data of
// committed transactions.
func committedOnly(ch chunk, out []byte) ([]byte, error) {
	for rest := ch.bytes; len(rest) > 0; {
		b, after, err := wire.ParseBatch(rest)
		if err != nil {
			return nil, err
		}
		if rest = after; b.IsControl() || logconn.IsAborted(ch.aborted, b) {
			b = wire.EmptyBatch(b.BaseOffset(), b.LastOffset())
		}
		out = append(out, b...)
	}
	return out, nil
}

func (j *Journal) fetch(ctx context.Context, from int64, limit int) (*kmsg.FetchResponseTopicPartition, error) {
	for {
		t, err := j.known(ctx)
		if err != nil {
			return nil, err
		}
		req := kmsg.NewPtrFetchRequest()
		req.ReplicaID, req.SessionEpoch, req.IsolationLevel, req.MinBytes = -1, -1, 1, 1
		req.MaxWaitMillis, req.MaxBytes = 500, int32(limit)
		topic, part := kmsg.NewFetchRequestTopic(), kmsg.NewFetchRequestTopicPartition()
		topic.Topic, topic.TopicID = j.topic, j.id
		part.FetchOffset, part.PartitionMaxBytes = from, int32(limit)
		topic.Partitions = append(topic.Partitions, part)
		req.Topics = append(req.Topics, topic)
		resp, err := j.client.Broker(int(t.Partitions[0].Leader)).RetriableRequest(ctx, req)
		if err != nil {
			return nil, err
		}
		r := resp.(*kmsg.FetchResponse)
		if len(r.Topics) != 1 || len(r.Topics[0].Partitions) != 1 {
			return nil, errors.New("the broker's answer is of another partition")
		}
		a := &r.Topics[0].Partitions[0]
		err = kerr.ErrorForCode(a.ErrorCode)
		if err == nil || !kerr.IsRetriable(err) {
			return a, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(firstPause):
		}
	}
}

// DeleteBefore lets the cluster forget the records before offset.
func (j *Journal) DeleteBefore(offset int64) error {
	ctx, stop := context.WithTimeout(context.Background(), j.config.patience)
	defer stop()
	var o kadm.Offsets
	o.Add(kadm.Offset{Topic: j.topic, Partition: 0, At: offset, LeaderEpoch: -1})
	r, err := j.admin.DeleteRecords(ctx, o)
	if err == nil {
		err = r.Error()
	}
	if err != nil {
		return explain(j.config, err)
	}
	j.start = offset
	return nil
}

// Close ends the connections; what was not committed is aborted before.
func (j *Journal) Close() { j.client.Close() }

// Drop deletes the journal of a job that has ended.
func (j *Journal) Drop() error {
	ctx, stop := context.WithTimeout(context.Background(), j.config.patience)
	defer stop()
	r, err := j.admin.DeleteTopics(ctx, j.topic)
	if err == nil {
		err = r.Error()
	}
	if err != nil {
		return fmt.Errorf("topic %s: %w", j.topic, explain(j.config, err))
	}
	return nil
}
