package vec

import (
	"runtime"
	"testing"
	"unsafe"

	"github.com/millrace/millrace/internal/types"
)

// TestExtend: a slice that has grown large grows on in its place, with zeros; one of
// another Room is another one's.
func TestExtend(t *testing.T) {
	var r, other Room
	s := Extend(&r, []int64{1, 2, 3}, 10, MaxRows)
	if len(s) != 10 || s[2] != 3 || s[9] != 0 {
		t.Fatal(s)
	}
	big := Extend(&r, s, bigRows+1, MaxRows)
	big[bigRows] = 7
	more := Extend(&r, big, 2*bigRows, MaxRows)
	if more[2] != 3 || more[bigRows] != 7 || more[2*bigRows-1] != 0 || len(more) != 2*bigRows {
		t.Fatal("lost or not zero")
	}
	if Smooth(bigRows+1) && unsafe.SliceData(more) != unsafe.SliceData(big) {
		t.Fatal("a large slice was copied")
	}
	mine := Extend(&other, []int64(nil), bigRows+1, MaxRows)
	mine[0] = 5
	if more[0] != 1 {
		t.Fatal("two slices share their memory")
	}
	heap := make([]byte, 4, 100)
	copy(heap[:10], "abcdefghij")
	if got := Extend(&r, heap, 10, MaxRows); got[9] != 0 {
		t.Fatal("what lay behind a slice came back")
	}
}

// TestRoomsGoBack: the address space of columns that nobody holds is used again; this
// many at once there is not.
func TestRoomsGoBack(t *testing.T) {
	if !canReserve {
		t.Skip("no address space to give back")
	}
	for range 400 {
		for range 40 {
			c := NewColumn(types.TBigInt.Required())
			c.Grow(bigRows + 1)
			if len(c.room.maps.list) != 1 {
				t.Fatal("a large column lies in the heap")
			}
			c.I64[bigRows] = 1
		}
		runtime.GC()
	}
}
