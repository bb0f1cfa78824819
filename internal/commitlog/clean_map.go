package commitlog

import (
	"hash/maphash"
	"math"
)

// offsetMap knows the newest offset of each key of the dirty part of a log. It does not keep the keys but 128 bits of hash of them,
// under seeds of this process: two keys that share a hash would cost a record, and with a hash that anybody can compute somebody
// could look for such keys. It does not grow: its size bounds what one cleaning looks at, and the rest is left for the next.
//
// Entries are never removed, so that a search by linear probing ends at the first free slot. A free slot has offset 0, offsets are
// kept plus one.
type offsetMap struct {
	slots []mapSlot
	seeds [2]maphash.Seed
	n     int
	limit int
	// latest is the newest offset of which the map knows all: of records that were put, and of those that have no part in it.
	latest int64
}

type mapSlot struct{ hi, lo, next uint64 }

const mapSlotSize = 24

// newOffsetMap makes a map for a budget of bytes, filled to at most a share of it. Records is the most that could be put.
func newOffsetMap(budget int64, load float64, records int64) *offsetMap {
	slots := max(budget/mapSlotSize, 2)
	if need := float64(records)/load + 2; need < float64(slots) {
		slots = int64(math.Ceil(need))
	}
	return &offsetMap{
		slots:  make([]mapSlot, slots),
		seeds:  [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()},
		limit:  min(max(int(float64(slots)*load), 1), int(slots)-1),
		latest: -1,
	}
}

// find gives the slot of a key, or the free one where it would go.
func (m *offsetMap) find(key []byte) (slot *mapSlot, hi, lo uint64) {
	hi, lo = maphash.Bytes(m.seeds[0], key), maphash.Bytes(m.seeds[1], key)
	for i := hi % uint64(len(m.slots)); ; {
		s := &m.slots[i]
		if s.next == 0 || s.hi == hi && s.lo == lo {
			return s, hi, lo
		}
		if i++; i == uint64(len(m.slots)) {
			i = 0
		}
	}
}

// put notes that a key has a record; false if the map is full, whether or not it knows the key, as in Kafka.
func (m *offsetMap) put(key []byte, offset int64) bool {
	if m.n >= m.limit {
		return false
	}
	s, hi, lo := m.find(key)
	if s.next == 0 {
		m.n++
	}
	*s = mapSlot{hi, lo, uint64(offset) + 1}
	m.latest = offset
	return true
}

// get is the newest offset of a key, -1 if there is none.
func (m *offsetMap) get(key []byte) int64 {
	s, _, _ := m.find(key)
	return int64(s.next) - 1
}

// pass says that there is nothing more to put up to an offset.
func (m *offsetMap) pass(offset int64) { m.latest = max(m.latest, offset) }
