package metadata

import (
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
	Null     bool
	Source   kmsg.ConfigSource
	Synonyms []ConfigSynonym // every place that has a value, the one in force first
}

// ConfigSynonym is one of the places that a config's value can come from.
type ConfigSynonym struct {
	Name, Value string
	Source      kmsg.ConfigSource
}

// brokerValues resolves the broker's configs: changed at run time for this node, over changed at run time for all, over set at start,
// over Kafka's default.
type brokerValues struct {
	dynamic map[string]string
	cluster map[string]string
	static  map[string]string
}

// families are the broker's configs that can be set under several names, the strongest first.
var families = func() map[string][]string {
	m := map[string][]string{}
	for _, names := range [][]string{
		{"log.retention.ms", "log.retention.minutes", "log.retention.hours"},
		{"log.roll.ms", "log.roll.hours"},
		{"log.roll.jitter.ms", "log.roll.jitter.hours"},
		{"log.flush.interval.ms", "log.flush.scheduler.interval.ms"},
	} {
		for _, name := range names {
			m[name] = names
		}
	}
	delete(m, "log.flush.scheduler.interval.ms") // it is one of the others' only
	return m
}()

// units are those of the names that are not in milliseconds, and set a time that is.
var units = map[string]time.Duration{
	"log.retention.minutes": time.Minute, "log.retention.hours": time.Hour, "log.roll.hours": time.Hour, "log.roll.jitter.hours": time.Hour,
}

// each calls fn with every value that the names have, the one that counts first, until it returns false.
func (b brokerValues) each(names []string, fn func(ConfigSynonym) bool) {
	for _, layer := range []struct {
		values map[string]string
		source kmsg.ConfigSource
	}{
		{b.dynamic, kmsg.ConfigSourceDynamicBrokerConfig},
		{b.cluster, kmsg.ConfigSourceDynamicDefaultBrokerConfig},
		{b.static, kmsg.ConfigSourceStaticBrokerConfig},
	} {
		for _, name := range names {
			if value, ok := layer.values[name]; ok && !fn(ConfigSynonym{name, value, layer.source}) {
				return
			}
		}
	}
	for _, name := range names {
		spec := brokerConfigs.byName[name]
		if spec == nil {
			spec = BrokerConfigSpec(name)
		}
		if spec != nil && !spec.Null && !fn(ConfigSynonym{name, spec.Default, kmsg.ConfigSourceDefaultConfig}) {
			return
		}
	}
}

// effective is the value that counts, in milliseconds where names of several units set it.
func (b brokerValues) effective(name string) (value string, ok bool) {
	names := families[name]
	if names == nil {
		names = []string{name}
	}
	b.each(names, func(s ConfigSynonym) bool {
		value, ok = s.Value, true
		if unit := units[s.Name]; unit != 0 {
			if n := number(value); n >= 0 {
				value = strconv.FormatInt(n*unit.Milliseconds(), 10)
			}
		}
		return false
	})
	return value, ok
}

// synonyms are a broker config's values, as Kafka tells them: from the first that has this very name.
func (b brokerValues) synonyms(name string) (list []ConfigSynonym) {
	names := families[name]
	if names == nil {
		names = []string{name}
	}
	b.each(names, func(s ConfigSynonym) bool {
		if len(list) > 0 || s.Name == name {
			list = append(list, s)
		}
		return true
	})
	return list
}

func (b brokerValues) lookup(spec *ConfigSpec) ConfigValue {
	v := ConfigValue{Spec: spec, Source: kmsg.ConfigSourceDefaultConfig, Null: true, Synonyms: b.synonyms(spec.Name)}
	if len(v.Synonyms) > 0 {
		v.Null, v.Value, v.Source = false, v.Synonyms[0].Value, v.Synonyms[0].Source
	}
	return v
}

// layered resolves a config of a topic or a group: set on it, over the broker's config that holds the default.
func (b brokerValues) layered(spec *ConfigSpec, set map[string]string, source kmsg.ConfigSource) ConfigValue {
	v := ConfigValue{Spec: spec, Value: spec.Default, Null: spec.Null, Source: kmsg.ConfigSourceDefaultConfig}
	if spec.Synonym == "" && source == kmsg.ConfigSourceGroupConfig {
		v.Synonyms = append(v.Synonyms, ConfigSynonym{spec.Name, spec.Default, v.Source})
	} else if spec.Synonym != "" {
		v.Synonyms = b.synonyms(spec.Synonym)
		if value, ok := b.effective(spec.Synonym); ok {
			v.Value, v.Null = value, false
		}
	}
	if value, ok := set[spec.Name]; ok {
		v.Value, v.Null = value, false
		v.Synonyms = slices.Insert(v.Synonyms, 0, ConfigSynonym{spec.Name, value, source})
	}
	if len(v.Synonyms) > 0 {
		v.Source = v.Synonyms[0].Source
	}
	return v
}

func (b brokerValues) topic(spec *ConfigSpec, t *Topic) ConfigValue {
	return b.layered(spec, t.Configs, kmsg.ConfigSourceDynamicTopicConfig)
}

// logConfig is a topic's configuration as its partitions' logs take it.
func (b brokerValues) logConfig(t *Topic) commitlog.Config {
	value := func(name string) string {
		if v, ok := t.Configs[name]; ok {
			return v
		}
		spec := topicConfigs.byName[name]
		if v, ok := b.effective(spec.Synonym); ok && spec.Synonym != "" {
			return v
		}
		return spec.Default
	}
	ms := func(name string) time.Duration { return milliseconds(number(value(name))) }
	c := commitlog.DefaultConfig()
	c.SegmentBytes = number(value("segment.bytes"))
	if small := value(internalSegmentBytes); small != "" {
		c.SegmentBytes = max(number(small), wire.HeaderSize)
	}
	c.SegmentAge, c.SegmentJitter = max(ms("segment.ms"), time.Millisecond), max(ms("segment.jitter.ms"), 0)
	c.IndexIntervalBytes = int(number(value("index.interval.bytes")))
	c.IndexMaxBytes = max(int(number(value("segment.index.bytes"))), 64)
	c.MaxMessageBytes = int(number(value("max.message.bytes")))
	c.RetentionBytes, c.RetentionAge = -1, -1
	policy := SplitList(value("cleanup.policy"))
	if slices.Contains(policy, "delete") {
		c.RetentionBytes, c.RetentionAge = max(number(value("retention.bytes")), -1), ms("retention.ms")
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
	expiry, _ := b.effective("producer.id.expiration.ms")
	c.ProducerExpiry = milliseconds(number(expiry))
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
