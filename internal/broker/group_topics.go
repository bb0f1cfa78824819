package broker

import (
	"strings"
	"sync/atomic"

	"github.com/millrace/millrace/internal/broker/group"
	"github.com/millrace/millrace/internal/broker/metadata"
	"github.com/millrace/millrace/internal/broker/share"
)

// groupTopics are the node's topics as groups see them.
type groupTopics struct {
	meta    *metadata.Store
	changes atomic.Int64
}

func newGroupTopics(meta *metadata.Store) *groupTopics {
	t := &groupTopics{meta: meta}
	t.changes.Store(1)
	meta.Watch(func(metadata.Event) { t.changes.Add(1) }) // before the change is answered, so that who asks next is told of it
	return t
}

// Version changes with the ACLs too: what a regular expression matches depends on them.
func (t *groupTopics) Version() int64 { return t.changes.Load() + t.meta.ACLChanges() }

func (t *groupTopics) ByName(name string) (group.Topic, bool) { return groupTopic(t.meta.Topic(name)) }

func (t *groupTopics) ByID(id group.TopicID) (group.Topic, bool) {
	return groupTopic(t.meta.TopicByID(id))
}

func groupTopic(t *metadata.Topic) (group.Topic, bool) {
	if t == nil {
		return group.Topic{}, false
	}
	return group.Topic{Name: t.Name, ID: t.ID, Partitions: t.Partitions}, true
}

// Names leaves out what is not Kafka's: a pattern must not make a consumer read a job's journal.
func (t *groupTopics) Names() (out []string) {
	for _, topic := range t.meta.Topics() {
		if !strings.HasPrefix(topic.Name, "__millrace") {
			out = append(out, topic.Name)
		}
	}
	return out
}

// shareTopics are the node's topics as share groups see them.
type shareTopics struct{ *groupTopics }

func newShareTopics(meta *metadata.Store) shareTopics { return shareTopics{newGroupTopics(meta)} }

func (t shareTopics) ByName(name string) (id share.TopicID, partitions int32, ok bool) {
	found, ok := t.groupTopics.ByName(name)
	return found.ID, found.Partitions, ok
}

func (t shareTopics) ByID(id share.TopicID) (name string, partitions int32, ok bool) {
	found, ok := t.groupTopics.ByID(id)
	return found.Name, found.Partitions, ok
}
