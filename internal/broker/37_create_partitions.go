package broker

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// CreatePartitions, key 37.
//
//	v2  flexible
//	v3  no change but THROTTLING_QUOTA_EXCEEDED
func init() { register(37, 0, 3, handleCreatePartitions) }

func handleCreatePartitions(c *call, req *kmsg.CreatePartitionsRequest) reply {
	resp := req.ResponseKind().(*kmsg.CreatePartitionsResponse)
	names := map[string]int{}
	for i := range req.Topics {
		names[req.Topics[i].Topic]++
	}
	for i := range req.Topics {
		rt := &req.Topics[i]
		if names[rt.Topic] == 0 {
			continue // answered before
		}
		var err error
		if names[rt.Topic] > 1 {
			err = detailed(kerr.InvalidRequest, "Duplicate topic name.")
		} else {
			err = c.createPartitions(rt, req.ValidateOnly)
		}
		names[rt.Topic] = 0
		st := kmsg.NewCreatePartitionsResponseTopic()
		st.Topic, st.ErrorCode, st.ErrorMessage = rt.Topic, codeOf(err), messageOf(err)
		resp.Topics = append(resp.Topics, st)
	}
	return answer(resp)
}

func (c *call) createPartitions(rt *kmsg.CreatePartitionsRequestTopic, validate bool) error {
	t := c.meta.Topic(rt.Topic)
	if t != nil && rt.Assignment != nil && rt.Count > t.Partitions {
		if added := rt.Count - t.Partitions; int(added) != len(rt.Assignment) {
			return detailed(kerr.InvalidReplicaAssignment, "Increasing the number of partitions by %d but %d assignments provided.",
				added, len(rt.Assignment))
		}
		for i, a := range rt.Assignment {
			if err := c.checkReplicas(t.Partitions+int32(i), a.Replicas); err != nil {
				return err
			}
		}
	}
	if t != nil && rt.Count > t.Partitions && !validate {
		if err := c.mutate(rt.Count-t.Partitions, c.version >= 3); err != nil {
			return err
		}
	}
	return c.meta.Grow(rt.Topic, rt.Count, validate)
}
