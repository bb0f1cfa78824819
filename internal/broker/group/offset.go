package group

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// The versions of records are those that Kafka 4 writes.
const (
	offsetKeyVersion   = 1
	offsetValueVersion = 3
	groupKeyVersion    = 2
	groupValueVersion  = 3
)

// Partition names a partition.
type Partition struct {
	Topic     string
	Partition int32
}

// Offset is a committed offset.
type Offset struct {
	At          int64
	LeaderEpoch int32
	Metadata    string
	Time        int64 // ms since 1970
	record      int64 // where it is in the log: of two, the later one counts, not the one whose transaction ends later
}

// Committer says on whose behalf offsets are committed.
type Committer struct {
	MemberID   string
	InstanceID *string
	Generation int32
	InTxn      bool
	// Checks says that the client understands the errors of KIP-848 (OffsetCommit v9).
	Checks bool
	// Partitions are those that it commits for, which decide whether an older epoch of a member will do.
	Partitions []Partition
}

// Check says whether the committer may commit now. One without a generation, such as a tool or a consumer that assigns itself, may
// if the group has no members.
func (g *Group) Check(now time.Time, by Committer) *kerr.Error {
	if g.share != nil {
		return kerr.GroupIDNotFound
	}
	if g.modern != nil {
		return g.checkModern(&by)
	}
	if by.Generation < 0 && (g.State == Empty || by.InTxn && by.MemberID == "" && by.InstanceID == nil) {
		return nil
	}
	if g.State == Empty && len(g.members) == 0 && g.Generation == 0 {
		return kerr.IllegalGeneration // nobody ever joined
	}
	m, err := g.current(by.MemberID, by.InstanceID, by.Generation)
	if err != nil {
		return err
	}
	if by.InTxn {
		return nil
	}
	m.alive(now)
	if g.State == CompletingRebalance {
		return kerr.RebalanceInProgress
	}
	return nil
}

// OffsetRecord is what must be in the log before Apply makes it so.
func OffsetRecord(group string, p Partition, o Offset) Record {
	key := kmsg.OffsetCommitKey{Version: offsetKeyVersion, Group: group, Topic: p.Topic, Partition: p.Partition}
	v := kmsg.NewOffsetCommitValue()
	v.Version, v.Offset, v.LeaderEpoch, v.Metadata, v.CommitTimestamp = offsetValueVersion, o.At, o.LeaderEpoch, o.Metadata, o.Time
	return Record{key.AppendTo(nil), v.AppendTo(nil)}
}

// Tombstones are the records that forget offsets; with all, the group too.
func (g *Group) Tombstones(match func(Partition) bool, all bool) (out []Record) {
	for p := range g.offsets {
		if match == nil || match(p) {
			key := kmsg.OffsetCommitKey{Version: offsetKeyVersion, Group: g.ID, Topic: p.Topic, Partition: p.Partition}
			out = append(out, Record{Key: key.AppendTo(nil)})
		}
	}
	if all && g.share != nil {
		out = append(out, shareRecords(g.share.Tombstones())...)
	} else if all && g.modern != nil {
		out = append(out, g.buryModern()...)
	} else if all {
		key := kmsg.GroupMetadataKey{Version: groupKeyVersion, Group: g.ID}
		out = append(out, Record{Key: key.AppendTo(nil)})
	}
	return out
}

// Commit applies an offset whose record is at a place in the log; with a producer id, when its transaction commits.
func (g *Group) Commit(p Partition, o Offset, at, producerID int64) {
	o.record = at
	if producerID < 0 {
		g.offsets[p] = o
		return
	}
	if g.inTxn[producerID] == nil {
		g.inTxn[producerID] = map[Partition]Offset{}
	}
	g.inTxn[producerID][p] = o
}

// Forget drops a committed offset.
func (g *Group) Forget(p Partition) { delete(g.offsets, p) }

// EndTxn decides the offsets of a producer's transaction.
func (g *Group) EndTxn(producerID int64, commit bool) {
	for p, o := range g.inTxn[producerID] {
		if old, ok := g.offsets[p]; commit && (!ok || old.record < o.record) {
			g.offsets[p] = o
		}
	}
	delete(g.inTxn, producerID)
}

// Committed is the committed offset of a partition.
func (g *Group) Committed(p Partition) (Offset, bool) {
	o, ok := g.offsets[p]
	return o, ok
}

// Offsets are all committed offsets.
func (g *Group) Offsets() map[Partition]Offset { return g.offsets }

// Unstable says that an open transaction has an offset for the partition (KIP-447).
func (g *Group) Unstable(p Partition) bool {
	for _, offsets := range g.inTxn {
		if _, ok := offsets[p]; ok {
			return true
		}
	}
	return false
}

// Subscribes says whether a member of a consumer group reads a topic, as far as its subscription can be read.
func (g *Group) Subscribes(topic string) bool {
	if g.share != nil {
		return g.share.Subscribes(topic)
	}
	if g.modern != nil {
		return g.modern.subscribes(topic)
	}
	for _, m := range g.members {
		var sub kmsg.ConsumerMemberMetadata
		if sub.ReadFrom(m.subscription(g.Protocol)) != nil {
			return true
		}
		for _, t := range sub.Topics {
			if t == topic {
				return true
			}
		}
	}
	return false
}
