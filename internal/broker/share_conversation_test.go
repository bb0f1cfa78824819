package broker

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/wire"
)

// The verbs of conversations about share groups:
//
//	share-beat id=S [epoch=N] [topics=t,u] [rack=S] [quiet=1]
//	share-show
//	produce topic:partition n=N [pid=N commit|abort=1]                       one batch; of a transaction that ends at once
//	share-fetch id=S epoch=N [read=t:0,t:1] [forget=t:0] [acks=ACKS] [max=N] [batch=N] [exact=1] [wait=MS] [renew=1] [v=N]
//	share-ack id=S epoch=N [acks=ACKS] [renew=1] [v=N]                       ACKS: t:0:FIRST-LAST:types,…; a type for all, or one for each
//	offsets [topic:partition …] | alter topic:partition:OFFSET … | forget topic …
//	set NAME=VALUE                                                           of the group
//	find type=N key=S [v=N]
func (c *conversation) share(verb string) bool {
	switch verb {
	case "share-beat":
		c.shareBeat()
	case "share-show":
		req := kmsg.NewPtrShareGroupDescribeRequest()
		req.Version, req.GroupIDs = 1, []string{c.group()}
		c.shareShown(&c.ask(req).(*kmsg.ShareGroupDescribeResponse).Groups[0])
	case "produce":
		c.produce()
	case "share-fetch":
		c.shareFetch()
	case "share-ack":
		c.shareAck()
	case "offsets":
		c.shareOffsets()
	case "alter":
		c.shareAlter()
	case "forget":
		req := kmsg.NewPtrDeleteShareGroupOffsetsRequest()
		req.GroupID = c.group()
		for _, w := range c.args() {
			req.Topics = append(req.Topics, kmsg.DeleteShareGroupOffsetsRequestTopic{Topic: c.fresh(w)})
		}
		resp := c.ask(req).(*kmsg.DeleteShareGroupOffsetsResponse)
		c.printf(" %s %s", code(resp.ErrorCode), text(resp.ErrorMessage))
		for _, t := range resp.Topics {
			c.printf(" [%s id=%v %s %s]", t.Topic, t.TopicID != [16]byte{}, code(t.ErrorCode), text(t.ErrorMessage))
		}
	case "set":
		c.setGroup()
	case "find":
		req := kmsg.NewPtrFindCoordinatorRequest()
		req.Version, req.CoordinatorType, req.CoordinatorKeys = int16(c.num("v", 6)), int8(c.num("type", 0)), []string{c.field("key", "")}
		r := c.ask(req).(*kmsg.FindCoordinatorResponse).Coordinators[0]
		c.printf(" %s", code(r.ErrorCode))
	default:
		return false
	}
	return true
}

// args are the words of the line that are no fields.
func (c *conversation) args() (out []string) {
	for _, w := range c.words[1:] {
		if !strings.Contains(w, "=") {
			out = append(out, w)
		}
	}
	return out
}

func (c *conversation) member() string {
	id := c.field("id", "a")
	if _, ok := c.names[id]; !ok && id != "-" {
		c.names[id] = "member-" + id + "-" + c.salt[max(0, len(c.salt)-8):]
	}
	return c.names[id]
}

func (c *conversation) shareBeat() {
	req := kmsg.NewPtrShareGroupHeartbeatRequest()
	req.Version, req.GroupID, req.MemberID, req.MemberEpoch, req.RackID = 1, c.group(), c.member(), int32(c.num("epoch", 0)), c.ptr("rack")
	if long := c.num("long", 0); long > 0 {
		req.MemberID = strings.Repeat("x", long)
	}
	if topics := c.list("topics"); topics != nil {
		req.SubscribedTopicNames = []string{}
		for _, t := range topics {
			req.SubscribedTopicNames = append(req.SubscribedTopicNames, c.fresh(t))
		}
	}
	r := c.ask(req).(*kmsg.ShareGroupHeartbeatResponse)
	if c.field("quiet", "") != "" {
		c.settle()
		return
	}
	c.printf(" %s %s member=%s epoch=%d interval=%d", code(r.ErrorCode), text(r.ErrorMessage), text(r.MemberID), r.MemberEpoch, r.HeartbeatIntervalMillis)
	if r.Assignment == nil {
		c.printf(" unchanged")
		return
	}
	lists := map[[16]byte][]int32{}
	for _, t := range r.Assignment.TopicPartitions {
		lists[t.TopicID] = t.Partitions
	}
	c.printf(" %s", c.topics(lists))
}

func (c *conversation) shareShown(g *kmsg.ShareGroupDescribeResponseGroup) {
	c.printf(" %s %s state=%s epoch=%d target=%d assignor=%q", code(g.ErrorCode), text(g.ErrorMessage), g.GroupState, g.GroupEpoch, g.AssignmentEpoch, g.Assignor)
	slices.SortFunc(g.Members, func(a, b kmsg.ShareGroupDescribeResponseGroupMember) int {
		return strings.Compare(c.hide(a.MemberID), c.hide(b.MemberID))
	})
	for _, m := range g.Members {
		lists := map[[16]byte][]int32{}
		for _, t := range m.Assignment.TopicPartitions {
			lists[t.TopicID] = t.Partitions
		}
		slices.Sort(m.SubscribedTopicNames)
		c.printf("\n  %s rack=%s epoch=%d client=%s topics=%v has=%s", m.MemberID, text(m.RackID), m.MemberEpoch, m.ClientID, m.SubscribedTopicNames, c.topics(lists))
	}
}

func (c *conversation) produce() {
	topic, part, _ := strings.Cut(c.args()[0], ":")
	i, _ := strconv.Atoi(part)
	b := wire.NewBuilder(nil)
	for j := range c.num("n", 1) {
		b.Append(time.Now().UnixMilli(), nil, []byte(fmt.Sprintf("%s-%d", c.args()[0], j)), nil)
	}
	req := produceRequestOf(c.fresh(topic), 12, nil)
	req.Topics[0].Partitions[0].Partition = int32(i)
	if end := c.field("txn", ""); end != "" {
		id := "txn-" + c.salt
		find := kmsg.NewPtrFindCoordinatorRequest() // which makes Kafka make its topic
		find.Version, find.CoordinatorType, find.CoordinatorKeys = 6, 1, []string{id}
		c.ask(find)
		init := kmsg.NewPtrInitProducerIDRequest()
		init.Version, init.TransactionalID, init.TransactionTimeoutMillis, init.ProducerID, init.ProducerEpoch = 4, &id, 60000, -1, -1
		p := c.ask(init).(*kmsg.InitProducerIDResponse)
		b.SetProducer(p.ProducerID, p.ProducerEpoch, 0)
		b.SetTransactional(true)
		req.TransactionID = &id
		req.Version = 11 // and so with EndTxn: the older of the two protocols of transactions
		add := kmsg.NewPtrAddPartitionsToTxnRequest()
		add.Version, add.TransactionalID, add.ProducerID, add.ProducerEpoch = 3, id, p.ProducerID, p.ProducerEpoch
		add.Topics = []kmsg.AddPartitionsToTxnRequestTopic{{Topic: c.fresh(topic), Partitions: []int32{int32(i)}}}
		added := c.ask(add).(*kmsg.AddPartitionsToTxnResponse).Topics[0].Partitions[0]
		req.Topics[0].Partitions[0].Records = b.Bytes()
		r := c.ask(req).(*kmsg.ProduceResponse).Topics[0].Partitions[0]
		e := kmsg.NewPtrEndTxnRequest()
		e.Version, e.TransactionalID, e.ProducerID, e.ProducerEpoch, e.Commit = 4, id, p.ProducerID, p.ProducerEpoch, end == "commit"
		done := c.ask(e).(*kmsg.EndTxnResponse)
		c.printf(" %s %s at=%d end=%s", code(added.ErrorCode), code(r.ErrorCode), r.BaseOffset, code(done.ErrorCode))
		c.settle() // Kafka's markers come later
		return
	}
	req.Topics[0].Partitions[0].Records = b.Bytes()
	r := c.ask(req).(*kmsg.ProduceResponse).Topics[0].Partitions[0]
	c.printf(" %s at=%d", code(r.ErrorCode), r.BaseOffset)
}

// sharePart is a topic and a partition of a line.
func (c *conversation) sharePart(w string) (id [16]byte, partition int32, rest string) {
	topic, w, _ := strings.Cut(w, ":")
	part, rest, _ := strings.Cut(w, ":")
	i, _ := strconv.Atoi(part)
	if topic == "?" {
		return [16]byte{1, 2, 3}, int32(i), rest
	}
	return c.topicID(topic), int32(i), rest
}

// acks reads t:0:FIRST-LAST:types, where types are letters: a accept, l release, r reject, n renew, g gap, x nonsense.
func (c *conversation) acks(each func(id [16]byte, partition int32, first, last int64, types []int8)) {
	for _, w := range c.list("acks") {
		id, i, rest := c.sharePart(w)
		span, letters, _ := strings.Cut(rest, ":")
		a, b, _ := strings.Cut(span, "-")
		first, _ := strconv.ParseInt(a, 10, 64)
		last, _ := strconv.ParseInt(b, 10, 64)
		var types []int8
		for _, l := range letters {
			types = append(types, map[rune]int8{'g': 0, 'a': 1, 'l': 2, 'r': 3, 'n': 4, 'x': 9}[l])
		}
		each(id, i, first, last, types)
	}
}

func (c *conversation) shareFetch() {
	req := kmsg.NewPtrShareFetchRequest()
	group, member := c.group(), c.member()
	req.Version, req.GroupID, req.MemberID, req.ShareSessionEpoch = int16(c.num("v", 2)), &group, &member, int32(c.num("epoch", 0))
	req.MaxWaitMillis, req.MinBytes, req.MaxBytes = int32(c.num("wait", 5000)), int32(c.num("min", 1)), int32(c.num("bytes", 1<<20))
	req.MaxRecords, req.BatchSize, req.ShareAcquireMode, req.IsRenewAck = int32(c.num("max", 500)), int32(c.num("batch", 500)), int8(c.num("exact", 0)), c.num("renew", 0) == 1
	if c.field("nobody", "") != "" {
		req.MemberID = nil
	}
	part := func(id [16]byte, i int32) *kmsg.ShareFetchRequestTopicPartition {
		at := slices.IndexFunc(req.Topics, func(t kmsg.ShareFetchRequestTopic) bool { return t.TopicID == id })
		if at < 0 {
			at = len(req.Topics)
			req.Topics = append(req.Topics, kmsg.ShareFetchRequestTopic{TopicID: id})
		}
		t := &req.Topics[at]
		for j := range t.Partitions {
			if t.Partitions[j].Partition == i {
				return &t.Partitions[j]
			}
		}
		rp := kmsg.NewShareFetchRequestTopicPartition()
		rp.Partition = i
		t.Partitions = append(t.Partitions, rp)
		return &t.Partitions[len(t.Partitions)-1]
	}
	for _, w := range c.list("read") {
		id, i, _ := c.sharePart(w)
		part(id, i)
	}
	for _, w := range c.list("forget") {
		id, i, _ := c.sharePart(w)
		req.ForgottenTopicsData = append(req.ForgottenTopicsData, kmsg.ShareFetchRequestForgottenTopicsData{TopicID: id, Partitions: []int32{i}})
	}
	c.acks(func(id [16]byte, i int32, first, last int64, types []int8) {
		p := part(id, i)
		p.AcknowledgementBatches = append(p.AcknowledgementBatches, kmsg.ShareFetchRequestTopicPartitionAcknowledgementBatch{FirstOffset: first, LastOffset: last, AcknowledgeTypes: types})
	})
	r := c.ask(req).(*kmsg.ShareFetchResponse)
	c.printf(" %s %s lock=%d", code(r.ErrorCode), text(r.ErrorMessage), r.AcquisitionLockTimeoutMillis)
	var lines []string
	for _, t := range r.Topics {
		for _, p := range t.Partitions {
			line := fmt.Sprintf("\n  %s:%d %s %s", strings.Trim(c.topics(map[[16]byte][]int32{t.TopicID: nil}), "[]"), p.Partition, code(p.ErrorCode), text(p.ErrorMessage))
			if p.AcknowledgeErrorCode != 0 || p.AcknowledgeErrorMessage != nil {
				line += fmt.Sprintf(" ack=%s %s", code(p.AcknowledgeErrorCode), text(p.AcknowledgeErrorMessage))
			}
			for _, a := range p.AcquiredRecords {
				line += fmt.Sprintf(" %d-%d#%d", a.FirstOffset, a.LastOffset, a.DeliveryCount)
			}
			lines = append(lines, line+c.recordsOf(p.Records))
		}
	}
	slices.Sort(lines)
	c.printf("%s", strings.Join(lines, ""))
}

// recordsOf says which batches came.
func (c *conversation) recordsOf(b []byte) string {
	out := ""
	for len(b) > 0 {
		batch, rest, err := wire.ParseBatch(b)
		if err != nil {
			return " damaged"
		}
		out += fmt.Sprintf("%d-%d ", batch.BaseOffset(), batch.LastOffset())
		b = rest
	}
	if out == "" {
		return ""
	}
	return " of " + strings.TrimSpace(out)
}

func (c *conversation) shareAck() {
	req := kmsg.NewPtrShareAcknowledgeRequest()
	group, member := c.group(), c.member()
	req.Version, req.GroupID, req.MemberID, req.ShareSessionEpoch = int16(c.num("v", 2)), &group, &member, int32(c.num("epoch", 0))
	req.IsRenewAck = c.num("renew", 0) == 1
	c.acks(func(id [16]byte, i int32, first, last int64, types []int8) {
		if n := len(req.Topics); n == 0 || req.Topics[n-1].TopicID != id {
			req.Topics = append(req.Topics, kmsg.ShareAcknowledgeRequestTopic{TopicID: id})
		}
		t := &req.Topics[len(req.Topics)-1]
		if n := len(t.Partitions); n == 0 || t.Partitions[n-1].Partition != i {
			rp := kmsg.NewShareAcknowledgeRequestTopicPartition()
			rp.Partition = i
			t.Partitions = append(t.Partitions, rp)
		}
		p := &t.Partitions[len(t.Partitions)-1]
		p.AcknowledgementBatches = append(p.AcknowledgementBatches, kmsg.ShareAcknowledgeRequestTopicPartitionAcknowledgementBatch{FirstOffset: first, LastOffset: last, AcknowledgeTypes: types})
	})
	r := c.ask(req).(*kmsg.ShareAcknowledgeResponse)
	c.printf(" %s %s", code(r.ErrorCode), text(r.ErrorMessage))
	var lines []string
	for _, t := range r.Topics {
		for _, p := range t.Partitions {
			name := strings.Trim(c.topics(map[[16]byte][]int32{t.TopicID: nil}), "[]")
			lines = append(lines, fmt.Sprintf(" [%s:%d %s %s]", name, p.Partition, code(p.ErrorCode), text(p.ErrorMessage)))
		}
	}
	slices.Sort(lines)
	c.printf("%s", strings.Join(lines, ""))
}

func (c *conversation) shareOffsets() {
	req := kmsg.NewPtrDescribeShareGroupOffsetsRequest()
	req.Version = int16(c.num("v", 1))
	g := kmsg.NewDescribeShareGroupOffsetsRequestGroup()
	g.GroupID = c.group()
	for _, w := range c.args() {
		topic, part, _ := strings.Cut(w, ":")
		i, _ := strconv.Atoi(part)
		rt := kmsg.NewDescribeShareGroupOffsetsRequestGroupTopic()
		rt.Topic, rt.Partitions = c.fresh(topic), []int32{int32(i)}
		g.Topics = append(g.Topics, rt)
	}
	req.Groups = append(req.Groups, g)
	r := c.ask(req).(*kmsg.DescribeShareGroupOffsetsResponse).Groups[0]
	c.printf(" %s %s", code(r.ErrorCode), text(r.ErrorMessage))
	var lines []string
	for _, t := range r.Topics {
		for _, p := range t.Partitions {
			lines = append(lines, fmt.Sprintf(" [%s:%d id=%v start=%d epoch=%d lag=%d %s %s]", c.hide(t.Topic), p.Partition, t.TopicID != [16]byte{}, p.StartOffset, p.LeaderEpoch,
				p.Lag, code(p.ErrorCode), text(p.ErrorMessage)))
		}
	}
	slices.Sort(lines)
	c.printf("%s", strings.Join(lines, ""))
}

func (c *conversation) shareAlter() {
	req := kmsg.NewPtrAlterShareGroupOffsetsRequest()
	req.GroupID = c.group()
	for _, w := range c.args() {
		f := strings.Split(w, ":")
		i, _ := strconv.Atoi(f[1])
		at, _ := strconv.ParseInt(f[2], 10, 64)
		rt := kmsg.NewAlterShareGroupOffsetsRequestTopic()
		rt.Topic, rt.Partitions = c.fresh(f[0]), []kmsg.AlterShareGroupOffsetsRequestTopicPartition{{Partition: int32(i), StartOffset: at}}
		req.Topics = append(req.Topics, rt)
	}
	r := c.ask(req).(*kmsg.AlterShareGroupOffsetsResponse)
	c.settle()
	c.printf(" %s %s", code(r.ErrorCode), text(r.ErrorMessage))
	var lines []string
	for _, t := range r.Topics {
		for _, p := range t.Partitions {
			lines = append(lines, fmt.Sprintf(" [%s:%d id=%v %s %s]", c.hide(t.Topic), p.Partition, t.TopicID != [16]byte{}, code(p.ErrorCode), text(p.ErrorMessage)))
		}
	}
	slices.Sort(lines)
	c.printf("%s", strings.Join(lines, ""))
}

func (c *conversation) setGroup() {
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	req.Version = 1
	res := kmsg.NewIncrementalAlterConfigsRequestResource()
	res.ResourceType, res.ResourceName = kmsg.ConfigResourceTypeGroupConfig, c.group()
	for _, w := range c.words[1:] {
		name, value, _ := strings.Cut(w, "=")
		if name != "group" {
			res.Configs = append(res.Configs, kmsg.IncrementalAlterConfigsRequestResourceConfig{Name: name, Value: &value})
		}
	}
	req.Resources = append(req.Resources, res)
	r := c.ask(req).(*kmsg.IncrementalAlterConfigsResponse).Resources[0]
	c.settle()
	c.printf(" %s %s", code(r.ErrorCode), text(r.ErrorMessage))
}
