package broker

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// exchange sends the next of some frames and reads its answer into a buffer, without an allocation of its own.
type exchange struct {
	conn   *rawConn
	frames [][]byte
	answer []byte
	size   int
}

func (x *exchange) run() error {
	if _, err := x.conn.Write(x.frames[0]); err != nil {
		return err
	}
	x.frames = x.frames[1:]
	if _, err := io.ReadFull(x.conn, x.answer[:4]); err != nil {
		return err
	}
	x.size = int(binary.BigEndian.Uint32(x.answer))
	_, err := io.ReadFull(x.conn, x.answer[:x.size])
	return err
}

// allocsOf is how many allocations an exchange costs, the broker's included. Each answer must have at least so many bytes.
func (c *rawConn) allocsOf(t *testing.T, runs, least int, request func() kmsg.Request) float64 {
	t.Helper()
	x := &exchange{conn: c, answer: make([]byte, 1<<20)}
	format := kmsg.NewRequestFormatter(kmsg.FormatterClientID("raw"))
	for range runs + 2 {
		c.next++
		x.frames = append(x.frames, format.AppendRequest(nil, request(), c.next))
	}
	var failed error
	once := func() {
		if err := x.run(); err != nil {
			failed = err
		} else if x.size < least {
			failed = fmt.Errorf("an answer of %d bytes, want at least %d", x.size, least)
		}
	}
	once() // makes what is made once for a connection
	n := testing.AllocsPerRun(runs, once)
	if failed != nil {
		t.Fatal(failed)
	}
	return n
}

// TestNoAllocationPerRecord: what Produce, Fetch and ShareFetch allocate does not grow with the number of records.
func TestNoAllocationPerRecord(t *testing.T) {
	const some, many, runs = 10, 500, 15
	config := few(Config{})
	config.Settings["group.share.partition.max.record.locks"] = "10000"
	tb := start(t, config)
	for _, n := range []int{some, many} {
		tb.create(t, fmt.Sprint("t", n), 1, nil)
	}
	tb.create(t, "in", 1, nil)
	records := func(n int) []byte { return batch(strings.Split(strings.Repeat("value ", n-1)+"value", " ")...) }
	measure := map[string]func(n int) float64{
		"produce": func(n int) float64 {
			req := produceRequestOf(fmt.Sprint("t", n), 12, records(n))
			return tb.dial(t).allocsOf(t, runs, 1, func() kmsg.Request { return req })
		},
		"fetch": func(n int) float64 {
			topic := fmt.Sprint("t", n)
			tb.dial(t).produce(t, topic, records(n))
			req := fetchOf(tb.Metadata().Topic(topic).ID, 0)
			req.MaxBytes, req.Topics[0].Partitions[0].PartitionMaxBytes = int32(8*n), int32(8*n) // one batch
			return tb.dial(t).allocsOf(t, runs, 8*n, func() kmsg.Request { return req })
		},
		"share fetch": func(n int) float64 {
			m := tb.shareMember(t, fmt.Sprint("m", n))
			m.fetch(t, 0) // the share partition begins at the end of its log
			c := tb.dial(t)
			for range runs + 2 {
				c.produce(t, "in", records(n))
			}
			return m.allocsOf(t, runs, 8*n, func() kmsg.Request {
				req := m.request(0)
				req.MaxRecords, req.BatchSize = int32(n), int32(n)
				return req
			})
		},
	}
	for _, name := range []string{"produce", "fetch", "share fetch"} {
		less, more := measure[name](some), measure[name](many)
		t.Logf("%s: %.0f allocations with %d records, %.0f with %d", name, less, some, more, many)
		if more > less+(many-some)/20 { // rounds of syncs and emptied pools are not always the same
			t.Errorf("%s: %.0f allocations with %d records, but %.0f with %d", name, less, some, more, many)
		}
	}
}
