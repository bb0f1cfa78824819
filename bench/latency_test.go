package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/millrace/millrace/test/harness"
)

// latencyJob is the job of the comparison with other engines: a keyed aggregate to an
// upsert topic. t is when the record was handed to the producer, in microseconds.
const latencyJob = `
CREATE TABLE IF NOT EXISTS events (k INT, t BIGINT, v BIGINT) WITH ('connector' = 'kafka', 'topic' = 'events', 'value.format' = 'json');
CREATE TABLE %[1]s (k INT, t BIGINT, v BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH
  ('connector' = 'upsert-kafka', 'topic' = '%[1]s', 'key.format' = 'json', 'value.format' = 'json');
INSERT INTO %[1]s SELECT k, MAX(t), SUM(v) FROM events GROUP BY k;`

// BenchmarkLatency5k is the time from a record's append to its result in the hands of
// a read_committed consumer, at 5,000 records/s over 1,000 keys and two partitions.
func BenchmarkLatency5k(b *testing.B) { benchmarkLatency(b, 5_000, 1) }

// BenchmarkLatency50k is the same at 50,000 records/s.
func BenchmarkLatency50k(b *testing.B) { benchmarkLatency(b, 50_000, 1) }

// BenchmarkLatency20Jobs is twenty such jobs on one node, all of which read 500 records/s:
// 10,000 results/s, in twenty topics of two partitions and twenty journals.
func BenchmarkLatency20Jobs(b *testing.B) { benchmarkLatency(b, 500, 20) }

// BenchmarkLatency20Jobs5k is the same at 5,000 records/s, which make 100,000 results/s.
func BenchmarkLatency20Jobs5k(b *testing.B) { benchmarkLatency(b, 5_000, 20) }

func benchmarkLatency(b *testing.B, rate, jobs int) {
	s := harness.Serve(b, b.TempDir(), "--set", "num.partitions=2")
	var topics []string
	var script strings.Builder
	for i := range jobs {
		topics = append(topics, fmt.Sprintf("sums%d", i))
		fmt.Fprintf(&script, latencyJob, topics[i])
	}
	if out := harness.Run(b, "sql", "--addr", s.HTTP, "-e", script.String()); out.Code != 0 {
		b.Fatal(out.Stderr)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	in := newClient(b, s.Kafka, kgo.ConsumeTopics(topics...), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxWait(time.Second))
	var took []time.Duration
	enough := make(chan struct{})
	go func() {
		for seconds := 0; ; {
			fetches := in.PollFetches(ctx)
			if ctx.Err() != nil {
				return
			}
			now := time.Now()
			fetches.EachRecord(func(r *kgo.Record) {
				var row struct{ T int64 }
				if err := json.Unmarshal(r.Value, &row); err != nil {
					b.Error(err)
				}
				took = append(took, now.Sub(time.UnixMicro(row.T)))
			})
			if len(took) >= rate*jobs && seconds == 0 { // the first second warms up
				took, seconds = took[:0], 1
			} else if seconds == 1 && len(took) >= max(5, b.N)*rate*jobs/2 {
				close(enough)
				return
			}
		}
	}()
	send(b, s, rate, enough)
	slices.Sort(took)
	at := func(q float64) float64 { return took[int(q*float64(len(took)-1))].Seconds() * 1000 }
	b.ReportMetric(at(0.5), "ms-p50")
	b.ReportMetric(at(0.99), "ms-p99")
	b.ReportMetric(at(0.999), "ms-p99.9")
	b.ReportMetric(0, "ns/op")
}

// send produces at a rate, one record at a time, until done.
func send(b *testing.B, s *harness.Server, rate int, done <-chan struct{}) {
	out := newClient(b, s.Kafka, kgo.DefaultProduceTopic("events"), kgo.ProducerLinger(0), kgo.AllowAutoTopicCreation())
	begin := time.Now()
	for n := 0; ; {
		select {
		case <-done:
			if err := out.Flush(context.Background()); err != nil {
				b.Error(err)
			}
			return
		case <-time.After(time.Until(begin.Add(time.Duration(n) * time.Second / time.Duration(rate)))):
		}
		for ; time.Since(begin) >= time.Duration(n)*time.Second/time.Duration(rate); n++ {
			value := fmt.Appendf(nil, `{"k":%d,"t":%d,"v":%d}`, n*7919%1000, time.Now().UnixMicro(), n%100)
			out.Produce(context.Background(), &kgo.Record{Key: fmt.Append(nil, n%1000), Value: value}, func(_ *kgo.Record, err error) {
				if err != nil {
					b.Error(err)
				}
			})
		}
	}
}
