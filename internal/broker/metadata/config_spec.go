package metadata

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ConfigSpec is one configuration name: what DescribeConfigs tells of it and what values it takes.
//
// To make one of Kafka's names act, give it an entry in topicConfigs, brokerConfigs, groupConfigs or clientMetricsConfigs: its name, the
// default (Kafka's, or a better one with a Note that says why) and, of a topic's or a group's, the broker's name that holds its default.
// Everything else is in Kafka's catalogue. A name of our own also says type, documentation, and which values it takes. What has no
// entry is known, checked and reported, and has no effect.
type ConfigSpec struct {
	Name    string
	Type    kmsg.ConfigType
	Default string
	// Null marks a name without a default.
	Null bool
	Doc  string
	// Note says how a name acts here where that differs from its documentation.
	Note       string
	Importance string // high, medium or low
	// Synonym is, for a topic's or a group's config, the broker's config that holds its default.
	Synonym string
	// Synonyms are, for a broker's config that can be set under several names, all of them, the strongest first.
	Synonyms []string
	// Scope is where a broker's config can be changed while it runs.
	Scope Scope
	// Dynamic is, for a name of our own, that it can be changed while the broker runs.
	Dynamic bool
	// Acts says whether setting the name changes anything.
	Acts bool
	// Inert marks an entry that gives a name of Kafka's another default, and does not make it act.
	Inert bool
	// Hidden names are taken and not listed, as Kafka's internal ones.
	Hidden bool
	// Validator is what Kafka prints of the values that it takes.
	Validator string

	oneOf []string // of a name of our own: the values allowed; for a list, of each element
	min   int64    // of a name of our own: for numbers
	max   int64    // of a name of our own: for numbers; 0 stands for what the type holds
}

// Scope is where a broker's config can be changed while the broker runs (KIP-226); empty for nowhere.
type Scope string

const (
	PerBroker   Scope = "per-broker"
	ClusterWide Scope = "cluster-wide" // or per broker
	PerListener Scope = "per-listener" // under listener.name.NAME.…
)

// Sensitive says whether a value is never shown: a password's, or one of a kind that is not known.
func (c *ConfigSpec) Sensitive() bool {
	return c.Type == kmsg.ConfigTypePassword || c.Type == kmsg.ConfigTypeUnknown
}

// Documentation is Kafka's text with what is different here.
func (c *ConfigSpec) Documentation() string {
	switch {
	case !c.Acts:
		return c.Doc + " (Has no effect in millrace.)"
	case c.Note != "":
		return c.Doc + " (In millrace: " + c.Note + ")"
	}
	return c.Doc
}

// configTable finds specs by name and keeps them in the order of names.
type configTable struct {
	list   []*ConfigSpec
	byName map[string]*ConfigSpec
}

func newConfigTable(specs []ConfigSpec) configTable {
	t := configTable{byName: make(map[string]*ConfigSpec, len(specs)), list: make([]*ConfigSpec, 0, len(specs))}
	for i := range specs {
		t.list = append(t.list, &specs[i])
		t.byName[specs[i].Name] = &specs[i]
	}
	slices.SortFunc(t.list, func(a, b *ConfigSpec) int { return strings.Compare(a.Name, b.Name) })
	return t
}

// TopicConfigSpecs are all of a topic's configs, by name.
func TopicConfigSpecs() []*ConfigSpec { return allConfigs().topic.list }

// BrokerConfigSpecs are the broker's configs, by name.
func BrokerConfigSpecs() []*ConfigSpec { return allConfigs().broker.list }

// GroupConfigSpecs are a group's configs, by name.
func GroupConfigSpecs() []*ConfigSpec { return allConfigs().group.list }

// ClientMetricsConfigSpecs are the configs of a subscription to clients' metrics (KIP-714), by name.
func ClientMetricsConfigSpecs() []*ConfigSpec { return allConfigs().clientMetrics.list }

// TopicConfigSpec finds a topic's config; nil if there is none of the name.
func TopicConfigSpec(name string) *ConfigSpec { return allConfigs().topic.byName[name] }

// BrokerConfigSpec finds a broker's config; nil if there is none of the name.
func BrokerConfigSpec(name string) *ConfigSpec { return allConfigs().broker.byName[name] }

// CheckTopicConfigs says what is wrong with the configs of a topic: an unknown name, or a value.
func CheckTopicConfigs(configs map[string]string) error {
	table := allConfigs().topic
	if err := table.check(kerr.InvalidConfig, "Unknown topic config name: %s", configs); err != nil {
		return err
	}
	least, most := configs["min.compaction.lag.ms"], configs["max.compaction.lag.ms"]
	if least != "" && most != "" && number(least) > number(most) {
		return errf(kerr.InvalidConfig, "conflict topic config setting min.compaction.lag.ms (%s) > max.compaction.lag.ms (%s)", least, most)
	}
	if strings.EqualFold(configs["remote.storage.enable"], "true") {
		return errf(kerr.InvalidConfig, "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.")
	}
	return nil
}

// UnknownTopicConfig says that there is no topic config of a name, and which was probably meant; nil if there is one.
func UnknownTopicConfig(name string) error {
	table := allConfigs().topic
	if table.byName[name] != nil {
		return nil
	}
	return fmt.Errorf("unknown topic config %s%s", name, table.hint(name))
}

// check says what is wrong with configs, of the first in the order of names. The text for an unknown name has its place in it.
func (t configTable) check(code *kerr.Error, unknown string, configs map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(configs)) {
		spec := t.byName[name]
		if spec == nil {
			return errf(code, unknown, name)
		}
		if err := spec.Check(configs[name]); err != nil {
			return err
		}
	}
	return nil
}

// CheckSettings says what is wrong with a server's own settings, which are broker configs by Kafka's names, and which of them have no
// effect.
func CheckSettings(settings map[string]string) (inert []string, err error) {
	for name, value := range settings {
		spec := SettingSpec(name)
		if spec == nil {
			return nil, fmt.Errorf("unknown setting %s%s", name, listenerHint(name))
		}
		if err := spec.check(value); err != nil {
			if spec.Sensitive() {
				value = "(hidden)"
			}
			return nil, fmt.Errorf("setting %s = %s: %v", name, value, err)
		}
		if !spec.Acts {
			inert = append(inert, name)
		}
	}
	slices.Sort(inert)
	return inert, nil
}

// hint names the config that was probably meant.
func (t configTable) hint(name string) string {
	best, distance := "", max(3, len(name)/3)
	for _, c := range t.list {
		if d := editDistance(name, c.Name); d < distance && !c.Hidden {
			best, distance = c.Name, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %s?)", best)
}

// editDistance is Levenshtein's.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
