package node

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/internal/engine"
	_ "github.com/millrace/millrace/internal/format/json"
	"github.com/millrace/millrace/internal/vfs"
)

// TestSimulation runs nodes with jobs and producers on a file system that loses or tears
// what was not synced, and on a clock of their own, by seed. The power fails several times
// in a run: at any change of the disk, also while a node starts, at the named points of a
// commit, or when nothing goes on; between two starts there may be a minute or a month;
// after each the jobs have another number of workers, other steps and other snapshots. In
// the end the results, read committed, are held against plain loops over what is in the
// input topics, which holds everything that was acknowledged.
//
// A failing run prints its seed; MILLRACE_SIMULATION_SEED runs it again, which has the
// same rows, jobs and failures, but not the same interleaving of goroutines.
// MILLRACE_SIMULATION_MINUTES goes on for so long (make simulation).
func TestSimulation(t *testing.T) {
	if seed, err := strconv.ParseUint(os.Getenv("MILLRACE_SIMULATION_SEED"), 10, 64); err == nil {
		for range 100 {
			simulate(t, seed)
		}
		return
	}
	seed := uint64(time.Now().UnixNano())
	length := 30 * time.Second
	if n, err := strconv.Atoi(os.Getenv("MILLRACE_SIMULATION_MINUTES")); err == nil {
		length = time.Duration(n) * time.Minute
	}
	if testing.Short() {
		length = 2 * time.Second
	}
	var runs atomic.Uint64
	t.Cleanup(func() { t.Logf("%d runs from seed %d", runs.Load(), seed) })
	end := time.Now().Add(length)
	for lane := range runtime.GOMAXPROCS(0) {
		t.Run(fmt.Sprint(lane), func(t *testing.T) {
			t.Parallel()
			for time.Now().Before(end) && !t.Failed() {
				simulate(t, seed+runs.Add(1))
			}
		})
	}
}

func simulate(t *testing.T, seed uint64) {
	synctest.Test(t, func(t *testing.T) {
		s := &simulation{T: t, random: rand.New(rand.NewPCG(seed, 3)), acked: map[string]map[string]bool{}}
		s.story = append(s.story, fmt.Sprintf("MILLRACE_SIMULATION_SEED=%d", seed))
		defer s.end()
		s.run()
	})
}

// simulation is one run. Its tables and jobs are in simulation_jobs_test.go.
type simulation struct {
	*testing.T
	random *rand.Rand
	// story is what happened; nodes report from several goroutines.
	telling sync.Mutex
	story   []string

	disk  *vfs.Mem
	power *power
	node  *Node
	jobs  []simJob
	// partial: the jobs may have done less than there was to do.
	partial bool
	wrong   *[]string // takes the errors, if it is there

	mu    sync.Mutex
	sent  int
	acked map[string]map[string]bool // by topic: values
}

func (s *simulation) tell(format string, args ...any) {
	s.telling.Lock()
	defer s.telling.Unlock()
	s.story = append(s.story, fmt.Sprintf(format, args...))
}

// Errorf is the test's, or goes to wrong.
func (s *simulation) Errorf(format string, args ...any) {
	s.Helper()
	if s.wrong != nil {
		*s.wrong = append(*s.wrong, fmt.Sprintf(format, args...))
		return
	}
	s.T.Errorf(format, args...)
}

func (s *simulation) run() {
	s.disk = vfs.NewMem()
	s.start()
	for _, i := range s.random.Perm(len(simJobs))[:1+s.random.IntN(3)] {
		s.jobs = append(s.jobs, simJobs[i])
	}
	text := simTables
	for _, j := range s.jobs {
		s.tell("job %s", j.name)
		text += j.text
	}
	runScript(s.T, s.node, text)
	s.openWindows()
	for range 1 + s.random.IntN(4) {
		s.arm()
		s.produce(5 + s.random.IntN(40))
		if s.random.IntN(4) == 0 {
			idle := 5 * time.Minute // logs are cleaned
			if s.random.IntN(6) == 0 {
				idle = 49 * time.Hour // what expires in a day does
			}
			s.tell("%v go by", idle)
			time.Sleep(idle)
			s.produce(5 + s.random.IntN(20))
		}
		s.restart()
	}
	s.closeWindows()
	s.quiet()
	s.check()
}

// end closes the node, and tells what happened if something is wrong.
func (s *simulation) end() {
	if s.node != nil {
		if err := s.node.Close(); err != nil {
			s.Errorf("closing: %v", err)
		}
		s.rest()
	}
	if s.Failed() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.Log(strings.Join(s.story, "\n"))
	}
}

// start opens a node on the disk.
func (s *simulation) start() {
	s.power = newPower(s.disk)
	workers, rows := 1+s.random.IntN(3), []int{0, 1, 3, 100}[s.random.IntN(4)]
	bytes, piece := []int64{1, 600, 4000, 0}[s.random.IntN(4)], []int{1, 100, 0}[s.random.IntN(3)]
	s.tell("start with %d workers, steps of %d rows, snapshots from %d bytes in pieces of %d", workers, rows, bytes, piece)
	if s.jobs != nil && s.random.IntN(8) == 0 {
		n, o := 1+s.random.IntN(60), s.options()
		s.tell("power fails at change %d of the start, %+v", n, o)
		s.power.after(n, o)
	}
	settings := map[string]string{"log.retention.ms": "-1", "log.cleaner.min.cleanable.ratio": "0", "log.cleaner.backoff.ms": "120000"}
	if s.random.IntN(2) == 0 { // so that there is something to compact and to delete
		settings["log.roll.ms"] = strconv.Itoa(1 + s.random.IntN(100))
	}
	node, err := Open(Config{files: s.power, Settings: settings, Hook: s.power.pass, tune: func(c *engine.Config) {
		c.Workers, c.StepRows, c.SnapshotBytes, c.SnapshotPiece, c.CommitInterval = workers, rows, bytes, piece, 1
	}, Report: func(line string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.tell("reported: %s", line)
	}})
	if err != nil {
		s.node = nil
		s.Fatalf("the node does not start: %v", err)
	}
	s.node = node
}

func (s *simulation) options() vfs.CrashOptions {
	return vfs.CrashOptions{Seed: s.random.Int64(), UnsyncedDataPercent: []int{0, 20, 50, 80, 100}[s.random.IntN(5)]}
}

// arm chooses when the power fails.
func (s *simulation) arm() {
	switch o := s.options(); s.random.IntN(3) {
	case 0:
		n := 1 + s.random.IntN(400)
		s.tell("power fails at change %d, %+v", n, o)
		s.power.after(n, o)
	case 1:
		point, n := engine.Points[s.random.IntN(len(engine.Points))], 1+s.random.IntN(12)
		s.tell("power fails at %s, %d, %+v", point, n, o)
		s.power.at(point, n, o)
	default:
		s.tell("power fails when all is quiet, or not")
	}
}

// restart has the power fail, if it has not, or closes the node; and starts again, a
// while later.
func (s *simulation) restart() {
	calm := s.random.IntN(4) == 0 && s.power.alive(func() {})
	if !calm {
		s.disk = s.power.fail(s.options())
	}
	s.node.Close()
	s.rest()
	time.Sleep([]time.Duration{0, time.Minute, 31 * 24 * time.Hour}[s.random.IntN(3)])
	s.start()
}

// rest lets everything end that has been told to.
func (s *simulation) rest() {
	time.Sleep(time.Second)
	synctest.Wait()
}

// quiet waits until nothing goes on by itself any more.
func (s *simulation) quiet() {
	for range 3 {
		time.Sleep(10 * time.Second)
		synctest.Wait()
	}
}

// produce writes records from several goroutines at once.
func (s *simulation) produce(n int) {
	var producers sync.WaitGroup
	for range 1 + s.random.IntN(3) {
		r := rand.New(rand.NewPCG(s.random.Uint64(), 0))
		producers.Go(func() {
			for range n {
				s.mu.Lock()
				s.sent++
				id := s.sent
				s.mu.Unlock()
				for _, topic := range s.inputs() {
					if !s.send(topic, simRow(r, topic, id)) {
						return
					}
				}
				if r.IntN(4) == 0 {
					time.Sleep(time.Duration(r.IntN(5000)) * time.Microsecond)
				}
			}
		})
	}
	producers.Wait()
}

// inputs are the topics that the jobs read and that are not written by them alone.
func (s *simulation) inputs() []string {
	out := []string{"src"}
	for _, j := range s.jobs {
		if j.also != "" {
			out = append(out, j.also)
		}
	}
	return out
}

func (s *simulation) send(topic string, r *Record) bool {
	value := string(r.Value)
	err := s.node.Produce(s.Context(), topic, []*Record{r})
	return s.power.alive(func() {
		if err != nil {
			s.Errorf("produce: %v", err)
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.acked[topic] == nil {
			s.acked[topic] = map[string]bool{}
		}
		s.acked[topic][value] = true
	})
}

// openWindows lets the jobs make the topics, and sends an early row to each partition: one
// that never had a row holds no watermark back, and what comes late then depends on when
// the job reads it.
func (s *simulation) openWindows() {
	s.rest()
	for k := range simKeys {
		s.sent++
		s.send("src", srcRecord(srcRow{ID: s.sent, K: k, TS: simEarly}))
	}
}

// closeWindows has every partition's watermark pass all windows.
func (s *simulation) closeWindows() {
	for k := range simKeys {
		s.sent++
		if !s.send("src", srcRecord(srcRow{ID: s.sent, K: k, TS: simFar})) {
			s.disk = s.power.fail(s.options()) // it was the start that failed
			s.node.Close()
			s.rest()
			s.start()
			s.closeWindows()
			return
		}
	}
}

// check holds all topics against the inputs.
func (s *simulation) check() {
	if !s.power.alive(func() {}) {
		s.disk = s.power.fail(s.options())
		s.node.Close()
		s.rest()
		s.start()
		s.quiet()
		s.check()
		return
	}
	for _, j := range s.node.Jobs() {
		st := j.Status()
		if st.State != engine.Running {
			s.Errorf("job %s is %s: %v", st.Name, st.State, st.Err)
		}
		if s.wrong != nil {
			continue
		}
		s.tell("job %s: epoch %d, notes %q, read %d, behind %d, wrote %d", st.Name, st.Epoch, st.Notes, st.Progress.RowsRead, st.Progress.Behind, st.Progress.RowsOut)
	}
	for _, topic := range s.node.broker.Metadata().Topics() {
		if s.wrong != nil {
			break
		}
		if t, err := s.node.link.EnsureTopic(topic.Name, 0, nil); err == nil {
			for i, p := range t.Partitions {
				s.tell("topic %s, partition %d: last stable %d", topic.Name, i, p.LastStableOffset())
			}
		}
	}
	for topic, acked := range s.acked {
		there := map[string]int{}
		for _, r := range s.read(topic) {
			there[string(r.Value)]++
		}
		for v := range acked {
			if there[v] != 1 {
				s.Errorf("topic %s has %s %d times, and it was acknowledged once", topic, v, there[v])
			}
		}
	}
	for _, j := range s.jobs {
		j.check(s)
	}
}

// read is a topic's committed records.
func (s *simulation) read(topic string) (out []*Record) {
	if s.node.broker.Metadata().Topic(topic) == nil {
		return nil
	}
	if err := s.node.Consume(s.Context(), topic, true, func(r *Record) bool {
		c := *r
		c.Key, c.Value = append([]byte(nil), r.Key...), append([]byte(nil), r.Value...)
		out = append(out, &c)
		return true
	}); err != nil {
		s.Errorf("reading %s: %v", topic, err)
	}
	return out
}

// rowsOf decodes a topic.
func rowsOf[T any](s *simulation, topic string) (out []T) {
	for _, r := range s.read(topic) {
		var row T
		if err := json.Unmarshal(r.Value, &row); err != nil {
			s.Errorf("topic %s: %s: %v", topic, r.Value, err)
		}
		out = append(out, row)
	}
	return out
}

// same compares two bags of rows.
func same[T comparable](s *simulation, what string, got, want []T) {
	count := map[T]int{}
	for _, r := range got {
		count[r]++
	}
	for _, r := range want {
		count[r]--
	}
	shown := 0
	for r, n := range count {
		if n == 0 || n < 0 && s.partial {
			continue
		}
		if shown++; shown <= 3 {
			s.Errorf("%s: %+v: %+d of what there should be (%d rows, want %d)", what, r, n, len(got), len(want))
		}
	}
}
