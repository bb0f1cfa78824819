package broker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/millrace/millrace/internal/commitlog"
	"github.com/millrace/millrace/internal/vfs"
	"github.com/millrace/millrace/internal/wire"
)

func TestCompressions(t *testing.T) {
	codecs := map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}
	for name, config := range map[string]func() Config{"memory": func() Config { return Config{} }, "disk": func() Config { return onDisk(t) }} {
		t.Run(name, func(t *testing.T) {
			tb := start(t, config())
			for codec, c := range codecs {
				cl := tb.client(t, kgo.ProducerBatchCompression(c), kgo.DefaultProduceTopic(codec), kgo.ConsumeTopics(codec))
				value := bytes.Repeat([]byte("millrace "), 2000)
				var records []*kgo.Record
				for i := range 50 {
					records = append(records, &kgo.Record{Key: fmt.Append(nil, i), Value: value, Headers: []kgo.RecordHeader{{Key: "h", Value: []byte("v")}}})
				}
				produce(t, cl, records...)
				for i, r := range consume(t, cl, len(records)) {
					if string(r.Key) != fmt.Sprint(i) || !bytes.Equal(r.Value, value) || r.Offset != int64(i) || len(r.Headers) != 1 {
						t.Fatalf("%s: record %d: key %s offset %d", codec, i, r.Key, r.Offset)
					}
				}
			}
		})
	}
}

func TestAcks(t *testing.T) {
	tb := start(t, Config{})
	for _, acks := range []kgo.Acks{kgo.NoAck(), kgo.LeaderAck(), kgo.AllISRAcks()} {
		cl := tb.client(t, kgo.RequiredAcks(acks), kgo.DisableIdempotentWrite(), kgo.DefaultProduceTopic("acks"))
		produce(t, cl, kgo.StringRecord("x"))
	}
	cl := tb.client(t, kgo.ConsumeTopics("acks"))
	consume(t, cl, 3)
}

func TestLongPollEndsWithTheRecord(t *testing.T) {
	tb := start(t, Config{})
	tb.create(t, "poll", 3, nil)
	cl := tb.client(t, kgo.ConsumeTopics("poll"), kgo.FetchMaxWait(20*time.Second))
	got := make(chan time.Duration, 1)
	begun := time.Now()
	go func() {
		cl.PollFetches(testContext(t))
		got <- time.Since(begun)
	}()
	time.Sleep(300 * time.Millisecond)
	produce(t, tb.client(t), &kgo.Record{Topic: "poll", Value: []byte("now")})
	if took := <-got; took > 15*time.Second || took < 200*time.Millisecond {
		t.Fatalf("poll took %v", took)
	}
}

func TestEveryOffsetOfEveryBatchCanBeFetched(t *testing.T) {
	tb := start(t, Config{})
	cl := tb.client(t, kgo.DefaultProduceTopic("inside"))
	const batches, each = 4, 5
	for b := range batches {
		var records []*kgo.Record
		for i := range each {
			records = append(records, kgo.StringRecord(fmt.Sprint(b*each+i)))
		}
		produce(t, cl, records...)
	}
	for from := range int64(batches * each) {
		cl := tb.client(t, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"inside": {0: kgo.NewOffset().At(from)}}))
		if r := consume(t, cl, batches*each-int(from))[0]; r.Offset != from || string(r.Value) != fmt.Sprint(from) {
			t.Fatalf("from %d: offset %d, value %s", from, r.Offset, r.Value)
		}
		cl.Close()
	}
}

func TestLargeRecords(t *testing.T) {
	tb := start(t, onDisk(t))
	tb.create(t, "large", 1, map[string]string{"max.message.bytes": "30000000"})
	cl := tb.client(t, kgo.DefaultProduceTopic("large"), kgo.ProducerBatchMaxBytes(30<<20), kgo.MaxBufferedBytes(100<<20),
		kgo.BrokerMaxWriteBytes(100<<20), kgo.ProducerBatchCompression(kgo.NoCompression()))
	value := bytes.Repeat([]byte("0123456789abcdef"), 20<<20/16)
	produce(t, cl, &kgo.Record{Value: value}, kgo.StringRecord("small"))
	// The limits of this consumer are below the record's size: the first batch comes all the same.
	in := tb.client(t, kgo.ConsumeTopics("large"), kgo.FetchMaxBytes(1<<20), kgo.FetchMaxPartitionBytes(1<<20))
	got := consume(t, in, 2)
	if !bytes.Equal(got[0].Value, value) || string(got[1].Value) != "small" {
		t.Fatal("values differ")
	}
	tb.create(t, "tight", 1, map[string]string{"max.message.bytes": "1000"})
	err := cl.ProduceSync(testContext(t), &kgo.Record{Topic: "tight", Value: make([]byte, 5000)}).FirstErr()
	if !errors.Is(err, kerr.MessageTooLarge) {
		t.Fatalf("got %v", err)
	}
}

func TestListOffsets(t *testing.T) {
	tb := start(t, Config{})
	tb.create(t, "times", 1, map[string]string{"message.timestamp.after.max.ms": "9223372036854775807"})
	cl := tb.client(t, kgo.DefaultProduceTopic("times"))
	base := time.UnixMilli(1_700_000_000_000)
	for i := range 10 {
		produce(t, cl, &kgo.Record{Value: []byte("x"), Timestamp: base.Add(time.Duration(i) * time.Second)})
	}
	adm, ctx := kadm.NewClient(cl), testContext(t)
	check := func(what string, want int64, list kadm.ListedOffsets, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if o, _ := list.Lookup("times", 0); o.Err != nil || o.Offset != want {
			t.Errorf("%s: offset %d, %v, want %d", what, o.Offset, o.Err, want)
		}
	}
	list, err := adm.ListStartOffsets(ctx, "times")
	check("start", 0, list, err)
	list, err = adm.ListEndOffsets(ctx, "times")
	check("end", 10, list, err)
	list, err = adm.ListOffsetsAfterMilli(ctx, base.UnixMilli()+3500, "times")
	check("after 3.5 s", 4, list, err)
	list, err = adm.ListOffsetsAfterMilli(ctx, base.UnixMilli()+99_000, "times")
	check("after all: the end", 10, list, err)
	list, err = adm.ListMaxTimestampOffsets(ctx, "times")
	check("greatest timestamp", 9, list, err)
}

// transaction appends a batch of a transactional producer to a log, as a coordinator would have let it.
func transaction(t *testing.T, log *commitlog.Log, pid int64, seq int32, values ...string) {
	t.Helper()
	b := wire.NewBuilder(nil)
	b.SetProducer(pid, 0, seq)
	b.SetTransactional(true)
	for _, v := range values {
		b.Append(time.Now().UnixMilli(), nil, []byte(v), nil)
	}
	info, err := log.Append(b.Bytes(), commitlog.Internal, 0)
	if err == nil {
		err = log.WaitDurable(testContext(t), info.LastOffset)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestReadCommitted(t *testing.T) {
	tb := start(t, Config{})
	tb.create(t, "tx", 1, nil)
	log, err := tb.Metadata().Partition("tx", 0)
	if err != nil {
		t.Fatal(err)
	}
	marker := func(pid int64, commit bool) {
		t.Helper()
		offset, err := log.AppendMarker(pid, 0, commit, 0)
		if err == nil {
			err = log.WaitDurable(testContext(t), offset)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	transaction(t, log, 1, 0, "a1", "a2")
	transaction(t, log, 2, 0, "b1")
	marker(1, true)
	transaction(t, log, 1, 2, "a3")
	marker(2, false)
	marker(1, false)
	transaction(t, log, 3, 0, "open")
	produce(t, tb.client(t), &kgo.Record{Topic: "tx", Value: []byte("behind the open one")})

	values := func(records []*kgo.Record) (out []string) {
		for _, r := range records {
			out = append(out, string(r.Value))
		}
		return out
	}
	in := tb.client(t, kgo.ConsumeTopics("tx"), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if got := values(consume(t, in, 2)); !slices.Equal(got, []string{"a1", "a2"}) {
		t.Fatalf("committed: %q", got)
	}
	all := tb.client(t, kgo.ConsumeTopics("tx"))
	if got := values(consume(t, all, 6)); !slices.Equal(got, []string{"a1", "a2", "b1", "a3", "open", "behind the open one"}) {
		t.Fatalf("uncommitted: %q", got)
	}
	list, err := kadm.NewClient(all).ListCommittedOffsets(testContext(t), "tx")
	if o, _ := list.Lookup("tx", 0); err != nil || o.Offset != log.LastStableOffset() {
		t.Fatalf("committed end %d, %v, want %d", o.Offset, err, log.LastStableOffset())
	}
	marker(3, true)
	if got := values(consume(t, in, 2)); !slices.Equal(got, []string{"open", "behind the open one"}) {
		t.Fatalf("after the commit: %q", got)
	}
}

func TestDeleteAndRecreate(t *testing.T) {
	for name, config := range map[string]func() Config{"memory": func() Config { return Config{} }, "disk": func() Config { return onDisk(t) }} {
		t.Run(name, func(t *testing.T) {
			tb := start(t, config())
			adm, ctx := tb.admin(t), testContext(t)
			var last [16]byte
			for round := range 3 {
				made, err := adm.CreateTopic(ctx, 2, 1, nil, "again")
				if err != nil || made.ID == last {
					t.Fatalf("round %d: %v, id %v", round, err, made.ID)
				}
				last = made.ID
				produce(t, tb.client(t), &kgo.Record{Topic: "again", Value: fmt.Append(nil, round)})
				cl := tb.client(t, kgo.ConsumeTopics("again"))
				if r := consume(t, cl, 1)[0]; r.Offset != 0 || string(r.Value) != fmt.Sprint(round) {
					t.Fatalf("round %d: offset %d value %s", round, r.Offset, r.Value)
				}
				if _, err := adm.DeleteTopic(ctx, "again"); err != nil {
					t.Fatal(err)
				}
				if tb.Metadata().Topic("again") != nil {
					t.Fatal("still there")
				}
			}
			if _, err := adm.DeleteTopic(ctx, "again"); !errors.Is(err, kerr.UnknownTopicOrPartition) {
				t.Fatalf("deleting twice: %v", err)
			}
		})
	}
}

func TestIdempotentDuplicate(t *testing.T) {
	fs := vfs.NewMem()
	var first int64
	for restart := range 2 {
		tb := start(t, Config{FS: fs})
		if restart == 0 {
			tb.create(t, "dup", 1, nil)
		}
		b := wire.NewBuilder(nil)
		b.SetProducer(77, 0, 0)
		b.Append(time.Now().UnixMilli(), nil, []byte("once"), nil)
		for again := range 3 {
			resp := tb.dial(t).produce(t, "dup", slices.Clone(b.Bytes()))
			if resp.ErrorCode != 0 || (restart > 0 || again > 0) && resp.BaseOffset != first {
				t.Fatalf("restart %d, again %d: offset %d error %d", restart, again, resp.BaseOffset, resp.ErrorCode)
			}
			first = resp.BaseOffset
		}
		gap := wire.NewBuilder(nil)
		gap.SetProducer(77, 0, 9)
		gap.Append(time.Now().UnixMilli(), nil, []byte("gap"), nil)
		if resp := tb.dial(t).produce(t, "dup", gap.Bytes()); resp.ErrorCode != kerr.OutOfOrderSequenceNumber.Code {
			t.Fatalf("gap: error %d", resp.ErrorCode)
		}
		if err := tb.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestConfigs(t *testing.T) {
	tb := start(t, Config{Settings: map[string]string{"log.retention.hours": "1"}})
	adm, ctx := tb.admin(t), testContext(t)
	tb.create(t, "c", 1, map[string]string{"segment.bytes": "2000000"})
	value := func(name string) kadm.Config {
		t.Helper()
		rc, err := adm.DescribeTopicConfigs(ctx, "c")
		if err != nil || rc[0].Err != nil {
			t.Fatal(err, rc)
		}
		for _, c := range rc[0].Configs {
			if c.Key == name {
				return c
			}
		}
		t.Fatalf("no config %s", name)
		return kadm.Config{}
	}
	if v := value("retention.ms"); v.MaybeValue() != "3600000" || v.Source.String() != "DEFAULT_CONFIG" { // Kafka does not name the source either
		t.Fatalf("retention.ms: %s from %v", v.MaybeValue(), v.Source)
	}
	if v := value("segment.bytes"); v.MaybeValue() != "2000000" || v.Source.String() != "DYNAMIC_TOPIC_CONFIG" {
		t.Fatalf("segment.bytes: %s from %v", v.MaybeValue(), v.Source)
	}
	alter := func(op kadm.IncrementalOp, name, v string) error {
		t.Helper()
		rs, err := adm.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Op: op, Name: name, Value: &v}}, "c")
		if err != nil {
			t.Fatal(err)
		}
		return rs[0].Err
	}
	for _, c := range []struct {
		op    kadm.IncrementalOp
		value string
		want  string
	}{
		{kadm.AppendConfig, "compact", "delete,compact"},
		{kadm.SubtractConfig, "delete", "compact"},
		{kadm.SetConfig, "delete", "delete"},
		{kadm.DeleteConfig, "", "delete"},
	} {
		if err := alter(c.op, "cleanup.policy", c.value); err != nil {
			t.Fatal(err)
		}
		if v := value("cleanup.policy"); v.MaybeValue() != c.want {
			t.Fatalf("cleanup.policy %s, want %s", v.MaybeValue(), c.want)
		}
	}
	if err := alter(kadm.SetConfig, "retention.msx", "1"); !errors.Is(err, kerr.InvalidConfig) {
		t.Fatalf("unknown name: %v", err)
	}
	if err := alter(kadm.SetConfig, "retention.ms", "soon"); !errors.Is(err, kerr.InvalidConfig) {
		t.Fatalf("bad value: %v", err)
	}
	if err := alter(kadm.SetConfig, "max.message.bytes", "500"); err != nil {
		t.Fatal(err)
	}
	err := tb.client(t, kgo.ProducerBatchCompression(kgo.NoCompression())).ProduceSync(ctx, &kgo.Record{Topic: "c", Value: make([]byte, 1000)}).FirstErr()
	if !errors.Is(err, kerr.MessageTooLarge) {
		t.Fatalf("the new limit is not in force: %v", err)
	}
	if _, err := adm.CreateTopic(ctx, 1, 1, map[string]*string{"segment.byte": new(string)}, "bad"); err == nil || !strings.Contains(err.Error(), "INVALID_CONFIG") {
		t.Fatalf("creating with an unknown config: %v", err)
	}
}

func TestRetentionAndDeleteRecords(t *testing.T) {
	tb := start(t, Config{})
	tb.create(t, "old", 1, map[string]string{"internal.segment.bytes": "2000", "retention.bytes": "4000"})
	cl := tb.client(t, kgo.DefaultProduceTopic("old"), kgo.ProducerBatchCompression(kgo.NoCompression()))
	for range 20 {
		produce(t, cl, &kgo.Record{Value: make([]byte, 1000)})
	}
	tb.retainOnce()
	log, _ := tb.Metadata().Partition("old", 0)
	if log.StartOffset() == 0 || log.Size() > 8000 {
		t.Fatalf("start %d, %d bytes", log.StartOffset(), log.Size())
	}
	adm, ctx := kadm.NewClient(cl), testContext(t)
	var to kadm.Offsets
	to.AddOffset("old", 0, 18, -1)
	if _, err := adm.DeleteRecords(ctx, to); err != nil {
		t.Fatal(err)
	}
	if log.StartOffset() != 18 {
		t.Fatalf("start %d", log.StartOffset())
	}
	in := tb.client(t, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"old": {0: kgo.NewOffset().At(3)}}),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if r := consume(t, in, 2)[0]; r.Offset != 18 {
		t.Fatalf("offset %d", r.Offset)
	}
}

func TestAdminDescriptions(t *testing.T) {
	tb := start(t, onDisk(t))
	adm, ctx := tb.admin(t), testContext(t)
	if _, err := adm.CreateTopics(ctx, 3, -1, nil, "x", "y"); err != nil {
		t.Fatal(err)
	}
	grown, err := adm.CreatePartitions(ctx, 2, "x")
	if err != nil || grown["x"].Err != nil {
		t.Fatal(err, grown)
	}
	produce(t, tb.client(t), &kgo.Record{Topic: "x", Value: []byte("v")})
	topics, err := adm.ListTopics(ctx)
	if err != nil || len(topics["x"].Partitions) != 5 || len(topics["y"].Partitions) != 3 {
		t.Fatal(err, topics)
	}
	dirs, err := adm.DescribeAllLogDirs(ctx, nil)
	if err != nil || len(dirs) != 1 {
		t.Fatal(err, dirs)
	}
	if meta, err := adm.BrokerMetadata(ctx); err != nil || meta.Cluster != tb.Metadata().Identity().ClusterID || len(meta.Brokers) != 1 {
		t.Fatal(err, meta)
	}
}

func TestAutoCreation(t *testing.T) {
	tb := start(t, Config{Settings: map[string]string{"num.partitions": "4"}})
	produce(t, tb.client(t), &kgo.Record{Topic: "auto", Value: []byte("x")})
	if topic := tb.Metadata().Topic("auto"); topic == nil || topic.Partitions != 4 {
		t.Fatalf("%+v", topic)
	}
	off := start(t, Config{Settings: map[string]string{"auto.create.topics.enable": "false"}})
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	cl := off.client(t, kgo.UnknownTopicRetries(0))
	if err := cl.ProduceSync(ctx, &kgo.Record{Topic: "auto", Value: []byte("x")}).FirstErr(); err == nil || off.Metadata().Topic("auto") != nil {
		t.Fatalf("created: %v", err)
	}
}
