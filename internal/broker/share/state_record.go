package share

import (
	"encoding/binary"
	"errors"

	"github.com/twmb/franz-go/pkg/kbin"
)

// The keys of __share_group_state; their fields are the same.
//
//	kind 2 | group 2 + n | topic id 16 | partition 4
const (
	keySnapshot = 0
	keyUpdate   = 1
)

func (k Key) append(kind int16) []byte {
	b := kbin.AppendString(kbin.AppendInt16(nil, kind), k.Group)
	return kbin.AppendInt32(kbin.AppendUuid(b, k.Topic), k.Partition)
}

func (s *State) record(k Key) Record {
	v := kbin.AppendInt16(nil, 0)
	for _, epoch := range []int32{s.SnapshotEpoch, s.StateEpoch, s.LeaderEpoch} {
		v = kbin.AppendInt32(v, epoch)
	}
	v = kbin.AppendInt64(kbin.AppendInt64(kbin.AppendInt64(v, s.Start), s.Created), s.Written)
	return Record{k.append(keySnapshot), appendComplete(appendBatches(v, s.Batches), s.Complete)}
}

func (u *Update) record(k Key) Record {
	v := kbin.AppendInt32(kbin.AppendInt32(kbin.AppendInt16(nil, 0), u.SnapshotEpoch), u.LeaderEpoch)
	v = kbin.AppendInt64(v, u.Start)
	return Record{k.append(keyUpdate), appendComplete(appendBatches(v, u.Batches), u.Complete)}
}

func appendBatches(v []byte, list []StateBatch) []byte {
	v = kbin.AppendCompactArrayLen(v, len(list))
	for _, b := range list {
		v = kbin.AppendInt64(kbin.AppendInt64(v, b.First), b.Last)
		v = append(kbin.AppendInt16(kbin.AppendInt8(v, int8(b.State)), b.Count), 0)
	}
	return v
}

// appendComplete is the tag of KIP-1226; its default is not written.
func appendComplete(v []byte, n int32) []byte {
	if n == -1 {
		return append(v, 0)
	}
	return kbin.AppendInt32(append(v, 1, 0, 4), n)
}

// Tombstone is the record that forgets a state.
func Tombstone(k Key) Record { return Record{Key: k.append(keySnapshot)} }

// Replay applies a record of __share_group_state that is at an offset of its partition, and says of which share partition it is.
func (ss States) Replay(key, value []byte, at int64) (Key, error) {
	r := &reader{kbin.Reader{Src: key}}
	kind := r.Int16()
	k := Key{Group: r.String(), Topic: r.Uuid(), Partition: r.Int32()}
	if !r.Ok() || kind != keySnapshot && kind != keyUpdate {
		return k, ErrRecord
	}
	if value == nil {
		delete(ss, k)
		return k, nil
	}
	if len(value) < 2 || binary.BigEndian.Uint16(value) != 0 {
		return k, errors.Join(ErrRecord, errors.New("a version of a later Kafka"))
	}
	v := &reader{kbin.Reader{Src: value[2:]}}
	if kind == keySnapshot {
		s := &stored{at: at, State: State{SnapshotEpoch: v.Int32(), StateEpoch: v.Int32(), LeaderEpoch: v.Int32(), Start: v.Int64(),
			Created: v.Int64(), Written: v.Int64(), Batches: v.batches()}}
		s.Complete = v.complete()
		if !v.Ok() {
			return k, ErrRecord
		}
		s.Batches = combine(nil, s.Batches, s.Start)
		ss[k] = s
		return k, nil
	}
	u := Update{SnapshotEpoch: v.Int32(), LeaderEpoch: v.Int32(), Start: v.Int64(), Batches: v.batches()}
	u.Complete = v.complete()
	if !v.Ok() {
		return k, ErrRecord
	}
	s := ss[k]
	if s == nil {
		s = &stored{at: at, State: State{SnapshotEpoch: u.SnapshotEpoch, Start: -1, Complete: -1}}
		ss[k] = s
	}
	s.merge(&u)
	s.updates++
	return k, nil
}

func (r *reader) batches() (list []StateBatch) {
	for n := r.length(20); n > 0 && r.Ok(); n-- {
		b := StateBatch{First: r.Int64(), Last: r.Int64(), State: RecordState(r.Int8()), Count: r.Int16()}
		if r.tags(nil); b.First < 0 || b.Last < b.First {
			r.Span(len(r.Src) + 1)
		}
		list = append(list, b)
	}
	return list
}

func (r *reader) complete() int32 {
	n := int32(-1)
	r.tags(func(tag uint32, body *reader) {
		if tag == 0 {
			n = body.Int32()
		}
	})
	return n
}
