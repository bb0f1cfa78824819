package broker

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/auth"
	"github.com/millrace/millrace/internal/broker/metadata"
	"github.com/millrace/millrace/internal/broker/share"
)

// ShareAcknowledge, key 79 (KIP-932): acknowledgements that do not travel with a ShareFetch.
//
//	v1  the first: v0 was never released
//	v2  renewing locks (KIP-1222); how long a lock holds
func init() { register(79, 1, 2, handleShareAcknowledge) }

// shareAck is what becomes of the acknowledgements of one partition.
type shareAck struct {
	share.IDPartition
	at  place
	err error
}

func handleShareAcknowledge(c *call, req *kmsg.ShareAcknowledgeRequest) reply {
	resp := req.ResponseKind().(*kmsg.ShareAcknowledgeResponse)
	k, err := shareSessionKey(req.GroupID, req.MemberID)
	var session *share.Session
	if err == nil {
		session, err = c.shares.acknowledging(k, req.ShareSessionEpoch)
	}
	if err != nil {
		resp.ErrorCode = groupCode(err) // without a sentence, as Kafka
		return answer(resp)
	}
	var done []shareAck
	for _, t := range req.Topics {
		for _, p := range t.Partitions {
			acks := make([]share.Ack, len(p.AcknowledgementBatches))
			for i, b := range p.AcknowledgementBatches {
				acks[i] = share.Ack{First: b.FirstOffset, Last: b.LastOffset, Types: b.AcknowledgeTypes}
			}
			done = append(done, c.acknowledge(k, share.IDPartition{ID: t.TopicID, Partition: p.Partition}, acks, req.IsRenewAck))
		}
	}
	if req.ShareSessionEpoch == share.FinalEpoch {
		c.shares.endSession(session)
	}
	return later(func() kmsg.Response {
		resp.AcquisitionLockTimeoutMillis = int32(c.shares.limits(k.Group).Lock.Milliseconds())
		for i := range done {
			a := &done[i]
			a.settle(c)
			rp := kmsg.NewShareAcknowledgeResponseTopicPartition()
			rp.Partition, rp.ErrorCode, rp.ErrorMessage = a.Partition, codeOf(a.err), shareText(a.err)
			if n := len(resp.Topics); n == 0 || resp.Topics[n-1].TopicID != a.ID {
				rt := kmsg.NewShareAcknowledgeResponseTopic()
				rt.TopicID = a.ID
				resp.Topics = append(resp.Topics, rt)
			}
			rt := &resp.Topics[len(resp.Topics)-1]
			rt.Partitions = append(rt.Partitions, rp)
		}
		return resp
	})
}

// shareSessionKey names the session of a request.
func shareSessionKey(group, member *string) (k share.SessionKey, err error) {
	if group == nil {
		return k, kerr.InvalidRequest
	}
	if member == nil || *member == "" || len(*member) > maxMemberID {
		return k, kerr.InvalidRequest
	}
	return share.SessionKey{Group: *group, Member: *member}, nil
}

// acknowledging is the session that a ShareAcknowledge is part of.
func (sc *shares) acknowledging(k share.SessionKey, epoch int32) (*share.Session, error) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	return sc.state.sessions.Acknowledge(k, epoch)
}

// settle waits until what was acknowledged is durable.
func (a *shareAck) settle(c *call) {
	if a.err == nil {
		a.err = c.shares.settled(c.conn.ctx, a.at)
	}
}

// acknowledge takes the acknowledgements of one partition.
func (c *call) acknowledge(k share.SessionKey, p share.IDPartition, acks []share.Ack, renews bool) shareAck {
	a := shareAck{IDPartition: p}
	most := share.Reject
	if c.version >= 2 {
		most = share.Renew
	}
	t := c.meta.TopicByID(p.ID)
	switch {
	case t == nil:
		a.err = kerr.UnknownTopicID
	case !share.CheckAcks(acks, most, renews):
		a.err = kerr.InvalidRequest
	case !c.allowed(auth.Read, auth.Topic, t.Name):
		a.err = kerr.TopicAuthorizationFailed
	case !hasPartition(t, p.Partition):
		a.err = kerr.UnknownTopicOrPartition
	case len(acks) > 0:
		a.at, a.err = c.shares.acknowledge(share.Key{Group: k.Group, Topic: p.ID, Partition: p.Partition}, k.Member, acks)
	}
	return a
}

func hasPartition(t *metadata.Topic, i int32) bool { return i >= 0 && i < t.Partitions }

// shareText is the sentence beside an error of a share partition, which only those have that come from the records in flight.
func shareText(err error) *string {
	var f *share.Fault
	if errors.As(err, &f) {
		return &f.Text
	}
	return nil
}
