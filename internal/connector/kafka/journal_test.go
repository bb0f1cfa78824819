package kafka_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/millrace/millrace"
	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/connector/kafka"
	"github.com/millrace/millrace/internal/engine/journal"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
	"github.com/millrace/millrace/test/harness"
)

// onceTable is a table with one column, written exactly once to a node's topic.
func onceTable(addr string) connector.Table {
	return connector.Table{
		Path:    [3]string{"c", "d", "t"},
		Columns: []connector.Column{{Name: "v", Type: types.TBigInt}},
		Options: connector.Options{
			"connector": "kafka", "topic": "out", "format": "json", "properties.bootstrap.servers": addr,
			"sink.delivery-guarantee": "exactly-once", "sink.transactional-id-prefix": "test",
		},
	}
}

// run is one run of a job: its sink and its journal.
type run struct {
	t    *testing.T
	sink connector.Sink
	w    connector.Writer
	log  *kafka.Journal
	rec  *journal.Recovered
	jw   *journal.Writer
}

func begin(t *testing.T, addr string) *run {
	t.Helper()
	ctx := context.Background()
	r := &run{t: t}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	r.sink, err = kafka.Factories(func(string) {})[0].NewSink(onceTable(addr), connector.Env{Now: time.Now})
	must(err)
	r.log, err = kafka.OpenJournal(ctx, "job", []connector.Sink{r.sink})
	must(err)
	r.rec, err = journal.Open(r.log)
	must(err)
	r.jw = journal.NewWriter(r.log, r.rec)
	must(r.sink.Recover(ctx, nil, nil))
	r.w, err = r.sink.Writer(ctx, 0, 1)
	must(err)
	if r.rec == nil {
		r.jw.Open(0, true, 0)
		r.jw.Begin(&journal.Begin{JobID: "job", MaxParallelism: 1, Nodes: []string{"n"}, Sinks: []journal.Sink{{Node: 0}}})
		must(r.jw.Commit(ctx, &journal.Commit{Time: time.Now()}))
	}
	return r
}

func (r *run) write(v int64) {
	r.t.Helper()
	b := vec.NewBuilder(types.TBigInt, 1)
	b.AppendInt(v)
	if err := r.w.Write(&vec.Batch{N: 1, Cols: []*vec.Vector{b.Finish()}}); err != nil {
		r.t.Fatal(err)
	}
}

// record writes an epoch's run into the transaction, all but its end.
func (r *run) seal() []byte {
	r.t.Helper()
	r.sink.Seal()
	token, err := r.sink.Prepare(context.Background(), 1)
	if err != nil {
		r.t.Fatal(err)
	}
	return token
}

func (r *run) commit(epoch int64) error {
	token := r.seal()
	r.jw.Open(epoch, false, 0)
	if err := r.jw.Commit(context.Background(), &journal.Commit{Time: time.Now()}); err != nil {
		return err
	}
	return r.sink.Commit(context.Background(), token)
}

// expect reads, read_committed, as many records as are wanted, which must be these.
func expect(t *testing.T, addr string, want ...string) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ConsumeTopics("out"), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	var got []string
	for len(got) < len(want) && ctx.Err() == nil {
		cl.PollFetches(ctx).EachRecord(func(r *kgo.Record) { got = append(got, string(r.Value)) })
	}
	if !slices.Equal(got, want) {
		t.Errorf("readers see %s, want %s", got, want)
	}
}

// The results and the journal are one transaction: whoever comes next sees both or none,
// and who was there before can write no more.
func TestJournalAndResultsAreOneTransaction(t *testing.T) {
	t.Run("node", func(t *testing.T) {
		node, err := millrace.Open(millrace.Options{Kafka: "127.0.0.1:0", Settings: map[string]string{"num.partitions": "1"}})
		if err != nil {
			t.Fatal(err)
		}
		defer node.Close()
		testOneTransaction(t, node.KafkaAddr())
	})
	t.Run("Apache Kafka", func(t *testing.T) {
		k := harness.StartKafka(t, []string{"-Xmx256m"}, map[string]string{"num.partitions": "1", "offsets.topic.replication.factor": "1", "transaction.state.log.replication.factor": "1", "transaction.state.log.min.isr": "1"})
		testOneTransaction(t, k.Addr)
	})
}

func testOneTransaction(t *testing.T, addr string) {
	r := begin(t, addr)
	r.write(1)
	if err := r.commit(1); err != nil {
		t.Fatal(err)
	}
	// The next epoch's rows, written while one commits, wait for it.
	r.write(2)
	token := r.seal()
	r.write(3)
	r.jw.Open(2, false, 0)
	if err := r.jw.Commit(context.Background(), &journal.Commit{Time: time.Now()}); err != nil {
		t.Fatal(err)
	}
	expect(t, addr, `{"v":1}`, `{"v":2}`)
	if err := r.sink.Commit(context.Background(), token); err != nil {
		t.Fatal(err)
	}
	r.seal() // 3 stands in an open transaction now, and the run is killed

	next := begin(t, addr)
	if next.rec == nil || next.rec.Epoch != 2 {
		t.Fatalf("the journal says %+v, want epoch 2", next.rec)
	}
	next.write(4)
	if err := next.commit(3); err != nil {
		t.Fatal(err)
	}
	expect(t, addr, `{"v":1}`, `{"v":2}`, `{"v":4}`)
	// The run that was believed dead.
	r.jw.Open(3, false, 0)
	if err := r.jw.Commit(context.Background(), &journal.Commit{Time: time.Now()}); err == nil {
		t.Error("a fenced run committed")
	} else if !errors.Is(err, journal.ErrInDoubt) && !strings.Contains(err.Error(), "another instance") {
		t.Errorf("a fenced run: %v", err)
	}
	expect(t, addr, `{"v":1}`, `{"v":2}`, `{"v":4}`)
	next.write(5)
	if err := next.commit(4); err != nil {
		t.Fatal(err)
	}
	expect(t, addr, `{"v":1}`, `{"v":2}`, `{"v":4}`, `{"v":5}`)
	if err := next.log.Drop(); err != nil {
		t.Error(err)
	}
	next.log.Close()
	r.log.Close()
}
