package node

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/engine"
	_ "github.com/millrace/millrace/internal/format/json"
	"github.com/millrace/millrace/internal/shell"
	"github.com/millrace/millrace/internal/sql/session"
	"github.com/millrace/millrace/internal/vfs"
)

// copyJob writes each row of a topic to another, and counts them.
const copyJob = `
CREATE TABLE src (v INT) WITH ('topic' = 'src', 'format' = 'json', 'topic.partitions' = '1');
CREATE TABLE dst (v INT) WITH ('topic' = 'dst', 'format' = 'json', 'topic.partitions' = '1' %s);
CREATE TABLE total (c INT, n BIGINT, PRIMARY KEY (c) NOT ENFORCED) WITH ('connector' = 'upsert-kafka', 'topic' = 'total',
  'key.format' = 'json', 'value.format' = 'json', 'topic.partitions' = '1');
SET 'parallelism.default' = '1';
SET 'execution.checkpointing.interval' = '1 ms';
%s
BEGIN STATEMENT SET;
INSERT INTO dst SELECT v FROM src;
INSERT INTO total SELECT 1, COUNT(*) FROM src GROUP BY 1;
END;`

// guarantees are the ways to say how dst is written, and what may become of its rows when
// the process ends, and when the power fails.
var guarantees = map[string]struct {
	option, set string
	again, lost bool // rows may be there twice; may be lost when the power fails
}{
	"default":            {},
	"exactly-once":       {option: ", 'sink.delivery-guarantee' = 'exactly-once'"},
	"mode at least once": {set: "SET 'execution.checkpointing.mode' = 'AT_LEAST_ONCE';", again: true},
	"at-least-once":      {option: ", 'sink.delivery-guarantee' = 'at-least-once'", again: true},
	"own over mode":      {option: ", 'sink.delivery-guarantee' = 'exactly-once'", set: "SET 'execution.checkpointing.mode' = 'AT_LEAST_ONCE';"},
	"none":               {option: ", 'sink.delivery-guarantee' = 'none'", again: true, lost: true},
}

// TestGuarantees ends a node at every point of its job's commits, by killing it and by a
// power failure, while rows come, and opens what the disk has. What a table's rows are
// then is what it was promised; state is exactly once whatever that is.
func TestGuarantees(t *testing.T) {
	for name, g := range guarantees {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			again := false
			for _, point := range engine.Points {
				switch {
				case point == "snapshot-piece", point == "snapshot", point == "trimmed":
					continue // not in so short a run
				case point == "committed" && g.set != "" && g.again:
					continue // no sink has anything to commit
				}
				for n := range 4 {
					kept := 100 * (n / 2)
					disk := crashedAt(t, fmt.Sprintf(copyJob, g.option, g.set), point, 2+n, kept)
					src, dst, total := finishCopy(t, disk)
					slices.Sort(src)
					slices.Sort(dst)
					once := slices.Compact(slices.Clone(dst))
					again = again || len(once) < len(dst)
					if len(once) < len(dst) && !g.again {
						t.Errorf("%s: %d rows, %d of them once: %v", point, len(dst), len(once), dst)
					}
					if !slices.Equal(once, src) && (!g.lost || kept == 100) {
						t.Errorf("%s: of %d rows %d came over: %v", point, len(src), len(once), once)
					}
					if want := fmt.Sprintf(`{"c":1,"n":%d}`, len(src)); total != want {
						t.Errorf("%s: the total is %s, want %s", point, total, want)
					}
				}
			}
			if g.again && !again {
				t.Error("no row came twice: the test does not see what it is about")
			}
		})
	}
}

// crashedAt runs the job, with rows coming, until the n-th time that it passes a point,
// and returns the disk as it was then.
func crashedAt(t *testing.T, text, point string, n, kept int) *vfs.Mem {
	t.Helper()
	files := vfs.NewMem()
	slow := new(atomic.Bool) // syncs take time, so that steps are made beside commits
	slow.Store(n%2 == 0)
	var mu sync.Mutex
	var crashed *vfs.Mem
	done := make(chan struct{})
	node, err := Open(Config{files: slowFS{files, slow}, Hook: func(p string) {
		mu.Lock()
		defer mu.Unlock()
		if p != point || crashed != nil {
			return
		}
		if n--; n == 0 {
			crashed = files.CrashClone(vfs.CrashOptions{UnsyncedDataPercent: kept})
			close(done)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer node.Close()
	runScript(t, node, text)
	for i := 0; ; i++ {
		if err := node.Produce(t.Context(), "src", []*Record{{Value: fmt.Appendf(nil, `{"v":%d}`, i)}}); err != nil {
			t.Fatal(err)
		}
		select {
		case <-done:
			return crashed
		case <-time.After(time.Millisecond / 2):
		}
	}
}

func runScript(t *testing.T, n *Node, text string) {
	t.Helper()
	script := shell.Script{Text: text, Out: io.Discard}
	stmts, err := script.Parse()
	if err == nil {
		err = script.Run(t.Context(), stmts, Local(n.Session(session.Options{})))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// finishCopy opens a node on a disk, whose job goes on by itself, writes a last row, waits
// until it comes out, and returns what is in the topics.
func finishCopy(t *testing.T, disk *vfs.Mem) (src, dst []string, total string) {
	t.Helper()
	n, err := Open(Config{files: disk})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	const last = `{"v":-1}`
	if err := n.Produce(t.Context(), "src", []*Record{{Value: []byte(last)}}); err != nil {
		t.Fatal(err)
	}
	read := func(topic string, stop func(value string) bool) (out []string) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := n.Consume(ctx, topic, false, func(r *Record) bool {
			out = append(out, string(r.Value))
			return !stop(out[len(out)-1])
		}); err != nil {
			t.Fatalf("%s: %v after %v", topic, err, out)
		}
		return out
	}
	isLast := func(v string) bool { return v == last }
	src, dst = read("src", isLast), read("dst", isLast)
	want := fmt.Sprintf(`{"c":1,"n":%d}`, len(src))
	totals := read("total", func(v string) bool { return v >= want && len(v) >= len(want) })
	return src, dst, totals[len(totals)-1]
}

// TestForgetful: a job without commits keeps nothing, and says so where more is asked of
// it.
func TestForgetful(t *testing.T) {
	disk := crashedAt(t, fmt.Sprintf(copyJob, "", "SET 'execution.checkpointing.interval' = '0';"), "after-commit", 5, 100)
	n, err := Open(Config{files: disk.CrashClone(vfs.CrashOptions{UnsyncedDataPercent: 100})})
	if err != nil {
		t.Fatal(err)
	}
	for _, topic := range n.broker.Metadata().Topics() {
		if len(topic.Name) > len(journalPrefix) && topic.Name[:len(journalPrefix)] == journalPrefix {
			t.Errorf("there is a journal: %s", topic.Name)
		}
	}
	n.Close()
	src, dst, total := finishCopy(t, disk)
	if got := dst[len(dst)-len(src):]; !slices.Equal(got, src) || len(dst) <= len(src) {
		t.Errorf("a job that keeps nothing begins anew: read %v, wrote %v", src, dst)
	}
	if want := fmt.Sprintf(`{"c":1,"n":%d}`, len(src)); total != want {
		t.Errorf("the total is %s, want %s", total, want)
	}
}

// TestForgetfulRefused: what cannot be is refused, with the place of the option.
func TestForgetfulRefused(t *testing.T) {
	n, err := Open(Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	script := shell.Script{Out: io.Discard, Text: fmt.Sprintf(copyJob, ", 'sink.delivery-guarantee' = 'exactly-once'", "SET 'execution.checkpointing.interval' = '0';")}
	stmts, err := script.Parse()
	if err == nil {
		err = script.Run(t.Context(), stmts, Local(n.Session(session.Options{})))
	}
	if err == nil || !strings.Contains(err.Error(), "table 'default_catalog.default_database.dst': option 'sink.delivery-guarantee': nothing is exactly once in a job that does not commit") {
		t.Fatal(err)
	}
}

// TestForgetfulJob: what needs state is refused of a job that keeps none.
func TestForgetfulJob(t *testing.T) {
	n, err := Open(Config{files: vfs.NewMem(), RestartStrategy: "exponential-delay"})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	j := submitCopy(t, n, map[string]string{"execution.checkpointing.interval": "0"})
	if s := j.Detail().Strategy; s != "none" {
		t.Errorf("its restart strategy is %s", s)
	}
	_, saved := j.Savepoint(t.Context(), "/sp")
	_, stopped := j.Stop(t.Context(), "/sp")
	for what, err := range map[string]error{"savepoint": saved, "stop": stopped, "rescale": j.Rescale(t.Context(), 2)} {
		if err == nil || !strings.Contains(err.Error(), "commits nothing") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if st := j.Status().State; st != engine.Running {
		t.Errorf("the job is %s", st)
	}
	if err := j.End(t.Context()); err != nil {
		t.Error(err)
	}
	s := session.New(n, session.Options{Settings: map[string]string{"execution.checkpointing.interval": "0", "execution.savepoint.path": "/sp"}})
	if _, err := s.Execute(t.Context(), "INSERT INTO copied SELECT x FROM source"); err == nil || !strings.Contains(err.Error(), "commits nothing") {
		t.Errorf("with a savepoint: %v", err)
	}
}
