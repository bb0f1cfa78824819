package metadata

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// The metadata log is the partition __cluster_metadata-0. The value of each of its records is one change; keys are null.
//
//	+--------+-----------+---------------------------+
//	| kind 1 | version 1 | fields …                  |
//	+--------+-----------+---------------------------+
//
//	string: length uvarint, bytes      strings: count uvarint, then (name string, value string) in order of names
//
//	1 topic        v0  id 16 · name string · partitions uvarint · created (ms) uvarint · configs strings
//	2 deleted      v0  id 16
//	3 partitions   v0  id 16 · partitions uvarint
//	4 topic config v0  id 16 · configs strings: all that are set, replacing what was
//	5 broker config v0 configs strings: all that are set, replacing what was
//	6 producer ids v0  next uvarint: every smaller producer id may have been handed out
//	7 snapshot     v0  what follows in this batch is the whole state: forget what came before
//	8 identity     v0  cluster id string · directory id string · node id uvarint: what meta.properties says
//	9 gone         v0  id 16 · name string: a topic that was deleted, in a snapshot
//	16 resource    v0  kind uvarint (Kafka's numbers) · name string · configs strings: all that are set, replacing what was
//	17 quota       v0  entity strings · limits strings: all that are set, replacing what was
//	32 to 35       users and ACLs: record_auth.go
//
// A record batch is atomic: its checksum covers all of it. So changes that belong together share one, a snapshot too. A kind or a
// version that is not known here was written by a newer millrace, and the log is refused rather than half understood.
const (
	kindTopic        = 1
	kindDeleted      = 2
	kindPartitions   = 3
	kindTopicConfig  = 4
	kindBrokerConfig = 5
	kindProducerIDs  = 6
	kindSnapshot     = 7
	kindIdentity     = 8
	kindGone         = 9
	kindResource     = 16
	kindQuota        = 17
)

// record is one change of the state.
type record interface {
	appendTo(dst []byte) []byte
}

type topicRecord struct {
	id         UUID
	name       string
	partitions int32
	created    int64
	configs    map[string]string
}

type deletedRecord struct{ id UUID }

type partitionsRecord struct {
	id         UUID
	partitions int32
}

type topicConfigRecord struct {
	id      UUID
	configs map[string]string
}

type brokerConfigRecord struct{ configs map[string]string }

type producerIDsRecord struct{ next int64 }

type snapshotRecord struct{}

type identityRecord struct{ Identity }

type goneRecord struct {
	id   UUID
	name string
}

type resourceRecord struct {
	resource Resource
	configs  map[string]string
}

type quotaRecord struct{ entity, limits map[string]string }

func (r topicRecord) appendTo(dst []byte) []byte {
	dst = append(dst, kindTopic, 0)
	dst = append(dst, r.id[:]...)
	dst = appendString(dst, r.name)
	dst = binary.AppendUvarint(dst, uint64(r.partitions))
	dst = binary.AppendUvarint(dst, uint64(r.created))
	return appendStrings(dst, r.configs)
}

func (r deletedRecord) appendTo(dst []byte) []byte {
	return append(append(dst, kindDeleted, 0), r.id[:]...)
}

func (r partitionsRecord) appendTo(dst []byte) []byte {
	dst = append(append(dst, kindPartitions, 0), r.id[:]...)
	return binary.AppendUvarint(dst, uint64(r.partitions))
}

func (r topicConfigRecord) appendTo(dst []byte) []byte {
	dst = append(append(dst, kindTopicConfig, 0), r.id[:]...)
	return appendStrings(dst, r.configs)
}

func (r brokerConfigRecord) appendTo(dst []byte) []byte {
	return appendStrings(append(dst, kindBrokerConfig, 0), r.configs)
}

func (r producerIDsRecord) appendTo(dst []byte) []byte {
	return binary.AppendUvarint(append(dst, kindProducerIDs, 0), uint64(r.next))
}

func (snapshotRecord) appendTo(dst []byte) []byte { return append(dst, kindSnapshot, 0) }

func (r identityRecord) appendTo(dst []byte) []byte {
	dst = appendString(appendString(append(dst, kindIdentity, 0), r.ClusterID), r.DirectoryID)
	return binary.AppendUvarint(dst, uint64(uint32(r.NodeID)))
}

func (r goneRecord) appendTo(dst []byte) []byte {
	dst = append(append(dst, kindGone, 0), r.id[:]...)
	return appendString(dst, r.name)
}

func (r resourceRecord) appendTo(dst []byte) []byte {
	dst = binary.AppendUvarint(append(dst, kindResource, 0), uint64(r.resource.Kind))
	return appendStrings(appendString(dst, r.resource.Name), r.configs)
}

func (r quotaRecord) appendTo(dst []byte) []byte {
	return appendStrings(appendStrings(append(dst, kindQuota, 0), r.entity), r.limits)
}

func appendString(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func appendStrings(dst []byte, m map[string]string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(m)))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		dst = appendString(appendString(dst, k), m[k])
	}
	return dst
}

var errShortRecord = errors.New("metadata record is cut off")

// decodeRecord reads what appendTo wrote.
func decodeRecord(b []byte) (record, error) {
	if len(b) < 2 {
		return nil, errShortRecord
	}
	kind, version := b[0], b[1]
	newer := fmt.Errorf("metadata record of kind %d version %d: written by a newer millrace", kind, version)
	if version != 0 {
		return nil, newer
	}
	d := &decoder{b: b[2:]}
	var r record
	switch kind {
	case kindTopic:
		r = topicRecord{d.uuid(), d.string(), d.int32(), d.int64(), d.strings()}
	case kindDeleted:
		r = deletedRecord{d.uuid()}
	case kindPartitions:
		r = partitionsRecord{d.uuid(), d.int32()}
	case kindTopicConfig:
		r = topicConfigRecord{d.uuid(), d.strings()}
	case kindBrokerConfig:
		r = brokerConfigRecord{d.strings()}
	case kindProducerIDs:
		r = producerIDsRecord{d.int64()}
	case kindSnapshot:
		r = snapshotRecord{}
	case kindIdentity:
		r = identityRecord{Identity{ClusterID: d.string(), DirectoryID: d.string(), NodeID: d.int32()}}
	case kindGone:
		r = goneRecord{d.uuid(), d.string()}
	case kindResource:
		r = resourceRecord{Resource{kmsg.ConfigResourceType(d.int32()), d.string()}, d.strings()}
	case kindQuota:
		r = quotaRecord{d.strings(), d.strings()}
	default:
		if r = decodeAuth(kind, d); r == nil {
			return nil, newer
		}
	}
	if d.bad {
		return nil, errShortRecord
	}
	return r, nil
}

// decoder reads fields off the front; after one that is not there it is bad and stays so.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) take(n uint64) []byte {
	if n > uint64(len(d.b)) {
		d.b, d.bad = nil, true
		return nil
	}
	out := d.b[:n]
	d.b = d.b[n:]
	return out
}

func (d *decoder) uuid() (u UUID) {
	copy(u[:], d.take(uint64(len(u))))
	return u
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.b, d.bad = nil, true
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) int64() int64   { return int64(d.uvarint()) }
func (d *decoder) int32() int32   { return int32(d.uvarint()) }
func (d *decoder) string() string { return string(d.take(d.uvarint())) }

func (d *decoder) strings() map[string]string {
	n := d.uvarint()
	if n > uint64(len(d.b)) {
		d.bad = true
		return nil
	}
	m := make(map[string]string, n)
	for range n {
		k := d.string()
		m[k] = d.string()
	}
	return m
}
