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
	// TimestampType says whose clock counts (message.timestamp.type).
	TimestampType wire.TimestampType
	// TimestampBeforeMax and TimestampAfterMax bound a record's time against the broker's (message.timestamp.before.max.ms,
	// message.timestamp.after.max.ms). They are checked against the first and the greatest timestamp of a batch, which its header
	// names.
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
		{"IndexIntervalBytes", c.IndexIntervalBytes >= 0, c.IndexIntervalBytes},
		{"IndexMaxBytes", c.IndexMaxBytes >= timeEntrySize, c.IndexMaxBytes},
		{"MaxMessageBytes", c.MaxMessageBytes >= 0, c.MaxMessageBytes},
		{"RetentionBytes", c.RetentionBytes >= -1, c.RetentionBytes},
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
