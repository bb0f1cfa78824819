package json

import "encoding/binary"

// member is a name that an object had at some place the last time, as written, with
// its quotes and the colon, and which field it is (-1: none). The objects of a stream
// mostly have their members in one order, so that guessing from the last object needs
// two comparisons of words, where a lookup needs a scan and a hash.
type member struct {
	head, mask uint64 // the first 8 bytes; mask has the bits of those that count
	tail       uint64 // the last 8 bytes, of a name longer than 8
	n          int    // 0: nothing is known
	field      int
	raw        []byte
}

// guessBytes is how many bytes must follow for matches to be asked.
const guessBytes = 16

func (m *member) set(raw []byte, field int) {
	m.raw = append(m.raw[:0], raw...)
	m.n, m.field = len(raw), field
	m.mask = ^uint64(0)
	var b [8]byte
	copy(b[:], raw)
	m.head = binary.LittleEndian.Uint64(b[:])
	if m.n < 8 {
		m.mask = 1<<(8*uint(m.n)) - 1
	} else {
		m.tail = binary.LittleEndian.Uint64(raw[m.n-8:])
	}
}

// matches says whether s, of guessBytes bytes at least, begins with this member.
func (m *member) matches(s []byte) bool {
	if binary.LittleEndian.Uint64(s)&m.mask != m.head {
		return false
	}
	switch {
	case m.n <= 8:
		return m.n > 0
	case m.n <= guessBytes:
		return binary.LittleEndian.Uint64(s[m.n-8:]) == m.tail
	}
	return len(s) >= m.n && string(s[8:m.n]) == string(m.raw[8:])
}
