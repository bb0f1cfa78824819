package broker

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/txn"
	"github.com/millrace/millrace/internal/commitlog"
)

// WriteTxnMarkers, key 27: what the coordinator does by itself here, for whom a transaction hangs (kafka-transactions abort, KIP-664).
//
//	v1  flexible; v0 was removed in Kafka 4.0 (KIP-896)
//	v2  the transaction.version of the transaction (KIP-1228)
func init() { register(27, 1, 2, handleWriteTxnMarkers) }

// handMarker is one marker of a request, and where it went.
type handMarker struct {
	at  place
	err error
}

func handleWriteTxnMarkers(c *call, req *kmsg.WriteTxnMarkersRequest) reply {
	var done []handMarker
	for i := range req.Markers {
		m := &req.Markers[i]
		for _, t := range m.Topics {
			for _, p := range t.Partitions {
				at, err := c.writeMarker(m, txn.Partition{Topic: t.Topic, Partition: p})
				done = append(done, handMarker{at, err})
			}
		}
	}
	return later(func() kmsg.Response {
		resp := req.ResponseKind().(*kmsg.WriteTxnMarkersResponse)
		for _, m := range req.Markers {
			sm := kmsg.NewWriteTxnMarkersResponseMarker()
			sm.ProducerID = m.ProducerID
			for _, t := range m.Topics {
				st := kmsg.NewWriteTxnMarkersResponseMarkerTopic()
				st.Topic = t.Topic
				for _, p := range t.Partitions {
					d := done[0]
					if done = done[1:]; d.err == nil {
						d.err = d.at.durable(c.conn.ctx)
					}
					c.noteMarkerFailure(txn.Partition{Topic: t.Topic, Partition: p}, d)
					sp := kmsg.NewWriteTxnMarkersResponseMarkerTopicPartition()
					sp.Partition, sp.ErrorCode = p, codeOf(d.err)
					st.Partitions = append(st.Partitions, sp)
				}
				sm.Topics = append(sm.Topics, st)
			}
			resp.Markers = append(resp.Markers, sm)
		}
		return resp
	})
}

func (c *call) noteMarkerFailure(p txn.Partition, d handMarker) {
	if errors.Is(d.err, commitlog.ErrOffline) && d.at.log != nil {
		c.states.noteOffline(p, d.at.log, d.err)
	}
}

func (c *call) writeMarker(m *kmsg.WriteTxnMarkersRequestMarker, p txn.Partition) (at place, err error) {
	if m.ProducerID < 0 || m.ProducerEpoch < 0 {
		return at, kerr.InvalidRequest
	}
	if p.Topic == offsetsTopic && c.meta.Topic(offsetsTopic) != nil {
		return c.groups.endTxn(p.Partition, m.ProducerID, m.ProducerEpoch, m.Committed, m.CoordinatorEpoch)
	}
	if at.log, err = c.meta.Partition(p.Topic, p.Partition); err == nil {
		at.offset, err = at.log.AppendMarker(m.ProducerID, m.ProducerEpoch, m.Committed, m.CoordinatorEpoch)
	}
	return at, err
}
