package broker

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/metadata"
	"github.com/millrace/millrace/internal/wire"
)

// largeBatch is more than a connection's buffer has room for, so that its request is handled as it comes.
func largeBatch(text string) []byte { return batch(strings.Repeat(text, 40_000/len(text))) }

// largeRequest has a batch for each of several partitions of topic t.
func largeRequest(version int16, id [16]byte, batches ...[]byte) *kmsg.ProduceRequest {
	req := produceRequestOf("t", version, batches[0])
	t := &req.Topics[0]
	t.TopicID = id
	for i, b := range batches[1:] {
		p := kmsg.NewProduceRequestTopicPartition()
		p.Partition, p.Records = int32(i+1), b
		t.Partitions = append(t.Partitions, p)
	}
	return req
}

// TestProduceAsItComes sends large requests to a broker that handles them partition by partition, and to one that waits for all of a
// request since it takes the time of each: every version has the same answer, errors in the middle included.
func TestProduceAsItComes(t *testing.T) {
	brokers := [2]*testBroker{start(t, Config{}), start(t, Config{})}
	brokers[1].quota(t, metadata.QuotaEntity{User: metadata.DefaultName, ClientID: metadata.Named("raw")}, metadata.RequestPercentage, 1e9)
	corrupt := largeBatch("corrupt")
	corrupt[len(corrupt)-1] ^= 1
	for _, tb := range brokers {
		tb.create(t, "t", 5, nil)
	}
	for version := int16(3); version <= 13; version++ {
		var answers [2]*kmsg.ProduceResponse
		for i, tb := range brokers {
			req := largeRequest(version, tb.Metadata().Topic("t").ID, largeBatch("a"), corrupt, batch("small"), nil, largeBatch("e"), largeBatch("no such partition"))
			answers[i] = tb.dial(t).ask(t, req).(*kmsg.ProduceResponse)
		}
		for j, got := range answers[0].Topics[0].Partitions {
			want := answers[1].Topics[0].Partitions[j]
			if got.Partition != want.Partition || got.ErrorCode != want.ErrorCode || got.BaseOffset != want.BaseOffset || got.LogStartOffset != want.LogStartOffset {
				t.Errorf("version %d: %+v, want %+v", version, got, want)
			}
		}
		if p := answers[0].Topics[0].Partitions; p[0].ErrorCode != 0 || p[1].ErrorCode != kerr.CorruptMessage.Code || p[4].BaseOffset != int64(version-3) {
			t.Errorf("version %d: %+v", version, p)
		}
	}
}

// TestTransactionalAsItComes: a batch of a transaction is refused in a request that names none.
func TestTransactionalAsItComes(t *testing.T) {
	tb := start(t, Config{})
	tb.create(t, "t", 3, nil)
	b := wire.NewBuilder(nil)
	b.SetProducer(1, 0, 0)
	b.SetTransactional(true)
	b.Append(1, nil, make([]byte, 40_000), nil)
	resp := tb.dial(t).ask(t, largeRequest(12, [16]byte{}, largeBatch("a"), b.Bytes(), largeBatch("c"))).(*kmsg.ProduceResponse)
	want := []int16{0, kerr.TransactionalIDAuthorizationFailed.Code, 0}
	for i, p := range resp.Topics[0].Partitions {
		if p.ErrorCode != want[i] {
			t.Errorf("partition %d: error %d, want %d", i, p.ErrorCode, want[i])
		}
	}
}

// TestProduceCut cuts connections in the middle of a request: what came whole is in the log, nothing else is, and it is not taken for
// a client's mistake.
func TestProduceCut(t *testing.T) {
	tb := start(t, Config{})
	tb.create(t, "t", 2, nil)
	req := largeRequest(12, [16]byte{}, largeBatch("a"), largeBatch("b"))
	frame := kmsg.NewRequestFormatter(kmsg.FormatterClientID("raw")).AppendRequest(nil, req, 1)
	for _, at := range []int{len(frame) - 20, len(frame) * 3 / 4} {
		c := tb.dial(t)
		if _, err := c.Write(frame[:at]); err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	var logs []int64
	for i := range int32(2) {
		log, err := tb.Metadata().Partition("t", i)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			if err := log.WaitDurable(testContext(t), 1); err != nil {
				t.Fatal(err)
			}
		}
		logs = append(logs, log.EndOffset())
	}
	if logs[0] != 2 || logs[1] != 0 {
		t.Errorf("the logs end at %d", logs)
	}
	// A length that the request does not have is a mistake, and costs the connection.
	c := tb.dial(t)
	short := append([]byte(nil), frame[:len(frame)-20]...)
	binary.BigEndian.PutUint32(short, uint32(len(short)-4))
	if _, err := c.Write(short); err != nil {
		t.Fatal(err)
	}
	c.closed(t)
	if n := tb.Stats().Malformed.Load(); n != 1 {
		t.Errorf("%d connections had malformed requests, want 1", n)
	}
}
