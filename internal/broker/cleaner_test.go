package broker

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/commitlog"
	"github.com/millrace/millrace/internal/vfs"
)

func cleanAtOnce(fs vfs.FS) Config {
	return Config{FS: fs, Settings: map[string]string{"offsets.topic.num.partitions": "1", "transaction.state.log.num.partitions": "1",
		"log.cleaner.backoff.ms": "10", "log.cleaner.min.cleanable.ratio": "0.1"}}
}

// smallSegments makes a topic's segments small, by Kafka's own name for tests.
func (tb *testBroker) smallSegments(t *testing.T, topic string) {
	t.Helper()
	err := tb.Metadata().SetConfigs(topic, false, func(c map[string]string) error {
		c["internal.segment.bytes"] = "2000"
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (tb *testBroker) cleaned(t *testing.T, topic string) *commitlog.Log {
	t.Helper()
	log, err := tb.Metadata().Partition(topic, 0)
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// TestCoordinatorsOnCleanedLogs commits offsets and transactions far more often than there are keys: the logs of both coordinators stay
// small, and a restart finds in them what was committed last.
func TestCoordinatorsOnCleanedLogs(t *testing.T) {
	fs := vfs.NewMem()
	t.Run("before", func(t *testing.T) {
		tb := start(t, cleanAtOnce(fs))
		tb.create(t, "in", 1, nil)
		tb.create(t, "out", 1, nil)
		admin := tb.admin(t)
		commit(t, admin, 0)
		transact(t, tb, 0)
		tb.smallSegments(t, offsetsTopic)
		tb.smallSegments(t, txnTopic)
		for i := range int64(300) {
			commit(t, admin, i+1)
		}
		for i := range 40 {
			transact(t, tb, i+1)
		}
		waitFor(t, "small logs", func() bool {
			return tb.cleaned(t, offsetsTopic).Size() < 6000 && tb.cleaned(t, txnTopic).Size() < 6000
		})
		if l := tb.cleaned(t, offsetsTopic); l.EndOffset() < 300 || l.StartOffset() != 0 {
			t.Errorf("the log is %d to %d", l.StartOffset(), l.EndOffset())
		}
	})
	tb := start(t, cleanAtOnce(fs))
	offsets, err := tb.admin(t).FetchOffsets(testContext(t), "g")
	if err != nil {
		t.Fatal(err)
	}
	if o, ok := offsets.Lookup("in", 0); !ok || o.At != 300 || o.Metadata != "m300" {
		t.Errorf("offset of g is %+v", o)
	}
	if offsets, err = tb.admin(t).FetchOffsets(testContext(t), "tg"); err != nil {
		t.Fatal(err)
	}
	if o, ok := offsets.Lookup("in", 0); !ok || o.At != 1040 {
		t.Errorf("offset of tg is %+v", o)
	}
	txns, err := tb.admin(t).DescribeTransactions(testContext(t), "t")
	if err != nil {
		t.Fatal(err)
	}
	if x := txns["t"]; x.Err != nil || x.State != "CompleteCommit" {
		t.Errorf("transactional id t is %+v", x)
	}
	transact(t, tb, 41)
}

func commit(t *testing.T, admin *kadm.Client, at int64) {
	t.Helper()
	var o kadm.Offsets
	o.Add(kadm.Offset{Topic: "in", Partition: 0, At: at, LeaderEpoch: -1, Metadata: fmt.Sprint("m", at)})
	if err := admin.CommitAllOffsets(testContext(t), "g", o); err != nil {
		t.Fatal(err)
	}
}

// transact commits an offset of another group and a record in a transaction; every third is aborted before it is tried again.
func transact(t *testing.T, tb *testBroker, i int) {
	t.Helper()
	ctx := testContext(t)
	cl := tb.client(t, kgo.TransactionalID("t"), kgo.DefaultProduceTopic("out"))
	defer cl.Close()
	for abort := i%3 == 0; ; abort = false {
		if err := cl.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		produce(t, cl, &kgo.Record{Key: []byte("k"), Value: fmt.Append(nil, i)})
		at := int64(1000 + i)
		if abort {
			at = 9999
		}
		commitInTxn(t, ctx, cl, at)
		if err := cl.EndTransaction(ctx, kgo.TransactionEndTry(!abort)); err != nil {
			t.Fatal(err)
		}
		if !abort {
			return
		}
	}
}

func commitInTxn(t *testing.T, ctx context.Context, cl *kgo.Client, at int64) {
	t.Helper()
	pid, epoch, err := cl.ProducerID(ctx)
	if err != nil {
		t.Fatal(err)
	}
	add := kmsg.NewPtrAddOffsetsToTxnRequest()
	add.TransactionalID, add.ProducerID, add.ProducerEpoch, add.Group = "t", pid, epoch, "tg"
	if resp, err := add.RequestWith(ctx, cl); err != nil || resp.ErrorCode != 0 {
		t.Fatal(err, resp)
	}
	req := kmsg.NewPtrTxnOffsetCommitRequest()
	req.TransactionalID, req.Group, req.ProducerID, req.ProducerEpoch = "t", "tg", pid, epoch
	rt := kmsg.NewTxnOffsetCommitRequestTopic()
	rt.Topic = "in"
	rp := kmsg.NewTxnOffsetCommitRequestTopicPartition()
	rp.Offset = at
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	if resp, err := req.RequestWith(ctx, cl); err != nil || resp.Topics[0].Partitions[0].ErrorCode != 0 {
		t.Fatal(err, resp)
	}
}

// TestCleanerFollowsConfigs turns compaction of a topic on and off while the broker runs, and deletes the topic.
func TestCleanerFollowsConfigs(t *testing.T) {
	tb := start(t, cleanAtOnce(vfs.NewMem()))
	tb.create(t, "c", 1, map[string]string{"internal.segment.bytes": "1000"})
	cl := tb.client(t, kgo.DefaultProduceTopic("c"))
	put := func() {
		for i := range 100 {
			produce(t, cl, &kgo.Record{Key: []byte("k"), Value: fmt.Append(nil, "value ", i)})
		}
	}
	put()
	log := tb.cleaned(t, "c")
	size := log.Size()
	set := func(policy string) {
		if err := tb.Metadata().SetConfigs("c", false, func(c map[string]string) error { c["cleanup.policy"] = policy; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	set("compact,delete")
	waitFor(t, "a clean log", func() bool { return log.Size() < size/4 })
	reader := tb.client(t, kgo.ConsumeTopics("c"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	var got []*kgo.Record
	for ctx := testContext(t); len(got) == 0 || got[len(got)-1].Offset < 99; {
		fetches := reader.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		got = append(got, fetches.Records()...)
	}
	if last := got[len(got)-1]; string(last.Value) != "value 99" || last.Offset != 99 {
		t.Errorf("the last record is %d: %s", last.Offset, last.Value)
	}
	set("delete")
	put()
	if size := log.Size(); size < 5000 {
		t.Errorf("the log has %d bytes, though it is not to be compacted", size)
	}
	points := func() string {
		b, err := readPoints(tb.config.FS, tb.config.Dir)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	if !strings.HasPrefix(points(), "0\n1\nc 0 ") {
		t.Errorf("the checkpoint is %q", points())
	}
	if err := tb.Metadata().Delete("c"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the deleted topic to be forgotten", func() bool { return points() == "0\n0\n" })
}

func readPoints(fs vfs.FS, dir string) (string, error) {
	p := &cleanerPoints{fs: fs, name: dir + "/" + cleanerPointsName}
	f, err := fs.Open(p.name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return "", err
	}
	b := make([]byte, size)
	_, err = f.ReadAt(b, 0)
	return string(b), err
}

// FuzzCleanerPoints feeds the parser anything.
func FuzzCleanerPoints(f *testing.F) {
	f.Add("0\n2\na 0 1\nb.c 3 4000\n")
	f.Add("0\n0\n")
	f.Fuzz(func(t *testing.T, text string) {
		offsets, err := parseCleanerPoints(text)
		if err != nil {
			return
		}
		for key, at := range offsets {
			if at < 0 || !strings.Contains(key, " ") {
				t.Fatalf("%q at %d", key, at)
			}
		}
	})
}

// TestCleanerOpensWhatIsDirty: after a start the cleaner opens only partitions whose files say that there is something to clean, and looks
// at the files of the others once.
func TestCleanerOpensWhatIsDirty(t *testing.T) {
	fs := vfs.NewMem()
	config := cleanAtOnce(fs)
	config.Settings["log.cleaner.enable"] = "false"
	topics := map[string]int{"empty": 0, "clean": 3, "dirty": 300}
	t.Run("before", func(t *testing.T) {
		tb := start(t, config)
		for name, records := range topics {
			tb.create(t, name, 1, map[string]string{"cleanup.policy": "compact", "internal.segment.bytes": "2000"})
			cl := tb.client(t, kgo.DefaultProduceTopic(name))
			for i := range records {
				produce(t, cl, &kgo.Record{Key: []byte("k"), Value: fmt.Append(nil, i)})
			}
		}
	})
	tb := start(t, config)
	c := newCleaner(tb.Broker)
	for round := range 2 {
		var found []string
		for _, topic := range tb.meta.Topics() {
			if x := c.consider(topic, 0); x != nil {
				found = append(found, topic.Name)
			}
		}
		if !slices.Equal(found, []string{"dirty"}) {
			t.Errorf("round %d: %v are to be cleaned", round, found)
		}
	}
	for name := range topics {
		if _, unopened := tb.meta.Unopened(tb.meta.Topic(name), 0); unopened == (name == "dirty") {
			t.Errorf("%s: unopened %v", name, unopened)
		}
	}
	if log := tb.cleaned(t, "dirty"); !c.clean(t.Context(), &candidate{
		partitionKey{tb.meta.Topic("dirty").ID, 0}, tb.meta.Topic("dirty"), log, commitlog.Cleanable{},
	}) {
		t.Error("the dirty one is not cleaned")
	}
	// What is known without opening agrees with what the log says.
	for name := range topics {
		log := tb.cleaned(t, name)
		open, err := log.Cleanable(-1, tb.config.Now())
		if err != nil {
			t.Fatal(err)
		}
		if closed := commitlog.CleanableAtMost(fs, filepath.Join(tb.config.Dir, name+"-0"), -1); closed.DirtyBytes < open.DirtyBytes || (closed.DirtyBytes > 0) != (open.DirtyBytes > 0) {
			t.Errorf("%s: %+v by its files, %+v when open", name, closed, open)
		}
	}
	// A log that was used since, or is configured otherwise, is looked at again.
	cl := tb.client(t, kgo.DefaultProduceTopic("clean"))
	for i := range 300 {
		produce(t, cl, &kgo.Record{Key: []byte("k"), Value: fmt.Append(nil, i)})
	}
	if c.consider(tb.meta.Topic("clean"), 0) == nil {
		t.Error("what has become dirty is not cleaned")
	}
}
