package group

import (
	"cmp"
	"time"
	"unicode/utf16"

	"github.com/twmb/franz-go/pkg/kerr"
)

// prepare begins a rebalance, or goes on with the one that there is.
func (g *Group) prepare(now time.Time) {
	if g.State == PreparingRebalance {
		g.tryComplete(now)
		return
	}
	for _, m := range g.sorted() {
		if g.State == CompletingRebalance {
			m.assignment = nil
		}
		if m.syncing != 0 {
			g.reply(Reply{Ticket: m.syncing, Synced: &Synced{Err: kerr.RebalanceInProgress}})
			m.syncing = 0
		}
	}
	g.joinBy, g.first = now.Add(g.patience()), g.State == Empty
	if g.first {
		g.settleBy = g.joinBy
		g.notBefore = earlier(now.Add(g.config.InitialDelay), g.settleBy)
	}
	g.State = PreparingRebalance
	g.tryComplete(now)
}

// patience is the longest time that a member asks for to finish its work.
func (g *Group) patience() (d time.Duration) {
	for _, m := range g.members {
		d = max(d, m.Rebalance)
	}
	return d
}

// afterLoss goes on after members were removed.
func (g *Group) afterLoss(now time.Time) {
	switch g.State {
	case Stable, CompletingRebalance:
		g.prepare(now)
	case PreparingRebalance:
		g.tryComplete(now)
	}
}

func (g *Group) allJoined() bool {
	for _, m := range g.members {
		if m.joining == 0 {
			return false
		}
	}
	return len(g.pending) == 0
}

func (g *Group) tryComplete(now time.Time) {
	if g.State == PreparingRebalance && (g.first && !now.Before(g.notBefore) || !g.first && g.allJoined()) {
		g.completeJoin(now)
	}
}

// completeJoin ends PreparingRebalance with those who have joined. Static members stay members until their session ends.
func (g *Group) completeJoin(now time.Time) {
	var first *member
	for _, m := range g.sorted() {
		if m.joining == 0 && m.InstanceID == nil {
			g.remove(m)
		} else if m.joining != 0 && first == nil {
			first = m
		}
	}
	if len(g.members) > 0 && first == nil {
		g.joinBy = now.Add(g.patience())
		return
	}
	g.Generation++
	if len(g.members) == 0 {
		g.State, g.Protocol, g.Leader = Empty, "", ""
		g.record(now)
		return
	}
	g.State, g.Protocol, g.syncBy = CompletingRebalance, g.choose(), now.Add(g.patience())
	if leader := g.members[g.Leader]; leader == nil || leader.joining == 0 {
		g.Leader = first.ID
	}
	for _, m := range g.sorted() {
		if m.joining != 0 {
			g.reply(Reply{Ticket: m.joining, Joined: g.joined(m)})
			m.joining = 0
			m.alive(now)
		}
	}
}

// choose takes a vote: of the protocols that all members offer, each names the first of its list. A tie goes to the one that comes first
// in a Java hash table, as in Kafka.
func (g *Group) choose() (best string) {
	votes := map[string]int{}
	for _, m := range g.sorted() {
		for _, p := range m.Protocols {
			if g.allOffer(p.Name) {
				votes[p.Name]++
				break
			}
		}
	}
	for name, n := range votes {
		if n > votes[best] || n == votes[best] && cmp.Or(cmp.Compare(javaBucket(name), javaBucket(best)), cmp.Compare(name, best)) < 0 {
			best = name
		}
	}
	return best
}

// javaBucket is where a string is in a small java.util.HashMap.
func javaBucket(s string) uint32 {
	var h uint32
	for _, u := range utf16.Encode([]rune(s)) {
		h = 31*h + uint32(u)
	}
	return (h ^ h>>16) & 15
}

// SyncRequest is a SyncGroup.
type SyncRequest struct {
	Ticket                 uint64
	MemberID               string
	InstanceID             *string
	Generation             int32
	ProtocolType, Protocol *string
	Assignments            map[string][]byte // from the leader
}

// Synced answers a SyncRequest.
type Synced struct {
	Err                    *kerr.Error
	ProtocolType, Protocol string
	Assignment             []byte
}

// Sync asks for the member's assignment; the leader's sync brings all of them.
func (g *Group) Sync(now time.Time, req SyncRequest) {
	if g.modern != nil {
		g.syncModern(now, &req)
		return
	}
	m, err := g.current(req.MemberID, req.InstanceID, req.Generation)
	if err == nil && (differs(req.ProtocolType, g.ProtocolType) || differs(req.Protocol, g.Protocol)) {
		err = kerr.InconsistentGroupProtocol
	}
	if err == nil && g.State == PreparingRebalance {
		err = kerr.RebalanceInProgress
	}
	if err != nil {
		g.reply(Reply{Ticket: req.Ticket, Synced: &Synced{Err: err}})
		return
	}
	m.alive(now)
	if g.State == Stable {
		g.reply(Reply{Ticket: req.Ticket, Synced: g.synced(m)})
		return
	}
	g.refuse(m, kerr.RebalanceInProgress)
	m.syncing = req.Ticket
	if m.ID != g.Leader {
		return
	}
	g.State = Stable
	for _, o := range g.sorted() {
		o.assignment = req.Assignments[o.ID]
		if o.syncing != 0 {
			g.reply(Reply{Ticket: o.syncing, Synced: g.synced(o)})
			o.syncing = 0
		}
	}
	g.record(now)
}

func differs(said *string, is string) bool { return said != nil && *said != is }

func (g *Group) synced(m *member) *Synced {
	return &Synced{ProtocolType: g.ProtocolType, Protocol: g.Protocol, Assignment: m.assignment}
}
