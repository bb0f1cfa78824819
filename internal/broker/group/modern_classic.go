package group

import (
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

var rebalanceInProgress = kerr.RebalanceInProgress

// Members of the classic protocol in a group of the consumer protocol. Their generation is their member epoch; the coordinator assigns,
// so none of them leads; a heartbeat tells them to join again whenever there is a step to take.

// joinModern is a JoinGroup.
func (g *Group) joinModern(now time.Time, req *JoinRequest) {
	if err := g.admitClassic(req); err != nil {
		id := ""
		if err == kerr.InvalidSessionTimeout {
			id = req.MemberID
		}
		g.refuseJoin(req, id, err)
		return
	}
	mo, id := g.modern, req.MemberID
	var takes *modernMember
	if req.InstanceID != nil {
		holder := mo.members[mo.static[*req.InstanceID]]
		switch {
		case id == "" && holder != nil:
			takes = holder
		case id != "" && holder == nil:
			g.refuseJoin(req, id, kerr.UnknownMemberID)
			return
		case id != "" && holder.id != id:
			g.refuseJoin(req, id, kerr.FencedInstanceID)
			return
		}
	} else if id == "" && req.RequireID {
		g.refuseJoin(req, req.NewID, kerr.MemberIDRequired)
		return
	}
	if id == "" {
		id = req.NewID
	}
	g.stepClassic(now, req, id, takes)
}

// stepClassic takes the member as far as it can go now, and answers.
func (g *Group) stepClassic(now time.Time, req *JoinRequest, id string, takes *modernMember) {
	mo, m := g.modern, g.modern.members[id]
	spec, before := classicMember(req, req.Protocols), memberSpec{}
	if takes != nil {
		before = takes.memberSpec
	} else if m != nil {
		before = m.memberSpec
	}
	m = g.putMember(id, spec, m, takes)
	g.refresh(now, g.resubscribed(&before, &spec, req.MayDescribe), req.MayDescribe)
	g.retarget(now)
	g.reconcile(now, m, g.ownedByClassic(req), true)
	m.until, m.syncBy, m.joinBy = now.Add(req.Session), now.Add(req.Rebalance), time.Time{}
	g.settleModern()
	g.reply(Reply{Ticket: req.Ticket, Joined: &Joined{Generation: m.epoch, ProtocolType: "consumer", Protocol: mo.protocolOf(m), MemberID: id}})
}

// ownedByClassic are the partitions that a cooperative member keeps over the rebalance; the others have let go of all before they join.
func (g *Group) ownedByClassic(req *JoinRequest) map[IDPartition]bool {
	out := map[IDPartition]bool{}
	s, err := readSubscription(req.Protocols[0].Metadata)
	if err != nil {
		return out
	}
	for _, o := range s.OwnedPartitions {
		if t, ok := g.config.Topics.ByName(o.Topic); ok {
			for _, p := range o.Partitions {
				out[IDPartition{t.ID, p}] = true
			}
		}
	}
	return out
}

func (g *Group) admitClassic(req *JoinRequest) *kerr.Error {
	if req.Session < g.config.MinSession || req.Session > g.config.MaxSession {
		return kerr.InvalidSessionTimeout
	}
	mo := g.modern
	_, known := mo.members[req.MemberID]
	if req.InstanceID != nil {
		_, static := mo.static[*req.InstanceID]
		known = known || static
	}
	if limit := g.config.Consumer.MaxSize; limit > 0 && len(mo.members) >= limit && !known {
		return kerr.GroupMaxSizeReached
	}
	if req.ProtocolType != "consumer" || len(req.Protocols) == 0 {
		return kerr.InconsistentGroupProtocol
	}
	if _, err := readSubscription(req.Protocols[0].Metadata); err != nil {
		return kerr.InconsistentGroupProtocol
	}
	if !slices.ContainsFunc(req.Protocols, func(p Protocol) bool { return mo.allOffer(p.Name) }) {
		return kerr.InconsistentGroupProtocol
	}
	return nil
}

// allOffer says whether all members of the classic protocol know a way of assigning.
func (mo *modern) allOffer(protocol string) bool {
	for _, m := range mo.members {
		if m.Classic != nil && !slices.ContainsFunc(m.Classic.Protocols, func(p Protocol) bool { return p.Name == protocol }) {
			return false
		}
	}
	return true
}

// protocolOf is the member's first way of assigning that the others know too. Nobody uses it: it is what the client expects to hear.
func (mo *modern) protocolOf(m *modernMember) string {
	for _, p := range m.Classic.Protocols {
		if mo.allOffer(p.Name) {
			return p.Name
		}
	}
	return ""
}

// findClassic is the member of the classic protocol that a request speaks for.
func (mo *modern) findClassic(id string, instance *string) (*modernMember, *kerr.Error) {
	if instance != nil {
		switch holder, ok := mo.static[*instance]; {
		case !ok:
			return nil, kerr.UnknownMemberID
		case holder != id:
			return nil, kerr.FencedInstanceID
		}
	}
	m := mo.members[id]
	if m == nil || m.Classic == nil {
		return nil, kerr.UnknownMemberID
	}
	return m, nil
}

// syncModern is a SyncGroup: the member's assignment is there since it joined.
func (g *Group) syncModern(now time.Time, req *SyncRequest) {
	m, err := g.modern.findClassic(req.MemberID, req.InstanceID)
	switch {
	case err != nil:
	case req.Generation != m.epoch:
		err = kerr.IllegalGeneration
	case differs(req.ProtocolType, "consumer") || differs(req.Protocol, g.modern.protocolOf(m)):
		err = kerr.InconsistentGroupProtocol
	case g.modern.epoch > m.epoch && m.state != memberUnrevoked:
		err = kerr.RebalanceInProgress
	}
	if err != nil {
		g.reply(Reply{Ticket: req.Ticket, Synced: &Synced{Err: err}})
		return
	}
	m.until, m.syncBy = now.Add(m.Classic.Session), time.Time{}
	g.reply(Reply{Ticket: req.Ticket, Synced: &Synced{
		ProtocolType: "consumer", Protocol: g.modern.protocolOf(m), Assignment: g.clientAssignment(m.assigned),
	}})
}

// heartbeatModern is a Heartbeat. It tells the member to join if there is something that it must let go, or can get.
func (g *Group) heartbeatModern(now time.Time, id string, instance *string, generation int32) *kerr.Error {
	mo := g.modern
	m, err := mo.findClassic(id, instance)
	switch {
	case err != nil:
		return err
	case generation != m.epoch:
		return kerr.IllegalGeneration
	}
	m.until = now.Add(m.Classic.Session)
	if m.epoch == mo.epoch && m.state != memberUnrevoked && (m.state != memberUnreleased || mo.waits(m)) {
		return nil
	}
	if m.joinBy.IsZero() {
		m.joinBy = now.Add(m.Rebalance)
	}
	return kerr.RebalanceInProgress
}

// waits says whether all that a member is still to get is owned by others.
func (mo *modern) waits(m *modernMember) bool {
	for p := range mo.target[m.id] {
		if _, has := m.assigned[p]; has {
			continue
		}
		if owner, taken := mo.owners[p]; !taken || owner == m.id {
			return false
		}
	}
	return true
}

// leaveModern is a LeaveGroup: a member's own, or an administrator's, who may remove members of both kinds.
func (g *Group) leaveModern(now time.Time, id string, instance *string) *kerr.Error {
	mo := g.modern
	if instance != nil {
		switch holder, ok := mo.static[*instance]; {
		case !ok:
			return kerr.UnknownMemberID
		case id != "" && holder != id:
			return kerr.FencedInstanceID
		default:
			id = holder
		}
	}
	m := mo.members[id]
	if m == nil {
		return kerr.UnknownMemberID
	}
	g.removeModern(now, []*modernMember{m})
	return nil
}

// checkModern says whether offsets may be committed. A member may be behind its epoch, as long as it has had the partitions since
// before: the heartbeat that raised it may be under way.
func (g *Group) checkModern(by *Committer) *kerr.Error {
	mo := g.modern
	if by.Generation < 0 && (len(mo.members) == 0 || by.InTxn && by.MemberID == "" && by.InstanceID == nil) {
		return nil
	}
	m := mo.members[by.MemberID]
	if m == nil {
		return kerr.UnknownMemberID
	}
	stale := kerr.StaleMemberEpoch
	if m.Classic != nil || by.InTxn {
		stale = kerr.IllegalGeneration
	} else if !by.Checks {
		return kerr.UnsupportedVersion
	}
	if by.Generation > m.epoch {
		return stale
	}
	if by.Generation < m.epoch {
		for _, p := range by.Partitions {
			if !g.hadBy(m, p, by.Generation) {
				return stale
			}
		}
	}
	return nil
}

func (g *Group) hadBy(m *modernMember, p Partition, epoch int32) bool {
	t, ok := g.config.Topics.ByName(p.Topic)
	if !ok {
		return true // it is refused for that
	}
	for _, a := range []Assignment{m.assigned, m.revoking} {
		if since, has := a[IDPartition{t.ID, p.Partition}]; has {
			return since <= epoch
		}
	}
	return false
}

// CheckFetch says whether a member may fetch offsets; one that does not name itself may.
func (g *Group) CheckFetch(id string, epoch int32) *kerr.Error {
	if g.modern == nil || id == "" && epoch < 0 {
		return nil
	}
	switch m := g.modern.members[id]; {
	case m == nil:
		return kerr.UnknownMemberID
	case m.epoch != epoch:
		return kerr.StaleMemberEpoch
	}
	return nil
}

// subscribes says whether a member reads a topic.
func (mo *modern) subscribes(topic string) bool {
	for _, m := range mo.members {
		if slices.Contains(m.Topics, topic) || slices.Contains(mo.patterns[m.Pattern], topic) {
			return true
		}
	}
	return false
}
