package metadata

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ConfigSpec is one configuration name: what DescribeConfigs tells of it and what values it takes.
type ConfigSpec struct {
	Name    string
	Type    kmsg.ConfigType
	Default string
	Doc     string
	// Synonym is, for a topic's config, the broker's config that holds its default.
	Synonym string
	// Inert marks a name that is known, accepted and reported, and changes nothing here.
	Inert bool
	// Dynamic marks a broker's config that IncrementalAlterConfigs may change while it runs.
	Dynamic bool

	oneOf []string // the values allowed; for a list, of each element
	min   int64    // for numbers
	max   int64    // for numbers; 0 stands for what the type holds
}

// Check says what is wrong with a value.
func (c *ConfigSpec) Check(value string) error {
	if err := c.check(value); err != nil {
		return errf(kerr.InvalidConfig, "Invalid value %s for configuration %s: %v", value, c.Name, err)
	}
	return nil
}

func (c *ConfigSpec) check(value string) error {
	switch c.Type {
	case kmsg.ConfigTypeBoolean:
		if value != "true" && value != "false" {
			return fmt.Errorf("expected true or false")
		}
	case kmsg.ConfigTypeInt:
		return c.checkNumber(value, 32)
	case kmsg.ConfigTypeShort:
		return c.checkNumber(value, 16)
	case kmsg.ConfigTypeLong:
		return c.checkNumber(value, 64)
	case kmsg.ConfigTypeDouble:
		f, err := strconv.ParseFloat(value, 64)
		if err != nil || f < 0 || f > 1 {
			return fmt.Errorf("expected a number from 0 to 1")
		}
	case kmsg.ConfigTypeList:
		for _, v := range splitList(value) {
			if c.oneOf != nil && !slices.Contains(c.oneOf, v) {
				return fmt.Errorf("expected some of %s", strings.Join(c.oneOf, ", "))
			}
		}
	default:
		if c.oneOf != nil && !slices.Contains(c.oneOf, value) {
			return fmt.Errorf("expected one of %s", strings.Join(c.oneOf, ", "))
		}
	}
	return nil
}

func (c *ConfigSpec) checkNumber(value string, bits int) error {
	n, err := strconv.ParseInt(value, 10, bits)
	if err != nil {
		return fmt.Errorf("expected a whole number of %d bits", bits)
	}
	if n < c.min {
		return fmt.Errorf("value must be at least %d", c.min)
	}
	if c.max != 0 && n > c.max {
		return fmt.Errorf("value must be no more than %d", c.max)
	}
	return nil
}

// splitList cuts a list's text; the empty text is the empty list.
func splitList(value string) []string {
	if strings.TrimSpace(value) == "" {
		return nil
	}
	parts := strings.Split(value, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

// configTable finds specs by name and keeps them in the order of names.
type configTable struct {
	list   []*ConfigSpec
	byName map[string]*ConfigSpec
}

func newConfigTable(specs []ConfigSpec) configTable {
	t := configTable{byName: map[string]*ConfigSpec{}}
	for i := range specs {
		t.list = append(t.list, &specs[i])
		t.byName[specs[i].Name] = &specs[i]
	}
	slices.SortFunc(t.list, func(a, b *ConfigSpec) int { return strings.Compare(a.Name, b.Name) })
	return t
}

// TopicConfigSpecs are all of a topic's configs, by name.
func TopicConfigSpecs() []*ConfigSpec { return topicConfigs.list }

// BrokerConfigSpecs are the broker's configs, by name.
func BrokerConfigSpecs() []*ConfigSpec { return brokerConfigs.list }

// TopicConfigSpec finds a topic's config; nil if there is none of the name.
func TopicConfigSpec(name string) *ConfigSpec { return topicConfigs.byName[name] }

// BrokerConfigSpec finds a broker's config; nil if there is none of the name.
func BrokerConfigSpec(name string) *ConfigSpec { return brokerConfigs.byName[name] }

// CheckTopicConfigs says what is wrong with the configs of a topic: an unknown name, or a value.
func CheckTopicConfigs(configs map[string]string) error {
	for name, value := range configs {
		spec := topicConfigs.byName[name]
		if spec == nil {
			return errf(kerr.InvalidConfig, "Unknown topic config name: %s%s", name, topicConfigs.hint(name))
		}
		if err := spec.Check(value); err != nil {
			return err
		}
	}
	return nil
}

// CheckSettings says what is wrong with a server's own settings, which are broker configs by Kafka's names.
func CheckSettings(settings map[string]string) error {
	for name, value := range settings {
		spec := SettingSpec(name)
		if spec == nil {
			return fmt.Errorf("unknown setting %s%s", name, listenerHint(name))
		}
		if err := spec.check(value); err != nil {
			if spec.Secret() {
				value = "(hidden)"
			}
			return fmt.Errorf("setting %s = %s: %v", name, value, err)
		}
	}
	return nil
}

func checkDynamicBrokerConfig(name, value string) error {
	spec := brokerConfigs.byName[name]
	switch {
	case spec == nil:
		return errf(kerr.InvalidConfig, "Unknown broker config name: %s%s", name, brokerConfigs.hint(name))
	case !spec.Dynamic:
		return errf(kerr.InvalidRequest, "Cannot update this config dynamically: %s", name)
	}
	return spec.Check(value)
}

// hint names the config that was probably meant.
func (t configTable) hint(name string) string {
	best, distance := "", max(3, len(name)/3)
	for _, c := range t.list {
		if d := editDistance(name, c.Name); d < distance {
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
