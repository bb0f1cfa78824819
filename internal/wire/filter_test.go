package wire

import (
	"bytes"
	"math/rand"
	"testing"
)

// TestFilter takes records out of random batches and compares with a list.
func TestFilter(t *testing.T) {
	rng := rand.New(rand.NewSource(5))
	var f Filter
	for range 300 {
		list := randomRecords(rng)
		b := build(list, Codec(rng.Intn(5)))
		b.SetBaseOffset(1000)
		b.SetLeaderEpoch(7)
		if rng.Intn(4) == 0 {
			b.SetLogAppendTime(1_700_000_900_000)
		}
		keep := map[int64]bool{}
		for i := range list {
			keep[1000+int64(i)] = rng.Intn(2) == 0
		}
		var ts []int64
		r, err := f.Scan(b, func(r *Record) bool {
			if keep[r.Offset] {
				ts = append(ts, r.Timestamp)
			}
			return keep[r.Offset]
		})
		if err != nil || r.Read != len(list) || r.Kept != len(ts) {
			t.Fatalf("%+v %v", r, err)
		}
		if r.Kept == 0 {
			continue
		}
		horizon := int64(-1)
		if rng.Intn(2) == 0 {
			horizon = 1_700_000_500_000
		}
		out, err := f.Append([]byte("before"), b, horizon)
		if err != nil || !bytes.HasPrefix(out, []byte("before")) {
			t.Fatal(err)
		}
		checkFiltered(t, out[6:], b, list, keep, horizon, r)
		// Once more, as a later cleaning does it: nothing changes but the encoding.
		again, err := f.Scan(Batch(out[6:]), func(*Record) bool { return true })
		if err != nil || again.Kept != r.Kept {
			t.Fatal(again, err)
		}
		h, ok := Batch(out[6:]).DeleteHorizon()
		if !ok {
			h = -1
		}
		if same, err := f.Append(nil, out[6:], h); err != nil || !bytes.Equal(same, out[6:]) {
			t.Fatalf("filtering again changes the batch: %v", err)
		}
	}
}

func checkFiltered(t *testing.T, out []byte, b Batch, list []testRecord, keep map[int64]bool, horizon int64, r Filtered) {
	t.Helper()
	got, rest, err := ParseBatch(out)
	if err != nil || len(rest) != 0 || got.CheckCRC() != nil {
		t.Fatal(err, len(rest))
	}
	h, ok := got.DeleteHorizon()
	if got.BaseOffset() != b.BaseOffset() || got.LastOffset() != b.LastOffset() || got.LeaderEpoch() != 7 || got.ProducerID() != 77 ||
		got.BaseSequence() != 12 || got.LastSequence() != b.LastSequence() || got.Codec() != b.Codec() || !got.IsTransactional() ||
		got.TimestampType() != b.TimestampType() || ok != (horizon >= 0) || ok && h != horizon || int(got.RecordCount()) != r.Kept {
		t.Fatalf("header %x", []byte(got[:HeaderSize]))
	}
	it := Records(got, &Decompressor{})
	n, newest, tombstones := 0, int64(-1), false
	for it.Next() {
		rec := it.Record()
		want := list[rec.Offset-1000]
		wantTS := want.ts
		if b.TimestampType() == LogAppendTime {
			wantTS = b.MaxTimestamp()
		}
		if !keep[rec.Offset] || rec.Timestamp != wantTS || !sameBytes(rec.Key, want.key) || !sameBytes(rec.Value, want.value) ||
			rec.Headers.Len() != len(want.headers) {
			t.Fatalf("record %+v, want %+v", rec, want)
		}
		n, newest, tombstones = n+1, max(newest, rec.Timestamp), tombstones || rec.Value == nil
	}
	if it.Err() != nil || n != r.Kept || newest != got.MaxTimestamp() || tombstones != r.Tombstones {
		t.Fatalf("%d records of %d, newest %d, tombstones %v: %v", n, r.Kept, newest, tombstones, it.Err())
	}
}

func TestEmptyBatch(t *testing.T) {
	b := build(randomRecords(rand.New(rand.NewSource(6))), Gzip)
	b.SetBaseOffset(50)
	got, rest, err := ParseBatch(AppendEmpty(nil, b))
	if err != nil || len(rest) != 0 || got.CheckCRC() != nil || got.RecordCount() != 0 || got.Codec() != None {
		t.Fatal(err)
	}
	if got.LastOffset() != b.LastOffset() || got.LastSequence() != b.LastSequence() || got.MaxTimestamp() != b.MaxTimestamp() ||
		got.FirstTimestamp() != -1 || !got.IsTransactional() {
		t.Fatalf("header %x", []byte(got))
	}
	it := Records(got, nil)
	if it.Next() || it.Err() != nil {
		t.Fatal(it.Err())
	}
}

// TestRecompress takes random batches from each codec to each, at levels that Kafka allows.
func TestRecompress(t *testing.T) {
	rng := rand.New(rand.NewSource(8))
	levels := map[Codec][]int{None: {0}, Snappy: {0}, Gzip: {-1, 1, 9}, LZ4: {1, 9, 17}, Zstd: {-131072, 3, 22}}
	for from := None; from <= Zstd; from++ {
		for to, list := range levels {
			for _, level := range list {
				records := randomRecords(rng)
				b := build(records, from)
				out, err := Recompress([]byte("x"), b, to, level, &Decompressor{})
				if err != nil {
					t.Fatalf("%v to %v at %d: %v", from, to, level, err)
				}
				got, rest, err := ParseBatch(out[1:])
				if err != nil || len(rest) != 0 || got.CheckCRC() != nil || got.Codec() != to || got.ProducerID() != 77 || !got.IsTransactional() {
					t.Fatalf("%v to %v at %d: %v", from, to, level, err)
				}
				checkRecords(t, got, records)
			}
		}
	}
}
