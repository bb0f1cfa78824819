package broker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/millrace/millrace/internal/broker/group"
	"github.com/millrace/millrace/internal/commitlog"
	"github.com/millrace/millrace/internal/wire"
)

// groups is the group coordinator: it runs the state machines of package group over __consumer_offsets.
//
// A command is decided, appended and applied under mu, so that memory and log have one order; its answer waits, outside of mu, until
// the log is durable. Should the log not take what was decided, memory is ahead of it: then all of it is thrown away and read again.
type groups struct {
	b      *Broker
	config group.Config
	mu     struct {
		sync.Mutex
		loaded, closed bool
		all            group.Groups
		waiting        map[uint64]chan groupReply
		timers         map[string]*time.Timer
		ticket         uint64
	}
}

type groupReply struct {
	group.Reply
	at  place
	err error
}

func newGroups(b *Broker) *groups {
	gc := &groups{b: b, config: group.Config{
		MinSession:   time.Duration(b.meta.SettingInt("group.min.session.timeout.ms")) * time.Millisecond,
		MaxSession:   time.Duration(b.meta.SettingInt("group.max.session.timeout.ms")) * time.Millisecond,
		InitialDelay: time.Duration(b.meta.SettingInt("group.initial.rebalance.delay.ms")) * time.Millisecond,
	}}
	gc.mu.waiting, gc.mu.timers = map[uint64]chan groupReply{}, map[string]*time.Timer{}
	return gc
}

// close ends timers; what waits is answered by the broker's stopping.
func (gc *groups) close() {
	gc.mu.Lock()
	defer gc.mu.Unlock()
	gc.mu.closed = true
	for _, t := range gc.mu.timers {
		t.Stop()
	}
}

// load reads the log if memory is not what it says.
func (gc *groups) load() error {
	if gc.mu.closed {
		return commitlog.ErrClosed
	}
	if gc.mu.loaded {
		return nil
	}
	all, now := group.Groups{}, gc.b.config.Now()
	err := gc.b.replay(offsetsTopic, func(i int32, batch wire.Batch, r *wire.Record) error {
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
	gc.mu.all, gc.mu.loaded = all, true
	for _, g := range all {
		gc.arm(g, now)
	}
	return nil
}

// inPartition selects the groups of a partition.
func (gc *groups) inPartition(i int32) func(string) bool {
	t := gc.b.meta.Topic(offsetsTopic)
	return func(id string) bool { return t != nil && slot(id, t.Partitions) == i }
}

// giveUp throws memory away.
func (gc *groups) giveUp(cause error) {
	if gc.mu.closed || !gc.mu.loaded {
		return
	}
	gc.b.config.Report(fmt.Sprintf("group coordinator: %v; reading %s again", cause, offsetsTopic))
	gc.mu.loaded, gc.mu.all = false, nil
	for id, t := range gc.mu.timers {
		t.Stop()
		delete(gc.mu.timers, id)
	}
	for ticket, ch := range gc.mu.waiting {
		ch <- groupReply{err: errNotLoaded}
		delete(gc.mu.waiting, ticket)
	}
	gc.b.giveUpOffline(offsetsTopic)
}

// settled waits until what an answer is built on is durable.
func (gc *groups) settled(ctx context.Context, at place) error {
	err := at.durable(ctx)
	if errors.Is(err, commitlog.ErrOffline) {
		gc.mu.Lock()
		gc.giveUp(err)
		gc.mu.Unlock()
	}
	return err
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
	g, now := gc.mu.all.Get(id, gc.config), gc.b.config.Now()
	gc.mu.ticket++
	gc.mu.waiting[gc.mu.ticket] = ch
	command(g, now, gc.mu.ticket)
	gc.finish(g, now)
	return ch
}

// on runs a command that is answered at once, on a group that is there.
func (gc *groups) on(id string, command func(g *group.Group, now time.Time) error) error {
	gc.mu.Lock()
	defer gc.mu.Unlock()
	if err := gc.load(); err != nil {
		return err
	}
	g, now := gc.mu.all[id], gc.b.config.Now()
	if g == nil {
		return kerr.UnknownMemberID
	}
	err := command(g, now)
	gc.finish(g, now)
	return err
}

// finish does what a command led to.
func (gc *groups) finish(g *group.Group, now time.Time) {
	ready := g.Take()
	var at place
	if len(ready.Records) > 0 || len(ready.Replies) > 0 && gc.b.meta.Topic(offsetsTopic) != nil {
		log, _, err := gc.b.stateLog(offsetsTopic, g.ID)
		if err == nil && len(ready.Records) > 0 {
			_, err = gc.append(log, ready.Records, now, -1, -1)
		}
		if err != nil {
			gc.giveUp(err)
			return
		}
		at = endOf(log)
	}
	for _, r := range ready.Replies {
		if ch := gc.mu.waiting[r.Ticket]; ch != nil {
			ch <- groupReply{Reply: r, at: at}
			delete(gc.mu.waiting, r.Ticket)
		}
	}
	if g.Unused() {
		delete(gc.mu.all, g.ID)
	}
	gc.arm(g, now)
}

// arm sets the group's timer.
func (gc *groups) arm(g *group.Group, now time.Time) {
	if t := gc.mu.timers[g.ID]; t != nil {
		t.Stop()
		delete(gc.mu.timers, g.ID)
	}
	next := g.Next()
	if next.IsZero() {
		return
	}
	gc.mu.timers[g.ID] = time.AfterFunc(max(next.Sub(now), time.Millisecond), func() {
		gc.on(g.ID, func(g *group.Group, now time.Time) error {
			g.Tick(now)
			return nil
		})
	})
}

// append writes records as one batch, of a transaction if there is a producer.
func (gc *groups) append(log *commitlog.Log, records []group.Record, now time.Time, pid int64, epoch int16) (first int64, err error) {
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
	info, err := log.Append(b.Bytes(), origin, leaderEpoch)
	return info.FirstOffset, err
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
