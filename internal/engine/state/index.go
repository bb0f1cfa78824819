package state

import "slices"

// index finds row ids by the hash of their key: open addressing with linear
// probing, in slices of integers. A slot is the hash in the upper half and id+1 in
// the lower; 0 is empty. What lies at a slot is a candidate: the caller compares
// keys, and goes on probing where they differ.
//
// Deletion shifts the following slots back instead of leaving marks, so that a
// table whose rows come and go (windows) never fills with marks.
//
// One slice would have to be made anew as it fills, which takes seconds with fifty
// million rows. So the slots are parted into segments of bounded size by the upper
// bits of the hash (extendible hashing): a segment that is full is split in two,
// and dir, which may have several entries for a segment, doubles when it must. How
// full a segment may get differs from one to the next, for otherwise all of them
// would be full at the same time.
type index struct {
	dir   []*segment // by the upper bits of the hash
	shift uint       // 32 less the bits that dir goes by
	used  int
}

type segment struct {
	slots []uint64
	used  int
	full  int  // entries from which on it grows
	depth uint // bits of the hash that all its entries agree in
}

const (
	minSlots     = 16
	segmentSlots = 1 << 14
	// maxDepth bounds dir; segments beyond it double instead of being split.
	maxDepth = 18
)

func slotOf(h uint32, id int32) uint64 { return uint64(h)<<32 | uint64(uint32(id)+1) }
func slotHash(s uint64) uint32         { return uint32(s >> 32) }
func slotID(s uint64) int32            { return int32(uint32(s)) - 1 }

func newSegment(slots int, depth uint, number uint32) *segment {
	s := &segment{slots: make([]uint64, slots), depth: depth}
	if s.full = slots * 2 / 3; slots >= segmentSlots {
		s.full = slots/2 + slots/32*int(number*0x9E3779B1>>29) // to 72 %
	}
	return s
}

// of is the segment of a hash; there is one.
func (x *index) of(h uint32) *segment { return x.dir[h>>x.shift] }

// probe walks over the candidates of a hash: it returns the next one's id and
// the place to go on from, or -1. The index is not empty.
func (x *index) probe(h, pos uint32) (id int32, next uint32) {
	slots := x.of(h).slots
	mask := uint32(len(slots) - 1)
	for {
		s := slots[pos&mask]
		if s == 0 {
			return -1, pos
		}
		pos++
		if slotHash(s) == h {
			return slotID(s), pos
		}
	}
}

// find is the first candidate of a hash, or -1.
func (x *index) find(h uint32) int32 {
	if x.used == 0 {
		return -1
	}
	id, _ := x.probe(h, h)
	return id
}

// insert adds an entry, of which there is none yet.
func (x *index) insert(h uint32, id int32) {
	if x.dir == nil {
		x.dir, x.shift = []*segment{newSegment(minSlots, 0, 0)}, 32
	}
	s := x.of(h)
	for s.used >= s.full {
		x.grow(s, h)
		s = x.of(h)
	}
	s.put(slotOf(h, id))
	x.used++
}

func (s *segment) put(slot uint64) {
	mask := uint32(len(s.slots) - 1)
	pos := slotHash(slot) & mask
	for s.slots[pos] != 0 {
		pos = (pos + 1) & mask
	}
	s.slots[pos] = slot
	s.used++
}

// grow makes room in the segment of h.
func (x *index) grow(s *segment, h uint32) {
	if len(s.slots) < segmentSlots || s.depth == maxDepth {
		next := newSegment(2*len(s.slots), s.depth, 0)
		next.full = len(next.slots) * 2 / 3
		if len(next.slots) == segmentSlots {
			next.full = newSegment(segmentSlots, 0, x.number(h, s.depth)).full
		}
		s.move(func(uint32) *segment { return next })
		x.place(h, s.depth, next)
		return
	}
	if 32-x.shift == s.depth {
		x.double()
	}
	depth := s.depth + 1
	low := newSegment(len(s.slots), depth, x.number(h, s.depth)<<1)
	high := newSegment(len(s.slots), depth, x.number(h, s.depth)<<1|1)
	bit := uint32(1) << (32 - depth)
	s.move(func(hash uint32) *segment {
		if hash&bit != 0 {
			return high
		}
		return low
	})
	x.place(h&^bit, depth, low)
	x.place(h|bit, depth, high)
}

// number is the first depth bits of a hash.
func (x *index) number(h uint32, depth uint) uint32 { return uint32(uint64(h) >> (32 - depth)) }

func (s *segment) move(to func(hash uint32) *segment) {
	for _, slot := range s.slots {
		if slot != 0 {
			to(slotHash(slot)).put(slot)
		}
	}
}

// double gives each segment twice the entries in dir.
func (x *index) double() {
	dir := make([]*segment, 2*len(x.dir))
	for i, s := range x.dir {
		dir[2*i], dir[2*i+1] = s, s
	}
	x.dir = dir
	x.shift--
}

// place makes s the segment of all hashes that agree with h in the first depth bits.
func (x *index) place(h uint32, depth uint, s *segment) {
	width := 32 - x.shift - depth // bits of dir that s does not tell apart
	from := x.number(h, depth) << width
	for i := range uint32(1) << width {
		x.dir[from+i] = s
	}
}

// at is the segment of an entry that is there, and its position.
func (x *index) at(h uint32, id int32) (*segment, uint32) {
	s := x.of(h)
	mask := uint32(len(s.slots) - 1)
	want := slotOf(h, id)
	pos := h & mask
	for s.slots[pos] != want {
		pos = (pos + 1) & mask
	}
	return s, pos
}

// replace gives an entry another id.
func (x *index) replace(h uint32, old, id int32) {
	s, pos := x.at(h, old)
	s.slots[pos] = slotOf(h, id)
}

// remove takes an entry out.
func (x *index) remove(h uint32, id int32) {
	s, hole := x.at(h, id)
	mask := uint32(len(s.slots) - 1)
	for pos := (hole + 1) & mask; s.slots[pos] != 0; pos = (pos + 1) & mask {
		home := slotHash(s.slots[pos]) & mask
		// The entry may move back to the hole unless its home lies after it.
		if (pos-home)&mask >= (pos-hole)&mask {
			s.slots[hole] = s.slots[pos]
			hole = pos
		}
	}
	s.slots[hole] = 0
	s.used--
	x.used--
}

// segments are all segments, once each.
func (x *index) segments() []*segment { return slices.Compact(slices.Clone(x.dir)) }

// clear takes all entries out.
func (x *index) clear() {
	for i, s := range x.dir {
		if i == 0 || x.dir[i-1] != s {
			clear(s.slots)
			s.used = 0
		}
	}
	x.used = 0
}

func (x *index) memBytes() int64 {
	n := int64(len(x.dir)) * 8
	for i, s := range x.dir {
		if i == 0 || x.dir[i-1] != s {
			n += int64(len(s.slots)) * 8
		}
	}
	return n
}
