package metadata

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Resource is what configs can be set on, topics and this node apart, which have records of their own: all brokers (the kind broker,
// with an empty name), a group, a subscription to clients' metrics.
type Resource struct {
	Kind kmsg.ConfigResourceType
	Name string
}

var allBrokers = Resource{Kind: kmsg.ConfigResourceTypeBroker}

func (s *state) putResource(r resourceRecord) {
	if len(r.configs) == 0 {
		delete(s.resources, r.resource)
		return
	}
	s.resources[r.resource] = r.configs
}

func (s *state) resourceRecords() (rs []record) {
	for _, key := range slices.SortedFunc(maps.Keys(s.resources), func(a, b Resource) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), strings.Compare(a.Name, b.Name))
	}) {
		rs = append(rs, resourceRecord{key, s.resources[key]})
	}
	return rs
}

// configureBroker decides on the configs of this node, or of all. A name that nobody knows is taken, as Kafka takes it for a plugin's.
func (s *state) configureBroker(all bool, configs map[string]string) (record, error) {
	var fixed, own, listener []string
	table := allConfigs().broker
	known := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(configs)) {
		spec := table.byName[name]
		if spec == nil {
			continue
		}
		known[name] = configs[name]
		switch spec.Scope {
		case "":
			fixed = append(fixed, name)
		case PerListener:
			listener = append(listener, name)
		case PerBroker:
			own = append(own, name)
		}
	}
	switch {
	case fixed != nil:
		return nil, errf(kerr.InvalidRequest, "Cannot update these configs dynamically: [%s]", strings.Join(fixed, ", "))
	case listener != nil:
		return nil, errf(kerr.InvalidRequest, "These security configs can be dynamically updated only per-listener using the listener prefix: [%s]",
			strings.Join(listener, ", "))
	case own != nil && all:
		return nil, errf(kerr.InvalidRequest, "Cannot update these configs at default cluster level, broker id must be specified: [%s]",
			strings.Join(own, ", "))
	}
	if err := table.check(kerr.InvalidRequest, "%s", known); err != nil {
		return nil, errf(kerr.InvalidRequest, "%s", err.(*Error).Text)
	}
	if text, ok := configs["max.connections.per.ip.overrides"]; ok {
		if _, err := ParseOverrides(text); err != nil {
			return nil, errf(kerr.InvalidRequest, "%v", err)
		}
	}
	if all {
		return resourceRecord{allBrokers, configs}, nil
	}
	return brokerConfigRecord{configs}, nil
}

// ParseOverrides reads max.connections.per.ip.overrides: host:limit, and again after a comma.
func ParseOverrides(text string) (map[string]int, error) {
	limits := map[string]int{}
	for _, part := range SplitList(text) {
		at := strings.LastIndexByte(part, ':')
		n, err := strconv.Atoi(part[at+1:])
		if at < 1 || err != nil {
			return nil, fmt.Errorf("For input string: %q", part[at+1:])
		}
		limits[part[:at]] = n
	}
	return limits, nil
}

// configureResource decides on the configs of a group or of a subscription.
func (s *state) configureResource(r Resource, configs map[string]string, b brokerValues) (record, error) {
	var err error
	switch r.Kind {
	case kmsg.ConfigResourceTypeGroupConfig:
		err = checkGroupConfigs(r.Name, configs, b)
	case kmsg.ConfigResourceTypeClientMetrics:
		err = checkClientMetricsConfigs(r.Name, configs)
	}
	if err != nil {
		return nil, err
	}
	return resourceRecord{r, configs}, nil
}

// checkGroupConfigs also holds a group's values within the bounds that the broker's configs set for all.
func checkGroupConfigs(name string, configs map[string]string, b brokerValues) error {
	if name == "" {
		return errf(kerr.InvalidRequest, "Default group resources are not allowed.")
	}
	if err := allConfigs().group.check(kerr.InvalidConfig, "Unknown group config name: %s", configs); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(configs)) {
		least, most := boundsOf(name)
		if v, ok := b.effective(least); ok && number(configs[name]) < number(v) {
			return errf(kerr.InvalidConfig, "%s must be greater than or equal to %s", name, least)
		}
		if v, ok := b.effective(most); ok && number(configs[name]) > number(v) {
			return errf(kerr.InvalidConfig, "%s must be less than or equal to %s", name, most)
		}
	}
	return nil
}

// boundsOf are the broker's configs that bound a group's, where there are any: consumer.X is between group.consumer.min.X and
// group.consumer.max.X.
func boundsOf(name string) (least, most string) {
	protocol, rest, _ := strings.Cut(name, ".")
	if name == "streams.num.standby.replicas" {
		return "", "group.streams.max.standby.replicas"
	}
	return "group." + protocol + ".min." + rest, "group." + protocol + ".max." + rest
}

// The bounds of interval.ms, in milliseconds (KIP-714).
const minPushInterval, maxPushInterval = 100, 3_600_000

func checkClientMetricsConfigs(name string, configs map[string]string) error {
	if name == "" {
		return errf(kerr.InvalidRequest, "Subscription name can't be empty")
	}
	if err := allConfigs().clientMetrics.check(kerr.InvalidRequest, "Unknown client metrics configuration: %s", configs); err != nil {
		return err
	}
	if v, ok := configs["interval.ms"]; ok && (number(v) < minPushInterval || number(v) > maxPushInterval) {
		return errf(kerr.InvalidRequest, "Invalid value %s for interval.ms, interval must be between %d and %d (1 hour)", v, minPushInterval, maxPushInterval)
	}
	_, err := ParseClientMatch(SplitList(configs["match"]))
	return err
}

// ClientMatchers are what a subscription can ask of a client (KIP-714).
var ClientMatchers = []string{"client_instance_id", "client_id", "client_software_name", "client_software_version", "client_source_address", "client_source_port"}

// ParseClientMatch reads a subscription's match: name=pattern, each of which a client must fulfil in full.
func ParseClientMatch(list []string) (map[string]*regexp.Regexp, error) {
	patterns := map[string]*regexp.Regexp{}
	for _, text := range list {
		name, pattern, ok := strings.Cut(text, "=")
		name = strings.TrimSpace(name)
		p, err := regexp.Compile(`^(?:` + strings.TrimSpace(pattern) + `)$`)
		if !ok || err != nil || !slices.Contains(ClientMatchers, name) {
			return nil, errf(kerr.InvalidConfig, "Illegal client matching pattern: %s", text)
		}
		patterns[name] = p
	}
	return patterns, nil
}

// SetBrokerConfigs replaces the broker's configs that were set at run time: those of this node, or with all those of all nodes.
func (s *Store) SetBrokerConfigs(all, validate bool, edit func(map[string]string) error) error {
	return s.decideOne(validate, func(st *state) (record, error) {
		set := st.brokerConfig
		if all {
			set = st.resources[allBrokers]
		}
		configs := cloneConfigs(set)
		if err := edit(configs); err != nil {
			return nil, err
		}
		return st.configureBroker(all, configs)
	})
}

// SetResourceConfigs replaces the configs set on a group or a subscription.
func (s *Store) SetResourceConfigs(r Resource, validate bool, edit func(map[string]string) error) error {
	return s.decideOne(validate, func(st *state) (record, error) {
		configs := cloneConfigs(st.resources[r])
		if err := edit(configs); err != nil {
			return nil, err
		}
		return st.configureResource(r, configs, s.brokerValues())
	})
}

func cloneConfigs(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return maps.Clone(m)
}

// Resources are the names of the resources of a kind that have configs, in order.
func (s *Store) Resources(kind kmsg.ConfigResourceType) (names []string) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for key := range s.mu.state.resources {
		if key.Kind == kind {
			names = append(names, key.Name)
		}
	}
	slices.Sort(names)
	return names
}

// ResourceConfigs are the configs set on a resource. They are not to be changed.
func (s *Store) ResourceConfigs(r Resource) map[string]string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.mu.state.resources[r]
}

// values is called with the lock held; what it returns may be used without, since a config map is never changed in place.
func (s *Store) values() brokerValues {
	return brokerValues{s.mu.state.brokerConfig, s.mu.state.resources[allBrokers], s.static}
}

func (s *Store) brokerValues() brokerValues {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.values()
}

// TopicConfig is a topic's config with the value in force.
func (s *Store) TopicConfig(t *Topic, spec *ConfigSpec) ConfigValue {
	return s.brokerValues().topic(spec, t)
}

// BrokerConfig is a broker's config with the value in force.
func (s *Store) BrokerConfig(spec *ConfigSpec) ConfigValue { return s.brokerValues().lookup(spec) }

// ForeignConfigs are the broker's configs set under names that nobody knows, which Kafka keeps for plugins: those of this node, or with
// all those of all nodes. They may be secrets.
func (s *Store) ForeignConfigs(all bool) (values []ConfigValue) {
	b, table := s.brokerValues(), allConfigs().broker
	configs := b.cluster
	if !all {
		configs = cloneConfigs(b.cluster)
		maps.Copy(configs, b.dynamic)
	}
	for _, name := range slices.Sorted(maps.Keys(configs)) {
		if table.byName[name] == nil {
			v := b.lookup(&ConfigSpec{Name: name, Type: kmsg.ConfigTypeUnknown})
			values = append(values, v)
		}
	}
	return values
}

// ResourceConfig is a config of a group or a subscription with the value in force.
func (s *Store) ResourceConfig(r Resource, spec *ConfigSpec) ConfigValue {
	source := kmsg.ConfigSourceGroupConfig
	if r.Kind == kmsg.ConfigResourceTypeClientMetrics {
		source = kmsg.ConfigSourceClientMetricsConfig
	}
	return s.brokerValues().layered(spec, s.ResourceConfigs(r), source)
}

// Setting is the value in force of a broker's config that is known to exist; empty if it has none.
func (s *Store) Setting(name string) string {
	value, _ := s.brokerValues().effective(name)
	return value
}

// SettingInt is Setting for a number.
func (s *Store) SettingInt(name string) int64 { return number(s.Setting(name)) }

// GroupSetting is the value in force of a group's config: set on the group, or the broker's default for all groups.
func (s *Store) GroupSetting(group, name string) string {
	if value, ok := s.ResourceConfigs(Resource{kmsg.ConfigResourceTypeGroupConfig, group})[name]; ok {
		return value
	}
	spec := groupConfigs.byName[name]
	if spec == nil {
		spec = allConfigs().group.byName[name]
	}
	if spec.Synonym != "" {
		return s.Setting(spec.Synonym)
	}
	return spec.Default
}

// GroupSettingInt is GroupSetting for a number.
func (s *Store) GroupSettingInt(group, name string) int64 { return number(s.GroupSetting(group, name)) }

// WatchSettings calls fn after the broker's configs changed, with the names whose values in force are others, until cancelled. It is
// called in the order of changes, and must not make changes itself.
func (s *Store) WatchSettings(fn func(changed []string)) (cancel func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.mu.nextID
	s.mu.nextID++
	s.mu.settings[id] = fn
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.mu.settings, id)
	}
}

// WatchResources calls fn after the configs of a group or a subscription changed, until cancelled. fn must not make changes itself.
func (s *Store) WatchResources(fn func(Resource)) (cancel func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.mu.nextID
	s.mu.nextID++
	s.mu.resourceWatchers[id] = fn
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.mu.resourceWatchers, id)
	}
}

// published does what follows from a record about configs.
func (s *Store) published(r record, before brokerValues) {
	s.noteInert(r)
	if c, ok := r.(resourceRecord); ok && c.resource != allBrokers {
		s.mu.RLock()
		watchers := slices.Collect(maps.Values(s.mu.resourceWatchers))
		s.mu.RUnlock()
		for _, fn := range watchers {
			fn(c.resource)
		}
		return
	}
	switch r.(type) {
	case brokerConfigRecord, resourceRecord:
	case quotaRecord:
		s.mu.RLock()
		watchers := slices.Collect(maps.Values(s.mu.quotaWatchers))
		s.mu.RUnlock()
		for _, fn := range watchers {
			fn()
		}
		return
	default:
		return
	}
	after := s.brokerValues()
	changed := changedSettings(before, after)
	if len(changed) == 0 {
		return
	}
	s.defaults.Add(1)
	s.space.SetLimit(s.SettingInt(minFree))
	for _, t := range s.Topics() {
		s.reconfigure(t)
	}
	s.mu.RLock()
	watchers := slices.Collect(maps.Values(s.mu.settings))
	s.mu.RUnlock()
	for _, fn := range watchers {
		fn(changed)
	}
}

// changedSettings are the names whose values in force differ.
func changedSettings(before, after brokerValues) (names []string) {
	candidates := map[string]bool{}
	for _, m := range []map[string]string{before.dynamic, before.cluster, after.dynamic, after.cluster} {
		for name := range m {
			candidates[name] = true
		}
	}
	for name := range candidates {
		was, _ := before.effective(name)
		if is, _ := after.effective(name); is != was {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// noteInert says, once for each name, that what was set has no effect. The caller has write.
func (s *Store) noteInert(r record) {
	var table configTable
	var configs map[string]string
	switch r := r.(type) {
	case topicRecord:
		if table, configs = topicConfigs, r.configs; IsInternal(r.name) {
			return
		}
	case topicConfigRecord:
		table, configs = topicConfigs, r.configs
	case brokerConfigRecord:
		table, configs = brokerConfigs, r.configs
	case resourceRecord:
		switch configs = r.configs; r.resource.Kind {
		case kmsg.ConfigResourceTypeBroker:
			table = brokerConfigs
		case kmsg.ConfigResourceTypeGroupConfig:
			table = groupConfigs
		default:
			table = clientMetricsConfigs
		}
	}
	for _, name := range slices.Sorted(maps.Keys(configs)) {
		if acts := table.byName[name]; (acts == nil || acts.Inert) && !s.noted[name] {
			s.noted[name] = true
			s.opt.Report(inertText(name))
		}
	}
}

func inertText(name string) string {
	all := allConfigs()
	for _, t := range []configTable{all.broker, all.topic, all.group, all.clientMetrics} {
		if t.byName[name] != nil {
			return name + " is known and has no effect in millrace"
		}
	}
	return name + " is set and nothing here knows it" + all.broker.hint(name)
}
