package bench

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/millrace/millrace/test/harness"
)

const catchUpRows = 3_000_000

// BenchmarkCatchUp is a keyed aggregate over what a topic has already, 3 M rows of 100,000
// keys, with commits and without any (execution.checkpointing.interval = 0: no journal, no
// transaction), in turn; of each the median run. The ratio is what exactly once costs.
func BenchmarkCatchUp(b *testing.B) {
	harness.Binary(b)
	s := harness.Serve(b, b.TempDir(), "--set", "num.partitions=2")
	fillEvents(b, s)
	const runs = 5
	with, without := make([]time.Duration, runs), make([]time.Duration, runs)
	for b.Loop() {
		for i := range runs {
			without[i] = catchUp(b, s, fmt.Sprintf("off%d", i), "0")
			with[i] = catchUp(b, s, fmt.Sprintf("on%d", i), "1 s")
		}
	}
	slices.Sort(with)
	slices.Sort(without)
	b.ReportMetric(catchUpRows/with[runs/2].Seconds(), "rows/s")
	b.ReportMetric(catchUpRows/without[runs/2].Seconds(), "rows/s-uncommitted")
	b.ReportMetric(without[runs/2].Seconds()/with[runs/2].Seconds(), "ratio")
	b.ReportMetric(0, "ns/op")
}

func fillEvents(b *testing.B, s *harness.Server) {
	out := bulkClient(b, s.Kafka, "events")
	for i := range catchUpRows {
		out.Produce(context.Background(), &kgo.Record{Value: fmt.Appendf(nil, `{"k":%d,"t":%d,"v":%d}`, i*7919%100_000, i, i%100)}, func(_ *kgo.Record, err error) {
			if err != nil {
				b.Error(err)
			}
		})
	}
	if err := out.Flush(context.Background()); err != nil {
		b.Fatal(err)
	}
}

// catchUp runs the job into a topic of its own, to its end.
func catchUp(b *testing.B, s *harness.Server, name, interval string) time.Duration {
	job := fmt.Sprintf(`
CREATE TABLE IF NOT EXISTS events (k INT, t BIGINT, v BIGINT) WITH ('topic' = 'events', 'format' = 'json', 'scan.bounded.mode' = 'latest-offset');
CREATE TABLE %[1]s_%[3]d (k INT, t BIGINT, v BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH
  ('connector' = 'upsert-kafka', 'topic' = '%[1]s_%[3]d', 'key.format' = 'json', 'value.format' = 'json');
SET 'table.dml-sync' = 'true';
SET 'execution.checkpointing.interval' = '%[2]s';
INSERT INTO %[1]s_%[3]d SELECT k, MAX(t), SUM(v) FROM events GROUP BY k;`, name, interval, b.N)
	begin := time.Now()
	if out := harness.Run(b, "sql", "--addr", s.HTTP, "-e", job); out.Code != 0 {
		b.Fatal(out.Stderr)
	}
	return time.Since(begin)
}
