package metadata

import (
	_ "embed"
	"slices"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"
)

//go:generate sh -c "java -cp '../../../.peers/kafka/*' gen/Catalogue.java > catalogue.tsv"

// The catalogue is every configuration name that Apache Kafka knows. A line is one name, its columns are parted by tabs:
//
//	kind: topic, broker, group, client-metrics · name · type · importance · default · validator · dynamic · synonyms · documentation
//
// \N is a default that is null; the validator is what Kafka prints of it (see check.go); dynamic is cluster-wide or per-broker, empty for
// read-only; a topic's or a group's synonym is the broker's name that holds its default, a broker's synonyms are all names that set the
// same thing, the one that wins first.
//
// It is parsed when a client first asks for configs, or a name is given that does not act: a start does neither.
//
//go:embed catalogue.tsv
var catalogueText string

// tables are the catalogue with what acts here laid over it.
type tables struct{ topic, broker, group, clientMetrics configTable }

var allConfigs = sync.OnceValue(func() *tables {
	kinds := parsedCatalogue()
	return &tables{
		topic:         overlay(kinds["topic"], topicConfigs),
		broker:        overlay(kinds["broker"], brokerConfigs),
		group:         overlay(kinds["group"], groupConfigs),
		clientMetrics: overlay(kinds["client-metrics"], clientMetricsConfigs),
	}
})

func parsedCatalogue() map[string][]ConfigSpec {
	kinds := map[string][]ConfigSpec{}
	for line := range strings.Lines(catalogueText) {
		if kind, spec, ok := parseSpec(strings.TrimSuffix(line, "\n")); ok {
			kinds[kind] = append(kinds[kind], spec)
		}
	}
	return kinds
}

var configTypes = map[string]kmsg.ConfigType{
	"boolean": kmsg.ConfigTypeBoolean, "string": kmsg.ConfigTypeString, "int": kmsg.ConfigTypeInt, "short": kmsg.ConfigTypeShort,
	"long": kmsg.ConfigTypeLong, "double": kmsg.ConfigTypeDouble, "list": kmsg.ConfigTypeList, "class": kmsg.ConfigTypeClass,
	"password": kmsg.ConfigTypePassword,
}

var escapes = strings.NewReplacer(`\\`, `\`, `\t`, "\t", `\n`, "\n")

func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	return escapes.Replace(s)
}

func parseSpec(line string) (kind string, c ConfigSpec, ok bool) {
	if strings.HasPrefix(line, "#") {
		return "", c, false
	}
	f := strings.SplitN(line, "\t", 9)
	c = ConfigSpec{
		Name: f[1], Type: configTypes[f[2]], Importance: f[3], Validator: f[5], Scope: Scope(f[6]), Doc: unescape(f[8]),
	}
	c.Null = f[4] == `\N`
	if !c.Null {
		c.Default = unescape(f[4])
	}
	if f[0] == "broker" {
		c.Synonyms = SplitList(f[7])
	} else {
		c.Synonym = f[7]
	}
	return f[0], c, true
}

// overlay lays what acts over what is known. Of a name that Kafka has, the entry that makes it act gives a default where it has one of
// its own, and a note; the rest is Kafka's.
func overlay(known []ConfigSpec, acting configTable) configTable {
	for i := range known {
		c := &known[i]
		a := acting.byName[c.Name]
		if a == nil {
			continue
		}
		c.Acts, c.Note, c.Hidden = !a.Inert, a.Note, a.Hidden
		if a.Default != "" {
			c.Default, c.Null = a.Default, false
		}
	}
	for _, a := range acting.list {
		if !slices.ContainsFunc(known, func(c ConfigSpec) bool { return c.Name == a.Name }) {
			own := *a
			own.Acts = true
			if own.Scope == "" && own.Dynamic {
				own.Scope = ClusterWide
			}
			known = append(known, own)
		}
	}
	return newConfigTable(known)
}
