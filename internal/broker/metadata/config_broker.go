package metadata

import "github.com/twmb/franz-go/pkg/kmsg"

// minFree is the setting below which producers are refused.
const minFree = "millrace.log.dirs.min.free.bytes"

// brokerConfigs are the broker configs that act, those that hold the defaults of topics' among them.
var brokerConfigs = newConfigTable(append(append(topicDefaults(), securityConfigs...), []ConfigSpec{
	{Name: "auto.create.topics.enable", Default: "true"},
	{Name: "broker.rack", Null: true},
	{Name: "connections.max.idle.ms", Default: "600000"},
	{Name: "controller.quota.window.num", Default: "11"},
	{Name: "controller.quota.window.size.seconds", Default: "1"},
	{Name: "delete.topic.enable", Default: "true"},
	{Name: "fetch.max.bytes", Default: "57671680"},
	{Name: "group.consumer.assignors", Default: "uniform,range"},
	{Name: "group.consumer.heartbeat.interval.ms", Default: "5000"},
	{Name: "group.consumer.max.size", Default: "2147483647"},
	{Name: "group.consumer.migration.policy", Default: "bidirectional"},
	{Name: "group.consumer.session.timeout.ms", Default: "45000"},
	{Name: "group.initial.rebalance.delay.ms", Default: "0", Note: "The default is 0, not 3000: nobody waits for members that may not come."},
	{Name: "group.max.session.timeout.ms", Default: "1800000"},
	{Name: "group.max.size", Default: "2147483647"},
	{Name: "group.min.session.timeout.ms", Default: "6000"},
	{Name: "group.share.delivery.count.limit", Default: "5"},
	{Name: "group.share.heartbeat.interval.ms", Default: "5000"},
	{Name: "group.share.max.share.sessions", Default: "2000"},
	{Name: "group.share.max.size", Default: "200"},
	{Name: "group.share.partition.max.record.locks", Default: "2000"},
	{Name: "group.share.record.lock.duration.ms", Default: "30000"},
	{Name: "group.share.session.timeout.ms", Default: "45000"},
	{Name: "log.cleaner.backoff.ms", Default: "15000"},
	{Name: "log.cleaner.dedupe.buffer.size", Default: "134217728",
		Note: "It is taken only while a log is cleaned, and no more than the log needs."},
	{Name: "log.cleaner.enable", Default: "true"},
	{Name: "log.cleaner.io.buffer.load.factor", Default: "0.9"},
	{Name: "log.cleaner.io.max.bytes.per.second", Default: "1.7976931348623157E308"},
	{Name: "log.cleaner.threads", Default: "1"},
	{Name: "log.flush.scheduler.interval.ms", Default: forever},
	{Name: "log.retention.check.interval.ms", Default: "300000"},
	{Name: "log.retention.hours", Default: "168"},
	{Name: "log.retention.minutes", Null: true},
	{Name: "log.roll.hours", Default: "168"},
	{Name: "max.connection.creation.rate", Default: "2147483647"},
	{Name: "max.incremental.fetch.session.cache.slots", Default: "1000"},
	{Name: minFree, Type: kmsg.ConfigTypeLong, Default: "33554432", Dynamic: true, Importance: "medium", Acts: true,
		Doc: "The free space below which producers are refused with KAFKA_STORAGE_ERROR, which they retry, until there is more. With 0 nobody is refused before the disk is full."},
	{Name: "num.partitions", Default: "1"},
	{Name: "offset.metadata.max.bytes", Default: "4096"},
	{Name: "offsets.retention.check.interval.ms", Default: "600000"},
	{Name: "offsets.retention.minutes", Default: "10080"},
	{Name: "offsets.topic.num.partitions", Default: "50"},
	{Name: "producer.id.expiration.ms", Default: "86400000"},
	{Name: "quota.window.num", Default: "11"},
	{Name: "quota.window.size.seconds", Default: "1"},
	{Name: "share.coordinator.snapshot.update.records.per.snapshot", Default: "500"},
	{Name: "share.coordinator.state.topic.num.partitions", Default: "50"},
	{Name: "socket.request.max.bytes", Default: "104857600"},
	{Name: "telemetry.max.bytes", Default: "1048576"},
	{Name: "transaction.max.timeout.ms", Default: "900000"},
	{Name: "transaction.state.log.num.partitions", Default: "50"},
	{Name: "transactional.id.expiration.ms", Default: "604800000"},

	{Name: "offsets.topic.replication.factor", Default: "1", Inert: true, Note: oneNode},
	{Name: "process.roles", Default: "broker,controller", Inert: true, Note: oneNode},
	{Name: "share.coordinator.state.topic.min.isr", Default: "1", Inert: true, Note: oneNode},
	{Name: "share.coordinator.state.topic.replication.factor", Default: "1", Inert: true, Note: oneNode},
	{Name: "transaction.state.log.min.isr", Default: "1", Inert: true, Note: oneNode},
	{Name: "transaction.state.log.replication.factor", Default: "1", Inert: true, Note: oneNode},
}...))

const oneNode = "There is one node."

// topicDefaults are the broker's configs that hold the defaults of the topics'. Those that can be set in other units as well have none.
func topicDefaults() []ConfigSpec {
	var specs []ConfigSpec
	for _, t := range topicConfigs.list {
		if t.Synonym != "" {
			spec := ConfigSpec{Name: t.Synonym, Default: t.Default}
			if families[t.Synonym] != nil {
				spec.Default, spec.Null = "", true
			}
			specs = append(specs, spec)
		}
	}
	return specs
}
