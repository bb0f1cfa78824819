package metadata

import (
	"math"
	"strconv"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const forever = "9223372036854775807"

// topicConfigs are the topic configs that act.
var topicConfigs = newConfigTable([]ConfigSpec{
	{Name: "cleanup.policy", Default: "delete", Synonym: "log.cleanup.policy"},
	{Name: "compression.gzip.level", Default: "-1", Synonym: "compression.gzip.level"},
	{Name: "compression.lz4.level", Default: "9", Synonym: "compression.lz4.level"},
	{Name: "compression.type", Default: "producer", Synonym: "compression.type"},
	{Name: "compression.zstd.level", Default: "3", Synonym: "compression.zstd.level"},
	{Name: "delete.retention.ms", Default: "86400000", Synonym: "log.cleaner.delete.retention.ms"},
	{Name: "flush.messages", Default: forever, Synonym: "log.flush.interval.messages", Note: "Unset, every append is on disk before it is " +
		"acknowledged. Set, the topic is written through the page cache, as Kafka does: a power failure may lose what was acknowledged."},
	{Name: "flush.ms", Default: forever, Synonym: "log.flush.interval.ms", Note: "Unset, every append is on disk before it is acknowledged. " +
		"Set, the topic is written through the page cache, and synced in this interval."},
	{Name: "index.interval.bytes", Default: "4096", Synonym: "log.index.interval.bytes"},
	{Name: internalSegmentBytes, Hidden: true, Null: true, Type: kmsg.ConfigTypeInt, min: 14,
		Doc: "The maximum size of a single log file. This should be used for testing only."},
	{Name: "max.compaction.lag.ms", Default: forever, Synonym: "log.cleaner.max.compaction.lag.ms"},
	{Name: "max.message.bytes", Default: "1048588", Synonym: "message.max.bytes"},
	{Name: "message.timestamp.after.max.ms", Default: "3600000", Synonym: "log.message.timestamp.after.max.ms"},
	{Name: "message.timestamp.before.max.ms", Default: forever, Synonym: "log.message.timestamp.before.max.ms"},
	{Name: "message.timestamp.type", Default: "CreateTime", Synonym: "log.message.timestamp.type"},
	{Name: "min.cleanable.dirty.ratio", Default: "0.5", Synonym: "log.cleaner.min.cleanable.ratio"},
	{Name: "min.compaction.lag.ms", Default: "0", Synonym: "log.cleaner.min.compaction.lag.ms"},
	{Name: "retention.bytes", Default: "-1", Synonym: "log.retention.bytes"},
	{Name: "retention.ms", Default: "604800000", Synonym: "log.retention.ms"},
	{Name: "segment.bytes", Default: "1073741824", Synonym: "log.segment.bytes"},
	{Name: "segment.index.bytes", Default: "10485760", Synonym: "log.index.size.max.bytes"},
	{Name: "segment.jitter.ms", Default: "0", Synonym: "log.roll.jitter.ms"},
	{Name: "segment.ms", Default: "604800000", Synonym: "log.roll.ms"},
})

// internalSegmentBytes is Kafka's own way past the least segment.bytes, for tests.
const internalSegmentBytes = "internal.segment.bytes"

// groupConfigs are the configs of a group that act (KIP-848, KIP-932).
var groupConfigs = newConfigTable([]ConfigSpec{
	{Name: "consumer.heartbeat.interval.ms", Default: "5000", Synonym: "group.consumer.heartbeat.interval.ms"},
	{Name: "consumer.session.timeout.ms", Default: "45000", Synonym: "group.consumer.session.timeout.ms"},
	{Name: "share.auto.offset.reset", Default: "latest"},
	{Name: "share.delivery.count.limit", Default: "5", Synonym: "group.share.delivery.count.limit"},
	{Name: "share.heartbeat.interval.ms", Default: "5000", Synonym: "group.share.heartbeat.interval.ms"},
	{Name: "share.isolation.level", Default: "read_uncommitted"},
	{Name: "share.partition.max.record.locks", Default: "2000", Synonym: "group.share.partition.max.record.locks"},
	{Name: "share.record.lock.duration.ms", Default: "30000", Synonym: "group.share.record.lock.duration.ms"},
	{Name: "share.session.timeout.ms", Default: "45000", Synonym: "group.share.session.timeout.ms"},
})

// clientMetricsConfigs are the configs of a subscription to clients' metrics that act (KIP-714).
var clientMetricsConfigs = newConfigTable([]ConfigSpec{
	{Name: "interval.ms", Default: "300000"},
	{Name: "match"},
	{Name: "metrics"},
})

// number reads a value that has passed Check.
func number(value string) int64 {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return math.MaxInt64
	}
	return n
}
