package metadata

import (
	"reflect"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/vfs"
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

// TestInertConfigsAreSaid: what has no effect is said when it is set, once.
func TestInertConfigsAreSaid(t *testing.T) {
	s, said := open(t, vfs.NewMem(), func(o *Options) { o.Settings = map[string]string{"num.io.threads": "4"} })
	defer s.Close()
	for range 2 {
		if _, err := s.Create("__consumer_offsets", 1, map[string]string{"preallocate": "true"}); err != nil {
			t.Fatal(err)
		}
		if err := s.Delete("__consumer_offsets"); err != nil {
			t.Fatal(err)
		}
		if err := s.SetBrokerConfigs(false, false, func(m map[string]string) error {
			m["num.network.threads"], m["mesage.max.bytes"], m["log.retention.ms"] = "2", "5", "6"
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		"num.io.threads is known and has no effect in millrace", "mesage.max.bytes is set and nothing here knows it (did you mean message.max.bytes?)",
		"num.network.threads is known and has no effect in millrace",
	}
	if got := said.list; !slices.Equal(got, want) {
		t.Errorf("said %q, want %q", got, want)
	}
}

// TestWatchSettings: watchers hear which values in force changed, in the order of changes.
func TestWatchSettings(t *testing.T) {
	s, _ := open(t, vfs.NewMem())
	defer s.Close()
	var heard [][]string
	cancel := s.WatchSettings(func(changed []string) { heard = append(heard, changed) })
	set := func(all bool, name, value string) {
		t.Helper()
		if err := s.SetBrokerConfigs(all, false, func(m map[string]string) error {
			if m[name] = value; value == "" {
				delete(m, name)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	set(true, "log.retention.ms", "5")
	set(false, "log.retention.ms", "6")
	set(true, "log.retention.ms", "7") // this node's own counts
	set(false, "log.retention.ms", "7")
	set(false, "log.retention.ms", "")
	set(true, "log.retention.ms", "")
	cancel()
	set(true, "log.retention.ms", "9")
	want := [][]string{{"log.retention.ms"}, {"log.retention.ms"}, {"log.retention.ms"}, {"log.retention.ms"}}
	if !reflect.DeepEqual(heard, want) {
		t.Errorf("heard %v, want %v", heard, want)
	}
	if v := s.Setting("log.retention.ms"); v != "9" {
		t.Errorf("log.retention.ms is %s", v)
	}
}

// TestResourcesAndQuotasLast: what is set on groups, subscriptions, all brokers and quota entities is there after a restart, also out of
// a snapshot.
func TestResourcesAndQuotasLast(t *testing.T) {
	s, _ := open(t, vfs.NewMem())
	set := func(name, value string) func(map[string]string) error {
		return func(m map[string]string) error { m[name] = value; return nil }
	}
	group := Resource{kmsg.ConfigResourceTypeGroupConfig, "g"}
	metrics := Resource{kmsg.ConfigResourceTypeClientMetrics, "m"}
	rate, percent := 5e20, 12.25
	changes := []QuotaChange{
		{QuotaEntity{User: Named("a"), ClientID: DefaultName}, map[string]*float64{ProducerByteRate: &rate}},
		{QuotaEntity{IP: DefaultName}, map[string]*float64{ConnectionCreationRate: &rate}},
		{QuotaEntity{User: Named("b")}, map[string]*float64{RequestPercentage: &percent}},
	}
	errs, err := s.AlterQuotas(changes, false)
	for _, err := range append(errs, err,
		s.SetResourceConfigs(group, false, set("consumer.session.timeout.ms", "50000")),
		s.SetResourceConfigs(metrics, false, set("interval.ms", "500")),
		s.SetBrokerConfigs(true, false, set("message.max.bytes", "77")),
	) {
		if err != nil {
			t.Fatal(err)
		}
	}
	check := func() {
		t.Helper()
		if v := s.GroupSettingInt("g", "consumer.session.timeout.ms"); v != 50000 {
			t.Errorf("the group's timeout is %d", v)
		}
		if v := s.GroupSettingInt("h", "consumer.session.timeout.ms"); v != 45000 {
			t.Errorf("another group's timeout is %d", v)
		}
		if v := s.ResourceConfigs(metrics)["interval.ms"]; v != "500" {
			t.Errorf("the interval is %s", v)
		}
		if v := s.Setting("message.max.bytes"); v != "77" {
			t.Errorf("message.max.bytes is %s", v)
		}
		want := map[QuotaEntity]map[string]float64{}
		for _, c := range changes {
			want[c.Entity] = map[string]float64{}
			for name, v := range c.Limits {
				want[c.Entity][name] = *v
			}
		}
		if got := s.Quotas(); !reflect.DeepEqual(got, want) {
			t.Errorf("quotas %v, want %v", got, want)
		}
	}
	check()
	s, _ = reopen(t, s)
	check()
	rs := s.mu.state.snapshot()
	again := newState()
	for _, r := range rs {
		d, err := decodeRecord(r.appendTo(nil))
		if err == nil {
			err = again.apply(d)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	s.mu.Lock()
	s.mu.state = again
	s.mu.Unlock()
	check()
	if err := s.SetResourceConfigs(group, false, func(m map[string]string) error { clear(m); return nil }); err != nil {
		t.Fatal(err)
	}
	if names := s.Resources(kmsg.ConfigResourceTypeGroupConfig); len(names) != 0 {
		t.Errorf("groups with configs: %v", names)
	}
}
