package broker

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/millrace/millrace/internal/broker/metadata"
)

// internalTopics are the coordinators' topics: the setting that says how many partitions they get, and the configs Kafka gives them.
var internalTopics = map[string]struct {
	partitions string
	configs    map[string]string
}{
	"__consumer_offsets": {"offsets.topic.num.partitions", map[string]string{
		"cleanup.policy": "compact", "compression.type": "producer", "segment.bytes": "104857600",
	}},
	"__transaction_state": {"transaction.state.log.num.partitions", map[string]string{
		"cleanup.policy": "compact", "compression.type": "uncompressed", "segment.bytes": "104857600",
		"min.insync.replicas": "1", "unclean.leader.election.enable": "false",
	}},
	// Not compacted: an update counts only behind its snapshot. What no snapshot needs is deleted (share_prune.go).
	"__share_group_state": {"share.coordinator.state.topic.num.partitions", map[string]string{
		"cleanup.policy": "delete", "compression.type": "producer", "segment.bytes": "104857600", "min.insync.replicas": "1", "retention.ms": "-1",
	}},
}

// internalTopic finds a coordinator's topic, and creates it if it is not there.
func (b *Broker) internalTopic(name string) (*metadata.Topic, error) {
	if t := b.meta.Topic(name); t != nil {
		return t, nil
	}
	spec, ok := internalTopics[name]
	if !ok {
		return nil, kerr.UnknownTopicOrPartition
	}
	return b.createOnce(name, int32(b.meta.SettingInt(spec.partitions)), spec.configs)
}

// createOnce creates a topic that somebody else may be creating too.
func (b *Broker) createOnce(name string, partitions int32, configs map[string]string) (*metadata.Topic, error) {
	t, err := b.meta.Create(name, partitions, configs)
	if errors.Is(err, kerr.TopicAlreadyExists) {
		if t := b.meta.Topic(name); t != nil {
			return t, nil
		}
		return nil, kerr.UnknownTopicOrPartition // and deleted again
	}
	return t, err
}
