package group

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// The way between the protocols, members present (KIP-848, "Migration"): a classic group whose members are consumers becomes a group
// of the consumer protocol when the first such member joins, and a classic one again when the last leaves. Meanwhile members of both
// kinds stand side by side.

var errSubscription = errors.New("a member's subscription or assignment cannot be read")

// readSubscription reads what a consumer of the classic protocol says of itself: topics, partitions it owns (cooperative), rack.
func readSubscription(b []byte) (s kmsg.ConsumerMemberMetadata, err error) {
	s = kmsg.NewConsumerMemberMetadata()
	if len(b) == 0 {
		return s, nil // a consumer that assigns itself
	}
	if s.ReadFrom(b) != nil {
		return s, errSubscription
	}
	return s, nil
}

func readAssignment(b []byte) (a kmsg.ConsumerMemberAssignment, err error) {
	a = kmsg.NewConsumerMemberAssignment()
	if len(b) > 0 && a.ReadFrom(b) != nil {
		return a, errSubscription
	}
	return a, nil
}

// readable says whether the members of a classic group are consumers that this one understands.
func (g *Group) readable() error {
	for _, m := range g.members {
		if _, err := readSubscription(m.anySubscription(g.Protocol)); err != nil {
			return err
		}
		if _, err := readAssignment(m.assignment); err != nil {
			return err
		}
	}
	return nil
}

// anySubscription is the member's for the group's protocol, or for its first one while none is chosen.
func (m *member) anySubscription(protocol string) []byte {
	if !m.offers(protocol) && len(m.Protocols) > 0 {
		protocol = m.Protocols[0].Name
	}
	return m.subscription(protocol)
}

// upgrade makes a classic group one of the consumer protocol. Its members keep their assignments and go on at their generation.
func (g *Group) upgrade(now time.Time) {
	members := g.sorted()
	for _, m := range members {
		g.refuse(m, rebalanceInProgress)
	}
	if g.Generation > 0 {
		g.out.Records = append(g.out.Records, g.classicTombstone())
	}
	generation := g.Generation
	g.clearClassic()
	g.modern = newModern()
	if len(members) == 0 {
		return
	}
	for _, m := range members {
		spec := classicMember(&m.JoinRequest, m.Protocols)
		g.emit(change{kind: keyMember, name: m.ID, member: &spec})
	}
	g.emit(change{kind: keyEpoch, epoch: generation, hash: g.modern.hashTopics(g.config.Topics)})
	for _, m := range members {
		g.emit(change{kind: keyTarget, name: m.ID, assigned: g.assignmentOf(m, 0)})
	}
	g.emit(change{kind: keyTargetEpoch, epoch: generation, time: now.UnixMilli()})
	for _, m := range members {
		g.emit(change{
			kind: keyCurrent, name: m.ID, epoch: generation, previous: generation, state: memberStable,
			assigned: g.assignmentOf(m, generation), revoking: Assignment{},
		})
		g.modern.members[m.ID].until = now.Add(m.Session)
	}
}

func classicMember(req *JoinRequest, protocols []Protocol) memberSpec {
	spec := memberSpec{
		InstanceID: req.InstanceID, ClientID: req.ClientID, ClientHost: req.ClientHost, Rebalance: req.Rebalance,
		Classic: &classicSpec{Session: req.Session, Protocols: protocols},
	}
	if len(protocols) > 0 {
		if s, err := readSubscription(protocols[0].Metadata); err == nil {
			spec.Topics, spec.RackID = slices.Sorted(slices.Values(s.Topics)), s.Rack
			spec.Topics = slices.Compact(spec.Topics)
		}
	}
	return spec
}

// assignmentOf is a classic member's assignment, of topics that there are.
func (g *Group) assignmentOf(m *member, epoch int32) Assignment {
	out := Assignment{}
	a, err := readAssignment(m.assignment)
	if err != nil {
		return out
	}
	for _, t := range a.Topics {
		topic, ok := g.config.Topics.ByName(t.Topic)
		for _, p := range t.Partitions {
			if ok && p < topic.Partitions {
				out[IDPartition{topic.ID, p}] = epoch
			}
		}
	}
	return out
}

// clientAssignment is an assignment as a consumer of the classic protocol reads it.
func (g *Group) clientAssignment(a Assignment) []byte {
	out := kmsg.NewConsumerMemberAssignment()
	a.EachTopic(func(id TopicID, partitions []int32) {
		if t, ok := g.config.Topics.ByID(id); ok {
			out.Topics = append(out.Topics, kmsg.ConsumerMemberAssignmentTopic{Topic: t.Name, Partitions: partitions})
		}
	})
	return out.AppendTo(nil)
}

// clearClassic forgets what a classic group is, but not its offsets.
func (g *Group) clearClassic() {
	g.State, g.ProtocolType, g.Protocol, g.Leader, g.Generation = Empty, "", "", "", 0
	g.members, g.static, g.pending = map[string]*member{}, map[string]string{}, map[string]time.Time{}
}

func (g *Group) classicTombstone() Record {
	key := kmsg.GroupMetadataKey{Version: groupKeyVersion, Group: g.ID}
	return Record{Key: key.AppendTo(nil)}
}

// buryModern are the tombstones of a group of the consumer protocol, that of the group itself last.
func (g *Group) buryModern() (out []Record) {
	bury := func(kind int16, names []string) {
		for _, name := range names {
			c := change{kind: kind, name: name, gone: true}
			out = append(out, c.record(g.ID))
		}
	}
	mo := g.modern
	ids := slices.Sorted(maps.Keys(mo.members))
	bury(keyCurrent, ids)
	bury(keyTarget, slices.Sorted(maps.Keys(mo.target)))
	bury(keyTargetEpoch, []string{""})
	bury(keyMember, ids)
	bury(keyPattern, slices.Sorted(maps.Keys(mo.patterns)))
	bury(keyEpoch, []string{""})
	return out
}

// maybeDowngrade makes the group a classic one if only members of the classic protocol are left. They are to join again.
func (g *Group) maybeDowngrade(now time.Time) bool {
	mo := g.modern
	policy := g.config.Consumer.Migration
	if len(mo.members) == 0 || !strings.EqualFold(policy, "downgrade") && !strings.EqualFold(policy, "bidirectional") ||
		g.config.MaxSize > 0 && len(mo.members) > g.config.MaxSize {
		return false
	}
	for _, m := range mo.members {
		if m.Classic == nil {
			return false
		}
	}
	g.out.Records = append(g.out.Records, g.buryModern()...)
	members := mo.sortedMembers()
	g.clearClassic()
	g.State, g.ProtocolType, g.Generation = Stable, "consumer", mo.epoch
	for _, m := range members {
		old := &member{ID: m.id, assignment: g.clientAssignment(m.assigned), JoinRequest: JoinRequest{
			InstanceID: m.InstanceID, ClientID: m.ClientID, ClientHost: m.ClientHost, ProtocolType: "consumer",
			Session: m.Classic.Session, Rebalance: m.Rebalance, Protocols: m.Classic.Protocols,
		}, deadline: m.until}
		g.add(old)
	}
	g.modern = nil
	g.Leader, g.Protocol = members[0].id, g.choose()
	g.record(now)
	g.prepare(now)
	return true
}

// loaded gives every member its time, and the group its state.
func (g *Group) loaded(now time.Time) {
	if g.share != nil {
		g.share.Loaded(now)
	}
	if g.modern == nil {
		return
	}
	session, _ := g.config.Consumer.pace(g.ID)
	for _, m := range g.modern.members {
		if m.until = now.Add(session); m.Classic != nil {
			m.until = now.Add(m.Classic.Session)
		}
		if m.state == memberUnrevoked {
			m.revokeBy = now.Add(m.Rebalance)
		}
	}
	g.settleModern()
}
