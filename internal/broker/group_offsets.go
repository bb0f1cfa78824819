package broker

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/millrace/millrace/internal/broker/group"
	"github.com/millrace/millrace/internal/broker/metadata"
	"github.com/millrace/millrace/internal/broker/share"
)

// offsetToCommit is one partition of a commit, and what becomes of it.
type offsetToCommit struct {
	group.Partition
	group.Offset
	err error
}

// admitOffsets refuses the partitions that a commit may not name.
func (b *Broker) admitOffsets(offsets []offsetToCommit) {
	longest := int(b.meta.SettingInt("offset.metadata.max.bytes"))
	for i := range offsets {
		o := &offsets[i]
		if o.err != nil {
			continue
		}
		if t := b.meta.Topic(o.Topic); t == nil || o.Partition.Partition < 0 || o.Partition.Partition >= t.Partitions {
			o.err = kerr.UnknownTopicOrPartition
		} else if len(o.Metadata) > longest {
			o.err = kerr.OffsetMetadataTooLarge
		}
	}
}

// commit appends and applies offsets; with a producer, they count when its transaction commits. The answer must wait for the place.
func (gc *groups) commit(id string, by group.Committer, pid int64, epoch int16, offsets []offsetToCommit) (at place, err error) {
	gc.b.admitOffsets(offsets)
	gc.mu.Lock()
	defer gc.mu.Unlock()
	if err := gc.load(); err != nil {
		return at, err
	}
	now := gc.b.config.Now()
	if gc.state.all[id] == nil && by.Generation >= 0 && by.Checks {
		return at, kerr.GroupIDNotFound
	}
	g := gc.state.all.Get(id, gc.config)
	defer func() {
		if g.Unused() {
			delete(gc.state.all, id)
		}
	}()
	for i := range offsets {
		by.Partitions = append(by.Partitions, offsets[i].Partition)
	}
	if err := g.Check(now, by); err != nil {
		return at, err
	}
	var records []group.Record
	for i := range offsets {
		if o := &offsets[i]; o.err == nil {
			o.Time = now.UnixMilli()
			records = append(records, group.OffsetRecord(id, o.Partition, o.Offset))
		}
	}
	gc.armGroup(g, now)
	if len(records) == 0 {
		return at, nil
	}
	next, at, err := gc.append(id, records, now, pid, epoch)
	if err != nil {
		return at, err
	}
	for i := range offsets {
		if o := &offsets[i]; o.err == nil {
			g.Commit(o.Partition, o.Offset, next, pid)
			next++
		}
	}
	return at, nil
}

// endTxn writes a transaction's marker into a partition of __consumer_offsets, and decides its offsets.
func (gc *groups) endTxn(i int32, pid int64, epoch int16, commit bool, coordinator int32) (at place, err error) {
	gc.mu.Lock()
	defer gc.mu.Unlock()
	if err := gc.load(); err != nil {
		return at, err
	}
	log, err := gc.b.InternalPartition(offsetsTopic, i)
	if err != nil {
		return at, err
	}
	at.log = log
	if at.offset, err = log.AppendMarker(pid, epoch, commit, coordinator); err != nil {
		return at, err
	}
	gc.state.all.EndTxn(pid, commit, gc.inPartition(i))
	return at, nil
}

// look looks at a group, which is nil if it is not there. What was seen may be told when the place is durable.
func (gc *groups) look(id string, see func(*group.Group)) (at place, err error) {
	gc.mu.Lock()
	defer gc.mu.Unlock()
	if err := gc.load(); err != nil {
		return at, err
	}
	g := gc.state.all[id]
	if g != nil {
		if at, err = gc.end(id); err != nil {
			return at, err
		}
	}
	see(g)
	return at, nil
}

// drop writes tombstones for offsets that match, or for the whole group.
func (gc *groups) drop(g *group.Group, now time.Time, match func(group.Partition) bool, whole bool) (at place, err error) {
	records := g.Tombstones(match, whole)
	if len(records) > 0 {
		if _, at, err = gc.append(g.ID, records, now, -1, -1); err != nil {
			return at, err
		}
	}
	for p := range g.Offsets() {
		if match == nil || match(p) {
			g.Forget(p)
		}
	}
	if whole {
		delete(gc.state.all, g.ID)
	}
	return at, nil
}

// topicChanged forgets the offsets of a topic that is gone: another of its name begins at 0.
func (gc *groups) topicChanged(e metadata.Event) {
	if e.Old == nil || e.New != nil || e.Old.Internal() {
		return
	}
	gc.mu.Lock()
	defer gc.mu.Unlock()
	if gc.load() != nil {
		return
	}
	for _, g := range gc.state.all {
		if g.Share() != nil {
			_ = g.ShareDo(false, "", func(s *share.Group) error { s.Drop(e.Old.ID); return nil })
			if _, err := gc.finish(g, gc.b.config.Now()); err != nil {
				return
			}
			continue
		}
		match := func(p group.Partition) bool { return p.Topic == e.Old.Name }
		if _, err := gc.drop(g, gc.b.config.Now(), match, false); err != nil {
			gc.giveUp(err)
			return
		}
	}
}

// CommittedOffset is the offset that a group has committed for a partition.
func (b *Broker) CommittedOffset(id, topic string, partition int32) (offset int64, ok bool) {
	at, err := b.groups.look(id, func(g *group.Group) {
		if g != nil {
			var o group.Offset
			o, ok = g.Committed(group.Partition{Topic: topic, Partition: partition})
			offset = o.At
		}
	})
	if err != nil || b.groups.settled(b.ctx, at) != nil {
		return 0, false
	}
	return offset, ok
}
