// Package broker is a Kafka broker of one node: connections, one file for each API (NN_name.go, NN being Kafka's key), and what they
// share. What is durable is in commitlog and metadata; nothing here survives a restart or needs to.
//
// A request's way: conn.read takes a frame off the socket, conn.dispatch decodes it and calls the handler that api.go knows; the
// handler does what must happen in order, such as appending, and returns a reply; conn.write waits for what the reply waits for,
// such as an fsync, and sends it. So a connection's requests are pipelined and its answers in order.
package broker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/internal/broker/metadata"
	"github.com/millrace/millrace/internal/commitlog"
	"github.com/millrace/millrace/internal/vfs"
)

// Config says what broker to open.
type Config struct {
	// FS and Dir are where the data is. An empty directory is formatted; another's is refused.
	FS  vfs.FS
	Dir string
	// ClusterID and NodeID, where set, must be the directory's; an empty directory gets them.
	ClusterID string
	NodeID    int32
	// Advertised is the host:port that clients are told; empty for the one that each of them connected to.
	Advertised string
	// Settings are broker configs by Kafka's names, such as num.partitions.
	Settings map[string]string
	// Report is told, in one line, what a person should know; nil for nobody. It may be called from any goroutine.
	Report func(string)
	// Now is the clock; nil for the real one.
	Now func() time.Time
}

// Stats count what happened since the broker was opened.
type Stats struct {
	Connections atomic.Int64 // open now
	Accepted    atomic.Int64
	Requests    atomic.Int64
	Panics      atomic.Int64 // requests that failed by a bug, and cost their connection
	Malformed   atomic.Int64 // connections closed for what they sent
}

// Broker is a node's Kafka side. It is safe for concurrent use.
type Broker struct {
	config   Config
	meta     *metadata.Store
	stats    Stats
	limits   limits
	frames   framePool
	host     string // advertised; empty for the connection's own
	port     int32
	ids      producerIDs
	txns     TxnVerifier
	groups   *groups
	states   *transactions
	sessions *fetchSessions
	quotas   *quotas
	clients  *clientMetrics
	ctx      context.Context // ends when connections must
	cancel   context.CancelFunc
	stopping chan struct{} // closed when the broker begins to stop: who waits for more data answers now

	mu struct {
		sync.Mutex
		listeners map[net.Listener]struct{}
		conns     map[*conn]struct{}
		closed    bool
	}
	running sync.WaitGroup // connections, listeners, retention
}

// limits are the settings that connections ask for all the time; they are taken once.
type limits struct {
	requestBytes int
	fetchBytes   int
	idle         time.Duration
}

// TxnVerifier is the transaction coordinator, as Produce needs it.
type TxnVerifier interface {
	// Enter says for each partition whether a producer's batch may be appended to it, by nil or a kerr error, and holds the
	// transaction open until leave is called: no marker is written between the check and the append, so that a late batch of one
	// transaction cannot land in the next (KIP-890, Jepsen's finding in Bufstream). With add, which clients of transaction.version 2
	// ask for, a partition that is not in the transaction joins it, durably, before Enter returns. leave is never nil.
	Enter(ctx context.Context, txn TxnBatch, add bool) (leave func(), errs []error)
}

// TxnBatch is what a transactional producer wants to append.
type TxnBatch struct {
	ID         string
	ProducerID int64
	Epoch      int16
	Partitions []TxnPartition
}

// TxnPartition names a partition.
type TxnPartition struct {
	Topic     string
	Partition int32
}

// Open opens the data directory. Serve takes connections.
func Open(config Config) (*Broker, error) {
	b := &Broker{config: config, stopping: make(chan struct{})}
	if b.config.Report == nil {
		b.config.Report = func(string) {}
	}
	if b.config.Now == nil {
		b.config.Now = time.Now
	}
	if config.Advertised != "" {
		host, port, err := splitAddress(config.Advertised)
		if err != nil {
			return nil, fmt.Errorf("advertised address %s: %w", config.Advertised, err)
		}
		b.host, b.port = host, port
	}
	meta, err := metadata.Open(metadata.Options{
		FS: config.FS, Dir: config.Dir, ClusterID: config.ClusterID, NodeID: config.NodeID,
		Settings: config.Settings, Now: config.Now, Report: b.config.Report,
	})
	if err != nil {
		return nil, err
	}
	b.meta = meta
	b.limits = limits{
		requestBytes: int(meta.SettingInt("socket.request.max.bytes")),
		fetchBytes:   int(meta.SettingInt("fetch.max.bytes")),
		idle:         time.Duration(meta.SettingInt("connections.max.idle.ms")) * time.Millisecond,
	}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	b.mu.listeners, b.mu.conns = map[net.Listener]struct{}{}, map[*conn]struct{}{}
	b.quotas, b.clients = newQuotas(b), newClientMetrics(meta)
	b.groups, b.states = newGroups(b), newTransactions(b)
	b.txns = b.states
	b.sessions = newFetchSessions(int(meta.SettingInt("max.incremental.fetch.session.cache.slots")))
	b.meta.Watch(func(e metadata.Event) { go b.groups.topicChanged(e) }) // not here: it takes locks that creating a topic waits for
	b.states.start()
	b.running.Go(b.retain)
	b.running.Go(newCleaner(b).run)
	b.running.Go(b.states.forgetIDs)
	b.running.Go(b.groups.expireOffsets)
	return b, nil
}

// Metadata is the node's topics, and their logs.
func (b *Broker) Metadata() *metadata.Store { return b.meta }

// Stats are the broker's counters.
func (b *Broker) Stats() *Stats { return &b.stats }

// Coordinator makes v the judge of transactional batches, in place of the broker's own coordinator. It is called before Serve.
func (b *Broker) Coordinator(v TxnVerifier) { b.txns = v }

func splitAddress(addr string) (host string, port int32, err error) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, err
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || host == "" {
		return "", 0, errors.New("expected host:port")
	}
	return host, int32(n), nil
}

// Serve takes connections from a listener until Close, which closes it, or until the listener fails. It returns nil after Close.
func (b *Broker) Serve(l net.Listener) error {
	b.mu.Lock()
	if b.mu.closed {
		b.mu.Unlock()
		return errors.Join(net.ErrClosed, l.Close())
	}
	b.mu.listeners[l] = struct{}{}
	b.running.Add(1)
	b.mu.Unlock()
	defer b.running.Done()
	for pause := time.Duration(0); ; {
		nc, err := l.Accept()
		if err == nil {
			pause = 0
			wait, rest := b.quotas.connecting(nc.RemoteAddr())
			b.accept(nc, wait)
			if rest > 0 {
				select {
				case <-b.stopping:
				case <-time.After(rest):
				}
			}
			continue
		}
		select {
		case <-b.stopping:
			return nil
		default:
		}
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		// Out of file descriptors, most likely: connections that end give some back.
		pause = min(max(2*pause, 5*time.Millisecond), time.Second)
		b.config.Report(fmt.Sprintf("accepting connections: %v; next try in %v", err, pause))
		select {
		case <-b.stopping:
			return nil
		case <-time.After(pause):
		}
	}
}

// accept serves a connection, or, where its address makes too many, closes it after a wait.
func (b *Broker) accept(nc net.Conn, wait time.Duration) {
	c := newConn(b, nc)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mu.closed {
		nc.Close()
		return
	}
	b.mu.conns[c] = struct{}{}
	b.stats.Connections.Add(1)
	b.stats.Accepted.Add(1)
	b.running.Go(func() {
		if wait > 0 {
			_ = c.pause(wait)
			nc.Close()
		} else {
			c.serve()
		}
		b.mu.Lock()
		delete(b.mu.conns, c)
		b.mu.Unlock()
		b.stats.Connections.Add(-1)
	})
}

// stopPatience is how long Close lets requests finish.
const stopPatience = 5 * time.Second

// Close stops: no more connections, no more requests; those that were read are answered; then the logs are closed.
func (b *Broker) Close() error {
	b.mu.Lock()
	if b.mu.closed {
		b.mu.Unlock()
		b.running.Wait()
		return nil
	}
	b.mu.closed = true
	close(b.stopping)
	for l := range b.mu.listeners {
		l.Close()
	}
	for c := range b.mu.conns {
		c.stopReading()
	}
	b.mu.Unlock()
	hurry := time.AfterFunc(stopPatience, b.abort)
	b.running.Wait()
	hurry.Stop()
	b.states.close()
	b.groups.close()
	b.cancel()
	return b.meta.Close()
}

// abort ends what does not end by itself.
func (b *Broker) abort() {
	b.cancel()
	b.mu.Lock()
	defer b.mu.Unlock()
	for c := range b.mu.conns {
		c.nc.Close()
	}
}

// InternalPartition gives the log of a partition of a coordinator's topic, __consumer_offsets or __transaction_state, which is
// created with as many partitions as the setting of the coordinator says.
func (b *Broker) InternalPartition(topic string, i int32) (*commitlog.Log, error) {
	if _, err := b.internalTopic(topic); err != nil {
		return nil, err
	}
	return b.meta.Partition(topic, i)
}
