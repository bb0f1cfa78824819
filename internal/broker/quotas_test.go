package broker

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/metadata"
)

// handClock stands still unless it is moved.
type handClock struct{ ms atomic.Int64 }

func newHandClock() *handClock {
	c := &handClock{}
	c.ms.Store(1_700_000_000_000)
	return c
}

func (c *handClock) now() time.Time          { return time.UnixMilli(c.ms.Load()) }
func (c *handClock) advance(d time.Duration) { c.ms.Add(d.Milliseconds()) }

func (tb *testBroker) quota(t testing.TB, e metadata.QuotaEntity, limit string, value float64) {
	t.Helper()
	errs, err := tb.Metadata().AlterQuotas([]metadata.QuotaChange{{Entity: e, Limits: map[string]*float64{limit: &value}}}, false)
	if err != nil || errs[0] != nil {
		t.Fatal(err, errs)
	}
}

var everybody = metadata.QuotaEntity{ClientID: metadata.DefaultName}

// throttleOf asks and gives the answer's throttle time.
func throttleOf(t testing.TB, c *rawConn, req kmsg.Request) int32 {
	t.Helper()
	ms, _ := c.ask(t, req).(kmsg.ThrottleResponse).Throttle()
	return ms
}

// TestProduceQuota: the answer tells for how long the client is to be silent, exactly, and for so long the broker does not hear it, while
// it hears others.
func TestProduceQuota(t *testing.T) {
	clock := newHandClock()
	tb := start(t, Config{Now: clock.now})
	tb.create(t, "p", 1, map[string]string{"message.timestamp.after.max.ms": "9223372036854775807"})
	c, other := tb.dial(t), tb.dial(t)
	req := produceRequestOf("p", 9, batch(string(bytes.Repeat([]byte("x"), 12000))))
	if ms := throttleOf(t, c, req); ms != 0 {
		t.Fatalf("throttled by %d ms without a quota", ms)
	}
	tb.quota(t, everybody, metadata.ProducerByteRate, 1000)
	size := float64(len(kmsg.NewRequestFormatter(kmsg.FormatterClientID("raw")).AppendRequest(nil, req, 1)) - 4)
	want := int32((size/10-1000)/1000*10000 + 0.5) // over the ten whole samples of the window
	if ms := throttleOf(t, c, req); ms != want {
		t.Fatalf("throttled by %d ms, want %d", ms, want)
	}
	if line := fmt.Sprintf("kafka_server_produce_throttle_time{user=\"ANONYMOUS\",client_id=\"raw\"} %d\n", want); !strings.Contains(tb.page(t), line) {
		t.Fatalf("%s is not in\n%s", line, tb.page(t))
	}
	began := time.Now()
	c.send(t, produceRequestOf("p", 9, batch("y")))
	list := kmsg.NewPtrListGroupsRequest()
	list.Version = 4
	if ms := throttleOf(t, other, list); ms != 0 || time.Since(began) > time.Duration(want)*time.Millisecond {
		t.Fatalf("another connection was made to wait, %d ms", ms)
	}
	clock.advance(20 * time.Second)
	again := c.receive(t, req, c.next).(*kmsg.ProduceResponse)
	if waited := time.Since(began); waited < time.Duration(want-100)*time.Millisecond {
		t.Fatalf("the next request was heard after %v, want %d ms", waited, want)
	}
	if code := again.Topics[0].Partitions[0].ErrorCode; code != 0 {
		t.Fatalf("error %d", code)
	}
}

func fetchOf(id [16]byte, offset int64) *kmsg.FetchRequest {
	req := kmsg.NewPtrFetchRequest()
	req.Version, req.MaxWaitMillis, req.MinBytes, req.MaxBytes, req.SessionEpoch = 13, 0, 1, 1<<20, -1
	rt, rp := kmsg.NewFetchRequestTopic(), kmsg.NewFetchRequestTopicPartition()
	rt.TopicID, rp.FetchOffset, rp.PartitionMaxBytes = id, offset, 1<<20
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	return req
}

// TestFetchQuota: a fetch is bounded by what a window allows; one that goes over is answered empty, and nothing of it is counted.
func TestFetchQuota(t *testing.T) {
	clock := newHandClock()
	tb := start(t, Config{Now: clock.now})
	tb.create(t, "f", 1, map[string]string{"message.timestamp.after.max.ms": "9223372036854775807"})
	c := tb.dial(t)
	value := string(bytes.Repeat([]byte("x"), 6000))
	for range 3 {
		c.produce(t, "f", batch(value))
	}
	tb.quota(t, metadata.QuotaEntity{User: metadata.Named("ANONYMOUS")}, metadata.ConsumerByteRate, 1000)
	id := tb.Metadata().Topic("f").ID
	first := c.ask(t, fetchOf(id, 0)).(*kmsg.FetchResponse)
	if n := len(first.Topics[0].Partitions[0].RecordBatches); first.ThrottleMillis != 0 || n < 6000 || n > 10000 {
		t.Fatalf("%d bytes, throttled by %d ms: want one batch, which a window allows", n, first.ThrottleMillis)
	}
	second := c.ask(t, fetchOf(id, 1)).(*kmsg.FetchResponse)
	if second.ThrottleMillis <= 0 || len(second.Topics) != 0 {
		t.Fatalf("throttled by %d ms, %d topics: want an empty answer", second.ThrottleMillis, len(second.Topics))
	}
	clock.advance(11 * time.Second)
	third := c.ask(t, fetchOf(id, 1)).(*kmsg.FetchResponse)
	if n := len(third.Topics[0].Partitions[0].RecordBatches); third.ThrottleMillis != 0 || n < 6000 {
		t.Fatalf("%d bytes, throttled by %d ms after the window", n, third.ThrottleMillis)
	}
}

func TestRequestQuota(t *testing.T) {
	tb := start(t, Config{Now: newHandClock().now})
	tb.create(t, "t", 1, nil)
	tb.quota(t, metadata.QuotaEntity{User: metadata.DefaultName, ClientID: metadata.Named("raw")}, metadata.RequestPercentage, 1e-9)
	c := tb.dial(t)
	req := kmsg.NewPtrMetadataRequest()
	req.Version = 12
	if ms := throttleOf(t, c, req); ms != 1000 {
		t.Fatalf("throttled by %d ms, want a sample's length, which is the most", ms)
	}
}

// TestMutationQuota: a client that knows the error is refused (KIP-599); an older one is served, and told to be silent.
func TestMutationQuota(t *testing.T) {
	clock := newHandClock()
	tb := start(t, Config{Now: clock.now})
	tb.quota(t, everybody, metadata.ControllerMutationRate, 1)
	create := func(c *rawConn, version int16, name string, partitions int32) (int16, int32) {
		t.Helper()
		req := kmsg.NewPtrCreateTopicsRequest()
		rt := kmsg.NewCreateTopicsRequestTopic()
		rt.Topic, rt.NumPartitions, rt.ReplicationFactor = name, partitions, 1
		req.Version, req.Topics = version, append(req.Topics, rt)
		resp := c.ask(t, req).(*kmsg.CreateTopicsResponse)
		return resp.Topics[0].ErrorCode, resp.ThrottleMillis
	}
	// The bucket holds 11 tokens: it may be overdrawn once, by one.
	if code, ms := create(tb.dial(t), 7, "a", 12); code != 0 || ms != 0 {
		t.Fatalf("error %d, %d ms", code, ms)
	}
	if code, ms := create(tb.dial(t), 7, "b", 3); code != kerr.ThrottlingQuotaExceeded.Code || ms != 1000 {
		t.Fatalf("error %d, %d ms: want a refusal for a second", code, ms)
	}
	if code, ms := create(tb.dial(t), 5, "b", 3); code != 0 || ms != 4000 {
		t.Fatalf("error %d, %d ms: want a silence of four seconds", code, ms)
	}
	clock.advance(4 * time.Second)
	if code, ms := create(tb.dial(t), 7, "c", 1); code != 0 || ms != 0 {
		t.Fatalf("error %d, %d ms", code, ms)
	}
	del := kmsg.NewPtrDeleteTopicsRequest()
	del.Version, del.TopicNames = 5, []string{"a"}
	resp := tb.dial(t).ask(t, del).(*kmsg.DeleteTopicsResponse)
	if resp.Topics[0].ErrorCode != kerr.ThrottlingQuotaExceeded.Code || resp.ThrottleMillis != 1000 {
		t.Fatalf("error %d, %d ms", resp.Topics[0].ErrorCode, resp.ThrottleMillis)
	}
}

// TestConnectionQuota: a connection too many of an address is closed, unheard, after a while; others live on.
func TestConnectionQuota(t *testing.T) {
	tb := start(t, Config{Now: newHandClock().now})
	tb.quota(t, metadata.QuotaEntity{IP: metadata.DefaultName}, metadata.ConnectionCreationRate, 1)
	var kept []*rawConn
	for range 10 {
		c := tb.dial(t)
		c.ask(t, kmsg.NewPtrMetadataRequest())
		kept = append(kept, c)
	}
	c := tb.dial(t)
	if _, err := c.Read(make([]byte, 1)); err != io.EOF {
		if ne, ok := err.(net.Error); err == nil || ok && ne.Timeout() {
			t.Fatalf("the eleventh connection lives: %v", err)
		}
	}
	kept[0].ask(t, kmsg.NewPtrMetadataRequest())
}
