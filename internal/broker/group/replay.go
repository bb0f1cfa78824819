package group

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/share"
)

// ErrRecord is a record of __consumer_offsets that cannot be read.
var ErrRecord = errors.New("malformed record of a consumer group")

// Groups are the groups of a node, by id.
type Groups map[string]*Group

// Get finds a group, and makes it if it is not there.
func (gs Groups) Get(id string, config Config) *Group {
	g := gs[id]
	if g == nil {
		g = New(id, config)
		gs[id] = g
	}
	return g
}

// EndTxn decides the offsets of a producer's transaction in the groups that a test selects.
func (gs Groups) EndTxn(producerID int64, commit bool, selected func(group string) bool) {
	for id, g := range gs {
		if len(g.inTxn) > 0 && selected(id) {
			g.EndTxn(producerID, commit)
		}
	}
}

// Loaded is called when all records have been replayed: members of groups of the consumer protocol have their sessions to come forward.
func (gs Groups) Loaded(now time.Time) {
	for id, g := range gs {
		g.loaded(now)
		if g.Unused() {
			delete(gs, id)
		}
	}
}

// Replay applies a record read from the log. Records of kinds that are not known are passed over, such as those of Kafka Streams' groups.
func (gs Groups) Replay(config Config, now time.Time, key, value []byte, at, producerID int64) error {
	if len(key) < 2 {
		return ErrRecord
	}
	kind := binary.BigEndian.Uint16(key)
	if share.IsGroupKey(kind) {
		return gs.replayShare(config, key, value)
	}
	switch kind {
	case 0, offsetKeyVersion:
		return gs.replayOffset(config, key, value, at, producerID)
	case groupKeyVersion:
		var k kmsg.GroupMetadataKey
		if err := k.ReadFrom(key); err != nil {
			return errors.Join(ErrRecord, err)
		}
		if value == nil {
			if g := gs[k.Group]; g != nil { // offsets have tombstones of their own: a group that changes its protocol keeps them
				g.clearClassic()
			}
			return nil
		}
		v := kmsg.NewGroupMetadataValue()
		if err := v.ReadFrom(value); err != nil {
			return errors.Join(ErrRecord, err)
		}
		gs.Get(k.Group, config).restore(&v, now)
	case keyEpoch, keyMember, keyTargetEpoch, keyTarget, keyCurrent, keyPattern:
		id, c, err := decodeChange(key, value)
		if err != nil {
			return err
		}
		gs.Get(id, config).apply(&c)
	}
	return nil
}

func (gs Groups) replayOffset(config Config, key, value []byte, at, producerID int64) error {
	var k kmsg.OffsetCommitKey
	if err := k.ReadFrom(key); err != nil {
		return errors.Join(ErrRecord, err)
	}
	p := Partition{k.Topic, k.Partition}
	if value == nil {
		if g := gs[k.Group]; g != nil {
			g.Forget(p)
		}
		return nil
	}
	v := kmsg.NewOffsetCommitValue()
	if err := v.ReadFrom(value); err != nil {
		return errors.Join(ErrRecord, err)
	}
	o := Offset{At: v.Offset, LeaderEpoch: v.LeaderEpoch, Metadata: v.Metadata, Time: v.CommitTimestamp}
	gs.Get(k.Group, config).Commit(p, o, at, producerID)
	return nil
}
