package broker

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/vfs"
)

// testBroker is a broker that listens on the loopback.
type testBroker struct {
	*Broker
	addr    string
	reports reports
}

type reports struct {
	sync.Mutex
	lines []string
}

func (r *reports) add(line string) {
	r.Lock()
	defer r.Unlock()
	r.lines = append(r.lines, line)
}

func (r *reports) has(part string) bool {
	r.Lock()
	defer r.Unlock()
	for _, line := range r.lines {
		if strings.Contains(line, part) {
			return true
		}
	}
	return false
}

func start(t testing.TB, config Config) *testBroker {
	t.Helper()
	if config.FS == nil {
		config.FS = vfs.NewMem()
	}
	if config.Dir == "" {
		config.Dir = "/data"
	}
	tb := &testBroker{}
	config.Report = tb.reports.add
	b, err := Open(config)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tb.Broker, tb.addr = b, l.Addr().String()
	served := make(chan error, 1)
	go func() { served <- b.Serve(l) }()
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
		if n := b.Stats().Panics.Load(); n != 0 {
			t.Errorf("%d panics: %v", n, tb.reports.lines)
		}
	})
	return tb
}

// onDisk is a configuration in the operating system's file system.
func onDisk(t testing.TB) Config { return Config{FS: vfs.OS, Dir: t.TempDir()} }

func (tb *testBroker) client(t testing.TB, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(tb.addr), kgo.FetchMaxWait(500 * time.Millisecond), kgo.AllowAutoTopicCreation(),
		kgo.RetryTimeout(10 * time.Second),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

func (tb *testBroker) admin(t testing.TB) *kadm.Client { return kadm.NewClient(tb.client(t)) }

func (tb *testBroker) create(t testing.TB, name string, partitions int32, configs map[string]string) {
	t.Helper()
	if _, err := tb.Metadata().Create(name, partitions, configs); err != nil {
		t.Fatal(err)
	}
}

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func produce(t testing.TB, cl *kgo.Client, records ...*kgo.Record) {
	t.Helper()
	if err := cl.ProduceSync(testContext(t), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// consume polls until n records have come.
func consume(t testing.TB, cl *kgo.Client, n int) []*kgo.Record {
	t.Helper()
	ctx := testContext(t)
	var got []*kgo.Record
	for len(got) < n {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("after %d of %d records: %v", len(got), n, err)
		}
		got = append(got, fetches.Records()...)
	}
	if len(got) > n {
		t.Fatalf("%d records, want %d", len(got), n)
	}
	return got
}

// rawConn speaks the protocol without a client's opinions.
type rawConn struct {
	net.Conn
	next int32
}

func (tb *testBroker) dial(t testing.TB) *rawConn {
	t.Helper()
	nc, err := net.Dial("tcp", tb.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(20 * time.Second))
	return &rawConn{Conn: nc}
}

func (c *rawConn) send(t testing.TB, req kmsg.Request) {
	t.Helper()
	c.next++
	frame := kmsg.NewRequestFormatter(kmsg.FormatterClientID("raw")).AppendRequest(nil, req, c.next)
	if _, err := c.Write(frame); err != nil {
		t.Fatal(err)
	}
}

// receive reads the answer to a request, and checks that it is the next one and leaves no byte over.
func (c *rawConn) receive(t testing.TB, req kmsg.Request, correlation int32) kmsg.Response {
	t.Helper()
	body := c.frame(t)
	if got := int32(binary.BigEndian.Uint32(body)); got != correlation {
		t.Fatalf("correlation %d, want %d", got, correlation)
	}
	body = body[4:]
	if req.IsFlexible() && req.Key() != keyApiVersions {
		if body[0] != 0 {
			t.Fatalf("header tags %d", body[0])
		}
		body = body[1:]
	}
	resp := req.ResponseKind()
	if err := resp.ReadFrom(body); err != nil {
		t.Fatalf("%s v%d: %v", kmsg.NameForKey(req.Key()), req.GetVersion(), err)
	}
	if again := resp.AppendTo(nil); string(again) != string(body) {
		t.Fatalf("%s v%d does not round-trip:\n got %x\nkmsg %x", kmsg.NameForKey(req.Key()), req.GetVersion(), body, again)
	}
	return resp
}

func (c *rawConn) frame(t testing.TB) []byte {
	t.Helper()
	var size [4]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		t.Fatal(err)
	}
	body := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(c, body); err != nil {
		t.Fatal(err)
	}
	return body
}

// ask is send and receive.
func (c *rawConn) ask(t testing.TB, req kmsg.Request) kmsg.Response {
	t.Helper()
	c.send(t, req)
	return c.receive(t, req, c.next)
}

// closed waits for the broker to hang up.
func (c *rawConn) closed(t testing.TB) {
	t.Helper()
	n, err := c.Read(make([]byte, 1))
	if n != 0 || err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("read %d bytes, %v: want the connection closed", n, err)
	}
}
