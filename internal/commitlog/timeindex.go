package commitlog

import (
	"encoding/binary"
	"math"
	"sort"
)

// The time index of a segment: the greatest timestamp so far, written beside an offset index entry when it has grown, and once more
// when the segment is closed.
//
//	+-------------+-----------------------------------+
//	| timestamp 8 | last offset of its batch, relative 4 |
//	+-------------+-----------------------------------+
//
// Everything before an entry's offset is not later than its timestamp.
const timeEntrySize = 12

type timeEntry struct {
	ts  int64
	rel uint32
}

type timeIndex []timeEntry

// before is the greatest relative offset at which no record can have reached ts yet; 0 if there is none such.
func (x timeIndex) before(ts int64) int64 {
	i := sort.Search(len(x), func(i int) bool { return x[i].ts >= ts })
	if i == 0 {
		return 0
	}
	return int64(x[i-1].rel)
}

func (x timeIndex) appendTo(b []byte) []byte {
	for _, e := range x {
		b = binary.BigEndian.AppendUint64(b, uint64(e.ts))
		b = binary.BigEndian.AppendUint32(b, e.rel)
	}
	return b
}

// parseTimes reads the entries that can be right; clean says that they were all.
func parseTimes(b []byte) (x timeIndex, clean bool) {
	x = make(timeIndex, 0, len(b)/timeEntrySize)
	last := timeEntry{ts: math.MinInt64}
	for ; len(b) >= timeEntrySize; b = b[timeEntrySize:] {
		e := timeEntry{int64(binary.BigEndian.Uint64(b)), binary.BigEndian.Uint32(b[8:])}
		if e.ts <= last.ts || len(x) > 0 && e.rel <= last.rel {
			return x, false
		}
		x, last = append(x, e), e
	}
	return x, len(b) == 0
}
