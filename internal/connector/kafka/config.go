package kafka

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/millrace/millrace/internal/client"
	"github.com/millrace/millrace/internal/connector"
)

// config is what acts here of the properties of Kafka's clients. Names that mean nothing
// to this client are taken all the same, as Kafka's clients do.
type config struct {
	properties map[string]string
	seeds      []string
	committed  bool // isolation.level, here read_committed if not given
	minBytes   int32
	maxBytes   int32 // of one answer
	partBytes  int32 // of one partition in one answer
	maxWait    time.Duration
	patience   time.Duration // default.api.timeout.ms: how long a broker may be away

	transaction time.Duration // transaction.timeout.ms
}

func readConfig(p map[string]string) (config, error) {
	c := config{properties: p, committed: p["isolation.level"] != "read_uncommitted"}
	for s := range strings.SplitSeq(p["bootstrap.servers"], ",") {
		if s = strings.TrimSpace(s); s != "" {
			c.seeds = append(c.seeds, s)
		}
	}
	if l := p["isolation.level"]; l != "" && l != "read_committed" && l != "read_uncommitted" {
		return c, connector.OptionErrorf("properties.isolation.level", "'%s' is neither read_committed nor read_uncommitted", l)
	}
	var err error
	number := func(name string, def int64) int64 {
		v := p[name]
		if v == "" || err != nil {
			return def
		}
		n, bad := strconv.ParseInt(v, 10, 31)
		if bad != nil || n < 0 {
			err = connector.OptionErrorf("properties."+name, "expected a whole number, found '%s'", v)
		}
		return n
	}
	c.minBytes = int32(number("fetch.min.bytes", 1))
	c.maxBytes = int32(number("fetch.max.bytes", 50<<20))
	c.partBytes = int32(number("max.partition.fetch.bytes", 1<<20))
	c.maxWait = time.Duration(number("fetch.max.wait.ms", 500)) * time.Millisecond
	c.patience = time.Duration(number("default.api.timeout.ms", 60_000)) * time.Millisecond
	c.transaction = time.Duration(number("transaction.timeout.ms", 60_000)) * time.Millisecond
	return c, err
}

// options are those of the client.
func (c *config) options() ([]kgo.Opt, error) {
	opts, err := client.Options(c.properties)
	if err != nil {
		return nil, err
	}
	id := c.properties["client.id"]
	if id == "" {
		id = "millrace"
	}
	return append(opts, kgo.SeedBrokers(c.seeds...), kgo.ClientID(id), kgo.RetryTimeout(c.patience), kgo.DisableClientMetrics(),
		kgo.BrokerMaxReadBytes(max(c.maxBytes, c.partBytes)*2)), nil
}

// where names the cluster to a person.
func (c *config) where() string {
	return fmt.Sprintf("the Kafka cluster at %s", strings.Join(c.seeds, ", "))
}
