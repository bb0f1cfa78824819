package broker

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/auth"
)

const (
	// pipeline is how many requests of a connection may wait for their answers before no more are read.
	pipeline = 128
	// controlBytes bounds requests whose messages kmsg decodes: it makes up to a hundred times the memory of what is sent.
	controlBytes = 8 << 20
	// trustBytes is how much memory a frame gets before its bytes are there.
	trustBytes = 1 << 20
	// authPatience is how long TLS and SASL may take together.
	authPatience = 30 * time.Second
	// keepBytes is how large a buffer for answers a connection keeps.
	keepBytes = 2 << 20
)

// conn is one connection: a reader, which runs the handlers, and a writer, which waits for what they left open.
type conn struct {
	b      *Broker
	nc     net.Conn        // TLS's, once there is one
	raw    net.Conn        // what was accepted
	ctx    context.Context // ends with the connection
	cancel context.CancelFunc
	in     *bufio.Reader
	frame  frame // the reader's: the request that is being read
	queue  chan pending
	asked  atomic.Int64 // requests read and not answered
	client software     // the reader's
	muted  atomic.Int64 // until when no more are read, in ns since 1970
	out    []byte       // the writer's: responses not yet sent
	fields []byte       // the writer's: of a fetch response, see fetchRequest.write
	host   string       // what this client is told to connect to
	port   int32

	listener *listener
	session  session
	authBy   time.Time // when authentication must be done; zero once it is
}

// pending is a request on its way to its answer.
type pending struct {
	api         *api
	call        *call // nil for a version that is not served
	version     int16
	correlation int32
	reply       reply
	began       time.Time
}

func newConn(b *Broker, nc net.Conn, l *listener) *conn {
	c := &conn{b: b, nc: nc, raw: nc, listener: l, queue: make(chan pending, pipeline)}
	c.ctx, c.cancel = context.WithCancel(b.ctx)
	c.session = session{principal: auth.Anonymous, host: hostAddress(nc.RemoteAddr())}
	if l.sasl != nil {
		c.session.stage = stageGreeting
	}
	if l.sasl != nil || l.tls != nil {
		c.authBy = time.Now().Add(b.limits.authentication)
	}
	c.host, c.port = l.host, l.port
	if c.host == "" {
		// The address that this client reached us by is one that it can reach us by: no other default is right for container,
		// tunnel and second network at once.
		if host, port, err := splitAddress(nc.LocalAddr().String()); err == nil {
			c.host, c.port = host, port
		}
	}
	return c
}

// serve runs the connection to its end.
func (c *conn) serve() {
	defer c.cancel()
	if c.listener.tls != nil {
		c.nc.SetDeadline(c.authBy)
		if err := c.secured(); err != nil {
			c.b.stats.FailedLogins.Add(1)
			c.b.reportLogin(fmt.Sprintf("listener %s: TLS with %s failed: %v", c.listener.name, c.nc.RemoteAddr(), err))
			c.pauseFailed()
			c.nc.Close()
			return
		}
		c.nc.SetDeadline(time.Time{})
		if c.listener.sasl == nil {
			c.authBy = time.Time{}
		}
	}
	c.in = bufio.NewReaderSize(c.nc, 16<<10)
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.write()
	}()
	err := c.read()
	close(c.queue)
	select {
	case <-c.b.stopping: // what was read is answered
	default:
		c.cancel()
	}
	<-done
	c.cancel()
	var bad *badRequest
	if errors.As(err, &bad) {
		c.b.stats.Malformed.Add(1)
		c.b.config.Report(fmt.Sprintf("connection from %s closed: %v", c.nc.RemoteAddr(), err))
	}
	c.nc.Close()
}

// secured does the TLS handshake, which the broker's stopping interrupts.
func (c *conn) secured() (err error) {
	defer func() {
		if v := recover(); v != nil {
			c.b.stats.Panics.Add(1)
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	return c.handshake(c.ctx)
}

// stopReading makes the reader end at the next frame, without hurting the writer.
func (c *conn) stopReading() { c.raw.SetReadDeadline(time.Unix(1, 0)) }

// badRequest is a client's mistake that costs the connection.
type badRequest struct{ text string }

func (e *badRequest) Error() string { return e.text }

func badf(format string, args ...any) error { return &badRequest{fmt.Sprintf(format, args...)} }

func (c *conn) read() error {
	for {
		if err := c.awaitFrame(); err != nil {
			return err
		}
		if err := c.awaitUnmuted(); err != nil {
			return err
		}
		p, err := c.readRequest()
		if err != nil {
			return err
		}
		c.asked.Add(1)
		select {
		case c.queue <- p:
		case <-c.ctx.Done(): // the writer is gone
			p.reply.drop()
			return c.ctx.Err()
		}
		if p.reply.last != nil {
			return p.reply.last
		}
	}
}

// awaitFrame waits for the first byte of a frame. A client that waits for an answer is not idle.
func (c *conn) awaitFrame() error {
	for {
		select {
		case <-c.b.stopping:
			return net.ErrClosed
		default:
		}
		if c.in.Buffered() > 0 {
			return nil
		}
		deadline := time.Now().Add(c.b.limits.idle)
		if !c.authBy.IsZero() {
			deadline = c.authBy
		}
		c.nc.SetReadDeadline(deadline)
		select {
		case <-c.b.stopping: // its deadline may just have been replaced by ours
			return net.ErrClosed
		default:
		}
		_, err := c.in.Peek(1)
		if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) || c.asked.Load() == 0 || !c.authBy.IsZero() {
			return err
		}
	}
}

// A request, after four bytes of size:
//
//	+-------+-----------+----------------+-------------------------+----------------------+------+
//	| key 2 | version 2 | correlation 4  | client id 2 + n, or -1  | tags, if flexible    | body |
//	+-------+-----------+----------------+-------------------------+----------------------+------+
const (
	minRequest      = 2 + 2 + 4 + 2
	requestOverhead = 2 + 2 + 4 // what comes before the client id
)

func (c *conn) readRequest() (pending, error) {
	if c.session.bare {
		return c.readToken()
	}
	limit := c.b.limits.requestBytes
	if c.session.stage != stageOpen && !c.session.again {
		limit = min(limit, c.listener.sasl.maxReceive)
	}
	var head [12]byte
	if err := c.readHead(&head); err != nil {
		return pending{}, err
	}
	size := int(int32(binary.BigEndian.Uint32(head[:])))
	key, version := int16(binary.BigEndian.Uint16(head[4:])), int16(binary.BigEndian.Uint16(head[6:]))
	if size < minRequest || size > limit {
		return pending{}, badf("a request of %d bytes (socket.request.max.bytes is %d): is the client speaking Kafka's protocol, without TLS?",
			size, limit)
	}
	a := apiOf(key)
	if a == nil {
		return pending{}, badf("a request of unknown API key %d", key)
	}
	if a.raw == nil && size > controlBytes {
		return pending{}, badf("a %s request of %d bytes, the limit is %d", kmsg.NameForKey(key), size, controlBytes)
	}
	p := pending{api: a, version: version, correlation: int32(binary.BigEndian.Uint32(head[8:]))}
	return c.readBody(p, size-requestOverhead)
}

// readBody reads what follows of a request, in the cheapest way that it allows, and handles it.
func (c *conn) readBody(p pending, n int) (pending, error) {
	var r reader
	var err error
	switch {
	case p.api.raw == nil: // kmsg's messages keep what they were read from
		var pool *framePool
		r.b, err = pool.read(c.in, n)
	case n <= c.in.Size():
		r.b, err = c.in.Peek(n)
		defer c.in.Discard(n)
	default:
		r.frame = &c.frame
		c.frame.begin(c.in, &c.b.frames, n)
		defer c.frame.end()
	}
	if err != nil {
		return p, err
	}
	if p, err = c.dispatch(p, &r); c.frame.err != nil {
		err = c.frame.err // not the client's mistake
	}
	return p, err
}

// readHead reads what every request begins with. Where the size says that it is none, it waits for no more: the size is refused.
func (c *conn) readHead(head *[12]byte) error {
	_, err := io.ReadFull(c.in, head[:4])
	if size := int32(binary.BigEndian.Uint32(head[:4])); err == nil && size >= minRequest {
		_, err = io.ReadFull(c.in, head[4:])
	}
	return err
}

// dispatch decodes a request and runs its handler.
func (c *conn) dispatch(p pending, r *reader) (_ pending, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = c.panicked(p.api, v)
		}
	}()
	c.b.stats.Requests.Add(1)
	p.began = time.Now()
	a := p.api
	if err := c.session.admit(a.key, c.b.config.Now()); err != nil {
		return p, err
	}
	if p.version < a.min || p.version > a.max {
		if a.key != keyApiVersions {
			return p, badf("a %s request of version %d, served are %d to %d", kmsg.NameForKey(a.key), p.version, a.min, a.max)
		}
		p.version, p.reply = 0, answer(unsupportedApiVersions())
		return p, nil
	}
	size := r.left() + requestOverhead
	call := &call{Broker: c.b, conn: c, version: p.version}
	call.clientID, _ = r.string()
	if p.version >= a.flexible {
		r.flexible = true
		r.tags()
	}
	if r.bad {
		return p, badf("a %s request with a malformed header", kmsg.NameForKey(a.key))
	}
	p.call = call
	if c.b.quotas.timed() {
		r.whole() // what counts is our time, not that of its coming
	}
	began := c.b.quotas.clock()
	if a.raw != nil {
		p.reply, err = a.raw(call, r)
	} else {
		req := kmsg.RequestForKey(a.key)
		req.SetVersion(p.version)
		if err = req.ReadFrom(r.b); err == nil {
			p.reply, err = call.handleGuarded(a, req)
		}
	}
	call.spend(began)
	if a.key == keyProduce {
		call.throttleProduce(size)
	}
	if err != nil {
		return p, badf("a %s request of version %d: %v", kmsg.NameForKey(a.key), p.version, err)
	}
	return p, nil
}

// panicked contains a bug to the connection that met it.
func (c *conn) panicked(a *api, v any) error {
	c.b.stats.Panics.Add(1)
	c.b.config.Report(fmt.Sprintf("bug: %s request from %s: %v\n%s", kmsg.NameForKey(a.key), c.nc.RemoteAddr(), v, debug.Stack()))
	return fmt.Errorf("panic: %v", v)
}

// write answers requests in order until the reader closes the queue. After an error it only drops what comes.
func (c *conn) write() {
	var err error
	for p := range c.queue {
		if err != nil {
			p.reply.drop()
			continue
		}
		if err = c.respond(&p); err == nil && len(c.queue) == 0 {
			err = c.flush()
		}
		if c.asked.Add(-1); err != nil {
			c.cancel()
			c.nc.Close() // the reader ends
		}
	}
	if err == nil {
		_ = c.flush() // the connection ends either way
	}
}

func (c *conn) respond(p *pending) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = c.panicked(p.api, v)
		}
		if p.call != nil {
			c.b.requests.observe(p.api.key, time.Since(p.began))
		}
	}()
	if p.reply.wait != nil {
		if p.reply.ready == nil || !p.reply.ready() {
			if err := c.flush(); err != nil { // nobody waits for an answer that is there
				p.reply.drop()
				return err
			}
		}
		p.reply = p.reply.wait()
	}
	if p.call != nil {
		p.call.throttleReply(&p.reply)
	}
	if p.reply.silent {
		return nil
	}
	at := len(c.out)
	c.out = append(c.out, 0, 0, 0, 0)
	c.out = binary.BigEndian.AppendUint32(c.out, uint32(p.correlation))
	if p.version >= p.api.flexible && p.api.key != keyApiVersions { // a client must read that header before it knows the version
		c.out = append(c.out, 0)
	}
	if p.reply.body != nil {
		defer p.reply.body.release()
		return p.reply.body.write(c, at)
	}
	c.out = p.reply.resp.AppendTo(c.out)
	c.setSize(at, 0)
	return nil
}

// setSize completes the header at c.out[at] for a response of what is in c.out and more bytes that are not.
func (c *conn) setSize(at, more int) {
	binary.BigEndian.PutUint32(c.out[at:], uint32(len(c.out)-at-4+more))
}

// flush sends what has been written.
func (c *conn) flush() error {
	if len(c.out) == 0 {
		return nil
	}
	c.limitWrite()
	_, err := c.nc.Write(c.out)
	if c.out = c.out[:0]; cap(c.out) > keepBytes {
		c.out = nil
	}
	return err
}

// limitWrite gives a client that takes nothing as long as one that says nothing.
func (c *conn) limitWrite() { c.nc.SetWriteDeadline(time.Now().Add(c.b.limits.idle)) }

// drop is for a reply that nobody will get. What it waits for goes on without it.
func (r *reply) drop() {
	if r.body != nil {
		r.body.release()
	}
}
