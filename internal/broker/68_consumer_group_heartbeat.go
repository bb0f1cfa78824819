package broker

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/group"
	"github.com/millrace/millrace/internal/broker/share"
)

// ConsumerGroupHeartbeat, key 68 (KIP-848). All of a member's life is in it: joining, reporting, being assigned, leaving.
//
//	v1  regular expressions; the member makes its own id (KIP-1082)
func init() { register(keyConsumerGroupHeartbeat, 0, 1, handleConsumerGroupHeartbeat) }

func handleConsumerGroupHeartbeat(c *call, req *kmsg.ConsumerGroupHeartbeatRequest) reply {
	var beaten group.Beaten
	var at place
	err := c.checkConsumerHeartbeat(req)
	if err == nil {
		if req.MemberID == "" {
			req.MemberID = newMemberID("", nil)[1:]
		}
		beat := newBeat(c, req)
		at, err = c.groups.settling(req.Group, true, func(g *group.Group, now time.Time) (err error) {
			beaten, err = g.Beat(now, beat)
			return err
		})
	}
	return later(func() kmsg.Response {
		if err == nil {
			err = c.groups.settled(c.conn.ctx, at)
		}
		resp := req.ResponseKind().(*kmsg.ConsumerGroupHeartbeatResponse)
		if resp.ErrorCode, resp.ErrorMessage = groupCode(err), faultText(err); err != nil {
			return resp
		}
		resp.MemberID, resp.MemberEpoch, resp.HeartbeatIntervalMillis = &req.MemberID, beaten.Epoch, int32(beaten.Interval.Milliseconds())
		if beaten.Assignment != nil {
			resp.Assignment = &kmsg.ConsumerGroupHeartbeatResponseAssignment{}
			beaten.Assignment.EachTopic(func(id group.TopicID, partitions []int32) {
				resp.Assignment.Topics = append(resp.Assignment.Topics, kmsg.ConsumerGroupHeartbeatResponseAssignmentTopic{TopicID: id, Partitions: partitions})
			})
		}
		return resp
	})
}

// faultText is the sentence beside an error of a group; nil for no error.
func faultText(err error) *string {
	var f *group.Fault
	if errors.As(err, &f) && f.Text != "" {
		return &f.Text
	} else if f != nil {
		return nil
	}
	var s *share.Fault
	if errors.As(err, &s) {
		return &s.Text
	}
	return messageOf(err)
}

func newBeat(c *call, req *kmsg.ConsumerGroupHeartbeatRequest) group.Beat {
	b := group.Beat{
		MemberID: req.MemberID, Epoch: req.MemberEpoch, InstanceID: req.InstanceID, RackID: req.RackID,
		Rebalance: time.Duration(req.RebalanceTimeoutMillis) * time.Millisecond,
		Topics:    req.SubscribedTopicNames, Pattern: req.SubscribedTopicRegex, Assignor: req.ServerAssignor,
		ClientID: c.clientID, ClientHost: c.conn.peer(), MayDescribe: c.describer(),
	}
	if req.Topics != nil {
		b.Owned = []group.IDPartition{}
	}
	for _, t := range req.Topics {
		for _, p := range t.Partitions {
			b.Owned = append(b.Owned, group.IDPartition{ID: t.TopicID, Partition: p})
		}
	}
	return b
}

// checkConsumerHeartbeat refuses what no group needs to be asked about.
func (c *call) checkConsumerHeartbeat(req *kmsg.ConsumerGroupHeartbeatRequest) error {
	bad := func(text string) error { return &group.Fault{Code: kerr.InvalidRequest, Text: text} }
	empty := func(s *string) bool { return s != nil && strings.TrimSpace(*s) == "" }
	joins := req.MemberEpoch == 0
	switch {
	case strings.TrimSpace(req.Group) == "":
		return bad("GroupId can't be empty.")
	case strings.TrimSpace(req.MemberID) == "" && (c.version >= 1 || !joins):
		return bad("MemberId can't be empty.")
	case empty(req.InstanceID):
		return bad("InstanceId can't be empty.")
	case empty(req.RackID):
		return bad("RackId can't be empty.")
	case joins && req.RebalanceTimeoutMillis == -1:
		return bad("RebalanceTimeoutMs must be provided in first request.")
	case joins && (req.Topics == nil || len(req.Topics) > 0):
		return bad("TopicPartitions must be empty when (re-)joining.")
	case joins && req.SubscribedTopicNames == nil && req.SubscribedTopicRegex == nil:
		return bad("Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.")
	case req.MemberEpoch == -2 && req.InstanceID == nil:
		return bad("InstanceId can't be null.")
	case req.MemberEpoch < -2:
		return bad("MemberEpoch is invalid.")
	}
	if assignors := c.groups.config.Consumer.Assignors; req.ServerAssignor != nil && !slices.Contains(assignors, *req.ServerAssignor) {
		return &group.Fault{Code: kerr.UnsupportedAssignor,
			Text: "ServerAssignor " + *req.ServerAssignor + " is not supported. Supported assignors: " + strings.Join(assignors, ", ") + "."}
	}
	return nil
}
