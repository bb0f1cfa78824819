package share

import (
	"encoding/binary"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// Topics are the topics that there are.
type Topics interface {
	ByName(name string) (id TopicID, partitions int32, ok bool)
	ByID(id TopicID) (name string, partitions int32, ok bool)
	// Version is another one after any of that has changed, and never 0.
	Version() int64
}

// Config are the settings of share groups.
type Config struct {
	// Of gives how long a member of a group may be silent, and how often it is to be heard.
	Of      func(group string) (session, heartbeat time.Duration)
	MaxSize int // 0 for no bound
	Topics  Topics
}

// Group is a share group: many members may have the same partition. It is not safe for concurrent use.
//
//	what a member says, topics that change ──▶ epoch ──▶ target, of targetEpoch ──▶ the member's assignment, at once
//
// A partition is given to members only once its state is in __share_group_state: initialized. Everything but the time limits is changed by
// records only: emit writes one and applies it, a replay applies what was written.
type Group struct {
	id                 string
	config             *Config
	epoch, targetEpoch int32
	hash               int64 // of the topics that the members subscribe to
	members            map[string]*member
	target             map[string]Assignment
	initialized        map[TopicID]topicPartitions
	born               bool  // there is a record of its epoch
	stated             bool  // there is one of what is initialized, be it nothing
	seen               int64 // the version of the topics that hash was made of; 0 for none
	out                []Record
}

// Assignment is a set of partitions. It is not changed once somebody else may hold it.
type Assignment map[IDPartition]struct{}

// IDPartition names a partition by its topic's id.
type IDPartition struct {
	ID        TopicID
	Partition int32
}

// topicPartitions are partitions of a topic, in order.
type topicPartitions struct {
	name       string
	partitions []int32
}

type member struct {
	id string
	memberSpec
	epoch, previous int32
	assigned        Assignment
	until           time.Time // the end of its session; not in the log: a replay gives everybody time anew
	want            int       // within shareOut: how many partitions it is still to get
}

// memberSpec is what a member said of itself.
type memberSpec struct {
	RackID               *string
	ClientID, ClientHost string
	Topics               []string // sorted
}

func (m *memberSpec) equal(o *memberSpec) bool {
	sameRack := m.RackID == nil && o.RackID == nil || m.RackID != nil && o.RackID != nil && *m.RackID == *o.RackID
	return sameRack && m.ClientID == o.ClientID && m.ClientHost == o.ClientHost && slices.Equal(m.Topics, o.Topics)
}

// NewGroup is a group that nobody has joined.
func NewGroup(id string, config *Config) *Group {
	return &Group{
		id: id, config: config, epoch: 1, targetEpoch: 1, members: map[string]*member{}, target: map[string]Assignment{}, initialized: map[TopicID]topicPartitions{},
	}
}

// Take hands out the records of the commands since the last Take.
func (g *Group) Take() []Record {
	out := g.out
	g.out = nil
	return out
}

// Unused says that nothing would be lost with the group.
func (g *Group) Unused() bool { return !g.born && !g.stated && len(g.members) == 0 }

// Stated says whether the group has ever had share partitions.
func (g *Group) Stated() bool { return g.stated }

// Empty says that the group has no members.
func (g *Group) Empty() bool { return len(g.members) == 0 }

// State is Kafka's name for what the group is in.
func (g *Group) State() string {
	if g.Empty() {
		return "Empty"
	}
	return "Stable"
}

// Next is when Tick has something to do; zero for never.
func (g *Group) Next() (next time.Time) {
	for _, m := range g.members {
		if next.IsZero() || m.until.Before(next) {
			next = m.until
		}
	}
	return next
}

// Tick removes members whose session is over.
func (g *Group) Tick(now time.Time) {
	for _, m := range g.sorted() {
		if !now.Before(m.until) {
			g.remove(m)
		}
	}
}

// Loaded is called when all records have been replayed: members have their session to come forward.
func (g *Group) Loaded(now time.Time) {
	session, _ := g.config.Of(g.id)
	for _, m := range g.members {
		m.until = now.Add(session)
	}
}

// sorted are the members by id, so that the same commands always lead to the same.
func (g *Group) sorted() []*member {
	return slices.SortedFunc(maps.Values(g.members), func(a, b *member) int { return strings.Compare(a.id, b.id) })
}

// Beat is a ShareGroupHeartbeat. What is nil has not changed since the last one.
type Beat struct {
	MemberID             string
	Epoch                int32 // 0 to join, -1 to leave
	RackID               *string
	Topics               []string
	ClientID, ClientHost string
}

// Beaten answers a Beat.
type Beaten struct {
	Epoch    int32
	Interval time.Duration
	// Assignment is nil if the member knows it.
	Assignment Assignment
	// Initialize are share partitions that the group has from now on; their states must be made, at StateEpoch, with no start.
	Initialize []Key
	StateEpoch int32
}

// Beat takes a member's heartbeat.
func (g *Group) Beat(now time.Time, b Beat) (Beaten, error) {
	if b.Epoch < 0 {
		return g.leave(&b)
	}
	m := g.members[b.MemberID]
	if limit := g.config.MaxSize; limit > 0 && len(g.members) >= limit && m == nil {
		return Beaten{}, faultf(kerr.GroupMaxSizeReached, "The share group has reached its maximum capacity of %d members.", limit)
	}
	if m == nil && b.Epoch > 0 {
		return Beaten{}, g.unknown(b.MemberID)
	}
	if m != nil {
		if err := m.check(b.Epoch); err != nil {
			return Beaten{}, err
		}
	}
	var before Assignment
	if m != nil {
		before = m.assigned
	}
	m, changed := g.update(m, &b)
	g.round(now, m, changed)
	out := Beaten{StateEpoch: g.epoch}
	if out.Initialize = g.initialize(); len(out.Initialize) > 0 {
		g.round(now, m, false)
	}
	var session time.Duration
	session, out.Interval = g.config.Of(g.id)
	m.until, out.Epoch = now.Add(session), m.epoch
	if b.Epoch == 0 || b.Topics != nil || !maps.Equal(before, m.assigned) {
		out.Assignment = m.assigned
		if out.Assignment == nil {
			out.Assignment = Assignment{}
		}
	}
	return out, nil
}

func (g *Group) unknown(id string) error {
	return faultf(kerr.UnknownMemberID, "Member %s is not a member of group %s.", id, g.id)
}

// check checks the epoch that a member believes in. It may be the one before, if the answer that told of the next was lost.
func (m *member) check(epoch int32) error {
	const rejoin = "The member must abandon all its partitions and rejoin."
	switch {
	case epoch == 0 || epoch == m.epoch || epoch < m.epoch && epoch == m.previous:
		return nil
	case epoch > m.epoch:
		return faultf(kerr.FencedMemberEpoch, "The share group member has a greater member epoch (%d) than the one known by the group coordinator (%d). "+rejoin, epoch, m.epoch)
	}
	return faultf(kerr.FencedMemberEpoch, "The share group member has a smaller member epoch (%d) than the one known by the group coordinator (%d), "+
		"and it does not match the previous member epoch (%d). "+rejoin, epoch, m.epoch, m.previous)
}

// update makes the member what it says it is, and tells whether its subscription changed.
func (g *Group) update(m *member, b *Beat) (*member, bool) {
	var before memberSpec
	if m != nil {
		before = m.memberSpec
	}
	spec := before
	if b.RackID != nil {
		spec.RackID = b.RackID
	}
	if b.Topics != nil {
		spec.Topics = slices.Compact(slices.Sorted(slices.Values(b.Topics)))
	}
	spec.ClientID, spec.ClientHost = b.ClientID, b.ClientHost
	if m == nil || !before.equal(&spec) {
		g.emit(change{kind: keyMember, name: b.MemberID, member: &spec})
	}
	return g.members[b.MemberID], !slices.Equal(before.Topics, spec.Topics)
}

// round looks at the topics again, computes the target if the group has changed since the last one, and gives the member what is its.
func (g *Group) round(now time.Time, m *member, changed bool) {
	version := g.config.Topics.Version() // before they are looked at: what changes meanwhile is seen next time
	rise := changed || g.targetEpoch >= g.epoch && g.pending()
	hash := g.hash
	if rise || g.seen != version {
		hash, g.seen = g.hashTopics(), version
	}
	if rise = rise || hash != g.hash; rise {
		g.emit(change{kind: keyEpoch, epoch: g.epoch + 1, hash: hash})
	}
	g.retarget(now)
	if m.epoch == g.targetEpoch && !rise {
		return
	}
	next := change{kind: keyCurrent, name: m.id, epoch: g.targetEpoch, previous: m.previous, assigned: Assignment{}}
	if m.epoch != g.targetEpoch {
		next.previous = m.epoch
	}
	for p := range g.target[m.id] {
		if name, _, ok := g.config.Topics.ByID(p.ID); ok && slices.Contains(m.Topics, name) {
			next.assigned[p] = struct{}{}
		}
	}
	if next.epoch != m.epoch || !maps.Equal(next.assigned, m.assigned) {
		g.emit(next)
	}
}

// hashTopics stands for the topics that the group subscribes to: ids and sizes. Nobody but this program compares it.
func (g *Group) hashTopics() int64 {
	h, any := fnv.New64a(), false
	for _, name := range g.subscribed() {
		if id, n, ok := g.config.Topics.ByName(name); ok {
			any = true
			h.Write(id[:])
			h.Write(binary.BigEndian.AppendUint32(nil, uint32(n)))
		}
	}
	if !any {
		return 0
	}
	return int64(h.Sum64())
}

// subscribed are the topics that members subscribe to, in order.
func (g *Group) subscribed() []string {
	names := map[string]bool{}
	for _, m := range g.members {
		for _, t := range m.Topics {
			names[t] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// Subscribes says whether a member reads a topic.
func (g *Group) Subscribes(topic string) bool { return slices.Contains(g.subscribed(), topic) }

// pending says whether there are initialized partitions of subscribed topics that nobody is to have.
func (g *Group) pending() bool {
	assigned := map[IDPartition]bool{}
	for _, a := range g.target {
		for p := range a {
			assigned[p] = true
		}
	}
	for _, name := range g.subscribed() {
		id, _, ok := g.config.Topics.ByName(name)
		if !ok {
			continue
		}
		for _, i := range g.initialized[id].partitions {
			if !assigned[IDPartition{id, i}] {
				return true
			}
		}
	}
	return false
}

// initialize takes the partitions of subscribed topics that are not initialized.
func (g *Group) initialize() (keys []Key) {
	next := maps.Clone(g.initialized)
	for _, name := range g.subscribed() {
		id, n, ok := g.config.Topics.ByName(name)
		if !ok || len(next[id].partitions) >= int(n) {
			continue
		}
		tp := topicPartitions{name: name}
		for i := range n {
			if tp.partitions = append(tp.partitions, i); !slices.Contains(next[id].partitions, i) {
				keys = append(keys, Key{g.id, id, i})
			}
		}
		next[id] = tp
	}
	if len(keys) > 0 {
		g.emit(change{kind: keyStates, states: next})
	}
	return keys
}

// retarget computes the target if the group has changed since the last one.
func (g *Group) retarget(now time.Time) {
	if g.epoch <= g.targetEpoch || len(g.members) == 0 {
		return
	}
	target := g.assign()
	for _, id := range slices.Sorted(maps.Keys(target)) {
		if old, ok := g.target[id]; !ok || !maps.Equal(old, target[id]) {
			g.emit(change{kind: keyTarget, name: id, assigned: target[id]})
		}
	}
	g.emit(change{kind: keyTargetEpoch, epoch: g.epoch, time: now.UnixMilli()})
}

func (g *Group) leave(b *Beat) (Beaten, error) {
	m := g.members[b.MemberID]
	if m == nil {
		return Beaten{}, g.unknown(b.MemberID)
	}
	g.remove(m)
	return Beaten{Epoch: b.Epoch}, nil
}

// remove removes a member, and raises the epoch for those that stay.
func (g *Group) remove(m *member) {
	for _, kind := range []int16{keyCurrent, keyTarget, keyMember} {
		g.emit(change{kind: kind, name: m.id, gone: true})
	}
	g.emit(change{kind: keyEpoch, epoch: g.epoch + 1, hash: g.hashTopics()})
}
