package kafka

import (
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kgo"

	logconn "github.com/millrace/millrace/internal/connector/log"
)

// What a record asks for in place of a partition: that of its key, or any; or the next.
// A number that is not below zero is a worker's, which has a partition of its own.
const (
	anyPartition  = -1
	eachPartition = -2
)

// spread is how many records without a key go to one partition before the next has its
// turn.
const spread = 256

// maxRecord is the size of the largest batch that is sent; the topic decides too.
const maxRecord = 64 << 20

// producing are the options of a client that writes.
func producing(c *config) []kgo.Opt {
	opts := []kgo.Opt{
		kgo.RecordPartitioner(kgo.BasicConsistentPartitioner(func(string) func(*kgo.Record, int) int {
			var robin atomic.Int64
			return func(r *kgo.Record, n int) int { return partitionOf(r, n, &robin) }
		})),
		kgo.AllowAutoTopicCreation(), kgo.ProducerLinger(0),
		kgo.MaxBufferedRecords(1 << 16), kgo.BrokerMaxWriteBytes(maxRecord + 1<<20),
	}
	if codec, ok := codecs[c.properties["compression.type"]]; ok {
		opts = append(opts, kgo.ProducerBatchCompression(codec))
	}
	return opts
}

var codecs = map[string]kgo.CompressionCodec{
	"": kgo.NoCompression(), "none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
	"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
}

func partitionOf(r *kgo.Record, n int, robin *atomic.Int64) int {
	switch {
	case r.Partition >= 0:
		return int(r.Partition) % n
	case r.Partition == eachPartition:
		return int(uint64(robin.Add(1)) % uint64(n))
	case r.Key != nil:
		return logconn.PartitionOf(r.Key, n)
	}
	return int(uint64(robin.Add(1)/spread) % uint64(n))
}
