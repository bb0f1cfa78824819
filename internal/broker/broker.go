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

	"github.com/millrace/millrace/internal/broker/auth"
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

	FailedLogins atomic.Int64 // of SASL, and TLS handshakes
	Refused      atomic.Int64 // connections closed at once, over max.connections
}

// Broker is a node's Kafka side. It is safe for concurrent use.
type Broker struct {
	config     Config
	meta       *metadata.Store
	stats      Stats
	limits     limits
	frames     framePool
	byName     map[string]*listener
	authorizer *auth.Authorizer // nil for none
	ids        producerIDs
	txns       TxnVerifier
	groups     *groups
	states     *transactions
	shares     *shares
	sessions   *fetchSessions
	quotas     *quotas
	clients    *clientMetrics
	requests   requestTimes
	ctx        context.Context // ends when connections must
	cancel     context.CancelFunc
	stopping   chan struct{} // closed when the broker begins to stop: who waits for more data answers now

	mu struct {
		sync.Mutex
		listeners  map[net.Listener]struct{}
		conns      map[*conn]struct{}
		admission  admission
		loginsTold time.Time
		closed     bool
	}
	running sync.WaitGroup // connections, listeners, retention
}

// limits are the settings that connections ask for all the time; they are taken once.
type limits struct {
	requestBytes   int
	fetchBytes     int
	idle           time.Duration
	authentication time.Duration // how long one may take
	failedLogin    time.Duration // how long the answer to one waits
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
	meta, err := metadata.Open(metadata.Options{
		FS: config.FS, Dir: config.Dir, ClusterID: config.ClusterID, NodeID: config.NodeID,
		Settings: config.Settings, Now: config.Now, Report: b.config.Report,
	})
	if err != nil {
		return nil, err
	}
	b.meta = meta
	b.limits = limits{
		requestBytes:   int(meta.SettingInt("socket.request.max.bytes")),
		fetchBytes:     int(meta.SettingInt("fetch.max.bytes")),
		idle:           time.Duration(meta.SettingInt("connections.max.idle.ms")) * time.Millisecond,
		authentication: authPatience,
		failedLogin:    time.Duration(meta.SettingInt("connection.failed.authentication.delay.ms")) * time.Millisecond,
	}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	b.mu.listeners, b.mu.conns = map[net.Listener]struct{}{}, map[*conn]struct{}{}
	b.quotas, b.clients = newQuotas(b), newClientMetrics(meta)
	b.mu.admission = admission{perAddress: map[string]int{}, perName: map[string]int{}}
	if err := b.secure(); err != nil {
		close(b.stopping)
		b.cancel()
		b.running.Wait()
		return nil, errors.Join(err, meta.Close())
	}
	b.groups, b.states, b.shares = newGroups(b), newTransactions(b), newShares(b)
	b.txns = b.states
	b.sessions = newFetchSessions(int(meta.SettingInt("max.incremental.fetch.session.cache.slots")))
	b.meta.Watch(func(e metadata.Event) { // not here: they take locks that creating a topic waits for
		go b.groups.topicChanged(e)
		go b.shares.topicChanged(e)
	})
	b.states.start()
	b.running.Go(b.retain)
	b.running.Go(newCleaner(b).run)
	b.running.Go(b.states.forgetIDs)
	b.running.Go(b.groups.expireOffsets)
	b.running.Go(b.shares.prune)
	return b, nil
}

// secure makes ready who may come in, and what they may do.
func (b *Broker) secure() (err error) {
	if err := b.loadAdmission(); err != nil {
		return err
	}
	b.meta.WatchSettings(func([]string) {
		if err := b.loadAdmission(); err != nil {
			b.config.Report(err.Error())
		}
	})
	switch class := b.meta.Setting("authorizer.class.name"); class {
	case "":
	default:
		return fmt.Errorf("authorizer.class.name = %s: there is only %s", class, metadata.StandardAuthorizer)
	case metadata.StandardAuthorizer:
		b.authorizer = &auth.Authorizer{EveryoneIfNoACL: b.meta.Setting("allow.everyone.if.no.acl.found") == "true"}
		if b.authorizer.SuperUsers, err = auth.ParseSuperUsers(b.meta.Setting("super.users")); err != nil {
			return fmt.Errorf("super.users: %w", err)
		}
	}
	return b.listenersOf(b.config.Settings)
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

// Serve takes connections, in the clear and from anybody, until Close, which closes the listener, or until that fails. It returns nil
// after Close.
func (b *Broker) Serve(l net.Listener) error { return b.ServeAs(l, plaintext.Name) }

// ServeAs is Serve for a listener of the settings, by its name: with its TLS, its SASL and its advertised address.
func (b *Broker) ServeAs(l net.Listener, name string) error {
	as := b.byName[name]
	if as == nil {
		return errors.Join(fmt.Errorf("there is no listener %s", name), l.Close())
	}
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
			b.accept(nc, as, wait)
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
func (b *Broker) accept(nc net.Conn, l *listener, wait time.Duration) {
	host := hostAddress(nc.RemoteAddr())
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mu.closed {
		nc.Close()
		return
	}
	if refused := b.admitConn(l, host); refused != "" {
		nc.Close()
		b.stats.Refused.Add(1)
		if now := time.Now(); now.Sub(b.mu.admission.reported) > reportEvery {
			b.mu.admission.reported = now
			b.config.Report(fmt.Sprintf("listener %s: a connection from %s is refused: %s", l.name, nc.RemoteAddr(), refused))
		}
		return
	}
	c := newConn(b, nc, l)
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
		b.forgetConn(l, host)
		b.mu.Unlock()
		b.stats.Connections.Add(-1)
	})
}

// reportLogin tells a person of failed logins, not of each where they come in floods.
func (b *Broker) reportLogin(line string) {
	b.mu.Lock()
	now := time.Now()
	quiet := now.Sub(b.mu.loginsTold) < time.Second
	if !quiet {
		b.mu.loginsTold = now
	}
	b.mu.Unlock()
	if !quiet {
		b.config.Report(line)
	}
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
	b.shares.close()
	b.cancel()
	return b.meta.Close()
}

// abort ends what does not end by itself.
func (b *Broker) abort() {
	b.cancel()
	b.mu.Lock()
	defer b.mu.Unlock()
	for c := range b.mu.conns {
		c.raw.Close()
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
