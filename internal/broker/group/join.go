package group

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// JoinRequest is a JoinGroup.
type JoinRequest struct {
	Ticket     uint64
	MemberID   string // empty for one that has none yet
	NewID      string // the id that it gets then
	InstanceID *string
	ClientID   string
	ClientHost string
	// RequireID makes a new member come again with the id it is given, so that a client that does not wait for its answer leaves no
	// member behind (KIP-394).
	RequireID          bool
	Session, Rebalance time.Duration
	ProtocolType       string
	Protocols          []Protocol
	// MaySkip says that the client understands a leader that must not assign (KIP-814).
	MaySkip bool
	// MayDescribe counts where the group has members of the consumer protocol.
	MayDescribe Describer
}

// Joined answers a JoinRequest.
type Joined struct {
	Err                    *kerr.Error
	Generation             int32
	ProtocolType, Protocol string
	Leader, MemberID       string
	SkipAssignment         bool
	Members                []JoinedMember // for the leader only
}

// JoinedMember is what the leader is told of a member.
type JoinedMember struct {
	ID           string
	InstanceID   *string
	Subscription []byte
}

// Join lets a member in. The answer may come with a later command.
func (g *Group) Join(now time.Time, req JoinRequest) {
	if g.share != nil {
		g.refuseJoin(&req, "", kerr.InconsistentGroupProtocol)
		return
	}
	if g.modern != nil && len(g.modern.members) == 0 {
		g.out.Records = append(g.out.Records, g.buryModern()...)
		g.clearClassic()
		g.modern = nil
	}
	if g.modern != nil {
		g.joinModern(now, &req)
		return
	}
	if err := g.admit(&req); err != nil {
		g.refuseJoin(&req, req.MemberID, err)
		return
	}
	if g.full(req.MemberID) {
		g.refuseJoin(&req, "", kerr.GroupMaxSizeReached)
		if m := g.members[req.MemberID]; m != nil {
			g.remove(m)
			g.afterLoss(now)
		}
		return
	}
	if req.MemberID == "" {
		g.joinNew(now, &req)
		return
	}
	if _, ok := g.pending[req.MemberID]; ok && req.InstanceID == nil {
		g.enter(now, &req, req.MemberID)
		return
	}
	m, err := g.find(req.MemberID, req.InstanceID)
	if err != nil {
		g.refuseJoin(&req, req.MemberID, err)
		return
	}
	changed := !m.sameProtocols(req.Protocols)
	switch {
	case g.State == CompletingRebalance && !changed, g.State == Stable && !changed && m.ID != g.Leader:
		// It missed the answer, and nothing else has changed.
		m.alive(now)
		m.JoinRequest = req
		g.reply(Reply{Ticket: req.Ticket, Joined: g.joined(m)})
	default:
		g.wait(m, &req)
		g.prepare(now)
	}
}

func (g *Group) refuseJoin(req *JoinRequest, id string, err *kerr.Error) {
	g.reply(Reply{Ticket: req.Ticket, Joined: &Joined{Err: err, Generation: -1, MemberID: id}})
}

// admit checks what does not depend on the member.
func (g *Group) admit(req *JoinRequest) *kerr.Error {
	switch {
	case req.Session < g.config.MinSession || req.Session > g.config.MaxSession:
		return kerr.InvalidSessionTimeout
	case req.ProtocolType == "" || len(req.Protocols) == 0:
		return kerr.InconsistentGroupProtocol
	case len(g.members) == 0:
		return nil
	case req.ProtocolType != g.ProtocolType:
		return kerr.InconsistentGroupProtocol
	}
	for _, p := range req.Protocols {
		if g.allOffer(p.Name) {
			return nil
		}
	}
	return kerr.InconsistentGroupProtocol
}

// full says that there is no place for a member. In a rebalance those count who have come: the others may be gone for good.
func (g *Group) full(id string) bool {
	m, n := g.members[id], len(g.members)
	if g.config.MaxSize <= 0 || g.State == Empty {
		return false
	}
	if g.State == PreparingRebalance {
		n = 0
		for _, o := range g.members {
			if o.joining != 0 {
				n++
			}
		}
		if m != nil && m.joining == 0 {
			m = nil
		}
	}
	return m == nil && n >= g.config.MaxSize
}

// allOffer says whether all members know a protocol: also the one that asks, as it is so far, which is how Kafka counts.
func (g *Group) allOffer(protocol string) bool {
	for _, m := range g.members {
		if !m.offers(protocol) {
			return false
		}
	}
	return true
}

func (g *Group) joinNew(now time.Time, req *JoinRequest) {
	switch {
	case req.InstanceID != nil:
		if old, ok := g.static[*req.InstanceID]; ok {
			g.replace(now, g.members[old], req)
			return
		}
		g.enter(now, req, req.NewID)
	case req.RequireID:
		g.pending[req.NewID] = now.Add(req.Session)
		g.refuseJoin(req, req.NewID, kerr.MemberIDRequired)
	default:
		g.enter(now, req, req.NewID)
	}
}

// enter adds a member and begins a rebalance.
func (g *Group) enter(now time.Time, req *JoinRequest, id string) {
	m := &member{ID: id}
	if len(g.members) == 0 {
		g.ProtocolType = req.ProtocolType
	}
	g.wait(m, req)
	g.add(m)
	if g.State == PreparingRebalance && g.first {
		g.notBefore = earlier(now.Add(g.config.InitialDelay), g.settleBy)
	}
	g.prepare(now)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// replace gives a static member that came back a new id (KIP-345). The group keeps its generation unless another protocol would be
// chosen now, so that a restart costs no rebalance.
func (g *Group) replace(now time.Time, m *member, req *JoinRequest) {
	g.refuse(m, kerr.FencedInstanceID)
	leader, former := g.Leader == m.ID, m.ID
	delete(g.members, m.ID)
	m.ID = req.NewID
	m.JoinRequest = *req
	m.InstanceID = req.InstanceID
	g.add(m)
	if leader {
		g.Leader = m.ID
	}
	if g.State != Stable || g.choose() != g.Protocol {
		g.wait(m, req)
		g.prepare(now)
		return
	}
	m.alive(now)
	j := g.joined(m)
	if leader && !req.MaySkip {
		j.Members, j.Leader = nil, former // an old client would assign anew if it knew that it leads
	}
	j.SkipAssignment = leader && req.MaySkip
	g.record(now)
	g.reply(Reply{Ticket: req.Ticket, Joined: j})
}

// wait leaves the member's join open until the rebalance is through. A join that it sends again takes the place of the one before.
func (g *Group) wait(m *member, req *JoinRequest) {
	g.refuse(m, kerr.RebalanceInProgress)
	m.JoinRequest = *req
	m.joining = req.Ticket
}

// joined is the answer to a member that has joined.
func (g *Group) joined(m *member) *Joined {
	j := &Joined{Generation: g.Generation, ProtocolType: g.ProtocolType, Protocol: g.Protocol, Leader: g.Leader, MemberID: m.ID}
	if m.ID == g.Leader {
		for _, o := range g.sorted() {
			j.Members = append(j.Members, JoinedMember{o.ID, o.InstanceID, o.subscription(g.Protocol)})
		}
	}
	return j
}
