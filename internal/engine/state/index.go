package state

// index finds row ids by the hash of their key: open addressing with linear
// probing, in one slice of integers. A slot is the hash in the upper half and
// id+1 in the lower; 0 is empty. What lies at a slot is a candidate: the caller
// compares keys, and goes on probing where they differ.
//
// Deletion shifts the following slots back instead of leaving marks, so that a
// table whose rows come and go (windows) never fills with marks.
type index struct {
	slots []uint64
	used  int
}

const minSlots = 16

func slotOf(h uint32, id int32) uint64 { return uint64(h)<<32 | uint64(uint32(id)+1) }
func slotHash(s uint64) uint32         { return uint32(s >> 32) }
func slotID(s uint64) int32            { return int32(uint32(s)) - 1 }

// probe walks over the candidates of a hash: it returns the next one's id and
// the place to go on from, or -1.
func (x *index) probe(h, pos uint32) (id int32, next uint32) {
	mask := uint32(len(x.slots) - 1)
	for {
		s := x.slots[pos&mask]
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
	if len(x.slots) == 0 {
		return -1
	}
	id, _ := x.probe(h, h)
	return id
}

// reserve makes room for n more entries.
func (x *index) reserve(n int) {
	want := len(x.slots)
	if want == 0 {
		want = minSlots
	}
	for (x.used+n)*3 > want*2 {
		want *= 2
	}
	if want == len(x.slots) {
		return
	}
	old := x.slots
	x.slots = make([]uint64, want)
	for _, s := range old {
		if s != 0 {
			x.put(s)
		}
	}
}

func (x *index) put(s uint64) {
	mask := uint32(len(x.slots) - 1)
	pos := slotHash(s) & mask
	for x.slots[pos] != 0 {
		pos = (pos + 1) & mask
	}
	x.slots[pos] = s
}

// insert adds an entry, of which there is none yet.
func (x *index) insert(h uint32, id int32) {
	x.reserve(1)
	x.put(slotOf(h, id))
	x.used++
}

// place is the position of an entry that is there.
func (x *index) place(h uint32, id int32) uint32 {
	mask := uint32(len(x.slots) - 1)
	want := slotOf(h, id)
	pos := h & mask
	for x.slots[pos] != want {
		pos = (pos + 1) & mask
	}
	return pos
}

// replace gives an entry another id.
func (x *index) replace(h uint32, old, id int32) {
	x.slots[x.place(h, old)] = slotOf(h, id)
}

// remove takes an entry out.
func (x *index) remove(h uint32, id int32) {
	mask := uint32(len(x.slots) - 1)
	hole := x.place(h, id)
	for pos := (hole + 1) & mask; x.slots[pos] != 0; pos = (pos + 1) & mask {
		home := slotHash(x.slots[pos]) & mask
		// The entry may move back to the hole unless its home lies after it.
		if (pos-home)&mask >= (pos-hole)&mask {
			x.slots[hole] = x.slots[pos]
			hole = pos
		}
	}
	x.slots[hole] = 0
	x.used--
}

// clear takes all entries out.
func (x *index) clear() {
	clear(x.slots)
	x.used = 0
}
