package broker

import (
	"errors"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/millrace/millrace/internal/broker/group"
	"github.com/millrace/millrace/internal/broker/share"
	"github.com/millrace/millrace/internal/commitlog"
	"github.com/millrace/millrace/internal/wire"
)

// groups is the group coordinator: it runs the state machines of package group over __consumer_offsets.
type groups struct {
	coordinator
	config group.Config
	// state is guarded by mu.
	state struct {
		all     group.Groups
		waiting map[uint64]chan groupReply
		ticket  uint64
	}
}

type groupReply struct {
	group.Reply
	at  place
	err error
}

func newGroups(b *Broker) *groups {
	ms := func(name string) time.Duration { return time.Duration(b.meta.SettingInt(name)) * time.Millisecond }
	gc := &groups{config: group.Config{
		Topics: newGroupTopics(b.meta),
		Consumer: group.ConsumerConfig{
			Session:   ms("group.consumer.session.timeout.ms"),
			Heartbeat: ms("group.consumer.heartbeat.interval.ms"),
			Of:        b.groupPace,
			MaxSize:   int(b.meta.SettingInt("group.consumer.max.size")),
			Assignors: strings.Split(b.meta.Setting("group.consumer.assignors"), ","),
			Migration: b.meta.Setting("group.consumer.migration.policy"),
		},
		Share: share.Config{
			Of: b.sharePace, MaxSize: int(b.meta.SettingInt("group.share.max.size")), Topics: newShareTopics(b.meta),
		},
		MinSession:   ms("group.min.session.timeout.ms"),
		MaxSession:   ms("group.max.session.timeout.ms"),
		MaxSize:      int(b.meta.SettingInt("group.max.size")),
		InitialDelay: ms("group.initial.rebalance.delay.ms"),
	}}
	gc.setup(b, "group", offsetsTopic, gc.readAll, gc.forgetAll)
	gc.state.waiting = map[uint64]chan groupReply{}
	return gc
}

// groupPace are a group's session timeout and heartbeat interval, as set on it or for all.
func (b *Broker) groupPace(id string) (session, heartbeat time.Duration) {
	return time.Duration(b.meta.GroupSettingInt(id, "consumer.session.timeout.ms")) * time.Millisecond,
		time.Duration(b.meta.GroupSettingInt(id, "consumer.heartbeat.interval.ms")) * time.Millisecond
}

// sharePace is groupPace for a share group.
func (b *Broker) sharePace(id string) (session, heartbeat time.Duration) {
	return time.Duration(b.meta.GroupSettingInt(id, "share.session.timeout.ms")) * time.Millisecond,
		time.Duration(b.meta.GroupSettingInt(id, "share.heartbeat.interval.ms")) * time.Millisecond
}

// close ends timers; what waits is answered by the broker's stopping.
func (gc *groups) close() {
	gc.mu.Lock()
	defer gc.mu.Unlock()
	gc.stop()
}

func (gc *groups) readAll() error {
	all, now := group.Groups{}, gc.b.config.Now()
	err := gc.replay(func(i int32, batch wire.Batch, r *wire.Record) error {
		if r == nil {
			m, err := wire.ParseMarker(batch)
			if err == nil {
				all.EndTxn(batch.ProducerID(), m.Commit, gc.inPartition(i))
			}
			return err
		}
		pid := int64(-1)
		if batch.IsTransactional() {
			pid = batch.ProducerID()
		}
		return all.Replay(gc.config, now, r.Key, r.Value, r.Offset, pid)
	})
	if err != nil {
		return err
	}
	all.Loaded(now)
	gc.state.all = all
	for _, g := range all {
		gc.armGroup(g, now)
	}
	return nil
}

// forgetAll also lets those go who wait for the answer of a group that is no more.
func (gc *groups) forgetAll() {
	gc.state.all = nil
	for ticket, ch := range gc.state.waiting {
		ch <- groupReply{err: errNotLoaded}
		delete(gc.state.waiting, ticket)
	}
}

// inPartition selects the groups of a partition.
func (gc *groups) inPartition(i int32) func(string) bool {
	t := gc.b.meta.Topic(offsetsTopic)
	return func(id string) bool { return t != nil && slot(id, t.Partitions) == i }
}

// do runs a command on a group, which is made if it is not there, and says where its answer will come.
func (gc *groups) do(id string, command func(g *group.Group, now time.Time, ticket uint64)) <-chan groupReply {
	ch := make(chan groupReply, 1)
	gc.mu.Lock()
	defer gc.mu.Unlock()
	if err := gc.load(); err != nil {
		ch <- groupReply{err: err}
		return ch
	}
	g, now := gc.state.all.Get(id, gc.config), gc.b.config.Now()
	gc.state.ticket++
	gc.state.waiting[gc.state.ticket] = ch
	command(g, now, gc.state.ticket)
	gc.finish(g, now)
	return ch
}

// on runs a command that is answered at once, and needs no record to be durable, on a group that is there.
func (gc *groups) on(id string, command func(g *group.Group, now time.Time) error) error {
	_, err := gc.settling(id, false, command)
	return err
}

// settling is on for a command whose answer must wait for the place. With create, the group is made if it is not there.
func (gc *groups) settling(id string, create bool, command func(g *group.Group, now time.Time) error) (at place, err error) {
	gc.mu.Lock()
	defer gc.mu.Unlock()
	if err := gc.load(); err != nil {
		return at, err
	}
	g, now := gc.state.all[id], gc.b.config.Now()
	if g == nil && create {
		g = gc.state.all.Get(id, gc.config)
	} else if g == nil {
		return at, kerr.UnknownMemberID
	}
	err = command(g, now)
	at, lost := gc.finish(g, now)
	if lost != nil {
		return at, lost
	}
	return at, err
}

// finish does what a command led to. The place is where it was written; with an error all memory has been given up.
func (gc *groups) finish(g *group.Group, now time.Time) (place, error) {
	ready := g.Take()
	var at place
	var err error
	if len(ready.Records) > 0 {
		_, at, err = gc.append(g.ID, ready.Records, now, -1, -1)
	} else if len(ready.Replies) > 0 {
		at, err = gc.end(g.ID)
	}
	if err != nil {
		gc.giveUp(err)
		return at, errNotLoaded
	}
	for _, r := range ready.Replies {
		if ch := gc.state.waiting[r.Ticket]; ch != nil {
			ch <- groupReply{Reply: r, at: at}
			delete(gc.state.waiting, r.Ticket)
		}
	}
	if g.Unused() {
		delete(gc.state.all, g.ID)
	}
	gc.armGroup(g, now)
	return at, nil
}

// armGroup sets the group's timer.
func (gc *groups) armGroup(g *group.Group, now time.Time) {
	id := g.ID
	gc.arm(id, g.Next(), now, func() {
		gc.on(id, func(g *group.Group, now time.Time) error {
			g.Tick(now)
			return nil
		})
	})
}

// append writes records as one batch, of a transaction if there is a producer.
func (gc *groups) append(id string, records []group.Record, now time.Time, pid int64, epoch int16) (first int64, at place, err error) {
	b := wire.NewBuilder(nil)
	origin := commitlog.Internal
	if pid >= 0 {
		b.SetProducer(pid, epoch, -1)
		b.SetTransactional(true)
		origin = commitlog.FromCoordinator
	}
	for _, r := range records {
		b.Append(now.UnixMilli(), r.Key, r.Value, nil)
	}
	return gc.write(id, b, origin)
}

// await waits for the answer to a command.
func (gc *groups) await(c *call, ch <-chan groupReply) groupReply {
	select {
	case r := <-ch:
		if r.err == nil {
			r.err = gc.settled(c.conn.ctx, r.at)
		}
		return r
	case <-c.conn.ctx.Done():
	case <-gc.b.stopping:
	}
	return groupReply{err: errNotLoaded}
}

// groupCode is the number of a coordinator's error: what is not the client's fault sends it to look for the coordinator again.
func groupCode(err error) int16 {
	if err == nil {
		return 0
	}
	var code *kerr.Error
	if errors.As(err, &code) {
		return code.Code
	}
	return kerr.NotCoordinator.Code
}

// fault keeps a nil *kerr.Error from becoming an error that is not nil.
func fault(err *kerr.Error) error {
	if err == nil {
		return nil
	}
	return err
}
