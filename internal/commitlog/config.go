package commitlog

import (
	"fmt"
	"math"
	"time"

	"github.com/millrace/millrace/internal/wire"
)

// Config is a partition's part of a topic's configuration. DefaultConfig has Kafka's defaults; a zero field does not stand for its
// default, since zero often means something.
type Config struct {
	// SegmentBytes is when a segment is full (segment.bytes).
	SegmentBytes int64
	// SegmentAge is when a segment is closed though not full, by record time (segment.ms).
	SegmentAge time.Duration
	// SegmentJitter is the most that is taken at random off SegmentAge, so that logs begun together are not all closed at once
	// (segment.jitter.ms).
	SegmentJitter time.Duration
	// IndexIntervalBytes is how much of the log one index entry stands for (index.interval.bytes).
	IndexIntervalBytes int
	// IndexMaxBytes bounds an index; a segment whose index is full is closed (segment.index.bytes).
	IndexMaxBytes int
	// MaxMessageBytes bounds a record batch (max.message.bytes).
	MaxMessageBytes int
	// RetentionBytes is what Retain keeps at least, -1 for everything (retention.bytes).
	RetentionBytes int64
	// RetentionAge is how old a segment's newest record may be, -1 for ever (retention.ms).
	RetentionAge time.Duration
	// Compact keeps the newest record of each key (cleanup.policy=compact): records must have keys, and Clean may be called. Deletion
	// by size and age is apart from it: RetentionBytes and RetentionAge are -1 where the policy does not have it.
	Compact bool
	// MinDirtyRatio is the share of the log that must be new before it is worth cleaning (min.cleanable.dirty.ratio).
	MinDirtyRatio float64
	// MinCompactionLag is how long a record is safe from compaction, MaxCompactionLag when it must have been looked at
	// (min.compaction.lag.ms, max.compaction.lag.ms).
	MinCompactionLag time.Duration
	MaxCompactionLag time.Duration
	// DeleteRetention is how long a compacted log keeps a tombstone, counted from the first cleaning that sees it
	// (delete.retention.ms).
	DeleteRetention time.Duration
	// Compression is what batches of clients are compressed with, whatever the client chose; ProducerCompression leaves them as they
	// came (compression.type). CompressionLevel is for it, 0 for the codec's default (compression.CODEC.level).
	Compression      wire.Codec
	CompressionLevel int
	// TimestampType says whose clock counts (message.timestamp.type).
	TimestampType wire.TimestampType
	// TimestampBeforeMax and TimestampAfterMax bound a record's time against the broker's (message.timestamp.before.max.ms,
	// message.timestamp.after.max.ms). The greatest timestamp of a batch is in its header; only a TimestampBeforeMax that is set makes
	// the log look at each record.
	TimestampBeforeMax time.Duration
	TimestampAfterMax  time.Duration
	// PageCache lets the high watermark run ahead of the disk, as Kafka does: chosen by flush.messages or flush.ms. A power failure
	// then loses what was acknowledged in the last FlushInterval.
	PageCache bool
	// FlushInterval is the pause between syncs in the PageCache mode (flush.ms).
	FlushInterval time.Duration
	// ProducerExpiry is how long an idle producer is remembered (producer.id.expiration.ms).
	ProducerExpiry time.Duration
}

// ProducerCompression leaves the choice of compression to the producer.
const ProducerCompression wire.Codec = -1

// DefaultConfig is Kafka's.
func DefaultConfig() Config {
	return Config{
		SegmentBytes:       1 << 30,
		SegmentAge:         7 * 24 * time.Hour,
		IndexIntervalBytes: 4096,
		IndexMaxBytes:      10 << 20,
		MaxMessageBytes:    1<<20 + wire.LengthPrefix,
		RetentionBytes:     -1,
		RetentionAge:       7 * 24 * time.Hour,
		MinDirtyRatio:      0.5,
		MaxCompactionLag:   math.MaxInt64,
		DeleteRetention:    24 * time.Hour,
		Compression:        ProducerCompression,
		TimestampBeforeMax: math.MaxInt64,
		TimestampAfterMax:  time.Hour,
		FlushInterval:      time.Second,
		ProducerExpiry:     24 * time.Hour,
	}
}

// Validate names the first field that makes no sense.
func (c Config) Validate() error {
	for _, f := range []struct {
		name string
		ok   bool
		val  any
	}{
		{"SegmentBytes", c.SegmentBytes >= wire.HeaderSize && c.SegmentBytes <= math.MaxInt32, c.SegmentBytes},
		{"SegmentAge", c.SegmentAge > 0, c.SegmentAge},
		{"SegmentJitter", c.SegmentJitter >= 0, c.SegmentJitter},
		{"IndexIntervalBytes", c.IndexIntervalBytes >= 0, c.IndexIntervalBytes},
		{"IndexMaxBytes", c.IndexMaxBytes >= timeEntrySize, c.IndexMaxBytes},
		{"MaxMessageBytes", c.MaxMessageBytes >= 0, c.MaxMessageBytes},
		{"RetentionBytes", c.RetentionBytes >= -1, c.RetentionBytes},
		{"MinDirtyRatio", c.MinDirtyRatio >= 0 && c.MinDirtyRatio <= 1, c.MinDirtyRatio},
		{"MinCompactionLag", c.MinCompactionLag >= 0, c.MinCompactionLag},
		{"MaxCompactionLag", c.MaxCompactionLag > 0, c.MaxCompactionLag},
		{"DeleteRetention", c.DeleteRetention >= 0, c.DeleteRetention},
		{"Compression", c.Compression >= ProducerCompression && c.Compression <= wire.Zstd, c.Compression},
		{"TimestampType", c.TimestampType == wire.CreateTime || c.TimestampType == wire.LogAppendTime, c.TimestampType},
		{"TimestampBeforeMax", c.TimestampBeforeMax >= 0, c.TimestampBeforeMax},
		{"TimestampAfterMax", c.TimestampAfterMax >= 0, c.TimestampAfterMax},
		{"FlushInterval", !c.PageCache || c.FlushInterval > 0, c.FlushInterval},
		{"ProducerExpiry", c.ProducerExpiry > 0, c.ProducerExpiry},
	} {
		if !f.ok {
			return fmt.Errorf("log configuration: %s cannot be %v", f.name, f.val)
		}
	}
	return nil
}

// segmentAge is when a segment is too old for more, by its share of the jitter. A compacted log closes its segments in time for
// MaxCompactionLag, since the last one is never cleaned.
func (c *Config) segmentAge(seed uint32) time.Duration {
	age := c.SegmentAge
	if c.Compact {
		age = min(age, c.MaxCompactionLag)
	}
	if jitter := min(c.SegmentJitter, age); jitter > 0 {
		age = max(age-time.Duration(float64(jitter)*float64(seed)/(1<<32)), 1)
	}
	return age
}
