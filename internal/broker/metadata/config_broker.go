package metadata

import "github.com/twmb/franz-go/pkg/kmsg"

// brokerConfigs are those of Kafka's broker configs that have a meaning here, or that its tools look for.
var brokerConfigs = newConfigTable(append(append(topicDefaults(), securityConfigs...), []ConfigSpec{
	{Name: "advertised.listeners", Type: kmsg.ConfigTypeString, Doc: "The address clients are told; empty for the one that they connected to."},
	{Name: "auto.create.topics.enable", Type: kmsg.ConfigTypeBoolean, Default: "true", Dynamic: true,
		Doc: "Whether a topic is created when a client asks for its metadata and allows it."},
	{Name: "broker.id", Type: kmsg.ConfigTypeInt, Default: "1", Doc: "The id of this node."},
	{Name: "broker.rack", Type: kmsg.ConfigTypeString, Doc: "The rack of this node."},
	{Name: "connections.max.idle.ms", Type: kmsg.ConfigTypeLong, Default: "600000", Doc: "How long a connection may be silent before it is closed."},
	{Name: "default.replication.factor", Type: kmsg.ConfigTypeInt, Default: "1", Inert: true, min: 1, Doc: "The replicas of a new topic."},
	{Name: "delete.topic.enable", Type: kmsg.ConfigTypeBoolean, Default: "true", Doc: "Whether topics can be deleted."},
	{Name: "fetch.max.bytes", Type: kmsg.ConfigTypeInt, Default: "57671680", min: 1024, Doc: "The most that one fetch is answered with."},
	{Name: "group.consumer.heartbeat.interval.ms", Type: kmsg.ConfigTypeInt, Default: "5000", min: 1, Doc: "The heartbeat interval of consumer groups (KIP-848)."},
	{Name: "group.consumer.session.timeout.ms", Type: kmsg.ConfigTypeInt, Default: "45000", min: 1, Doc: "The session timeout of consumer groups (KIP-848)."},
	{Name: "group.initial.rebalance.delay.ms", Type: kmsg.ConfigTypeInt, Default: "0",
		Doc: "How long the first rebalance of an empty group waits for more members."},
	{Name: "group.max.session.timeout.ms", Type: kmsg.ConfigTypeInt, Default: "1800000", Doc: "The longest session timeout a member may ask for."},
	{Name: "group.min.session.timeout.ms", Type: kmsg.ConfigTypeInt, Default: "6000", Doc: "The shortest session timeout a member may ask for."},
	{Name: "listeners", Type: kmsg.ConfigTypeString, Doc: "The addresses this node listens on."},
	{Name: "log.dirs", Type: kmsg.ConfigTypeString, Doc: "The directory of the data."},
	{Name: "log.retention.check.interval.ms", Type: kmsg.ConfigTypeLong, Default: "300000", min: 1, Doc: "How often retention is applied."},
	{Name: "log.retention.hours", Type: kmsg.ConfigTypeInt, Default: "168", min: -1, Doc: "log.retention.ms in hours, where that is not set."},
	{Name: "log.retention.minutes", Type: kmsg.ConfigTypeInt, min: -1, Doc: "log.retention.ms in minutes, where that is not set."},
	{Name: "log.roll.hours", Type: kmsg.ConfigTypeInt, Default: "168", min: 1, Doc: "log.roll.ms in hours, where that is not set."},
	{Name: "node.id", Type: kmsg.ConfigTypeInt, Default: "1", Doc: "The id of this node."},
	{Name: "num.partitions", Type: kmsg.ConfigTypeInt, Default: "1", min: 1, Doc: "The partitions of a topic that is created without saying how many."},
	{Name: "offsets.retention.minutes", Type: kmsg.ConfigTypeInt, Default: "10080", min: 1, Doc: "How long the offsets of an empty group are kept."},
	{Name: "offsets.topic.num.partitions", Type: kmsg.ConfigTypeInt, Default: "50", min: 1, Doc: "The partitions of __consumer_offsets."},
	{Name: "offsets.topic.replication.factor", Type: kmsg.ConfigTypeShort, Default: "1", Inert: true, min: 1, Doc: "The replicas of __consumer_offsets."},
	{Name: "process.roles", Type: kmsg.ConfigTypeList, Default: "broker,controller", Doc: "What this node is."},
	{Name: "producer.id.expiration.ms", Type: kmsg.ConfigTypeInt, Default: "86400000", min: 1, Doc: "How long a partition remembers a producer that is idle."},
	{Name: "socket.request.max.bytes", Type: kmsg.ConfigTypeInt, Default: "104857600", min: 1024, Doc: "The largest request that is read."},
	{Name: "transaction.max.timeout.ms", Type: kmsg.ConfigTypeInt, Default: "900000", min: 1, Doc: "The longest transaction timeout a producer may ask for."},
	{Name: "transaction.state.log.num.partitions", Type: kmsg.ConfigTypeInt, Default: "50", min: 1, Doc: "The partitions of __transaction_state."},
	{Name: "transaction.state.log.replication.factor", Type: kmsg.ConfigTypeShort, Default: "1", Inert: true, min: 1, Doc: "The replicas of __transaction_state."},
	{Name: "transactional.id.expiration.ms", Type: kmsg.ConfigTypeInt, Default: "604800000", min: 1, Doc: "How long an idle transactional id is kept."},
}...))

// topicDefaults are the broker's configs that hold the defaults of the topics'. Kafka leaves some without a default, since it
// has them in hours too; here they have one, and the hours count only where the milliseconds are not set.
func topicDefaults() []ConfigSpec {
	var specs []ConfigSpec
	for _, t := range topicConfigs.list {
		if t.Synonym == "" {
			continue
		}
		spec := *t
		spec.Name, spec.Synonym, spec.Dynamic = t.Synonym, "", true
		specs = append(specs, spec)
	}
	return specs
}
