package broker

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// DeleteTopics, key 20.
//
//	v1  throttle time; v0 was removed in Kafka 4.0 (KIP-896)
//	v4  flexible
//	v5  error message
//	v6  by topic id (KIP-516)
func init() { register(20, 1, 6, handleDeleteTopics) }

func handleDeleteTopics(c *call, req *kmsg.DeleteTopicsRequest) reply {
	resp := req.ResponseKind().(*kmsg.DeleteTopicsResponse)
	topics := req.Topics
	for _, name := range req.TopicNames {
		t := kmsg.NewDeleteTopicsRequestTopic()
		t.Topic = &name
		topics = append(topics, t)
	}
	names := map[string]int{}
	for _, t := range topics {
		names[named(t)]++
	}
	for i := range topics {
		n := names[named(topics[i])]
		if names[named(topics[i])] = 0; n == 0 {
			continue // answered before
		}
		st := kmsg.NewDeleteTopicsResponseTopic()
		st.Topic, st.TopicID = topics[i].Topic, topics[i].TopicID
		var err error = detailed(kerr.InvalidRequest, "Duplicate topic.")
		if n == 1 {
			err = c.deleteTopic(&st)
		}
		st.ErrorCode, st.ErrorMessage = codeOf(err), messageOf(err)
		resp.Topics = append(resp.Topics, st)
	}
	return answer(resp)
}

// named is what a request calls a topic.
func named(t kmsg.DeleteTopicsRequestTopic) string {
	if t.Topic != nil {
		return *t.Topic
	}
	return "\x00" + string(t.TopicID[:])
}

// deleteTopic deletes by name or id, and completes the one by the other.
func (c *call) deleteTopic(st *kmsg.DeleteTopicsResponseTopic) error {
	byID := st.TopicID != [16]byte{}
	if byID == (st.Topic != nil) {
		return detailed(kerr.InvalidRequest, "A topic is named by its name or its id, by one of them.")
	}
	if c.meta.Setting("delete.topic.enable") != "true" {
		return kerr.TopicDeletionDisabled
	}
	if byID {
		t := c.meta.TopicByID(st.TopicID)
		if t == nil {
			return kerr.UnknownTopicID
		}
		st.Topic = &t.Name
	} else if t := c.meta.Topic(*st.Topic); t != nil {
		st.TopicID = t.ID
	}
	if t := c.meta.Topic(*st.Topic); t != nil {
		if err := c.mutate(t.Partitions, c.version >= 5); err != nil {
			return err
		}
	}
	return c.meta.Delete(*st.Topic)
}
