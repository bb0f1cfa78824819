// Package gateway is Flink's SQL Gateway, REST v1 to v3, over millrace's sessions:
// the part that a client needs to open a session, run statements and fetch results.
// https://nightlies.apache.org/flink/flink-docs-stable/docs/dev/table/sql-gateway/rest/
//
//	POST   /v1/sessions                                   {sessionHandle}
//	POST   /v1/sessions/S/statements {statement}          {operationHandle}
//	GET    /v1/sessions/S/operations/O/result/TOKEN       {resultType, results, nextResultUri}
//	DELETE /v1/sessions/S/operations/O/close
//	DELETE /v1/sessions/S
//
// Results are kept by token until the next one is asked for, so that a client may
// ask again for one whose answer was lost.
package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/millrace/millrace/internal/sql/session"
)

// Options are a gateway's settings.
type Options struct {
	// NewSession opens a session with a client's settings, for whom the request is of.
	NewSession func(r *http.Request, settings map[string]string) *session.Session
	// Owner names whom a request is of: nobody else may use the session that is opened with
	// it. nil: nobody asks.
	Owner func(r *http.Request) string
	// Idle is how long a session lives without being used; 10 minutes.
	Idle    time.Duration
	Version string
	// Jobs are what the job API is about, as whom a request is of may see them; nil: there
	// is none.
	Jobs func(r *http.Request) Jobs
}

// Gateway serves the REST API. It is an http.Handler.
type Gateway struct {
	options Options
	mux     *http.ServeMux
	ctx     context.Context
	stop    context.CancelFunc

	triggers triggers

	mu struct {
		sync.Mutex
		sessions map[string]*openSession
	}
}

// openSession is a client's session; its statements run one at a time.
type openSession struct {
	handle  string
	name    string
	owner   string
	session *session.Session
	run     sync.Mutex // held while a statement is executed

	mu struct {
		sync.Mutex
		used       time.Time
		operations map[string]*operation
	}
}

// New makes a gateway.
func New(o Options) *Gateway {
	if o.Owner == nil {
		o.Owner = func(*http.Request) string { return "" }
	}
	if o.Idle == 0 {
		o.Idle = 10 * time.Minute
	}
	g := &Gateway{options: o, mux: http.NewServeMux()}
	g.ctx, g.stop = context.WithCancel(context.Background())
	g.mu.sessions = map[string]*openSession{}
	for _, v := range []string{"", "/v1", "/v2", "/v3"} {
		g.routes(v)
	}
	g.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		answer(w, r, func(r *http.Request) (any, error) {
			return nil, errorf(http.StatusNotFound, "Not found: %s %s", r.Method, r.URL.Path)
		})
	})
	go g.expire()
	return g
}

func (g *Gateway) routes(v string) {
	handleWith := func(pattern string, code int, fn func(*http.Request) (any, error)) {
		method, path, _ := strings.Cut(pattern, " ")
		g.mux.HandleFunc(method+" "+v+path, func(w http.ResponseWriter, r *http.Request) { answerWith(w, r, code, fn) })
	}
	handle := func(pattern string, fn func(*http.Request) (any, error)) { handleWith(pattern, http.StatusOK, fn) }
	g.jobRoutes(handleWith)
	handle("GET /info", func(*http.Request) (any, error) {
		return map[string]string{"productName": "millrace", "version": g.options.Version}, nil
	})
	handle("GET /api_versions", func(*http.Request) (any, error) {
		return map[string][]string{"versions": {"V1", "V2", "V3"}}, nil
	})
	handle("POST /sessions", g.openSession)
	handle("GET /sessions/{session}", g.sessionConfig)
	handle("DELETE /sessions/{session}", g.closeSession)
	handle("POST /sessions/{session}/heartbeat", g.heartbeat)
	handle("POST /sessions/{session}/configure-session", g.configure)
	handle("POST /sessions/{session}/statements", g.execute)
	handle("GET /sessions/{session}/operations/{operation}/status", g.status)
	handle("POST /sessions/{session}/operations/{operation}/cancel", g.cancel)
	handle("DELETE /sessions/{session}/operations/{operation}/close", g.closeOperation)
	handle("GET /sessions/{session}/operations/{operation}/result/{token}", g.result)
}

// ServeHTTP answers a request.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) { g.mux.ServeHTTP(w, r) }

// Close ends all sessions and their queries; jobs of INSERT go on.
func (g *Gateway) Close() {
	g.stop()
	g.mu.Lock()
	defer g.mu.Unlock()
	for h, s := range g.mu.sessions {
		s.closeAll()
		delete(g.mu.sessions, h)
	}
}

// httpError is an error with the status that it is answered with.
type httpError struct {
	code int
	err  error
}

func (e *httpError) Error() string { return e.err.Error() }

func errorf(code int, format string, args ...any) error {
	return &httpError{code, fmt.Errorf(format, args...)}
}

// maxBody bounds a request: the longest script that anyone should send.
const maxBody = 16 << 20

func answer(w http.ResponseWriter, r *http.Request, fn func(*http.Request) (any, error)) {
	answerWith(w, r, http.StatusOK, fn)
}

// answerWith answers with a status of its own where there is no error.
func answerWith(w http.ResponseWriter, r *http.Request, good int, fn func(*http.Request) (any, error)) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	out, err := fn(r)
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	code := good
	if err != nil {
		code = http.StatusInternalServerError
		var he *httpError
		if errors.As(err, &he) {
			code = he.code
		}
		out = map[string][]string{"errors": {err.Error()}}
	}
	body, err := json.Marshal(out)
	if err != nil {
		code = http.StatusInternalServerError
		body = []byte(`{"errors":["internal error: the answer is no JSON"]}`)
	}
	w.WriteHeader(code)
	w.Write(append(body, '\n'))
}

func decode(r *http.Request, into any) error {
	err := json.NewDecoder(r.Body).Decode(into)
	var wrong *json.UnmarshalTypeError
	var large *http.MaxBytesError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &large):
		return errorf(http.StatusRequestEntityTooLarge, "the request's body is larger than %d MiB", large.Limit>>20)
	case errors.Is(err, io.EOF):
		return errorf(http.StatusBadRequest, "the request has no body; a JSON object is expected")
	case errors.As(err, &wrong) && wrong.Field == "":
		return errorf(http.StatusBadRequest, "the request's body is a JSON %s; an object is expected", wrong.Value)
	case errors.As(err, &wrong):
		return errorf(http.StatusBadRequest, "the request's field '%s' is of a wrong type: %s", wrong.Field, wrong.Value)
	}
	return errorf(http.StatusBadRequest, "the request's body is no JSON: %v", err)
}

func (g *Gateway) openSession(r *http.Request) (any, error) {
	var req struct {
		SessionName string            `json:"sessionName"`
		Properties  map[string]string `json:"properties"`
	}
	if r.ContentLength != 0 {
		if err := decode(r, &req); err != nil {
			return nil, err
		}
	}
	s := &openSession{handle: uuid.NewString(), name: req.SessionName, owner: g.options.Owner(r), session: g.options.NewSession(r, req.Properties)}
	s.mu.used = time.Now()
	s.mu.operations = map[string]*operation{}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.mu.sessions[s.handle] = s
	return map[string]string{"sessionHandle": s.handle}, nil
}

func (g *Gateway) find(r *http.Request) (*openSession, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.mu.sessions[r.PathValue("session")]
	if s == nil || s.owner != g.options.Owner(r) {
		return nil, errorf(http.StatusNotFound, "session '%s' does not exist; it was closed, idle for too long, or the node was restarted", r.PathValue("session"))
	}
	s.mu.Lock()
	s.mu.used = time.Now()
	s.mu.Unlock()
	return s, nil
}

func (g *Gateway) sessionConfig(r *http.Request) (any, error) {
	s, err := g.find(r)
	if err != nil {
		return nil, err
	}
	s.run.Lock()
	defer s.run.Unlock()
	return map[string]any{"properties": s.session.Settings()}, nil
}

func (g *Gateway) closeSession(r *http.Request) (any, error) {
	s, err := g.find(r)
	if err != nil {
		return nil, err
	}
	g.mu.Lock()
	delete(g.mu.sessions, s.handle)
	g.mu.Unlock()
	s.closeAll()
	return map[string]string{"status": "CLOSED"}, nil
}

func (g *Gateway) heartbeat(r *http.Request) (any, error) {
	_, err := g.find(r)
	return struct{}{}, err
}

// expire closes sessions that nobody uses.
func (g *Gateway) expire() {
	tick := time.NewTicker(g.options.Idle / 4)
	defer tick.Stop()
	for {
		select {
		case <-g.ctx.Done():
			return
		case <-tick.C:
			g.expireOnce(time.Now().Add(-g.options.Idle))
		}
	}
}

func (g *Gateway) expireOnce(before time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for h, s := range g.mu.sessions {
		s.mu.Lock()
		old := s.mu.used.Before(before)
		s.mu.Unlock()
		if old {
			s.closeAll()
			delete(g.mu.sessions, h)
		}
	}
}
