package broker

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/auth"
	"github.com/millrace/millrace/internal/broker/metadata"
)

// rights says, for every API, what its sender needs, and what it is told without: resource, operation and error as KafkaApis and
// ControllerApis of Kafka 4.3.1 have them. A right is "operation resource error"; several are all needed, but for those with "or".
// "list" stands for: what may not be described is left out.
var rights = map[int16]string{
	0:  "WRITE TRANSACTIONAL_ID TRANSACTIONAL_ID_AUTHORIZATION_FAILED, WRITE TOPIC TOPIC_AUTHORIZATION_FAILED",
	1:  "READ TOPIC TOPIC_AUTHORIZATION_FAILED",
	2:  "DESCRIBE TOPIC TOPIC_AUTHORIZATION_FAILED",
	3:  "DESCRIBE TOPIC TOPIC_AUTHORIZATION_FAILED",
	8:  "READ GROUP GROUP_AUTHORIZATION_FAILED, READ TOPIC TOPIC_AUTHORIZATION_FAILED",
	9:  "DESCRIBE GROUP GROUP_AUTHORIZATION_FAILED, DESCRIBE TOPIC TOPIC_AUTHORIZATION_FAILED",
	10: "DESCRIBE GROUP GROUP_AUTHORIZATION_FAILED",
	11: "READ GROUP GROUP_AUTHORIZATION_FAILED",
	12: "READ GROUP GROUP_AUTHORIZATION_FAILED",
	13: "READ GROUP GROUP_AUTHORIZATION_FAILED",
	14: "READ GROUP GROUP_AUTHORIZATION_FAILED",
	15: "DESCRIBE GROUP GROUP_AUTHORIZATION_FAILED",
	16: "list",
	17: "none",
	18: "none",
	19: "CREATE TOPIC TOPIC_AUTHORIZATION_FAILED or CREATE CLUSTER",
	20: "DELETE TOPIC TOPIC_AUTHORIZATION_FAILED", // and DESCRIBE, which DELETE implies
	21: "DELETE TOPIC TOPIC_AUTHORIZATION_FAILED",
	22: "WRITE TOPIC CLUSTER_AUTHORIZATION_FAILED or IDEMPOTENT_WRITE CLUSTER",
	23: "DESCRIBE TOPIC TOPIC_AUTHORIZATION_FAILED or CLUSTER_ACTION CLUSTER",
	24: "WRITE TRANSACTIONAL_ID TRANSACTIONAL_ID_AUTHORIZATION_FAILED, WRITE TOPIC TOPIC_AUTHORIZATION_FAILED",
	25: "WRITE TRANSACTIONAL_ID TRANSACTIONAL_ID_AUTHORIZATION_FAILED, READ GROUP GROUP_AUTHORIZATION_FAILED",
	26: "WRITE TRANSACTIONAL_ID TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
	27: "CLUSTER_ACTION CLUSTER CLUSTER_AUTHORIZATION_FAILED or ALTER CLUSTER",
	28: "WRITE TRANSACTIONAL_ID TRANSACTIONAL_ID_AUTHORIZATION_FAILED, READ GROUP GROUP_AUTHORIZATION_FAILED, READ TOPIC TOPIC_AUTHORIZATION_FAILED",
	29: "DESCRIBE CLUSTER CLUSTER_AUTHORIZATION_FAILED",
	30: "ALTER CLUSTER CLUSTER_AUTHORIZATION_FAILED",
	31: "ALTER CLUSTER CLUSTER_AUTHORIZATION_FAILED",
	32: "DESCRIBE_CONFIGS TOPIC TOPIC_AUTHORIZATION_FAILED",
	33: "ALTER_CONFIGS TOPIC TOPIC_AUTHORIZATION_FAILED",
	34: "ALTER CLUSTER CLUSTER_AUTHORIZATION_FAILED",
	35: "DESCRIBE CLUSTER CLUSTER_AUTHORIZATION_FAILED",
	36: "none",
	38: "none",
	39: "none",
	40: "none",
	41: "none",
	37: "ALTER TOPIC TOPIC_AUTHORIZATION_FAILED",
	42: "DELETE GROUP GROUP_AUTHORIZATION_FAILED",
	43: "ALTER CLUSTER CLUSTER_AUTHORIZATION_FAILED",
	44: "ALTER_CONFIGS TOPIC TOPIC_AUTHORIZATION_FAILED",
	45: "ALTER CLUSTER CLUSTER_AUTHORIZATION_FAILED",
	46: "DESCRIBE CLUSTER CLUSTER_AUTHORIZATION_FAILED",
	47: "DELETE GROUP GROUP_AUTHORIZATION_FAILED, READ TOPIC TOPIC_AUTHORIZATION_FAILED",
	48: "DESCRIBE_CONFIGS CLUSTER CLUSTER_AUTHORIZATION_FAILED",
	49: "ALTER_CONFIGS CLUSTER CLUSTER_AUTHORIZATION_FAILED",
	50: "DESCRIBE CLUSTER CLUSTER_AUTHORIZATION_FAILED",
	51: "ALTER CLUSTER CLUSTER_AUTHORIZATION_FAILED",
	55: "DESCRIBE CLUSTER CLUSTER_AUTHORIZATION_FAILED",
	57: "ALTER CLUSTER CLUSTER_AUTHORIZATION_FAILED",
	60: "list",
	61: "READ TOPIC TOPIC_AUTHORIZATION_FAILED",
	64: "ALTER CLUSTER CLUSTER_AUTHORIZATION_FAILED",
	65: "DESCRIBE TRANSACTIONAL_ID TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
	66: "list",
	68: "READ GROUP GROUP_AUTHORIZATION_FAILED, DESCRIBE TOPIC TOPIC_AUTHORIZATION_FAILED",
	69: "DESCRIBE GROUP GROUP_AUTHORIZATION_FAILED",
	71: "none",
	72: "none",
	74: "DESCRIBE_CONFIGS CLUSTER CLUSTER_AUTHORIZATION_FAILED",
	75: "DESCRIBE TOPIC TOPIC_AUTHORIZATION_FAILED",
	76: "READ GROUP GROUP_AUTHORIZATION_FAILED, DESCRIBE TOPIC TOPIC_AUTHORIZATION_FAILED",
	77: "DESCRIBE GROUP GROUP_AUTHORIZATION_FAILED",
	78: "READ GROUP GROUP_AUTHORIZATION_FAILED, READ TOPIC TOPIC_AUTHORIZATION_FAILED",
	79: "READ GROUP GROUP_AUTHORIZATION_FAILED, READ TOPIC TOPIC_AUTHORIZATION_FAILED",
	80: "ALTER CLUSTER CLUSTER_AUTHORIZATION_FAILED",
	81: "ALTER CLUSTER CLUSTER_AUTHORIZATION_FAILED",
	90: "DESCRIBE GROUP GROUP_AUTHORIZATION_FAILED, DESCRIBE TOPIC TOPIC_AUTHORIZATION_FAILED",
	91: "READ GROUP GROUP_AUTHORIZATION_FAILED, READ TOPIC TOPIC_AUTHORIZATION_FAILED",
	92: "DELETE GROUP GROUP_AUTHORIZATION_FAILED, READ TOPIC TOPIC_AUTHORIZATION_FAILED",
}

// TestEveryAPIHasAGuard: a new API is decided upon before it is served.
func TestEveryAPIHasAGuard(t *testing.T) {
	for key, a := range apis {
		if a == nil {
			continue
		}
		g := guards[key]
		switch {
		case g == nil:
			t.Errorf("%s (%d) is served and has no guard: add one to authorize_*.go, and its rights to this file", kmsg.NameForKey(a.key), key)
		case g.check != nil && a.raw != nil:
			t.Errorf("%s (%d) decodes its own requests, so its guard is never asked: ask inside with c.allowed, and say so with unguarded", kmsg.NameForKey(a.key), key)
		case rights[a.key] == "":
			t.Errorf("%s (%d) is not in the table of rights", kmsg.NameForKey(a.key), key)
		}
	}
	for key := range rights {
		if guards[key] == nil {
			t.Errorf("%s (%d) has rights and no guard", kmsg.NameForKey(key), key)
		}
	}
}

type right struct {
	op   auth.Operation
	kind auth.Resource
	err  string
}

func parseRights(t *testing.T, s string) (all []right, instead *right) {
	t.Helper()
	one := func(s string) right {
		w := strings.Fields(s)
		op, ok := auth.ParseOperation(w[0])
		kind, err := kmsg.ParseACLResourceType(w[1])
		if !ok || err != nil {
			t.Fatalf("%q", s)
		}
		return right{op, kind, w[len(w)-1]}
	}
	s, other, ok := strings.Cut(s, " or ")
	if ok {
		r := one(other)
		instead = &r
	}
	for _, part := range strings.Split(s, ", ") {
		all = append(all, one(part))
	}
	return all, instead
}

// nameOf is the resource of a kind that requests of this test are about.
func nameOf(kind auth.Resource) string {
	return map[auth.Resource]string{auth.Topic: "t", auth.Group: "g", auth.TransactionalID: "x", auth.Cluster: auth.ClusterName}[kind]
}

// TestRights asks every API, by a client that has none of the rights, all but one, and all: the error that names the missing right comes
// if and only if it is missing. Of versions, the first and the last.
func TestRights(t *testing.T) {
	sb := startSecured(t, map[string]string{"authorizer.class.name": metadata.StandardAuthorizer, "auto.create.topics.enable": "false"})
	sb.create(t, "t", 1, nil)
	id := sb.meta.Topic("t").ID
	for _, a := range apis {
		if a == nil || rights[a.key] == "none" || rights[a.key] == "list" || rights[a.key] == "" {
			continue
		}
		all, instead := parseRights(t, rights[a.key])
		versions := []int16{a.min, a.max}
		if a.key == 24 && a.max > 3 {
			versions[1] = 3 // later ones are for brokers
		}
		if a.key == 35 {
			versions[0] = 3 // the first with an error
		}
		if a.key == 47 {
			sb.commit(t) // or there is no group to speak of
		}
		for _, version := range versions {
			t.Run(fmt.Sprintf("%s v%d", kmsg.NameForKey(a.key), version), func(t *testing.T) {
				for missing := range all {
					sb.grant(t, append(append([]right{}, all[:missing]...), all[missing+1:]...)...)
					if got := sb.errorsOf(t, a, version, id); !got[all[missing].err] {
						t.Errorf("without %v on %v: errors %v, want %s", all[missing].op, all[missing].kind, got, all[missing].err)
					}
				}
				sb.grant(t, all...)
				if got := sb.errorsOf(t, a, version, id); deniedAny(got) {
					t.Errorf("with all rights: %v", got)
				}
				if instead != nil {
					sb.grant(t, *instead)
					if got := sb.errorsOf(t, a, version, id); deniedAny(got) {
						t.Errorf("with %v on %v: %v", instead.op, instead.kind, got)
					}
				}
			})
		}
	}
}

// commit makes the group by committing an offset.
func (sb *securedBroker) commit(t *testing.T) {
	t.Helper()
	sb.grant(t, right{auth.Read, auth.Group, ""}, right{auth.Read, auth.Topic, ""})
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Version, req.Group, req.Generation = 8, "g", -1
	req.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: "t", Partitions: []kmsg.OffsetCommitRequestTopicPartition{{Offset: 1}}}}
	if resp := sb.dial(t).ask(t, req).(*kmsg.OffsetCommitResponse); resp.Topics[0].Partitions[0].ErrorCode != 0 {
		t.Fatalf("%+v", resp)
	}
}

func deniedAny(errs map[string]bool) bool {
	for name := range errs {
		if strings.HasSuffix(name, "AUTHORIZATION_FAILED") {
			return true
		}
	}
	return false
}

// grant replaces all ACLs, and makes the topic again if a request has deleted it.
func (sb *securedBroker) grant(t *testing.T, rights ...right) {
	t.Helper()
	if _, err := sb.meta.DeleteACLs([]auth.Filter{{Resource: 1, Pattern: 1, Operation: 1, Permission: 1}}); err != nil {
		t.Fatal(err)
	}
	for _, r := range rights {
		sb.allow(t, "User:ANONYMOUS", r.op, r.kind, nameOf(r.kind))
	}
	if sb.meta.Topic("t") == nil {
		sb.create(t, "t", 1, nil)
	}
}

// errorsOf sends a request about t, g and x and gives the errors that are in its answer. DeleteTopics' own effect is undone by grant.
func (sb *securedBroker) errorsOf(t *testing.T, a *api, version int16, _ [16]byte) map[string]bool {
	t.Helper()
	req := kmsg.RequestForKey(a.key)
	req.SetVersion(version)
	names(req, sb.meta.Topic("t").ID, version)
	c := sb.dial(t)
	defer c.Close()
	resp := c.ask(t, req)
	out := map[string]bool{}
	collectErrors(reflect.ValueOf(resp), out)
	return out
}

// names fills a request with one of each thing.
func names(req kmsg.Request, topic [16]byte, version int16) {
	switch r := req.(type) {
	case *kmsg.ProduceRequest:
		x := "x"
		r.TransactionID, r.Acks, r.TimeoutMillis = &x, -1, 1000
		pt := kmsg.NewProduceRequestTopic()
		pt.Topic, pt.TopicID = "t", topic
		pt.Partitions = []kmsg.ProduceRequestTopicPartition{{Records: batch("v")}}
		r.Topics = []kmsg.ProduceRequestTopic{pt}
	case *kmsg.ShareFetchRequest: // as Kafka does, it asks for topics only when it is to read them
		g, m := "g", "m"
		r.GroupID, r.MemberID, r.MaxBytes, r.MaxRecords = &g, &m, 1000, 1
		r.Topics = []kmsg.ShareFetchRequestTopic{{TopicID: topic, Partitions: []kmsg.ShareFetchRequestTopicPartition{{}}}}
	default:
		fillNames(reflect.ValueOf(req).Elem(), "", topic, version)
	}
}

// fillNames sets the fields of a request by what they are called.
func fillNames(v reflect.Value, within string, topic [16]byte, version int16) {
	for i := range v.NumField() {
		f, name := v.Field(i), v.Type().Field(i).Name
		switch {
		case name == "UnknownTags" || name == "Version":
		case f.Kind() == reflect.Slice && f.Type().Elem().Kind() == reflect.Struct:
			e := reflect.New(f.Type().Elem())
			if d, ok := e.Interface().(interface{ Default() }); ok {
				d.Default()
			}
			fillNames(e.Elem(), name, topic, version)
			f.Set(reflect.Append(f, e.Elem()))
		case f.Kind() == reflect.Slice && f.Type().Elem().Kind() == reflect.String:
			f.Set(reflect.Append(f, reflect.ValueOf(nameFor(name, within))))
		case f.Kind() == reflect.Slice && f.Type().Elem().Kind() == reflect.Int32:
			f.Set(reflect.Append(f, reflect.ValueOf(int32(0))))
		case f.Kind() == reflect.Slice && f.Type().Elem().Kind() == reflect.Uint8:
			f.SetBytes([]byte("salt"))
		case f.Kind() == reflect.String:
			f.SetString(nameFor(name, within))
		case f.Kind() == reflect.Pointer && f.Type().Elem().Kind() == reflect.String:
			if name == "Topic" && within == "Topics" || strings.HasPrefix(name, "GroupID") || name == "ResourceName" {
				n := nameFor(name, within)
				f.Set(reflect.ValueOf(&n))
			}
		case name == "TopicID":
			if v.FieldByName("Topic").Kind() != reflect.Pointer { // where both can be given one must be
				f.Set(reflect.ValueOf(topic))
			}
		case name == "ResourceType" && f.Type() == reflect.TypeFor[kmsg.ConfigResourceType]():
			f.SetInt(int64(kmsg.ConfigResourceTypeTopic))
		case name == "ResourceType", name == "PermissionType":
			f.SetInt(2)
		case name == "ResourcePatternType":
			f.SetInt(3)
		case name == "Operation":
			f.SetInt(3)
		case name == "Count", name == "NumPartitions", name == "ReplicationFactor":
			f.SetInt(1)
		case name == "SessionTimeoutMillis":
			f.SetInt(10000)
		case name == "IsolationLevel", name == "ReplicaID", name == "ControllerID":
			f.SetInt(-1)
		}
	}
}

func nameFor(field, within string) string {
	switch {
	case strings.HasPrefix(field, "TransactionalID"):
		return "x"
	case field == "CoordinatorKey", field == "CoordinatorKeys", field == "Group", field == "Groups", field == "GroupID", field == "GroupIDs":
		return "g"
	case field == "Principal":
		return "User:a"
	case field == "Host":
		return "*"
	case strings.HasPrefix(field, "Topic"), field == "SubscribedTopicNames", field == "ResourceName":
		return "t"
	}
	return ""
}

// collectErrors finds the ErrorCodes of an answer.
func collectErrors(v reflect.Value, into map[string]bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			collectErrors(v.Elem(), into)
		}
	case reflect.Slice:
		for i := range v.Len() {
			collectErrors(v.Index(i), into)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Name == "ErrorCode" && v.Field(i).Int() != 0 {
				name := kerr.ErrorForCode(int16(v.Field(i).Int())).Error()
				name, _, _ = strings.Cut(name, ":")
				into[name] = true
				continue
			}
			collectErrors(v.Field(i), into)
		}
	}
}

// TestWhatIsHidden: lists leave out what may not be described, and say only what the client may do.
func TestWhatIsHidden(t *testing.T) {
	sb := startSecured(t, map[string]string{"authorizer.class.name": metadata.StandardAuthorizer})
	for _, name := range []string{"seen", "hidden"} {
		sb.create(t, name, 1, nil)
	}
	sb.allow(t, "User:ANONYMOUS", auth.Read, auth.Topic, "seen")
	c := sb.dial(t)
	topics := func(version int16, names ...string) map[string]int16 {
		t.Helper()
		req := kmsg.NewPtrMetadataRequest()
		req.Version, req.AllowAutoTopicCreation, req.IncludeTopicAuthorizedOperations = version, true, version >= 8
		for _, n := range names {
			rt := kmsg.NewMetadataRequestTopic()
			rt.Topic = &n
			req.Topics = append(req.Topics, rt)
		}
		resp := c.ask(t, req).(*kmsg.MetadataResponse)
		if len(resp.Brokers) != 1 {
			t.Fatalf("v%d: no broker", version)
		}
		out := map[string]int16{}
		for _, rt := range resp.Topics {
			out[*rt.Topic] = rt.ErrorCode
			if want := int32(1<<auth.Read | 1<<auth.Describe); *rt.Topic == "seen" && version >= 8 && rt.AuthorizedOperations != want {
				t.Errorf("v%d: operations %b, want %b", version, rt.AuthorizedOperations, want)
			}
		}
		return out
	}
	denied := kerr.TopicAuthorizationFailed.Code
	for _, version := range []int16{0, 4, 9, 12} {
		for _, check := range []struct {
			asked []string
			want  map[string]int16
		}{
			{nil, map[string]int16{"seen": 0}},
			{[]string{"seen"}, map[string]int16{"seen": 0}},
			{[]string{"hidden"}, map[string]int16{"hidden": denied}},
			{[]string{"seen", "hidden", "absent"}, map[string]int16{"seen": 0, "hidden": denied, "absent": denied}},
		} {
			if got := topics(version, check.asked...); !reflect.DeepEqual(got, check.want) {
				t.Errorf("v%d: asked for %v, got %v, want %v", version, check.asked, got, check.want)
			}
		}
	}
	// A name that may be described and not created is not made; one that may be both is.
	sb.allow(t, "User:ANONYMOUS", auth.Describe, auth.Topic, "absent")
	if got := topics(9, "absent"); got["absent"] != denied || sb.meta.Topic("absent") != nil {
		t.Errorf("without CREATE: %v", got)
	}
	sb.allow(t, "User:ANONYMOUS", auth.Create, auth.Topic, "absent")
	topics(9, "absent")
	if sb.meta.Topic("absent") == nil {
		t.Error("with CREATE the topic is not made")
	}
}

// TestPatternShowsWhatMayBeDescribed: a member with a regular expression is assigned only topics that it may describe, as the ACLs are at its
// next heartbeat.
func TestPatternShowsWhatMayBeDescribed(t *testing.T) {
	sb := startSecured(t, map[string]string{"authorizer.class.name": metadata.StandardAuthorizer})
	for _, name := range []string{"in-1", "in-2"} {
		sb.create(t, name, 1, nil)
	}
	sb.allow(t, "User:ANONYMOUS", auth.Read, auth.Group, "g")
	sb.allow(t, "User:ANONYMOUS", auth.Read, auth.Topic, "in-1")
	c := sb.dial(t)
	beat := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	beat.Version, beat.Group, beat.MemberID, beat.RebalanceTimeoutMillis = 1, "g", "m", 1000
	beat.SubscribedTopicRegex, beat.Topics = kmsg.StringPtr("in-.*"), []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	check := func(want ...string) {
		t.Helper()
		resp := c.ask(t, beat).(*kmsg.ConsumerGroupHeartbeatResponse)
		if resp.ErrorCode != 0 || resp.Assignment == nil {
			t.Fatalf("%+v", resp)
		}
		var got []string
		beat.MemberEpoch, beat.Topics = resp.MemberEpoch, []kmsg.ConsumerGroupHeartbeatRequestTopic{}
		for _, rt := range resp.Assignment.Topics {
			got = append(got, sb.meta.TopicByID(rt.TopicID).Name)
			beat.Topics = append(beat.Topics, kmsg.ConsumerGroupHeartbeatRequestTopic{TopicID: rt.TopicID, Partitions: rt.Partitions})
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("assigned %v, want %v", got, want)
		}
	}
	check("in-1")
	sb.allow(t, "User:ANONYMOUS", auth.Describe, auth.Topic, "in-2")
	check("in-1", "in-2")
	if err := sb.meta.CreateACLs([]auth.ACL{{Resource: auth.Topic, Name: "in-1", Principal: "User:ANONYMOUS", Pattern: auth.Literal, Host: "*",
		Operation: auth.Describe, Permission: auth.Deny}}); err != nil {
		t.Fatal(err)
	}
	check("in-2")
}

// TestPartlyAllowed: one request about an allowed and a denied topic has an answer for both.
func TestPartlyAllowed(t *testing.T) {
	sb := startSecured(t, map[string]string{"authorizer.class.name": metadata.StandardAuthorizer})
	sb.create(t, "mine", 1, nil)
	sb.create(t, "theirs", 1, nil)
	sb.allow(t, "User:ANONYMOUS", auth.All, auth.Topic, "mine")
	c := sb.dial(t)
	req := kmsg.NewPtrListOffsetsRequest()
	req.Version = 6
	for _, name := range []string{"theirs", "mine"} {
		rt := kmsg.NewListOffsetsRequestTopic()
		rt.Topic = name
		rp := kmsg.NewListOffsetsRequestTopicPartition()
		rp.Timestamp = -1
		rt.Partitions = append(rt.Partitions, rp)
		req.Topics = append(req.Topics, rt)
	}
	got := map[string]int16{}
	for _, rt := range c.ask(t, req).(*kmsg.ListOffsetsResponse).Topics {
		got[rt.Topic] = rt.Partitions[0].ErrorCode
	}
	if want := map[string]int16{"mine": 0, "theirs": kerr.TopicAuthorizationFailed.Code}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	// A denied ACL and a change of ACLs take effect at once, on connections that are open.
	if err := sb.meta.CreateACLs([]auth.ACL{{Resource: auth.Topic, Name: "mi", Pattern: auth.Prefixed, Principal: "User:*", Host: "127.0.0.1",
		Operation: auth.Describe, Permission: auth.Deny}}); err != nil {
		t.Fatal(err)
	}
	for _, rt := range c.ask(t, req).(*kmsg.ListOffsetsResponse).Topics {
		if rt.Partitions[0].ErrorCode != kerr.TopicAuthorizationFailed.Code {
			t.Errorf("%s is still open", rt.Topic)
		}
	}
}
