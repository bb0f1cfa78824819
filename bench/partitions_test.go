package bench

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/millrace/millrace/test/harness"
)

// BenchmarkManyPartitions is a start on 10,000 partitions with a record each, after kill -9: the time until the node is
// ready, what it then holds, and what it uses while nobody asks anything. All records must be there.
func BenchmarkManyPartitions(b *testing.B) {
	const partitions = 10_000
	dir, ctx := b.TempDir(), context.Background()
	s := harness.Serve(b, dir)
	if _, err := kadm.NewClient(newClient(b, s.Kafka)).CreateTopic(ctx, partitions, 1, nil, "many"); err != nil {
		b.Fatal(err)
	}
	out := newClient(b, s.Kafka, kgo.DefaultProduceTopic("many"), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MaxBufferedRecords(partitions))
	for p := range int32(partitions) {
		out.Produce(ctx, &kgo.Record{Partition: p, Value: make([]byte, recordBytes)}, func(_ *kgo.Record, err error) {
			if err != nil {
				b.Error(err)
			}
		})
	}
	if err := out.Flush(ctx); err != nil {
		b.Fatal(err)
	}
	var ready, idle time.Duration
	var resident int64
	const watched = 5 * time.Second
	for b.Loop() {
		s.Kill()
		s = harness.Serve(b, dir)
		ready += s.Ready
		resident = max(resident, residentSet(b, s.PID()))
		used := cpuTime(b, s.PID())
		time.Sleep(watched)
		idle += cpuTime(b, s.PID()) - used
	}
	b.ReportMetric(float64(ready.Milliseconds())/float64(b.N), "ms/ready")
	b.ReportMetric(float64(resident)/1e6, "MB-idle")
	b.ReportMetric(float64(idle.Milliseconds())/watched.Seconds()/float64(b.N), "cpu-ms/s-idle")
	in := newClient(b, s.Kafka, kgo.ConsumeTopics("many"))
	for n := 0; n < partitions; {
		fetches := in.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			b.Fatal(err)
		}
		n += fetches.NumRecords()
	}
	b.ReportMetric(float64(residentSet(b, s.PID()))/1e6, "MB-all-read")
	b.ReportMetric(0, "ns/op")
}
