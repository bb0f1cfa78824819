package checker

import (
	"context"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/broker"
	"github.com/millrace/millrace/internal/vfs"
	"github.com/millrace/millrace/test/harness"
)

// TestPowerFailures judges a broker whose file system loses unsynced writes, or tears
// them, at random moments. Each round is a seed of its own.
func TestPowerFailures(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	fs := vfs.NewMem()
	b := powerOn(t, fs, harness.Address(t))
	w := startWorkload(t, b.addr, seed)
	rounds := 40
	if testing.Short() {
		rounds = 5
	}
	ctx, stop := context.WithCancel(context.Background())
	w.run(ctx)
	for range rounds {
		time.Sleep(time.Duration(20+r.IntN(150)) * time.Millisecond)
		b.cut()
		fs = fs.CrashClone(vfs.CrashOptions{Seed: r.Int64(), UnsyncedDataPercent: []int{0, 20, 50, 80, 100}[r.IntN(5)]})
		b.off(t)
		b = powerOn(t, fs, b.addr)
	}
	stop()
	w.finish()
	b.cut()
	b.off(t)
}

// powered is a broker that can be cut off from the world in one moment: what it
// answers after that nobody hears, so that the file system as it is then is all that
// counts.
type powered struct {
	net.Listener
	broker *broker.Broker
	addr   string
	served chan error

	mu struct {
		sync.RWMutex
		cut   bool
		conns []net.Conn
	}
}

func powerOn(t *testing.T, fs *vfs.Mem, addr string) *powered {
	t.Helper()
	b, err := broker.Open(broker.Config{FS: fs, Dir: "/data", Settings: map[string]string{
		"offsets.topic.num.partitions": "2", "transaction.state.log.num.partitions": "2",
	}, Report: func(line string) {
		if strings.Contains(line, "bug") {
			t.Error(line)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	p := &powered{Listener: l, broker: b, addr: l.Addr().String(), served: make(chan error, 1)}
	go func() { p.served <- b.Serve(p) }()
	return p
}

func (p *powered) Accept() (net.Conn, error) {
	nc, err := p.Listener.Accept()
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.conns = append(p.mu.conns, nc)
	return &wire{Conn: nc, to: p}, nil
}

// wire is a connection as the broker has it.
type wire struct {
	net.Conn
	to *powered
}

func (w *wire) Write(b []byte) (int, error) {
	w.to.mu.RLock()
	defer w.to.mu.RUnlock()
	if w.to.mu.cut {
		return 0, net.ErrClosed
	}
	return w.Conn.Write(b)
}

// cut ends all connections; no answer leaves the broker after it returns.
func (p *powered) cut() {
	p.Listener.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.cut = true
	for _, nc := range p.mu.conns {
		nc.Close()
	}
}

// off ends the broker, which writes on to a disk that nobody will read.
func (p *powered) off(t *testing.T) {
	t.Helper()
	if err := p.broker.Close(); err != nil {
		t.Log(err)
	}
	<-p.served
}
