package group

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// The states that only groups of the consumer protocol have (KIP-848).
const (
	// Assigning: the group has changed and nobody has computed a target since.
	Assigning State = "Assigning"
	// Reconciling: there are members that are not where the target wants them.
	Reconciling State = "Reconciling"
)

// TopicID is a topic's id.
type TopicID = [16]byte

// IDPartition names a partition by its topic's id, as all of KIP-848 does.
type IDPartition struct {
	ID        TopicID
	Partition int32
}

// Assignment is a set of partitions, each with the member epoch at which its member got it; zero where that means nothing. An
// Assignment is not changed once somebody else may hold it.
type Assignment map[IDPartition]int32

// Topic is what a group knows of a topic.
type Topic struct {
	Name       string
	ID         TopicID
	Partitions int32
}

// Topics are the topics that there are.
type Topics interface {
	ByName(name string) (Topic, bool)
	ByID(id TopicID) (Topic, bool)
	// Names are all names, in any order.
	Names() []string
	// Version is another one after any of that has changed, and never 0.
	Version() int64
}

// Fault is an error with the sentence that Kafka puts beside its code.
type Fault struct {
	Code *kerr.Error
	Text string
}

// Error implements error.
func (f *Fault) Error() string { return f.Text }

// Unwrap gives the code.
func (f *Fault) Unwrap() error { return f.Code }

// modern is a group of the consumer protocol: the coordinator knows what each member subscribes to, computes a target for all, and
// moves each member towards it by itself.
//
//	what a member says, topics that change ──▶ epoch ──▶ target, of targetEpoch ──▶ each member's own assignment and epoch
//
// A partition has one owner from the moment it is told of it until it confirms, by the partitions it owns, that it has let go, or is
// fenced. Nobody else is told of the partition before.
//
// Everything but the time limits is changed by records only: emit writes one and applies it, replay applies what was written.
type modern struct {
	epoch, targetEpoch int32
	hash               int64 // of the topics that the members subscribe to
	members            map[string]*modernMember
	static             map[string]string // instance id to member id
	target             map[string]Assignment
	owners             map[IDPartition]string
	patterns           map[string][]string // regular expressions that members subscribe with, and the topics they match
	seen               int64               // the version of the topics that hash and patterns were made of; 0 for none
}

func newModern() *modern {
	return &modern{
		members: map[string]*modernMember{}, static: map[string]string{}, target: map[string]Assignment{}, owners: map[IDPartition]string{},
		patterns: map[string][]string{},
	}
}

// memberState is where a member is on its way to the target; the numbers are those of Kafka's records.
type memberState int8

const (
	memberStable     memberState = 1
	memberUnrevoked  memberState = 2 // it has to let go of partitions, and to say so
	memberUnreleased memberState = 3 // it waits for partitions that others have not let go
)

// leftForNow is the epoch of a static member that will come back.
const leftForNow = -2

// modernMember is a member of a group of the consumer protocol.
type modernMember struct {
	id string
	memberSpec
	epoch, previous    int32
	state              memberState
	assigned, revoking Assignment
	// until is the end of its session; revokeBy is when it must have let go, joinBy and syncBy when a member of the classic protocol
	// must have come. Zero for no limit. They are not in the log: a replay gives everybody time anew.
	until, revokeBy, joinBy, syncBy time.Time
}

// memberSpec is what a member said of itself.
type memberSpec struct {
	InstanceID, RackID   *string
	ClientID, ClientHost string
	Topics               []string // sorted
	Pattern              string
	Rebalance            time.Duration
	Assignor             string
	Classic              *classicSpec // of a member that speaks the classic protocol
}

type classicSpec struct {
	Session   time.Duration
	Protocols []Protocol
}

func (m *modernMember) reconciled(target int32) bool {
	return m.state == memberStable && m.epoch == target
}

// sortedMembers are the members by id, so that the same commands always lead to the same.
func (mo *modern) sortedMembers() []*modernMember {
	return slices.SortedFunc(maps.Values(mo.members), func(a, b *modernMember) int { return strings.Compare(a.id, b.id) })
}

// phase is the group's state.
func (mo *modern) phase() State {
	if len(mo.members) == 0 {
		return Empty
	}
	if mo.epoch > mo.targetEpoch {
		return Assigning
	}
	for _, m := range mo.members {
		if !m.reconciled(mo.targetEpoch) {
			return Reconciling
		}
	}
	return Stable
}

// subscribed are the topics that a member wants and that there are.
func (mo *modern) subscribed(m *modernMember, topics Topics) map[TopicID]int32 {
	out := map[TopicID]int32{}
	for _, list := range [][]string{m.Topics, mo.patterns[m.Pattern]} {
		for _, name := range list {
			if t, ok := topics.ByName(name); ok {
				out[t.ID] = t.Partitions
			}
		}
	}
	return out
}

// assignor is the one that most members ask for; the first configured one if none does.
func (mo *modern) assignor(config *Config) string {
	votes, best := map[string]int{}, ""
	for _, m := range mo.sortedMembers() {
		if m.Assignor == "" {
			continue
		}
		if votes[m.Assignor]++; best == "" || votes[m.Assignor] > votes[best] {
			best = m.Assignor
		}
	}
	if best == "" {
		return config.Consumer.Assignors[0]
	}
	return best
}

// next is when tick has something to do.
func (mo *modern) next() (next time.Time) {
	for _, m := range mo.members {
		for _, t := range []time.Time{m.until, m.revokeBy, m.joinBy, m.syncBy} {
			if !t.IsZero() && (next.IsZero() || t.Before(next)) {
				next = t
			}
		}
	}
	return next
}

// tickModern fences who is late.
func (g *Group) tickModern(now time.Time) {
	var late []*modernMember
	for _, m := range g.modern.sortedMembers() {
		for _, t := range []time.Time{m.until, m.revokeBy, m.joinBy, m.syncBy} {
			if !t.IsZero() && !now.Before(t) {
				late = append(late, m)
				break
			}
		}
	}
	g.removeModern(now, late)
}

// Type is the group's protocol generation by Kafka's name.
func (g *Group) Type() string {
	if g.share != nil {
		return "share"
	}
	if g.modern != nil {
		return "consumer"
	}
	return "classic"
}

// ConsumerGroup is what ConsumerGroupDescribe tells.
type ConsumerGroup struct {
	State              State
	Epoch, TargetEpoch int32
	Assignor           string
	Members            []ConsumerMember
}

// ConsumerMember is what ConsumerGroupDescribe tells of a member.
type ConsumerMember struct {
	ID                   string
	InstanceID, RackID   *string
	ClientID, ClientHost string
	Epoch                int32
	Topics               []string
	Pattern              string
	Assigned, Target     Assignment
	Classic              bool
}

// DescribeConsumer describes a group of the consumer protocol; ok is false for others.
func (g *Group) DescribeConsumer() (d ConsumerGroup, ok bool) {
	mo := g.modern
	if mo == nil {
		return d, false
	}
	d = ConsumerGroup{State: g.State, Epoch: mo.epoch, TargetEpoch: mo.targetEpoch, Assignor: mo.assignor(&g.config)}
	for _, m := range mo.sortedMembers() {
		has := maps.Clone(m.assigned)
		if has == nil {
			has = Assignment{}
		}
		maps.Copy(has, m.revoking)
		d.Members = append(d.Members, ConsumerMember{
			ID: m.id, InstanceID: m.InstanceID, RackID: m.RackID, ClientID: m.ClientID, ClientHost: m.ClientHost, Epoch: m.epoch,
			Topics: m.Topics, Pattern: m.Pattern, Assigned: has, Target: mo.target[m.id], Classic: m.Classic != nil,
		})
	}
	return d, true
}
