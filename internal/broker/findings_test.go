package broker

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/vfs"
	"github.com/millrace/millrace/internal/wire"
)

// What other brokers got wrong in transactions, fetch and metadata, each as a test that fails without the care taken here. The numbers
// are those of the list of findings that this broker was designed against. Elsewhere: 9 in produce_errors_test.go, 23 in
// TestTransactionTimesOut and in test/clients (an abort by hand).

// rawProducer is a transactional producer of transaction.version 2 without a client's opinions.
type rawProducer struct {
	c     *rawConn
	id    string
	pid   int64
	epoch int16
	seq   map[TxnPartition]int32
}

func (tb *testBroker) rawProducer(t *testing.T, id string) *rawProducer {
	t.Helper()
	p := &rawProducer{c: tb.dial(t), id: id, seq: map[TxnPartition]int32{}}
	req := kmsg.NewPtrInitProducerIDRequest()
	req.Version, req.TransactionalID, req.TransactionTimeoutMillis = 5, &id, 60_000
	resp := p.c.ask(t, req).(*kmsg.InitProducerIDResponse)
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		t.Fatalf("%s: %v", id, err)
	}
	p.pid, p.epoch = resp.ProducerID, resp.ProducerEpoch
	return p
}

// send produces a batch as the producer's next one in a partition.
func (p *rawProducer) send(t *testing.T, topic string, partition int32, values ...string) error {
	t.Helper()
	at := TxnPartition{topic, partition}
	b := wire.NewBuilder(nil)
	b.SetProducer(p.pid, p.epoch, p.seq[at])
	b.SetTransactional(true)
	for _, v := range values {
		b.Append(time.Now().UnixMilli(), nil, []byte(v), nil)
	}
	req := produceRequestOf(topic, 12, b.Bytes())
	req.TransactionID, req.Topics[0].Partitions[0].Partition = &p.id, partition
	code := p.c.ask(t, req).(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode
	if code == 0 {
		p.seq[at] += int32(len(values))
	}
	return kerr.ErrorForCode(code)
}

func (p *rawProducer) endRequest(commit bool) *kmsg.EndTxnRequest {
	req := kmsg.NewPtrEndTxnRequest()
	req.Version, req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Commit = 5, p.id, p.pid, p.epoch, commit
	return req
}

func (p *rawProducer) end(t *testing.T, commit bool) error {
	t.Helper()
	resp := p.c.ask(t, p.endRequest(commit)).(*kmsg.EndTxnResponse)
	if resp.ErrorCode == 0 {
		p.pid, p.epoch = resp.ProducerID, resp.ProducerEpoch
		clear(p.seq)
	}
	return kerr.ErrorForCode(resp.ErrorCode)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// crash reopens what a disk would hold if the power failed now.
func crash(t *testing.T, fs *vfs.Mem, seed int64) *testBroker {
	t.Helper()
	return start(t, few(Config{FS: fs.CrashClone(vfs.CrashOptions{Seed: seed, UnsyncedDataPercent: 50})}))
}

func committed(t *testing.T, tb *testBroker, topic string, n int) (values []string) {
	t.Helper()
	for _, r := range consume(t, tb.client(t, kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted())), n) {
		values = append(values, string(r.Value))
	}
	slices.Sort(values)
	return values
}

// Finding 8: a batch that is sent again gets its first offset, also after its segment was deleted, and after a restart and a crash.
func TestDuplicateOfDeletedRecords(t *testing.T) {
	fs := vfs.NewMem()
	tb := start(t, few(Config{FS: fs}))
	tb.create(t, "dup", 1, map[string]string{"internal.segment.bytes": "1024"})
	c := tb.dial(t)
	numbered := func(seq int32) []byte {
		b := wire.NewBuilder(nil)
		b.SetProducer(77, 0, seq)
		b.Append(time.Now().UnixMilli(), nil, make([]byte, 300), nil)
		return b.Bytes()
	}
	for seq := range int32(12) {
		if p := c.produce(t, "dup", numbered(seq)); p.ErrorCode != 0 || p.BaseOffset != int64(seq) {
			t.Fatalf("%d: %+v", seq, p)
		}
	}
	log, err := tb.Metadata().Partition("dup", 0)
	must(t, err)
	if _, err := log.DeleteBefore(12); err != nil {
		t.Fatal(err)
	}
	again := func(tb *testBroker) {
		t.Helper()
		c := tb.dial(t)
		for seq := int32(7); seq < 12; seq++ {
			if p := c.produce(t, "dup", numbered(seq)); p.ErrorCode != 0 || p.BaseOffset != int64(seq) {
				t.Errorf("%d again: error %d, offset %d", seq, p.ErrorCode, p.BaseOffset)
			}
		}
		if p := c.produce(t, "dup", numbered(14)); p.ErrorCode != kerr.OutOfOrderSequenceNumber.Code {
			t.Errorf("a gap: error %d", p.ErrorCode)
		}
	}
	again(tb)
	again(crash(t, fs, 1))
	must(t, tb.Close())
	again(start(t, few(Config{FS: fs})))
}

// Finding 10: an offset never has two values. What a reader was given is there after a crash, at its place.
func TestWhatWasReadStays(t *testing.T) {
	fs := vfs.NewMem()
	tb := start(t, few(Config{FS: fs}))
	tb.create(t, "seen", 1, nil)
	in := tb.client(t, kgo.ConsumeTopics("seen"))
	var seen []*kgo.Record
	for round := range 8 {
		req := produceRequestOf("seen", 12, batch(fmt.Sprint(round, "a"), fmt.Sprint(round, "b")))
		req.Acks = 0 // nobody waits for the disk
		tb.dial(t).send(t, req)
		seen = append(seen, consume(t, in, 2)...)
		after := crash(t, fs, int64(round))
		for i, r := range consume(t, after.client(t, kgo.ConsumeTopics("seen")), len(seen)) {
			if r.Offset != seen[i].Offset || string(r.Value) != string(seen[i].Value) {
				t.Fatalf("round %d: offset %d was %s, is %s", round, seen[i].Offset, seen[i].Value, r.Value)
			}
		}
	}
}

// Finding 10 again: what the disk has refused nobody reads.
func TestWhatIsNotOnDiskIsNotRead(t *testing.T) {
	fs, err := vfs.WithFaults(vfs.NewMem(), "")
	must(t, err)
	tb := start(t, few(Config{FS: fs}))
	tb.create(t, "seen", 1, nil)
	c := tb.dial(t)
	c.produce(t, "seen", batch("on disk"))
	must(t, fs.Set("sync /data/seen-0/*.log eio\nsyncvolume * eio"))
	req := kmsg.NewPtrFetchRequest()
	req.Version, req.MaxBytes, req.MinBytes, req.MaxWaitMillis, req.SessionEpoch = 12, 1<<20, 1, 300, -1
	rt := kmsg.NewFetchRequestTopic()
	rt.Topic = "seen"
	rp := kmsg.NewFetchRequestTopicPartition()
	rp.FetchOffset, rp.PartitionMaxBytes = 1, 1<<20
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	reader := tb.dial(t)
	reader.send(t, req) // it waits while the batch comes
	if p := c.produce(t, "seen", batch("refused")); p.ErrorCode == 0 {
		t.Error("the batch is acknowledged")
	}
	resp := reader.receive(t, req, reader.next).(*kmsg.FetchResponse)
	if got := resp.Topics[0].Partitions[0]; len(got.RecordBatches) != 0 || got.HighWatermark > 1 {
		t.Errorf("read %d bytes below %d", len(got.RecordBatches), got.HighWatermark)
	}
	must(t, fs.Set(""))
	time.Sleep(1100 * time.Millisecond) // retryOpen
}

// Findings 11, 12 and 17: whatever producers do at random, a reader of committed records gets those of committed transactions, all of
// them and nothing else, and comes to the end although control batches stand there; also after a crash.
func TestCommittedIsWhatWasCommitted(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			fs, rnd := vfs.NewMem(), rand.New(rand.NewPCG(seed, 2))
			tb := start(t, few(Config{FS: fs}))
			tb.create(t, "out", 2, map[string]string{"internal.segment.bytes": "1024"})
			var producers []*rawProducer
			open := map[int][]string{}
			for i := range 3 {
				producers = append(producers, tb.rawProducer(t, fmt.Sprint("p", i)))
			}
			var want []string
			finish := func(i int, commit bool) {
				t.Helper()
				if len(open[i]) == 0 {
					return
				}
				must(t, producers[i].end(t, commit))
				if commit {
					want = append(want, open[i]...)
				}
				delete(open, i)
			}
			for step := range 60 {
				i := rnd.IntN(len(producers))
				if rnd.IntN(3) == 0 {
					finish(i, rnd.IntN(2) == 0)
					continue
				}
				v := fmt.Sprintf("%d of %d", step, i)
				must(t, producers[i].send(t, "out", rnd.Int32N(2), v))
				open[i] = append(open[i], v)
			}
			for i := range producers {
				finish(i, i == 0)
			}
			slices.Sort(want)
			for name, tb := range map[string]*testBroker{"before": tb, "after": crash(t, fs, int64(seed))} {
				if got := committed(t, tb, "out", len(want)); !slices.Equal(got, want) {
					t.Fatalf("%s the crash: %q\nwant %q", name, got, want)
				}
				for p := range int32(2) {
					log, err := tb.Metadata().Partition("out", p)
					must(t, err)
					if log.LastStableOffset() != log.HighWatermark() {
						t.Errorf("%s the crash: partition %d is stable to %d of %d", name, p, log.LastStableOffset(), log.HighWatermark())
					}
				}
			}
		})
	}
}

// Finding 13: a partition's joining is durable before its first record is written, so that a commit after a crash commits all: while
// the disk refuses the coordinator's record, nothing is appended.
func TestJoiningIsDurableFirst(t *testing.T) {
	mem := vfs.NewMem()
	fs, err := vfs.WithFaults(mem, "")
	must(t, err)
	tb := start(t, few(Config{FS: fs}))
	tb.create(t, "out", 1, nil)
	p := tb.rawProducer(t, "p")
	must(t, fs.Set("sync /data/__transaction_state-*/*.log eio"))
	if err := p.send(t, "out", 0, "too early"); err == nil || !kerr.IsRetriable(err) {
		t.Errorf("with the coordinator's disk failing: %v, want what the producer repeats", err)
	}
	log, err := tb.Metadata().Partition("out", 0)
	must(t, err)
	if log.EndOffset() != 0 {
		t.Error("a record is in the log whose transaction a crash would forget")
	}
	must(t, fs.Set(""))
	time.Sleep(1100 * time.Millisecond) // retryOpen
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if err = p.send(t, "out", 0, "in"); err == nil || time.Now().After(end) || !kerr.IsRetriable(err) {
			break
		}
	}
	must(t, err)
	after := crash(t, mem, 1)
	survivor := *p
	survivor.c = after.dial(t)
	must(t, survivor.end(t, true))
	if got := committed(t, after, "out", 1); got[0] != "in" {
		t.Fatalf("%q", got)
	}
}

// Finding 14: a transaction that survived its producer and a crash does not keep the next producer from the transactional id.
func TestInitAfterACrash(t *testing.T) {
	fs := vfs.NewMem()
	tb := start(t, few(Config{FS: fs}))
	tb.create(t, "out", 1, nil)
	zombie := tb.rawProducer(t, "p")
	must(t, zombie.send(t, "out", 0, "open"))
	after := crash(t, fs, 3)
	heir := after.rawProducer(t, "p") // fails the test if it is not answered
	if heir.pid != zombie.pid || heir.epoch != zombie.epoch+2 {
		t.Errorf("the heir has %d/%d after %d/%d", heir.pid, heir.epoch, zombie.pid, zombie.epoch)
	}
	zombie.c = after.dial(t)
	if err := zombie.send(t, "out", 0, "late"); err != kerr.InvalidProducerEpoch {
		t.Errorf("the zombie: %v", err)
	}
	must(t, heir.send(t, "out", 0, "heir"))
	must(t, heir.end(t, true))
	if got := committed(t, after, "out", 1); got[0] != "heir" {
		t.Errorf("%q", got)
	}
}

// Finding 15: between a transaction's beginning and its end a group's offset is unstable, and after the answer to its commit it is the
// new one.
func TestOffsetsAreStableOrNew(t *testing.T) {
	tb := start(t, few(Config{}))
	tb.create(t, "in", 1, nil)
	p := tb.rawProducer(t, "p")
	fetch := func() kmsg.OffsetFetchResponseTopicPartition {
		req := kmsg.NewPtrOffsetFetchRequest()
		req.Version, req.Group, req.RequireStable = 7, "g", true
		req.Topics = []kmsg.OffsetFetchRequestTopic{{Topic: "in", Partitions: []int32{0}}}
		return tb.dial(t).ask(t, req).(*kmsg.OffsetFetchResponse).Topics[0].Partitions[0]
	}
	for at := range int64(5) {
		req := kmsg.NewPtrTxnOffsetCommitRequest()
		req.Version, req.TransactionalID, req.Group, req.ProducerID, req.ProducerEpoch, req.Generation = 5, p.id, "g", p.pid, p.epoch, -1
		rp := kmsg.NewTxnOffsetCommitRequestTopicPartition()
		rp.Offset = at
		req.Topics = []kmsg.TxnOffsetCommitRequestTopic{{Topic: "in", Partitions: []kmsg.TxnOffsetCommitRequestTopicPartition{rp}}}
		if code := p.c.ask(t, req).(*kmsg.TxnOffsetCommitResponse).Topics[0].Partitions[0].ErrorCode; code != 0 {
			t.Fatal(kerr.ErrorForCode(code))
		}
		if got := fetch(); got.ErrorCode != kerr.UnstableOffsetCommit.Code {
			t.Fatalf("within the transaction: %+v", got)
		}
		must(t, p.end(t, true))
		if got := fetch(); got.ErrorCode != 0 || got.Offset != at {
			t.Fatalf("after the commit of %d: %+v", at, got)
		}
	}
}

// Finding 18: the first answers after a restart are about what is on disk, never offset 0 of a log that is not read yet.
func TestFirstAnswersAfterARestart(t *testing.T) {
	fs := vfs.NewMem()
	tb := start(t, few(Config{FS: fs}))
	tb.create(t, "o", 1, nil)
	produce(t, tb.client(t), &kgo.Record{Topic: "o", Value: []byte("x")}, &kgo.Record{Topic: "o", Value: []byte("y")})
	log, err := tb.Metadata().Partition("o", 0)
	must(t, err)
	if _, err := log.DeleteBefore(1); err != nil {
		t.Fatal(err)
	}
	must(t, tb.Close())
	for _, first := range []int64{timeLatest, timeEarliest} {
		after := start(t, few(Config{FS: fs.CrashClone(vfs.CrashOptions{})}))
		for _, level := range []int8{0, 1} {
			req := kmsg.NewPtrListOffsetsRequest()
			req.Version, req.ReplicaID, req.IsolationLevel = 6, -1, level
			rp := kmsg.NewListOffsetsRequestTopicPartition()
			rp.Timestamp = first
			req.Topics = []kmsg.ListOffsetsRequestTopic{{Topic: "o", Partitions: []kmsg.ListOffsetsRequestTopicPartition{rp}}}
			got := after.dial(t).ask(t, req).(*kmsg.ListOffsetsResponse).Topics[0].Partitions[0]
			if want := map[int64]int64{timeLatest: 2, timeEarliest: 1}[first]; got.ErrorCode != 0 || got.Offset != want {
				t.Errorf("timestamp %d: %+v, want offset %d", first, got, want)
			}
		}
	}
}

// Finding 19: what of a transaction comes late, a batch or its end, does nothing to the next one.
func TestLateRequestsOfATransaction(t *testing.T) {
	tb := start(t, few(Config{}))
	tb.create(t, "out", 2, nil)
	p := tb.rawProducer(t, "p")
	must(t, p.send(t, "out", 0, "first"))
	late := rawProducer{tb.dial(t), p.id, p.pid, p.epoch, map[TxnPartition]int32{{"out", 0}: 1}}
	must(t, p.end(t, true))
	must(t, p.send(t, "out", 0, "second"))
	if err := late.send(t, "out", 0, "late"); err != kerr.InvalidProducerEpoch {
		t.Errorf("a late batch: %v", err)
	}
	if err := late.send(t, "out", 1, "late"); err != kerr.InvalidProducerEpoch {
		t.Errorf("a late batch to another partition: %v", err)
	}
	for _, commit := range []bool{true, false} {
		if err := late.end(t, commit); err != kerr.ProducerFenced {
			t.Errorf("a late end: %v", err)
		}
	}
	must(t, p.end(t, false))
	must(t, p.send(t, "out", 1, "third"))
	must(t, p.end(t, true))
	if got := committed(t, tb, "out", 2); !slices.Equal(got, []string{"first", "third"}) {
		t.Errorf("%q", got)
	}
}

// Finding 25: a handler's bug costs its connection, and nobody else anything.
func TestAPanicIsContained(t *testing.T) {
	const key = 46
	good := *apis[key]
	apis[key].handle = func(c *call, _ kmsg.Request) reply {
		c.states.mu.Lock()
		defer c.states.mu.Unlock()
		panic("a bug")
	}
	defer func() { *apis[key] = good }()
	tb := start(t, few(Config{}))
	tb.create(t, "out", 1, nil)
	bystander := tb.rawProducer(t, "p")
	victim := tb.dial(t)
	victim.send(t, kmsg.NewPtrListPartitionReassignmentsRequest())
	victim.closed(t)
	must(t, bystander.send(t, "out", 0, "x"))
	must(t, bystander.end(t, true))
	if n := tb.Stats().Panics.Swap(0); n != 1 || !tb.reports.has("a bug") {
		t.Errorf("%d panics are counted: %q", n, tb.reports.lines)
	}
}

// TestIdleIDsAreForgotten: transactional.id.expiration.ms after its last use an id is given up, durably, unless it has a transaction.
func TestIdleIDsAreForgotten(t *testing.T) {
	fs, now := vfs.NewMem(), time.Now()
	config := few(Config{FS: fs, Now: func() time.Time { return now }})
	tb := start(t, config)
	tb.create(t, "out", 1, nil)
	idle, open := tb.rawProducer(t, "idle"), tb.rawProducer(t, "open")
	must(t, open.send(t, "out", 0, "x"))
	must(t, tb.states.forgetIdle())
	if err := idle.end(t, false); err != nil {
		t.Fatalf("forgotten before its time: %v", err)
	}
	now = now.Add(8 * 24 * time.Hour)
	must(t, tb.states.forgetIdle())
	if err := idle.end(t, false); err != kerr.InvalidProducerIDMapping {
		t.Errorf("idle for eight days: %v", err)
	}
	tb.states.mu.Lock()
	if tb.states.get("open") == nil {
		t.Error("an id with an open transaction is forgotten")
	}
	tb.states.mu.Unlock()
	must(t, tb.Close())
	again := start(t, config)
	again.rawProducer(t, "another")
	again.states.mu.Lock()
	defer again.states.mu.Unlock()
	if err := again.states.load(); err != nil || again.states.get("idle") != nil || again.states.get("open") == nil {
		t.Errorf("after a restart: %v, %v, %v", err, again.states.get("idle"), again.states.get("open"))
	}
}

// TestSessionsAreBounded: with no slot left a session of fewer partitions goes, or the newcomer gets none; what is told of a session
// is bounded by what has changed.
func TestSessionsAreBounded(t *testing.T) {
	config := few(Config{})
	config.Settings["max.incremental.fetch.session.cache.slots"] = "2"
	tb := start(t, config)
	tb.create(t, "s", 3, nil)
	begin := func(partitions int32) int32 {
		req := kmsg.NewPtrFetchRequest()
		req.Version, req.MaxBytes, req.SessionEpoch = 12, 1000, 0
		rt := kmsg.NewFetchRequestTopic()
		rt.Topic = "s"
		for i := range partitions {
			rp := kmsg.NewFetchRequestTopicPartition()
			rp.Partition, rp.PartitionMaxBytes = i, 1000
			rt.Partitions = append(rt.Partitions, rp)
		}
		req.Topics = append(req.Topics, rt)
		return tb.dial(t).ask(t, req).(*kmsg.FetchResponse).SessionID
	}
	one, two := begin(1), begin(2)
	if one == 0 || two == 0 || begin(1) != 0 {
		t.Fatalf("sessions %d, %d, and a third of one partition", one, two)
	}
	three := begin(3)
	tb.sessions.mu.Lock()
	defer tb.sessions.mu.Unlock()
	if three == 0 || tb.sessions.mu.byID[one] != nil || tb.sessions.mu.byID[two] == nil || tb.sessions.mu.partitions != 5 {
		t.Errorf("after one of three: %d sessions of %d partitions", len(tb.sessions.mu.byID), tb.sessions.mu.partitions)
	}
}
