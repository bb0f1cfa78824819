package broker

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestConversations holds group conversations whose answers Apache Kafka 4.3.1 gave: testdata/conversations. To record them again,
// start Kafka with the settings below, at replication factor 1, and
//
//	MILLRACE_ORACLE=host:port go test -run Conversations -rewrite ./internal/broker
//
// What Kafka names at random, and what must be new in each run, has a name in the text: members a, b …, groups g, h …, topics t, u …
// A line is a request; see the verbs. A quiet one's answer is not told: Kafka resolves patterns a moment later than we do. Fields not given have the value that a plain client sends.
func TestConversations(t *testing.T) {
	oracle := os.Getenv("MILLRACE_ORACLE")
	datadriven.Walk(t, filepath.Join("testdata", "conversations"), func(t *testing.T, path string) {
		addr, requests := oracle, (*atomic.Int64)(nil)
		if addr == "" {
			tb := start(t, Config{Settings: conversationSettings})
			addr, requests = tb.addr, &tb.Stats().Requests
		}
		c := &conversation{t: t, addr: addr, oracle: oracle != "", requests: requests, names: map[string]string{}, conns: map[string]*rawConn{}, asked: map[string]kmsg.Request{}}
		c.salt = filepath.Base(path) + strconv.FormatInt(time.Now().UnixNano()%1e9, 36)
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			var out strings.Builder
			for _, line := range strings.Split(d.Input, "\n") {
				if f := strings.Fields(line); len(f) > 0 {
					c.t, c.words, c.out = t, f, &out
					c.say(f[0])
				}
			}
			return c.hide(out.String())
		})
	})
}

var conversationSettings = map[string]string{
	"offsets.topic.num.partitions": "2", "group.initial.rebalance.delay.ms": "0", "group.max.size": "4", "group.consumer.max.size": "4",
	"group.share.max.size": "4", "group.share.max.share.sessions": "5", "group.share.assignment.interval.ms": "0", "share.coordinator.state.topic.num.partitions": "2",
	"group.share.min.record.lock.duration.ms": "1000", "group.share.record.lock.duration.ms": "1500",
}

type conversation struct {
	t      *testing.T
	addr   string
	oracle bool
	salt   string
	names  map[string]string // what a name in the text stands for
	// requests counts those that the broker has read; nil for the oracle, which does not tell.
	requests *atomic.Int64
	conns    map[string]*rawConn
	asked    map[string]kmsg.Request // by connection: what waits for its answer
	words    []string
	out      *strings.Builder
}

// field is a field of the line; quoted names are resolved.
func (c *conversation) field(name, def string) string {
	for _, w := range c.words[1:] {
		if v, ok := strings.CutPrefix(w, name+"="); ok {
			return v
		}
	}
	return def
}

func (c *conversation) num(name string, def int) int {
	n, err := strconv.Atoi(c.field(name, strconv.Itoa(def)))
	if err != nil {
		c.t.Fatalf("%v: %v", c.words, err)
	}
	return n
}

// list is a field of several values; nil if it is not there, empty if it is "-".
func (c *conversation) list(name string) []string {
	switch v := c.field(name, ""); v {
	case "":
		return nil
	case "-":
		return []string{}
	default:
		return strings.Split(v, ",")
	}
}

func (c *conversation) ptr(name string) *string {
	v := c.field(name, "")
	if v == "" {
		return nil
	}
	if v == "-" {
		v = ""
	}
	return &v
}

func (c *conversation) named(name string) string {
	if name == "" {
		return ""
	}
	if v, ok := c.names[name]; ok {
		return v
	}
	return name
}

// fresh is a name of this run for a group or a topic.
func (c *conversation) fresh(name string) string {
	if name == "" || name == "-" {
		return ""
	}
	if _, ok := c.names[name]; !ok {
		c.names[name] = name + "-" + c.salt
	}
	return c.names[name]
}

func (c *conversation) group() string { return c.fresh(c.field("group", "g")) }

func (c *conversation) hide(s string) string {
	var pairs [][2]string
	for name, v := range c.names {
		pairs = append(pairs, [2]string{v, name})
	}
	sort.Slice(pairs, func(i, j int) bool {
		return len(pairs[i][0]) > len(pairs[j][0]) || len(pairs[i][0]) == len(pairs[j][0]) && pairs[i][1] < pairs[j][1]
	})
	for _, p := range pairs {
		if p[0] != "" {
			s = strings.ReplaceAll(s, p[0], p[1])
		}
	}
	return strings.ReplaceAll(s, c.salt, "SALT")
}

func (c *conversation) conn(name string) *rawConn {
	if c.conns[name] == nil {
		nc, err := net.Dial("tcp", c.addr)
		if err != nil {
			c.t.Fatal(err)
		}
		c.t.Cleanup(func() { nc.Close() })
		nc.SetDeadline(time.Now().Add(2 * time.Minute))
		c.conns[name] = &rawConn{Conn: nc}
	}
	return c.conns[name]
}

// ask sends a request and gets its answer. A Kafka that has not made its coordinator's topic yet is asked again.
func (c *conversation) ask(req kmsg.Request) kmsg.Response {
	name := c.field("on", "main")
	if c.conns[name] == nil {
		find := kmsg.NewPtrFindCoordinatorRequest()
		find.Version, find.CoordinatorKeys = 4, []string{"g"}
		c.conn(name).ask(c.t, find)
		c.settle()
	}
	for range 100 {
		resp := c.conn(name).ask(c.t, req)
		if code := firstCode(resp); code == kerr.CoordinatorNotAvailable.Code || code == kerr.NotCoordinator.Code || code == kerr.CoordinatorLoadInProgress.Code {
			time.Sleep(100 * time.Millisecond)
			continue
		}
		return resp
	}
	c.t.Fatalf("%v: no coordinator", c.words)
	return nil
}

func firstCode(resp kmsg.Response) int16 {
	switch r := resp.(type) {
	case *kmsg.JoinGroupResponse:
		return r.ErrorCode
	case *kmsg.SyncGroupResponse:
		return r.ErrorCode
	case *kmsg.HeartbeatResponse:
		return r.ErrorCode
	case *kmsg.LeaveGroupResponse:
		return r.ErrorCode
	case *kmsg.ConsumerGroupHeartbeatResponse:
		return r.ErrorCode
	case *kmsg.ShareGroupHeartbeatResponse:
		return r.ErrorCode
	case *kmsg.ShareGroupDescribeResponse:
		return r.Groups[0].ErrorCode
	case *kmsg.AlterShareGroupOffsetsResponse:
		return r.ErrorCode
	case *kmsg.DeleteShareGroupOffsetsResponse:
		return r.ErrorCode
	case *kmsg.InitProducerIDResponse:
		return r.ErrorCode
	case *kmsg.EndTxnResponse:
		return r.ErrorCode
	case *kmsg.FindCoordinatorResponse:
		if len(r.Coordinators) > 0 {
			return r.Coordinators[0].ErrorCode
		}
	case *kmsg.ConsumerGroupDescribeResponse:
		return r.Groups[0].ErrorCode
	case *kmsg.DescribeGroupsResponse:
		return r.Groups[0].ErrorCode
	case *kmsg.DeleteGroupsResponse:
		return r.Groups[0].ErrorCode
	case *kmsg.OffsetCommitResponse:
		if len(r.Topics) > 0 && len(r.Topics[0].Partitions) > 0 {
			return r.Topics[0].Partitions[0].ErrorCode
		}
	case *kmsg.OffsetFetchResponse:
		if len(r.Groups) > 0 {
			return r.Groups[0].ErrorCode
		}
		return r.ErrorCode
	case *kmsg.OffsetDeleteResponse:
		return r.ErrorCode
	}
	return 0
}

func (c *conversation) printf(format string, args ...any) { fmt.Fprintf(c.out, format, args...) }

func code(n int16) string {
	if n == 0 {
		return "ok"
	}
	var e *kerr.Error
	if errors.As(kerr.ErrorForCode(n), &e) {
		return e.Message
	}
	return strconv.Itoa(int(n))
}

func text(s *string) string {
	if s == nil {
		return "null"
	}
	if len(*s) > 200 {
		return fmt.Sprintf("%q and so on, %d bytes", (*s)[:3], len(*s))
	}
	return strconv.Quote(*s)
}

// later: with async=NAME the request goes out on a connection of that name, and `await NAME` prints its answer.
func (c *conversation) later(req kmsg.Request) bool {
	name := c.field("async", "")
	if name == "" {
		return false
	}
	conn, before := c.conn(name), int64(0)
	if c.requests != nil {
		before = c.requests.Load()
	}
	conn.send(c.t, req)
	c.asked[name] = req
	// What is sent next must find this done. That it has come is told here, that it is done nowhere.
	if c.requests != nil {
		waitFor(c.t, "the request to come", func() bool { return c.requests.Load() > before })
	}
	time.Sleep(200 * time.Millisecond)
	return true
}

func (c *conversation) say(verb string) {
	c.out.WriteString(verb)
	switch verb {
	case "topic":
		c.createTopic()
	case "grow":
		c.growTopic()
	case "drop":
		c.dropTopic()
	case "join":
		c.join()
	case "sync":
		c.sync()
	case "await":
		name := c.words[1]
		c.printf(" %s:", name)
		c.answer(c.conns[name].receive(c.t, c.asked[name], c.conns[name].next))
	case "heartbeat":
		req := kmsg.NewPtrHeartbeatRequest()
		req.Version, req.Group, req.MemberID = int16(c.num("v", 4)), c.group(), c.named(c.field("id", ""))
		req.InstanceID, req.Generation = c.ptr("instance"), int32(c.num("gen", -1))
		c.answer(c.ask(req))
	case "leave":
		c.leave()
	case "commit":
		c.commit()
	case "fetch":
		c.fetch()
	case "describe":
		req := kmsg.NewPtrDescribeGroupsRequest()
		req.Version, req.Groups = int16(c.num("v", 6)), []string{c.group()}
		c.answer(c.ask(req))
	case "list":
		req := kmsg.NewPtrListGroupsRequest()
		req.Version, req.StatesFilter, req.TypesFilter = int16(c.num("v", 5)), c.list("states"), c.list("types")
		c.answer(c.ask(req))
	case "delete":
		req := kmsg.NewPtrDeleteGroupsRequest()
		req.Version, req.Groups = int16(c.num("v", 2)), []string{c.group()}
		c.answer(c.ask(req))
	case "delete-offsets":
		req := kmsg.NewPtrOffsetDeleteRequest()
		req.Group = c.group()
		req.Topics = []kmsg.OffsetDeleteRequestTopic{{Topic: c.fresh(c.field("topic", "t")), Partitions: []kmsg.OffsetDeleteRequestTopicPartition{{Partition: 0}}}}
		c.answer(c.ask(req))
	case "beat":
		c.beat()
	case "show":
		req := kmsg.NewPtrConsumerGroupDescribeRequest()
		req.Version, req.Groups = int16(c.num("v", 1)), []string{c.group()}
		c.answer(c.ask(req))
	default:
		if !c.share(verb) {
			c.t.Fatalf("unknown verb %s", verb)
		}
	}
	c.out.WriteString("\n")
}

// settle waits until Kafka's coordinator has heard of a change of topics.
func (c *conversation) settle() {
	if c.oracle {
		time.Sleep(700 * time.Millisecond)
	}
}

func (c *conversation) createTopic() {
	req := kmsg.NewPtrCreateTopicsRequest()
	req.Version, req.TimeoutMillis = 7, 10000
	rt := kmsg.NewCreateTopicsRequestTopic()
	rt.Topic, rt.NumPartitions, rt.ReplicationFactor = c.fresh(c.words[1]), int32(c.num("partitions", 1)), 1
	req.Topics = append(req.Topics, rt)
	resp := c.ask(req).(*kmsg.CreateTopicsResponse)
	c.names["id:"+c.words[1]] = string(resp.Topics[0].TopicID[:])
	c.settle()
	c.printf(" %s", code(resp.Topics[0].ErrorCode))
}

func (c *conversation) growTopic() {
	req := kmsg.NewPtrCreatePartitionsRequest()
	req.Version, req.TimeoutMillis = 3, 10000
	rt := kmsg.NewCreatePartitionsRequestTopic()
	rt.Topic, rt.Count = c.fresh(c.words[1]), int32(c.num("partitions", 1))
	req.Topics = append(req.Topics, rt)
	resp := c.ask(req).(*kmsg.CreatePartitionsResponse)
	c.settle()
	c.printf(" %s", code(resp.Topics[0].ErrorCode))
}

func (c *conversation) dropTopic() {
	req := kmsg.NewPtrDeleteTopicsRequest()
	req.Version, req.TimeoutMillis = 6, 10000
	rt := kmsg.NewDeleteTopicsRequestTopic()
	name := c.fresh(c.words[1])
	rt.Topic = &name
	req.Topics = append(req.Topics, rt)
	resp := c.ask(req).(*kmsg.DeleteTopicsResponse)
	c.settle()
	c.printf(" %s", code(resp.Topics[0].ErrorCode))
}

// subscription is a consumer's metadata: topics, and what it owns.
func (c *conversation) subscription() []byte {
	m := kmsg.NewConsumerMemberMetadata()
	m.Version = 1
	for _, t := range strings.Split(c.field("topics", "t"), ",") {
		m.Topics = append(m.Topics, c.fresh(t))
	}
	for topic, list := range c.partitions("owned") {
		m.OwnedPartitions = append(m.OwnedPartitions, kmsg.ConsumerMemberMetadataOwnedPartition{Topic: topic, Partitions: list})
	}
	return m.AppendTo(nil)
}

// partitions reads t:0,t:1,u:0.
func (c *conversation) partitions(field string) map[string][]int32 {
	out := map[string][]int32{}
	for _, w := range c.list(field) {
		topic, n, _ := strings.Cut(w, ":")
		i, err := strconv.Atoi(n)
		if err != nil {
			c.t.Fatalf("%v: %v", c.words, err)
		}
		out[c.fresh(topic)] = append(out[c.fresh(topic)], int32(i))
	}
	return out
}

func (c *conversation) join() {
	req := kmsg.NewPtrJoinGroupRequest()
	req.Version, req.Group, req.MemberID = int16(c.num("v", 9)), c.group(), c.named(c.field("id", ""))
	req.SessionTimeoutMillis, req.RebalanceTimeoutMillis = int32(c.num("session", 30000)), int32(c.num("rebalance", 60000))
	req.InstanceID, req.ProtocolType = c.ptr("instance"), c.field("type", "consumer")
	if req.ProtocolType == "-" {
		req.ProtocolType = ""
	}
	for _, p := range strings.Split(c.field("protocols", "range"), ",") {
		if p != "-" {
			req.Protocols = append(req.Protocols, kmsg.JoinGroupRequestProtocol{Name: p, Metadata: c.subscription()})
		}
	}
	if !c.later(req) {
		c.answer(c.ask(req))
	}
}

func (c *conversation) sync() {
	req := kmsg.NewPtrSyncGroupRequest()
	req.Version, req.Group, req.MemberID = int16(c.num("v", 5)), c.group(), c.named(c.field("id", ""))
	req.InstanceID, req.Generation = c.ptr("instance"), int32(c.num("gen", -1))
	kind, protocol := c.field("type", "consumer"), c.field("protocol", "range")
	req.ProtocolType, req.Protocol = &kind, &protocol
	for _, g := range c.list("give") {
		to, what, _ := strings.Cut(g, ":")
		req.GroupAssignment = append(req.GroupAssignment, kmsg.SyncGroupRequestGroupAssignment{MemberID: c.named(to), MemberAssignment: []byte(what)})
	}
	for _, to := range c.list("assign") { // a:t:0+t:1
		id, what, _ := strings.Cut(to, ":")
		a := kmsg.NewConsumerMemberAssignment()
		byTopic := map[string][]int32{}
		for _, p := range strings.Split(what, "+") {
			topic, n, _ := strings.Cut(p, ":")
			i, _ := strconv.Atoi(n)
			byTopic[topic] = append(byTopic[topic], int32(i))
		}
		for topic, list := range byTopic {
			a.Topics = append(a.Topics, kmsg.ConsumerMemberAssignmentTopic{Topic: c.fresh(topic), Partitions: list})
		}
		req.GroupAssignment = append(req.GroupAssignment, kmsg.SyncGroupRequestGroupAssignment{MemberID: c.named(id), MemberAssignment: a.AppendTo(nil)})
	}
	if !c.later(req) {
		c.answer(c.ask(req))
	}
}

func (c *conversation) leave() {
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Version, req.Group, req.MemberID = int16(c.num("v", 5)), c.group(), c.named(c.field("id", ""))
	for _, m := range c.list("members") { // id or @instance or id@instance
		id, instance, static := strings.Cut(m, "@")
		rm := kmsg.NewLeaveGroupRequestMember()
		if rm.MemberID = c.named(id); static {
			rm.InstanceID = &instance
		}
		req.Members = append(req.Members, rm)
	}
	c.answer(c.ask(req))
}

func (c *conversation) topicID(name string) (id [16]byte) {
	copy(id[:], c.names["id:"+name])
	return id
}

func (c *conversation) commit() {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Version, req.Group, req.MemberID = int16(c.num("v", 9)), c.group(), c.named(c.field("id", ""))
	req.InstanceID, req.Generation = c.ptr("instance"), int32(c.num("gen", -1))
	rt := kmsg.NewOffsetCommitRequestTopic()
	rt.Topic, rt.TopicID = c.fresh(c.field("topic", "t")), c.topicID(c.field("topic", "t"))
	rp := kmsg.NewOffsetCommitRequestTopicPartition()
	rp.Partition, rp.Offset, rp.LeaderEpoch = int32(c.num("partition", 0)), int64(c.num("at", 0)), int32(c.num("epoch", -1))
	rp.Metadata = c.ptr("note")
	if n := c.num("note-bytes", 0); n > 0 {
		s := strings.Repeat("x", n)
		rp.Metadata = &s
	}
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	c.answer(c.ask(req))
}

func (c *conversation) fetch() {
	req := kmsg.NewPtrOffsetFetchRequest()
	req.Version, req.Group = int16(c.num("v", 9)), c.group()
	topic := c.field("topic", "t")
	name, id := c.fresh(topic), c.topicID(topic)
	list := []int32{int32(c.num("partition", 0))}
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group, g.MemberID, g.MemberEpoch = req.Group, c.ptr("id"), int32(c.num("gen", -1))
	if g.MemberID != nil {
		s := c.named(*g.MemberID)
		g.MemberID = &s
	}
	if topic != "-" {
		g.Topics = []kmsg.OffsetFetchRequestGroupTopic{{Topic: name, TopicID: id, Partitions: list}}
		req.Topics = []kmsg.OffsetFetchRequestTopic{{Topic: name, Partitions: list}}
	}
	req.Groups = []kmsg.OffsetFetchRequestGroup{g}
	c.answer(c.ask(req))
}

// beat is a ConsumerGroupHeartbeat. A member that has no name yet in the text gets a random id.
func (c *conversation) beat() {
	req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	req.Version, req.Group, req.MemberEpoch = int16(c.num("v", 1)), c.group(), int32(c.num("epoch", 0))
	id := c.field("id", "a")
	if _, ok := c.names[id]; !ok && id != "-" {
		c.names[id] = "member-" + id + "-" + c.salt
	}
	if id != "-" {
		req.MemberID = c.names[id]
	}
	req.InstanceID, req.RackID, req.ServerAssignor, req.SubscribedTopicRegex = c.ptr("instance"), c.ptr("rack"), c.ptr("assignor"), c.ptr("regex")
	if req.SubscribedTopicRegex != nil {
		s := strings.ReplaceAll(*req.SubscribedTopicRegex, "SALT", c.salt)
		req.SubscribedTopicRegex = &s
	}
	req.RebalanceTimeoutMillis = int32(c.num("rebalance", -1))
	if req.MemberEpoch == 0 && c.field("rebalance", "") == "" {
		req.RebalanceTimeoutMillis = 60000
	}
	if topics := c.list("topics"); topics != nil {
		req.SubscribedTopicNames = []string{}
		for _, t := range topics {
			req.SubscribedTopicNames = append(req.SubscribedTopicNames, c.fresh(t))
		}
	}
	owned := c.list("owned")
	if req.MemberEpoch == 0 && owned == nil {
		owned = []string{}
	}
	if owned != nil {
		req.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{}
		for topic, list := range c.partitions("owned") {
			name, _, _ := strings.Cut(topic, "-")
			req.Topics = append(req.Topics, kmsg.ConsumerGroupHeartbeatRequestTopic{TopicID: c.topicID(name), Partitions: list})
		}
	}
	resp := c.ask(req)
	if c.field("quiet", "") != "" {
		c.settle()
		return
	}
	c.answer(resp)
}

// answer prints what an answer says, ids by their names.
func (c *conversation) answer(resp kmsg.Response) {
	switch r := resp.(type) {
	case *kmsg.JoinGroupResponse:
		if as := c.field("as", ""); as != "" && r.MemberID != "" {
			c.names[as] = r.MemberID
		}
		leader := r.LeaderID
		c.printf(" %s gen=%d type=%s protocol=%s leader=%q member=%q", code(r.ErrorCode), r.Generation, text(r.ProtocolType), text(r.Protocol), leader, r.MemberID)
		var members []string
		for _, m := range r.Members {
			members = append(members, c.hide(m.MemberID))
		}
		sort.Strings(members)
		c.printf(" members=%v skip=%v", members, r.SkipAssignment)
	case *kmsg.SyncGroupResponse:
		c.printf(" %s type=%s protocol=%s assignment=%s", code(r.ErrorCode), text(r.ProtocolType), text(r.Protocol), c.assignment(r.MemberAssignment))
	case *kmsg.HeartbeatResponse:
		c.printf(" %s", code(r.ErrorCode))
	case *kmsg.LeaveGroupResponse:
		c.printf(" %s", code(r.ErrorCode))
		for _, m := range r.Members {
			c.printf(" [%s %s %s]", m.MemberID, text(m.InstanceID), code(m.ErrorCode))
		}
	case *kmsg.OffsetCommitResponse:
		c.printf(" %s", code(r.Topics[0].Partitions[0].ErrorCode))
	case *kmsg.OffsetFetchResponse:
		c.fetched(r)
	case *kmsg.DescribeGroupsResponse:
		g := &r.Groups[0]
		c.printf(" %s %s state=%s type=%q protocol=%q", code(g.ErrorCode), text(g.ErrorMessage), g.State, g.ProtocolType, g.Protocol)
		slices.SortFunc(g.Members, func(a, b kmsg.DescribeGroupsResponseGroupMember) int {
			return strings.Compare(c.hide(a.MemberID), c.hide(b.MemberID))
		})
		for _, m := range g.Members {
			c.printf(" [%s %s %s metadata=%v assignment=%v]", m.MemberID, text(m.InstanceID), m.ClientID, len(m.ProtocolMetadata) > 0, len(m.MemberAssignment) > 0)
		}
	case *kmsg.ListGroupsResponse:
		c.printf(" %s", code(r.ErrorCode))
		var lines []string
		for _, g := range r.Groups {
			if strings.Contains(g.Group, c.salt) {
				lines = append(lines, fmt.Sprintf(" [%s %q %s %s]", g.Group, g.ProtocolType, g.GroupState, g.GroupType))
			}
		}
		sort.Strings(lines)
		c.printf("%s", strings.Join(lines, ""))
	case *kmsg.DeleteGroupsResponse:
		c.printf(" %s", code(r.Groups[0].ErrorCode))
	case *kmsg.OffsetDeleteResponse:
		c.printf(" %s", code(r.ErrorCode))
		for _, t := range r.Topics {
			c.printf(" [%s %s]", t.Topic, code(t.Partitions[0].ErrorCode))
		}
	case *kmsg.ConsumerGroupHeartbeatResponse:
		c.printf(" %s %s member=%s epoch=%d interval=%d", code(r.ErrorCode), text(r.ErrorMessage), text(r.MemberID), r.MemberEpoch, r.HeartbeatIntervalMillis)
		if r.Assignment == nil {
			c.printf(" unchanged")
			break
		}
		lists := map[[16]byte][]int32{}
		for _, t := range r.Assignment.Topics {
			lists[t.TopicID] = t.Partitions
		}
		c.printf(" %s", c.topics(lists))
	case *kmsg.ConsumerGroupDescribeResponse:
		c.shown(&r.Groups[0])
	default:
		c.t.Fatalf("no text for %T", resp)
	}
}

func (c *conversation) topics(lists map[[16]byte][]int32) string {
	var out []string
	for id, list := range lists {
		name := "?"
		for n, v := range c.names {
			if strings.HasPrefix(n, "id:") && v == string(id[:]) {
				name = n[3:]
			}
		}
		slices.Sort(list)
		out = append(out, fmt.Sprintf("%s%v", name, list))
	}
	sort.Strings(out)
	return "[" + strings.Join(out, " ") + "]"
}

func (c *conversation) assignment(b []byte) string {
	a := kmsg.NewConsumerMemberAssignment()
	if len(b) < 6 || a.ReadFrom(b) != nil {
		return strconv.Quote(string(b))
	}
	var out []string
	for _, t := range a.Topics {
		slices.Sort(t.Partitions)
		out = append(out, fmt.Sprintf("%s%v", c.hide(t.Topic), t.Partitions))
	}
	sort.Strings(out)
	return fmt.Sprint(out)
}

func (c *conversation) fetched(r *kmsg.OffsetFetchResponse) {
	topics := r.Topics
	if len(r.Groups) > 0 {
		c.printf(" %s", code(r.Groups[0].ErrorCode))
		for _, t := range r.Groups[0].Topics {
			rt := kmsg.NewOffsetFetchResponseTopic()
			if rt.Topic = t.Topic; rt.Topic == "" {
				rt.Topic = c.topics(map[[16]byte][]int32{t.TopicID: nil})
			}
			for _, p := range t.Partitions {
				rt.Partitions = append(rt.Partitions, kmsg.OffsetFetchResponseTopicPartition(p))
			}
			topics = append(topics, rt)
		}
	} else {
		c.printf(" %s", code(r.ErrorCode))
	}
	for _, t := range topics {
		for _, p := range t.Partitions {
			c.printf(" [%s:%d at=%d epoch=%d %s %s]", t.Topic, p.Partition, p.Offset, p.LeaderEpoch, text(p.Metadata), code(p.ErrorCode))
		}
	}
}

func (c *conversation) shown(g *kmsg.ConsumerGroupDescribeResponseGroup) {
	c.printf(" %s %s state=%s epoch=%d target=%d assignor=%q", code(g.ErrorCode), text(g.ErrorMessage), g.State, g.Epoch, g.AssignmentEpoch, g.AssignorName)
	slices.SortFunc(g.Members, func(a, b kmsg.ConsumerGroupDescribeResponseGroupMember) int {
		return strings.Compare(c.hide(a.MemberID), c.hide(b.MemberID))
	})
	for _, m := range g.Members {
		lists := func(a kmsg.Assignment) string {
			out := map[[16]byte][]int32{}
			for _, t := range a.TopicPartitions {
				out[t.TopicID] = t.Partitions
			}
			return c.topics(out)
		}
		sort.Strings(m.SubscribedTopics)
		c.printf("\n  %s instance=%s rack=%s epoch=%d client=%s topics=%v regex=%s has=%s wants=%s type=%d", m.MemberID, text(m.InstanceID), text(m.RackID),
			m.MemberEpoch, m.ClientID, m.SubscribedTopics, text(m.SubscribedTopicRegex), lists(m.Assignment), lists(m.TargetAssignment), m.MemberType)
	}
}
