package share

import (
	"math"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
)

// Share sessions: a member says once which partitions it reads, then only what changes.
//
//	epoch in the request   what it is
//	0                      a session begins; another of the same member is forgotten
//	n > 0                  the changes since request n-1
//	-1                     the session ends, and the member's records are released
//
// Sessions are memory, and bounded by their number (group.share.max.share.sessions). One that cannot be made is refused: without it a
// member cannot read.
const (
	// InitialEpoch begins a session.
	InitialEpoch = 0
	// FinalEpoch ends it.
	FinalEpoch = -1
)

// maxSessionPartitions bounds the partitions of all sessions.
const maxSessionPartitions = 1_000_000

// SessionKey names a session.
type SessionKey struct{ Group, Member string }

// Sessions are the share sessions of a node.
type Sessions struct {
	Max        int
	byKey      map[SessionKey]*Session
	partitions int
	groups     map[string]int // sessions of each group
}

// Session is what a member reads. Its partitions are in the order in which it named them.
type Session struct {
	SessionKey
	// Owner is whoever made the session: the connection it ends with.
	Owner      any
	epoch      int32
	partitions []IDPartition
	news       map[IDPartition]bool // to be told of in the next answer, whatever there is
}

// NewSessions is no sessions.
func NewSessions(most int) *Sessions {
	return &Sessions{Max: most, byKey: map[SessionKey]*Session{}, groups: map[string]int{}}
}

// Find is a session, nil if it is not there.
func (ss *Sessions) Find(k SessionKey) *Session { return ss.byKey[k] }

// OwnedBy are the sessions that an owner made.
func (ss *Sessions) OwnedBy(owner any) (list []*Session) {
	for _, s := range ss.byKey {
		if s.Owner == owner {
			list = append(list, s)
		}
	}
	return list
}

// Fetch is the session that a ShareFetch is part of, with what it changes. acks says that records are acknowledged with it, which a
// first request cannot.
func (ss *Sessions) Fetch(k SessionKey, epoch int32, owner any, add, forget []IDPartition, acks bool) (*Session, error) {
	s := ss.byKey[k]
	switch {
	case epoch == InitialEpoch && acks:
		return nil, kerr.InvalidRequest
	case epoch == InitialEpoch:
		ss.remove(s)
		if len(ss.byKey) >= ss.Max || ss.partitions+len(add) > maxSessionPartitions {
			return nil, kerr.ShareSessionLimitReached
		}
		s = &Session{SessionKey: k, Owner: owner, epoch: 1, news: map[IDPartition]bool{}}
		ss.byKey[k] = s
		ss.groups[k.Group]++
		ss.update(s, add, nil)
		clear(s.news) // the first answer tells of all
		return s, nil
	case s == nil:
		return nil, kerr.ShareSessionNotFound
	case epoch == FinalEpoch:
		return s, nil
	case epoch != s.epoch:
		return nil, kerr.InvalidShareSessionEpoch
	case ss.partitions+len(add) > maxSessionPartitions:
		return nil, kerr.ShareSessionLimitReached
	}
	s.step()
	ss.update(s, add, forget)
	return s, nil
}

// Acknowledge is the session that a ShareAcknowledge is part of.
func (ss *Sessions) Acknowledge(k SessionKey, epoch int32) (*Session, error) {
	s := ss.byKey[k]
	switch {
	case epoch == InitialEpoch:
		return nil, kerr.InvalidShareSessionEpoch
	case s == nil:
		return nil, kerr.ShareSessionNotFound
	case epoch == FinalEpoch:
		return s, nil
	case epoch != s.epoch:
		return nil, kerr.InvalidShareSessionEpoch
	}
	s.step()
	return s, nil
}

func (s *Session) step() {
	if s.epoch == math.MaxInt32 {
		s.epoch = 0
	}
	s.epoch++
}

func (ss *Sessions) update(s *Session, add, forget []IDPartition) {
	before := len(s.partitions)
	known := make(map[IDPartition]bool, before)
	for _, p := range s.partitions {
		known[p] = true
	}
	for _, p := range add {
		if !known[p] {
			known[p], s.news[p] = true, true
			s.partitions = append(s.partitions, p)
		}
	}
	if len(forget) > 0 {
		gone := make(map[IDPartition]bool, len(forget))
		for _, p := range forget {
			gone[p] = true
			delete(s.news, p)
		}
		s.partitions = slices.DeleteFunc(s.partitions, func(p IDPartition) bool { return gone[p] })
	}
	ss.partitions += len(s.partitions) - before
}

// Remove ends a session, and says whether the group has none left. The caller releases the member's records.
func (ss *Sessions) Remove(s *Session) (last bool) {
	if ss.byKey[s.SessionKey] != s {
		return false
	}
	ss.remove(s)
	return ss.groups[s.Group] == 0
}

func (ss *Sessions) remove(s *Session) {
	if s == nil {
		return
	}
	delete(ss.byKey, s.SessionKey)
	ss.partitions -= len(s.partitions)
	if ss.groups[s.Group]--; ss.groups[s.Group] == 0 {
		delete(ss.groups, s.Group)
	}
}

// Partitions are what the member reads, beginning with another one at each request, so that all get their turn.
func (s *Session) Partitions() []IDPartition {
	n := len(s.partitions)
	if n == 0 {
		return nil
	}
	at := int(s.epoch-1) % n
	return append(slices.Clone(s.partitions[at:]), s.partitions[:at]...)
}

// Tell says whether an answer must speak of a partition: if it is new to the session, if there are records, or an error, whose end is
// told as well.
func (s *Session) Tell(p IDPartition, records, failed bool) bool {
	news := s.news[p]
	if failed {
		s.news[p] = true
	} else {
		delete(s.news, p)
	}
	return news || records || failed
}
