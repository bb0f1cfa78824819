package log

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/millrace/millrace/internal/connector"
)

// maxPartitions is what one table may ask for; Kafka bounds only what one request may
// make in all.
const maxPartitions = 10_000

// defaultFormat is the format of keys and values that a table does not name.
const defaultFormat = "json"

// Check is what a table is held against when it is declared: what an OPTIONS hint
// could not mend later.
func Check(t connector.Table) error {
	if t.Options["topic"] != "" && t.Options["topic-pattern"] != "" {
		return connector.OptionErrorf("topic-pattern", "'topic' names the topics already; leave one of the two out")
	}
	if t.Options["topic"] == "" && t.Options["topic-pattern"] == "" {
		if err := checkTopic(t.Path[2]); err != nil {
			return fmt.Errorf("its name is the topic's, and %w; give the topic a name of its own with the option 'topic'", err)
		}
	}
	l, err := newLayout(t, connector.Env{})
	if err != nil || l.key != nil {
		return err
	}
	for _, o := range slices.Sorted(maps.Keys(t.Options)) {
		if o == "key.format" || strings.HasPrefix(o, "key."+defaultFormat+".") {
			return connector.OptionErrorf(o, "the records have no key; 'key.fields' says which columns are the key")
		}
	}
	return nil
}

// maxTopicName is the length of Kafka's longest topic name.
const maxTopicName = 249

// checkTopic applies Kafka's rule for the names of topics.
func checkTopic(name string) error {
	switch {
	case name == "" || name == "." || name == ".." || name == "__cluster_metadata":
		return fmt.Errorf("'%s' cannot be the name of a topic", name)
	case len(name) > maxTopicName:
		return fmt.Errorf("'%s…' is longer than a topic's name can be, %d bytes", name[:20], maxTopicName)
	}
	for _, c := range name {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-') {
			return fmt.Errorf("'%s' cannot be the name of a topic: Kafka takes letters, digits, '.', '_' and '-', not '%c'", name, c)
		}
	}
	return nil
}

// checkTopics checks the names of a list.
func checkTopics(list string) error {
	names := strings.Split(list, ";")
	for i, name := range names {
		if err := checkTopic(name); err != nil {
			return err
		}
		if slices.Contains(names[:i], name) {
			return fmt.Errorf("topic '%s' is named twice", name)
		}
	}
	return nil
}

func checkPattern(value string) error {
	_, err := pattern(value)
	return err
}

// pattern matches whole names, as Java's matcher does.
func pattern(value string) (*regexp.Regexp, error) {
	re, err := regexp.Compile("^(?:" + value + ")$")
	if err != nil {
		return nil, fmt.Errorf("'%s' is not a regular expression of RE2: %w", value, err)
	}
	return re, nil
}

// writable says why a table cannot be written to.
func (l *layout) writable() error {
	for option, why := range map[string]string{"topic-pattern": "has its topics by a pattern", "topic": "has several topics"} {
		if v := l.table.Options[option]; v != "" && (option == "topic-pattern" || strings.Contains(v, ";")) {
			return connector.OptionErrorf(option, "table '%s' %s and can only be read: declare one for the topic to write to", l.table.Path[2], why)
		}
	}
	return nil
}

func checkOffsets(value string) error {
	_, err := parseOffsets(value)
	return err
}

// checkModes says what a mode of reading lacks: an OPTIONS hint may give it, so that it is
// looked for when the table is read.
func checkModes(t connector.Table) error {
	for _, prefix := range []string{"scan.startup.", "scan.bounded."} {
		needs := map[string]string{
			"timestamp": prefix + "timestamp-millis", "specific-offsets": prefix + "specific-offsets", "group-offsets": "properties.group.id",
		}[t.Options[prefix+"mode"]]
		if needs != "" && t.Options[needs] == "" {
			return fmt.Errorf("'%smode' = '%s' needs the option '%s'", prefix, t.Options[prefix+"mode"], needs)
		}
	}
	return nil
}
