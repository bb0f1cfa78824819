package metadata

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
)

// Topic is what the metadata says of a topic. It is never changed in place: a change makes another.
type Topic struct {
	Name       string
	ID         UUID
	Partitions int32
	Created    int64             // ms since 1970
	Configs    map[string]string // those set on the topic itself
}

// Internal says whether the topic belongs to a coordinator: clients see it but neither produce to it nor subscribe by pattern.
func (t *Topic) Internal() bool { return IsInternal(t.Name) }

// IsInternal says whether a name is a coordinator's, or one of those in which the node keeps its own state: tables, jobs, journals.
func IsInternal(name string) bool {
	return name == "__consumer_offsets" || name == "__transaction_state" || name == "__share_group_state" || name == "__millrace" || strings.HasPrefix(name, "__millrace_")
}

// state is the metadata as a pure state machine: decisions make records, apply takes them, and nothing else changes it. Replaying
// the log through apply gives the same state.
type state struct {
	topics       map[string]*Topic
	byID         map[UUID]*Topic
	flat         map[string]string // flatten(name) -> name
	deleted      map[UUID]string   // ids of topics that are gone, with their names, whose directories may still be there
	brokerConfig map[string]string // set by clients for this node, over the server's own settings
	resources    map[Resource]map[string]string
	quotas       map[QuotaEntity]map[string]float64
	nextProducer int64
	auth         authState
	identity     Identity // zero if the log does not say
}

func newState() *state {
	return &state{
		topics: map[string]*Topic{}, byID: map[UUID]*Topic{}, flat: map[string]string{},
		deleted: map[UUID]string{}, brokerConfig: map[string]string{}, resources: map[Resource]map[string]string{}, quotas: map[QuotaEntity]map[string]float64{},
		auth: newAuthState(),
	}
}

// apply takes a record. It fails on one that contradicts what came before, which only damage can cause.
func (s *state) apply(r record) error {
	switch r := r.(type) {
	case snapshotRecord:
		*s = *newState()
	case identityRecord:
		s.identity = r.Identity
	case goneRecord:
		s.deleted[r.id] = r.name
	case topicRecord:
		if s.topics[r.name] != nil || s.byID[r.id] != nil {
			return fmt.Errorf("topic %s (%s) is created twice", r.name, r.id)
		}
		s.put(&Topic{Name: r.name, ID: r.id, Partitions: r.partitions, Created: r.created, Configs: r.configs})
	case deletedRecord:
		t := s.byID[r.id]
		if t == nil {
			return fmt.Errorf("topic %s is deleted and was never created", r.id)
		}
		delete(s.topics, t.Name)
		delete(s.byID, t.ID)
		delete(s.flat, flatten(t.Name))
		s.deleted[t.ID] = t.Name
	case partitionsRecord:
		return s.replace(r.id, func(t *Topic) { t.Partitions = r.partitions })
	case topicConfigRecord:
		return s.replace(r.id, func(t *Topic) { t.Configs = r.configs })
	case brokerConfigRecord:
		s.brokerConfig = r.configs
	case producerIDsRecord:
		s.nextProducer = r.next
	case resourceRecord:
		s.putResource(r)
	case quotaRecord:
		s.putQuota(r)
	default:
		return s.auth.apply(r)
	}
	return nil
}

func (s *state) put(t *Topic) {
	s.topics[t.Name] = t
	s.byID[t.ID] = t
	s.flat[flatten(t.Name)] = t.Name
}

func (s *state) replace(id UUID, change func(*Topic)) error {
	old := s.byID[id]
	if old == nil {
		return fmt.Errorf("topic %s is changed and was never created", id)
	}
	t := *old
	change(&t)
	s.put(&t)
	return nil
}

// snapshot is the state as records.
func (s *state) snapshot() []record {
	rs := []record{snapshotRecord{}, brokerConfigRecord{s.brokerConfig}, producerIDsRecord{s.nextProducer}}
	if s.identity != (Identity{}) {
		rs = append(rs, identityRecord{s.identity})
	}
	rs = append(rs, s.resourceRecords()...)
	rs = append(rs, s.quotaRecords()...)
	rs = append(rs, s.auth.snapshot()...)
	for _, t := range s.sorted() {
		rs = append(rs, topicRecord{t.ID, t.Name, t.Partitions, t.Created, t.Configs})
	}
	for id, name := range s.deleted {
		rs = append(rs, goneRecord{id, name})
	}
	return rs
}

func (s *state) sorted() []*Topic {
	return slices.SortedFunc(maps.Values(s.topics), func(a, b *Topic) int { return strings.Compare(a.Name, b.Name) })
}

// maxPartitions bounds what one request may ask for: a typing error must not make a million directories.
const maxPartitions = 100_000

// NewTopic is a topic to create.
type NewTopic struct {
	Name       string
	Partitions int32
	Configs    map[string]string
}

func (s *state) create(n NewTopic, id UUID, now int64) (record, error) {
	if err := CheckName(n.Name); err != nil {
		return nil, err
	}
	if s.topics[n.Name] != nil {
		return nil, errf(kerr.TopicAlreadyExists, "Topic '%s' already exists.", n.Name)
	}
	// Kafka's metric names cannot tell '.' from '_', so its topics must not differ in that alone.
	if clash := s.flat[flatten(n.Name)]; clash != "" {
		return nil, errf(kerr.InvalidTopicException, "Topic '%s' collides with existing topic: %s", n.Name, clash)
	}
	if n.Partitions < 1 || n.Partitions > maxPartitions {
		return nil, errf(kerr.InvalidPartitions, "Number of partitions must be between 1 and %d, not %d.", maxPartitions, n.Partitions)
	}
	if err := CheckTopicConfigs(n.Configs); err != nil {
		return nil, err
	}
	return topicRecord{id, n.Name, n.Partitions, now, maps.Clone(n.Configs)}, nil
}

func flatten(name string) string { return strings.ReplaceAll(name, ".", "_") }

func (s *state) delete(name string) (record, error) {
	t := s.topics[name]
	if t == nil {
		return nil, errf(kerr.UnknownTopicOrPartition, "This server does not host this topic-partition.")
	}
	return deletedRecord{t.ID}, nil
}

func (s *state) grow(name string, partitions int32) (record, error) {
	t := s.topics[name]
	switch {
	case t == nil:
		return nil, errf(kerr.UnknownTopicOrPartition, "The topic '%s' does not exist.", name)
	case partitions == t.Partitions:
		return nil, errf(kerr.InvalidPartitions, "Topic already has %d partition(s).", partitions)
	case partitions < t.Partitions:
		return nil, errf(kerr.InvalidPartitions, "The topic %s currently has %d partition(s); %d would not be an increase.",
			name, t.Partitions, partitions)
	case partitions > maxPartitions:
		return nil, errf(kerr.InvalidPartitions, "A topic has at most %d partitions.", maxPartitions)
	}
	return partitionsRecord{t.ID, partitions}, nil
}

func (s *state) configure(name string, configs map[string]string) (record, error) {
	t := s.topics[name]
	if t == nil {
		return nil, errf(kerr.UnknownTopicOrPartition, "The topic '%s' does not exist.", name)
	}
	if err := CheckTopicConfigs(configs); err != nil {
		return nil, err
	}
	return topicConfigRecord{t.ID, configs}, nil
}
