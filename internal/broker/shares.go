package broker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/millrace/millrace/internal/broker/group"
	"github.com/millrace/millrace/internal/broker/metadata"
	"github.com/millrace/millrace/internal/broker/share"
	"github.com/millrace/millrace/internal/commitlog"
	"github.com/millrace/millrace/internal/wire"
)

// shares is what Kafka has as two: the share coordinator, which keeps the states of share partitions in __share_group_state, and the
// manager of share partitions, which knows the records in flight (KIP-932). A state is as the log has it; the records in flight of a
// partition that somebody reads are memory over it, and are written as they change.
//
// Whoever holds the group coordinator's mu may take this one, never the other way round.
type shares struct {
	coordinator
	// state is guarded by mu.
	state struct {
		states   share.States
		live     map[share.Key]*liveShare
		sessions *share.Sessions
		owners   map[*conn]struct{} // connections that made sessions, and are watched
	}
}

// liveShare is a share partition that members read.
type liveShare struct {
	*share.Partition
	// reading says that somebody reads the log for it without mu: two would read the same. passed says that somebody else came meanwhile.
	reading, passed bool
	waiting         map[*shareWaiter]struct{}
}

// shareWaiter waits for something to come of share partitions.
type shareWaiter struct{ wake chan struct{} }

func (w *shareWaiter) signal() {
	select {
	case w.wake <- struct{}{}:
	default: // it is going to look anyway
	}
}

func (s *liveShare) signal() {
	for w := range s.waiting {
		w.signal()
	}
}

func newShares(b *Broker) *shares {
	sc := &shares{}
	sc.setup(b, "share", shareTopic, sc.readAll, sc.forgetAll)
	sc.state.live, sc.state.owners = map[share.Key]*liveShare{}, map[*conn]struct{}{}
	sc.state.sessions = share.NewSessions(int(b.meta.SettingInt("group.share.max.share.sessions")))
	return sc
}

func (sc *shares) close() {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	sc.stop()
}

func (sc *shares) readAll() error {
	states := share.States{}
	err := sc.replay(func(_ int32, _ wire.Batch, r *wire.Record) error {
		if r == nil {
			return nil
		}
		_, err := states.Replay(r.Key, r.Value, r.Offset)
		return err
	})
	if err == nil {
		sc.state.states = states
	}
	return err
}

// forgetAll keeps the sessions: nothing of them is in the log.
func (sc *shares) forgetAll() {
	sc.state.states = nil
	for k := range sc.state.live {
		sc.drop(k)
	}
}

// drop forgets the records in flight of a share partition. mu is held.
func (sc *shares) drop(k share.Key) {
	if s := sc.state.live[k]; s != nil {
		s.signal()
		delete(sc.state.live, k)
		sc.arm(k.String(), time.Time{}, time.Time{}, nil)
	}
}

// limits are the settings of a group for its records.
func (sc *shares) limits(group string) *share.Limits {
	number := func(name string) int64 { return sc.b.meta.GroupSettingInt(group, name) }
	return &share.Limits{
		Locks:      int(number("share.partition.max.record.locks")),
		Deliveries: int16(number("share.delivery.count.limit")),
		Lock:       time.Duration(number("share.record.lock.duration.ms")) * time.Millisecond,
	}
}

// append writes a record of a share partition, and applies it. mu is held. With an error all memory has been given up.
func (sc *shares) append(k share.Key, r share.Record, now time.Time) (at place, err error) {
	b := wire.NewBuilder(nil)
	b.Append(now.UnixMilli(), r.Key, r.Value, nil)
	first, at, err := sc.write(k.String(), b, commitlog.Internal)
	if err == nil {
		_, err = sc.state.states.Replay(r.Key, r.Value, first)
	}
	if err != nil {
		sc.giveUp(err)
		return place{}, errNotLoaded
	}
	return at, nil
}

// places are the ends of several logs.
type places []place

func (ps places) settled(c *call) error {
	for _, at := range ps {
		if err := c.shares.settled(c.conn.ctx, at); err != nil {
			return err
		}
	}
	return nil
}

// initialize makes the states of share partitions, or makes them anew.
func (sc *shares) initialize(keys []share.Key, stateEpoch int32, start func(share.Key) int64) (at places, err error) {
	if len(keys) == 0 {
		return nil, nil
	}
	sc.mu.Lock()
	defer sc.mu.Unlock()
	if err := sc.load(); err != nil {
		return nil, err
	}
	now := sc.b.config.Now()
	for _, k := range keys {
		sc.drop(k)
		p, err := sc.append(k, sc.state.states.Initialize(k, stateEpoch, start(k), now.UnixMilli()), now)
		if err != nil {
			return nil, err
		}
		at = append(at, p)
	}
	return at, nil
}

// forget deletes states.
func (sc *shares) forget(keys []share.Key) (at places, err error) {
	if len(keys) == 0 {
		return nil, nil
	}
	sc.mu.Lock()
	defer sc.mu.Unlock()
	if err := sc.load(); err != nil {
		return nil, err
	}
	for _, k := range keys {
		sc.drop(k)
		if _, ok := sc.state.states.Get(k); !ok {
			continue
		}
		p, err := sc.append(k, share.Tombstone(k), sc.b.config.Now())
		if err != nil {
			return nil, err
		}
		at = append(at, p)
	}
	return at, nil
}

// summary is a share partition's state, if there is one.
func (sc *shares) summary(k share.Key) (s share.State, ok bool, at place, err error) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	if err := sc.load(); err != nil {
		return s, false, at, err
	}
	if s, ok = sc.state.states.Get(k); ok {
		at, err = sc.end(k.String())
	}
	return s, ok, at, err
}

// topicChanged forgets the states of a topic that is gone.
func (sc *shares) topicChanged(e metadata.Event) {
	if e.Old == nil || e.New != nil || e.Old.Internal() || sc.b.meta.Topic(shareTopic) == nil {
		return
	}
	sc.mu.Lock()
	var keys []share.Key
	if sc.load() == nil {
		for k := range sc.state.states {
			if k.Topic == e.Old.ID {
				keys = append(keys, k)
			}
		}
	}
	sc.mu.Unlock()
	if _, err := sc.forget(keys); err != nil && !errors.Is(err, errNotLoaded) {
		sc.b.config.Report(fmt.Sprintf("forgetting share groups of the topic %s: %v", e.Old.Name, err))
	}
}

// open is the live share partition of a key, which is made of its state if need be. mu is held; the group has the partition. Where the
// group begins is written before anything is delivered, and the place of that is given: Kafka writes it with the first acknowledgement,
// and after a crash before that begins at another latest offset.
func (sc *shares) open(k share.Key, log *commitlog.Log) (s *liveShare, at place, err error) {
	if s := sc.state.live[k]; s != nil {
		return s, at, nil
	}
	state, _ := sc.state.states.Get(k)
	if state.Start < 0 {
		start, err := sc.resetOffset(k.Group, log)
		if err != nil {
			return nil, at, err
		}
		if at, err = sc.update(k, &share.Update{Start: start}, sc.b.config.Now()); err != nil {
			return nil, at, err
		}
		state, _ = sc.state.states.Get(k)
	}
	s = &liveShare{Partition: share.Open(&state), waiting: map[*shareWaiter]struct{}{}}
	s.Trim(log.StartOffset())
	sc.state.live[k] = s
	return s, at, nil
}

// resetOffset is where a group begins to read (share.auto.offset.reset).
func (sc *shares) resetOffset(group string, log *commitlog.Log) (int64, error) {
	switch reset := sc.b.meta.GroupSetting(group, "share.auto.offset.reset"); reset {
	case "earliest":
		return log.StartOffset(), nil
	case "latest":
		return log.HighWatermark(), nil
	default:
		back, err := metadata.ParseDuration(strings.TrimPrefix(reset, "by_duration:"))
		if err != nil {
			return 0, err
		}
		at, _, ok, err := log.OffsetForTime(sc.b.config.Now().Add(-back).UnixMilli())
		if err == nil && (!ok || at > log.HighWatermark()) {
			at = log.HighWatermark()
		}
		return at, err
	}
}

// changed writes what a command has changed of a share partition, sets its timer, and wakes who waits. mu is held.
func (sc *shares) changed(k share.Key, s *liveShare, now time.Time) (at place, err error) {
	if u := s.Take(); u != nil {
		if at, err = sc.update(k, u, now); err != nil {
			return at, err
		}
		s.signal()
	}
	sc.arm(k.String(), s.Due(), now, func() { sc.tick(k) })
	return at, nil
}

func (sc *shares) update(k share.Key, u *share.Update, now time.Time) (place, error) {
	perSnapshot := int(sc.b.meta.SettingInt("share.coordinator.snapshot.update.records.per.snapshot"))
	return sc.append(k, sc.state.states.Write(k, u, perSnapshot, now.UnixMilli()), now)
}

// tick frees records whose locks are over.
func (sc *shares) tick(k share.Key) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	s := sc.state.live[k]
	if s == nil || sc.load() != nil {
		return
	}
	now := sc.b.config.Now()
	s.Tick(now, sc.limits(k.Group))
	_, _ = sc.changed(k, s, now) // its error has been told
}

// endSession ends a session: what its member has is given back, and if it was the group's last, nothing of the group stays in memory.
func (sc *shares) endSession(s *share.Session) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	if sc.state.sessions.Find(s.SessionKey) != s {
		return
	}
	partitions := s.Partitions()
	last := sc.state.sessions.Remove(s)
	if sc.load() != nil {
		return
	}
	now := sc.b.config.Now()
	for _, p := range partitions {
		k := share.Key{Group: s.Group, Topic: p.ID, Partition: p.Partition}
		if live := sc.state.live[k]; live != nil {
			live.Release(s.Member, sc.limits(s.Group))
			if _, err := sc.changed(k, live, now); err != nil {
				return
			}
		}
	}
	if last {
		for k := range sc.state.live {
			if k.Group == s.Group {
				sc.drop(k)
			}
		}
	}
}

// own ends the sessions of a connection with it. mu is held.
func (sc *shares) own(c *conn) {
	if _, ok := sc.state.owners[c]; ok {
		return
	}
	sc.state.owners[c] = struct{}{}
	context.AfterFunc(c.ctx, func() {
		sc.mu.Lock()
		delete(sc.state.owners, c)
		sessions := sc.state.sessions.OwnedBy(c)
		sc.mu.Unlock()
		for _, s := range sessions {
			sc.endSession(s)
		}
	})
}

// acknowledge takes what a member says of records of one partition. What is to be durable before it is answered is the place.
func (sc *shares) acknowledge(k share.Key, member string, acks []share.Ack) (at place, err error) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	if err := sc.load(); err != nil {
		return at, err
	}
	s := sc.state.live[k]
	if s == nil {
		err := kerr.UnknownTopicOrPartition
		return at, &share.Fault{Code: err, Text: err.Description}
	}
	now := sc.b.config.Now()
	if err := s.Acknowledge(now, sc.limits(k.Group), member, acks); err != nil {
		return at, err
	}
	return sc.changed(k, s, now)
}

// has says whether a group has a share partition.
func (gc *groups) hasShare(k share.Key) bool {
	has := false
	_, err := gc.look(k.Group, func(g *group.Group) {
		has = g != nil && g.Share() != nil && g.Share().Initialized(k.Topic, k.Partition)
	})
	return err == nil && has
}
