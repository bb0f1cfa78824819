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
	return "", fmt.Errorf("unknown command %s", d.Cmd)
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
