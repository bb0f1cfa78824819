package broker

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/vfs"
)

// TestServerSideGroup is franz-go's conversation in KIP-848: members come and go, topics match a pattern and grow, the broker restarts,
// and every record is read exactly once by the committed offsets.
func TestServerSideGroup(t *testing.T) {
	fs := vfs.NewMem()
	settings := map[string]string{"offsets.topic.num.partitions": "2", "group.consumer.heartbeat.interval.ms": "50"}
	tb := start(t, Config{FS: fs, Settings: settings})
	tb.create(t, "in-1", 4, nil)
	member := func() *kgo.Client {
		return tb.client(t, kgo.ConsumerGroup("g"), kgo.ServerSideBalancer(), kgo.ConsumeRegex(), kgo.ConsumeTopics("in-.*"),
			kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit(), kgo.MetadataMinAge(50*time.Millisecond),
			kgo.MetadataMaxAge(200*time.Millisecond))
	}
	put := func(tb *testBroker, topic string, partitions int32, value string) {
		t.Helper()
		out := tb.client(t, kgo.DefaultProduceTopic(topic), kgo.RecordPartitioner(kgo.ManualPartitioner()))
		for p := range partitions {
			produce(t, out, &kgo.Record{Partition: p, Value: []byte(value)})
		}
		out.Close()
	}
	seen := map[string]int{}
	read := func(n int, clients ...*kgo.Client) {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); len(seen) < n; {
			if time.Now().After(end) {
				t.Fatalf("read %d of %d: %v", len(seen), n, seen)
			}
			for _, cl := range clients {
				ctx, cancel := context.WithTimeout(testContext(t), 100*time.Millisecond)
				for _, r := range cl.PollFetches(ctx).Records() {
					seen[fmt.Sprintf("%s-%d %s", r.Topic, r.Partition, r.Value)]++
				}
				cancel()
				if err := cl.CommitUncommittedOffsets(testContext(t)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	alter := kmsg.NewPtrIncrementalAlterConfigsRequest()
	resource := kmsg.NewIncrementalAlterConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeGroupConfig, "slow"
	interval := "7000"
	resource.Configs = []kmsg.IncrementalAlterConfigsRequestResourceConfig{{Name: "consumer.heartbeat.interval.ms", Value: &interval}}
	alter.Resources = append(alter.Resources, resource)
	if resp, err := alter.RequestWith(testContext(t), tb.client(t)); err != nil || resp.Resources[0].ErrorCode != 0 {
		t.Fatalf("%v %+v", err, resp)
	}
	for group, want := range map[string]int32{"slow": 7000, "other": 50} {
		beat := kmsg.NewPtrConsumerGroupHeartbeatRequest()
		beat.Version, beat.Group, beat.MemberID, beat.RebalanceTimeoutMillis = 1, group, "m", 1000
		beat.SubscribedTopicNames, beat.Topics = []string{"in-1"}, []kmsg.ConsumerGroupHeartbeatRequestTopic{}
		if resp := tb.dial(t).ask(t, beat).(*kmsg.ConsumerGroupHeartbeatResponse); resp.HeartbeatIntervalMillis != want {
			t.Errorf("group %s is to beat every %d ms, want %d: %+v", group, resp.HeartbeatIntervalMillis, want, resp)
		}
	}
	put(tb, "in-1", 4, "first")
	one := member()
	read(4, one)
	two := member()
	waitFor(t, "both to have two partitions", func() bool {
		read(0, one, two)
		has := assigned(t, tb, "g")
		return len(has) == 2 && has[0] == 2 && has[1] == 2
	})
	tb.create(t, "in-2", 2, nil)
	put(tb, "in-2", 2, "second")
	read(6, one, two)
	if err := tb.Metadata().Grow("in-2", 4, false); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "eight partitions in the group", func() bool {
		read(0, one, two)
		has := assigned(t, tb, "g")
		return len(has) == 2 && has[0]+has[1] == 8
	})
	put(tb, "in-2", 4, "third")
	read(10, one, two)
	two.Close()
	waitFor(t, "one member with all", func() bool {
		read(0, one)
		has := assigned(t, tb, "g")
		return len(has) == 1 && has[0] == 8
	})
	one.Close()
	if err := tb.Close(); err != nil {
		t.Fatal(err)
	}
	tb = start(t, Config{FS: fs, Settings: settings})
	put(tb, "in-1", 1, "last")
	read(11, member())
	for what, n := range seen {
		if n != 1 {
			t.Errorf("%s was read %d times", what, n)
		}
	}
}

// assigned are the numbers of partitions that the members of a settled group have; nil for a group that is not.
func assigned(t *testing.T, tb *testBroker, id string) (out []int) {
	t.Helper()
	req := kmsg.NewPtrConsumerGroupDescribeRequest()
	req.Groups = []string{id}
	resp, err := req.RequestWith(testContext(t), tb.client(t))
	if err != nil {
		t.Fatal(err)
	}
	if resp.Groups[0].State != "Stable" {
		return nil
	}
	for _, m := range resp.Groups[0].Members {
		n := 0
		for _, tp := range m.Assignment.TopicPartitions {
			n += len(tp.Partitions)
		}
		out = append(out, n)
	}
	return out
}

func (c *rawConn) beat(t *testing.T, member string, epoch int32, topics ...string) *kmsg.ConsumerGroupHeartbeatResponse {
	t.Helper()
	req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	req.Version, req.Group, req.MemberID, req.MemberEpoch = 1, "g", member, epoch
	if epoch == 0 {
		req.RebalanceTimeoutMillis, req.SubscribedTopicNames, req.Topics = 1000, topics, []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	}
	return c.ask(t, req).(*kmsg.ConsumerGroupHeartbeatResponse)
}

// TestWhatAMemberWasToldSurvivesPowerLoss cuts the power after every answer: a member's epoch and partitions are those that it was told.
func TestWhatAMemberWasToldSurvivesPowerLoss(t *testing.T) {
	fs := vfs.NewMem()
	tb := start(t, few(Config{FS: fs}))
	tb.create(t, "in", 4, nil)
	c := tb.dial(t)
	check := func(seed int64, member string, told *kmsg.ConsumerGroupHeartbeatResponse) {
		t.Helper()
		if told.ErrorCode != 0 {
			t.Fatal(*told.ErrorMessage)
		}
		after := start(t, few(Config{FS: fs.CrashClone(vfs.CrashOptions{Seed: seed, UnsyncedDataPercent: 50})}))
		again := after.dial(t).beat(t, member, told.MemberEpoch)
		if again.ErrorCode != 0 || again.MemberEpoch != told.MemberEpoch || again.Assignment != nil {
			t.Fatalf("%s was told epoch %d, and is told %+v after the crash", member, told.MemberEpoch, again)
		}
	}
	for i := range int64(8) {
		member := fmt.Sprint("m", i)
		check(i, member, c.beat(t, member, 0, "in"))
	}
}

// TestGroupAfterItsLogFailed: a decision that the log did not take is not told, and not kept.
func TestGroupAfterItsLogFailed(t *testing.T) {
	for name, script := range map[string]string{"write": "write *.log times=1 eio", "full": "write *.log times=1 enospc", "sync": "sync *.log times=1 eio\nsyncvolume * times=1 eio"} {
		t.Run(name, func(t *testing.T) {
			fs, err := vfs.WithFaults(vfs.NewMem(), "")
			if err != nil {
				t.Fatal(err)
			}
			tb := start(t, few(Config{FS: fs}))
			tb.create(t, "in", 4, nil)
			c := tb.dial(t)
			if r := c.beat(t, "a", 0, "in"); r.ErrorCode != 0 || r.MemberEpoch != 2 {
				t.Fatalf("%+v", r)
			}
			if err := fs.Set(script); err != nil {
				t.Fatal(err)
			}
			if r := c.beat(t, "b", 0, "in"); r.ErrorCode != kerr.NotCoordinator.Code {
				t.Fatalf("%+v", r)
			}
			if err := fs.Set(""); err != nil {
				t.Fatal(err)
			}
			var r *kmsg.ConsumerGroupHeartbeatResponse
			waitFor(t, "the log to be read again", func() bool { r = c.beat(t, "a", 2); return r.ErrorCode == 0 })
			// After a failed sync what was written may be there or not; after a failed write it is not.
			if r.MemberEpoch != 2 || name != "sync" && r.Assignment != nil {
				t.Fatalf("%+v", r)
			}
			if r := c.beat(t, "b", 0, "in"); r.ErrorCode != 0 || r.MemberEpoch != 3 {
				t.Fatalf("%+v", r)
			}
		})
	}
}
