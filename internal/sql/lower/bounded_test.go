package lower

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/engine"
	"github.com/millrace/millrace/internal/sql/catalog"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// TestBoundedMemory: a join of which each row meets all others, and a row that moves the
// watermark past a million windows, have results a thousand times larger than what may be
// on its way in a step. They take time and no memory.
func TestBoundedMemory(t *testing.T) {
	const exchange = 1000 // rows
	var left, keys strings.Builder
	for i := range 1100 {
		fmt.Fprintf(&left, "|%d|one key|2026-01-01 10:00:00\n", i)
		fmt.Fprintf(&keys, "|%d|key %d|2026-01-01 10:00:00\n", i, i)
	}
	keys.WriteString("|0|late|2026-01-02 10:00:00\n")
	tables := fmt.Sprintf(`
CREATE TABLE a (id INT, k STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'rows', 'data' = '%s');
CREATE TABLE b (id INT, k STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'rows', 'data' = '%[1]s');
CREATE TABLE c (id INT, k STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'rows', 'data' = '%s');`, left.String(), keys.String())
	for name, c := range map[string]struct {
		query string
		rows  int // at least
	}{
		"join": {"SELECT a.id, b.id, a.k, b.k FROM a JOIN b ON a.k = b.k", 1000 * exchange},
		"jump": {`SELECT k, window_start, window_end, COUNT(*) FROM TABLE(HOP(TABLE c, DESCRIPTOR(ts), INTERVAL '1' SECOND, INTERVAL '1000' SECOND))
			GROUP BY k, window_start, window_end`, 1000 * exchange},
		"sent on": {"SELECT b.id, COUNT(*) FROM a JOIN b ON a.k = b.k GROUP BY b.id", 1000},
		"outer":   {"SELECT a.id, b.id FROM a FULL JOIN b ON a.k = b.k", 1000 * exchange},
		"jump, sent on": {`SELECT k, MAX(n) FROM (SELECT k, window_start, COUNT(*) AS n
			FROM TABLE(HOP(TABLE c, DESCRIPTOR(ts), INTERVAL '1' SECOND, INTERVAL '1000' SECOND)) GROUP BY k, window_start, window_end) GROUP BY k`, 1000},
	} {
		query, least := c.query, c.rows
		for _, workers := range []int{1, 2} {
			t.Run(fmt.Sprintf("%s/%d", name, workers), func(t *testing.T) {
				c := catalog.New([]*connector.Factory{rowsFactory(), memoryFactory()})
				if err := declare(c, tables); err != nil {
					t.Fatal(err)
				}
				g, _, err := lowered(c, query, Env{})
				if err != nil {
					t.Fatal(err)
				}
				gauge := newGauge()
				for _, n := range g.Nodes {
					if n.Sink != nil {
						n.Sink.Sink = gauge
					}
				}
				config := engine.Config{Workers: workers, ExchangeRows: exchange}
				if err := engine.NewJob(engine.JobSpec{ID: "bounded", Graph: g, Config: config}).Run(context.Background()); err != nil {
					t.Fatal(err)
				}
				t.Logf("%d rows, %d kB more on the heap than before", gauge.rows, gauge.most>>10)
				if gauge.rows < least {
					t.Errorf("%d rows, want %d at least", gauge.rows, least)
				}
				if gauge.most > 6<<20 { // the rows would take 40 MB at least
					t.Errorf("the heap grew by %d kB", gauge.most>>10)
				}
			})
		}
	}
}

// gauge is a sink that counts rows, and weighs the heap meanwhile.
type gauge struct {
	ledgerSink
	mu     sync.Mutex
	before uint64
	most   uint64 // live bytes above before
	rows   int
	next   int
}

// gaugeEvery is how many rows are between two weighings, each of which collects garbage.
const gaugeEvery = 50_000

func newGauge() *gauge {
	s := &gauge{}
	s.ledgerSink = ledgerSink{world: newWorld(), ledger: &ledger{mode: types.Retract, done: map[int64]bool{}}}
	debug.FreeOSMemory()
	s.before = live()
	return s
}

func live() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func (s *gauge) ChangelogMode(types.KindSet) types.KindSet { return types.Retract }
func (s *gauge) Writer(context.Context, int, int) (connector.Writer, error) {
	return gaugeWriter{s}, nil
}

type gaugeWriter struct{ *gauge }

func (w gaugeWriter) Write(b *vec.Batch) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rows += b.Len()
	if w.rows >= w.next {
		w.next = w.rows + gaugeEvery
		if now := live(); now > w.before {
			w.most = max(w.most, now-w.before)
		}
	}
	return nil
}

func (w gaugeWriter) Flush() error { return nil }
func (w gaugeWriter) Close() error { return nil }
