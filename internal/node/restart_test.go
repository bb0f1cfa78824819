package node

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/millrace/millrace/internal/engine"
	"github.com/millrace/millrace/internal/sql/session"
	"github.com/millrace/millrace/internal/vfs"
)

// TestRestartStrategies holds the strategies to Flink 2.3's arithmetic. "strategy" makes one
// of settings, a line each; "fail" takes failures to it: on each line, how long after the
// start of the last run the job fails, and the jitter if there is any.
func TestRestartStrategies(t *testing.T) {
	var r restarts
	var now time.Time
	datadriven.RunTest(t, "testdata/restart.txt", func(t *testing.T, d *datadriven.TestData) string {
		var out strings.Builder
		switch d.Cmd {
		case "strategy":
			settings := map[string]string{}
			for line := range strings.Lines(d.Input) {
				k, v, _ := strings.Cut(strings.TrimSpace(line), " = ")
				settings["restart-strategy."+k] = v
			}
			var err error
			now = time.Unix(0, 0)
			if r, err = newRestarts(settings, "none"); err != nil {
				return "error: " + err.Error() + "\n"
			}
			return r.String() + "\n"
		case "fail":
			for line := range strings.Lines(d.Input) {
				words := strings.Fields(line)
				ran, err := time.ParseDuration(words[0])
				if err != nil {
					t.Fatal(err)
				}
				jitter := 0.0
				if len(words) > 1 {
					if jitter, err = strconv.ParseFloat(words[1], 64); err != nil {
						t.Fatal(err)
					}
				}
				now = now.Add(ran)
				delay, again := r.failed(now, jitter)
				if !again {
					out.WriteString("fails for good\n")
					break
				}
				fmt.Fprintf(&out, "starts again after %s\n", delay)
				now = now.Add(delay)
			}
		}
		return out.String()
	})
}

// TestRestartDelays: a job whose row cannot be read fails, and is started again after the
// delays of its strategy, not before; it keeps no CPU busy meanwhile, shows why it waits, and
// goes on at once when it is cancelled.
func TestRestartDelays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, err := Open(Config{RestartStrategy: "exponential-delay", files: vfs.NewMem()})
		if err != nil {
			t.Fatal(err)
		}
		defer n.Close()
		j := submitBroken(t, n, map[string]string{"restart-strategy.exponential-delay.jitter-factor": "0"})
		started := time.Now()
		var at []time.Duration
		for len(at) < 6 {
			d := awaitState(j, engine.Restarting)
			at = append(at, d.Failures[len(d.Failures)-1].Time.Sub(started).Round(time.Millisecond))
			if d.NextStart.Before(time.Now()) || d.Err == nil || d.Restarts != len(at) {
				t.Fatalf("failure %d: it starts again at %v, the error is %v, restarts %d", len(at), d.NextStart, d.Err, d.Restarts)
			}
			time.Sleep(time.Until(d.NextStart) - time.Nanosecond)
			synctest.Wait()
			if got := j.Detail(); got.State != engine.Restarting || got.Restarts != d.Restarts {
				t.Fatalf("before its time the job is %s, with %d restarts", got.State, got.Restarts)
			}
			time.Sleep(time.Nanosecond)
			synctest.Wait()
		}
		want := "[0s 1s 2.5s 4.75s 8.125s 13.188s]"
		if fmt.Sprint(at) != want {
			t.Errorf("failures at %v, want %s", at, want)
		}
		if err := j.End(context.Background()); err != nil {
			t.Error(err)
		}
		if st := j.Status().State; st != engine.Canceled {
			t.Errorf("the job is %s after it was cancelled", st)
		}
	})
}

// TestRestartGivesUp: after its last attempt a job has failed, and whoever waits learns why.
func TestRestartGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		n, err := Open(Config{files: vfs.NewMem(), Report: func(line string) { told = append(told, line) }})
		if err != nil {
			t.Fatal(err)
		}
		defer n.Close()
		j := submitBroken(t, n, map[string]string{"restart-strategy.type": "fixed-delay", "restart-strategy.fixed-delay.attempts": "2", "restart-strategy.fixed-delay.delay": "1 min"})
		started := time.Now()
		if err := j.Wait(context.Background()); err == nil || !strings.Contains(err.Error(), "offset 1") {
			t.Errorf("the job ended with %v", err)
		}
		if took := time.Since(started); took != 2*time.Minute {
			t.Errorf("it gave up after %s", took)
		}
		d := j.Detail()
		if len(d.Failures) != 3 || d.Failures[0].Operator == "" || d.State != engine.Failed {
			t.Errorf("the job is %s, its failures are %+v", d.State, d.Failures)
		}
		if len(told) != 2 || !strings.Contains(told[0], "starts again in 1m0s") {
			t.Errorf("told: %q", told)
		}
	})
}

// TestRestartGoesOn: a disk fails once, in the sink's topic or in the journal; the job starts
// again and goes on where it was, with nothing lost or written twice.
func TestRestartGoesOn(t *testing.T) {
	for _, file := range []string{"data/copied-0/*.log", "data/__millrace_journal_*-0/*.log"} {
		synctest.Test(t, func(t *testing.T) {
			fs, err := vfs.WithFaults(vfs.NewMem(), "")
			if err != nil {
				t.Fatal(err)
			}
			n, err := Open(Config{RestartStrategy: "exponential-delay", files: fs})
			if err != nil {
				t.Fatal(err)
			}
			defer n.Close()
			j := submitCopy(t, n, nil)
			if err := fs.Set("sync " + file + " times=1 eio"); err != nil {
				t.Fatal(err)
			}
			produce(t, n, `{"x":2}`)
			awaitState(j, engine.Restarting)
			produce(t, n, `{"x":3}`)
			time.Sleep(time.Minute)
			if got := consumed(t, n, "copied"); got != `{"x":1} {"x":2} {"x":3}` {
				t.Errorf("%s: copied are %s", file, got)
			}
			if f := j.Detail().Failures; len(f) == 0 || len(f) > 3 {
				t.Errorf("%s: failures %+v", file, f)
			}
		})
	}
}

func execute(t *testing.T, n *Node, stmts ...string) {
	t.Helper()
	s := session.New(n, session.Options{})
	for _, stmt := range stmts {
		if _, err := s.Execute(context.Background(), stmt); err != nil {
			t.Fatal(err)
		}
	}
}

// submitCopy submits a job that copies the topic source, which has one record.
func submitCopy(t *testing.T, n *Node, settings map[string]string) *job {
	t.Helper()
	execute(t, n, `CREATE TABLE source (x INT)`, `CREATE TABLE copied (x INT)`)
	return copying(t, n, settings)
}

func copying(t *testing.T, n *Node, settings map[string]string) *job {
	t.Helper()
	produce(t, n, `{"x":1}`)
	s := session.New(n, session.Options{Settings: settings})
	r, err := s.Execute(context.Background(), `INSERT INTO copied SELECT x FROM source`)
	if err != nil {
		t.Fatal(err)
	}
	j := n.job(r.JobID()).(*job)
	awaitRows(j, 1)
	return j
}

// submitBroken submits a job that copies a topic whose second record cannot be read.
func submitBroken(t *testing.T, n *Node, settings map[string]string) *job {
	t.Helper()
	j := submitCopy(t, n, settings)
	produce(t, n, `{"x":"no"}`)
	return j
}

func produce(t *testing.T, n *Node, value string) {
	t.Helper()
	if err := n.Produce(context.Background(), "source", []*Record{{Value: []byte(value)}}); err != nil {
		t.Fatal(err)
	}
}

// awaitRows waits until a run has committed so many rows.
func awaitRows(j *job, rows int64) {
	for {
		if st := j.Status(); st.Progress.RowsOut >= rows && st.Epoch > 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// awaitState waits until the job has a state, and gives what is known of it then.
func awaitState(j *job, want engine.State) session.JobDetail {
	for {
		if d := j.Detail(); d.State == want {
			return d
		}
		time.Sleep(time.Millisecond)
	}
}

// consumed are the records of a topic, read committed.
func consumed(t *testing.T, n *Node, topic string) string {
	t.Helper()
	var out []string
	err := n.Consume(context.Background(), topic, true, func(r *Record) bool {
		out = append(out, string(r.Value))
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(out, " ")
}

// TestRestartTemporary: a job on a temporary table, which no restart of the node would find,
// is started again like others.
func TestRestartTemporary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, err := Open(Config{RestartStrategy: "exponential-delay", files: vfs.NewMem()})
		if err != nil {
			t.Fatal(err)
		}
		defer n.Close()
		execute(t, n, `CREATE TEMPORARY TABLE source (x INT)`, `CREATE TEMPORARY TABLE copied (x INT)`)
		j := copying(t, n, nil)
		produce(t, n, `{"x":"no"}`)
		for d := awaitState(j, engine.Restarting); d.Restarts < 2; d = awaitState(j, engine.Restarting) {
			time.Sleep(time.Until(d.NextStart))
			synctest.Wait()
		}
		if f := j.Detail().Failures; !strings.Contains(f[1].Error, "offset 1") {
			t.Errorf("the second failure is %q", f[1].Error)
		}
	})
}
