package group

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// Beat is a ConsumerGroupHeartbeat (KIP-848). What is nil or negative has not changed since the last one.
type Beat struct {
	MemberID             string
	Epoch                int32 // 0 to join, -1 to leave, -2 to leave as a static member that will come back
	InstanceID, RackID   *string
	Rebalance            time.Duration
	Topics               []string
	Pattern              *string
	Assignor             *string
	Owned                []IDPartition // nil if it is not said
	ClientID, ClientHost string
	MayDescribe          Describer
}

// Describer says whether the sender of a request may know of a topic; nil: of all.
//
// Regular expressions are resolved for the group, with what whoever asks may know when they are: as in Kafka, where members of one group
// that may know different things and have the same expression get what one of them may.
type Describer func(topic string) bool

// Beaten answers a Beat.
type Beaten struct {
	Epoch    int32
	Interval time.Duration
	// Assignment is nil if the member knows it.
	Assignment Assignment
}

func faultf(code *kerr.Error, format string, args ...any) error {
	return &Fault{code, fmt.Sprintf(format, args...)}
}

// compilePattern reads a regular expression that must match whole names. The syntax is RE2's, as in Kafka.
func compilePattern(pattern string) (*regexp.Regexp, error) {
	if _, err := regexp.Compile(pattern); err != nil {
		return nil, err
	}
	return regexp.Compile(`\A(?:` + pattern + `)\z`)
}

// Beat takes a member's heartbeat: all that happens in a group of the consumer protocol happens here or in Tick.
func (g *Group) Beat(now time.Time, b Beat) (Beaten, error) {
	defer g.settleModern()
	if b.Epoch < 0 {
		return g.beatLeave(now, &b)
	}
	if err := g.checkPattern(&b); err != nil {
		return Beaten{}, err
	}
	if g.modern == nil {
		if err := g.upgradable(b.Epoch == 0); err != nil {
			return Beaten{}, err
		}
		if err := g.admitModern(len(g.members), false); err != nil {
			return Beaten{}, err
		}
		g.upgrade(now)
	}
	m, takes, err := g.beating(&b)
	if err != nil {
		return Beaten{}, err
	}
	m, changed := g.updateMember(&b, m, takes)
	g.refresh(now, changed, b.MayDescribe)
	g.retarget(now)
	before := m.assigned
	g.reconcile(now, m, ownedSet(b.Owned), b.Owned != nil)
	session, heartbeat := g.config.Consumer.pace(g.ID)
	m.until, m.joinBy, m.syncBy = now.Add(session), time.Time{}, time.Time{}
	out := Beaten{Epoch: m.epoch, Interval: heartbeat}
	full := b.Rebalance >= 0 && (b.Topics != nil || b.Pattern != nil) && b.Owned != nil
	if b.Epoch == 0 || full || !samePartitions(before, m.assigned) {
		out.Assignment = m.assigned
		if out.Assignment == nil {
			out.Assignment = Assignment{}
		}
	}
	return out, nil
}

func ownedSet(owned []IDPartition) map[IDPartition]bool {
	out := make(map[IDPartition]bool, len(owned))
	for _, p := range owned {
		out[p] = true
	}
	return out
}

func samePartitions(a, b Assignment) bool {
	if len(a) != len(b) {
		return false
	}
	for p := range a {
		if _, ok := b[p]; !ok {
			return false
		}
	}
	return true
}

func (g *Group) checkPattern(b *Beat) error {
	if b.Pattern == nil || *b.Pattern == "" {
		return nil
	}
	_, err := compilePattern(*b.Pattern)
	var bad *syntax.Error
	if errors.As(err, &bad) {
		return faultf(kerr.InvalidRegularExpression, "SubscribedTopicRegex `%s` is not a valid regular expression: %s.", *b.Pattern, bad.Code)
	}
	return nil
}

// beating finds the member that a beat is of. takes is the static member whose place it takes.
func (g *Group) beating(b *Beat) (m, takes *modernMember, err error) {
	mo := g.modern
	m = mo.members[b.MemberID]
	if b.Epoch == 0 {
		if err := g.admitModern(len(mo.members), m != nil); err != nil {
			return nil, nil, err
		}
	}
	if b.InstanceID == nil {
		if m == nil && b.Epoch == 0 {
			return nil, nil, nil
		}
		return m, nil, g.checkBeat(b, m)
	}
	holder := mo.members[mo.static[*b.InstanceID]]
	if b.Epoch == 0 {
		if holder != nil && holder.epoch != leftForNow && holder.Classic == nil {
			return nil, nil, faultf(kerr.UnreleasedInstanceID, "Static member %s with instance id %s cannot join the group because the instance id is owned by %s member.",
				b.MemberID, *b.InstanceID, holder.id)
		}
		return m, holder, nil
	}
	return m, nil, g.checkStatic(b, m, holder)
}

func (g *Group) checkStatic(b *Beat, m, holder *modernMember) error {
	switch {
	case holder == nil:
		return faultf(kerr.UnknownMemberID, "Instance id %s is unknown.", *b.InstanceID)
	case holder.id != b.MemberID:
		return faultf(kerr.FencedInstanceID, "Static member %s with instance id %s was fenced by member %s.", b.MemberID, *b.InstanceID, holder.id)
	}
	return g.checkBeat(b, m)
}

// checkBeat checks the member's epoch. It may be the one before if the answer that told of the next was lost.
func (g *Group) checkBeat(b *Beat, m *modernMember) error {
	const fenced = "The consumer group member has a %s member epoch (%d) than the one known by the group coordinator (%d). " +
		"The member must abandon all its partitions and rejoin."
	switch {
	case m == nil:
		return faultf(kerr.UnknownMemberID, "Member %s is not a member of group %s.", b.MemberID, g.ID)
	case b.Epoch > m.epoch:
		return faultf(kerr.FencedMemberEpoch, fenced, "greater", b.Epoch, m.epoch)
	case b.Epoch == m.epoch || b.Epoch <= 0:
		return nil
	case b.Epoch == m.previous && b.Owned != nil && m.has(b.Owned):
		return nil
	}
	return faultf(kerr.FencedMemberEpoch, fenced, "smaller", b.Epoch, m.epoch)
}

func (m *modernMember) has(owned []IDPartition) bool {
	for _, p := range owned {
		if _, ok := m.assigned[p]; !ok {
			return false
		}
	}
	return true
}

// admitModern refuses a member for which there is no place.
func (g *Group) admitModern(members int, known bool) error {
	if limit := g.config.Consumer.MaxSize; limit > 0 && members >= limit && !known {
		return faultf(kerr.GroupMaxSizeReached, "The consumer group has reached its maximum capacity of %d members.", limit)
	}
	return nil
}

// resubscribed says whether a member subscribes to something else. A pattern that nobody had before counts when it is resolved, if it
// matches anything then.
func (g *Group) resubscribed(before, after *memberSpec, may Describer) bool {
	if before.Pattern == after.Pattern {
		return !slices.Equal(before.Topics, after.Topics)
	}
	_, known := g.modern.patterns[after.Pattern]
	return known || after.Pattern == "" || before.Pattern != "" && len(g.matching(after.Pattern, may)) == 0 || !slices.Equal(before.Topics, after.Topics)
}

// updateMember makes the member what it says it is, and tells whether its subscription changed.
func (g *Group) updateMember(b *Beat, m, takes *modernMember) (*modernMember, bool) {
	spec := memberSpec{}
	switch {
	case takes != nil:
		spec = takes.memberSpec
	case m != nil:
		spec = m.memberSpec
	}
	before := spec
	if b.InstanceID != nil {
		spec.InstanceID = b.InstanceID
	}
	if b.RackID != nil {
		spec.RackID = b.RackID
	}
	if b.Rebalance >= 0 {
		spec.Rebalance = b.Rebalance
	}
	if b.Topics != nil {
		spec.Topics = slices.Clone(b.Topics)
		slices.Sort(spec.Topics)
		spec.Topics = slices.Compact(spec.Topics)
	}
	if b.Pattern != nil {
		spec.Pattern = *b.Pattern
	}
	if b.Assignor != nil {
		spec.Assignor = *b.Assignor
	}
	spec.ClientID, spec.ClientHost, spec.Classic = b.ClientID, b.ClientHost, nil
	return g.putMember(b.MemberID, spec, m, takes), g.resubscribed(&before, &spec, b.MayDescribe)
}

// putMember writes a member if it is not as it was, in the place of another if it takes one's: with its target and its partitions, at
// epoch 0 until it is reconciled.
func (g *Group) putMember(id string, spec memberSpec, m, takes *modernMember) *modernMember {
	mo := g.modern
	if takes != nil && takes.id != id {
		target, assigned := mo.target[takes.id], takes.assigned
		g.emit(change{kind: keyCurrent, name: takes.id, gone: true})
		g.emit(change{kind: keyTarget, name: takes.id, gone: true})
		g.emit(change{kind: keyMember, name: takes.id, gone: true})
		g.emit(change{kind: keyMember, name: id, member: &spec})
		g.emit(change{kind: keyTarget, name: id, assigned: target})
		g.emit(change{kind: keyCurrent, name: id, state: memberStable, assigned: assigned, revoking: Assignment{}})
		return mo.members[id]
	}
	if m == nil || !m.memberSpec.equal(&spec) {
		g.emit(change{kind: keyMember, name: id, member: &spec})
	}
	if takes != nil {
		g.emit(change{kind: keyCurrent, name: id, state: memberStable, assigned: takes.assigned, revoking: Assignment{}})
	}
	return mo.members[id]
}

func (m *memberSpec) equal(o *memberSpec) bool {
	var a, b encoder
	m.encode(&a)
	o.encode(&b)
	return slices.Equal(a.b, b.b)
}

// beatLeave removes a member; a static one that will come back keeps its partitions until its session ends.
func (g *Group) beatLeave(now time.Time, b *Beat) (Beaten, error) {
	if g.modern == nil {
		return Beaten{}, g.upgradable(false)
	}
	m := g.modern.members[b.MemberID]
	if b.InstanceID != nil {
		if err := g.checkStatic(b, m, g.modern.members[g.modern.static[*b.InstanceID]]); err != nil {
			return Beaten{}, err
		}
	} else if err := g.checkBeat(b, m); err != nil {
		return Beaten{}, err
	}
	if b.Epoch == leftForNow {
		g.emit(change{kind: keyCurrent, name: m.id, epoch: leftForNow, previous: m.epoch, state: memberStable, assigned: m.assigned, revoking: Assignment{}})
		m.revokeBy = time.Time{}
	} else {
		g.removeModern(now, []*modernMember{m})
	}
	return Beaten{Epoch: b.Epoch}, nil
}

// upgradable says why a group that is not of the consumer protocol cannot become one.
func (g *Group) upgradable(joins bool) error {
	const cannot = "Cannot upgrade classic group %s to consumer group because "
	switch {
	case g.share != nil:
		return faultf(kerr.GroupIDNotFound, "Group %s is not a consumer group.", g.ID)
	case g.unborn() && joins, g.State == Empty && joins:
		return nil
	case g.unborn():
		return faultf(kerr.GroupIDNotFound, "Group %s not found.", g.ID)
	case !joins:
		return faultf(kerr.GroupIDNotFound, "Group %s is not a consumer group.", g.ID)
	case !strings.EqualFold(g.config.Consumer.Migration, "upgrade") && !strings.EqualFold(g.config.Consumer.Migration, "bidirectional"):
		return faultf(kerr.GroupIDNotFound, cannot+"online upgrade is disabled.", g.ID)
	case g.ProtocolType != "consumer":
		return faultf(kerr.GroupIDNotFound, cannot+"the group does not use the consumer embedded protocol.", g.ID)
	case g.config.Consumer.MaxSize > 0 && len(g.members) > g.config.Consumer.MaxSize:
		return faultf(kerr.GroupIDNotFound, cannot+"the group size exceeds the consumer group maximum size.", g.ID)
	}
	if err := g.readable(); err != nil {
		return faultf(kerr.GroupIDNotFound, cannot+"%v.", g.ID, err)
	}
	return nil
}

// unborn says that there is no group as far as anybody can see.
func (g *Group) unborn() bool { return g.modern == nil && g.Unused() }
