package vec

// arena holds the strings of a column. Chunks instead of one slice: growing moves
// nothing, so a large state does not stop a step for the time of copying it.
//
// A value that is overwritten by one no longer than itself stays where it is; else
// its bytes are dead. Once more than half of a large arena is dead, what lives is
// copied to new chunks.
type arena struct {
	chunks [][]byte
	live   int // bytes that a row refers to
	used   int // bytes handed out, live or dead
}

// span is where a value lies: the chunk's number above the chunkBits lower bits of
// off, which are the place in it. A span of length 0 lies nowhere.
type span struct{ off, len uint32 }

const (
	chunkBits  = 20
	chunkBytes = 1 << chunkBits
	// compactFrom is the size below which dead bytes are left alone.
	compactFrom = 4096
)

func (a *arena) get(s span) []byte {
	if s.len == 0 {
		return nil
	}
	at := s.off & (chunkBytes - 1)
	return a.chunks[s.off>>chunkBits][at : at+s.len : at+s.len]
}

// put stores b and gives its place; old is the place of what it replaces. b must
// not lie in the arena.
func (a *arena) put(old span, b []byte) span {
	a.live += len(b) - int(old.len)
	n := uint32(len(b))
	switch {
	case n == 0:
		return span{}
	case n <= old.len:
		s := span{old.off, n}
		copy(a.get(s), b)
		return s
	}
	a.used += len(b)
	last := len(a.chunks) - 1
	if last < 0 || len(a.chunks[last])+len(b) > chunkBytes {
		last++
		if last >= 1<<(32-chunkBits) {
			panic("vec: more than 4 GiB of text in one column of state")
		}
		// The first chunk grows as needed, so that small columns stay small; a
		// value longer than a chunk has one of its own.
		size := min(len(b), 64)
		if last > 0 {
			size = max(len(b), chunkBytes)
		}
		a.chunks = append(a.chunks, make([]byte, 0, size))
	}
	at := len(a.chunks[last])
	a.chunks[last] = append(a.chunks[last], b...)
	return span{uint32(last)<<chunkBits | uint32(at), n}
}

func (a *arena) free(s span) { a.live -= int(s.len) }

// wasteful says that it is time to compact.
func (a *arena) wasteful() bool { return a.used > compactFrom && a.live < a.used/2 }

// compact copies what refs refer to to new chunks.
func (a *arena) compact(refs []span) {
	var to arena
	for i, s := range refs {
		refs[i] = to.put(span{}, a.get(s))
	}
	*a = to
}

func (a *arena) size() int64 {
	n := 0
	for _, c := range a.chunks {
		n += cap(c)
	}
	return int64(n)
}
