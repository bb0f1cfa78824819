package group

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestConsumerGroup runs the histories in testdata/consumer, of groups of the consumer protocol. Time stands still between commands.
// Commands:
//
//	new [policy=S]
//	topic NAME partitions=N       made, or grown
//	beat id=S [epoch=N] [topics=a,b] [regex=S] [owned=a:0,a:1] [instance=S] [assignor=S] [rebalance=S]
//	join id=S|new=S [owned=a:0] [topics=a,b] | sync id=S gen=N [give=a:t:0+t:1] | heartbeat id=S gen=N | leave id=S       of the classic protocol
//	wait s=N                      time passes, timer by timer
//	replay                        the group is read back from its records
//	show
func TestConsumerGroup(t *testing.T) {
	datadriven.Walk(t, "testdata/consumer", func(t *testing.T, path string) {
		h := &modernHistory{now: time.UnixMilli(0), topics: simTopics{}}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			h.t, h.d, h.out = t, d, strings.Builder{}
			h.run()
			return h.out.String()
		})
	})
}

type modernHistory struct {
	t       *testing.T
	d       *datadriven.TestData
	g       *Group
	config  Config
	topics  simTopics
	now     time.Time
	records []Record
	out     strings.Builder
}

func (h *modernHistory) str(name, def string) string { h.d.MaybeScanArgs(h.t, name, &def); return def }
func (h *modernHistory) num(name string, def int) int {
	n, err := strconv.Atoi(h.str(name, strconv.Itoa(def)))
	if err != nil {
		h.t.Fatal(err)
	}
	return n
}

func (h *modernHistory) list(name string) []string {
	if !h.d.HasArg(name) {
		return nil
	}
	if s := h.str(name, ""); s != "-" {
		return strings.Split(s, "+")
	}
	return []string{}
}

func (h *modernHistory) partitions(name string) []IDPartition {
	if !h.d.HasArg(name) {
		return nil
	}
	out := []IDPartition{}
	for _, s := range h.list(name) {
		topic, n, _ := strings.Cut(s, ":")
		i, _ := strconv.Atoi(n)
		out = append(out, IDPartition{h.topics[topic].ID, int32(i)})
	}
	return out
}

func (h *modernHistory) text(a Assignment) string {
	var out []string
	a.EachTopic(func(id TopicID, partitions []int32) {
		out = append(out, strings.TrimRight(string(id[:]), "\x00")+fmt.Sprint(partitions))
	})
	return "[" + strings.Join(out, " ") + "]"
}

func (h *modernHistory) run() {
	id := h.str("id", "")
	switch h.d.Cmd {
	case "new":
		h.config = simConfig
		h.config.Topics, h.config.Consumer.Migration = h.topics, h.str("policy", "bidirectional")
		h.g, h.records = New("g", h.config), nil
	case "topic":
		h.topics.put(h.d.CmdArgs[0].Key, int32(h.num("partitions", 1)))
	case "beat":
		h.beat(id)
	case "join":
		sub := kmsg.NewConsumerMemberMetadata()
		sub.Version, sub.Topics = 1, h.list("topics")
		for _, p := range h.partitions("owned") {
			t, _ := h.topics.ByID(p.ID)
			sub.OwnedPartitions = append(sub.OwnedPartitions, kmsg.ConsumerMemberMetadataOwnedPartition{Topic: t.Name, Partitions: []int32{p.Partition}})
		}
		h.g.Join(h.now, JoinRequest{
			Ticket: 1, MemberID: id, NewID: h.str("new", ""), Session: 10 * time.Second, Rebalance: 20 * time.Second, ProtocolType: "consumer", ClientHost: "/h",
			Protocols: []Protocol{{"range", sub.AppendTo(nil)}},
		})
	case "sync":
		h.g.Sync(h.now, SyncRequest{Ticket: 1, MemberID: id, Assignments: h.assignments(), Generation: int32(h.num("gen", 0))})
	case "heartbeat":
		h.say(h.g.Heartbeat(h.now, id, nil, int32(h.num("gen", 0))))
	case "leave":
		h.say(h.g.Leave(h.now, id, nil))
	case "wait":
		end := h.now.Add(time.Duration(h.num("s", 0)) * time.Second)
		for next := h.g.Next(); !next.IsZero() && !next.After(end); next = h.g.Next() {
			h.now = next
			h.g.Tick(next)
			h.take()
		}
		h.now = end
	case "replay":
		gs := Groups{}
		for i, r := range h.records {
			if err := gs.Replay(h.config, h.now, r.Key, r.Value, int64(i), -1); err != nil {
				h.t.Fatal(err)
			}
		}
		gs.Loaded(h.now)
		h.g = gs["g"]
		h.show()
	case "show":
		h.show()
	default:
		h.t.Fatalf("unknown command %s", h.d.Cmd)
	}
	h.take()
}

// assignments are a classic leader's: give=a:t:0+t:1 for one member.
func (h *modernHistory) assignments() map[string][]byte {
	to, _, ok := strings.Cut(h.str("give", ""), ":")
	if !ok {
		return nil
	}
	a := kmsg.NewConsumerMemberAssignment()
	for _, p := range h.list("give") {
		topic, n, _ := strings.Cut(strings.TrimPrefix(p, to+":"), ":")
		i, _ := strconv.Atoi(n)
		a.Topics = append(a.Topics, kmsg.ConsumerMemberAssignmentTopic{Topic: topic, Partitions: []int32{int32(i)}})
	}
	return map[string][]byte{to: a.AppendTo(nil)}
}

func (h *modernHistory) say(err *kerr.Error) {
	if err != nil {
		fmt.Fprintln(&h.out, err.Message)
	} else {
		fmt.Fprintln(&h.out, "ok")
	}
}

func (h *modernHistory) beat(id string) {
	b := Beat{MemberID: id, Epoch: int32(h.num("epoch", 0)), Topics: h.list("topics"), Owned: h.partitions("owned"), Rebalance: -1}
	if b.Epoch == 0 {
		b.Rebalance = time.Duration(h.num("rebalance", 5)) * time.Second
		if b.Owned == nil {
			b.Owned = []IDPartition{}
		}
	}
	for name, field := range map[string]**string{"regex": &b.Pattern, "instance": &b.InstanceID, "assignor": &b.Assignor} {
		if h.d.HasArg(name) {
			s := h.str(name, "")
			*field = &s
		}
	}
	switch out, err := h.g.Beat(h.now, b); {
	case err != nil:
		var code *kerr.Error
		errors.As(err, &code)
		fmt.Fprintln(&h.out, code.Message)
	case out.Assignment == nil:
		fmt.Fprintf(&h.out, "epoch %d\n", out.Epoch)
	default:
		fmt.Fprintf(&h.out, "epoch %d %s\n", out.Epoch, h.text(out.Assignment))
	}
}

func (h *modernHistory) take() {
	ready := h.g.Take()
	h.records = append(h.records, ready.Records...)
	for _, r := range ready.Replies {
		switch j, s := r.Joined, r.Synced; {
		case j != nil && j.Err != nil:
			fmt.Fprintf(&h.out, "%s\n", j.Err.Message)
		case j != nil:
			fmt.Fprintf(&h.out, "joined generation %d, leader %q\n", j.Generation, j.Leader)
		case s.Err != nil:
			fmt.Fprintf(&h.out, "%s\n", s.Err.Message)
		default:
			a, _ := readAssignment(s.Assignment)
			fmt.Fprintf(&h.out, "assigned")
			for _, t := range a.Topics {
				fmt.Fprintf(&h.out, " %s%v", t.Topic, t.Partitions)
			}
			fmt.Fprintln(&h.out)
		}
	}
	fmt.Fprintf(&h.out, "%ds %s, %d records\n", h.now.Unix(), h.g.State, len(ready.Records))
}

func (h *modernHistory) show() {
	d, ok := h.g.DescribeConsumer()
	if !ok {
		fmt.Fprintf(&h.out, "classic, generation %d, leader %q\n", h.g.Generation, h.g.Leader)
		return
	}
	fmt.Fprintf(&h.out, "epoch %d, target %d, %s\n", d.Epoch, d.TargetEpoch, d.Assignor)
	for _, m := range d.Members {
		fmt.Fprintf(&h.out, "  %s epoch %d has %s, is to have %s\n", m.ID, m.Epoch, h.text(m.Assigned), h.text(m.Target))
	}
}

// FuzzChange: what is not a record is refused, and what is one is written as it was read.
func FuzzChange(f *testing.F) {
	s := "x"
	a := Assignment{IDPartition{TopicID{1}, 2}: 3}
	for _, c := range []change{
		{kind: keyEpoch, epoch: 1, hash: 2},
		{kind: keyMember, name: "m", member: &memberSpec{InstanceID: &s, Topics: []string{"t"}, Classic: &classicSpec{Protocols: []Protocol{{"range", []byte("x")}}}}},
		{kind: keyTargetEpoch, epoch: 7, time: 9}, {kind: keyTarget, name: "m", assigned: a},
		{kind: keyCurrent, name: "m", epoch: 3, state: memberStable, assigned: a, revoking: a},
		{kind: keyPattern, name: ".*", topics: []string{"t", "u"}}, {kind: keyEpoch, gone: true},
	} {
		r := c.record("g")
		f.Add(r.Key, r.Value)
	}
	f.Fuzz(func(t *testing.T, key, value []byte) {
		group, c, err := decodeChange(key, value)
		if err != nil || len(key) < 2 || !slices.Contains([]int16{keyEpoch, keyMember, keyTargetEpoch, keyTarget, keyCurrent, keyPattern}, c.kind) {
			return
		}
		first := c.record(group)
		again, back, err := decodeChange(first.Key, first.Value)
		if err != nil || again != group {
			t.Fatalf("%x %x: %v", first.Key, first.Value, err)
		}
		if second := back.record(group); string(second.Key) != string(first.Key) || string(second.Value) != string(first.Value) {
			t.Fatalf("%x %x became %x %x", first.Key, first.Value, second.Key, second.Value)
		}
		gs := Groups{}
		if err := gs.Replay(simConfig, time.Time{}, key, value, 0, -1); err != nil {
			t.Fatal(err)
		}
	})
}
