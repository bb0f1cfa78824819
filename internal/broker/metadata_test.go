package broker

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestMetadataByID: an id decides, whether the name beside it is null, as kgo sends it, or empty, as the Java client does. Without one an
// empty name is a false one.
func TestMetadataByID(t *testing.T) {
	tb := start(t, Config{})
	tb.create(t, "t", 2, nil)
	c := tb.dial(t)
	ask := func(name *string, id [16]byte) kmsg.MetadataResponseTopic {
		t.Helper()
		req := kmsg.NewPtrMetadataRequest()
		req.Version = 12
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic, topic.TopicID = name, id
		req.Topics = append(req.Topics, topic)
		return c.ask(t, req).(*kmsg.MetadataResponse).Topics[0]
	}
	name, empty := "t", ""
	id := ask(&name, [16]byte{}).TopicID
	for _, beside := range []*string{nil, &empty} {
		if got := ask(beside, id); got.ErrorCode != 0 || got.Topic == nil || *got.Topic != "t" || len(got.Partitions) != 2 {
			t.Errorf("asked by id: %+v", got)
		}
		if got := ask(beside, [16]byte{1}); got.ErrorCode != kerr.UnknownTopicID.Code || got.Topic != nil {
			t.Errorf("asked by an unknown id: %+v", got)
		}
	}
	if got := ask(&empty, [16]byte{}); got.ErrorCode != kerr.InvalidTopicException.Code {
		t.Errorf("asked by an empty name: %+v", got)
	}
}
