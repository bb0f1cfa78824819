package broker

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/vfs"
)

func few(config Config) Config {
	config.Settings = map[string]string{"offsets.topic.num.partitions": "2", "transaction.state.log.num.partitions": "2"}
	return config
}

func TestSlotIsKafkas(t *testing.T) {
	// Java: "…".hashCode() & 0x7fffffff, modulo 50. The last one's hash is the least integer.
	for key, want := range map[string]int32{"": 0, "a": 47, "hello": 22, "polygenelubricants": 0} {
		if got := slot(key, 50); got != want {
			t.Errorf("%q is in %d, want %d", key, got, want)
		}
	}
}

func TestGroupOfTwoMembers(t *testing.T) {
	tb := start(t, few(Config{}))
	tb.create(t, "in", 4, nil)
	out := tb.client(t, kgo.DefaultProduceTopic("in"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	put := func(value string) {
		for p := range int32(4) {
			produce(t, out, &kgo.Record{Partition: p, Value: []byte(value)})
		}
	}
	member := func() *kgo.Client {
		return tb.client(t, kgo.ConsumerGroup("g"), kgo.ConsumeTopics("in"), kgo.HeartbeatInterval(100*time.Millisecond),
			kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	}
	put("first")
	one := member()
	consume(t, one, 4)
	two := member()
	waitFor(t, "two members with an assignment", func() bool {
		g := describe(t, tb, "g")
		return g.State == "Stable" && len(g.Members) == 2
	})
	if err := one.CommitUncommittedOffsets(testContext(t)); err != nil {
		t.Fatal(err)
	}
	put("second")
	got := map[int32]int{}
	for n := 0; n < 4; {
		for _, cl := range []*kgo.Client{one, two} {
			ctx, cancel := context.WithTimeout(testContext(t), 200*time.Millisecond)
			for _, r := range cl.PollFetches(ctx).Records() {
				if string(r.Value) == "second" {
					got[r.Partition]++
					n++
				}
			}
			cancel()
		}
	}
	if len(got) != 4 {
		t.Fatalf("got %v", got)
	}
	two.Close()
	waitFor(t, "the second member gone", func() bool {
		g := describe(t, tb, "g")
		return g.State == "Stable" && len(g.Members) == 1
	})
	list, err := tb.admin(t).ListGroups(testContext(t))
	if err != nil || list["g"].ProtocolType != "consumer" {
		t.Fatalf("groups %v, %v", list, err)
	}
	if _, err := tb.admin(t).DeleteGroup(testContext(t), "g"); !errors.Is(err, kerr.NonEmptyGroup) {
		t.Fatalf("deleting a group with members: %v", err)
	}
	one.Close()
	waitFor(t, "the group deleted", func() bool {
		_, err := tb.admin(t).DeleteGroup(testContext(t), "g")
		return err == nil
	})
	if _, ok := tb.CommittedOffset("g", "in", 0); ok {
		t.Fatal("offsets outlive the group")
	}
}

func describe(t *testing.T, tb *testBroker, id string) kadm.DescribedGroup {
	t.Helper()
	gs, err := tb.admin(t).DescribeGroups(testContext(t), id)
	if err != nil {
		t.Fatal(err)
	}
	return gs[id]
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestOffsetsSurviveARestart(t *testing.T) {
	fs := vfs.NewMem()
	tb := start(t, few(Config{FS: fs}))
	tb.create(t, "in", 2, nil)
	var offsets kadm.Offsets
	offsets.Add(kadm.Offset{Topic: "in", Partition: 0, At: 7, LeaderEpoch: 0, Metadata: "note"})
	offsets.Add(kadm.Offset{Topic: "in", Partition: 1, At: 9, LeaderEpoch: -1})
	if err := tb.admin(t).CommitAllOffsets(testContext(t), "g", offsets); err != nil {
		t.Fatal(err)
	}
	tb.create(t, "gone", 1, nil)
	var more kadm.Offsets
	more.Add(kadm.Offset{Topic: "gone", Partition: 0, At: 1})
	if err := tb.admin(t).CommitAllOffsets(testContext(t), "g", more); err != nil {
		t.Fatal(err)
	}
	if err := tb.Metadata().Delete("gone"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the offset of a deleted topic forgotten", func() bool { _, ok := tb.CommittedOffset("g", "gone", 0); return !ok })
	if err := tb.Close(); err != nil {
		t.Fatal(err)
	}
	again := start(t, few(Config{FS: fs}))
	got, err := again.admin(t).FetchOffsets(testContext(t), "g")
	if err != nil {
		t.Fatal(err)
	}
	if o, _ := got.Lookup("in", 0); o.At != 7 || o.Metadata != "note" {
		t.Fatalf("partition 0: %+v", o)
	}
	if len(got["in"]) != 2 || len(got) != 1 {
		t.Fatalf("offsets %v", got)
	}
	if at, ok := again.CommittedOffset("g", "in", 1); !ok || at != 9 {
		t.Fatalf("partition 1: %d %v", at, ok)
	}
	if _, ok := again.CommittedOffset("other", "in", 1); ok {
		t.Fatal("an offset of another group")
	}
}

func TestConsumeTransformProduce(t *testing.T) {
	fs := vfs.NewMem()
	tb := start(t, few(Config{FS: fs}))
	tb.create(t, "in", 1, nil)
	tb.create(t, "out", 2, nil)
	src := tb.client(t, kgo.DefaultProduceTopic("in"))
	for i := range 20 {
		produce(t, src, kgo.StringRecord(fmt.Sprint(i)))
	}
	session, err := kgo.NewGroupTransactSession(kgo.SeedBrokers(tb.addr), kgo.TransactionalID("etl"), kgo.ConsumerGroup("etl"),
		kgo.ConsumeTopics("in"), kgo.DefaultProduceTopic("out"), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.RequireStableFetchOffsets(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(200*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	ctx := testContext(t)
	for round, done := 0, 0; done < 20; round++ {
		records := session.PollRecords(ctx, 5).Records()
		if err := session.Begin(); err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			session.Produce(ctx, &kgo.Record{Value: fmt.Appendf(nil, "%s in round %d", r.Value, round)}, nil)
		}
		try := kgo.TransactionEndTry(round%2 == 1)
		committed, err := session.End(ctx, try)
		if err != nil || committed != bool(try) {
			t.Fatalf("round %d: %v, %v", round, committed, err)
		}
		if committed {
			done += len(records)
			if at, _ := tb.CommittedOffset("etl", "in", 0); at != int64(done) {
				t.Fatalf("after round %d the group is at %d, want %d", round, at, done)
			}
		}
	}
	in := tb.client(t, kgo.ConsumeTopics("out"), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	seen := map[int]bool{}
	for _, r := range consume(t, in, 20) {
		var n, round int
		if _, err := fmt.Sscanf(string(r.Value), "%d in round %d", &n, &round); err != nil || round%2 == 0 || seen[n] {
			t.Fatalf("read %q", r.Value)
		}
		seen[n] = true
	}
	in.Close()
	session.Close()
	if err := tb.Close(); err != nil {
		t.Fatal(err)
	}
	again := start(t, few(Config{FS: fs}))
	got, err := again.admin(t).FetchOffsets(ctx, "etl")
	if o, _ := got.Lookup("in", 0); err != nil || o.At != 20 {
		t.Fatalf("after a restart the group is at %d, %v", o.At, err)
	}
}

func TestZombieIsFenced(t *testing.T) {
	tb := start(t, few(Config{}))
	tb.create(t, "out", 1, nil)
	ctx := testContext(t)
	opts := []kgo.Opt{kgo.TransactionalID("x"), kgo.DefaultProduceTopic("out")}
	zombie, heir := tb.client(t, opts...), tb.client(t, opts...)
	if err := zombie.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	produce(t, zombie, kgo.StringRecord("zombie"))
	if err := heir.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	produce(t, heir, kgo.StringRecord("heir"))
	if err := zombie.ProduceSync(ctx, kgo.StringRecord("late")).FirstErr(); err == nil {
		t.Fatal("the zombie produced")
	}
	if err := zombie.EndTransaction(ctx, kgo.TryCommit); err == nil {
		t.Fatal("the zombie committed")
	}
	if err := heir.EndTransaction(ctx, kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	in := tb.client(t, kgo.ConsumeTopics("out"), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if r := consume(t, in, 1)[0]; string(r.Value) != "heir" {
		t.Fatalf("read %q", r.Value)
	}
}

func TestTransactionTimesOut(t *testing.T) {
	tb := start(t, few(Config{}))
	tb.create(t, "out", 1, nil)
	ctx := testContext(t)
	slow := tb.client(t, kgo.TransactionalID("slow"), kgo.DefaultProduceTopic("out"), kgo.TransactionTimeout(300*time.Millisecond))
	if err := slow.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	produce(t, slow, kgo.StringRecord("never"))
	produce(t, tb.client(t), &kgo.Record{Topic: "out", Value: []byte("behind")})
	in := tb.client(t, kgo.ConsumeTopics("out"), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if r := consume(t, in, 1)[0]; string(r.Value) != "behind" {
		t.Fatalf("read %q", r.Value)
	}
	if err := slow.EndTransaction(ctx, kgo.TryCommit); err == nil {
		t.Fatal("committed after its time")
	}
	// Its markers are read before the coordinator has written that they all are.
	for admin := tb.admin(t); ; {
		described, err := admin.DescribeTransactions(ctx, "slow")
		if state := described["slow"].State; err != nil || state != "PrepareAbort" && state != "CompleteAbort" {
			t.Fatalf("%+v, %v", described, err)
		} else if state == "CompleteAbort" {
			return
		}
	}
}

// TestRestartFinishesTransactions crashes a broker with one transaction open and one decided.
func TestRestartFinishesTransactions(t *testing.T) {
	fs := vfs.NewMem()
	tb := start(t, few(Config{FS: fs}))
	tb.create(t, "out", 1, nil)
	open := tb.client(t, kgo.TransactionalID("open"), kgo.DefaultProduceTopic("out"), kgo.TransactionTimeout(time.Second))
	if err := open.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	produce(t, open, kgo.StringRecord("open"))
	decided := tb.client(t, kgo.TransactionalID("decided"), kgo.DefaultProduceTopic("out"))
	if err := decided.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	produce(t, decided, kgo.StringRecord("decided"))
	// The decision is in the log, and the process ends before a marker is written.
	tc := tb.states
	tc.mu.Lock()
	d := tc.get("decided")
	next, err := d.End(time.Now(), d.ProducerID, d.Epoch, true)
	if err == nil {
		_, err = tc.put(next)
	}
	tc.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	if err := tb.Close(); err != nil {
		t.Fatal(err)
	}
	again := start(t, few(Config{FS: fs}))
	in := again.client(t, kgo.ConsumeTopics("out"), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if r := consume(t, in, 1)[0]; string(r.Value) != "decided" {
		t.Fatalf("read %q", r.Value)
	}
	waitFor(t, "both complete", func() bool {
		d, err := again.admin(t).DescribeTransactions(testContext(t), "open", "decided")
		return err == nil && d["open"].State == "CompleteAbort" && d["decided"].State == "CompleteCommit"
	})
}

func TestProduceOutsideTheTransaction(t *testing.T) {
	tb := start(t, few(Config{}))
	tb.create(t, "out", 2, nil)
	c := tb.dial(t)
	id := "raw"
	initReq := kmsg.NewPtrInitProducerIDRequest()
	initReq.Version, initReq.TransactionalID, initReq.TransactionTimeoutMillis = 4, &id, 10000
	pid := c.ask(t, initReq).(*kmsg.InitProducerIDResponse)
	if pid.ErrorCode != 0 {
		t.Fatal(kerr.ErrorForCode(pid.ErrorCode))
	}
	enter := func(partition int32) error {
		batch := TxnBatch{ID: id, ProducerID: pid.ProducerID, Epoch: pid.ProducerEpoch, Partitions: []TxnPartition{{"out", partition}}}
		leave, errs := tb.states.Enter(testContext(t), batch, false)
		leave()
		return errs[0]
	}
	if err := enter(0); !errors.Is(err, kerr.TransactionAbortable) {
		t.Fatalf("before the transaction: %v", err)
	}
	addReq := kmsg.NewPtrAddPartitionsToTxnRequest()
	addReq.Version, addReq.TransactionalID, addReq.ProducerID, addReq.ProducerEpoch = 0, id, pid.ProducerID, pid.ProducerEpoch
	addReq.Topics = []kmsg.AddPartitionsToTxnRequestTopic{{Topic: "out", Partitions: []int32{0}}}
	if got := c.ask(t, addReq).(*kmsg.AddPartitionsToTxnResponse); got.Topics[0].Partitions[0].ErrorCode != 0 {
		t.Fatal(got)
	}
	if err := enter(0); err != nil {
		t.Fatal(err)
	}
	if err := enter(1); !errors.Is(err, kerr.TransactionAbortable) {
		t.Fatalf("another partition: %v", err)
	}
	end := kmsg.NewPtrEndTxnRequest()
	end.Version, end.TransactionalID, end.ProducerID, end.ProducerEpoch, end.Commit = 1, id, pid.ProducerID, pid.ProducerEpoch, true
	if got := c.ask(t, end).(*kmsg.EndTxnResponse); got.ErrorCode != 0 {
		t.Fatal(got)
	}
	if err := enter(0); !errors.Is(err, kerr.TransactionAbortable) {
		t.Fatalf("after the transaction: %v", err)
	}
}
