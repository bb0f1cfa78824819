package metadata

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/commitlog"
	"github.com/millrace/millrace/internal/wire"
)

// ConfigValue is a config with the value in force and where it comes from.
type ConfigValue struct {
	Spec     *ConfigSpec
	Value    string
	Source   kmsg.ConfigSource
	Synonyms []ConfigSynonym // every place that has a value, the one in force first
}

// ConfigSynonym is one of the places that a config's value can come from.
type ConfigSynonym struct {
	Name, Value string
	Source      kmsg.ConfigSource
}

// brokerValues resolves the broker's configs: changed at run time, over set at start, over Kafka's default.
type brokerValues struct {
	dynamic map[string]string
	static  map[string]string
}

func (b brokerValues) lookup(spec *ConfigSpec) ConfigValue {
	v := ConfigValue{Spec: spec}
	v.add(b.dynamic, spec.Name, kmsg.ConfigSourceDynamicBrokerConfig)
	v.add(b.static, spec.Name, kmsg.ConfigSourceStaticBrokerConfig)
	v.Synonyms = append(v.Synonyms, ConfigSynonym{spec.Name, spec.Default, kmsg.ConfigSourceDefaultConfig})
	v.settle()
	return v
}

// topic resolves a config of a topic: set on it, over the broker's config that holds the default.
func (b brokerValues) topic(spec *ConfigSpec, t *Topic) ConfigValue {
	v := ConfigValue{Spec: spec}
	v.add(t.Configs, spec.Name, kmsg.ConfigSourceDynamicTopicConfig)
	if spec.Synonym == "" {
		v.Synonyms = append(v.Synonyms, ConfigSynonym{spec.Name, spec.Default, kmsg.ConfigSourceDefaultConfig})
	} else {
		v.Synonyms = append(v.Synonyms, b.lookup(brokerConfigs.byName[spec.Synonym]).Synonyms...)
	}
	v.settle()
	return v
}

func (v *ConfigValue) add(from map[string]string, name string, source kmsg.ConfigSource) {
	if value, ok := from[name]; ok {
		v.Synonyms = append(v.Synonyms, ConfigSynonym{name, value, source})
	}
}

func (v *ConfigValue) settle() { v.Value, v.Source = v.Synonyms[0].Value, v.Synonyms[0].Source }

// staticSettings completes a server's settings: the names in hours and minutes give those in milliseconds.
func staticSettings(settings map[string]string) map[string]string {
	out := maps.Clone(settings)
	if out == nil {
		out = map[string]string{}
	}
	convert := func(name, ms string, unit time.Duration) {
		value, ok := out[name]
		if _, set := out[ms]; !ok || set {
			return
		}
		n := number(value)
		if n >= 0 {
			n *= unit.Milliseconds()
		}
		out[ms] = strconv.FormatInt(n, 10)
	}
	convert("log.retention.minutes", "log.retention.ms", time.Minute)
	convert("log.retention.hours", "log.retention.ms", time.Hour)
	convert("log.roll.hours", "log.roll.ms", time.Hour)
	return out
}

// logConfig is a topic's configuration as its partitions' logs take it.
func (b brokerValues) logConfig(t *Topic) commitlog.Config {
	value := func(name string) string { return b.topic(topicConfigs.byName[name], t).Value }
	ms := func(name string) time.Duration { return milliseconds(number(value(name))) }
	c := commitlog.DefaultConfig()
	c.SegmentBytes = number(value("segment.bytes"))
	c.SegmentAge, c.SegmentJitter = ms("segment.ms"), ms("segment.jitter.ms")
	c.IndexIntervalBytes = int(number(value("index.interval.bytes")))
	c.IndexMaxBytes = int(number(value("segment.index.bytes")))
	c.MaxMessageBytes = int(number(value("max.message.bytes")))
	c.RetentionBytes, c.RetentionAge = -1, -1
	policy := splitList(value("cleanup.policy"))
	if slices.Contains(policy, "delete") {
		c.RetentionBytes, c.RetentionAge = number(value("retention.bytes")), ms("retention.ms")
	}
	c.Compact = slices.Contains(policy, "compact")
	c.MinDirtyRatio = fraction(value("min.cleanable.dirty.ratio"))
	c.MinCompactionLag, c.MaxCompactionLag = ms("min.compaction.lag.ms"), ms("max.compaction.lag.ms")
	c.DeleteRetention = ms("delete.retention.ms")
	c.Compression, c.CompressionLevel = compression(value)
	if value("message.timestamp.type") == "LogAppendTime" {
		c.TimestampType = wire.LogAppendTime
	}
	c.TimestampBeforeMax = ms("message.timestamp.before.max.ms")
	c.TimestampAfterMax = ms("message.timestamp.after.max.ms")
	c.PageCache = value("flush.messages") != forever || value("flush.ms") != forever
	if flush := ms("flush.ms"); flush > 0 && flush < time.Hour {
		c.FlushInterval = flush
	}
	c.ProducerExpiry = milliseconds(number(b.lookup(brokerConfigs.byName["producer.id.expiration.ms"]).Value))
	return c
}

// compression is what batches are compressed with, and the level.
func compression(value func(string) string) (wire.Codec, int) {
	name := value("compression.type")
	codec, ok := wire.ParseCodec(name)
	if !ok {
		return commitlog.ProducerCompression, 0
	}
	switch codec {
	case wire.Gzip, wire.LZ4, wire.Zstd:
		return codec, int(number(value("compression." + name + ".level")))
	}
	return codec, 0
}

// fraction reads a value that has passed Check.
func fraction(value string) float64 {
	f, _ := strconv.ParseFloat(value, 64)
	return f
}

// milliseconds is a duration, the longest there is for more than that, and -1 for less than nothing.
func milliseconds(n int64) time.Duration {
	switch {
	case n < 0:
		return -1
	case n > math.MaxInt64/int64(time.Millisecond):
		return math.MaxInt64
	}
	return time.Duration(n) * time.Millisecond
}
