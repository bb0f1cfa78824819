package broker

import (
	"errors"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/auth"
	"github.com/millrace/millrace/internal/broker/metadata"
)

// Metadata, key 3.
//
//	v0   no topics stand for all
//	v1   null topics stand for all, none for none; racks, controller, internal topics
//	v2   cluster id
//	v3   throttle time
//	v4   the client may forbid creating topics
//	v5   offline replicas
//	v7   leader epochs
//	v8   authorized operations (KIP-430)
//	v9   flexible
//	v10  topic ids in the response, and in requests that Kafka itself answers with an error until v12 (KIP-516)
//	v11  no more authorized operations of the cluster
//	v12  topics may be asked for by id alone
//	v13  an error for the whole (KIP-1102)
func init() { register(3, 0, 13, handleMetadata) }

// What is told without an authorizer, when everything is allowed; with one, the guards say it.
var (
	topicOperations   = auth.AllOperations(auth.Topic)
	clusterOperations = auth.AllOperations(auth.Cluster)
)

func handleMetadata(c *call, req *kmsg.MetadataRequest) reply {
	resp := req.ResponseKind().(*kmsg.MetadataResponse)
	if c.version < 12 && asksByID(req) {
		return answer(refuseIDs(resp, req))
	}
	id := c.meta.Identity()
	broker := kmsg.NewMetadataResponseBroker()
	broker.NodeID, broker.Host, broker.Port, broker.Rack = id.NodeID, c.conn.host, c.conn.port, c.rack()
	resp.Brokers = append(resp.Brokers, broker)
	resp.ClusterID = &id.ClusterID
	resp.ControllerID = id.NodeID
	if req.IncludeClusterAuthorizedOperations {
		resp.AuthorizedOperations = clusterOperations
	}
	add := func(t kmsg.MetadataResponseTopic) {
		if req.IncludeTopicAuthorizedOperations && t.ErrorCode == 0 {
			t.AuthorizedOperations = topicOperations
		}
		resp.Topics = append(resp.Topics, t)
	}
	if req.Topics == nil || c.version == 0 && len(req.Topics) == 0 {
		for _, t := range c.meta.Topics() {
			add(c.describeTopic(t))
		}
		return answer(resp)
	}
	create := (c.version < 4 || req.AllowAutoTopicCreation) && c.meta.Setting("auto.create.topics.enable") == "true"
	seen := map[string]bool{}
	for i := range req.Topics {
		if st := c.findTopic(&req.Topics[i], create); st.Topic == nil || !seen[*st.Topic] {
			add(st)
			if st.Topic != nil {
				seen[*st.Topic] = true
			}
		}
	}
	return answer(resp)
}

func asksByID(req *kmsg.MetadataRequest) bool {
	return slices.ContainsFunc(req.Topics, func(t kmsg.MetadataRequestTopic) bool { return t.Topic == nil || t.TopicID != [16]byte{} })
}

// refuseIDs is Kafka's answer to versions that have a place for topic ids and no use for them.
func refuseIDs(resp *kmsg.MetadataResponse, req *kmsg.MetadataRequest) *kmsg.MetadataResponse {
	for _, rt := range req.Topics {
		st := kmsg.NewMetadataResponseTopic()
		st.Topic, st.TopicID, st.ErrorCode = rt.Topic, rt.TopicID, kerr.InvalidRequest.Code
		if st.Topic == nil {
			st.Topic = new(string) // not nullable yet
		}
		resp.Topics = append(resp.Topics, st)
	}
	resp.ControllerID = -1
	return resp
}

func (b *Broker) rack() *string {
	if rack := b.meta.Setting("broker.rack"); rack != "" {
		return &rack
	}
	return nil
}

// findTopic answers for a topic asked for by name or id. A name that is free is taken, if that is allowed.
func (c *call) findTopic(rt *kmsg.MetadataRequestTopic, create bool) kmsg.MetadataResponseTopic {
	var topic *metadata.Topic
	var err error
	switch {
	case rt.Topic == nil && rt.TopicID == [16]byte{}:
		err = kerr.InvalidRequest
	case rt.TopicID != [16]byte{}: // whatever the name is
		rt.Topic = nil
		if topic = c.meta.TopicByID(rt.TopicID); topic == nil {
			err = kerr.UnknownTopicID
		}
	default:
		if topic = c.meta.Topic(*rt.Topic); topic == nil {
			topic, err = c.autoCreate(*rt.Topic, create)
		}
	}
	if topic != nil {
		return c.describeTopic(topic)
	}
	st := kmsg.NewMetadataResponseTopic()
	st.Topic, st.TopicID, st.ErrorCode = rt.Topic, rt.TopicID, codeOf(err)
	return st
}

// autoCreate creates a topic that a client speaks of. A coordinator's topic gets the coordinator's configs, whoever asks first.
func (b *Broker) autoCreate(name string, allowed bool) (*metadata.Topic, error) {
	if err := metadata.CheckName(name); err != nil {
		return nil, err
	}
	if !allowed {
		return nil, kerr.UnknownTopicOrPartition
	}
	if metadata.IsInternal(name) {
		return b.internalTopic(name)
	}
	t, err := b.createOnce(name, int32(b.meta.SettingInt("num.partitions")), nil)
	if errors.Is(err, kerr.InvalidTopicException) || err == nil {
		return t, err
	}
	b.config.Report("creating topic " + name + ": " + err.Error())
	return nil, kerr.LeaderNotAvailable // the client asks again
}

func (c *call) describeTopic(t *metadata.Topic) kmsg.MetadataResponseTopic {
	st := kmsg.NewMetadataResponseTopic()
	st.Topic, st.TopicID, st.IsInternal = &t.Name, t.ID, t.Internal()
	node := []int32{c.meta.Identity().NodeID}
	st.Partitions = make([]kmsg.MetadataResponseTopicPartition, t.Partitions)
	for i := range st.Partitions {
		p := &st.Partitions[i]
		p.Default()
		p.Partition, p.Leader, p.LeaderEpoch, p.Replicas, p.ISR = int32(i), node[0], leaderEpoch, node, node
	}
	return st
}
