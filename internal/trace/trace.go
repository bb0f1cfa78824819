// Package trace sends spans to an OpenTelemetry collector, if one is configured by
// OpenTelemetry's own environment variables; otherwise there is no Tracer, and nothing is
// noted.
//
// The spans go as OTLP's JSON over HTTP, which is a stable form of its own, and the
// collector's parser is the judge in the tests. OpenTelemetry's SDK would cost every node
// 12 MB of program, 4 MB of memory and 2 ms of its start, whether anybody looks or not.
package trace

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// Span is a piece of work. IDs are given when it is sent.
type Span struct {
	Name       string
	Start, End time.Time
	Attributes []Attribute
	// Err is what went wrong, or nil.
	Err error
	// Children are parts of it.
	Children []Span
}

// Attribute is a key with a string or an int64.
type Attribute struct {
	Key   string
	Value any
}

const (
	// keepSpans is how many trees wait to be sent; when there are more, they are dropped.
	keepSpans = 2048
	// patience is how long a collector has to answer.
	patience = 10 * time.Second
	// lastPatience is how long one has when the node closes.
	lastPatience = 2 * time.Second
)

// Tracer sends span trees in the background. A nil Tracer takes none.
type Tracer struct {
	config Config
	client http.Client
	wake   chan struct{} // holds one token while there is something to send
	done   chan struct{} // closed when the sender has ended

	mu struct {
		sync.Mutex
		queue   []Span
		running bool // the sender's goroutine is
		closed  bool
		dropped int64
		told    bool // that sending fails
	}
}

// Config is where spans go.
type Config struct {
	// URL is the collector's, with /v1/traces.
	URL     string
	Headers map[string]string
	// Resource is who sends.
	Resource []Attribute
	// Ratio is the share of trees that are sent.
	Ratio float64
	// Delay is how long spans are gathered.
	Delay time.Duration
	// Report is told, once, that spans cannot be sent; nil: nobody.
	Report func(string)
}

// New makes a tracer. Its goroutine begins with the first span.
func New(c Config) *Tracer {
	return &Tracer{config: c, client: http.Client{Timeout: patience}, wake: make(chan struct{}, 1), done: make(chan struct{})}
}

// Sampled says, before anything is noted, whether a tree is to be sent.
func (t *Tracer) Sampled() bool {
	return t != nil && (t.config.Ratio >= 1 || rand.Float64() < t.config.Ratio)
}

// Send takes a tree; it never waits.
func (t *Tracer) Send(root Span) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mu.closed || len(t.mu.queue) >= keepSpans {
		t.mu.dropped++
		return
	}
	t.mu.queue = append(t.mu.queue, root)
	if !t.mu.running {
		t.mu.running = true
		go t.run()
	}
}

// Dropped is how many trees were not sent.
func (t *Tracer) Dropped() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.mu.dropped
}

// run sends what is there, now and then, until Close.
func (t *Tracer) run() {
	defer close(t.done)
	tick := time.NewTicker(t.config.Delay)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			t.flush(context.Background())
		case <-t.wake:
			ctx, cancel := context.WithTimeout(context.Background(), lastPatience)
			t.flush(ctx)
			cancel()
			return
		}
	}
}

// Close sends what is left, if the collector takes it in time.
func (t *Tracer) Close() {
	if t == nil {
		return
	}
	t.mu.Lock()
	running := t.mu.running && !t.mu.closed
	t.mu.closed = true
	t.mu.Unlock()
	if running {
		t.wake <- struct{}{}
		<-t.done
	}
}

func (t *Tracer) flush(ctx context.Context) {
	t.mu.Lock()
	spans := t.mu.queue
	t.mu.queue = nil
	t.mu.Unlock()
	if len(spans) == 0 {
		return
	}
	err := t.post(ctx, encode(&t.config, spans))
	if err == nil {
		return
	}
	t.mu.Lock()
	t.mu.dropped += int64(len(spans))
	first := !t.mu.told
	t.mu.told = true
	t.mu.Unlock()
	if first && t.config.Report != nil {
		t.config.Report(fmt.Sprintf("traces cannot be sent to %s: %v; what cannot be sent is dropped", t.config.URL, err))
	}
}

func (t *Tracer) post(ctx context.Context, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.config.URL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	for k, v := range t.config.Headers {
		req.Header.Set(k, v)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := t.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection is used again
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("the collector answers %s", resp.Status)
	}
	return nil
}
