package commitlog

import (
	"fmt"
	"math/rand"
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/vfs"
	"github.com/millrace/millrace/internal/wire"
)

// TestFlippedBits flips bits in any file of a closed log. Whatever was hit: a read gives what was written or an error, the log ends
// where it did, and all that a single bit can take is the batches that it is in or next to. What is beside the data is made anew.
func TestFlippedBits(t *testing.T) {
	for seed := range int64(300) {
		rng := rand.New(rand.NewSource(seed))
		fs := vfs.NewMem()
		clk := &clock{ms: 1e12}
		l := mustOpen(t, memOptions(fs, clk, nil))
		for i := range 60 {
			mustAppend(t, l, testBatch{n: 1 + rng.Intn(3), size: rng.Intn(300), ts: clk.ms + int64(i), pid: int64(1 + i%2), seq: l.seq(int64(1 + i%2)),
				tag: fmt.Sprintf("r%d.", i)})
		}
		syncNow(l)
		want := contents(t, l, 0, HighWatermark)
		end := l.EndOffset()
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		names, _ := fs.List("p")
		var name string
		for name == "" || name == metadataName {
			name = names[rng.Intn(len(names))]
		}
		at := flipRandom(t, rng, fs, "p/"+name)
		if at < 0 {
			continue
		}
		var findings []Finding
		l = mustOpen(t, memOptions(fs, clk, &findings))
		isLog := strings.HasSuffix(name, logSuffix)
		if l.EndOffset() != end {
			t.Fatalf("seed %d, %s at %d: the log ends at %d, it did at %d: %v", seed, name, at, l.EndOffset(), end, findings)
		}
		lost := 0
		for off := int64(0); off < end; {
			c, err := l.Read(off, 1, HighWatermark, true)
			if err == nil && c.Damage != nil {
				gap, err := c.Bytes(nil)
				if err != nil || wire.Batch(gap).CheckCRC() != nil || wire.Batch(gap).NextOffset() <= off {
					t.Fatalf("seed %d, %s at %d: offset %d: %v, %x", seed, name, at, off, err, gap)
				}
				lost += int(wire.Batch(gap).NextOffset() - off)
				off = wire.Batch(gap).NextOffset()
				continue
			}
			if err != nil {
				t.Fatalf("seed %d, %s at %d: %v", seed, name, at, err)
			}
			b, err := c.Bytes(nil)
			c.Release()
			batch, _, perr := wire.ParseBatch(b)
			if err != nil || perr != nil || batch.BaseOffset() > off || batch.LastOffset() < off {
				t.Fatalf("seed %d, %s at %d: offset %d: %v %v", seed, name, at, off, err, perr)
			}
			for it := wire.Records(batch, nil); it.Next(); {
				if r := it.Record(); string(r.Value) != want[r.Offset] {
					t.Fatalf("seed %d, %s at %d: offset %d is %q, want %q", seed, name, at, r.Offset, r.Value, want[r.Offset])
				}
			}
			off = batch.NextOffset()
		}
		if !isLog && lost > 0 || lost > 6 {
			t.Fatalf("seed %d, %s at %d: %d records lost: %v", seed, name, at, lost, findings)
		}
		mustAppend(t, l, testBatch{tag: "after"})
		syncNow(l)
		if got := contents(t, l, end, HighWatermark); len(got) != 1 {
			t.Fatalf("seed %d: %v", seed, got)
		}
	}
}

// seq is the sequence number that a producer sends next.
func (l *Log) seq(pid int64) int32 {
	for _, p := range l.Producers() {
		if p.ProducerID == pid {
			return p.LastSequence + 1
		}
	}
	return 0
}

func flipRandom(t *testing.T, rng *rand.Rand, fs vfs.FS, name string) int64 {
	f, err := fs.OpenReadWrite(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size, _ := f.Size()
	if size == 0 {
		return -1
	}
	at := rng.Int63n(size)
	var b [1]byte
	if _, err := f.ReadAt(b[:], at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 1 << rng.Intn(8)
	if _, err := f.WriteAt(b[:], at); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	return at
}
