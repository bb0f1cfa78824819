package operator

// seen maps the ids of a batch to small numbers for a moment. It is as large as the
// batch and not as the state, whose ids go into the millions: a hash table in one
// slice, in which entries of earlier batches are known by their round.
type seen struct {
	slots []seenSlot
	round uint32
}

type seenSlot struct {
	round uint32
	id    int32
	val   int32
}

// begin forgets all, and makes room for so many ids.
func (s *seen) begin(ids []int32) {
	want := 64
	for want < 2*len(ids) {
		want *= 2
	}
	if want > len(s.slots) {
		s.slots, s.round = make([]seenSlot, want), 0
	}
	if s.round++; s.round == 0 {
		clear(s.slots)
		s.round = 1
	}
}

// at is where an id is, or where it would be put.
func (s *seen) at(id int32) *seenSlot {
	mask := uint32(len(s.slots) - 1)
	for pos := uint32(id) * 0x9E3779B1 >> 7; ; pos++ {
		if e := &s.slots[pos&mask]; e.round != s.round || e.id == id {
			return e
		}
	}
}

func (s *seen) get(id int32) (int32, bool) {
	e := s.at(id)
	if e.round != s.round {
		return 0, false
	}
	return e.val, true
}

func (s *seen) put(id, v int32) { *s.at(id) = seenSlot{round: s.round, id: id, val: v} }
