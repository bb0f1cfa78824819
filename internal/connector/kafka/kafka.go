// Package kafka is the connector of Apache Kafka clusters elsewhere: Flink's kafka and
// upsert-kafka tables with properties.bootstrap.servers. Records, positions and modes of
// reading are those of package connector/log; what is here is the cluster behind them.
package kafka

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/millrace/millrace/internal/client"
	"github.com/millrace/millrace/internal/connector"
	logconn "github.com/millrace/millrace/internal/connector/log"
)

const bootstrap = "properties.bootstrap.servers"

// Factories are those of kafka and upsert-kafka. report says what a person should know:
// that a broker is away, and that it is back.
func Factories(report func(string)) []*connector.Factory {
	own := logconn.Factory(nil)
	return []*connector.Factory{
		{
			Name:      "kafka",
			Summary:   "Topics of an Apache Kafka cluster.",
			Options:   options(own.Options, "group-offsets", "at-least-once"),
			Formats:   connector.KeyAndValue,
			Metadata:  own.Metadata,
			Check:     check,
			NewSource: newSource("group-offsets", report),
			NewSink:   newSink,
		},
		{
			Name:      "upsert-kafka",
			Summary:   "A topic of an Apache Kafka cluster in which the last record of a key counts, and one without a value deletes.",
			Options:   options(own.Options, "earliest-offset", "at-least-once"),
			Formats:   connector.KeyAndValue,
			Metadata:  own.Metadata,
			Check:     check,
			NewSource: newSource("earliest-offset", report),
			NewSink:   newSink,
		},
	}
}

// options are those of the embedded log's tables, but for what only it has, with Flink's
// defaults.
func options(own []connector.Option, startup, guarantee string) []connector.Option {
	out := slices.Clone(own)
	for i := range out {
		switch o := &out[i]; o.Name {
		case "scan.startup.mode":
			o.Default = startup
		case "sink.delivery-guarantee":
			o.Default = guarantee
		case "sink.transactional-id-prefix":
			o.Doc = "Prefix of the transactional id of a job's writes, which is this and the job's id."
		case "properties.":
			o.Doc = "Properties of Kafka's clients: where the cluster is, how to connect, group.id, isolation.level, fetch sizes."
		}
	}
	out = slices.DeleteFunc(out, func(o connector.Option) bool { return o.Name == "topic.partitions" })
	return append(out, connector.Option{
		Name: bootstrap, Type: "string", Required: true, Doc: "Addresses of some brokers of the cluster: host:port, host:port.",
	})
}

// check is what a table is held against when it is declared.
func check(t connector.Table) error {
	o := t.Options
	if o["topic"] == "" && o["topic-pattern"] == "" {
		return connector.OptionErrorf("connector", "a table of a Kafka cluster needs the option 'topic', or 'topic-pattern' to be read")
	}
	if o["sink.delivery-guarantee"] == "exactly-once" && o["sink.transactional-id-prefix"] == "" {
		return connector.OptionErrorf("sink.delivery-guarantee", "exactly-once needs the option 'sink.transactional-id-prefix'")
	}
	if _, err := client.Options(properties(o)); err != nil {
		return connector.OptionErrorf(bootstrap, "%v", err)
	}
	if _, err := readConfig(properties(o)); err != nil {
		return err
	}
	return logconn.Check(t)
}

// properties are the client's, without their prefix.
func properties(o connector.Options) map[string]string {
	p := map[string]string{}
	for k, v := range o {
		if name, ok := strings.CutPrefix(k, "properties."); ok {
			p[name] = v
		}
	}
	return p
}

func newSource(startup string, report func(string)) func(connector.Table, connector.Env) (connector.Source, error) {
	return func(t connector.Table, env connector.Env) (connector.Source, error) {
		t.Options = maps.Clone(t.Options)
		t.Options["scan.startup.mode"] = cmp.Or(t.Options["scan.startup.mode"], startup)
		c, err := readConfig(properties(t.Options))
		if err != nil {
			return nil, err
		}
		return logconn.NewSource(t, env, newCluster(c, report))
	}
}
