package metadata

import (
	"math"
	"strconv"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const forever = "9223372036854775807"

// topicConfigs are Kafka 4's topic configs, with its defaults.
var topicConfigs = newConfigTable([]ConfigSpec{
	{Name: "cleanup.policy", Type: kmsg.ConfigTypeList, Default: "delete", Synonym: "log.cleanup.policy", oneOf: []string{"delete", "compact"},
		Doc: "What becomes of old records: delete drops them by age and size; compact keeps the newest of each key."},
	{Name: "compression.type", Type: kmsg.ConfigTypeString, Default: "producer", Synonym: "compression.type",
		oneOf: []string{"uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"},
		Doc:   "The compression of the topic: producer keeps batches as they were sent, the others compress them anew."},
	{Name: "compression.gzip.level", Type: kmsg.ConfigTypeInt, Default: "-1", Synonym: "compression.gzip.level", min: -1, max: 9,
		Doc: "The level used when the broker compresses with gzip."},
	{Name: "compression.lz4.level", Type: kmsg.ConfigTypeInt, Default: "9", Synonym: "compression.lz4.level", min: 1, max: 17,
		Doc: "The level used when the broker compresses with lz4."},
	{Name: "compression.zstd.level", Type: kmsg.ConfigTypeInt, Default: "3", Synonym: "compression.zstd.level", min: -131072, max: 22,
		Doc: "The level used when the broker compresses with zstd."},
	{Name: "delete.retention.ms", Type: kmsg.ConfigTypeLong, Default: "86400000", Synonym: "log.cleaner.delete.retention.ms",
		Doc: "How long a compacted topic keeps tombstones, from the first cleaning that sees them."},
	{Name: "file.delete.delay.ms", Type: kmsg.ConfigTypeLong, Default: "60000", Synonym: "log.segment.delete.delay.ms", Inert: true,
		Doc: "How long a deleted file stays on disk. Readers hold their files open here, so nothing waits."},
	{Name: "flush.messages", Type: kmsg.ConfigTypeLong, Default: forever, Synonym: "log.flush.interval.messages", min: 1,
		Doc: "Unset, every append is on disk before it is acknowledged. Set, the topic is written through the page cache, as Kafka does: a power failure may lose what was acknowledged."},
	{Name: "flush.ms", Type: kmsg.ConfigTypeLong, Default: forever, Synonym: "log.flush.interval.ms",
		Doc: "Unset, every append is on disk before it is acknowledged. Set, the topic is written through the page cache, and synced in this interval."},
	{Name: "follower.replication.throttled.replicas", Type: kmsg.ConfigTypeList, Inert: true,
		Doc: "Replicas whose replication is throttled on the follower's side."},
	{Name: "index.interval.bytes", Type: kmsg.ConfigTypeInt, Default: "4096", Synonym: "log.index.interval.bytes",
		Doc: "How much of the log one index entry stands for."},
	{Name: "leader.replication.throttled.replicas", Type: kmsg.ConfigTypeList, Inert: true,
		Doc: "Replicas whose replication is throttled on the leader's side."},
	{Name: "local.retention.bytes", Type: kmsg.ConfigTypeLong, Default: "-2", Synonym: "log.local.retention.bytes", Inert: true, min: -2,
		Doc: "The size kept on local disk when storage is tiered."},
	{Name: "local.retention.ms", Type: kmsg.ConfigTypeLong, Default: "-2", Synonym: "log.local.retention.ms", Inert: true, min: -2,
		Doc: "The age kept on local disk when storage is tiered."},
	{Name: "max.compaction.lag.ms", Type: kmsg.ConfigTypeLong, Default: forever, Synonym: "log.cleaner.max.compaction.lag.ms", min: 1,
		Doc: "How long a record may go without being compacted."},
	{Name: "max.message.bytes", Type: kmsg.ConfigTypeInt, Default: "1048588", Synonym: "message.max.bytes",
		Doc: "The largest record batch that is accepted."},
	{Name: "message.timestamp.after.max.ms", Type: kmsg.ConfigTypeLong, Default: "3600000", Synonym: "log.message.timestamp.after.max.ms",
		Doc: "How far a record's time may be ahead of the broker's."},
	{Name: "message.timestamp.before.max.ms", Type: kmsg.ConfigTypeLong, Default: forever, Synonym: "log.message.timestamp.before.max.ms",
		Doc: "How far a record's time may be behind the broker's."},
	{Name: "message.timestamp.type", Type: kmsg.ConfigTypeString, Default: "CreateTime", Synonym: "log.message.timestamp.type",
		oneOf: []string{"CreateTime", "LogAppendTime"}, Doc: "Whose clock stamps the records: the producer's or the broker's."},
	{Name: "min.cleanable.dirty.ratio", Type: kmsg.ConfigTypeDouble, Default: "0.5", Synonym: "log.cleaner.min.cleanable.ratio",
		Doc: "How much of a log must be uncompacted before it is compacted."},
	{Name: "min.compaction.lag.ms", Type: kmsg.ConfigTypeLong, Default: "0", Synonym: "log.cleaner.min.compaction.lag.ms",
		Doc: "How long a record is safe from compaction."},
	{Name: "min.insync.replicas", Type: kmsg.ConfigTypeInt, Default: "1", Synonym: "min.insync.replicas", Inert: true, min: 1,
		Doc: "How many replicas must have a record before acks=all is answered. There is one."},
	{Name: "preallocate", Type: kmsg.ConfigTypeBoolean, Default: "false", Synonym: "log.preallocate", Inert: true,
		Doc: "Whether a segment's file is preallocated."},
	{Name: "remote.storage.enable", Type: kmsg.ConfigTypeBoolean, Default: "false", Inert: true, oneOf: []string{"false"},
		Doc: "Whether storage is tiered."},
	{Name: "remote.log.copy.disable", Type: kmsg.ConfigTypeBoolean, Default: "false", Inert: true,
		Doc: "Whether tiered data is read-only."},
	{Name: "remote.log.delete.on.disable", Type: kmsg.ConfigTypeBoolean, Default: "false", Inert: true,
		Doc: "Whether tiered data is deleted when tiering ends."},
	{Name: "retention.bytes", Type: kmsg.ConfigTypeLong, Default: "-1", Synonym: "log.retention.bytes", min: -1,
		Doc: "How large a partition may grow before its oldest segments are deleted; -1 for no limit."},
	{Name: "retention.ms", Type: kmsg.ConfigTypeLong, Default: "604800000", Synonym: "log.retention.ms", min: -1,
		Doc: "How old a segment's newest record may be before the segment is deleted; -1 for ever."},
	{Name: "segment.bytes", Type: kmsg.ConfigTypeInt, Default: "1073741824", Synonym: "log.segment.bytes", min: 1024,
		Doc: "The size of a segment."},
	{Name: "segment.index.bytes", Type: kmsg.ConfigTypeInt, Default: "10485760", Synonym: "log.index.size.max.bytes", min: 64,
		Doc: "The size of a segment's index."},
	{Name: "segment.jitter.ms", Type: kmsg.ConfigTypeLong, Default: "0", Synonym: "log.roll.jitter.ms",
		Doc: "What is taken at random off segment.ms."},
	{Name: "segment.ms", Type: kmsg.ConfigTypeLong, Default: "604800000", Synonym: "log.roll.ms", min: 1,
		Doc: "How long a segment is written to before the next is begun."},
	{Name: "unclean.leader.election.enable", Type: kmsg.ConfigTypeBoolean, Default: "false", Synonym: "unclean.leader.election.enable", Inert: true,
		Doc: "Whether a replica that is not in sync may lead."},
})

// number reads a value that has passed Check.
func number(value string) int64 {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return math.MaxInt64
	}
	return n
}
