package group

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// simTopics are topics that can be made and can grow.
type simTopics map[string]Topic

func (s simTopics) ByName(name string) (Topic, bool) { t, ok := s[name]; return t, ok }
func (s simTopics) Names() []string                  { return slices.Sorted(maps.Keys(s)) }

// Version rises, for topics only come and grow.
func (s simTopics) Version() (v int64) {
	for _, t := range s {
		v += int64(t.Partitions) + 1
	}
	return v + 1
}
func (s simTopics) ByID(id TopicID) (Topic, bool) {
	for _, t := range s {
		if t.ID == id {
			return t, true
		}
	}
	return Topic{}, false
}

func (s simTopics) put(name string, partitions int32) {
	t := Topic{Name: name, Partitions: partitions}
	copy(t.ID[:], name)
	s[name] = t
}

// simMember is a client: what it believes, which may be behind what the group believes.
type simMember struct {
	id, instance string
	epoch        int32
	owned        map[IDPartition]bool
	give         map[IDPartition]bool // what it was told to have, until it has acted on it
	topics       []string
	pattern      string
	spoken       time.Time
	fresh        bool // it must say all of itself
	classic      simProtocol
}

// simProtocol is what a member speaks.
type simProtocol int

const (
	speaksConsumer    simProtocol = iota
	speaksEager                   // the classic protocol: it lets go of all before it joins
	speaksCooperative             // the classic protocol: it keeps what it has over a rebalance
)

type sim struct {
	t       *testing.T
	rnd     *rand.Rand
	now     time.Time
	topics  simTopics
	config  Config
	g       *Group
	log     []Record
	members []*simMember
	nextID  int
	epoch   int32
	deleted map[string]bool
}

const simSession = 10 * time.Second

var simConfig = Config{
	MinSession: time.Second, MaxSession: time.Minute,
	Consumer: ConsumerConfig{Session: simSession, Heartbeat: time.Second, Assignors: []string{"uniform", "range"}, Migration: "upgrade"},
}

// TestConsumerGroupSimulation lets members of both protocols join, leave, fall silent, lose answers, change their minds and be slow to
// let go, while topics come and grow and the coordinator is read back from its log. At every step no two members that may still act own a partition,
// the epoch never falls, and memory is what the log says; when all are quiet, everybody ends at the target and every partition that
// somebody wants is owned.
func TestConsumerGroupSimulation(t *testing.T) {
	seeds := uint64(60)
	if testing.Short() {
		seeds = 30
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			s := &sim{t: t, rnd: rand.New(rand.NewPCG(seed, 848)), now: time.UnixMilli(1), topics: simTopics{}, config: simConfig}
			s.config.Topics = s.topics
			s.topics.put("a", 3)
			s.topics.put("b", 5)
			s.g = New("g", s.config)
			for range 300 {
				s.step()
				s.check()
			}
			s.settle()
		})
	}
}

func (s *sim) step() {
	s.now = s.now.Add(time.Duration(s.rnd.IntN(700)) * time.Millisecond)
	s.g.Tick(s.now)
	s.take()
	switch n := s.rnd.IntN(100); {
	case n < 8 && len(s.members) < 6:
		s.join()
	case n < 10 && len(s.members) > 0:
		s.leave()
	case n < 12 && len(s.members) > 0: // it falls silent for good
		i := s.rnd.IntN(len(s.members))
		s.members = slices.Delete(s.members, i, i+1)
	case n < 15:
		name := string('a' + rune(s.rnd.IntN(4)))
		s.topics.put(name, s.topics[name].Partitions+1+int32(s.rnd.IntN(2)))
	case n < 18 && len(s.members) > 0:
		m := s.members[s.rnd.IntN(len(s.members))]
		m.topics, m.pattern, m.fresh = s.subscription()
	case n < 20:
		s.replay()
	case len(s.members) > 0:
		s.beat(s.members[s.rnd.IntN(len(s.members))], s.rnd.IntN(10) == 0)
	}
}

func (s *sim) subscription() (topics []string, pattern string, changed bool) {
	if s.rnd.IntN(4) == 0 {
		return []string{}, []string{"[ab]", ".*", "c?d?"}[s.rnd.IntN(3)], true
	}
	for _, name := range []string{"a", "b", "c"} {
		if s.rnd.IntN(2) == 0 {
			topics = append(topics, name)
		}
	}
	return append(topics, "d"), "", true
}

func (s *sim) join() {
	s.nextID++
	m := &simMember{id: fmt.Sprintf("m%03d", s.nextID), owned: map[IDPartition]bool{}}
	m.topics, m.pattern, m.fresh = s.subscription()
	if n := s.rnd.IntN(8); n < 2 && s.g.modern != nil && len(s.g.modern.members) > 0 {
		m.classic, m.topics = simProtocol(n+1), []string{"a", "b", "c"}[s.rnd.IntN(3):]
	} else if s.rnd.IntN(3) == 0 {
		m.instance = fmt.Sprintf("i%d", s.rnd.IntN(3))
	}
	s.members = append(s.members, m)
	s.beat(m, false)
}

// request is the member's next beat: it acts on what it was told first.
func (s *sim) request(m *simMember) Beat {
	if m.give != nil && s.rnd.IntN(3) > 0 {
		m.owned, m.give = m.give, nil
	}
	b := Beat{MemberID: m.id, Epoch: m.epoch, Rebalance: -1}
	if m.instance != "" {
		b.InstanceID = &m.instance
	}
	if m.epoch == 0 {
		m.owned, m.give = map[IDPartition]bool{}, nil
	}
	if m.epoch == 0 || m.fresh {
		b.Topics, b.Pattern, b.Rebalance = m.topics, &m.pattern, 5*time.Second
	}
	b.Owned = slices.Collect(maps.Keys(m.owned))
	if b.Owned == nil {
		b.Owned = []IDPartition{}
	}
	return b
}

// beat sends a heartbeat; the answer may be lost.
func (s *sim) beat(m *simMember, lost bool) {
	if m.classic != speaksConsumer {
		s.beatClassic(m, lost)
		return
	}
	out, err := s.g.Beat(s.now, s.request(m))
	s.take()
	if lost {
		// It says all of itself, as clients do after an answer that did not come, and waits with what it was told before: it has just
		// said that it does not own that yet, so that the coordinator may have given it away. The protocol itself has this race.
		m.fresh, m.give = true, nil
		return
	}
	var code *kerr.Error
	switch {
	case err == nil:
		m.epoch, m.spoken, m.fresh = out.Epoch, s.now, false
		if out.Assignment != nil {
			m.give = map[IDPartition]bool{}
			for p := range out.Assignment {
				m.give[p] = true
			}
		}
	case errors.As(err, &code) && (code == kerr.FencedMemberEpoch || code == kerr.UnknownMemberID):
		m.owned, m.give, m.epoch = map[IDPartition]bool{}, nil, 0
	case errors.As(err, &code) && code == kerr.FencedInstanceID:
		s.members = slices.DeleteFunc(s.members, func(o *simMember) bool { return o == m })
	case errors.As(err, &code) && (code == kerr.UnreleasedInstanceID || code == kerr.GroupIDNotFound):
	default:
		s.t.Fatalf("%s: %v", m.id, err)
	}
}

// beatClassic is a heartbeat of the classic protocol, and the rebalance that it asks for.
func (s *sim) beatClassic(m *simMember, lost bool) {
	fenced := func() { m.owned, m.epoch = map[IDPartition]bool{}, 0 }
	if m.epoch > 0 {
		switch err := s.g.Heartbeat(s.now, m.id, nil, m.epoch); err {
		case nil:
			m.spoken = s.now
			return
		case kerr.RebalanceInProgress:
			m.spoken = s.now
		default:
			fenced()
			return
		}
	}
	if m.classic == speaksEager {
		clear(m.owned)
	}
	sub := kmsg.NewConsumerMemberMetadata()
	sub.Version, sub.Topics = 1, m.topics
	for p := range m.owned {
		t, _ := s.topics.ByID(p.ID)
		sub.OwnedPartitions = append(sub.OwnedPartitions, kmsg.ConsumerMemberMetadataOwnedPartition{Topic: t.Name, Partitions: []int32{p.Partition}})
	}
	s.g.Join(s.now, JoinRequest{
		Ticket: 1, MemberID: m.id, NewID: m.id, Session: simSession, Rebalance: 5 * time.Second, ProtocolType: "consumer", ClientHost: "/h",
		Protocols: []Protocol{{"range", sub.AppendTo(nil)}},
	})
	joined := s.take()[0].Joined
	if joined.Err != nil {
		fenced()
		return
	}
	if lost {
		return // it does not know its generation: the next heartbeat is refused
	}
	m.epoch, m.spoken = joined.Generation, s.now
	s.g.Sync(s.now, SyncRequest{Ticket: 2, MemberID: m.id, Generation: m.epoch})
	synced := s.take()[0].Synced
	if synced.Err != nil {
		return // to join again at the next heartbeat
	}
	a, err := readAssignment(synced.Assignment)
	if err != nil {
		s.t.Fatal(err)
	}
	clear(m.owned)
	for _, topic := range a.Topics {
		t, _ := s.topics.ByName(topic.Topic)
		for _, p := range topic.Partitions {
			m.owned[IDPartition{t.ID, p}] = true
		}
	}
}

func (s *sim) leave() {
	i := s.rnd.IntN(len(s.members))
	m := s.members[i]
	if m.epoch <= 0 {
		return
	}
	if m.classic != speaksConsumer {
		s.g.Leave(s.now, m.id, nil)
		s.take()
		s.members = slices.Delete(s.members, i, i+1)
		return
	}
	b := Beat{MemberID: m.id, Epoch: -1, Rebalance: -1}
	if m.instance != "" {
		b.InstanceID = &m.instance
		b.Epoch -= int32(s.rnd.IntN(2))
	}
	s.g.Beat(s.now, b)
	s.take()
	s.members = slices.Delete(s.members, i, i+1)
	if b.Epoch == leftForNow {
		s.members = append(s.members, &simMember{id: m.id + "'", instance: m.instance, topics: m.topics, pattern: m.pattern, owned: map[IDPartition]bool{}})
	}
}

func (s *sim) take() []Reply {
	ready := s.g.Take()
	s.log = append(s.log, ready.Records...)
	return ready.Replies
}

// replay builds the group from its log.
func (s *sim) replay() {
	again := s.readBack()
	if again == nil {
		return
	}
	s.g = again
}

func (s *sim) readBack() *Group {
	gs := Groups{}
	for i, r := range s.log {
		if err := gs.Replay(s.config, s.now, r.Key, r.Value, int64(i), -1); err != nil {
			s.t.Fatal(err)
		}
	}
	gs.Loaded(s.now)
	return gs["g"]
}

// check holds what must hold at any time.
func (s *sim) check() {
	if s.g.modern == nil {
		return
	}
	if s.g.modern.epoch < s.epoch {
		s.t.Fatalf("the epoch fell from %d to %d", s.epoch, s.g.modern.epoch)
	}
	s.epoch = s.g.modern.epoch
	owner := map[IDPartition]string{}
	for _, m := range s.members {
		// A member whose session the group has ended knows it no later than its own: only those of whom the group knows may act.
		if known := s.g.modern.members[m.id]; known == nil || known.epoch < 0 || s.now.Sub(m.spoken) >= simSession {
			continue
		}
		if known := s.g.modern.members[m.id]; m.epoch != known.epoch && m.epoch != known.previous {
			continue // it was fenced, joined anew, and has not heard
		}
		for p := range m.owned {
			if other, taken := owner[p]; taken {
				s.t.Fatalf("%s and %s both own %x-%d", other, m.id, p.ID[:1], p.Partition)
			}
			owner[p] = m.id
		}
	}
	for p, id := range s.g.modern.owners {
		m := s.g.modern.members[id]
		_, has := m.assigned[p]
		_, loses := m.revoking[p]
		if !has && !loses {
			s.t.Fatalf("%s is noted as the owner of what it has not", id)
		}
	}
	if s.rnd.IntN(60) == 0 {
		if got, want := s.print(s.readBack()), s.print(s.g); got != want {
			s.t.Fatalf("read back:\n%s\nis:\n%s", got, want)
		}
	}
}

func (s *sim) print(g *Group) string {
	if g == nil {
		return "none"
	}
	d, _ := g.DescribeConsumer()
	out := fmt.Sprint(g.State, d.State, d.Epoch, d.TargetEpoch, d.Assignor, g.modern.hash, g.modern.patterns, len(g.modern.owners), g.modern.static)
	for _, m := range g.modern.sortedMembers() {
		out += fmt.Sprint("\n", m.id, m.epoch, m.previous, m.state, m.Topics, m.Pattern, m.Rebalance, m.assigned, m.revoking, g.modern.target[m.id])
	}
	return out
}

// settle lets everybody beat until nothing changes, and looks at the result.
func (s *sim) settle() {
	for range 60 {
		s.now = s.now.Add(500 * time.Millisecond)
		s.g.Tick(s.now)
		s.take()
		for _, m := range slices.Clone(s.members) {
			s.beat(m, false)
			s.check()
		}
	}
	mo := s.g.modern
	if mo == nil || len(mo.members) == 0 {
		return
	}
	if s.g.State != Stable {
		s.t.Fatalf("not settled: %s", s.print(s.g))
	}
	wanted := map[IDPartition]bool{}
	for _, m := range mo.members {
		for id, n := range mo.subscribed(m, s.topics) {
			for p := range n {
				wanted[IDPartition{id, p}] = true
			}
		}
		if !samePartitions(m.assigned, mo.target[m.id]) {
			s.t.Fatalf("%s is not at its target: %s", m.id, s.print(s.g))
		}
	}
	if len(wanted) != len(mo.owners) {
		s.t.Fatalf("%d partitions are wanted, %d owned: %s", len(wanted), len(mo.owners), s.print(s.g))
	}
}
