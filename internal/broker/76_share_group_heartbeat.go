package broker

import (
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/group"
	"github.com/millrace/millrace/internal/broker/share"
)

// ShareGroupHeartbeat, key 76 (KIP-932). All of a member's life in its group is in it; what it reads is up to ShareFetch.
//
//	v1  the first: v0 was never released
func init() { register(keyShareGroupHeartbeat, 1, 1, handleShareGroupHeartbeat) }

const keyShareGroupHeartbeat = 76

func handleShareGroupHeartbeat(c *call, req *kmsg.ShareGroupHeartbeatRequest) reply {
	var beaten share.Beaten
	var at place
	var states places
	err := checkShareHeartbeat(req)
	if err == nil {
		beat := share.Beat{
			MemberID: req.MemberID, Epoch: req.MemberEpoch, RackID: req.RackID, Topics: req.SubscribedTopicNames,
			ClientID: c.clientID, ClientHost: c.conn.peer(),
		}
		at, err = c.groups.settling(req.GroupID, true, func(g *group.Group, now time.Time) (err error) {
			if beaten, err = g.ShareBeat(now, beat); err == nil {
				states, err = c.shares.initialize(beaten.Initialize, beaten.StateEpoch, func(share.Key) int64 { return -1 })
			}
			return err
		})
	}
	return later(func() kmsg.Response {
		if err == nil {
			err = c.groups.settled(c.conn.ctx, at)
		}
		if err == nil {
			err = states.settled(c)
		}
		resp := req.ResponseKind().(*kmsg.ShareGroupHeartbeatResponse)
		if resp.ErrorCode, resp.ErrorMessage = groupCode(err), faultText(err); err != nil {
			return resp
		}
		resp.MemberID, resp.MemberEpoch, resp.HeartbeatIntervalMillis = &req.MemberID, beaten.Epoch, int32(beaten.Interval.Milliseconds())
		if beaten.Assignment != nil {
			resp.Assignment = &kmsg.ShareGroupHeartbeatResponseAssignment{}
			beaten.Assignment.EachTopic(func(id share.TopicID, partitions []int32) {
				resp.Assignment.TopicPartitions = append(resp.Assignment.TopicPartitions,
					kmsg.ShareGroupHeartbeatResponseAssignmentTopicPartition{TopicID: id, Partitions: partitions})
			})
		}
		return resp
	})
}

// maxMemberID is how long Kafka lets the id of a share group's member be: as long as a UUID.
const maxMemberID = 36

// checkShareHeartbeat refuses what no group needs to be asked about.
func checkShareHeartbeat(req *kmsg.ShareGroupHeartbeatRequest) error {
	bad := func(text string) error { return &group.Fault{Code: kerr.InvalidRequest, Text: text} }
	empty := func(s string) bool { return strings.TrimSpace(s) == "" }
	switch {
	case req.MemberID == "" || len(req.MemberID) > maxMemberID:
		return &group.Fault{Code: kerr.InvalidRequest} // without a sentence, as Kafka
	case empty(req.MemberID):
		return bad("MemberId can't be empty.")
	case empty(req.GroupID):
		return bad("GroupId can't be empty.")
	case req.RackID != nil && empty(*req.RackID):
		return bad("RackId can't be empty.")
	case req.MemberEpoch == 0 && len(req.SubscribedTopicNames) == 0:
		return bad("SubscribedTopicNames must be set in first request.")
	case req.MemberEpoch < -1:
		return bad("MemberEpoch is invalid.")
	}
	return nil
}
