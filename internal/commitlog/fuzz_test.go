package commitlog

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"testing"
)

// FuzzSnapshot: any bytes under a right checksum are read or refused, and what is read is written and read again alike.
func FuzzSnapshot(f *testing.F) {
	ps := newProducers()
	for id := range int64(3) {
		ps.byID[id] = &producer{id: id, epoch: int16(id), coord: -1, n: int(id) + 1, txnFirst: id - 1, seen: 9}
	}
	f.Add(ps.snapshot()[snapshotBody:])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, body []byte) {
		b := binary.BigEndian.AppendUint16(nil, snapshotVersion)
		b = binary.BigEndian.AppendUint32(b, crc32.Checksum(body, castagnoli))
		got, ok := parseSnapshot(append(b, body...))
		if !ok {
			return
		}
		first := got.snapshot()
		again, ok := parseSnapshot(first)
		if !ok || !bytes.Equal(again.snapshot(), first) {
			t.Fatalf("read as %x, which is read as %x", first, again.snapshot())
		}
	})
}

// FuzzCheckpoint: a slot is refused, or says what it says again.
func FuzzCheckpoint(f *testing.F) {
	b := make([]byte, slotUsed)
	(&checkpoint{sequence: 7, recovery: position{9, 8, 7}, start: 3}).encode(b, 42)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) >= slotUsed { // or hardly any input would pass the checksum
			binary.BigEndian.PutUint32(b, checkpointMagic)
			binary.BigEndian.PutUint32(b[112:], 42)
			binary.BigEndian.PutUint32(b[4:], crc32.Checksum(b[8:slotUsed], castagnoli))
		}
		c, ok := decodeCheckpoint(b, 42)
		if !ok {
			return
		}
		again := make([]byte, slotUsed)
		c.encode(again, 42)
		if d, ok := decodeCheckpoint(again, 42); !ok || d != c {
			t.Fatalf("%+v was read again as %+v", c, d)
		}
	})
}

// FuzzIndexes: whatever stands in an index file, what is taken of it ascends and lies inside of the log.
func FuzzIndexes(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 2, 0, 0, 0, 5}, int64(100))
	f.Fuzz(func(t *testing.T, b []byte, size int64) {
		x, _ := parseIndex(b, size)
		for i := range x {
			if int64(x[i].pos) >= size || i > 0 && (x[i].rel <= x[i-1].rel || x[i].pos <= x[i-1].pos) {
				t.Fatalf("entry %d of %v, the log has %d bytes", i, x, size)
			}
		}
		times, _ := parseTimes(b)
		for i := 1; i < len(times); i++ {
			if times[i].ts < times[i-1].ts {
				t.Fatalf("times %v", times)
			}
		}
		parseAborted(b, 0)
		if e, err := parseEpochs(string(b)); err == nil {
			for i := 1; i < len(e); i++ {
				if e[i].epoch <= e[i-1].epoch {
					t.Fatalf("epochs %v", e)
				}
			}
		}
		parseMetadata(string(b))
	})
}
