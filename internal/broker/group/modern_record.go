package group

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"
)

// The keys of KIP-848's records in __consumer_offsets. Key 4, ConsumerGroupPartitionMetadata, is not written since Kafka 4.1.
const (
	keyEpoch       = 3
	keyPartitions  = 4
	keyMember      = 5
	keyTargetEpoch = 6
	keyTarget      = 7
	keyCurrent     = 8
	keyPattern     = 16
)

// change is a record of a group of the consumer protocol. A nil value stands for a tombstone.
type change struct {
	kind int16
	name string // of the member or the pattern; empty for the group itself

	gone     bool
	epoch    int32 // of the group, the target or the member
	hash     int64
	time     int64 // ms since 1970
	member   *memberSpec
	previous int32
	state    memberState
	// assigned is the target's or the member's; revoking the member's.
	assigned, revoking Assignment
	topics             []string // that a pattern matches
}

// emit writes a change and makes it so.
func (g *Group) emit(c change) {
	g.out.Records = append(g.out.Records, c.record(g.ID))
	g.apply(&c)
}

func (c *change) record(group string) Record {
	var k encoder
	k.version(c.kind)
	k.version(int16(len(group)))
	k.b = append(k.b, group...)
	if c.kind == keyMember || c.kind == keyTarget || c.kind == keyCurrent || c.kind == keyPattern {
		k.version(int16(len(c.name)))
		k.b = append(k.b, c.name...)
	}
	if c.gone {
		return Record{Key: k.b}
	}
	var v encoder
	v.version(0)
	switch c.kind {
	case keyEpoch:
		v.int32(c.epoch)
		v.tag(0, binary.BigEndian.AppendUint64(nil, uint64(c.hash)))
	case keyMember:
		c.member.encode(&v)
	case keyTargetEpoch:
		v.int32(c.epoch)
		v.tag(0, binary.BigEndian.AppendUint64(nil, uint64(c.time)))
	case keyTarget:
		v.assignment(c.assigned, false)
		v.noTags()
	case keyCurrent:
		v.int32(c.epoch)
		v.int32(c.previous)
		v.int8(int8(c.state))
		v.assignment(c.assigned, true)
		v.assignment(c.revoking, true)
		v.noTags()
	case keyPattern:
		v.strings(c.topics)
		v.int64(0)
		v.int64(c.time)
		v.noTags()
	}
	return Record{k.b, v.b}
}

func (m *memberSpec) encode(v *encoder) {
	v.nullable(m.InstanceID)
	v.nullable(m.RackID)
	v.string(m.ClientID)
	v.string(m.ClientHost)
	v.strings(m.Topics)
	v.string(m.Pattern)
	v.int32(int32(m.Rebalance.Milliseconds()))
	if m.Assignor == "" {
		v.nullable(nil)
	} else {
		v.string(m.Assignor)
	}
	if m.Classic == nil {
		v.noTags()
		return
	}
	var t encoder
	t.int8(1) // a nullable struct that is there
	t.int32(int32(m.Classic.Session.Milliseconds()))
	t.length(len(m.Classic.Protocols))
	for _, p := range m.Classic.Protocols {
		t.string(p.Name)
		t.bytes(p.Metadata)
		t.noTags()
	}
	t.noTags()
	v.tag(0, t.b)
}

func (m *memberSpec) decode(d *decoder) {
	m.InstanceID, m.RackID, m.ClientID, m.ClientHost = d.nullable(), d.nullable(), d.string(), d.string()
	m.Topics, m.Pattern = d.strings(), d.string()
	m.Rebalance, m.Assignor = time.Duration(d.int32())*time.Millisecond, d.string()
	d.tags(func(id int, t *decoder) {
		if id != 0 || t.int8() < 0 {
			return
		}
		m.Classic = &classicSpec{Session: time.Duration(t.int32()) * time.Millisecond}
		for n := t.length(3); n > 0 && !t.bad; n-- {
			m.Classic.Protocols = append(m.Classic.Protocols, Protocol{t.string(), t.bytes()})
			t.tags(nil)
		}
		t.tags(nil)
	})
}

// decodeChange reads a record of one of KIP-848's kinds.
func decodeChange(key, value []byte) (group string, c change, err error) {
	k := decoder{b: key}
	c.kind = k.int16()
	group = k.oldString()
	if c.kind == keyMember || c.kind == keyTarget || c.kind == keyCurrent || c.kind == keyPattern {
		c.name = k.oldString()
	}
	if k.bad {
		return "", c, ErrRecord
	}
	if c.gone = value == nil; c.gone {
		return group, c, nil
	}
	d := decoder{b: value}
	if version := d.int16(); version != 0 {
		return "", c, errors.Join(ErrRecord, errors.New("a version of a later Kafka"))
	}
	long := func(v *int64) func(int, *decoder) {
		return func(id int, t *decoder) {
			if id == 0 {
				*v = t.int64()
			}
		}
	}
	switch c.kind {
	case keyEpoch:
		c.epoch = d.int32()
		d.tags(long(&c.hash))
	case keyMember:
		c.member = &memberSpec{}
		c.member.decode(&d)
	case keyTargetEpoch:
		c.epoch = d.int32()
		d.tags(long(&c.time))
	case keyTarget:
		c.assigned = d.assignment()
	case keyCurrent:
		c.epoch, c.previous, c.state = d.int32(), d.int32(), memberState(d.int8())
		c.assigned, c.revoking = d.assignment(), d.assignment()
	case keyPattern:
		c.topics = d.strings()
		d.int64()
		c.time = d.int64()
	}
	if d.bad {
		return "", c, ErrRecord
	}
	return group, c, nil
}

// apply makes a change so. A tombstone of what is not there changes nothing: compaction may have kept only that.
func (g *Group) apply(c *change) {
	if g.modern == nil {
		if c.gone {
			return
		}
		g.modern = newModern()
	}
	mo := g.modern
	switch c.kind {
	case keyEpoch:
		if c.gone {
			g.modern = nil
			return
		}
		mo.epoch, mo.hash = c.epoch, c.hash
	case keyMember:
		mo.setMember(c.name, c.member)
	case keyTargetEpoch:
		mo.targetEpoch = c.epoch
	case keyTarget:
		if mo.target[c.name] = c.assigned; c.gone {
			delete(mo.target, c.name)
		}
	case keyCurrent:
		mo.setCurrent(c)
	case keyPattern:
		if mo.patterns[c.name] = c.topics; c.gone {
			delete(mo.patterns, c.name)
		}
	}
}

func (mo *modern) setMember(id string, spec *memberSpec) {
	m := mo.members[id]
	if m != nil && m.InstanceID != nil && mo.static[*m.InstanceID] == id {
		delete(mo.static, *m.InstanceID)
	}
	if spec == nil {
		if m != nil {
			mo.disown(m)
			delete(mo.members, id)
		}
		return
	}
	if m == nil {
		m = &modernMember{id: id, state: memberStable}
		mo.members[id] = m
	}
	m.memberSpec = *spec
	slices.Sort(m.Topics)
	if m.InstanceID != nil {
		mo.static[*m.InstanceID] = id
	}
}

func (mo *modern) disown(m *modernMember) {
	for _, a := range []Assignment{m.assigned, m.revoking} {
		for p := range a {
			if mo.owners[p] == m.id {
				delete(mo.owners, p)
			}
		}
	}
}

func (mo *modern) setCurrent(c *change) {
	m := mo.members[c.name]
	if m == nil {
		return // its member record was compacted away: it is gone
	}
	mo.disown(m)
	m.epoch, m.previous, m.state, m.assigned, m.revoking = c.epoch, c.previous, c.state, c.assigned, c.revoking
	if c.gone {
		m.epoch, m.previous, m.state = 0, 0, memberStable
	}
	for _, a := range []Assignment{m.assigned, m.revoking} {
		for p := range a {
			mo.owners[p] = m.id
		}
	}
}
