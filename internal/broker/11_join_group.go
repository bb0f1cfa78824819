package broker

import (
	"crypto/rand"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/group"
)

// JoinGroup, key 11.
//
//	v1  rebalance timeout; before, the session's counts for both
//	v4  a new member is given an id and must come again with it (KIP-394)
//	v5  static members (KIP-345)
//	v6  flexible
//	v7  protocol type in the response (KIP-559)
//	v8  the reason (KIP-800)
//	v9  a leader may be told not to assign (KIP-814)
func init() { register(11, 0, 9, handleJoinGroup) }

func handleJoinGroup(c *call, req *kmsg.JoinGroupRequest) reply {
	if req.Group == "" {
		return answer(joinGroupResponse(req, &group.Joined{Err: kerr.InvalidGroupID, Generation: -1, MemberID: req.MemberID}))
	}
	join := group.JoinRequest{
		MemberID: req.MemberID, NewID: newMemberID(c.clientID, req.InstanceID), InstanceID: req.InstanceID,
		ClientID: c.clientID, ClientHost: c.conn.peer(), RequireID: c.version >= 4, MaySkip: c.version >= 9, MayDescribe: c.describer(),
		Session:   time.Duration(req.SessionTimeoutMillis) * time.Millisecond,
		Rebalance: time.Duration(req.RebalanceTimeoutMillis) * time.Millisecond, ProtocolType: req.ProtocolType,
	}
	if join.Rebalance <= 0 { // v0 has none
		join.Rebalance = join.Session
	}
	for _, p := range req.Protocols {
		join.Protocols = append(join.Protocols, group.Protocol{Name: p.Name, Metadata: p.Metadata})
	}
	ch := c.groups.do(req.Group, func(g *group.Group, now time.Time, ticket uint64) {
		join.Ticket = ticket
		g.Join(now, join)
	})
	return later(func() kmsg.Response {
		r := c.groups.await(c, ch)
		if r.err != nil {
			resp := joinGroupResponse(req, &group.Joined{Generation: -1, MemberID: req.MemberID})
			resp.ErrorCode = groupCode(r.err)
			return resp
		}
		return joinGroupResponse(req, r.Joined)
	})
}

func joinGroupResponse(req *kmsg.JoinGroupRequest, j *group.Joined) *kmsg.JoinGroupResponse {
	resp := req.ResponseKind().(*kmsg.JoinGroupResponse)
	resp.ErrorCode, resp.Generation, resp.LeaderID, resp.MemberID = groupCode(fault(j.Err)), j.Generation, j.Leader, j.MemberID
	resp.SkipAssignment = j.SkipAssignment
	resp.Protocol = &j.Protocol
	if j.ProtocolType != "" {
		resp.ProtocolType = &j.ProtocolType
	}
	if req.Version >= 7 && j.Err != nil {
		resp.Protocol = nil
	}
	for _, m := range j.Members {
		rm := kmsg.NewJoinGroupResponseMember()
		rm.MemberID, rm.InstanceID, rm.ProtocolMetadata = m.ID, m.InstanceID, m.Subscription
		resp.Members = append(resp.Members, rm)
	}
	return resp
}

// newMemberID is an id that nobody has, and that a person can tell.
func newMemberID(client string, instance *string) string {
	if instance != nil {
		client = *instance
	}
	return client + "-" + rand.Text()
}

// peer is the client's host, as DescribeGroups shows it.
func (c *conn) peer() string {
	host, _, err := net.SplitHostPort(c.nc.RemoteAddr().String())
	if err != nil {
		return ""
	}
	return "/" + host
}
