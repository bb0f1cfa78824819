package commitlog

import (
	"encoding/binary"
	"sort"
)

// The offset index of a segment: for about every IndexIntervalBytes of the log one batch.
//
//	+----------------------------------+----------------+
//	| last offset of batch, relative 4 | its position 4 |
//	+----------------------------------+----------------+
//
// Both grow from entry to entry, and no entry has position 0: a zero entry is where a file was extended but not written. As the
// entry names the batch's last offset, a search for the greatest entry not above an offset never lands after the batch that holds
// it. The positions are batch boundaries, which cut the segment into the intervals that verify.go checks.
const indexEntrySize = 8

type indexEntry struct{ rel, pos uint32 }

type offsetIndex []indexEntry

// floor is the position from which to look for a relative offset.
func (x offsetIndex) floor(rel int64) int64 {
	i := sort.Search(len(x), func(i int) bool { return int64(x[i].rel) > rel })
	if i == 0 {
		return 0
	}
	return int64(x[i-1].pos)
}

// interval is the number of the interval that holds a position: 0 before the first entry.
func (x offsetIndex) interval(pos int64) int {
	return sort.Search(len(x), func(i int) bool { return int64(x[i].pos) > pos })
}

// bounds are the positions of an interval, up to end in the last one.
func (x offsetIndex) bounds(interval int, end int64) (from, to int64) {
	if interval > 0 {
		from = int64(x[interval-1].pos)
	}
	if interval < len(x) {
		end = min(end, int64(x[interval].pos))
	}
	return from, end
}

func (x offsetIndex) appendTo(b []byte) []byte {
	for _, e := range x {
		b = binary.BigEndian.AppendUint32(b, e.rel)
		b = binary.BigEndian.AppendUint32(b, e.pos)
	}
	return b
}

// parseIndex reads the entries that can be right for a log of the given size; clean says that they were all.
func parseIndex(b []byte, size int64) (x offsetIndex, clean bool) {
	x = make(offsetIndex, 0, len(b)/indexEntrySize)
	last := indexEntry{}
	for ; len(b) >= indexEntrySize; b = b[indexEntrySize:] {
		e := indexEntry{binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])}
		if e.pos <= last.pos || len(x) > 0 && e.rel <= last.rel || int64(e.pos) >= size {
			return x, false
		}
		x, last = append(x, e), e
	}
	return x, len(b) == 0
}
