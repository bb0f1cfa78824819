package bench

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/millrace/millrace/test/harness"
)

// BenchmarkClean compacts a partition of 3 GB while others write to it and read it.
func BenchmarkClean(b *testing.B) {
	for b.Loop() {
		c := cleaning{megabytes: 3 << 10, segment: 128 << 20, keys: 500_000, buffer: 8 << 20}
		c.run(b)
		b.ReportMetric(c.took.Seconds(), "s/clean")
		b.ReportMetric(c.cpu.Seconds()/(float64(c.megabytes)/1000), "cpu-s/GB")
		b.ReportMetric(float64(c.grown)/1e6, "MB-grown")
		b.ReportMetric(float64(c.appends), "appends")
		b.ReportMetric(c.quantile(0.99), "ms-ack-p99")
		b.ReportMetric(c.quantile(1), "ms-ack-max")
		b.ReportMetric(float64(c.before)/float64(c.after), "times-smaller")
	}
	b.ReportMetric(0, "ns/op")
}

// TestCleanBeside is the same, small: the partition takes records and gives them all the while, memory is bounded by the
// cleaner's buffer and not by the log, and every key keeps its newest value.
func TestCleanBeside(t *testing.T) {
	c := cleaning{megabytes: 96, segment: 8 << 20, keys: 20_000, buffer: 4 << 20}
	c.run(t)
	t.Logf("%d bytes became %d in %v; beside it %d appends and %d fetches; %d MB more in memory", c.before, c.after, c.took, c.appends, c.fetches, c.grown>>20)
	if c.appends == 0 || c.fetches == 0 {
		t.Errorf("%d appends and %d fetches while the log was cleaned: it was stopped", c.appends, c.fetches)
	}
	if c.grown > 64<<20 {
		t.Errorf("%d MB more in memory", c.grown>>20)
	}
}

// cleaning is a topic that is filled, and then made a compacted one under the eyes of a producer and a consumer.
type cleaning struct {
	megabytes, keys int
	segment, buffer int64

	took, cpu        time.Duration
	before, after    int64 // bytes of the partition
	grown            int64 // of the resident set, at its highest
	appends, fetches int64
	acks             []time.Duration
}

func (c *cleaning) quantile(q float64) float64 {
	slices.Sort(c.acks)
	return c.acks[int(q*float64(len(c.acks)-1))].Seconds() * 1000
}

const cleanedValue = 1000 // bytes

func (c *cleaning) run(t testing.TB) {
	dir, ctx := t.TempDir(), context.Background()
	s := harness.Serve(t, dir, "--set", "log.cleaner.backoff.ms=50", "--set", fmt.Sprint("log.cleaner.dedupe.buffer.size=", c.buffer))
	admin := kadm.NewClient(newClient(t, s.Kafka))
	segment := fmt.Sprint(c.segment)
	if _, err := admin.CreateTopic(ctx, 1, 1, map[string]*string{"segment.bytes": &segment}, "keyed"); err != nil {
		t.Fatal(err)
	}
	newest := c.fill(t, s.Kafka)
	c.before = c.size(t, dir)
	resident, used, begin := residentSet(t, s.PID()), cpuTime(t, s.PID()), time.Now()

	var done atomic.Bool
	var beside sync.WaitGroup
	beside.Go(func() { c.append(t, s.Kafka, newest, &done) })
	beside.Go(func() { c.read(t, s.Kafka, &done) })
	compact, ratio := "compact", "0.01"
	if _, err := admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Name: "cleanup.policy", Value: &compact}, {Name: "min.cleanable.dirty.ratio", Value: &ratio}}, "keyed"); err != nil {
		t.Error(err)
	}
	// What can be cleaned is at most a record of each key, what the map did not hold at once, and what is not closed yet.
	for limit := int64(2*c.keys*(cleanedValue+100)) + 2*c.segment; ; time.Sleep(20 * time.Millisecond) {
		c.grown = max(c.grown, residentSet(t, s.PID())-resident)
		if c.after = c.size(t, dir); c.after < limit {
			break
		}
		if time.Since(begin) > 10*time.Minute {
			t.Errorf("the partition still has %d bytes, of %d", c.after, c.before)
			break
		}
	}
	c.took, c.cpu = time.Since(begin), cpuTime(t, s.PID())-used
	done.Store(true)
	beside.Wait()
	c.check(t, s.Kafka, newest)
}

func cleanedRecord(key, n int) *kgo.Record {
	value := make([]byte, cleanedValue)
	binary.BigEndian.PutUint64(value, uint64(n))
	return &kgo.Record{Key: fmt.Append(nil, key), Value: value}
}

// fill writes all keys in turn, as often as it takes, and returns what each has.
func (c *cleaning) fill(t testing.TB, addr string) map[string]int {
	out := newClient(t, addr, kgo.DefaultProduceTopic("keyed"), kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.MaxBufferedRecords(50_000))
	newest := map[string]int{}
	for n := range c.megabytes << 20 / cleanedValue {
		r := cleanedRecord(n%c.keys, n)
		newest[string(r.Key)] = n
		out.Produce(context.Background(), r, func(_ *kgo.Record, err error) {
			if err != nil {
				t.Error(err)
			}
		})
	}
	if err := out.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	return newest
}

// append writes one record after the other, each when the last one is acknowledged.
func (c *cleaning) append(t testing.TB, addr string, newest map[string]int, done *atomic.Bool) {
	out := newClient(t, addr, kgo.DefaultProduceTopic("keyed"), kgo.ProducerLinger(0))
	for n := 1 << 40; !done.Load(); n++ {
		r, began := cleanedRecord(n%c.keys, n), time.Now()
		if err := out.ProduceSync(context.Background(), r).FirstErr(); err != nil {
			t.Error(err)
			return
		}
		c.acks = append(c.acks, time.Since(began))
		newest[string(r.Key)] = n
		c.appends++
	}
}

// read reads the partition from its start, again and again.
func (c *cleaning) read(t testing.TB, addr string, done *atomic.Bool) {
	for !done.Load() {
		in := newClient(t, addr, kgo.ConsumeTopics("keyed"), kgo.FetchMaxBytes(1<<20))
		for n := 0; n < 20_000 && !done.Load(); c.fetches++ {
			fetches := in.PollFetches(context.Background())
			if err := fetches.Err(); err != nil {
				t.Error(err)
				return
			}
			n += fetches.NumRecords()
		}
		in.Close()
	}
}

// check reads all, and holds it to what was acknowledged.
func (c *cleaning) check(t testing.TB, addr string, newest map[string]int) {
	end := int64(c.megabytes<<20/cleanedValue) + c.appends
	in := newClient(t, addr, kgo.ConsumeTopics("keyed"))
	got := map[string]int{}
	for next := int64(0); next < end; {
		fetches := in.PollFetches(context.Background())
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			got[string(r.Key)] = int(binary.BigEndian.Uint64(r.Value))
			next = r.Offset + 1
		})
	}
	for key, n := range newest {
		if got[key] != n {
			t.Fatalf("key %s has %d, want %d", key, got[key], n)
		}
	}
}

// size is the bytes of the partition's segments.
func (c *cleaning) size(t testing.TB, dir string) (n int64) {
	files, err := filepath.Glob(filepath.Join(dir, "keyed-0", "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files of the partition in %s: %v", dir, err)
	}
	for _, f := range files {
		if info, err := os.Stat(f); err == nil && strings.HasSuffix(f, ".log") { // others come and go
			n += info.Size()
		}
	}
	return n
}
