package metadata

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/millrace/millrace/internal/broker/auth"
)

// UserCredential is a user's credential of one mechanism.
type UserCredential struct {
	User       string
	Credential auth.Credential
}

// Credential finds a user's credential; false if there is none.
func (s *Store) Credential(user string, m auth.ScramMechanism) (auth.Credential, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	c, ok := s.mu.state.auth.credentials[credentialKey{user, m}]
	return c, ok
}

// Credentials are all users' credentials, by name and mechanism.
func (s *Store) Credentials() (out []UserCredential) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for k, c := range s.mu.state.auth.credentials {
		out = append(out, UserCredential{k.user, c})
	}
	slices.SortFunc(out, func(a, b UserCredential) int {
		return cmp.Or(strings.Compare(a.User, b.User), cmp.Compare(a.Credential.Mechanism, b.Credential.Mechanism))
	})
	return out
}

// SetCredentials stores and deletes credentials in one write: all or none. Deleting what is not there changes nothing.
func (s *Store) SetCredentials(set, deleted []UserCredential) error {
	return s.change(func(*state) (rs []record) {
		for _, u := range deleted {
			rs = append(rs, credentialDeletedRecord{u.User, u.Credential.Mechanism})
		}
		for _, u := range set {
			rs = append(rs, credentialRecord{u.User, u.Credential})
		}
		return rs
	})
}

// CreateACLs creates ACLs in one write; those that there are already stay.
func (s *Store) CreateACLs(acls []auth.ACL) error {
	return s.change(func(st *state) (rs []record) {
		for _, a := range acls {
			if _, ok := st.auth.acls[a]; !ok {
				rs = append(rs, aclRecord{a})
			}
		}
		return rs
	})
}

// DeleteACLs deletes the ACLs that filters select, in one write, and gives for each filter those that it selected.
func (s *Store) DeleteACLs(filters []auth.Filter) (deleted [][]auth.ACL, err error) {
	deleted = make([][]auth.ACL, len(filters))
	err = s.change(func(st *state) (rs []record) {
		gone := map[auth.ACL]bool{}
		index := auth.NewIndex(slices.Collect(maps.Keys(st.auth.acls)))
		for i, f := range filters {
			for _, a := range index.Select(f) {
				deleted[i] = append(deleted[i], a)
				if !gone[a] {
					gone[a] = true
					rs = append(rs, aclDeletedRecord{a})
				}
			}
		}
		return rs
	})
	return deleted, err
}

// ACLChanges is another number after the ACLs have changed.
func (s *Store) ACLChanges() int64 { return s.aclCount.Load() }

// WatchACLs has fn called after each change of the ACLs, in the place of one that was given before. It must not block, and not make
// changes itself.
func (s *Store) WatchACLs(fn func()) { s.onACLs.Store(&fn) }

// ACLs are the ACLs in force. It costs nothing while they do not change.
func (s *Store) ACLs() *auth.Index {
	if x := s.acls.Load(); x != nil {
		return x
	}
	// Under the lock that changes are made under, so that an index made of what was cannot replace the news that it is stale.
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.acls.Load()
	if x == nil {
		x = auth.NewIndex(slices.Collect(maps.Keys(s.mu.state.auth.acls)))
		s.acls.Store(x)
	}
	return x
}
