package broker

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/group"
	"github.com/millrace/millrace/internal/broker/share"
)

// DeleteShareGroupOffsets, key 92 (KIP-932).
func init() { register(92, 0, 0, handleDeleteShareGroupOffsets) }

func handleDeleteShareGroupOffsets(c *call, req *kmsg.DeleteShareGroupOffsetsRequest) reply {
	resp := req.ResponseKind().(*kmsg.DeleteShareGroupOffsetsResponse)
	var states places
	var at place
	err := error(kerr.InvalidGroupID)
	if req.GroupID != "" {
		at, err = c.groups.settling(req.GroupID, true, func(g *group.Group, _ time.Time) error {
			return g.ShareDo(false, "Group %s not found.", func(s *share.Group) (err error) {
				if !s.Empty() {
					return &share.Fault{Code: kerr.NonEmptyGroup, Text: kerr.NonEmptyGroup.Description}
				}
				states, err = c.shares.forget(c.deleteShareOffsets(s, req, resp))
				return err
			})
		})
	}
	return later(func() kmsg.Response {
		if err == nil {
			err = states.settled(c)
		}
		if err == nil {
			err = c.groups.settled(c.conn.ctx, at)
		}
		if err != nil {
			resp.Topics, resp.ErrorCode, resp.ErrorMessage = nil, groupCode(err), faultText(err)
		}
		return resp
	})
}

func (c *call) deleteShareOffsets(s *share.Group, req *kmsg.DeleteShareGroupOffsetsRequest, resp *kmsg.DeleteShareGroupOffsetsResponse) (keys []share.Key) {
	if !s.Stated() {
		return nil
	}
	for _, t := range req.Topics {
		rt := kmsg.NewDeleteShareGroupOffsetsResponseTopic()
		rt.Topic = t.Topic
		unknown := func(text string) { rt.ErrorCode, rt.ErrorMessage = kerr.UnknownTopicOrPartition.Code, &text }
		if topic := c.meta.Topic(t.Topic); topic == nil {
			unknown(kerr.UnknownTopicOrPartition.Description)
		} else if gone := s.Drop(topic.ID); len(gone) == 0 {
			unknown("There is no offset information to delete.")
		} else {
			rt.TopicID = topic.ID
			keys = append(keys, gone...)
		}
		resp.Topics = append(resp.Topics, rt)
	}
	return keys
}
