package metadata

import (
	"maps"

	"github.com/twmb/franz-go/pkg/kerr"
)

// Create creates a topic. Of configs those that are not set follow the broker's.
func (s *Store) Create(name string, partitions int32, configs map[string]string) (*Topic, error) {
	made, errs, err := s.CreateAll([]NewTopic{{name, partitions, configs}}, false)
	if err == nil {
		err = errs[0]
	}
	if err != nil {
		return nil, err
	}
	return made[0], nil
}

// CreateAll creates several topics in one write: each has a topic or an error. With validate it only says what would be.
func (s *Store) CreateAll(topics []NewTopic, validate bool) (made []*Topic, errs []error, err error) {
	made, errs = make([]*Topic, len(topics)), make([]error, len(topics))
	err = s.change(func(st *state) []record {
		var records []record
		for i, n := range topics {
			id, err := NewUUID(s.opt.Random)
			if err != nil {
				errs[i] = errf(kerr.UnknownServerError, "no random numbers: %v", err)
				continue
			}
			r, err := st.create(n, id, s.opt.Now().UnixMilli())
			if errs[i] = err; err != nil {
				continue
			}
			made[i] = &Topic{Name: n.Name, ID: id, Partitions: n.Partitions, Configs: n.Configs}
			records = append(records, r)
		}
		if validate {
			return nil
		}
		return records
	})
	return made, errs, err
}

// Delete deletes a topic. Its name can be used again at once; its files are removed in the background.
func (s *Store) Delete(name string) error {
	var fault error
	err := s.change(func(st *state) (records []record) {
		r, err := st.delete(name)
		if fault = err; err != nil {
			return nil
		}
		return []record{r}
	})
	if err != nil {
		return err
	}
	return fault
}

// Grow raises the number of a topic's partitions. With validate it only says whether it could.
func (s *Store) Grow(name string, partitions int32, validate bool) error {
	return s.decideOne(validate, func(st *state) (record, error) { return st.grow(name, partitions) })
}

// SetConfigs replaces the configs set on a topic by what edit makes of them. With validate it only says whether it could.
func (s *Store) SetConfigs(name string, validate bool, edit func(map[string]string) error) error {
	return s.decideOne(validate, func(st *state) (record, error) {
		configs := map[string]string{}
		if t := st.topics[name]; t != nil {
			configs = maps.Clone(t.Configs)
			if configs == nil {
				configs = map[string]string{}
			}
		}
		if err := edit(configs); err != nil {
			return nil, err
		}
		return st.configure(name, configs)
	})
}

func (s *Store) decideOne(validate bool, decide func(*state) (record, error)) error {
	var fault error
	err := s.change(func(st *state) []record {
		r, err := decide(st)
		if fault = err; err != nil || validate {
			return nil
		}
		return []record{r}
	})
	if err != nil {
		return err
	}
	return fault
}

// AllocateProducerIDs takes a block of producer ids that nobody has had and nobody else will get.
func (s *Store) AllocateProducerIDs(count int64) (first int64, err error) {
	err = s.change(func(st *state) []record {
		first = st.nextProducer
		return []record{producerIDsRecord{first + count}}
	})
	return first, err
}

// Topics are all topics, by name.
func (s *Store) Topics() []*Topic {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.mu.state.sorted()
}

// Topic finds a topic by name; nil if there is none.
func (s *Store) Topic(name string) *Topic {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.mu.state.topics[name]
}

// TopicByID finds a topic by its id; nil if there is none.
func (s *Store) TopicByID(id UUID) *Topic {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.mu.state.byID[id]
}
