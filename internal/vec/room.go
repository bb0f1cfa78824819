package vec

import (
	"fmt"
	"runtime"
	"unsafe"
)

// Room is the memory of slices that grow without being copied. A slice of more than
// bigRows elements is moved, once, to address space of its own that is large enough
// for ever; the system gives it memory page by page as it is first written to. So a
// state of fifty million rows grows as smoothly as one of fifty, which append, which
// copies, does not: it would stop a step for as long as it takes to copy hundreds of
// megabytes. The garbage collector does not see this memory, nor count it.
//
// The memory goes back to the system when the Room is no longer reachable: whoever
// holds a slice of it must hold the Room too.
type Room struct{ maps *mappings }

type mappings struct{ list [][]byte }

// MaxRows is how many rows a table or column can have.
const MaxRows = 1<<31 - 1

// bigRows is where slices move to address space of their own.
const bigRows = 1 << 20

// Extend is s with zeros up to n elements, of which there will never be more than
// most.
func Extend[S ~[]T, T any](r *Room, s S, n, most int) S {
	if n <= cap(s) {
		old := len(s)
		if s = s[:max(n, old)]; old < n && !r.owns(unsafe.Pointer(unsafe.SliceData(s))) {
			clear(s[old:])
		}
		return s
	}
	var zero T
	if n > bigRows {
		if b := r.reserve(uint64(most) * uint64(unsafe.Sizeof(zero))); b != nil {
			out := unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), most)[:n]
			copy(out, s)
			return out
		}
	}
	out := make(S, n)
	copy(out, s)
	return out
}

// Smooth says that tables of this many rows grow without being copied, so that they
// may do it in small steps.
func Smooth(rows int) bool { return canReserve && rows > bigRows }

func (r *Room) owns(p unsafe.Pointer) bool {
	if r.maps == nil {
		return false
	}
	for _, b := range r.maps.list {
		if unsafe.Pointer(unsafe.SliceData(b)) == p {
			return true
		}
	}
	return false
}

// reserve is so many bytes of address space, or nil if the system has none.
func (r *Room) reserve(bytes uint64) []byte {
	if !canReserve {
		return nil
	}
	b := mapMemory(bytes)
	if b == nil {
		return nil
	}
	if r.maps == nil {
		r.maps = &mappings{}
		runtime.AddCleanup(r, func(m *mappings) {
			for _, b := range m.list {
				unmapMemory(b)
			}
		}, r.maps)
	}
	r.maps.list = append(r.maps.list, b)
	return b
}

// LimitError says that a job's state has outgrown what can be addressed. It comes as
// a panic, for nothing on the way to it can go on, and is shown as an error.
type LimitError struct{ What string }

func (e *LimitError) Error() string {
	return fmt.Sprintf("the state of one worker has %s; raise parallelism.default, so that more workers share it, or let rows expire (table.exec.state.ttl)", e.What)
}
