package broker

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/auth"
	"github.com/millrace/millrace/internal/broker/metadata"
	"github.com/millrace/millrace/internal/vfs"
	"github.com/millrace/millrace/internal/wire"
)

// shareMember reads one partition of a topic in the group g.
type shareMember struct {
	*rawConn
	id    string
	topic [16]byte
	epoch int32
}

func fewShares(fs vfs.FS) Config {
	return Config{FS: fs, Settings: map[string]string{"offsets.topic.num.partitions": "2", "share.coordinator.state.topic.num.partitions": "2",
		"share.coordinator.snapshot.update.records.per.snapshot": "3"}}
}

func (tb *testBroker) shareConfig(t *testing.T, configs map[string]string) {
	t.Helper()
	err := tb.Metadata().SetResourceConfigs(metadata.Resource{Kind: kmsg.ConfigResourceTypeGroupConfig, Name: "g"}, false, func(c map[string]string) error {
		for k, v := range configs {
			c[k] = v
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// shareMember joins the group, which is to have the topic "in".
func (tb *testBroker) shareMember(t *testing.T, id string) *shareMember {
	t.Helper()
	m := &shareMember{rawConn: tb.dial(t), id: id, topic: tb.Metadata().Topic("in").ID}
	req := kmsg.NewPtrShareGroupHeartbeatRequest()
	req.Version, req.GroupID, req.MemberID, req.SubscribedTopicNames = 1, "g", id, []string{"in"}
	if r := m.ask(t, req).(*kmsg.ShareGroupHeartbeatResponse); r.ErrorCode != 0 || len(r.Assignment.TopicPartitions) == 0 {
		t.Fatalf("joining: %+v", r)
	}
	return m
}

func (m *shareMember) request(wait time.Duration) *kmsg.ShareFetchRequest {
	group := "g"
	req := kmsg.NewPtrShareFetchRequest()
	req.Version, req.GroupID, req.MemberID, req.ShareSessionEpoch = 2, &group, &m.id, m.epoch
	req.MaxWaitMillis, req.MinBytes, req.MaxBytes, req.MaxRecords, req.BatchSize = int32(wait.Milliseconds()), 1, 1<<20, 1000, 1000
	if m.epoch == 0 {
		req.Topics = []kmsg.ShareFetchRequestTopic{{TopicID: m.topic, Partitions: []kmsg.ShareFetchRequestTopicPartition{{}}}}
	}
	m.epoch++
	return req
}

// got are the deliveries of each offset that an answer brings.
func (m *shareMember) got(t *testing.T, r *kmsg.ShareFetchResponse) map[int64]int16 {
	t.Helper()
	if r.ErrorCode != 0 {
		t.Fatalf("fetch: %s", code(r.ErrorCode))
	}
	got := map[int64]int16{}
	for _, topic := range r.Topics {
		for _, p := range topic.Partitions {
			if p.ErrorCode != 0 {
				t.Fatalf("fetch: %s", code(p.ErrorCode))
			}
			for _, a := range p.AcquiredRecords {
				for at := a.FirstOffset; at <= a.LastOffset; at++ {
					got[at] = a.DeliveryCount
				}
			}
			in := map[int64]bool{}
			for b := p.Records; len(b) > 0; {
				batch, rest, err := wire.ParseBatch(b)
				if err != nil {
					t.Fatal(err)
				}
				for at := batch.BaseOffset(); at <= batch.LastOffset(); at++ {
					in[at] = true
				}
				b = rest
			}
			for at := range got {
				if !in[at] {
					t.Fatalf("%d is acquired and did not come", at)
				}
			}
		}
	}
	return got
}

func (m *shareMember) fetch(t *testing.T, wait time.Duration) map[int64]int16 {
	t.Helper()
	return m.got(t, m.ask(t, m.request(wait)).(*kmsg.ShareFetchResponse))
}

func (m *shareMember) acknowledge(t *testing.T, first int64, types ...int8) {
	t.Helper()
	group := "g"
	req := kmsg.NewPtrShareAcknowledgeRequest()
	req.Version, req.GroupID, req.MemberID, req.ShareSessionEpoch = 2, &group, &m.id, m.epoch
	m.epoch++
	req.Topics = []kmsg.ShareAcknowledgeRequestTopic{{TopicID: m.topic, Partitions: []kmsg.ShareAcknowledgeRequestTopicPartition{{
		AcknowledgementBatches: []kmsg.ShareAcknowledgeRequestTopicPartitionAcknowledgementBatch{{FirstOffset: first, LastOffset: first + int64(len(types)) - 1, AcknowledgeTypes: types}},
	}}}}
	r := m.ask(t, req).(*kmsg.ShareAcknowledgeResponse)
	if r.ErrorCode != 0 || r.Topics[0].Partitions[0].ErrorCode != 0 {
		t.Fatalf("acknowledge: %+v", r)
	}
}

func (tb *testBroker) shareOffset(t *testing.T) (start, lag int64) {
	t.Helper()
	req := kmsg.NewPtrDescribeShareGroupOffsetsRequest()
	req.Version = 1
	req.Groups = []kmsg.DescribeShareGroupOffsetsRequestGroup{{GroupID: "g"}}
	p := tb.dial(t).ask(t, req).(*kmsg.DescribeShareGroupOffsetsResponse).Groups[0].Topics[0].Partitions[0]
	return p.StartOffset, p.Lag
}

// TestShareGroupAfterACrash: what was acknowledged stays so when the power fails; what was not comes again, and to anybody, for locks are
// lost, with the deliveries that were written.
func TestShareGroupAfterACrash(t *testing.T) {
	for seed := range int64(8) {
		fs := vfs.NewMem()
		tb := start(t, fewShares(fs))
		tb.create(t, "in", 1, nil)
		tb.shareConfig(t, map[string]string{"share.auto.offset.reset": "earliest"})
		m := tb.shareMember(t, "a")
		for range 4 {
			m.produce(t, "in", batch("a", "b", "c", "d", "e"))
		}
		if got := m.fetch(t, time.Second); len(got) != 20 {
			t.Fatalf("got %v", got)
		}
		for first := int64(0); first < 20; first += 5 { // more than are between two snapshots
			m.acknowledge(t, first, 1, 2, 1, 2, 1)
		}
		if got := m.fetch(t, time.Second); len(got) != 8 || got[1] != 2 {
			t.Fatalf("got %v", got)
		}
		after := start(t, fewShares(fs.CrashClone(vfs.CrashOptions{Seed: seed, UnsyncedDataPercent: 50})))
		got := after.shareMember(t, "b").fetch(t, time.Second)
		for first := int64(0); first < 20; first += 5 {
			for i, want := range []int16{0, 2, 0, 2, 0} {
				if got[first+int64(i)] != want {
					t.Errorf("seed %d: %d comes for the %d. time, want %d", seed, first+int64(i), got[first+int64(i)], want)
				}
			}
		}
		if _, lag := after.shareOffset(t); lag != 8 {
			t.Errorf("seed %d: a lag of %d", seed, lag)
		}
	}
}

// TestShareGroupBeginsOnce: a group that begins at the end of the log begins there once: records that came since are its own, though the
// power fails before any of them is acknowledged.
func TestShareGroupBeginsOnce(t *testing.T) {
	for seed := range int64(4) {
		fs := vfs.NewMem()
		tb := start(t, fewShares(fs))
		tb.create(t, "in", 1, nil)
		m := tb.shareMember(t, "a")
		m.produce(t, "in", batch("old", "old"))
		if got := m.fetch(t, 0); len(got) != 0 {
			t.Fatalf("got %v", got)
		}
		m.produce(t, "in", batch("new", "new"))
		after := start(t, fewShares(fs.CrashClone(vfs.CrashOptions{Seed: seed, UnsyncedDataPercent: 50})))
		if got := after.shareMember(t, "b").fetch(t, time.Second); len(got) != 2 || got[2] != 1 {
			t.Errorf("seed %d: got %v", seed, got)
		}
	}
}

// TestShareRecordsOfAClosedConnection go to the next member at once.
func TestShareRecordsOfAClosedConnection(t *testing.T) {
	tb := start(t, fewShares(vfs.NewMem()))
	tb.create(t, "in", 1, nil)
	tb.shareConfig(t, map[string]string{"share.auto.offset.reset": "earliest"})
	m, o := tb.shareMember(t, "a"), tb.shareMember(t, "b")
	m.produce(t, "in", batch("a", "b", "c"))
	if got := m.fetch(t, time.Second); len(got) != 3 {
		t.Fatalf("got %v", got)
	}
	req := o.request(15 * time.Second)
	o.send(t, req)
	m.Close()
	if got := o.got(t, o.receive(t, req, o.next).(*kmsg.ShareFetchResponse)); len(got) != 3 || got[0] != 2 {
		t.Fatalf("got %v", got)
	}
}

// TestShareOffsetsAlteredUnderASession: the next fetch is at the new offset, whatever was in flight. (Kafka goes on where it was until
// its next acknowledgement is refused.)
func TestShareOffsetsAlteredUnderASession(t *testing.T) {
	tb := start(t, fewShares(vfs.NewMem()))
	tb.create(t, "in", 1, nil)
	tb.shareConfig(t, map[string]string{"share.auto.offset.reset": "earliest"})
	m := tb.shareMember(t, "a")
	m.produce(t, "in", batch("a", "b", "c", "d"))
	if got := m.fetch(t, time.Second); len(got) != 4 {
		t.Fatalf("got %v", got)
	}
	leave := kmsg.NewPtrShareGroupHeartbeatRequest()
	leave.Version, leave.GroupID, leave.MemberID, leave.MemberEpoch = 1, "g", "a", -1
	m.ask(t, leave)
	alter := kmsg.NewPtrAlterShareGroupOffsetsRequest()
	alter.GroupID = "g"
	alter.Topics = []kmsg.AlterShareGroupOffsetsRequestTopic{{Topic: "in", Partitions: []kmsg.AlterShareGroupOffsetsRequestTopicPartition{{StartOffset: 3}}}}
	if r := tb.dial(t).ask(t, alter).(*kmsg.AlterShareGroupOffsetsResponse); r.ErrorCode != 0 || r.Topics[0].Partitions[0].ErrorCode != 0 {
		t.Fatalf("alter: %+v", r)
	}
	if got := m.fetch(t, time.Second); len(got) != 1 || got[3] != 1 {
		t.Fatalf("got %v", got)
	}
}

// TestShareStateLogIsPruned: what no state needs is deleted, and a state that nobody writes to does not keep it.
func TestShareStateLogIsPruned(t *testing.T) {
	fs := vfs.NewMem()
	config := fewShares(fs)
	config.Settings["share.coordinator.state.topic.num.partitions"] = "1"
	tb := start(t, config)
	tb.create(t, "in", 2, nil)
	tb.shareConfig(t, map[string]string{"share.auto.offset.reset": "earliest"})
	m := tb.shareMember(t, "a") // makes the states of both partitions; one of them is quiet
	for i := range int64(pruneSlack + 100) {
		m.produce(t, "in", batch("x"))
		m.fetch(t, time.Second)
		m.acknowledge(t, i, 1)
	}
	log, err := tb.InternalPartition(shareTopic, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := tb.shares.pruneOnce(); err != nil {
		t.Fatal(err)
	}
	if err := log.WaitDurable(testContext(t), log.EndOffset()-1); err != nil {
		t.Fatal(err)
	}
	if err := tb.shares.pruneOnce(); err != nil {
		t.Fatal(err)
	}
	if left := log.EndOffset() - log.StartOffset(); left > 10 {
		t.Errorf("%d records are left of %d", left, log.EndOffset())
	}
	after := start(t, Config{FS: fs.CrashClone(vfs.CrashOptions{}), Settings: config.Settings})
	if first, lag := after.shareOffset(t); first+1 < pruneSlack+100 || lag != 0 {
		t.Errorf("start %d, lag %d", first, lag)
	}
}

// TestShareFetchAsksForEachTopic: a session that stands gives no right to its topics, and a right that is taken away ends at once.
func TestShareFetchAsksForEachTopic(t *testing.T) {
	sb := startSecured(t, map[string]string{"authorizer.class.name": metadata.StandardAuthorizer})
	sb.create(t, "in", 1, nil)
	sb.create(t, "theirs", 1, nil)
	sb.allow(t, "User:ANONYMOUS", auth.All, auth.Topic, "in")
	sb.allow(t, "User:ANONYMOUS", auth.All, auth.Group, "g")
	m := &shareMember{rawConn: sb.dial(t), id: "a", topic: sb.meta.Topic("in").ID}
	join := kmsg.NewPtrShareGroupHeartbeatRequest()
	join.Version, join.GroupID, join.MemberID, join.SubscribedTopicNames = 1, "g", "a", []string{"in"}
	if r := m.ask(t, join).(*kmsg.ShareGroupHeartbeatResponse); r.ErrorCode != 0 {
		t.Fatalf("joining: %+v", r)
	}
	req := m.request(0)
	req.Topics = append(req.Topics, kmsg.ShareFetchRequestTopic{TopicID: sb.meta.Topic("theirs").ID, Partitions: []kmsg.ShareFetchRequestTopicPartition{{}}})
	codes := func(r *kmsg.ShareFetchResponse) (in, theirs int16) {
		for _, rt := range r.Topics {
			if rt.TopicID == m.topic {
				in = rt.Partitions[0].ErrorCode
			} else {
				theirs = rt.Partitions[0].ErrorCode
			}
		}
		return in, theirs
	}
	denied := kerr.TopicAuthorizationFailed.Code
	if in, theirs := codes(m.ask(t, req).(*kmsg.ShareFetchResponse)); in != 0 || theirs != denied {
		t.Errorf("errors %d and %d", in, theirs)
	}
	if err := sb.meta.CreateACLs([]auth.ACL{{Resource: auth.Topic, Name: "in", Pattern: auth.Literal, Principal: "User:*", Host: "*", Operation: auth.Read, Permission: auth.Deny}}); err != nil {
		t.Fatal(err)
	}
	if in, theirs := codes(m.ask(t, m.request(0)).(*kmsg.ShareFetchResponse)); in != denied || theirs != denied {
		t.Errorf("errors %d and %d after the right was taken away", in, theirs)
	}
}
