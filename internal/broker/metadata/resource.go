package metadata

import (
	"cmp"
	"maps"
	"slices"
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

// configureBroker decides on the configs of this node, or of all.
func (s *state) configureBroker(all bool, configs map[string]string) (record, error) {
	var fixed, own []string
	table := allConfigs().broker
	for _, name := range slices.Sorted(maps.Keys(configs)) {
		spec := table.byName[name]
		switch {
		case spec == nil:
			return nil, errf(kerr.InvalidConfig, "Unknown broker config name: %s%s", name, table.hint(name))
		case spec.Scope == "":
			fixed = append(fixed, name)
		case spec.Scope == PerBroker && all:
			own = append(own, name)
		}
	}
	switch {
	case fixed != nil:
		return nil, errf(kerr.InvalidRequest, "Cannot update these configs dynamically: [%s]", strings.Join(fixed, ", "))
	case own != nil:
		return nil, errf(kerr.InvalidRequest, "Cannot update these configs at default cluster level, broker id must be specified: [%s]",
			strings.Join(own, ", "))
	}
	if err := table.check("Unknown broker config name: %s%s", configs); err != nil {
		return nil, err
	}
	if all {
		return resourceRecord{allBrokers, configs}, nil
	}
	return brokerConfigRecord{configs}, nil
}

// configureResource decides on the configs of a group or of a subscription.
func (s *state) configureResource(r Resource, configs map[string]string) (record, error) {
	var err error
	switch r.Kind {
	case kmsg.ConfigResourceTypeGroupConfig:
		err = checkGroupConfigs(r.Name, configs)
	case kmsg.ConfigResourceTypeClientMetrics:
		err = checkClientMetricsConfigs(r.Name, configs)
	}
	if err != nil {
		return nil, err
	}
	return resourceRecord{r, configs}, nil
}

func checkGroupConfigs(name string, configs map[string]string) error {
	if name == "" {
		return errf(kerr.InvalidRequest, "Default group resources are not allowed.")
	}
	return allConfigs().group.check("Unknown group config name: %s%s", configs)
}

func checkClientMetricsConfigs(name string, configs map[string]string) error {
	if name == "" {
		return errf(kerr.InvalidRequest, "Subscription name can't be empty")
	}
	return allConfigs().clientMetrics.check("Unknown client metrics configuration: %s%s", configs)
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
		return st.configureResource(r, configs)
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

// published does what follows from a record about configs.
func (s *Store) published(r record, before brokerValues) {
	if c, ok := r.(resourceRecord); ok && c.resource != allBrokers {
		return
	}
	switch r.(type) {
	case brokerConfigRecord, resourceRecord:
	default:
		return
	}
	after := s.brokerValues()
	changed := changedSettings(before, after)
	if len(changed) == 0 {
		return
	}
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
