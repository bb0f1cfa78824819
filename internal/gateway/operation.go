package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/internal/sql/session"
	"github.com/millrace/millrace/internal/vec"
)

// operation is a statement at work. Its result is read by one request at a time.
type operation struct {
	handle string
	ctx    context.Context
	stop   context.CancelFunc
	ready  chan struct{} // closed once result or err is there
	result *session.Result
	err    error

	fetch sync.Mutex // held by the request that reads the result
	page  *page      // the last one given, by its token
	token int64      // of the next page
}

func (s *openSession) start(ctx context.Context, statement string) *operation {
	op := &operation{handle: uuid.NewString(), ready: make(chan struct{})}
	op.ctx, op.stop = context.WithCancel(ctx)
	s.mu.Lock()
	s.mu.operations[op.handle] = op
	s.mu.Unlock()
	go func() {
		defer close(op.ready)
		s.run.Lock()
		defer s.run.Unlock()
		op.result, op.err = s.session.Execute(op.ctx, statement)
	}()
	return op
}

func (op *operation) close() {
	op.stop()
	<-op.ready
	if op.result != nil {
		op.result.Close()
	}
}

func (s *openSession) closeAll() {
	s.mu.Lock()
	ops := s.mu.operations
	s.mu.operations = map[string]*operation{}
	s.mu.Unlock()
	for _, op := range ops {
		op.close()
	}
}

func (op *operation) status() string {
	if op.ctx.Err() != nil {
		return "CANCELED"
	}
	select {
	case <-op.ready:
		if op.err != nil {
			return "ERROR"
		}
		return "FINISHED"
	default:
	}
	return "RUNNING"
}

func (g *Gateway) execute(r *http.Request) (any, error) {
	s, err := g.find(r)
	if err != nil {
		return nil, err
	}
	var req struct {
		Statement string `json:"statement"`
	}
	if err := decode(r, &req); err != nil {
		return nil, err
	}
	return map[string]string{"operationHandle": s.start(g.ctx, req.Statement).handle}, nil
}

func (g *Gateway) configure(r *http.Request) (any, error) {
	s, err := g.find(r)
	if err != nil {
		return nil, err
	}
	var req struct {
		Statement string `json:"statement"`
	}
	if err := decode(r, &req); err != nil {
		return nil, err
	}
	op := s.start(g.ctx, req.Statement)
	<-op.ready
	return struct{}{}, op.err
}

func (g *Gateway) operation(r *http.Request) (*openSession, *operation, error) {
	s, err := g.find(r)
	if err != nil {
		return nil, nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	op := s.mu.operations[r.PathValue("operation")]
	if op == nil {
		return nil, nil, errorf(http.StatusNotFound, "there is no operation '%s' in the session", r.PathValue("operation"))
	}
	return s, op, nil
}

func (g *Gateway) status(r *http.Request) (any, error) {
	_, op, err := g.operation(r)
	if err != nil {
		return nil, err
	}
	return map[string]string{"status": op.status()}, nil
}

func (g *Gateway) cancel(r *http.Request) (any, error) {
	_, op, err := g.operation(r)
	if err != nil {
		return nil, err
	}
	op.stop()
	return map[string]string{"status": "CANCELED"}, nil
}

func (g *Gateway) closeOperation(r *http.Request) (any, error) {
	s, op, err := g.operation(r)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	delete(s.mu.operations, op.handle)
	s.mu.Unlock()
	op.close()
	return map[string]string{"status": "CLOSED"}, nil
}

// patience is how long a fetch waits for rows before it answers with none, so that
// a client polls without haste and a row still comes at once.
const patience = 2 * time.Second

func (g *Gateway) result(r *http.Request) (any, error) {
	_, op, err := g.operation(r)
	if err != nil {
		return nil, err
	}
	token, err := strconv.ParseInt(r.PathValue("token"), 10, 64)
	if err != nil {
		return nil, errorf(http.StatusBadRequest, "the token '%s' is not a number", r.PathValue("token"))
	}
	ctx, stop := context.WithTimeout(r.Context(), patience)
	defer stop()
	select {
	case <-op.ready:
	case <-ctx.Done():
		return notReady(r, token), nil
	}
	if op.err != nil {
		return nil, op.err
	}
	op.fetch.Lock()
	defer op.fetch.Unlock()
	return op.at(ctx, r, token)
}

// at is the page of a token: the last one given once more, or the next.
func (op *operation) at(ctx context.Context, r *http.Request, token int64) (*page, error) {
	if op.page != nil && token == op.token-1 {
		return op.page, nil
	}
	if token != op.token {
		return nil, errorf(http.StatusBadRequest, "expected token %d or %d, found %d", op.token-1, op.token, token)
	}
	p := newPage(op.result)
	b, err := op.next(ctx)
	switch {
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil:
		return notReady(r, token), nil
	case errors.Is(err, io.EOF):
		p.ResultType = "EOS"
	case err != nil:
		return nil, err
	default:
		p.ResultType = "PAYLOAD"
		if err := p.fill(op.result, b); err != nil {
			return nil, err
		}
		p.Next = nextURI(r, token+1)
	}
	op.page = p
	op.token++
	return p, nil
}

// next waits for rows until the request's patience ends, or the operation.
func (op *operation) next(ctx context.Context) (*vec.Batch, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(op.ctx, stop)()
	return op.result.Next(ctx)
}

func nextURI(r *http.Request, token int64) string {
	path := r.URL.Path[:strings.LastIndexByte(r.URL.Path, '/')]
	return fmt.Sprintf("%s/%d?rowFormat=JSON", path, token)
}
