package broker

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/metadata"
)

// TestGroupConfigsAct: a heartbeat is answered with the interval that is set on its group; other groups have the broker's.
func TestGroupConfigsAct(t *testing.T) {
	tb := start(t, Config{})
	tb.create(t, "t", 1, nil)
	own := metadata.Resource{Kind: kmsg.ConfigResourceTypeGroupConfig, Name: "own"}
	if err := tb.Metadata().SetResourceConfigs(own, false, func(m map[string]string) error {
		m["consumer.heartbeat.interval.ms"] = "7777"
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for group, want := range map[string]int32{"own": 7777, "other": 5000} {
		req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
		req.Group, req.MemberID, req.RebalanceTimeoutMillis, req.SubscribedTopicNames = group, "m", 30000, []string{"t"}
		req.Version, req.Topics = 1, []kmsg.ConsumerGroupHeartbeatRequestTopic{}
		resp := tb.dial(t).ask(t, req).(*kmsg.ConsumerGroupHeartbeatResponse)
		if resp.ErrorCode != 0 || resp.HeartbeatIntervalMillis != want {
			t.Errorf("group %s: error %d, interval %d ms, want %d", group, resp.ErrorCode, resp.HeartbeatIntervalMillis, want)
		}
	}
}
