// Package node is the one room that sees all others: it opens a data directory,
// wires log and processor together, runs jobs and serves both halves on sockets.
package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/millrace/millrace/internal/broker"
	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/connector/blackhole"
	"github.com/millrace/millrace/internal/connector/filesystem"
	"github.com/millrace/millrace/internal/connector/kafka"
	logconn "github.com/millrace/millrace/internal/connector/log"
	"github.com/millrace/millrace/internal/connector/nexmark"
	"github.com/millrace/millrace/internal/connector/print"
	"github.com/millrace/millrace/internal/engine"
	"github.com/millrace/millrace/internal/engine/state"
	"github.com/millrace/millrace/internal/gateway"
	"github.com/millrace/millrace/internal/sql/catalog"
	"github.com/millrace/millrace/internal/sql/session"
	"github.com/millrace/millrace/internal/trace"
	"github.com/millrace/millrace/internal/vfs"
)

// Version is what the node calls itself.
const Version = "0.1.0"

// Config says what node to open.
type Config struct {
	// Data is the data directory; it is made if it is not there. Empty: the node
	// lives in memory and is gone when it is closed.
	Data string
	// Kafka and HTTP are the addresses to serve on, HOST:PORT; port 0 picks one,
	// and an empty address serves nothing.
	Kafka, HTTP string
	// Advertised is the address that Kafka clients are told, if not the one that
	// they connected to.
	Advertised string
	// HTTPOpen serves HTTP in the clear, on any address, and lets everybody do everything
	// there: something before it lets in only who may.
	HTTPOpen bool
	// Settings are broker configs by Kafka's names. The setting listeners stands for
	// Kafka.
	Settings map[string]string
	// Report is told, in one line, what a person should know; nil: nobody.
	Report func(string)
	// RestartStrategy is that of jobs that name none, by Flink's name; empty: none, and
	// whoever waits for a job is told why it failed.
	RestartStrategy string
	// Getenv finds OpenTelemetry's environment variables, which say where traces go; nil:
	// nowhere.
	Getenv func(string) string
	// Connectors are further ones, beside those that every node has.
	Connectors []*connector.Factory
	// Hook is called at named points around a commit; see engine.Config.
	Hook func(point string)

	files vfs.FS               // of tests, in the place of the memory's
	tune  func(*engine.Config) // of tests, that run jobs in ways which SQL does not ask for
}

// Node is an open node. It is safe for concurrent use.
type Node struct {
	config     Config
	broker     *broker.Broker
	system     *system
	link       *logBroker
	connectors []*connector.Factory
	shared     *session.Shared
	gateway    *gateway.Gateway
	memory     *state.Budget // for the jobs' state
	door       *broker.HTTP  // nil where HTTP is open to all
	kafka      []kafkaListener
	http       net.Listener
	server     *http.Server
	ctx        context.Context
	stop       context.CancelCauseFunc
	running    sync.WaitGroup
	measured   measured
	tracer     *trace.Tracer // nil: nothing is traced

	mu struct {
		sync.Mutex
		ddl   []ddlEntry
		jobs  []*job
		run   *runEntry     // the last one written
		asked map[*job]bool // those that run with somebody's rights
	}
}

// Open opens a node and starts the jobs that had not ended.
func Open(config Config) (_ *Node, err error) {
	n := &Node{config: config}
	if n.config.Report == nil {
		n.config.Report = func(string) {}
	}
	n.ctx, n.stop = context.WithCancelCause(context.Background())
	n.mu.asked = map[*job]bool{}
	var files vfs.FS = vfs.OS
	dir := config.Data
	if dir == "" {
		files, dir = config.files, "data"
	}
	if files == nil {
		files = vfs.NewMem()
	}
	if _, err := isNew(config.Data); err != nil {
		return nil, err
	}
	if config.Getenv != nil {
		if n.tracer, err = trace.FromEnv(config.Getenv, Version, n.report); err != nil {
			return nil, err
		}
	}
	// The listeners come first: a port in use is the most likely mistake, and
	// nothing should have been touched when it is found.
	if err := n.listen(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			n.Close()
		}
	}()
	n.broker, err = broker.Open(broker.Config{FS: files, Dir: dir, Advertised: config.Advertised, Settings: config.Settings, Report: n.report})
	if err != nil {
		return nil, unusable(config.Data, err)
	}
	if err := n.openState(); err != nil {
		return nil, err
	}
	n.link = &logBroker{broker: n.broker, closing: n.ctx}
	n.connectors = append(connectors(n.link, n.report), n.config.Connectors...)
	if err := n.openHTTP(); err != nil {
		return nil, err
	}
	if err := n.restore(); err != nil {
		return nil, err
	}
	n.serve()
	return n, nil
}

// connectors are those that a node has. With a link that is nil they can be planned
// with, and not run.
func connectors(link logconn.Broker, report func(string)) []*connector.Factory {
	return append(kafka.Factories(report),
		logconn.Factory(link),
		filesystem.Factory(vfs.OS),
		blackhole.Factory(),
		nexmark.Factory(),
		print.Factory(os.Stdout, os.Stderr),
	)
}

// restore makes again what the system topic tells of.
func (n *Node) restore() error {
	sys, m, err := openSystem(n.broker)
	if err != nil {
		return err
	}
	n.system, n.mu.ddl = sys, m.ddl()
	n.reportHoles(&m)
	n.shared = &session.Shared{Catalog: catalog.New(n.connectors), Record: n.recordDDL}
	for _, e := range m.entries {
		if e.Run != nil {
			n.mu.run = e.Run
		}
	}
	ddl, _ := n.ddlUpTo(len(n.mu.ddl))
	if err := session.Replay(n.shared.Catalog, ddl); err != nil {
		n.report(fmt.Sprintf("a table could not be made again: %v", err))
	}
	n.resume(&m)
	return nil
}

// reportHoles tells what damage has taken of the node's memory. What there is of it
// serves on.
func (n *Node) reportHoles(m *memory) {
	if len(m.holes) == 0 {
		return
	}
	var lost []string
	for _, e := range n.mu.ddl {
		if e.lost {
			lost = append(lost, strconv.Itoa(e.Number+1))
		}
	}
	text := "no statement that made a table is known to be lost"
	if len(lost) > 0 {
		text = "statement " + strings.Join(lost, ", ") + " of those that made tables is lost; make these tables again"
	}
	n.report(fmt.Sprintf("topic %s is damaged from offset %d on: %s; jobs from before it do not go on", systemTopic, m.holes[0].first, text))
}

func (n *Node) recordDDL(d session.DDL) error {
	e := ddlEntry{Number: n.ddlCount(), Database: d.Database, Text: d.Text, Dir: d.Dir}
	if err := n.system.write(entry{DDL: &e}); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mu.ddl = append(n.mu.ddl, e)
	return nil
}

func (n *Node) ddlCount() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.mu.ddl)
}

// ddlUpTo are the first statements; whole is false if some of them are lost.
func (n *Node) ddlUpTo(count int) (out []session.DDL, whole bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	whole = count <= len(n.mu.ddl)
	for _, e := range n.mu.ddl[:min(count, len(n.mu.ddl))] {
		if e.lost {
			whole = false
			continue
		}
		out = append(out, session.DDL{Database: e.Database, Text: e.Text, Dir: e.Dir})
	}
	return out, whole
}

func (n *Node) listen() (err error) {
	if err := n.checkHTTP(); err != nil {
		return err
	}
	if err := n.listenKafka(); err != nil {
		return err
	}
	if n.config.HTTP != "" {
		if n.http, err = net.Listen("tcp", n.config.HTTP); err != nil {
			n.closeKafka()
			return listenError("http", n.config.HTTP, err)
		}
	}
	return nil
}

func listenError(what, addr string, err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	return fmt.Errorf("cannot serve %s on %s: %w; choose another port with --%s HOST:PORT (port 0 picks one)", what, addr, err, what)
}

func (n *Node) serve() {
	n.serveKafka()
	if n.http != nil {
		n.serveHTTP()
	}
}

func (n *Node) workDir() string {
	dir, err := os.Getwd()
	if err != nil {
		return "."
	}
	return dir
}

// KafkaAddr is where Kafka clients connect; empty if the node does not serve them.
// Of several listeners it is all, in the order of the setting, with commas between.
func (n *Node) KafkaAddr() string { return n.kafkaAddresses() }

// HTTPAddr is where the SQL gateway is.
func (n *Node) HTTPAddr() string { return address(n.http) }

func address(l net.Listener) string {
	if l == nil {
		return ""
	}
	return l.Addr().String()
}

// Catalog is what all sessions share.
func (n *Node) Catalog() *session.Shared { return n.shared }

// Broker is the node's log.
func (n *Node) Broker() *broker.Broker { return n.broker }

// Session opens a session in this process.
func (n *Node) Session(o session.Options) *session.Session { return session.New(n, o) }

func (n *Node) report(line string) { n.config.Report(line) }

func (n *Node) now() time.Time { return time.Now() }

// Close stops serving, interrupts the jobs, which go on at the next start, and
// closes the log.
func (n *Node) Close() error {
	n.stop(errClosing)
	var errs []error
	if n.gateway != nil {
		n.gateway.Close()
		errs = append(errs, n.server.Close())
	}
	n.mu.Lock()
	jobs := n.mu.jobs
	n.mu.Unlock()
	for _, j := range jobs {
		<-j.done
	}
	n.tracer.Close()
	if n.broker != nil {
		errs = append(errs, n.broker.Close())
	} else {
		n.closeKafka()
		if n.http != nil {
			errs = append(errs, n.http.Close())
		}
	}
	n.running.Wait()
	return also(nil, errors.Join(errs...))
}
