package node

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/sql/session"
	"github.com/millrace/millrace/internal/vec"
	"github.com/millrace/millrace/internal/vfs"
)

// flowTables and flowJob are a job with an aggregate, windows, a join, a Top-N and a sink
// for each; flowAnswers say what it must have written when its input is at its end.
var flowTables = []string{
	`CREATE TABLE ev (k STRING, v INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND) WITH ('topic' = 'ev', 'topic.partitions' = '4')`,
	`CREATE TABLE dim (k STRING, name STRING) WITH ('topic' = 'dim', 'topic.partitions' = '3')`,
	`CREATE TABLE agg (k STRING, n BIGINT, s INT, PRIMARY KEY (k) NOT ENFORCED)`,
	`CREATE TABLE win (k STRING, e TIMESTAMP(3), n BIGINT)`,
	`CREATE TABLE joined (k STRING, name STRING, v INT)`,
	`CREATE TABLE top (k STRING, rn BIGINT, v INT, PRIMARY KEY (k, rn) NOT ENFORCED)`,
}

const flowJob = `EXECUTE STATEMENT SET BEGIN
INSERT INTO agg SELECT k, COUNT(*), SUM(v) FROM ev GROUP BY k;
INSERT INTO win SELECT k, window_end, COUNT(*) FROM TABLE(TUMBLE(TABLE ev, DESCRIPTOR(ts), INTERVAL '10' SECONDS)) GROUP BY window_start, window_end, k;
INSERT INTO joined SELECT ev.k, name, v FROM ev JOIN dim ON ev.k = dim.k;
INSERT INTO top SELECT k, rn, v FROM (SELECT k, v, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC) AS rn FROM ev) WHERE rn <= 3;
END`

var flowAnswers = map[string]string{
	"agg":    `SELECT k, COUNT(*), SUM(v) FROM ev GROUP BY k`,
	"win":    `SELECT k, window_end, COUNT(*) FROM TABLE(TUMBLE(TABLE ev, DESCRIPTOR(ts), INTERVAL '10' SECONDS)) WHERE ts < TIMESTAMP '2030-01-01 00:00:00' GROUP BY window_start, window_end, k`,
	"joined": `SELECT ev.k, name, v FROM ev JOIN dim ON ev.k = dim.k`,
	"top":    `SELECT k, rn, v FROM (SELECT k, v, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC) AS rn FROM ev) WHERE rn <= 3`,
}

// flow is a node with that job, through which rows flow.
type flow struct {
	t    *testing.T
	rng  *rand.Rand
	fs   vfs.FS
	node *Node
	job  *job
	at   time.Time // event time
	sent int

	// Of a table's records the first skip do not count, and before stands in their place.
	skip   map[string]int
	before map[string][]string
}

func newFlow(t *testing.T, seed int64, parallelism int) *flow {
	f := &flow{t: t, rng: rand.New(rand.NewSource(seed)), fs: vfs.NewMem(), at: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	f.open()
	execute(t, f.node, flowTables...)
	s := session.New(f.node, session.Options{Settings: map[string]string{"parallelism.default": fmt.Sprint(parallelism)}})
	r, err := s.Execute(context.Background(), flowJob)
	if err != nil {
		t.Fatal(err)
	}
	f.job = f.node.job(r.JobID()).(*job)
	f.await(parallelism) // the job makes the topics
	// A partition that was never written to holds no watermark back: each gets a row before
	// the time of all others.
	f.everywhere("begin", f.at.Add(-time.Hour))
	return f
}

// everywhere puts a row into every partition.
func (f *flow) everywhere(k string, at time.Time) {
	f.t.Helper()
	full := map[int]bool{}
	for i := 0; len(full) < 4; i++ {
		if i == 1000 {
			f.t.Fatalf("the topic has %d partitions", len(full))
		}
		r := f.event(k, 0, at, fmt.Sprint(k, i))
		f.produce("ev", []*Record{r})
		full[r.Partition] = true
	}
}

func (f *flow) open() {
	var err error
	if f.node, err = Open(Config{files: f.fs, RestartStrategy: "fixed-delay"}); err != nil {
		f.t.Fatal(err)
	}
}

// rows lets some more rows in.
func (f *flow) rows(n int) {
	f.t.Helper()
	var events, names []*Record
	for range n {
		f.sent++
		f.at = f.at.Add(time.Duration(f.rng.Intn(900)) * time.Millisecond)
		events = append(events, f.event(fmt.Sprint("k", f.rng.Intn(12)), f.sent, f.at, fmt.Sprint(f.rng.Int())))
		if f.rng.Intn(4) == 0 {
			k := fmt.Sprint("k", f.rng.Intn(12))
			names = append(names, &Record{Key: []byte(k), Value: fmt.Appendf(nil, `{"k":%q,"name":"name %d"}`, k, f.sent)})
		}
	}
	f.produce("ev", events)
	f.produce("dim", names)
}

// event is a row; which partition it goes to is left to its record's key, which the table
// does not read.
func (f *flow) event(k string, v int, at time.Time, key string) *Record {
	return &Record{Key: []byte(key), Value: fmt.Appendf(nil, `{"k":%q,"v":%d,"ts":%q}`, k, v, at.Format("2006-01-02 15:04:05.000"))}
}

func (f *flow) produce(topic string, records []*Record) {
	f.t.Helper()
	if err := f.node.Produce(context.Background(), topic, records); err != nil {
		f.t.Fatal(err)
	}
}

// finish closes all windows by a row of a later time in every partition, and compares what
// was written with the answers.
func (f *flow) finish() {
	f.t.Helper()
	f.everywhere("end", time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC))
	deadline := time.Now().Add(60 * time.Second)
	for table, query := range flowAnswers {
		want := f.answer(query)
		for {
			got := f.written(table)
			if slices.Equal(got, want) {
				break
			}
			if time.Now().After(deadline) {
				f.t.Fatalf("table %s: %d rows, want %d; job %s, %v\nonly written: %v\nonly wanted: %v", table, len(got), len(want),
					f.job.Status().State, f.job.Status().Err, without(got, want), without(want, got))
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
}

func without(a, b []string) (out []string) {
	count := map[string]int{}
	for _, s := range b {
		count[s]++
	}
	for _, s := range a {
		if count[s]--; count[s] < 0 {
			out = append(out, s)
		}
	}
	return out[:min(len(out), 10)]
}

// answer is a query's result over all that is there, computed at once.
func (f *flow) answer(query string) (out []string) {
	f.t.Helper()
	const bounded = ` /*+ OPTIONS('scan.bounded.mode' = 'latest-offset') */`
	query = strings.NewReplacer("FROM ev", "FROM ev"+bounded, "JOIN dim", "JOIN dim"+bounded, "TABLE ev", "TABLE ev"+bounded).Replace(query)
	s := session.New(f.node, session.Options{Settings: map[string]string{"execution.runtime-mode": "batch"}})
	r, err := s.Execute(context.Background(), query)
	if err != nil {
		f.t.Fatal(err)
	}
	defer r.Close()
	for {
		b, err := r.Next(context.Background())
		if err == io.EOF {
			slices.Sort(out)
			return out
		}
		if err != nil {
			f.t.Fatal(err)
		}
		for i := range b.Len() {
			var values []string
			for _, c := range b.Cols {
				values = append(values, string(vec.AppendText(nil, c, b.Row(i))))
			}
			// JSON leaves out what is no part of a second.
			out = append(out, strings.Replace(strings.Join(values, "|"), ".000|", "|", 1))
		}
	}
}

// written is what the job has committed to a table: the last row of each key, or all.
func (f *flow) written(table string) (out []string) {
	f.t.Helper()
	columns := map[string][]string{"agg": {"k", "n", "s"}, "win": {"k", "e", "n"}, "joined": {"k", "name", "v"}, "top": {"k", "rn", "v"}}[table]
	byKey := map[string]string{}
	for i, row := range f.before[table] {
		key := fmt.Sprint("before ", i)
		if table == "agg" || table == "top" {
			key = f.key(table, strings.Split(row, "|"))
		}
		byKey[key] = row
	}
	n := 0
	err := f.node.Consume(context.Background(), table, true, func(r *Record) bool {
		if n++; n <= f.skip[table] {
			return true
		}
		key := string(r.Key)
		if r.Key == nil {
			key = fmt.Sprint(n)
		}
		if r.Value == nil {
			delete(byKey, key)
			return true
		}
		var row map[string]any
		d := json.NewDecoder(strings.NewReader(string(r.Value)))
		d.UseNumber()
		if err := d.Decode(&row); err != nil {
			f.t.Fatal(err)
		}
		var values []string
		for _, c := range columns {
			values = append(values, fmt.Sprint(row[c]))
		}
		byKey[key] = strings.Join(values, "|")
		return true
	})
	if err != nil {
		f.t.Fatal(err)
	}
	for _, row := range byKey {
		out = append(out, row)
	}
	slices.Sort(out)
	return out
}

// key is a row's key as the sink writes it.
func (f *flow) key(table string, values []string) string {
	if table == "top" {
		return fmt.Sprintf(`{"k":%q,"rn":%s}`, values[0], values[1])
	}
	return fmt.Sprintf(`{"k":%q}`, values[0])
}

// records is how many a table's topic has.
func (f *flow) records(table string) (n int) {
	f.t.Helper()
	if err := f.node.Consume(context.Background(), table, true, func(*Record) bool { n++; return true }); err != nil {
		f.t.Fatal(err)
	}
	return n
}

func (f *flow) rescale(n int) {
	f.t.Helper()
	if err := f.job.Rescale(context.Background(), n); err != nil {
		f.t.Fatalf("to %d workers: %v", n, err)
	}
}

// restart ends the node and opens it again.
func (f *flow) restart() {
	f.t.Helper()
	id := f.job.ID()
	if err := f.node.Close(); err != nil {
		f.t.Fatal(err)
	}
	f.open()
	f.job = f.node.job(id).(*job)
}

// crash opens the node again as a power failure leaves it.
func (f *flow) crash() {
	f.t.Helper()
	id := f.job.ID()
	left := f.fs.(*vfs.Mem).CrashClone(vfs.CrashOptions{Seed: f.rng.Int63(), UnsyncedDataPercent: f.rng.Intn(101)})
	if err := f.node.Close(); err != nil {
		f.t.Fatal(err)
	}
	f.fs = left
	f.open()
	j := f.node.job(id)
	if j == nil {
		f.t.Fatalf("job %s is not there any more", id)
	}
	f.job = j.(*job)
}

// swap stops the job with a savepoint, and restores it as another.
func (f *flow) swap(parallelism int) {
	f.t.Helper()
	path, err := f.job.Stop(context.Background(), "/savepoints")
	if err != nil {
		f.t.Fatal(err)
	}
	r, err := f.node.Restore(context.Background(), session.RestoreOptions{Savepoint: path, Parallelism: parallelism})
	if err != nil {
		f.t.Fatal(err)
	}
	f.job = r.(*job)
}

// await waits until the job runs so wide.
func (f *flow) await(workers int) {
	f.t.Helper()
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(time.Millisecond) {
		if st := f.job.Status(); st.State == "RUNNING" && st.Workers == workers {
			return
		} else if time.Now().After(deadline) {
			f.t.Fatalf("the job is %s with %d workers, %v", st.State, st.Workers, st.Err)
		}
	}
}

// TestRescale changes a job's parallelism while rows flow, and keeps it over a restart of
// the node: no row is wrong, lost or written twice.
func TestRescale(t *testing.T) {
	f := newFlow(t, 1, 2)
	defer func() { f.node.Close() }()
	for _, n := range []int{4, 2, 1, 8, 2} {
		f.rows(40)
		f.rescale(n)
		f.rows(40)
		f.await(n)
		f.rows(10)
	}
	f.rescale(4)
	f.restart()
	f.await(4)
	f.rows(40)
	f.finish()
	if err := f.job.Rescale(context.Background(), 129); err == nil || !strings.Contains(err.Error(), "max parallelism, 128") {
		t.Errorf("more workers than key groups: %v", err)
	}
}

// TestSavepoints stops a job with a savepoint while rows flow, and goes on from it with as
// many workers or others; and takes savepoints of a job that is not disturbed by it.
func TestSavepoints(t *testing.T) {
	f := newFlow(t, 2, 2)
	defer func() { f.node.Close() }()
	for i, n := range []int{2, 4, 1, 8, 2} {
		f.rows(40)
		if i%2 == 0 {
			if _, err := f.job.Savepoint(context.Background(), "/savepoints"); err != nil {
				t.Fatal(err)
			}
		}
		f.rows(30)
		f.swap(n)
		f.rows(20)
	}
	f.restart()
	f.rows(20)
	f.finish()
	if d := f.job.Detail(); d.RestoredFrom == "" {
		t.Error("it is not known what the job was restored from")
	}
}

// TestRandomLife lets a job live through whatever may happen to it, in any order.
func TestRandomLife(t *testing.T) {
	for seed := range int64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			f := newFlow(t, seed, 1+int(seed)%4)
			defer func() { f.node.Close() }()
			for range 12 {
				f.rows(f.rng.Intn(60))
				n := 1 + f.rng.Intn(8)
				switch f.rng.Intn(5) {
				case 0:
					f.swap(n)
				case 1:
					f.rescale(n)
				case 2:
					f.restart()
				case 3:
					f.crash()
				}
			}
			f.finish()
		})
	}
}
