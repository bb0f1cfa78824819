package broker

import (
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/millrace/millrace/internal/broker/metadata"
)

// Incremental fetch sessions (KIP-227): a client that reads many partitions says once which, then only what changes; and is told only
// of partitions of which there is something to tell.
//
//	id, epoch in the request      what it is
//	0 or S, -1                    a whole request; S, if given, ends
//	0 or S, 0                     a whole request; S ends, another session begins
//	S, n > 0                      the changes since the request n-1 of session S
//
// Each answer counts as received: a client that did not get it asks with an epoch that is not the next one, is refused, and begins
// anew. Sessions are memory, and bounded, by their number (max.incremental.fetch.session.cache.slots) and by that of their partitions;
// who gets none sends whole requests.

const (
	fullFetch  = 0
	finalFetch = -1
	// staleSession is how long a session that is not used is kept from another that needs its slot, as in Kafka.
	staleSession = 2 * time.Minute
	// maxSessionPartitions bounds the partitions of all sessions: about 100 MB.
	maxSessionPartitions = 1_000_000
)

type fetchSessions struct {
	slots int
	mu    struct {
		sync.Mutex
		byID       map[int32]*fetchSession
		partitions int
	}
}

// fetchSession is guarded by the mutex of all of them.
type fetchSession struct {
	id    int32
	byIDs bool // topics are named by id: since v13
	epoch int32
	used  time.Time
	order []*sessionPartition // what was read last comes last, so that all get their turn (KIP-227)
	spare []*sessionPartition // for rotate
	find  map[sessionKey]*sessionPartition
}

type sessionKey struct {
	name  string
	id    metadata.UUID
	index int32
}

// sessionPartition is what a client wants of a partition, and what it was told of it; -1 for nothing.
type sessionPartition struct {
	sessionKey
	fetchWish
	hw, start int64
	known     bool // its topic was there
	read      bool // within rotate
}

func newFetchSessions(slots int) *fetchSessions {
	s := &fetchSessions{slots: slots}
	s.mu.byID = map[int32]*fetchSession{}
	return s
}

// open finds what a request is part of, and completes it by what its session knows.
func (s *fetchSessions) open(f *fetchRequest, now time.Time, meta *metadata.Store) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.sessionEpoch == fullFetch || f.sessionEpoch == finalFetch {
		s.remove(s.mu.byID[f.sessionID])
		f.begins, f.sessionID = f.sessionEpoch == fullFetch && f.version >= 7, 0
		return nil
	}
	session := s.mu.byID[f.sessionID]
	switch {
	case session == nil:
		return kerr.FetchSessionIDNotFound
	case session.epoch != f.sessionEpoch:
		return kerr.InvalidFetchSessionEpoch
	case session.byIDs != (f.version >= 13):
		return kerr.FetchSessionTopicIDError
	}
	s.update(session, f)
	if len(session.order) == 0 || s.mu.partitions > maxSessionPartitions {
		s.remove(session)
		f.sessionID = 0
		return nil
	}
	session.used = now
	if session.epoch++; session.epoch <= 0 {
		session.epoch = 1
	}
	f.session = session
	session.fill(f, meta)
	return nil
}

// update enters a request's changes into its session.
func (s *fetchSessions) update(session *fetchSession, f *fetchRequest) {
	before := len(session.order)
	f.partitions(func(t *fetchTopic, p *fetchPartition) bool {
		session.add(t, p)
		return true
	})
	gone := false
	for _, key := range f.forgotten {
		if _, ok := session.find[key]; ok {
			delete(session.find, key)
			gone = true
		}
	}
	if gone {
		kept := session.order[:0]
		for _, sp := range session.order {
			if session.find[sp.sessionKey] == sp {
				kept = append(kept, sp)
			}
		}
		clear(session.order[len(kept):])
		session.order = kept
	}
	s.mu.partitions += len(session.order) - before
}

func (session *fetchSession) add(t *fetchTopic, p *fetchPartition) *sessionPartition {
	key := sessionKey{t.name, t.id, p.index}
	sp := session.find[key]
	if sp == nil {
		sp = &sessionPartition{sessionKey: key, hw: -1, start: -1}
		session.find[key] = sp
		session.order = append(session.order, sp)
	}
	sp.fetchWish = p.fetchWish
	return sp
}

// fill makes the request whole. Neighbours of one topic go together.
func (session *fetchSession) fill(f *fetchRequest, meta *metadata.Store) {
	parts := make([]fetchPartition, len(session.order))
	f.topics = f.topics[:0]
	for i, sp := range session.order {
		if n := len(f.topics); n == 0 || f.topics[n-1].name != sp.name || f.topics[n-1].id != sp.id {
			t := fetchTopic{name: sp.name, id: sp.id, parts: parts[i:i]}
			if session.byIDs {
				t.topic = meta.TopicByID(sp.id)
			} else {
				t.topic = meta.Topic(sp.name)
			}
			f.topics = append(f.topics, t)
		}
		t := &f.topics[len(f.topics)-1]
		t.parts = t.parts[:len(t.parts)+1]
		t.parts[len(t.parts)-1] = fetchPartition{fetchWish: sp.fetchWish, index: sp.index, hw: -1, lso: -1, start: -1, in: sp}
		if t.topic != nil {
			sp.known = true
		} else if sp.known { // it was deleted: no id that the client made up
			t.gone = true
		}
	}
}

// close decides what of an answer is told, once it is complete, and begins the session of a request that wants one.
func (s *fetchSessions) close(f *fetchRequest, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.begins {
		s.begin(f, now)
		return
	}
	if f.session == nil {
		return
	}
	moved := false
	f.partitions(func(_ *fetchTopic, p *fetchPartition) bool {
		p.omit = !p.in.tell(p)
		moved = moved || p.chunk.Len() > 0
		return true
	})
	if moved {
		f.session.rotate(f)
	}
}

// begin makes a session, if there is room. An empty one is made too, as Kafka does.
func (s *fetchSessions) begin(f *fetchRequest, now time.Time) {
	session := &fetchSession{byIDs: f.version >= 13, epoch: 1, used: now, find: map[sessionKey]*sessionPartition{}}
	f.partitions(func(t *fetchTopic, p *fetchPartition) bool {
		sp := session.add(t, p)
		sp.known = t.topic != nil
		sp.tell(p)
		return true
	})
	if !s.room(len(session.order), now) {
		return
	}
	for session.id == 0 || s.mu.byID[session.id] != nil {
		session.id = rand.Int32N(math.MaxInt32) // never 0: that is no session
	}
	s.mu.byID[session.id] = session
	s.mu.partitions += len(session.order)
	f.sessionID = session.id
}

// room makes a slot for a session of so many partitions: one that is not used any more, or is smaller, goes.
func (s *fetchSessions) room(partitions int, now time.Time) bool {
	if len(s.mu.byID) >= s.slots {
		var victim *fetchSession
		for _, session := range s.mu.byID {
			if now.Sub(session.used) > staleSession {
				victim = session
				break
			}
			if len(session.order) < partitions && (victim == nil || len(session.order) < len(victim.order)) {
				victim = session
			}
		}
		s.remove(victim)
	}
	return len(s.mu.byID) < s.slots && s.mu.partitions+partitions <= maxSessionPartitions
}

func (s *fetchSessions) remove(session *fetchSession) {
	if session != nil && s.mu.byID[session.id] == session {
		delete(s.mu.byID, session.id)
		s.mu.partitions -= len(session.order)
	}
}

// tell says whether there is something to tell of a partition, and notes that it is told.
func (sp *sessionPartition) tell(p *fetchPartition) bool {
	if p.err != nil {
		sp.hw = -1 // when the error is over, that is news
		return true
	}
	news := p.chunk.Len() > 0 || p.diverges || sp.hw != p.hw || sp.start != p.start
	sp.hw, sp.start = p.hw, p.start
	return news
}

// rotate puts the partitions whose records are told behind the others.
func (session *fetchSession) rotate(f *fetchRequest) {
	f.partitions(func(_ *fetchTopic, p *fetchPartition) bool {
		p.in.read = p.chunk.Len() > 0
		return true
	})
	last, n := session.spare[:0], 0
	for _, sp := range session.order {
		if sp.read {
			sp.read = false
			last = append(last, sp)
		} else {
			session.order[n] = sp
			n++
		}
	}
	copy(session.order[n:], last)
	session.spare = last
}
