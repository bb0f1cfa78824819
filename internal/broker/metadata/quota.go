package metadata

import (
	"cmp"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
)

// QuotaEntity is whom a quota is for (KIP-13, KIP-124, KIP-612): a user, a client id, both, or an address. A name of "" is the default of
// its kind: everybody without a quota of his own.
type QuotaEntity struct {
	User, ClientID, IP QuotaName
}

// QuotaName is one part of an entity.
type QuotaName struct {
	Given bool // the entity has this part
	Name  string
}

// DefaultName is the default of its kind, Named a name of it.
var DefaultName = QuotaName{Given: true}

// Named is a part of an entity with a name.
func Named(name string) QuotaName { return QuotaName{true, name} }

// The kinds of an entity's parts, and the limits that can be set on them.
const (
	QuotaUser     = "user"
	QuotaClientID = "client-id"
	QuotaIP       = "ip"

	ProducerByteRate       = "producer_byte_rate"
	ConsumerByteRate       = "consumer_byte_rate"
	RequestPercentage      = "request_percentage"
	ControllerMutationRate = "controller_mutation_rate"
	ConnectionCreationRate = "connection_creation_rate"
)

// Part is the part of a kind; nil for a kind that there is not.
func (e *QuotaEntity) Part(kind string) *QuotaName {
	switch kind {
	case QuotaUser:
		return &e.User
	case QuotaClientID:
		return &e.ClientID
	case QuotaIP:
		return &e.IP
	}
	return nil
}

// QuotaKinds are the kinds in the order in which Kafka tells them.
var QuotaKinds = []string{QuotaUser, QuotaClientID, QuotaIP}

// QuotaChange is what AlterClientQuotas asks for one entity: a limit of nil is taken away.
type QuotaChange struct {
	Entity QuotaEntity
	Limits map[string]*float64
}

func (s *state) putQuota(r quotaRecord) {
	e := QuotaEntity{}
	for kind, name := range r.entity {
		if part := e.Part(kind); part != nil {
			*part = QuotaName{true, name}
		}
	}
	if len(r.limits) == 0 {
		delete(s.quotas, e)
		return
	}
	limits := make(map[string]float64, len(r.limits))
	for name, text := range r.limits {
		if v, err := strconv.ParseFloat(text, 64); err == nil {
			limits[name] = v
		}
	}
	s.quotas[e] = limits
}

func quotaRecordOf(e QuotaEntity, limits map[string]float64) quotaRecord {
	r := quotaRecord{map[string]string{}, map[string]string{}}
	for _, kind := range QuotaKinds {
		if part := e.Part(kind); part.Given {
			r.entity[kind] = part.Name
		}
	}
	for name, v := range limits {
		r.limits[name] = strconv.FormatFloat(v, 'g', -1, 64)
	}
	return r
}

func (s *state) quotaRecords() (rs []record) {
	for _, e := range slices.SortedFunc(maps.Keys(s.quotas), compareEntities) {
		rs = append(rs, quotaRecordOf(e, s.quotas[e]))
	}
	return rs
}

func compareEntities(a, b QuotaEntity) int {
	for _, kind := range QuotaKinds {
		x, y := a.Part(kind), b.Part(kind)
		if c := cmp.Or(cmp.Compare(number01(x.Given), number01(y.Given)), strings.Compare(x.Name, y.Name)); c != 0 {
			return c
		}
	}
	return 0
}

func number01(b bool) int {
	if b {
		return 1
	}
	return 0
}

// limitsOf are the limits that an entity can have, and whether they are whole numbers.
func limitsOf(e QuotaEntity) map[string]bool {
	if e.IP.Given {
		return map[string]bool{ConnectionCreationRate: true}
	}
	return map[string]bool{ProducerByteRate: true, ConsumerByteRate: true, RequestPercentage: false, ControllerMutationRate: false}
}

// alterQuota decides on one entity's limits.
func (s *state) alterQuota(c QuotaChange) (record, error) {
	e := c.Entity
	switch {
	case !e.User.Given && !e.ClientID.Given && !e.IP.Given:
		return nil, errf(kerr.InvalidRequest, "Invalid empty client quota entity")
	case e.IP.Given && (e.User.Given || e.ClientID.Given):
		return nil, errf(kerr.InvalidRequest, "Invalid quota entity combination, IP entity shouldnot be combined with User or ClientId")
	}
	if e.IP.Name != "" {
		if _, err := netip.ParseAddr(e.IP.Name); err != nil {
			return nil, errf(kerr.InvalidRequest, "%s is not a valid IP or resolvable host.", e.IP.Name)
		}
	}
	limits := maps.Clone(s.quotas[e])
	if limits == nil {
		limits = map[string]float64{}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Limits)) {
		value := c.Limits[name]
		if value == nil {
			delete(limits, name) // whatever it is
			continue
		}
		if err := checkLimit(e, name, *value); err != nil {
			return nil, err
		}
		limits[name] = *value
	}
	return quotaRecordOf(e, limits), nil
}

func checkLimit(e QuotaEntity, name string, value float64) error {
	whole, ok := limitsOf(e)[name]
	switch {
	case !ok:
		return errf(kerr.InvalidRequest, "Invalid configuration key %s", name)
	case math.IsNaN(value) || value <= 0:
		return errf(kerr.InvalidRequest, "Quota %s must be greater than 0", name)
	case whole && value != math.Trunc(value):
		return errf(kerr.InvalidRequest, "%s cannot be a fractional value.", name)
	}
	return nil
}

// AlterQuotas changes the limits of entities, each by itself: errs says which were refused.
func (s *Store) AlterQuotas(changes []QuotaChange, validate bool) (errs []error, err error) {
	errs = make([]error, len(changes))
	err = s.change(func(st *state) (records []record) {
		for i, c := range changes {
			r, err := st.alterQuota(c)
			if errs[i] = err; err == nil && !validate {
				records = append(records, r)
			}
		}
		return records
	})
	return errs, err
}

// WatchQuotas calls fn after a quota changed, until cancelled. fn must not make changes itself.
func (s *Store) WatchQuotas(fn func()) (cancel func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.mu.nextID
	s.mu.nextID++
	s.mu.quotaWatchers[id] = fn
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.mu.quotaWatchers, id)
	}
}

// Quotas are all limits by entity. They are not to be changed.
func (s *Store) Quotas() map[QuotaEntity]map[string]float64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return maps.Clone(s.mu.state.quotas)
}
