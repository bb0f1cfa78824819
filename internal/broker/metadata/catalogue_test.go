package metadata

import (
	"testing"
)

// TestActingConfigs holds the tables of what acts against Kafka's catalogue: a name of Kafka's has Kafka's default, or says why not,
// and takes type, documentation and values from there; a name of our own says them.
func TestActingConfigs(t *testing.T) {
	for kind, tables := range map[string][2]configTable{
		"topic": {topicConfigs, allConfigs().topic}, "broker": {brokerConfigs, allConfigs().broker},
		"group": {groupConfigs, allConfigs().group}, "client-metrics": {clientMetricsConfigs, allConfigs().clientMetrics},
	} {
		known := map[string]*ConfigSpec{}
		for _, c := range parsedCatalogue()[kind] {
			known[c.Name] = &c
		}
		for _, a := range tables[0].list {
			k := known[a.Name]
			switch {
			case k == nil && (a.Type == 0 || a.Doc == ""):
				t.Errorf("%s config %s is not one of Kafka's: say its type and documentation", kind, a.Name)
			case k == nil:
			case a.Type != 0 || a.Doc != "" || a.Dynamic || a.oneOf != nil || a.min != 0 || a.max != 0:
				t.Errorf("%s config %s is Kafka's: its type, documentation and values are in the catalogue; what differs goes into Note", kind, a.Name)
			case (a.Default != k.Default || a.Null != k.Null) && a.Note == "":
				t.Errorf("%s config %s has the default %q (null: %v), Kafka's is %q (null: %v): say why in Note", kind, a.Name, a.Default, a.Null, k.Default, k.Null)
			case kind != "broker" && a.Synonym != k.Synonym:
				t.Errorf("%s config %s has the default of %q, Kafka's that of %q", kind, a.Name, a.Synonym, k.Synonym)
			}
			if tables[1].byName[a.Name].Acts == a.Inert {
				t.Errorf("%s config %s does not act", kind, a.Name)
			}
		}
	}
	for _, c := range allConfigs().broker.list {
		if len(c.Synonyms) != len(families[c.Name]) {
			t.Errorf("broker config %s has the synonyms %v, here %v", c.Name, c.Synonyms, families[c.Name])
		}
	}
}

func TestConfigHints(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"log.retention.hour", "unknown setting log.retention.hour (did you mean log.retention.hours?)"},
		{"min.insync.replica", "unknown setting min.insync.replica (did you mean min.insync.replicas?)"},
		{"xyzzy", "unknown setting xyzzy"},
	} {
		if _, err := CheckSettings(map[string]string{c.name: "1"}); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
	inert, err := CheckSettings(map[string]string{"num.io.threads": "4", "num.partitions": "2"})
	if err != nil || len(inert) != 1 || inert[0] != "num.io.threads" {
		t.Errorf("without effect: %v, %v", inert, err)
	}
}

func BenchmarkParseCatalogue(b *testing.B) {
	for b.Loop() {
		parsedCatalogue()
	}
}
