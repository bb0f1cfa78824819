package node

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/engine"
	"github.com/millrace/millrace/internal/vfs"
)

// TestKilledProcess ends processes with SIGKILL that hold a node with all of the
// simulation's jobs at once, on the real file system: at random moments, and, by their own
// hand, at the named points of a commit. Then it holds the results against plain loops,
// and once more after another start.
func TestKilledProcess(t *testing.T) {
	if os.Getenv(childDir) != "" {
		childMain(t)
		return
	}
	if testing.Short() {
		t.Skip("kills take a while")
	}
	seed := uint64(time.Now().UnixNano())
	s := &simulation{T: t, random: rand.New(rand.NewPCG(seed, 5)), jobs: simJobs, power: newPower(vfs.NewMem())}
	s.tell("seed %d", seed)
	dir := t.TempDir()
	text := simTables
	for _, j := range s.jobs {
		text += j.text
	}
	s.openDir(dir)
	runScript(t, s.node, text)
	for _, topic := range []string{"src", "dims", "looped"} { // which the jobs make
		for s.node.broker.Metadata().Topic(topic) == nil {
			time.Sleep(time.Millisecond)
		}
	}
	s.node.Close()
	length := 10 * time.Second
	if n, err := strconv.Atoi(os.Getenv("MILLRACE_KILL_MINUTES")); err == nil {
		length = time.Duration(n) * time.Minute
	}
	kills := 0
	for end := time.Now().Add(length); time.Now().Before(end); kills++ {
		s.killChild(dir, kills)
	}
	s.acked = readAcked(t, dir)
	t.Logf("%d kills, %d rows acknowledged", kills, len(s.acked["src"]))
	for range 2 {
		s.openDir(dir)
		if s.sent == 0 {
			s.sent = 1 << 30
			s.closeWindows()
		}
		s.eventually()
		if err := s.node.Close(); err != nil {
			t.Error(err)
		}
	}
}

const (
	childDir   = "MILLRACE_TEST_CHILD_DIR"
	childPoint = "MILLRACE_TEST_CHILD_POINT" // "after-journal 7": where it ends itself
	childRound = "MILLRACE_TEST_CHILD_ROUND"
)

// killChild starts a process that writes into the node, and sees to its end.
func (s *simulation) killChild(dir string, round int) {
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilledProcess$")
	patience := time.Duration(100+s.random.IntN(600)) * time.Millisecond
	point := ""
	if s.random.IntN(2) == 0 {
		point = fmt.Sprintf("%s %d", engine.Points[s.random.IntN(len(engine.Points))], 1+s.random.IntN(100))
		patience = 2 * time.Second // it may not come to that point
	}
	cmd.Env = append(os.Environ(), childDir+"="+dir, childPoint+"="+point, childRound+"="+strconv.Itoa(round))
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		s.Fatal(err)
	}
	kill := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	defer kill.Stop()
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != -1 {
		s.Fatalf("round %d: the process was not killed: %v\n%s", round, err, said.String())
	}
}

// childMain is the process that is killed.
func childMain(t *testing.T) {
	round, err := strconv.Atoi(os.Getenv(childRound))
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(uint64(round), 6))
	dir := os.Getenv(childDir)
	acked, err := os.OpenFile(filepath.Join(dir, "acked"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	point, left := "", 0
	fmt.Sscanf(os.Getenv(childPoint), "%s %d", &point, &left)
	n, err := Open(Config{Data: filepath.Join(dir, "data"), tune: anyTune(r), Hook: func(p string) {
		mu.Lock()
		defer mu.Unlock()
		if p == point {
			if left--; left == 0 {
				syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {}
			}
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	for id := round*1_000_000 + 1; ; id++ {
		for _, topic := range []string{"src", "dims", "looped"} {
			if topic == "dims" && id%5 > 0 {
				continue
			}
			rec := simRow(r, topic, id)
			if err := n.Produce(t.Context(), topic, []*Record{rec}); err != nil {
				t.Fatal(err)
			}
			if _, err := fmt.Fprintf(acked, "%s %s\n", topic, rec.Value); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func anyTune(r *rand.Rand) func(*engine.Config) {
	workers, bytes, piece := 1+r.IntN(3), []int64{1, 5000, 0}[r.IntN(3)], []int{100, 0}[r.IntN(2)]
	return func(c *engine.Config) {
		c.Workers, c.SnapshotBytes, c.SnapshotPiece, c.CommitInterval = workers, bytes, piece, 1
	}
}

func (s *simulation) openDir(dir string) {
	var err error
	if s.node, err = Open(Config{Data: filepath.Join(dir, "data"), tune: anyTune(s.random)}); err != nil {
		s.Fatal(err)
	}
}

func readAcked(t *testing.T, dir string) map[string]map[string]bool {
	f, err := os.Open(filepath.Join(dir, "acked"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := map[string]map[string]bool{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		topic, value, _ := strings.Cut(lines.Text(), " ")
		if out[topic] == nil {
			out[topic] = map[string]bool{}
		}
		out[topic][value] = true
	}
	return out
}

// eventually checks until nothing is wrong any more.
func (s *simulation) eventually() {
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		s.wrong = new([]string)
		s.check()
		wrong := *s.wrong
		s.wrong = nil
		if len(wrong) == 0 {
			return
		}
		if time.Now().After(deadline) {
			s.Errorf("%s\n%s", strings.Join(wrong, "\n"), strings.Join(s.story, "\n"))
			return
		}
	}
}
