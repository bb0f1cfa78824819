package vec

// arena holds the strings of a column. Chunks instead of one slice: growing moves
// nothing, so a large state does not stop a step for the time of copying it.
//
// A value that is overwritten by one no longer than itself stays where it is; else
// its bytes are dead. A chunk in which nothing lives is given back. Once more than
// half of an arena is dead, its emptier chunks are cleared, a few rows with each
// change: what lives in them is moved to the chunk that is being filled.
type arena struct {
	chunks []chunk
	spare  []uint32 // numbers of chunks that were given back
	last   uint32   // the chunk that is being filled
	live   int      // bytes that a row refers to
	used   int      // bytes handed out, live or dead

	clearing bool
	next     int // the row to go on with
}

type chunk struct {
	b        []byte
	live     int
	clearing bool // what lives here is being moved
}

// span is where a value lies: the chunk's number above the chunkBits lower bits of
// off, which are the place in it, in units of 4 bytes. A span of length 0 lies
// nowhere.
type span struct{ off, len uint32 }

const (
	unit       = 4
	chunkBits  = 18
	chunkBytes = unit << chunkBits
	maxChunks  = 1 << (32 - chunkBits)
	// compactFrom is the size below which dead bytes are left alone.
	compactFrom = 4096
	// clearRows is how many rows are looked at with a change.
	clearRows = 64
	// smallRows is up to how many rows they are looked at all at once.
	smallRows = 4096
)

func (s span) chunk() uint32 { return s.off >> chunkBits }

func (a *arena) get(s span) []byte {
	if s.len == 0 {
		return nil
	}
	at := s.off & (1<<chunkBits - 1) * unit
	return a.chunks[s.chunk()].b[at : at+s.len : at+s.len]
}

// put stores b and gives its place; old is the place of what it replaces. b must
// not lie in the arena.
func (a *arena) put(old span, b []byte) span {
	n := uint32(len(b))
	if 0 < n && n <= old.len {
		s := span{old.off, n}
		copy(a.get(s), b)
		a.chunks[old.chunk()].live -= int(old.len - n)
		a.live -= int(old.len - n)
		return s
	}
	s := a.add(b)
	a.free(old)
	return s
}

func (a *arena) add(b []byte) span {
	if len(b) == 0 {
		return span{}
	}
	if len(a.chunks) == 0 {
		// The first chunk grows as needed, so that small columns stay small.
		a.chunks = append(a.chunks, chunk{b: make([]byte, 0, min(len(b), 64))})
	}
	c := &a.chunks[a.last]
	at := (len(c.b) + unit - 1) &^ (unit - 1)
	if at+len(b) > chunkBytes && at > 0 || c.clearing {
		full := a.last
		a.last = a.number()
		a.release(full)
		// A value longer than a chunk has one of its own.
		c, at = &a.chunks[a.last], 0
		c.b = make([]byte, 0, max(len(b), min(2*a.live, chunkBytes)))
	}
	a.used += at - len(c.b) + len(b)
	for len(c.b) < at {
		c.b = append(c.b, 0)
	}
	c.b = append(c.b, b...)
	c.live += len(b)
	a.live += len(b)
	return span{a.last<<chunkBits | uint32(at/unit), uint32(len(b))}
}

// number is that of a chunk that is not in use.
func (a *arena) number() uint32 {
	if k := len(a.spare); k > 0 {
		n := a.spare[k-1]
		a.spare = a.spare[:k-1]
		return n
	}
	if len(a.chunks) == maxChunks {
		panic(&LimitError{What: "16 GiB of text in one column"})
	}
	a.chunks = append(a.chunks, chunk{})
	return uint32(len(a.chunks) - 1)
}

func (a *arena) free(s span) {
	if s.len == 0 {
		return
	}
	a.live -= int(s.len)
	a.chunks[s.chunk()].live -= int(s.len)
	a.release(s.chunk())
}

// release gives a chunk back in which nothing lives.
func (a *arena) release(n uint32) {
	c := &a.chunks[n]
	if c.live > 0 || c.b == nil {
		return
	}
	a.used -= len(c.b)
	if n == a.last {
		*c = chunk{b: c.b[:0]} // it goes on being filled
		return
	}
	*c = chunk{}
	a.spare = append(a.spare, n)
}

// tidy goes on clearing chunks, or begins to if it is time.
func (a *arena) tidy(refs []span) {
	if !a.clearing {
		if a.used <= compactFrom || a.live >= a.used/2 {
			return
		}
		a.clearing, a.next = true, 0
		for i := range a.chunks {
			c := &a.chunks[i]
			c.clearing = c.b != nil && c.live < len(c.b)*3/4
		}
	}
	end := min(a.next+clearRows, len(refs))
	if len(refs) <= smallRows && a.used <= chunkBytes/16 {
		end = len(refs)
	}
	for ; a.next < end; a.next++ {
		if s := refs[a.next]; s.len > 0 && a.chunks[s.chunk()].clearing {
			refs[a.next] = a.add(a.get(s))
			a.free(s)
		}
	}
	if a.next < len(refs) {
		return
	}
	a.clearing = false
	for i := range a.chunks {
		a.chunks[i].clearing = false
	}
}

func (a *arena) size() int64 {
	n := 0
	for _, c := range a.chunks {
		n += cap(c.b)
	}
	return int64(n)
}
