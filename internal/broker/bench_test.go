package broker

import (
	"context"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// BenchmarkProduce is one client that produces records of 200 bytes as fast as it can, to disk, acknowledged by all.
func BenchmarkProduce(b *testing.B) {
	tb := start(b, onDisk(b))
	tb.create(b, "bench", 1, nil)
	cl := tb.client(b, kgo.DefaultProduceTopic("bench"), kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.MaxBufferedRecords(100_000))
	value := make([]byte, 200)
	b.SetBytes(200)
	b.ResetTimer()
	for range b.N {
		cl.Produce(context.Background(), &kgo.Record{Value: value}, func(_ *kgo.Record, err error) {
			if err != nil {
				b.Error(err)
			}
		})
	}
	if err := cl.Flush(context.Background()); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkProduceSync is the time of one record to disk and back, alone.
func BenchmarkProduceSync(b *testing.B) {
	tb := start(b, onDisk(b))
	tb.create(b, "bench", 1, nil)
	cl := tb.client(b, kgo.DefaultProduceTopic("bench"), kgo.ProducerLinger(0))
	for b.Loop() {
		if err := cl.ProduceSync(context.Background(), &kgo.Record{Value: make([]byte, 200)}).FirstErr(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFetch is one client that reads records of 200 bytes from disk.
func BenchmarkFetch(b *testing.B) {
	const records = 500_000
	tb := start(b, onDisk(b))
	tb.create(b, "bench", 1, nil)
	in := tb.client(b, kgo.DefaultProduceTopic("bench"), kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.MaxBufferedRecords(100_000))
	value := make([]byte, 200)
	for range records {
		in.Produce(context.Background(), &kgo.Record{Value: value}, nil)
	}
	if err := in.Flush(context.Background()); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(200)
	b.ResetTimer()
	for read := 0; read < b.N; {
		cl := tb.client(b, kgo.ConsumeTopics("bench"), kgo.FetchMaxBytes(50<<20), kgo.FetchMaxPartitionBytes(10<<20))
		for n := 0; n < records && read < b.N; {
			fetches := cl.PollFetches(context.Background())
			if err := fetches.Err(); err != nil {
				b.Fatal(err)
			}
			n += fetches.NumRecords()
			read += fetches.NumRecords()
		}
		cl.Close()
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
