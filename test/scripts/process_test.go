package scripts

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// patience is how long anything that is waited for may take; only a test that fails
// ever waits so long.
const patience = 30 * time.Second

type processesKey struct{}

// processes are those that a script started in the background.
type processes struct{ byName map[string]*process }

func (p *processes) killAll() {
	for _, q := range p.byName {
		q.cmd.Process.Kill()
		<-q.ended
	}
}

type process struct {
	cmd      *exec.Cmd
	out, err *lockedBuffer
	ended    chan struct{}
	code     int
}

// lockedBuffer is written by a process while it is read.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func started(ts *testscript.TestScript) *processes {
	return ts.Value(processesKey{}).(*processes)
}

func find(ts *testscript.TestScript, name string) *process {
	p := started(ts).byName[name]
	if p == nil {
		ts.Fatalf("no process %s was started", name)
	}
	return p
}

// launch starts millrace; its standard output goes to out, too.
func launch(ts *testscript.TestScript, name string, out io.Writer, args ...string) *process {
	p := &process{cmd: exec.Command("millrace", args...), out: &lockedBuffer{}, err: &lockedBuffer{}, ended: make(chan struct{})}
	path, err := exec.LookPath(ts.Getenv("MILLRACE"))
	ts.Check(err)
	p.cmd.Path, p.cmd.Err = path, nil
	p.cmd.Dir = ts.MkAbs(".")
	p.cmd.Stdout, p.cmd.Stderr = io.MultiWriter(p.out, out), p.err
	ts.Check(p.cmd.Start())
	started(ts).byName[name] = p
	go func() {
		defer close(p.ended)
		err := p.cmd.Wait()
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			p.code = exit.ExitCode()
		}
	}()
	return p
}

func (p *process) wait(ts *testscript.TestScript, why string) {
	select {
	case <-p.ended:
	case <-time.After(patience):
		ts.Fatalf("%s: it has not ended after %v\nstderr: %s", why, patience, p.err)
	}
	io.WriteString(ts.Stdout(), p.out.String())
	io.WriteString(ts.Stderr(), p.err.String())
}

var readyLine = regexp.MustCompile(`^ready kafka=(\S+) http=(\S+)$`)

func serve(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: serve NAME DIR [OPTION...]")
	}
	name := args[0]
	r, w := io.Pipe()
	p := launch(ts, name, w, append([]string{"serve", "--kafka", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data", args[1]}, args[2:]...)...)
	lines := make(chan string, 1)
	go func() {
		// Jobs go on before the node is ready: what they print may come before.
		s := bufio.NewScanner(r)
		for s.Scan() {
			if readyLine.MatchString(s.Text()) {
				lines <- s.Text()
				break
			}
		}
		io.Copy(io.Discard, r)
	}()
	select {
	case l := <-lines:
		if neg {
			ts.Fatalf("serve %s printed %q", name, l)
		}
		m := readyLine.FindStringSubmatch(l)
		ts.Setenv(name+"_KAFKA", m[1])
		ts.Setenv(name+"_HTTP", m[2])
	case <-p.ended:
		p.wait(ts, name)
		if !neg || p.code == 0 {
			ts.Fatalf("serve %s ended with status %d: %s", name, p.code, p.err)
		}
	case <-time.After(patience):
		ts.Fatalf("serve %s is not ready after %v: %s", name, patience, p.err)
	}
}

func stop(ts *testscript.TestScript, neg bool, args []string) {
	end(ts, neg, args, syscall.SIGTERM, 0)
}

func kill(ts *testscript.TestScript, neg bool, args []string) {
	end(ts, neg, args, syscall.SIGKILL, -1)
}

func interrupt(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: interrupt NAME STATUS")
	}
	var code int
	_, err := fmt.Sscan(args[1], &code)
	ts.Check(err)
	end(ts, neg, args[:1], syscall.SIGINT, code)
}

func end(ts *testscript.TestScript, neg bool, args []string, sig syscall.Signal, want int) {
	if neg || len(args) != 1 {
		ts.Fatalf("this command takes one name and no '!'")
	}
	p := find(ts, args[0])
	ts.Check(p.cmd.Process.Signal(sig))
	p.wait(ts, args[0])
	if p.code != want {
		ts.Fatalf("%s ended with status %d, want %d; stderr: %s", args[0], p.code, want, p.err)
	}
	delete(started(ts).byName, args[0])
}

func start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start NAME COMMAND...")
	}
	launch(ts, args[0], io.Discard, args[1:]...)
}

// await asks again and again; what it waits for is a state of another process.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: await REGEXP COMMAND...")
	}
	want, err := regexp.Compile(`(?m)` + args[0])
	ts.Check(err)
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		cmd := exec.Command(ts.Getenv("MILLRACE"), args[1:]...)
		cmd.Dir = ts.MkAbs(".")
		out, err := cmd.Output()
		if err == nil && want.Match(out) {
			ts.Stdout().Write(out)
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("after %v the output is no match of %s: %s (%v)", patience, want, out, err)
		}
	}
}

// awaitSays waits for what a running process prints, on either output.
func awaitSays(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await-says NAME REGEXP")
	}
	p := find(ts, args[0])
	want, err := regexp.Compile(`(?m)` + args[1])
	ts.Check(err)
	said := func() bool { return want.MatchString(p.out.String()) || want.MatchString(p.err.String()) }
	for deadline := time.Now().Add(patience); !said(); time.Sleep(10 * time.Millisecond) {
		select {
		case <-p.ended:
			if !said() {
				ts.Fatalf("%s ended with status %d and said: %s%s", args[0], p.code, p.out, p.err)
			}
		default:
		}
		if time.Now().After(deadline) {
			ts.Fatalf("after %v what %s says is no match of %s: %s%s", patience, args[0], want, p.out, p.err)
		}
	}
}
