package commitlog

import "encoding/binary"

// The transaction index of a segment: the aborted transactions whose markers are in it.
//
//	+-----------+---------------+----------------+---------------+----------------------+
//	| version 2 | producer id 8 | first offset 8 | last offset 8 | last stable offset 8 |
//	+-----------+---------------+----------------+---------------+----------------------+
//
// The last offset is the marker's. The last stable offset is the log's once this transaction is decided: a search over offsets below
// it need not look at later entries, for a later one cannot begin before it.
const abortedSize = 34

// AbortedTxn is a transaction whose records a read_committed reader skips.
type AbortedTxn struct{ ProducerID, FirstOffset, LastOffset int64 }

type abortedEntry struct {
	AbortedTxn
	stable int64
}

func appendAborted(b []byte, list []abortedEntry) []byte {
	for _, a := range list {
		b = binary.BigEndian.AppendUint16(b, 0)
		b = binary.BigEndian.AppendUint64(b, uint64(a.ProducerID))
		b = binary.BigEndian.AppendUint64(b, uint64(a.FirstOffset))
		b = binary.BigEndian.AppendUint64(b, uint64(a.LastOffset))
		b = binary.BigEndian.AppendUint64(b, uint64(a.stable))
	}
	return b
}

// parseAborted reads the entries that can be right for a segment; clean says that they were all.
func parseAborted(b []byte, base int64) (list []abortedEntry, clean bool) {
	last := base - 1
	for ; len(b) >= abortedSize; b = b[abortedSize:] {
		i64 := func(off int) int64 { return int64(binary.BigEndian.Uint64(b[off:])) }
		a := abortedEntry{AbortedTxn{i64(2), i64(10), i64(18)}, i64(26)}
		if binary.BigEndian.Uint16(b) != 0 || a.LastOffset <= last || a.FirstOffset > a.LastOffset {
			return list, false
		}
		list, last = append(list, a), a.LastOffset
	}
	return list, len(b) == 0
}
