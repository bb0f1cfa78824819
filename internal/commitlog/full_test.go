package commitlog

import (
	"errors"
	"fmt"
	"math/rand"
	"testing"

	"github.com/millrace/millrace/internal/vfs"
	"github.com/millrace/millrace/internal/wire"
)

// TestFullEverywhere has the disk full at every call that takes space, one after the other, for a while. Whatever meets it: nothing
// panics, what was durable is served, all the time and after a crash, and appends go on once there is space.
func TestFullEverywhere(t *testing.T) {
	for _, rule := range []string{"create * %s enospc", "mkdir * %s enospc", "write * %s enospc", "write * %s short", "rename * %s enospc",
		"preallocate * %s enospc", "sync *.index %s enospc", "sync *.snapshot %s enospc", "sync *.log %s enospc", "sync millrace-checkpoint %s enospc"} {
		t.Run(rule, func(t *testing.T) {
			for after := range 45 {
				testFull(t, fmt.Sprintf(rule, fmt.Sprintf("after=%d times=%d", after, 1+after%7*3)), int64(after))
			}
		})
	}
}

func testFull(t *testing.T, script string, seed int64) {
	rng := rand.New(rand.NewSource(seed))
	mem := vfs.NewMem()
	fs, err := vfs.WithFaults(mem, script)
	if err != nil {
		t.Fatal(err)
	}
	clk := &clock{ms: 1e12}
	space := NewSpace(SpaceOptions{FS: fs, Dir: "."})
	var l *Log
	reopen := func() {
		o := memOptions(fs, clk, nil)
		o.Config.SegmentBytes, o.Space = 1500, space
		if l, err = Open(o); err != nil && !isFull(err) {
			t.Fatalf("%s: %v", script, err)
		}
		if l != nil {
			l.round.markEvery = 2000
		}
	}
	durable := map[int64]string{}
	check := func(l *Log) {
		if len(durable) == 0 {
			return
		}
		got := contents(t, l, 0, HighWatermark)
		for at, v := range durable {
			if got[at] != v {
				t.Fatalf("%s: offset %d is %q, want %q", script, at, got[at], v)
			}
		}
	}
	for i := range 60 {
		clk.set(clk.ms + 300)
		if l == nil {
			if reopen(); l == nil {
				continue
			}
			check(l)
		}
		written := map[int64]string{}
		for k := range 1 + rng.Intn(3) {
			b := testBatch{tag: fmt.Sprintf("v%d.%d.", i, k), size: 100 + rng.Intn(300), ts: clk.ms}
			info, err := l.Append(b.bytes(), Origin(rng.Intn(3)), 0)
			if err != nil {
				if !errors.Is(err, ErrNoSpace) && !errors.Is(err, ErrOffline) {
					t.Fatalf("%s: %v", script, err)
				}
				continue
			}
			for it := wire.Records(b.bytes(), nil); it.Next(); {
				written[info.FirstOffset] = string(it.Record().Value)
			}
		}
		syncNow(l)
		for at, v := range written {
			if at < l.HighWatermark() {
				durable[at] = v
			}
		}
		if errors.Is(l.Err(), ErrOffline) {
			l.Close()
			l = nil
		}
		if i%20 == 19 && l != nil {
			check(l)
		}
	}
	if err := fs.Set(""); err != nil {
		t.Fatal(err)
	}
	after := mustOpen(t, memOptions(mem.CrashClone(vfs.CrashOptions{Seed: seed, UnsyncedDataPercent: rng.Intn(101)}), clk, nil))
	check(after)
	if l == nil {
		reopen()
	}
	mustAppend(t, l, testBatch{tag: "last", ts: clk.ms})
	syncNow(l)
	check(l)
	if l.HighWatermark() != l.EndOffset() {
		t.Fatalf("%s: the last record is not durable", script)
	}
}

// freeFS says how much is free.
type freeFS struct {
	vfs.FS
	free int64
}

func (f *freeFS) Free(string) (int64, error) { return f.free, nil }

// TestSpace crosses the soft limit: producers are refused, coordinators are not, and each edge is said once.
func TestSpace(t *testing.T) {
	fs := &freeFS{FS: vfs.NewMem(), free: 100 << 20}
	clk := &clock{ms: 1e12}
	var said []string
	o := memOptions(fs, clk, nil)
	o.Space = NewSpace(SpaceOptions{FS: fs, Dir: ".", Limit: 50 << 20, Report: func(s string) { said = append(said, s) }})
	l := mustOpen(t, o)
	mustAppend(t, l, testBatch{ts: 1e12})
	if _, err := fs.Stat(reserveName); err != nil {
		t.Fatalf("no reserve: %v", err)
	}
	for _, step := range []struct {
		free int64
		full bool
	}{{49 << 20, true}, {51 << 20, true}, {56 << 20, false}, {50 << 20, false}, {1, true}, {1, true}, {80 << 20, false}} {
		fs.free = step.free
		clk.set(clk.ms + 1000)
		_, err := l.Append(testBatch{ts: 1e12}.bytes(), FromClient, 0)
		if step.full != errors.Is(err, ErrNoSpace) {
			t.Fatalf("%d bytes free: %v", step.free, err)
		}
		if _, err := l.Append(testBatch{ts: 1e12}.bytes(), Internal, 0); err != nil {
			t.Fatal(err)
		}
	}
	if len(said) != 4 {
		t.Fatalf("%q", said)
	}
}

// TestReserve has the disk quite full: a coordinator's append finds room in the reserve, a producer's does not.
func TestReserve(t *testing.T) {
	mem := vfs.NewMem()
	fs, err := vfs.WithFaults(mem, "")
	if err != nil {
		t.Fatal(err)
	}
	clk := &clock{ms: 1e12}
	said := 0
	o := memOptions(fs, clk, nil)
	o.Space = NewSpace(SpaceOptions{FS: fs, Dir: ".", Limit: 1, Report: func(string) { said++ }})
	l := mustOpen(t, o)
	mustAppend(t, l, testBatch{ts: 1e12})
	fs.Set("write *.log times=1 enospc")
	if _, err := l.Append(testBatch{ts: 1e12}.bytes(), FromClient, 0); !errors.Is(err, ErrNoSpace) {
		t.Fatal(err)
	}
	if _, err := mem.Stat(reserveName); err != nil {
		t.Fatal("a producer has used the reserve up")
	}
	fs.Set("write *.log times=1 enospc")
	if _, err := l.Append(testBatch{ts: 1e12}.bytes(), Internal, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := mem.Stat(reserveName); err == nil || said != 1 {
		t.Fatalf("%v, said %d times", err, said)
	}
	clk.set(clk.ms + 60_000)
	mustAppend(t, l, testBatch{ts: 1e12})
	if _, err := mem.Stat(reserveName); err != nil || said != 2 {
		t.Fatalf("%v, said %d times", err, said)
	}
}
