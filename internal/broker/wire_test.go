package broker

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/vfs"
	"github.com/millrace/millrace/internal/wire"
)

func batch(values ...string) []byte {
	b := wire.NewBuilder(nil)
	for _, v := range values {
		b.Append(time.Now().UnixMilli(), nil, []byte(v), nil)
	}
	return b.Bytes()
}

func produceRequestOf(topic string, version int16, records []byte) *kmsg.ProduceRequest {
	req := kmsg.NewPtrProduceRequest()
	req.Version, req.Acks, req.TimeoutMillis = version, -1, 5000
	rt := kmsg.NewProduceRequestTopic()
	rt.Topic = topic
	rp := kmsg.NewProduceRequestTopicPartition()
	rp.Records = records
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	return req
}

func (c *rawConn) produce(t testing.TB, topic string, records []byte) kmsg.ProduceResponseTopicPartition {
	t.Helper()
	resp := c.ask(t, produceRequestOf(topic, 12, records)).(*kmsg.ProduceResponse)
	return resp.Topics[0].Partitions[0]
}

// fill puts something into each field that a version may leave out, and names a topic that is there.
func fill(req kmsg.Request, id [16]byte, version int16) {
	name := "t"
	switch r := req.(type) {
	case *kmsg.ProduceRequest:
		p := produceRequestOf(name, version, batch("a", "b"))
		p.Topics[0].TopicID = id
		*r = *p
	case *kmsg.FetchRequest:
		r.MaxBytes, r.MinBytes, r.MaxWaitMillis, r.IsolationLevel, r.SessionEpoch = 1<<20, 1, 100, int8(version%2), -1
		rt := kmsg.NewFetchRequestTopic()
		rt.Topic, rt.TopicID = name, id
		for i := range int32(3) { // the last does not exist
			rp := kmsg.NewFetchRequestTopicPartition()
			rp.Partition, rp.PartitionMaxBytes, rp.CurrentLeaderEpoch = i, 1<<20, -1
			rt.Partitions = append(rt.Partitions, rp)
		}
		r.Topics = append(r.Topics, rt)
	case *kmsg.ListOffsetsRequest:
		rt := kmsg.NewListOffsetsRequestTopic()
		rt.Topic = name
		for _, ts := range []int64{-1, -2, -3, -4, 5} {
			rp := kmsg.NewListOffsetsRequestTopicPartition()
			rp.Timestamp = ts
			rt.Partitions = append(rt.Partitions, rp)
		}
		r.Topics = append(r.Topics, rt)
	case *kmsg.MetadataRequest:
		for _, n := range []string{name, "new-by-metadata", "bad name"} {
			r.Topics = append(r.Topics, kmsg.MetadataRequestTopic{Topic: &n})
		}
		if version >= 12 {
			r.Topics = append(r.Topics, kmsg.MetadataRequestTopic{TopicID: id}, kmsg.MetadataRequestTopic{TopicID: [16]byte{9}})
		}
		r.AllowAutoTopicCreation, r.IncludeTopicAuthorizedOperations = true, true
	case *kmsg.FindCoordinatorRequest:
		r.CoordinatorKey, r.CoordinatorKeys = "g", []string{"g", "h"}
	case *kmsg.ApiVersionsRequest:
		r.ClientSoftwareName, r.ClientSoftwareVersion = "test", "1.0"
	case *kmsg.CreateTopicsRequest:
		for i := range 2 {
			rt := kmsg.NewCreateTopicsRequestTopic()
			rt.Topic, rt.NumPartitions, rt.ReplicationFactor = fmt.Sprintf("made-%d-%d", version, i), 1, int16(i+1)
			r.Topics = append(r.Topics, rt)
		}
	case *kmsg.DeleteTopicsRequest:
		missing := "missing"
		r.TopicNames = []string{missing}
		r.Topics = []kmsg.DeleteTopicsRequestTopic{{Topic: &missing}, {TopicID: [16]byte{9}}}
	case *kmsg.DeleteRecordsRequest:
		r.Topics = append(r.Topics, kmsg.DeleteRecordsRequestTopic{Topic: name, Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{Partition: 0}, {Partition: 9}}})
	case *kmsg.OffsetForLeaderEpochRequest:
		rt := kmsg.NewOffsetForLeaderEpochRequestTopic()
		rt.Topic = name
		rp := kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
		rp.CurrentLeaderEpoch = -1
		rt.Partitions = append(rt.Partitions, rp)
		r.Topics = append(r.Topics, rt)
	case *kmsg.DescribeConfigsRequest:
		r.IncludeSynonyms, r.IncludeDocumentation = true, true
		r.Resources = []kmsg.DescribeConfigsRequestResource{
			{ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: name}, {ResourceType: kmsg.ConfigResourceTypeBroker, ResourceName: "1"},
			{ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: "missing"},
		}
	case *kmsg.AlterConfigsRequest:
		v := "100000"
		r.Resources = []kmsg.AlterConfigsRequestResource{{ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: name,
			Configs: []kmsg.AlterConfigsRequestResourceConfig{{Name: "retention.ms", Value: &v}}}}
	case *kmsg.IncrementalAlterConfigsRequest:
		v := "200000"
		r.Resources = []kmsg.IncrementalAlterConfigsRequestResource{{ResourceType: kmsg.ConfigResourceTypeBroker, ResourceName: "1",
			Configs: []kmsg.IncrementalAlterConfigsRequestResourceConfig{{Name: "log.retention.ms", Value: &v}}}}
	case *kmsg.CreatePartitionsRequest:
		r.Topics = []kmsg.CreatePartitionsRequestTopic{{Topic: name, Count: 2}, {Topic: "missing", Count: 2}}
	case *kmsg.DescribeProducersRequest:
		r.Topics = []kmsg.DescribeProducersRequestTopic{{Topic: name, Partitions: []int32{0, 9}}}
	case *kmsg.DescribeTopicPartitionsRequest:
		r.ResponsePartitionLimit = 1
	}
}

func TestEveryVersionOfEveryAPI(t *testing.T) {
	for name, config := range map[string]func() Config{"memory": func() Config { return Config{} }, "disk": func() Config { return onDisk(t) }} {
		t.Run(name, func(t *testing.T) {
			tb := start(t, config())
			tb.create(t, "t", 2, nil)
			id := tb.Metadata().Topic("t").ID
			c := tb.dial(t)
			for _, a := range apis {
				if a == nil {
					continue
				}
				for v := a.min; v <= a.max; v++ {
					req := kmsg.RequestForKey(a.key)
					req.SetVersion(v)
					if d, ok := req.(interface{ Default() }); ok {
						d.Default()
					}
					fill(req, id, v)
					req.SetVersion(v)
					checkAnswer(t, v, c.ask(t, req))
				}
			}
		})
	}
}

func checkAnswer(t *testing.T, version int16, resp kmsg.Response) {
	t.Helper()
	switch r := resp.(type) {
	case *kmsg.ProduceResponse:
		if p := r.Topics[0].Partitions[0]; p.ErrorCode != 0 {
			t.Errorf("produce v%d: error %d", version, p.ErrorCode)
		}
	case *kmsg.FetchResponse:
		parts := r.Topics[0].Partitions
		if parts[0].ErrorCode != 0 || len(parts[0].RecordBatches) == 0 || parts[1].ErrorCode != 0 || parts[2].ErrorCode != kerr.UnknownTopicOrPartition.Code {
			t.Errorf("fetch v%d: errors %d %d %d, %d bytes", version, parts[0].ErrorCode, parts[1].ErrorCode, parts[2].ErrorCode, len(parts[0].RecordBatches))
		}
	case *kmsg.MetadataResponse:
		if topic := r.Topics[0]; topic.ErrorCode != 0 || len(topic.Partitions) != 2 || r.Topics[2].ErrorCode != kerr.InvalidTopicException.Code {
			t.Errorf("metadata v%d: %+v", version, r.Topics)
		}
	case *kmsg.ApiVersionsResponse:
		if r.ErrorCode != 0 || len(r.ApiKeys) < 20 {
			t.Errorf("api versions v%d: error %d, %d keys", version, r.ErrorCode, len(r.ApiKeys))
		}
	case *kmsg.DescribeTopicPartitionsResponse:
		if len(r.Topics) != 1 || len(r.Topics[0].Partitions) != 1 || r.NextCursor == nil {
			t.Errorf("describe topic partitions: %+v", r)
		}
	}
}

func TestUnsupportedVersions(t *testing.T) {
	tb := start(t, Config{})
	c := tb.dial(t)
	frame := kmsg.NewRequestFormatter().AppendRequest(nil, kmsg.NewPtrApiVersionsRequest(), 7)
	binary.BigEndian.PutUint16(frame[6:], 99)
	c.Write(frame)
	body := c.frame(t)
	resp := kmsg.NewPtrApiVersionsResponse()
	if err := resp.ReadFrom(body[4:]); err != nil || resp.ErrorCode != kerr.UnsupportedVersion.Code || len(resp.ApiKeys) == 0 {
		t.Fatalf("%v, error %d, %d keys", err, resp.ErrorCode, len(resp.ApiKeys))
	}
	// The connection lives on.
	req := kmsg.NewPtrApiVersionsRequest()
	c.ask(t, req)

	old := kmsg.NewPtrProduceRequest()
	old.Version = 2
	c.send(t, old)
	c.closed(t)
	if !tb.reports.has("a Produce request of version 2") {
		t.Fatalf("%q", tb.reports.lines)
	}
}

func TestGarbage(t *testing.T) {
	tb := start(t, Config{})
	for name, bytes := range map[string][]byte{
		"http":            []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		"tls":             {0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03, 0, 0, 0, 0, 0},
		"huge":            {0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0},
		"negative":        {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0},
		"empty":           {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		"unknown key":     {0, 0, 0, 10, 0x03, 0xe8, 0, 0, 0, 0, 0, 1, 0xff, 0xff},
		"control key":     {0, 0, 0, 10, 0, 4, 0, 0, 0, 0, 0, 1, 0xff, 0xff},
		"cut header":      {0, 0, 0, 10, 0, 3, 0, 1, 0, 0, 0, 1, 0x7f, 0xff},
		"cut body":        {0, 0, 0, 12, 0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0x7f, 0xff},
		"endless topics":  {0, 0, 0, 24, 0, 0, 0, 8, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 0x7f, 0xff, 0xff, 0xff, 0, 0},
		"big metadata":    {0x00, 0xff, 0xff, 0xff, 0, 3, 0, 1, 0, 0, 0, 1},
		"announced fetch": {0x00, 0x00, 0x00, 0x20, 0, 1, 0, 11, 0, 0, 0, 1, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
	} {
		c := tb.dial(t)
		c.Write(bytes)
		c.Conn.(*net.TCPConn).CloseWrite()
		if _, err := io.Copy(io.Discard, c); err != nil && !isReset(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	tb.dial(t).ask(t, kmsg.NewPtrMetadataRequest()) // still serving
}

func isReset(err error) bool {
	_, ok := err.(*net.OpError)
	return ok
}

func TestPipelining(t *testing.T) {
	tb := start(t, Config{})
	tb.create(t, "p", 1, nil)
	c := tb.dial(t)
	const n = 300 // more than the connection lets wait
	reqs := make([]kmsg.Request, n)
	go func() {
		for i := range reqs {
			if i%10 == 9 {
				reqs[i] = kmsg.NewPtrApiVersionsRequest()
			} else {
				reqs[i] = produceRequestOf("p", 9, batch(fmt.Sprint(i)))
			}
			frame := kmsg.NewRequestFormatter().AppendRequest(nil, reqs[i], int32(i))
			c.Write(frame)
		}
	}()
	next := int64(0)
	for i := range n {
		body := c.frame(t)
		if got := binary.BigEndian.Uint32(body); got != uint32(i) {
			t.Fatalf("answer %d is for request %d", i, got)
		}
		if i%10 == 9 {
			continue
		}
		resp := kmsg.NewPtrProduceResponse()
		resp.Version = 9
		if err := resp.ReadFrom(body[5:]); err != nil {
			t.Fatal(err)
		}
		if p := resp.Topics[0].Partitions[0]; p.ErrorCode != 0 || p.BaseOffset != next {
			t.Fatalf("request %d: error %d offset %d, want %d", i, p.ErrorCode, p.BaseOffset, next)
		}
		next++
	}
}

func TestProduceErrors(t *testing.T) {
	tb := start(t, Config{})
	tb.create(t, "e", 1, nil)
	c := tb.dial(t)
	corrupt := batch("x")
	corrupt[len(corrupt)-1] ^= 1
	magic := batch("x")
	magic[16] = 1
	count := batch("x")
	count[60] ^= 4 // of the number of records
	old := oldMessage(1)
	older := oldMessage(0)
	two := append(batch("x"), batch("y")...)
	txn := wire.NewBuilder(nil)
	txn.SetProducer(1, 0, 0)
	txn.SetTransactional(true)
	txn.Append(time.Now().UnixMilli(), nil, nil, nil)
	marker := wire.BuildMarker(1, 0, true, 0, time.Now().UnixMilli())
	for _, test := range []struct {
		name    string
		topic   string
		records []byte
		want    *kerr.Error
	}{
		{"fine", "e", batch("x"), nil},
		{"checksum", "e", corrupt, kerr.CorruptMessage},
		{"checksum, seen in the header", "e", count, kerr.CorruptMessage},
		{"magic 1", "e", old, kerr.InvalidRecord}, // as Kafka 4.3.1
		{"magic 0", "e", older, kerr.InvalidRecord},
		{"cut", "e", batch("x")[:40], kerr.CorruptMessage},
		{"magic", "e", magic, kerr.InvalidRecord},
		{"two batches", "e", two, kerr.InvalidRecord},
		{"nothing", "e", nil, kerr.InvalidRecord},
		{"control", "e", marker, kerr.TransactionalIDAuthorizationFailed},
		{"no transactional id", "e", txn.Bytes(), kerr.TransactionalIDAuthorizationFailed},
		{"topic", "nowhere", batch("x"), kerr.UnknownTopicOrPartition},
	} {
		p := c.produce(t, test.topic, test.records)
		want := int16(0)
		if test.want != nil {
			want = test.want.Code
		}
		if p.ErrorCode != want || want != 0 && p.BaseOffset != -1 {
			t.Errorf("%s: error %d offset %d, want error %d", test.name, p.ErrorCode, p.BaseOffset, want)
		}
	}
	req := produceRequestOf("e", 9, batch("x"))
	req.Acks = 3
	if p := c.ask(t, req).(*kmsg.ProduceResponse).Topics[0].Partitions[0]; p.ErrorCode != kerr.InvalidRequiredAcks.Code {
		t.Errorf("acks 3: error %d", p.ErrorCode)
	}
	req = produceRequestOf("nowhere", 9, batch("x"))
	req.Acks = 0
	c.send(t, req)
	c.closed(t)
}

// oldMessage is a message of the formats before record batches, KIP-32's or the one before.
func oldMessage(magic byte) []byte {
	body := []byte{magic, 0}
	if magic == 1 {
		body = binary.BigEndian.AppendUint64(body, 1e12)
	}
	body = binary.BigEndian.AppendUint32(body, 0xffff_ffff) // no key
	value := strings.Repeat("hello ", 20)
	body = append(binary.BigEndian.AppendUint32(body, uint32(len(value))), value...)
	out := binary.BigEndian.AppendUint32(make([]byte, 8), uint32(4+len(body)))
	return append(binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(body)), body...)
}

func TestFetchErrors(t *testing.T) {
	tb := start(t, Config{})
	tb.create(t, "f", 1, nil)
	c := tb.dial(t)
	c.produce(t, "f", batch("a", "b"))
	fetch := func(edit func(*kmsg.FetchRequest, *kmsg.FetchRequestTopicPartition)) *kmsg.FetchResponse {
		req := kmsg.NewPtrFetchRequest()
		req.Version, req.MaxWaitMillis, req.MinBytes, req.SessionEpoch = 12, 10_000, 1, 0
		rp := kmsg.NewFetchRequestTopicPartition()
		rp.PartitionMaxBytes, rp.CurrentLeaderEpoch = 1<<20, -1
		edit(req, &rp)
		req.Topics = []kmsg.FetchRequestTopic{{Topic: "f", Partitions: []kmsg.FetchRequestTopicPartition{rp}}}
		return c.ask(t, req).(*kmsg.FetchResponse)
	}
	for name, test := range map[string]struct {
		want *kerr.Error
		edit func(*kmsg.FetchRequest, *kmsg.FetchRequestTopicPartition)
	}{
		"past the end":   {kerr.OffsetOutOfRange, func(_ *kmsg.FetchRequest, p *kmsg.FetchRequestTopicPartition) { p.FetchOffset = 3 }},
		"negative":       {kerr.OffsetOutOfRange, func(_ *kmsg.FetchRequest, p *kmsg.FetchRequestTopicPartition) { p.FetchOffset = -5 }},
		"no partition":   {kerr.UnknownTopicOrPartition, func(_ *kmsg.FetchRequest, p *kmsg.FetchRequestTopicPartition) { p.Partition = 4 }},
		"epoch of later": {kerr.UnknownLeaderEpoch, func(_ *kmsg.FetchRequest, p *kmsg.FetchRequestTopicPartition) { p.CurrentLeaderEpoch = 3 }},
	} {
		if got := fetch(test.edit).Topics[0].Partitions[0]; got.ErrorCode != test.want.Code || got.HighWatermark != -1 {
			t.Errorf("%s: error %d, want %v", name, got.ErrorCode, test.want)
		}
	}
	session := fetch(func(r *kmsg.FetchRequest, _ *kmsg.FetchRequestTopicPartition) { r.SessionID, r.SessionEpoch = 5, 3 })
	if session.ErrorCode != kerr.FetchSessionIDNotFound.Code || session.SessionID != 0 || len(session.Topics) != 0 {
		t.Errorf("session: %+v", session)
	}
	begun := time.Now()
	empty := fetch(func(r *kmsg.FetchRequest, p *kmsg.FetchRequestTopicPartition) {
		r.MaxWaitMillis, p.FetchOffset = 200, 2
	})
	if p := empty.Topics[0].Partitions[0]; p.ErrorCode != 0 || p.HighWatermark != 2 || len(p.RecordBatches) != 0 || time.Since(begun) < 200*time.Millisecond {
		t.Errorf("at the end: %+v after %v", p, time.Since(begun))
	}
}

func TestStopAnswersLongPolls(t *testing.T) {
	tb := start(t, Config{FS: vfs.NewMem()})
	tb.create(t, "s", 1, nil)
	c := tb.dial(t)
	req := kmsg.NewPtrFetchRequest()
	req.Version, req.MaxWaitMillis, req.MinBytes = 11, 60_000, 1
	rp := kmsg.NewFetchRequestTopicPartition()
	rp.PartitionMaxBytes = 1000
	rp.CurrentLeaderEpoch = -1
	req.Topics = []kmsg.FetchRequestTopic{{Topic: "s", Partitions: []kmsg.FetchRequestTopicPartition{rp}}}
	before := tb.Stats().Requests.Load()
	c.send(t, req)
	waitFor(t, "the request to be read", func() bool { return tb.Stats().Requests.Load() > before })
	begun := time.Now()
	if err := tb.Close(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took > 4*time.Second {
		t.Fatalf("stopping took %v", took)
	}
	c.receive(t, req, c.next)
	c.closed(t)
}
