// Package group decides for groups, of the classic protocol and of KIP-848's consumer protocol, and holds share groups (KIP-932), for which package share decides: who is a member, when a
// rebalance begins and ends, who reads what, which offsets are committed. It is a pure state machine: a method takes a command and the time, changes the group, and leaves in Take what must be
// written and who is to be answered.
//
// The life of a classic group (for the others see modern):
//
//	        join              all joined, or time is up             leader's sync
//	Empty ───────▶ PreparingRebalance ──────────────▶ CompletingRebalance ───────▶ Stable
//	  ▲                 │   ▲                              │ join, leave, timeout     │
//	  └── all are gone ─┘   └──────────────────────────────┴──────────────────────────┘
package group

import (
	"sort"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/share"
)

// State is where a group is in its rebalance; its text is Kafka's.
type State string

// The states of a classic group.
const (
	Empty               State = "Empty"
	PreparingRebalance  State = "PreparingRebalance"
	CompletingRebalance State = "CompletingRebalance"
	Stable              State = "Stable"
	Dead                State = "Dead"
)

// Config are the settings that rule all groups.
type Config struct {
	MinSession, MaxSession time.Duration
	// InitialDelay is how long the first rebalance of an empty group waits for more members.
	InitialDelay time.Duration
	// MaxSize bounds the members; 0 for no bound.
	MaxSize int
	// Consumer rules groups of the consumer protocol (KIP-848).
	Consumer ConsumerConfig
	// Share rules share groups (KIP-932).
	Share share.Config
	// Topics are the node's. They may change between commands.
	Topics Topics
}

// ConsumerConfig are the settings of groups of the consumer protocol.
type ConsumerConfig struct {
	Session, Heartbeat time.Duration
	// Of gives the two for a group that has configs of its own; nil for none that has.
	Of        func(group string) (session, heartbeat time.Duration)
	MaxSize   int      // 0 for no bound
	Assignors []string // the first is the default
	Migration string   // disabled, upgrade, downgrade or bidirectional
}

// pace is how long a member of a group may be silent, and how often it is to be heard.
func (c *ConsumerConfig) pace(group string) (session, heartbeat time.Duration) {
	if c.Of != nil {
		return c.Of(group)
	}
	return c.Session, c.Heartbeat
}

// Ready is what a command led to. Replies may be sent only AFTER Records are durable; if they cannot be written the group is ahead of
// its log and must be thrown away.
type Ready struct {
	Records []Record
	Replies []Reply
}

// Record is a key and value of __consumer_offsets; a nil value is a tombstone.
type Record struct{ Key, Value []byte }

// Reply answers a Join or a Sync that had to wait, by the ticket it was given.
type Reply struct {
	Ticket uint64
	Joined *Joined
	Synced *Synced
}

// Group is one consumer group. It is not safe for concurrent use.
type Group struct {
	ID           string
	State        State
	ProtocolType string
	Protocol     string
	Leader       string
	Generation   int32

	config  Config
	members map[string]*member
	static  map[string]string    // instance id to member id
	pending map[string]time.Time // ids given out with MEMBER_ID_REQUIRED, and until when they are good
	// joinBy ends PreparingRebalance with whoever is there; syncBy ends CompletingRebalance without those that have not synced.
	joinBy, syncBy time.Time
	// first says that the group was empty before this PreparingRebalance: it ends at notBefore, which every new member puts off by the
	// initial delay, though not beyond settleBy, and waits for nobody who was only given an id.
	first               bool
	notBefore, settleBy time.Time

	since int64 // when it came to its state, as far as its records tell, in ms since 1970

	modern *modern      // nil in a group of the classic protocol, whose fields are those above
	share  *share.Group // not nil in a share group, which has no more than this and State

	offsets map[Partition]Offset
	inTxn   map[int64]map[Partition]Offset // by producer id, until its transaction's end
	out     Ready
}

// New is a group that nobody has joined.
func New(id string, config Config) *Group {
	return &Group{
		ID: id, State: Empty, config: config,
		members: map[string]*member{}, static: map[string]string{}, pending: map[string]time.Time{},
		offsets: map[Partition]Offset{}, inTxn: map[int64]map[Partition]Offset{},
	}
}

// Take hands out what the commands since the last Take led to.
func (g *Group) Take() Ready {
	out := g.out
	g.out = Ready{}
	return out
}

// Next is when Tick has something to do; zero for never.
func (g *Group) Next() (next time.Time) {
	if g.share != nil {
		return g.share.Next()
	}
	if g.modern != nil {
		return g.modern.next()
	}
	least := func(t time.Time) {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	for _, m := range g.members {
		if m.joining == 0 {
			least(m.deadline)
		}
	}
	for _, until := range g.pending {
		least(until)
	}
	switch g.State {
	case PreparingRebalance:
		least(g.joinBy)
		if g.first {
			least(g.notBefore)
		}
	case CompletingRebalance:
		least(g.syncBy)
	}
	return next
}

// Tick does what is due: sessions end, rebalances go on without those that are late.
func (g *Group) Tick(now time.Time) {
	if g.share != nil {
		g.share.Tick(now)
		g.settleShare()
		return
	}
	if g.modern != nil {
		g.tickModern(now)
		return
	}
	due := func(t time.Time) bool { return !t.IsZero() && !now.Before(t) }
	for id, until := range g.pending {
		if due(until) {
			delete(g.pending, id)
		}
	}
	gone := false
	late := g.State == CompletingRebalance && due(g.syncBy)
	for _, m := range g.sorted() {
		if m.joining == 0 && due(m.deadline) || late && m.syncing == 0 {
			g.remove(m)
			gone = true
		}
	}
	if gone {
		g.afterLoss(now)
	}
	if g.State == PreparingRebalance {
		if due(g.joinBy) {
			g.completeJoin(now)
		} else {
			g.tryComplete(now)
		}
	}
}

// record writes the group's metadata.
func (g *Group) record(now time.Time) {
	key := kmsg.GroupMetadataKey{Version: groupKeyVersion, Group: g.ID}
	v := kmsg.NewGroupMetadataValue()
	v.Version, v.ProtocolType, v.Generation, v.CurrentStateTimestamp = groupValueVersion, g.ProtocolType, g.Generation, now.UnixMilli()
	g.since = now.UnixMilli()
	if len(g.members) > 0 {
		v.Protocol, v.Leader = &g.Protocol, &g.Leader
	}
	for _, m := range g.sorted() {
		vm := kmsg.NewGroupMetadataValueMember()
		vm.MemberID, vm.InstanceID, vm.ClientID, vm.ClientHost = m.ID, m.InstanceID, m.ClientID, m.ClientHost
		vm.SessionTimeoutMillis, vm.RebalanceTimeoutMillis = int32(m.Session.Milliseconds()), int32(m.Rebalance.Milliseconds())
		vm.Subscription, vm.Assignment = m.subscription(g.Protocol), m.assignment
		v.Members = append(v.Members, vm)
	}
	g.out.Records = append(g.out.Records, Record{key.AppendTo(nil), v.AppendTo(nil)})
}

// restore is record, read back: members have their session to come forward.
func (g *Group) restore(v *kmsg.GroupMetadataValue, now time.Time) {
	g.State, g.ProtocolType, g.Generation, g.Protocol, g.Leader = Empty, v.ProtocolType, v.Generation, "", ""
	g.since = v.CurrentStateTimestamp
	g.members, g.static = map[string]*member{}, map[string]string{}
	if len(v.Members) == 0 {
		return
	}
	g.State = Stable
	if v.Protocol != nil {
		g.Protocol = *v.Protocol
	}
	if v.Leader != nil {
		g.Leader = *v.Leader
	}
	for i := range v.Members {
		vm := &v.Members[i]
		m := &member{assignment: vm.Assignment, JoinRequest: JoinRequest{
			InstanceID: vm.InstanceID, ClientID: vm.ClientID, ClientHost: vm.ClientHost, ProtocolType: v.ProtocolType,
			Session:   time.Duration(vm.SessionTimeoutMillis) * time.Millisecond,
			Rebalance: time.Duration(vm.RebalanceTimeoutMillis) * time.Millisecond,
			Protocols: []Protocol{{g.Protocol, vm.Subscription}},
		}, ID: vm.MemberID}
		m.deadline = now.Add(m.Session)
		g.add(m)
	}
}

// sorted are the members by id, so that the same commands always lead to the same.
func (g *Group) sorted() []*member {
	out := make([]*member, 0, len(g.members))
	for _, m := range g.members {
		out = append(out, m)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].ID < out[j].ID })
	return out
}

// Unused says that nothing would be lost with the group.
func (g *Group) Unused() bool {
	if g.share != nil && !g.share.Unused() {
		return false
	}
	if g.modern != nil && (g.modern.epoch != 0 || len(g.modern.members) > 0) {
		return false
	}
	return g.Generation == 0 && len(g.members)+len(g.pending)+len(g.offsets)+len(g.inTxn) == 0
}
