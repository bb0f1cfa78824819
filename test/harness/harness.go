// Package harness runs the millrace binary in tests as a person would: as a process,
// with arguments, killed when need be.
package harness

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "millrace-test")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "millrace")
	cmd := exec.Command("go", "build", "-o", path, "./cmd/millrace")
	cmd.Dir, cmd.Env = Root(), append(os.Environ(), "CGO_ENABLED=0") // as `make build` does
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// Root is the project's folder.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}

// Binary builds millrace, once a test process.
func Binary(t testing.TB) string {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Output is what a command printed and how it ended.
type Output struct {
	Stdout, Stderr string
	Code           int
	// Killed: it was ended by a signal.
	Killed bool
}

// Run runs millrace to its end.
func Run(t testing.TB, args ...string) Output {
	t.Helper()
	return wait(t, Start(t, args...))
}

// Start starts millrace; Wait or Kill ends it.
func Start(t testing.TB, args ...string) *Process {
	t.Helper()
	p := &Process{cmd: exec.Command(Binary(t), args...)}
	p.cmd.Dir = Root()
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.err
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// Process is a running millrace.
type Process struct {
	cmd      *exec.Cmd
	out, err bytes.Buffer
}

// Kill sends SIGKILL, as kill -9 does.
func (p *Process) Kill() { p.cmd.Process.Signal(syscall.SIGKILL) }

// Wait waits for the end.
func (p *Process) Wait(t testing.TB) Output {
	t.Helper()
	return wait(t, p)
}

func wait(t testing.TB, p *Process) Output {
	t.Helper()
	err := p.cmd.Wait()
	var exit *exec.ExitError
	o := Output{Stdout: p.out.String(), Stderr: p.err.String()}
	switch {
	case err == nil:
	case asExit(err, &exit):
		o.Code = exit.ExitCode()
		o.Killed = o.Code == -1
	default:
		t.Fatal(err)
	}
	return o
}

func asExit(err error, into **exec.ExitError) bool {
	e, ok := err.(*exec.ExitError)
	*into = e
	return ok
}

// Server is a `millrace serve` that is ready.
type Server struct {
	Kafka, HTTP string
	Ready       time.Duration // from the start of the process to the ready line
	cmd         *exec.Cmd
	stderr      *bytes.Buffer
	done        chan struct{}
}

var readyLine = regexp.MustCompile(`^ready kafka=(\S+) http=(\S+)$`)

// Serve starts a server on a data directory and free ports, and stops it when the
// test ends.
func Serve(t testing.TB, data string, args ...string) *Server {
	t.Helper()
	return ServeWith(t, data, append([]string{"--kafka", "127.0.0.1:0"}, args...)...)
}

// ServeWith is Serve where the arguments say on which addresses Kafka clients are served.
func ServeWith(t testing.TB, data string, args ...string) *Server {
	t.Helper()
	s := &Server{stderr: &bytes.Buffer{}, done: make(chan struct{})}
	args = append([]string{"serve", "--data", data, "--http", "127.0.0.1:0"}, args...)
	s.cmd = exec.Command(Binary(t), args...)
	s.cmd.Stderr = s.stderr
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	var m []string
	for m == nil { // jobs go on before the node is ready: what they print may come before
		if !lines.Scan() {
			s.cmd.Wait()
			t.Fatalf("millrace serve did not get ready: %s", s.stderr)
		}
		m = readyLine.FindStringSubmatch(lines.Text())
	}
	s.Ready = time.Since(begin)
	s.Kafka, s.HTTP = m[1], m[2]
	go func() {
		defer close(s.done)
		for lines.Scan() {
		}
		s.cmd.Wait()
	}()
	t.Cleanup(func() {
		s.Stop()
		if t.Failed() {
			t.Logf("the node at %s said:\n%s", s.Kafka, s.stderr)
		}
	})
	return s
}

// Stop asks the server to end and waits until it has.
func (s *Server) Stop() {
	s.cmd.Process.Signal(syscall.SIGTERM)
	<-s.done
}

// Kill ends the server as kill -9 does.
func (s *Server) Kill() {
	s.cmd.Process.Signal(syscall.SIGKILL)
	<-s.done
}

// PID is the server's process id.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Records reads all committed records that a topic holds now.
func Records(t testing.TB, addr, topic string) []*kgo.Record {
	t.Helper()
	out := Run(t, "topic", "describe", topic, "--addr", addr)
	if out.Code != 0 {
		t.Fatalf("topic describe %s: %s", topic, out.Stderr)
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.KeepControlRecords())
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ends := endOffsets(t, out.Stdout)
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	var records []*kgo.Record
	for len(ends) > 0 {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("reading %s: %v (partitions left: %v)", topic, err, ends)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if !r.Attrs.IsControl() {
				records = append(records, r)
			}
			if end, ok := ends[r.Partition]; ok && r.Offset+1 >= end {
				delete(ends, r.Partition)
			}
		})
	}
	return records
}

// Flights reads the example's flights with encoding/csv, the header first.
func Flights(t testing.TB) [][]string {
	t.Helper()
	f, err := os.Open(filepath.Join(Root(), "examples", "flights", "flights-2013-01.csv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(z).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// endOffsets reads the table that `topic describe` prints.
func endOffsets(t testing.TB, table string) map[int32]int64 {
	t.Helper()
	ends := map[int32]int64{}
	for i, line := range bytes.Split([]byte(table), []byte("\n")) {
		var topic, id string
		var partition int32
		var first, end int64
		if n, _ := fmt.Sscan(string(line), &topic, &partition, &first, &end, &id); i == 0 || n < 4 {
			continue
		}
		if end > first {
			ends[partition] = end
		}
	}
	return ends
}
