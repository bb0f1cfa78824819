package group

import (
	"bytes"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// Protocol is a way of assigning that a member offers, best first, with what its leader is to know of the member.
type Protocol struct {
	Name     string
	Metadata []byte
}

// member is a member, with what its last join said.
type member struct {
	JoinRequest
	ID         string
	assignment []byte
	deadline   time.Time // of its session; a member that waits for a join's answer has none
	joining    uint64    // the ticket of the join that waits, or 0
	syncing    uint64    // likewise of the sync
}

func (m *member) subscription(protocol string) []byte {
	for _, p := range m.Protocols {
		if p.Name == protocol {
			return p.Metadata
		}
	}
	return nil
}

func (m *member) offers(protocol string) bool {
	for _, p := range m.Protocols {
		if p.Name == protocol {
			return true
		}
	}
	return false
}

func (m *member) sameProtocols(other []Protocol) bool {
	if len(m.Protocols) != len(other) {
		return false
	}
	for i, p := range m.Protocols {
		if p.Name != other[i].Name || !bytes.Equal(p.Metadata, other[i].Metadata) {
			return false
		}
	}
	return true
}

func (m *member) alive(now time.Time) { m.deadline = now.Add(m.Session) }

func (g *Group) add(m *member) {
	g.members[m.ID] = m
	if m.InstanceID != nil {
		g.static[*m.InstanceID] = m.ID
	}
	delete(g.pending, m.ID)
}

// remove forgets a member; afterLoss must follow.
func (g *Group) remove(m *member) {
	if m.joining != 0 { // without its id, as Kafka tells one that is removed while it waits
		g.reply(Reply{Ticket: m.joining, Joined: &Joined{Err: kerr.UnknownMemberID, Generation: -1}})
		m.joining = 0
	}
	g.refuse(m, kerr.UnknownMemberID)
	delete(g.members, m.ID)
	if m.InstanceID != nil && g.static[*m.InstanceID] == m.ID {
		delete(g.static, *m.InstanceID)
	}
}

// refuse answers whatever the member waits for with an error.
func (g *Group) refuse(m *member, err *kerr.Error) {
	if m.joining != 0 {
		g.reply(Reply{Ticket: m.joining, Joined: &Joined{Err: err, Generation: -1, MemberID: m.ID}})
		m.joining = 0
	}
	if m.syncing != 0 {
		g.reply(Reply{Ticket: m.syncing, Synced: &Synced{Err: err}})
		m.syncing = 0
	}
}

func (g *Group) reply(r Reply) { g.out.Replies = append(g.out.Replies, r) }

// find is the member that a request speaks for.
func (g *Group) find(id string, instance *string) (*member, *kerr.Error) {
	if instance != nil {
		switch current, ok := g.static[*instance]; {
		case !ok:
			return nil, kerr.UnknownMemberID
		case current != id:
			return nil, kerr.FencedInstanceID
		}
	}
	m := g.members[id]
	if m == nil {
		return nil, kerr.UnknownMemberID
	}
	return m, nil
}

// current is find for a request that names a generation.
func (g *Group) current(id string, instance *string, generation int32) (*member, *kerr.Error) {
	m, err := g.find(id, instance)
	if err == nil && generation != g.Generation {
		return nil, kerr.IllegalGeneration
	}
	return m, err
}

// Heartbeat keeps a member's session, and tells it of a rebalance.
func (g *Group) Heartbeat(now time.Time, id string, instance *string, generation int32) *kerr.Error {
	if g.share != nil {
		return kerr.UnknownMemberID
	}
	if g.modern != nil {
		return g.heartbeatModern(now, id, instance, generation)
	}
	m, err := g.current(id, instance, generation)
	if err != nil {
		return err
	}
	m.alive(now)
	if g.State == PreparingRebalance {
		return kerr.RebalanceInProgress
	}
	return nil
}

// Leave removes a member at once, by its id, or by its instance id with an empty id.
func (g *Group) Leave(now time.Time, id string, instance *string) *kerr.Error {
	if g.share != nil {
		return kerr.UnknownMemberID
	}
	if g.modern != nil {
		return g.leaveModern(now, id, instance)
	}
	if _, ok := g.pending[id]; ok && instance == nil {
		delete(g.pending, id)
		g.tryComplete(now)
		return nil
	}
	if instance != nil && id == "" {
		id = g.static[*instance]
	}
	m, err := g.find(id, instance)
	if err != nil {
		return err
	}
	g.remove(m)
	g.afterLoss(now)
	return nil
}

// MemberInfo is what DescribeGroups tells of a member.
type MemberInfo struct {
	ID                       string
	InstanceID               *string
	ClientID, ClientHost     string
	Subscription, Assignment []byte
}

// Members are the members by id.
func (g *Group) Members() (out []MemberInfo) {
	for _, m := range g.sorted() {
		out = append(out, MemberInfo{m.ID, m.InstanceID, m.ClientID, m.ClientHost, m.subscription(g.Protocol), m.assignment})
	}
	return out
}
