package commitlog

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/millrace/millrace/internal/vfs"
)

// Kafka's index files have no checksums. An offset index that lies is found out, for every lookup ends at a batch (verify.go); but a
// time index that lies gives wrong offsets for times and lets retention delete what should stay, and an index of aborted transactions
// that lies shows a reader what was aborted. So we keep their checksums: those of the last segment's, up to the mark, in the
// checkpoint; those of a closed segment's in a file of its own, beside them:
//
//	+---------+------------+------------------+-----------------------+-------------------------------+---------+-------+
//	| magic 4 | log size 8 | index: entries 4,| time index: entries 4,| aborted transactions: entries | next    | crc 4 |
//	|         |            | crc 4            | crc 4                 | 4, crc 4                      | base 8  |       |
//	+---------+------------+------------------+-----------------------+-------------------------------+---------+-------+
//
// The base of the segment that followed says whether that one is still there (lostmarker.go).
//
// A segment without that file, such as one that Kafka wrote, or whose log has another size, has its indexes believed if they are
// plausible.
type sums struct{ index, times, aborted sum }

// sum is of so many first entries of a file.
type sum struct {
	entries int
	crc     uint32
}

const (
	sumsMagic = 0x6d727331 // "mrs1"
	sumsSize  = 48
)

func sumOf(entries int, b []byte) sum { return sum{entries, crc32.Checksum(b, castagnoli)} }

// sumsLocked are those of so many entries of the indexes in memory.
func (s *segment) sumsLocked(index, times, aborted int) sums {
	return sums{
		index:   sumOf(index, s.mu.index[:index].appendTo(nil)),
		times:   sumOf(times, s.mu.times[:times].appendTo(nil)),
		aborted: sumOf(aborted, appendAborted(nil, s.mu.aborted[:aborted])),
	}
}

// writeSums keeps the checksums of a closed segment's indexes, durably but for the name.
func (s *segment) writeSums() error {
	if s.moved.Load() {
		return nil
	}
	s.mu.RLock()
	if !s.mu.loaded {
		s.mu.RUnlock()
		return nil
	}
	sum := s.sumsLocked(len(s.mu.index), len(s.mu.times), len(s.mu.aborted))
	s.mu.RUnlock()
	return writeFile(s.fs, s.path(s.base, sumsSuffix), sum.encode(s.size.Load(), s.next.Load()), true)
}

func (x sums) encode(size, next int64) []byte {
	b := binary.BigEndian.AppendUint32(make([]byte, 0, sumsSize), sumsMagic)
	b = binary.BigEndian.AppendUint64(b, uint64(size))
	for _, e := range []sum{x.index, x.times, x.aborted} {
		b = binary.BigEndian.AppendUint32(b, uint32(e.entries))
		b = binary.BigEndian.AppendUint32(b, e.crc)
	}
	b = binary.BigEndian.AppendUint64(b, uint64(next))
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// readSums gives the checksums that were kept for a segment, and the base of the one that followed it; nil if there are none, or none
// for it as it is.
func (s *segment) readSums() (_ *sums, next int64) {
	b, err := readFile(s.fs, s.path(s.base, sumsSuffix))
	if err != nil || len(b) != sumsSize || binary.BigEndian.Uint32(b) != sumsMagic ||
		binary.BigEndian.Uint32(b[sumsSize-4:]) != crc32.Checksum(b[:sumsSize-4], castagnoli) ||
		int64(binary.BigEndian.Uint64(b[4:])) != s.size.Load() {
		return nil, s.next.Load()
	}
	at := func(off int) sum {
		return sum{int(binary.BigEndian.Uint32(b[off:])), binary.BigEndian.Uint32(b[off+4:])}
	}
	return &sums{at(12), at(20), at(28)}, int64(binary.BigEndian.Uint64(b[36:]))
}

// indexFiles are the contents of a segment's three index files; missing ones are nil.
type indexFiles struct{ index, times, aborted []byte }

func (s *segment) readIndexes() (x indexFiles, err error) {
	for _, f := range []struct {
		suffix string
		to     *[]byte
	}{{indexSuffix, &x.index}, {timeSuffix, &x.times}, {txnSuffix, &x.aborted}} {
		if *f.to, err = readFile(s.fs, s.path(s.base, f.suffix)); err != nil && !vfs.IsNotExist(err) {
			return x, err
		}
	}
	return x, nil
}

// cut cuts the files to what was summed; ok says that all of it is there and right.
func (x *indexFiles) cut(want sums) (ok bool) {
	for _, f := range []struct {
		b    *[]byte
		size int
		want sum
	}{{&x.index, indexEntrySize, want.index}, {&x.times, timeEntrySize, want.times}, {&x.aborted, abortedSize, want.aborted}} {
		n := f.want.entries * f.size
		if len(*f.b) < n || sumOf(f.want.entries, (*f.b)[:n]) != f.want {
			return false
		}
		*f.b = (*f.b)[:n]
	}
	return true
}
