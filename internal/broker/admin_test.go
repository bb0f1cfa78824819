package broker

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// kafka is the address of an Apache Kafka, node 1 of a new directory, that the scripts of testdata/admin are run against instead of
// our broker: with -rewrite its answers are recorded. Directives with the flag millrace are for ours alone, and the comment above says
// what Kafka answers.
var kafka = flag.String("kafka", "", "address of an Apache Kafka to run the admin scripts against")

// TestAdmin runs the scripts of testdata/admin:
//
//	create NAME [config=value …]              CreateTopics
//	delete NAME                               DeleteTopics
//	alter KIND NAME [validate]                IncrementalAlterConfigs; lines: set|delete|append|subtract name [value]
//	replace KIND NAME [validate]              AlterConfigs; lines: name value
//	describe KIND NAME [name …]               DescribeConfigs with synonyms; those that are set, if no names are given
//	list [KIND …]                             ListConfigResources
//	quota ENTITY [validate]                   AlterClientQuotas; lines: name value, or name for its removal
//	quotas [strict] [MATCH …]                 DescribeClientQuotas
//
// KIND is topic, broker, logger, group or metrics; the name "-" is empty. ENTITY is parts such as user=a, client-id=<default>.
func TestAdmin(t *testing.T) {
	datadriven.Walk(t, "testdata/admin", func(t *testing.T, path string) {
		addr := *kafka
		if addr == "" {
			addr = start(t, Config{}).addr
		}
		cl, err := kgo.NewClient(kgo.SeedBrokers(addr))
		if err != nil {
			t.Fatal(err)
		}
		defer cl.Close()
		a := &adminScript{ctx: testContext(t), cl: cl}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.HasArg("millrace") && *kafka != "" {
				return d.Expected
			}
			out, err := a.run(d)
			if err != nil {
				d.Fatalf(t, "%v", err)
			}
			if *kafka != "" {
				time.Sleep(400 * time.Millisecond) // what was changed reaches Kafka's broker later
			}
			return out
		})
	})
}

type adminScript struct {
	ctx context.Context
	cl  *kgo.Client
}

// args are the words after the command that have no value; pairs those that have.
func args(d *datadriven.TestData) (words []string, pairs map[string]string) {
	pairs = map[string]string{}
	for _, a := range d.CmdArgs {
		switch {
		case a.Key == "millrace":
		case len(a.Vals) == 0:
			words = append(words, strings.ReplaceAll(a.Key, "-empty-", ""))
		default:
			pairs[a.Key] = strings.Join(a.Vals, ",")
		}
	}
	return words, pairs
}

var resourceKinds = map[string]kmsg.ConfigResourceType{
	"topic": kmsg.ConfigResourceTypeTopic, "broker": kmsg.ConfigResourceTypeBroker, "logger": kmsg.ConfigResourceTypeBrokerLogger,
	"group": kmsg.ConfigResourceTypeGroupConfig, "metrics": kmsg.ConfigResourceTypeClientMetrics,
}

// outcome prints an answer's error.
func outcome(code int16, message *string) string {
	err := kerr.ErrorForCode(code)
	if err == nil {
		return "ok\n"
	}
	var ke *kerr.Error
	errors.As(err, &ke)
	if message == nil {
		return ke.Message + "\n"
	}
	return ke.Message + ": " + *message + "\n"
}

func (a *adminScript) run(d *datadriven.TestData) (string, error) {
	words, pairs := args(d)
	switch d.Cmd {
	case "create":
		return a.create(words[0], pairs, slices.Contains(words, "validate"))
	case "delete":
		req := kmsg.NewPtrDeleteTopicsRequest()
		rt := kmsg.NewDeleteTopicsRequestTopic()
		rt.Topic = &words[0]
		req.Topics, req.TopicNames = append(req.Topics, rt), words
		resp, err := askBroker(a.ctx, a.cl, req)
		if err != nil {
			return "", err
		}
		return outcome(resp.Topics[0].ErrorCode, resp.Topics[0].ErrorMessage), nil
	case "alter":
		return a.alter(d, words)
	case "replace":
		return a.replace(d, words)
	case "describe":
		return a.describe(words)
	case "list":
		return a.list(words)
	case "quota":
		return a.quota(d, pairs, slices.Contains(words, "validate"))
	case "quotas":
		return a.quotas(words, pairs)
	}
	return a.other(d, words, pairs)
}

// askBroker asks the one broker there is, whatever the client thinks of whom to ask.
func askBroker[R kmsg.Response](ctx context.Context, cl *kgo.Client, req interface {
	kmsg.Request
	RequestWith(context.Context, kmsg.Requestor) (R, error)
}) (R, error) {
	return req.RequestWith(ctx, requestor{cl})
}

type requestor struct{ cl *kgo.Client }

func (r requestor) Request(ctx context.Context, req kmsg.Request) (kmsg.Response, error) {
	return r.cl.SeedBrokers()[0].RetriableRequest(ctx, req)
}

func (a *adminScript) create(name string, configs map[string]string, validate bool) (string, error) {
	req := kmsg.NewPtrCreateTopicsRequest()
	rt := kmsg.NewCreateTopicsRequestTopic()
	rt.Topic, rt.NumPartitions, rt.ReplicationFactor = name, 1, 1
	for k, v := range configs {
		rc := kmsg.NewCreateTopicsRequestTopicConfig()
		rc.Name, rc.Value = k, &v
		rt.Configs = append(rt.Configs, rc)
	}
	req.Topics, req.ValidateOnly, req.TimeoutMillis = append(req.Topics, rt), validate, 10000
	resp, err := askBroker(a.ctx, a.cl, req)
	if err != nil {
		return "", err
	}
	return outcome(resp.Topics[0].ErrorCode, resp.Topics[0].ErrorMessage), nil
}

func resourceOf(words []string) (kind kmsg.ConfigResourceType, name string) {
	if name = words[1]; name == "-" {
		name = ""
	}
	return resourceKinds[words[0]], name
}

func inputLines(d *datadriven.TestData) (list [][]string) {
	for l := range strings.Lines(d.Input) {
		list = append(list, strings.SplitN(strings.TrimSpace(l), " ", 3))
	}
	return list
}

func (a *adminScript) alter(d *datadriven.TestData, words []string) (string, error) {
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	rr := kmsg.NewIncrementalAlterConfigsRequestResource()
	rr.ResourceType, rr.ResourceName = resourceOf(words)
	ops := map[string]kmsg.IncrementalAlterConfigOp{"set": 0, "delete": 1, "append": 2, "subtract": 3}
	for _, l := range inputLines(d) {
		rc := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
		rc.Op, rc.Name = ops[l[0]], l[1]
		if len(l) > 2 {
			rc.Value = &l[2]
		} else if l[0] != "delete" {
			rc.Value = new(string)
		}
		rr.Configs = append(rr.Configs, rc)
	}
	req.Resources, req.ValidateOnly = append(req.Resources, rr), slices.Contains(words, "validate")
	resp, err := askBroker(a.ctx, a.cl, req)
	if err != nil {
		return "", err
	}
	return outcome(resp.Resources[0].ErrorCode, resp.Resources[0].ErrorMessage), nil
}

func (a *adminScript) replace(d *datadriven.TestData, words []string) (string, error) {
	req := kmsg.NewPtrAlterConfigsRequest()
	rr := kmsg.NewAlterConfigsRequestResource()
	rr.ResourceType, rr.ResourceName = resourceOf(words)
	for _, l := range inputLines(d) {
		rc := kmsg.NewAlterConfigsRequestResourceConfig()
		rc.Name = l[0]
		if len(l) > 1 {
			rc.Value = &l[1]
		}
		rr.Configs = append(rr.Configs, rc)
	}
	req.Resources, req.ValidateOnly = append(req.Resources, rr), slices.Contains(words, "validate")
	resp, err := askBroker(a.ctx, a.cl, req)
	if err != nil {
		return "", err
	}
	return outcome(resp.Resources[0].ErrorCode, resp.Resources[0].ErrorMessage), nil
}

func (a *adminScript) describe(words []string) (string, error) {
	kind, name := resourceOf(words)
	resource, err := describeConfigs(a.ctx, a.cl, kind, name, words[2:])
	if err != nil {
		return "", err
	}
	if resource.ErrorCode != 0 {
		return outcome(resource.ErrorCode, resource.ErrorMessage), nil
	}
	var b strings.Builder
	for _, c := range resource.Configs {
		if len(words) > 2 || c.Source != kmsg.ConfigSourceDefaultConfig && c.Source != kmsg.ConfigSourceStaticBrokerConfig {
			b.WriteString(configLine(c))
		}
	}
	return b.String(), nil
}

func describeConfigs(ctx context.Context, cl *kgo.Client, kind kmsg.ConfigResourceType, name string, names []string) (r kmsg.DescribeConfigsResponseResource, err error) {
	req := kmsg.NewPtrDescribeConfigsRequest()
	rr := kmsg.NewDescribeConfigsRequestResource()
	rr.ResourceType, rr.ResourceName = kind, name
	if len(names) > 0 {
		rr.ConfigNames = names
	}
	req.Resources, req.IncludeSynonyms, req.IncludeDocumentation = append(req.Resources, rr), true, true
	resp, err := askBroker(ctx, cl, req)
	if err != nil {
		return r, err
	}
	r = resp.Resources[0]
	slices.SortFunc(r.Configs, func(a, b kmsg.DescribeConfigsResponseResourceConfig) int { return strings.Compare(a.Name, b.Name) })
	return r, nil
}

// configLine prints all that is said of a config but its documentation.
func configLine(c kmsg.DescribeConfigsResponseResourceConfig) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s=%s %s %s", c.Name, orNull(c.Value), c.ConfigType, c.Source)
	if c.ReadOnly {
		b.WriteString(" read-only")
	}
	if c.IsSensitive {
		b.WriteString(" sensitive")
	}
	for _, s := range c.ConfigSynonyms {
		fmt.Fprintf(&b, " | %s:%s=%s", s.Source, s.Name, orNull(s.Value))
	}
	return b.String() + "\n"
}

func orNull(s *string) string {
	if s == nil {
		return "null"
	}
	return *s
}

func (a *adminScript) list(words []string) (string, error) {
	req := kmsg.NewPtrListConfigResourcesRequest()
	for _, w := range words {
		req.ResourceTypes = append(req.ResourceTypes, int8(resourceKinds[w]))
	}
	resp, err := askBroker(a.ctx, a.cl, req)
	if err != nil {
		return "", err
	}
	var list []string
	for _, r := range resp.ConfigResources {
		list = append(list, fmt.Sprintf("%s %q\n", kmsg.ConfigResourceType(r.Type), r.Name))
	}
	slices.Sort(list)
	return outcome(resp.ErrorCode, nil) + strings.Join(list, ""), nil
}

var quotaKinds = []string{"user", "client-id", "ip"}

func (a *adminScript) quota(d *datadriven.TestData, pairs map[string]string, validate bool) (string, error) {
	req := kmsg.NewPtrAlterClientQuotasRequest()
	re := kmsg.NewAlterClientQuotasRequestEntry()
	for _, kind := range append(slices.Clone(quotaKinds), "other") {
		if name, ok := pairs[kind]; ok {
			part := kmsg.NewAlterClientQuotasRequestEntryEntity()
			if part.Type = kind; name != "<default>" {
				part.Name = &name
			}
			re.Entity = append(re.Entity, part)
		}
	}
	for _, l := range inputLines(d) {
		op := kmsg.NewAlterClientQuotasRequestEntryOp()
		op.Key, op.Remove = l[0], len(l) == 1
		if !op.Remove {
			if _, err := fmt.Sscan(l[1], &op.Value); err != nil {
				return "", err
			}
		}
		re.Ops = append(re.Ops, op)
	}
	req.Entries, req.ValidateOnly = append(req.Entries, re), validate
	resp, err := askBroker(a.ctx, a.cl, req)
	if err != nil {
		return "", err
	}
	return outcome(resp.Entries[0].ErrorCode, resp.Entries[0].ErrorMessage), nil
}

func (a *adminScript) quotas(words []string, pairs map[string]string) (string, error) {
	req := kmsg.NewPtrDescribeClientQuotasRequest()
	req.Strict = slices.Contains(words, "strict")
	for _, kind := range append(slices.Clone(quotaKinds), "other") {
		name, ok := pairs[kind]
		if !ok {
			continue
		}
		rc := kmsg.NewDescribeClientQuotasRequestComponent()
		switch rc.EntityType = kind; name {
		case "<default>":
			rc.MatchType = kmsg.QuotasMatchTypeDefault
		case "<any>":
			rc.MatchType = kmsg.QuotasMatchTypeAny
		default:
			rc.Match = &name
		}
		req.Components = append(req.Components, rc)
	}
	resp, err := askBroker(a.ctx, a.cl, req)
	if err != nil {
		return "", err
	}
	var list []string
	for _, e := range resp.Entries {
		var parts, values []string
		for _, part := range e.Entity {
			name := "<default>"
			if part.Name != nil {
				name = *part.Name
			}
			parts = append(parts, part.Type+"="+name)
		}
		for _, v := range e.Values {
			values = append(values, fmt.Sprintf("%s=%v", v.Key, v.Value))
		}
		slices.Sort(parts)
		slices.Sort(values)
		list = append(list, strings.Join(parts, " ")+": "+strings.Join(values, " ")+"\n")
	}
	slices.Sort(list)
	if resp.ErrorCode != 0 {
		return outcome(resp.ErrorCode, resp.ErrorMessage), nil
	}
	return strings.Join(list, ""), nil
}

// other runs the commands about what one node has one of:
//
//	movelog DIR TOPIC PARTITION               AlterReplicaLogDirs
//	logdirs [TOPIC]                           DescribeLogDirs
//	token create|renew|expire|describe        delegation tokens
//	unregister ID                             UnregisterBroker
//	voter add|remove ID                       AddRaftVoter, RemoveRaftVoter
//	feature NAME LEVEL [v=VERSION] [validate] UpdateFeatures; v=0 and 1 have results by feature
//	quorum TOPIC PARTITION                    DescribeQuorum
func (a *adminScript) other(d *datadriven.TestData, words []string, pairs map[string]string) (string, error) {
	number := func(i int) (n int32) { fmt.Sscan(words[i], &n); return n }
	switch d.Cmd {
	case "movelog":
		req := kmsg.NewPtrAlterReplicaLogDirsRequest()
		rd, rt := kmsg.NewAlterReplicaLogDirsRequestDir(), kmsg.NewAlterReplicaLogDirsRequestDirTopic()
		rt.Topic, rt.Partitions = words[1], []int32{number(2)}
		rd.Dir, rd.Topics = words[0], append(rd.Topics, rt)
		req.Dirs = append(req.Dirs, rd)
		resp, err := askBroker(a.ctx, a.cl, req)
		if err != nil {
			return "", err
		}
		return outcome(resp.Topics[0].Partitions[0].ErrorCode, nil), nil
	case "logdirs":
		return a.logDirs(words)
	case "token":
		return a.token(words[0])
	case "unregister":
		req := kmsg.NewPtrUnregisterBrokerRequest()
		req.BrokerID = number(0)
		resp, err := askBroker(a.ctx, a.cl, req)
		if err != nil {
			return "", err
		}
		return outcome(resp.ErrorCode, resp.ErrorMessage), nil
	case "voter":
		if words[0] == "add" {
			req := kmsg.NewPtrAddRaftVoterRequest()
			l := kmsg.NewAddRaftVoterRequestListener()
			l.Name, l.Host, l.Port = "CONTROLLER", "127.0.0.1", 9
			req.VoterID, req.VoterDirectoryID, req.Listeners, req.TimeoutMillis = number(1), [16]byte{9, 9}, append(req.Listeners, l), 2000
			resp, err := askBroker(a.ctx, a.cl, req)
			if err != nil {
				return "", err
			}
			return outcome(resp.ErrorCode, resp.ErrorMessage), nil
		}
		req := kmsg.NewPtrRemoveRaftVoterRequest()
		req.VoterID, req.VoterDirectoryID = number(1), [16]byte{9, 9}
		resp, err := askBroker(a.ctx, a.cl, req)
		if err != nil {
			return "", err
		}
		return outcome(resp.ErrorCode, resp.ErrorMessage), nil
	case "feature":
		return a.feature(words, pairs["v"], number(1))
	case "quorum":
		return a.quorum(words[0], number(1))
	}
	return "", fmt.Errorf("unknown command %s", d.Cmd)
}

func (a *adminScript) logDirs(words []string) (string, error) {
	req := kmsg.NewPtrDescribeLogDirsRequest()
	for _, w := range words {
		rt := kmsg.NewDescribeLogDirsRequestTopic()
		rt.Topic, rt.Partitions = w, []int32{0, 7}
		req.Topics = append(req.Topics, rt)
	}
	resp, err := askBroker(a.ctx, a.cl, req)
	if err != nil {
		return "", err
	}
	out := outcome(resp.ErrorCode, nil)
	for _, dir := range resp.Dirs {
		out += fmt.Sprintf("directory: %s", outcome(dir.ErrorCode, nil))
		for _, t := range dir.Topics {
			for _, p := range t.Partitions {
				out += fmt.Sprintf("%s-%d: %d bytes, lag %d, future %v\n", t.Topic, p.Partition, p.Size, p.OffsetLag, p.IsFuture)
			}
		}
	}
	return out, nil
}

func (a *adminScript) token(what string) (string, error) {
	var req kmsg.Request
	switch what {
	case "create":
		req = kmsg.NewPtrCreateDelegationTokenRequest()
	case "renew":
		req = kmsg.NewPtrRenewDelegationTokenRequest()
	case "expire":
		req = kmsg.NewPtrExpireDelegationTokenRequest()
	default:
		req = kmsg.NewPtrDescribeDelegationTokenRequest()
	}
	resp, err := requestor{a.cl}.Request(a.ctx, req)
	if err != nil {
		return "", err
	}
	switch r := resp.(type) {
	case *kmsg.CreateDelegationTokenResponse:
		return outcome(r.ErrorCode, nil), nil
	case *kmsg.RenewDelegationTokenResponse:
		return outcome(r.ErrorCode, nil), nil
	case *kmsg.ExpireDelegationTokenResponse:
		return outcome(r.ErrorCode, nil), nil
	}
	return outcome(resp.(*kmsg.DescribeDelegationTokenResponse).ErrorCode, nil), nil
}

func (a *adminScript) feature(words []string, version string, level int32) (string, error) {
	req := kmsg.NewPtrUpdateFeaturesRequest()
	u := kmsg.NewUpdateFeaturesRequestFeatureUpdate()
	u.Feature, u.MaxVersionLevel, u.UpgradeType = words[0], int16(level), 1
	if slices.Contains(words, "downgrade") {
		u.UpgradeType, u.AllowDowngrade = 2, true
	}
	req.FeatureUpdates, req.ValidateOnly, req.TimeoutMillis = append(req.FeatureUpdates, u), slices.Contains(words, "validate"), 5000
	cl := a.cl
	if version != "" {
		max := kversion.Stable()
		max.SetMaxKeyVersion(57, int16(version[0]-'0'))
		pinned, err := kgo.NewClient(append(cl.Opts(), kgo.MaxVersions(max))...)
		if err != nil {
			return "", err
		}
		defer pinned.Close()
		cl = pinned
	}
	resp, err := askBroker(a.ctx, cl, req)
	if err != nil {
		return "", err
	}
	out := outcome(resp.ErrorCode, resp.ErrorMessage)
	for _, r := range resp.Results {
		out += r.Feature + " " + outcome(r.ErrorCode, r.ErrorMessage)
	}
	return out, nil
}

func (a *adminScript) quorum(topic string, partition int32) (string, error) {
	req := kmsg.NewPtrDescribeQuorumRequest()
	rt, rp := kmsg.NewDescribeQuorumRequestTopic(), kmsg.NewDescribeQuorumRequestTopicPartition()
	rp.Partition = partition
	rt.Topic, rt.Partitions = topic, append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	resp, err := askBroker(a.ctx, a.cl, req)
	if err != nil {
		return "", err
	}
	out := outcome(resp.ErrorCode, resp.ErrorMessage)
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			out += fmt.Sprintf("%s-%d: %s", t.Topic, p.Partition, outcome(p.ErrorCode, p.ErrorMessage))
			for _, v := range p.CurrentVoters {
				out += fmt.Sprintf("voter %d, of leader %v, at the end %v, %d observers\n", v.ReplicaID, v.ReplicaID == p.LeaderID, v.LogEndOffset+1 >= p.HighWatermark && p.HighWatermark > 0, len(p.Observers))
			}
		}
	}
	for _, n := range resp.Nodes {
		out += fmt.Sprintf("node %d with %d listeners\n", n.NodeID, len(n.Listeners))
	}
	return out, nil
}

// TestFeatures: the level that a feature has can be asked for, and no other.
func TestFeatures(t *testing.T) {
	tb := start(t, Config{})
	a := &adminScript{ctx: testContext(t), cl: tb.client(t)}
	for _, f := range features() {
		if out, err := a.feature([]string{f.name}, "", int32(f.max)); err != nil || out != "ok\n" {
			t.Errorf("%s at its level: %s %v", f.name, out, err)
		}
		want := fmt.Sprintf("INVALID_UPDATE_VERSION: The update failed for all features since the following feature had an error: "+
			"Invalid update version 99 for feature %s. Local controller 1 only supports versions %d-%d\n", f.name, f.min, f.max)
		if out, err := a.feature([]string{f.name}, "1", 99); err != nil || out != want {
			t.Errorf("%s at level 99: %s %v", f.name, out, err)
		}
		if f.max > f.min {
			if out, err := a.feature([]string{f.name, "downgrade"}, "", int32(f.min)); err != nil || !strings.Contains(out, "cannot be changed in millrace") {
				t.Errorf("%s at its least: %s %v", f.name, out, err)
			}
		}
	}
}
