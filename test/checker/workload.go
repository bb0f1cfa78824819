package checker

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	topic      = "judged"
	partitions = 3
	group      = "judged-by"
)

// workload is a set of processes that write to a node and read from it, through
// whatever happens to it, and note what they see.
type workload struct {
	*History
	t       *testing.T
	addr    string
	seed    uint64
	values  atomic.Int64
	txns    atomic.Int64
	session atomic.Int64
	running sync.WaitGroup
}

// start begins to write and read; finish, called once the node is up for good, ends
// it and reads everything once more.
func startWorkload(t *testing.T, addr string, seed uint64) *workload {
	w := &workload{History: NewHistory(), t: t, addr: addr, seed: seed}
	admin := kadm.NewClient(w.client())
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	if _, err := admin.CreateTopic(ctx, partitions, 1, nil, topic); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *workload) run(ctx context.Context) {
	for p := range 2 {
		w.running.Go(func() { w.plain(ctx, p) })
		w.running.Go(func() { w.transactional(ctx, 2+p) })
	}
	w.running.Go(func() { w.read(ctx, false) })
	w.running.Go(func() { w.read(ctx, true) })
	w.running.Go(func() { w.positions(ctx) })
}

func (w *workload) client(opts ...kgo.Opt) *kgo.Client {
	cl, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(w.addr), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DefaultProduceTopic(topic),
		kgo.FetchMaxWait(200 * time.Millisecond), kgo.RetryBackoffFn(func(int) time.Duration { return 20 * time.Millisecond }),
		kgo.AlwaysRetryEOF(), kgo.RetryTimeout(time.Minute), kgo.RequestRetries(1 << 20), kgo.MetadataMinAge(50 * time.Millisecond),
	}, opts...)...)
	if err != nil {
		w.t.Fatal(err) // the options are wrong
	}
	w.t.Cleanup(cl.Close)
	return cl
}

func (w *workload) rand(process int) *rand.Rand {
	return rand.New(rand.NewPCG(w.seed, uint64(process)))
}

// produce sends one record; the history has its outcome when the client has.
func (w *workload) produce(cl *kgo.Client, process int, partition int32, txn int64) {
	v := w.values.Add(1)
	n := w.Sent(Write{Process: process, Partition: partition, Value: v, Txn: txn})
	cl.Produce(context.Background(), &kgo.Record{Partition: partition, Value: strconv.AppendInt(nil, v, 10)}, func(r *kgo.Record, err error) {
		if err == nil {
			w.Answered(n, Done, r.Offset)
		}
	})
}

// plain is an idempotent producer.
func (w *workload) plain(ctx context.Context, process int) {
	r, cl := w.rand(process), w.client()
	for ctx.Err() == nil {
		for range 1 + r.IntN(10) {
			w.produce(cl, process, r.Int32N(partitions), 0)
		}
		time.Sleep(time.Duration(r.IntN(4)) * time.Millisecond)
	}
	w.flush(cl)
}

func (w *workload) flush(cl *kgo.Client) {
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	if err := cl.Flush(ctx); err != nil {
		w.t.Errorf("records that no answer came for in a minute: %v", err)
	}
}

// transactional is a producer of transactions, some of which it aborts. A client
// that has failed is left behind with its transaction open; the next one with its
// id fences it.
func (w *workload) transactional(ctx context.Context, process int) {
	r := w.rand(process)
	for ctx.Err() == nil {
		cl := w.client(kgo.TransactionalID(fmt.Sprint("judged-", process)), kgo.TransactionTimeout(time.Minute))
		for ctx.Err() == nil {
			if err := w.transaction(cl, process, r); err != nil {
				break
			}
		}
		cl.Close()
	}
	// Whatever the last client left open ends here.
	cl := w.client(kgo.TransactionalID(fmt.Sprint("judged-", process)))
	if err := w.transaction(cl, process, r); err != nil {
		w.t.Errorf("a transaction on a node at peace: %v", err)
	}
}

// endTimeout bounds the wait for a transaction's end.
const endTimeout = 30 * time.Second

func (w *workload) transaction(cl *kgo.Client, process int, r *rand.Rand) error {
	if err := cl.BeginTransaction(); err != nil {
		return err
	}
	id := w.txns.Add(1)
	for range 1 + r.IntN(8) {
		w.produce(cl, process, r.Int32N(partitions), id)
	}
	ctx, stop := context.WithTimeout(context.Background(), endTimeout)
	defer stop()
	if err := cl.Flush(ctx); err != nil {
		return err
	}
	commit := r.IntN(3) > 0
	if err := cl.EndTransaction(ctx, kgo.TransactionEndTry(commit)); err != nil {
		return err
	}
	w.Txn(id, map[bool]Outcome{true: Done, false: Refused}[commit])
	return nil
}

// read follows the topic from its start.
func (w *workload) read(ctx context.Context, committed bool) {
	cl := w.client(w.reading(committed)...)
	session := int(w.session.Add(1))
	for ctx.Err() == nil {
		cl.PollFetches(ctx).EachRecord(func(r *kgo.Record) { w.saw(session, committed, r) })
	}
}

func (w *workload) reading(committed bool) []kgo.Opt {
	level := kgo.ReadUncommitted()
	if committed {
		level = kgo.ReadCommitted()
	}
	return []kgo.Opt{kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(level), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())}
}

func (w *workload) saw(session int, committed bool, r *kgo.Record) {
	w.Saw(Read{Session: session, Committed: committed, Place: Place{r.Partition, r.Offset}, Value: w.value(r)})
}

func (w *workload) value(r *kgo.Record) int64 {
	v, err := strconv.ParseInt(string(r.Value), 10, 64)
	if err != nil {
		w.t.Errorf("partition %d, offset %d: %q is no value that was written", r.Partition, r.Offset, r.Value)
	}
	return v
}

// positions commits offsets of a group and asks for them.
func (w *workload) positions(ctx context.Context) {
	r, admin := w.rand(9), kadm.NewClient(w.client())
	var next [partitions]int64
	for ctx.Err() == nil {
		p := r.Int32N(partitions)
		next[p] += 1 + r.Int64N(5)
		commit := kadm.Offsets{}
		commit.AddOffset(topic, p, next[p], -1)
		at := Position{Partition: p, Offset: next[p]}
		if answers, err := admin.CommitOffsets(ctx, group, commit); err == nil && answers.Error() == nil {
			at.Outcome = Done
		}
		w.At(at)
		w.fetchPositions(ctx, admin)
	}
}

func (w *workload) fetchPositions(ctx context.Context, admin *kadm.Client) error {
	found, err := admin.FetchOffsets(ctx, group)
	if err = errors.Join(err, found.Error()); err != nil {
		return err
	}
	found.Each(func(o kadm.OffsetResponse) { w.At(Position{Partition: o.Partition, Offset: o.At, Fetched: true}) })
	return nil
}

// finish waits for all processes, whose context has ended, reads everything and
// judges.
func (w *workload) finish() {
	w.t.Helper()
	w.running.Wait()
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	admin := kadm.NewClient(w.client())
	if err := w.fetchPositions(ctx, admin); err != nil {
		w.t.Errorf("the group's offsets at the end: %v", err)
	}
	ends, err := admin.ListEndOffsets(ctx, topic)
	if err = errors.Join(err, ends.Error()); err != nil {
		w.t.Fatal(err)
	}
	for _, committed := range []bool{false, true} {
		if err := w.readAll(ctx, committed, ends); err != nil {
			w.t.Errorf("reading all, committed %v: %v", committed, err)
		}
	}
	writes, done, reads := w.Size()
	w.t.Logf("%d writes, %d acknowledged, %d reads", writes, done, reads)
	found := Check(w.History)
	for _, a := range found[:min(len(found), 50)] {
		w.t.Error(a)
	}
	if len(found) > 0 {
		w.t.Errorf("%d anomalies; seed %d", len(found), w.seed)
	}
}

// readAll reads from the start to the ends.
func (w *workload) readAll(ctx context.Context, committed bool, ends kadm.ListedOffsets) error {
	left := map[int32]int64{}
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			left[o.Partition] = o.Offset
		}
	})
	cl := w.client(append(w.reading(committed), kgo.KeepControlRecords())...)
	for len(left) > 0 {
		fetches := cl.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("%w; not reached: %v", err, left)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if !r.Attrs.IsControl() {
				w.Final(committed, Place{r.Partition, r.Offset}, w.value(r))
			}
			if r.Offset+1 >= left[r.Partition] {
				delete(left, r.Partition)
			}
		})
	}
	return nil
}
