package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

type testRecord struct {
	ts         int64
	key, value []byte
	headers    []Header
}

func randomBytes(rng *rand.Rand) []byte {
	switch rng.Intn(5) {
	case 0:
		return nil
	case 1:
		return []byte{}
	}
	b := make([]byte, rng.Intn(300))
	for i := range b {
		b[i] = byte('a' + rng.Intn(4))
	}
	return b
}

func randomRecords(rng *rand.Rand) []testRecord {
	list := make([]testRecord, 1+rng.Intn(50))
	for i := range list {
		r := testRecord{ts: 1_700_000_000_000 + int64(rng.Intn(10_000)) - 5_000, key: randomBytes(rng), value: randomBytes(rng)}
		for range rng.Intn(3) {
			r.headers = append(r.headers, Header{fmt.Sprint("h", rng.Intn(9)), randomBytes(rng)})
		}
		list[i] = r
	}
	return list
}

func build(list []testRecord, c Codec) Batch {
	b := NewBuilder(nil)
	b.SetCodec(c)
	b.SetProducer(77, 3, 12)
	b.SetTransactional(true)
	for _, r := range list {
		b.Append(r.ts, r.key, r.value, r.headers)
	}
	return b.Bytes()
}

func sameBytes(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }

func checkRecords(t *testing.T, b Batch, list []testRecord) {
	t.Helper()
	it := Records(b, &Decompressor{})
	i := 0
	for ; it.Next(); i++ {
		r, want := it.Record(), list[i]
		if r.Offset != b.BaseOffset()+int64(i) || r.Timestamp != want.ts || !sameBytes(r.Key, want.key) || !sameBytes(r.Value, want.value) {
			t.Fatalf("record %d is %+v, want %+v", i, r, want)
		}
		h := r.Headers
		if h.Len() != len(want.headers) {
			t.Fatalf("record %d has %d headers, want %d", i, h.Len(), len(want.headers))
		}
		for _, wh := range want.headers {
			k, v, ok := h.Next()
			if !ok || string(k) != wh.Key || !sameBytes(v, wh.Value) {
				t.Fatalf("record %d: header %q %q, want %+v", i, k, v, wh)
			}
		}
	}
	if it.Err() != nil || i != len(list) {
		t.Fatalf("%d of %d records: %v", i, len(list), it.Err())
	}
}

func TestRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	for round := range 200 {
		for c := None; c <= Zstd; c++ {
			list := randomRecords(rng)
			b := build(list, c)
			b.SetBaseOffset(int64(round) * 1000)
			b.SetLeaderEpoch(5)
			got, rest, err := ParseBatch(append(slices.Clone(b), "more"...))
			if err != nil || string(rest) != "more" {
				t.Fatal(err, rest)
			}
			if err := got.CheckCRC(); err != nil {
				t.Fatal(err)
			}
			if got.Codec() != c || got.ProducerID() != 77 || got.ProducerEpoch() != 3 || got.BaseSequence() != 12 ||
				!got.IsTransactional() || got.IsControl() || got.LeaderEpoch() != 5 || got.Size() != len(b) ||
				int(got.RecordCount()) != len(list) || got.LastSequence() != 12+int32(len(list))-1 {
				t.Fatalf("header of %v is wrong", c)
			}
			checkRecords(t, got, list)
		}
	}
}

// TestAgainstKmsg reads with another implementation what this one wrote, and the other way round.
func TestAgainstKmsg(t *testing.T) {
	rng := rand.New(rand.NewSource(2))
	for range 200 {
		list := randomRecords(rng)
		b := build(list, None)
		var k kmsg.RecordBatch
		if err := k.ReadFrom(b); err != nil {
			t.Fatal(err)
		}
		if k.ProducerID != 77 || k.NumRecords != int32(len(list)) || k.CRC != int32(b.CRC()) || k.MaxTimestamp != b.MaxTimestamp() ||
			k.FirstTimestamp != list[0].ts || k.Length != b.Length() || k.Attributes != b.Attributes() || k.LastOffsetDelta != b.LastOffsetDelta() {
			t.Fatalf("kmsg reads %+v", k)
		}
		var theirs []byte
		rest := k.Records
		for i, want := range list {
			var r kmsg.Record
			if err := r.ReadFrom(rest); err != nil {
				t.Fatal(err)
			}
			size, n := varint(rest)
			rest = rest[n+int(size):]
			if int(r.OffsetDelta) != i || r.TimestampDelta64 != want.ts-list[0].ts || !sameBytes(r.Key, want.key) || !sameBytes(r.Value, want.value) {
				t.Fatalf("kmsg reads record %+v, want %+v", r, want)
			}
			theirs = r.AppendTo(theirs)
		}
		if !bytes.Equal(theirs, b.RecordData()) {
			t.Fatal("kmsg writes the records otherwise")
		}
		k.FirstOffset = 99
		theirs = k.AppendTo(nil)
		ours := slices.Clone(b)
		ours.SetBaseOffset(99)
		if !bytes.Equal(theirs, ours) {
			t.Fatal("kmsg writes the batch otherwise")
		}
	}
}

func TestMarker(t *testing.T) {
	for _, commit := range []bool{true, false} {
		b, rest, err := ParseBatch(BuildMarker(5, 2, commit, 9, 1234))
		if err != nil || len(rest) != 0 || b.CheckCRC() != nil {
			t.Fatal(err)
		}
		if !b.IsControl() || !b.IsTransactional() || b.BaseSequence() != -1 || b.ProducerID() != 5 || b.ProducerEpoch() != 2 || b.RecordCount() != 1 {
			t.Fatalf("marker header %x", []byte(b))
		}
		if m, err := ParseMarker(b); err != nil || m != (Marker{commit, 9}) {
			t.Fatal(m, err)
		}
	}
	if _, err := ParseMarker(build([]testRecord{{}}, None)); err == nil {
		t.Fatal("a data batch is no marker")
	}
}

func TestLogAppendTime(t *testing.T) {
	b := build([]testRecord{{ts: 5}, {ts: 6}}, None)
	b.SetLogAppendTime(100)
	if b.CheckCRC() != nil || b.TimestampType() != LogAppendTime || b.MaxTimestamp() != 100 {
		t.Fatal("not stamped")
	}
	for it := Records(b, nil); it.Next(); {
		if it.Record().Timestamp != 100 {
			t.Fatal(it.Record())
		}
	}
}

func TestParseErrors(t *testing.T) {
	b := build([]testRecord{{ts: 5, value: []byte("v")}}, None)
	for n := range len(b) {
		if _, _, err := ParseBatch(b[:n]); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("%d bytes: %v", n, err)
		}
	}
	bad := slices.Clone(b)
	bad[offMagic] = 1
	if _, _, err := ParseBatch(bad); err != ErrMagic {
		t.Fatal(err)
	}
	bad = slices.Clone(b)
	bad[offLength] = 0x80
	if _, _, err := ParseBatch(bad); err != ErrLength {
		t.Fatal(err)
	}
	for i := offAttributes; i < len(b); i++ {
		bad = slices.Clone(b)
		bad[i] ^= 4
		if bad.CheckCRC() == nil {
			t.Fatalf("a flipped bit at %d is not noticed", i)
		}
	}
}

func TestDecompressLimit(t *testing.T) {
	src := make([]byte, 1<<20)
	for c := Gzip; c <= Zstd; c++ {
		packed, err := Compress(nil, c, src)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := (&Decompressor{Limit: 1<<20 - 1}).Decompress(c, packed); !errors.Is(err, ErrTooLarge) {
			t.Fatalf("%v: %v", c, err)
		}
		d := &Decompressor{Limit: 1 << 20}
		for range 2 {
			if got, err := d.Decompress(c, packed); err != nil || !bytes.Equal(got, src) {
				t.Fatalf("%v: %v, %d bytes", c, err, len(got))
			}
		}
		if _, err := d.Decompress(c, packed[:len(packed)/2]); err == nil {
			t.Fatalf("%v: half of it is accepted", c)
		}
		if got, err := d.Decompress(c, packed); err != nil || len(got) != len(src) {
			t.Fatalf("%v after an error: %v", c, err)
		}
	}
	if _, err := (&Decompressor{}).Decompress(7, src); !errors.Is(err, ErrDecompress) {
		t.Fatal(err)
	}
}

func TestVarint(t *testing.T) {
	for _, v := range []int64{0, -1, 1, 63, -64, 64, -65, 1 << 20, math.MaxInt32, math.MinInt32, math.MaxInt64, math.MinInt64} {
		b := appendVarint(nil, v)
		if got, n := varint(b); got != v || n != len(b) || n != varintSize(v) {
			t.Errorf("%d: %d, %d bytes of %d, size %d", v, got, n, len(b), varintSize(v))
		}
		if _, n := varint(b[:len(b)-1]); n != 0 {
			t.Errorf("%d cut off is accepted", v)
		}
	}
	if _, n := varint(bytes.Repeat([]byte{0x80}, 11)); n != 0 {
		t.Error("too long")
	}
}

func TestSequenceWraps(t *testing.T) {
	for _, c := range [][3]int32{{0, 5, 5}, {math.MaxInt32, 1, 0}, {math.MaxInt32 - 1, 3, 1}, {math.MaxInt32, 0, math.MaxInt32}} {
		if got := AddSequence(c[0], c[1]); got != c[2] {
			t.Errorf("%d + %d = %d, want %d", c[0], c[1], got, c[2])
		}
	}
}

func TestIterationDoesNotAllocate(t *testing.T) {
	b := build(randomRecords(rand.New(rand.NewSource(3))), None)
	if n := testing.AllocsPerRun(100, func() {
		for it := Records(b, nil); it.Next(); {
			h := it.Record().Headers
			for _, _, ok := h.Next(); ok; _, _, ok = h.Next() {
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	bld := NewBuilder(nil)
	value := make([]byte, 100)
	if n := testing.AllocsPerRun(100, func() {
		bld.Reset(nil)
		for i := range 100 {
			bld.Append(int64(i), nil, value, nil)
		}
		bld.Bytes()
	}); n != 0 {
		t.Errorf("builder: %v allocations", n)
	}
}

// FuzzBatch feeds the decoder anything: it may fail but not panic, nor read what is not there.
func FuzzBatch(f *testing.F) {
	rng := rand.New(rand.NewSource(4))
	for c := None; c <= Zstd; c++ {
		f.Add([]byte(build(randomRecords(rng), c)))
	}
	f.Add(BuildMarker(1, 2, true, 3, 4))
	d := &Decompressor{Limit: 1 << 20}
	f.Fuzz(func(t *testing.T, in []byte) {
		for rest := in; ; {
			b, next, err := ParseBatch(rest)
			if err != nil {
				return
			}
			b.CheckCRC()
			it := Records(b, d)
			n := 0
			for it.Next() {
				n++
				h := it.Record().Headers
				for _, _, ok := h.Next(); ok; _, _, ok = h.Next() {
				}
			}
			if it.Err() == nil && n != int(b.RecordCount()) {
				t.Fatalf("%d of %d records and no error", n, b.RecordCount())
			}
			if b.IsControl() {
				ParseMarker(b)
			}
			rest = next
		}
	})
}

func BenchmarkRecords(b *testing.B) {
	bld := NewBuilder(nil)
	for i := range 1000 {
		bld.Append(int64(i), []byte("key-12345"), make([]byte, 200), nil)
	}
	batch := Batch(bld.Bytes())
	b.SetBytes(int64(len(batch)))
	for b.Loop() {
		for it := Records(batch, nil); it.Next(); {
		}
	}
}

func BenchmarkBuild(b *testing.B) {
	bld := NewBuilder(nil)
	value := make([]byte, 200)
	for b.Loop() {
		bld.Reset(nil)
		for i := range 1000 {
			bld.Append(int64(i), []byte("key-12345"), value, nil)
		}
		b.SetBytes(int64(len(bld.Bytes())))
	}
}
