package node

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/millrace/millrace/internal/broker"
	"github.com/millrace/millrace/internal/gateway"
	"github.com/millrace/millrace/internal/sql/session"
)

// checkHTTP refuses to take passwords in the clear where others can hear them, unless
// that is what the settings say.
func (n *Node) checkHTTP() error {
	if n.config.HTTP == "" || n.config.HTTPOpen {
		return nil
	}
	c, chosen, err := broker.HTTPConfig(n.config.Settings)
	if err != nil || chosen || !c.SendsPasswords() || loopback(n.config.HTTP) {
		return err
	}
	return fmt.Errorf("HTTP on %s would take passwords in the clear: add HTTP:SASL_SSL to listener.security.protocol.map, and a certificate; "+
		"bind --http to 127.0.0.1; or add HTTP:SASL_PLAINTEXT if something before it does TLS", n.config.HTTP)
}

func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	ip, perr := netip.ParseAddr(host)
	return err == nil && (host == "localhost" || perr == nil && ip.IsLoopback())
}

// openHTTP finds out who may come in over HTTP.
func (n *Node) openHTTP() (err error) {
	n.broker.Metadata().WatchACLs(func() { n.running.Go(n.askAgain) }) // not here: it is a change in the making
	if n.config.HTTP == "" || n.config.HTTPOpen {
		return nil
	}
	if n.door, err = n.broker.HTTP(); err != nil {
		return err
	}
	if n.door != nil && n.door.TLS() != nil {
		n.http = tls.NewListener(n.http, n.door.TLS())
	}
	return nil
}

// callerKey is of the broker.Caller in a request's context.
type callerKey struct{}

// callerOf is who a request that has been let in is of; false where nobody asks.
func callerOf(r *http.Request) (broker.Caller, bool) {
	c, ok := r.Context().Value(callerKey{}).(broker.Caller)
	return c, ok
}

// authenticated lets in only who says who it is, and proves it. All that HTTP serves is
// behind it.
func (n *Node) authenticated(next http.Handler) http.Handler {
	if n.door == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := n.door.Caller(r)
		if err != nil {
			for _, c := range n.door.Challenge() {
				w.Header().Add("WWW-Authenticate", c)
			}
			w.Header().Set("Content-Type", "application/json; charset=UTF-8")
			w.WriteHeader(http.StatusUnauthorized)
			json.NewEncoder(w).Encode(map[string][]string{"errors": {err.Error()}})
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, c)))
	})
}

func (n *Node) serveHTTP() {
	open := func(r *http.Request, settings map[string]string) *session.Session {
		o := session.Options{Settings: settings, Dir: n.workDir()}
		if c, ok := callerOf(r); ok {
			o.Rights = rights{n, c}
		}
		return session.New(n, o)
	}
	n.gateway = gateway.New(gateway.Options{
		NewSession: open,
		Jobs:       func(r *http.Request) gateway.Jobs { return jobsOf{open(r, nil), n} },
		Owner: func(r *http.Request) string {
			c, _ := callerOf(r)
			return c.Principal.String()
		},
		Version: Version,
	})
	n.server = &http.Server{
		Handler: n.authenticated(n.withMetrics(n.gateway)), ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 64 << 10,
		ErrorLog: log.New(httpErrors{n}, "", 0),
	}
	n.running.Go(func() {
		if err := n.server.Serve(n.http); !errors.Is(err, http.ErrServerClosed) {
			n.report(fmt.Sprintf("http: %v", err))
		}
	})
}

// httpErrors takes what the server has to say: of handshakes that failed, not each.
type httpErrors struct{ node *Node }

func (e httpErrors) Write(line []byte) (int, error) {
	text := strings.TrimSpace(string(line))
	if e.node.door != nil && strings.Contains(text, "TLS handshake error") {
		e.node.door.ReportHandshake(strings.TrimPrefix(text, "http: "))
	} else {
		e.node.report(text)
	}
	return len(line), nil
}

// jobsOf are the node's jobs, with the rights of a session.
type jobsOf struct {
	*session.Session
	node *Node
}

// Restore submits the job of a savepoint anew.
func (j jobsOf) Restore(ctx context.Context, o session.RestoreOptions) (session.Job, error) {
	return j.node.restoreFor(ctx, j.Session, o)
}
