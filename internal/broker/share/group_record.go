package share

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/twmb/franz-go/pkg/kbin"
)

// The keys of share groups' records in __consumer_offsets. Key 9, ShareGroupPartitionMetadata, was given up before Kafka 4.0.
const (
	keyMember      = 10
	keyEpoch       = 11
	keyTargetEpoch = 12
	keyTarget      = 13
	keyCurrent     = 14
	keyStates      = 15
)

// IsGroupKey says whether a record of __consumer_offsets with a key of this kind is a share group's.
func IsGroupKey(kind uint16) bool { return kind >= keyMember && kind <= keyStates }

// memberStable is a member's state: Kafka knows others, and writes none of them for share groups.
const memberStable = 1

// change is a record of a share group. A nil value stands for a tombstone.
type change struct {
	kind int16
	name string // of the member; empty for the group itself

	gone     bool
	epoch    int32 // of the group, the target or the member
	hash     int64
	time     int64 // ms since 1970
	member   *memberSpec
	previous int32
	assigned Assignment // the target's or the member's
	states   map[TopicID]topicPartitions
}

// emit writes a change and makes it so.
func (g *Group) emit(c change) {
	g.out = append(g.out, c.record(g.id))
	g.apply(&c)
}

func (c *change) ofMember() bool {
	return c.kind == keyMember || c.kind == keyTarget || c.kind == keyCurrent
}

func (c *change) record(group string) Record {
	k := kbin.AppendString(kbin.AppendInt16(nil, c.kind), group)
	if c.ofMember() {
		k = kbin.AppendString(k, c.name)
	}
	if c.gone {
		return Record{Key: k}
	}
	v := kbin.AppendInt16(nil, 0)
	switch c.kind {
	case keyMember:
		v = c.member.encode(v)
	case keyEpoch:
		v = kbin.AppendInt64(kbin.AppendInt32(v, c.epoch), c.hash)
	case keyTargetEpoch:
		v = kbin.AppendInt32(v, c.epoch)
		v = append(v, 1, 0, 8) // one tag, number 0, of 8 bytes
		return Record{k, kbin.AppendInt64(v, c.time)}
	case keyTarget:
		v = appendAssignment(v, c.assigned)
	case keyCurrent:
		v = kbin.AppendInt32(kbin.AppendInt32(v, c.epoch), c.previous)
		v = appendAssignment(kbin.AppendInt8(v, memberStable), c.assigned)
	case keyStates:
		v = append(v, 1) // none is being initialized: that happens with the record
		v = kbin.AppendCompactArrayLen(v, len(c.states))
		for _, id := range sortedIDs(c.states) {
			v = kbin.AppendCompactString(kbin.AppendUuid(v, id), c.states[id].name)
			v = append(appendPartitions(v, c.states[id].partitions), 0)
		}
		v = append(v, 1) // none is being deleted, likewise
	}
	return Record{k, append(v, 0)}
}

func (m *memberSpec) encode(v []byte) []byte {
	v = kbin.AppendCompactNullableString(v, m.RackID)
	v = kbin.AppendCompactString(v, m.ClientID)
	v = kbin.AppendCompactString(v, m.ClientHost)
	v = kbin.AppendCompactArrayLen(v, len(m.Topics))
	for _, t := range m.Topics {
		v = kbin.AppendCompactString(v, t)
	}
	return v
}

func appendPartitions(v []byte, list []int32) []byte {
	v = kbin.AppendCompactArrayLen(v, len(list))
	for _, p := range list {
		v = kbin.AppendInt32(v, p)
	}
	return v
}

func appendAssignment(v []byte, a Assignment) []byte {
	topics := 0
	a.EachTopic(func(TopicID, []int32) { topics++ })
	v = kbin.AppendCompactArrayLen(v, topics)
	a.EachTopic(func(id TopicID, list []int32) { v = append(appendPartitions(kbin.AppendUuid(v, id), list), 0) })
	return v
}

// reader is kbin's, with what it lacks.
type reader struct{ kbin.Reader }

// length reads a compact array's length, bounded by the bytes left and the least size of an element.
func (r *reader) length(size int) int {
	n := int(r.CompactArrayLen())
	if n > len(r.Src)/size {
		r.Span(len(r.Src) + 1)
		return 0
	}
	return max(n, 0)
}

func (r *reader) partitions() (list []int32) {
	for n := r.length(4); n > 0 && r.Ok(); n-- {
		list = append(list, r.Int32())
	}
	return list
}

// tags reads tagged fields; those that f does not know are passed over.
func (r *reader) tags(f func(tag uint32, body *reader)) {
	for n := r.Uvarint(); n > 0 && r.Ok(); n-- {
		tag, size := r.Uvarint(), r.Uvarint()
		body := &reader{kbin.Reader{Src: r.Span(int(size))}}
		if f != nil && r.Ok() {
			if f(tag, body); !body.Ok() {
				r.Span(len(r.Src) + 1)
			}
		}
	}
}

func (r *reader) assignment() Assignment {
	a := Assignment{}
	for n := r.length(18); n > 0 && r.Ok(); n-- {
		id := r.Uuid()
		for _, p := range r.partitions() {
			a[IDPartition{id, p}] = struct{}{}
		}
		r.tags(nil)
	}
	return a
}

func (r *reader) states() map[TopicID]topicPartitions {
	out := map[TopicID]topicPartitions{}
	for n := r.length(19); n > 0 && r.Ok(); n-- {
		id := r.Uuid()
		tp := topicPartitions{name: r.CompactString(), partitions: r.partitions()}
		slices.Sort(tp.partitions)
		if tp.partitions = slices.Compact(tp.partitions); len(tp.partitions) > 0 {
			out[id] = tp
		}
		r.tags(nil)
	}
	return out
}

// GroupOf is the group that a record of __consumer_offsets is of.
func GroupOf(key []byte) (string, error) {
	group, _, err := decodeKey(key)
	return group, err
}

func decodeKey(key []byte) (group string, c change, err error) {
	r := &reader{kbin.Reader{Src: key}}
	c.kind, group = r.Int16(), r.String()
	if c.ofMember() {
		c.name = r.String()
	}
	if !r.Ok() || c.kind < keyMember || c.kind > keyStates {
		return "", c, ErrRecord
	}
	return group, c, nil
}

// Replay applies a record of the group.
func (g *Group) Replay(key, value []byte) error {
	_, c, err := decodeChange(key, value)
	if err == nil {
		g.apply(&c)
	}
	return err
}

func decodeChange(key, value []byte) (group string, c change, err error) {
	if group, c, err = decodeKey(key); err != nil {
		return "", c, err
	}
	if c.gone = value == nil; c.gone {
		return group, c, nil
	}
	if len(value) < 2 || binary.BigEndian.Uint16(value) != 0 {
		return "", c, errors.Join(ErrRecord, errors.New("a version of a later Kafka"))
	}
	r := &reader{kbin.Reader{Src: value[2:]}}
	switch c.kind {
	case keyMember:
		c.member = &memberSpec{RackID: r.CompactNullableString(), ClientID: r.CompactString(), ClientHost: r.CompactString()}
		for n := r.length(1); n > 0 && r.Ok(); n-- {
			c.member.Topics = append(c.member.Topics, r.CompactString())
		}
		slices.Sort(c.member.Topics)
	case keyEpoch:
		c.epoch, c.hash = r.Int32(), r.Int64()
	case keyTargetEpoch:
		c.epoch = r.Int32()
		r.tags(func(tag uint32, body *reader) {
			if tag == 0 {
				c.time = body.Int64()
			}
		})
	case keyTarget:
		c.assigned = r.assignment()
	case keyCurrent:
		c.epoch, c.previous = r.Int32(), r.Int32()
		r.Int8()
		c.assigned = r.assignment()
	case keyStates:
		r.states() // being initialized: that is done again
		c.states = r.states()
	}
	if !r.Ok() {
		return "", c, ErrRecord
	}
	return group, c, nil
}

// apply makes a change so. A tombstone of what is not there changes nothing: compaction may have kept only that.
func (g *Group) apply(c *change) {
	m := g.members[c.name]
	switch {
	case c.kind == keyMember && c.gone:
		delete(g.members, c.name)
	case c.kind == keyMember:
		if m == nil {
			m = &member{id: c.name}
			g.members[c.name] = m
		}
		m.memberSpec = *c.member
	case c.kind == keyEpoch:
		g.born, g.epoch, g.hash = !c.gone, c.epoch, c.hash
	case c.kind == keyTargetEpoch:
		g.targetEpoch = c.epoch
	case c.kind == keyTarget && c.gone:
		delete(g.target, c.name)
	case c.kind == keyTarget:
		g.target[c.name] = c.assigned
	case c.kind == keyCurrent && m != nil: // without its member record, which was compacted away, it is gone
		m.epoch, m.previous, m.assigned = c.epoch, c.previous, c.assigned
	case c.kind == keyStates:
		if g.initialized, g.stated = c.states, !c.gone; c.gone {
			g.initialized = map[TopicID]topicPartitions{}
		}
	}
}
