package node

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	_ "github.com/millrace/millrace/internal/format/json"
	"github.com/millrace/millrace/internal/shell"
	"github.com/millrace/millrace/internal/sql/session"
	"github.com/millrace/millrace/internal/vfs"
	"github.com/millrace/millrace/internal/wire"
)

// roundTime is how long a sync takes on slowFS.
const roundTime = time.Millisecond

// slowFS is a file system in memory whose syncs take their time, each for itself. On the
// clock of a synctest bubble nothing else takes any, so that time is counted in syncs. It
// is slow while records flow: a node that starts or closes waits for locks during a sync,
// which a bubble does not take for waiting.
type slowFS struct {
	vfs.FS
	slow *atomic.Bool // now
}

func (s slowFS) wait() {
	if s.slow.Load() {
		time.Sleep(roundTime)
	}
}

func (s slowFS) file(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return slowFile{f, s}, nil
}

func (s slowFS) Create(name string) (vfs.File, error)        { return s.file(s.FS.Create(name)) }
func (s slowFS) Open(name string) (vfs.File, error)          { return s.file(s.FS.Open(name)) }
func (s slowFS) OpenReadWrite(name string) (vfs.File, error) { return s.file(s.FS.OpenReadWrite(name)) }
func (s slowFS) Volume(dir string) (vfs.Volume, error) {
	v, err := s.FS.Volume(dir)
	return slowVolume{v, s}, err
}

type slowFile struct {
	vfs.File
	fs slowFS
}

func (f slowFile) Sync() error {
	f.fs.wait()
	return f.File.Sync()
}

type slowVolume struct {
	vfs.Volume
	fs slowFS
}

func (v slowVolume) Sync() error {
	v.fs.wait()
	return v.Volume.Sync()
}

const roundsJob = `
CREATE TABLE IF NOT EXISTS events (k INT, t BIGINT, v BIGINT) WITH ('topic' = 'events', 'format' = 'json', 'topic.partitions' = '2');
CREATE TABLE sums%[1]d (k INT, t BIGINT, v BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH
  ('connector' = 'upsert-kafka', 'topic' = 'sums%[1]d', 'key.format' = 'json', 'value.format' = 'json', 'topic.partitions' = '2');
INSERT INTO sums%[1]d SELECT k, MAX(t), SUM(v) FROM events GROUP BY k;`

// TestRounds counts the syncs that a result waits for. Alone there are four, each of which
// something depends on: of the record, before anybody reads it; of the result in its open
// transaction; of the journal; of the marker. In a stream a record also waits for the
// commit before its own, but its result is appended right behind that one's markers, into
// the same sync: the cycle of commits is two syncs then, and three if the marker's begins
// first.
func TestRounds(t *testing.T) {
	for _, c := range []struct {
		jobs, rate  int
		median, p99 time.Duration
	}{
		{1, 20, 4 * roundTime, 4 * roundTime},
		{1, 5000, 8 * roundTime, 11 * roundTime},
		{1, 20000, 8 * roundTime, 11 * roundTime},
		{20, 500, 8 * roundTime, 11 * roundTime},
	} {
		t.Run(fmt.Sprintf("%d jobs, %d", c.jobs, c.rate), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				took := resultTimes(t, c.jobs, c.rate, 400)
				at := func(q float64) time.Duration { return took[int(q*float64(len(took)-1))] }
				t.Logf("%d results: median %v, p99 %v, longest %v", len(took), at(0.5), at(0.99), at(1))
				if at(0.5) > c.median || at(0.99) > c.p99 {
					t.Errorf("%d records/s: median %v, p99 %v; want at most %v, %v", c.rate, at(0.5), at(0.99), c.median, c.p99)
				}
			})
		})
	}
}

// resultTimes sends so many records at a rate, and gives the times until their results
// of all jobs can be read, sorted.
func resultTimes(t *testing.T, jobs, rate, records int) (took []time.Duration) {
	files := slowFS{vfs.NewMem(), new(atomic.Bool)}
	n, err := Open(Config{files: files})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		files.slow.Store(false)
		time.Sleep(time.Second)
		n.Close()
	}()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var text strings.Builder
	for i := range jobs {
		fmt.Fprintf(&text, roundsJob, i)
	}
	script := shell.Script{Text: text.String(), Out: io.Discard}
	stmts, err := script.Parse()
	if err == nil {
		err = script.Run(ctx, stmts, Local(n.Session(session.Options{})))
	}
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var done sync.WaitGroup
	for i := range jobs {
		name := fmt.Sprintf("sums%d", i)
		for n.broker.Metadata().Topic(name) == nil { // the job makes it
			time.Sleep(time.Second)
		}
		done.Go(func() {
			left := records
			if err := n.Consume(ctx, name, false, func(r *Record) bool {
				var row struct{ T int64 }
				if err := json.Unmarshal(r.Value, &row); err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				took = append(took, time.Since(time.UnixMicro(row.T)))
				left--
				return left > 0
			}); err != nil {
				t.Error(err)
			}
		})
	}
	topic, err := n.link.EnsureTopic("events", 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second) // everything is open, and nobody waits for a disk
	files.slow.Store(true)
	for i := range records {
		b := wire.NewBuilder(nil)
		b.Append(time.Now().UnixMilli(), nil, fmt.Appendf(nil, `{"k":%d,"t":%d,"v":1}`, i, time.Now().UnixMicro()), nil)
		if _, err := topic.Partitions[i%2].Append(b.Bytes()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second / time.Duration(rate))
	}
	done.Wait()
	slices.Sort(took)
	return took
}
