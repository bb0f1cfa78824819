package savepoint

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/engine/journal"
	"github.com/millrace/millrace/internal/vfs"
	"github.com/millrace/millrace/internal/wire"
)

// memLog is a journal in memory.
type memLog struct {
	batches []wire.Batch
	end     int64
}

func (l *memLog) Append(batches []byte) (int64, error) {
	for len(batches) > 0 {
		b, rest, err := wire.ParseBatch(batches)
		if err != nil {
			return 0, err
		}
		b = slices.Clone(b)
		b.SetBaseOffset(l.end)
		l.batches, l.end, batches = append(l.batches, b), b.NextOffset(), rest
	}
	return l.end - 1, nil
}

func (l *memLog) Read(from int64, _ int, _ []byte) ([]byte, error) {
	for _, b := range l.batches {
		if b.LastOffset() >= from {
			return b, nil
		}
	}
	return nil, nil
}

func (l *memLog) WaitDurable(context.Context, int64) error { return nil }
func (l *memLog) Start() int64                             { return 0 }
func (l *memLog) End() int64                               { return l.end }
func (l *memLog) DeleteBefore(int64) error                 { return nil }

// sample is a journal of three epochs with so many state records each.
func sample(t testing.TB, records int) *journal.Recovered {
	t.Helper()
	log := &memLog{}
	w := journal.NewWriter(log, nil)
	for epoch := range int64(3) {
		w.Open(epoch, epoch == 0, 1000+epoch)
		if epoch == 0 {
			w.Begin(&journal.Begin{
				JobID: "job", MaxParallelism: 128, Nodes: []string{"scan", "count", "sink"},
				Sources: []journal.Source{{Node: 0, Splits: []journal.Split{{ID: "t-0", Start: []byte{0}}, {ID: "t-1", Start: []byte{0}, End: []byte{9}}}}},
				Sinks:   []journal.Sink{{Node: 2, Identity: []byte("identity")}},
			})
		}
		for i := range records {
			if err := w.State(1, i%2, fmt.Appendf(nil, "epoch %d, record %d, %s", epoch, i, strings.Repeat("x", i%100))); err != nil {
				t.Fatal(err)
			}
		}
		c := &journal.Commit{
			Time:   time.UnixMilli(1000 + epoch),
			Splits: []journal.SplitMark{{Position: []byte{byte(epoch)}, Watermark: epoch}},
			Nodes:  []journal.NodeMark{{Node: 1, Input: epoch, Watermark: epoch - 1, Counters: []int64{epoch}}},
			Tokens: []journal.Token{{Token: []byte("token")}},
		}
		if err := w.Commit(context.Background(), c); err != nil {
			t.Fatal(err)
		}
	}
	rec, err := journal.Open(log)
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

func describe(t testing.TB, rec *journal.Recovered) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "epoch %d at %d of %s, %d key groups\n", rec.Epoch, rec.Time.UnixMilli(), rec.Begin.JobID, rec.Begin.MaxParallelism)
	fmt.Fprintf(&b, "nodes %v, sources %v\nsplits %v\nmarks %v\n", rec.Begin.Nodes, rec.Begin.Sources, rec.Splits, rec.Nodes)
	err := rec.State(func(node, worker int, delta []byte) error {
		fmt.Fprintf(&b, "state of %d on %d: %s\n", node, worker, delta)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestRoundTrip: what is read is what was written, in one file or in many, but for the
// identity and the tokens of sinks.
func TestRoundTrip(t *testing.T) {
	rec := sample(t, 300)
	fs := vfs.NewMem()
	m := &Manifest{Millrace: "test", Job: Job{ID: "job", SQL: "INSERT"}, Operators: []Operator{{ID: "count", Name: "Count"}}}
	if err := Write(context.Background(), fs, "dir/sp", rec, m); err != nil {
		t.Fatal(err)
	}
	// All of it survives a crash.
	sp, err := Open(fs.CrashClone(vfs.CrashOptions{}), "dir/sp")
	if err != nil {
		t.Fatal(err)
	}
	defer sp.Close()
	if got, want := describe(t, sp.State), describe(t, rec); got != want {
		t.Errorf("read:\n%s\nwritten:\n%s", got, want)
	}
	if sp.State.Begin.Sinks[0].Identity != nil || sp.State.Tokens[0] != nil {
		t.Error("the savepoint has the identity of the job that was saved")
	}
	o := sp.Manifest.Operators
	if o[1].Name != "Count" || o[1].StateBytes == 0 || o[0].StateBytes != 0 || !bytes.Equal(o[0].Splits[0].Position, []byte{2}) {
		t.Errorf("operators: %+v", o)
	}
	if err := Write(context.Background(), fs, "dir/sp", rec, &Manifest{}); err == nil {
		t.Error("a savepoint was written over another")
	}
}

func TestManyFiles(t *testing.T) {
	rec := sample(t, 100)
	fs := vfs.NewMem()
	if err := fs.MkdirAll("sp"); err != nil {
		t.Fatal(err)
	}
	out := &output{fs: fs, dir: "sp", limit: 1}
	begin := *rec.Begin
	// Each run is a batch of its own, and so a file.
	for range 3 {
		run := &journal.Copy{Begin: &begin, Commit: &journal.Commit{Time: rec.Time}, Nodes: func(n int) []int { return []int{n} }}
		if _, err := run.To(context.Background(), out, rec); err != nil {
			t.Fatal(err)
		}
	}
	if len(out.files) != 3 {
		t.Fatalf("%d files", len(out.files))
	}
	in := &input{}
	for _, f := range out.files {
		if err := in.openFile(fs, "sp", f); err != nil {
			t.Fatal(err)
		}
	}
	if in.End() != out.End() {
		t.Errorf("the files end at %d, %d was written", in.End(), out.End())
	}
}

// TestDamage changes each byte of a savepoint in turn, shortens its files, and takes them
// away: it is always found, in one line.
func TestDamage(t *testing.T) {
	fs := vfs.NewMem()
	if err := Write(context.Background(), fs, "sp", sample(t, 5), &Manifest{Job: Job{ID: "job", SQL: "INSERT"}}); err != nil {
		t.Fatal(err)
	}
	names, err := fs.List("sp")
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what string, fs vfs.FS) {
		t.Helper()
		sp, err := Open(fs, "sp")
		if err == nil {
			sp.Close()
			t.Errorf("%s: not found", what)
		} else if strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %q is not one line", what, err)
		}
	}
	for _, name := range names {
		whole := readFile(t, fs, path.Join("sp", name))
		for i := range whole {
			for _, flip := range []byte{1, 0x80} {
				bad := slices.Clone(whole)
				bad[i] ^= flip
				refused(fmt.Sprintf("%s with byte %d changed", name, i), with(t, fs, name, bad))
			}
		}
		refused(name+" without its last byte", with(t, fs, name, whole[:len(whole)-1]))
		refused(name+" empty", with(t, fs, name, nil))
		refused(name+" longer", with(t, fs, name, append(slices.Clone(whole), 0)))
		clone := fs.CrashClone(vfs.CrashOptions{UnsyncedDataPercent: 100})
		if err := clone.Remove(path.Join("sp", name)); err != nil {
			t.Fatal(err)
		}
		refused("without "+name, clone)
	}
}

func readFile(t *testing.T, fs vfs.FS, name string) []byte {
	t.Helper()
	f, err := fs.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, size)
	if _, err := f.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	return b
}

// with is the savepoint with another file.
func with(t *testing.T, fs *vfs.Mem, name string, content []byte) vfs.FS {
	t.Helper()
	clone := fs.CrashClone(vfs.CrashOptions{UnsyncedDataPercent: 100})
	f, err := clone.Create(path.Join("sp", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(content, 0); err != nil {
		t.Fatal(err)
	}
	return clone
}

// TestFullDisk: a savepoint that cannot be written leaves nothing, and is none.
func TestFullDisk(t *testing.T) {
	for _, script := range []string{"write state-* enospc", "sync state-* eio", "write _metadata* enospc", "sync _metadata* eio", "rename * eio", "create _metadata* enospc", "syncdir * eio"} {
		mem := vfs.NewMem()
		fs, err := vfs.WithFaults(mem, script)
		if err != nil {
			t.Fatal(err)
		}
		if err := Write(context.Background(), fs, "sp", sample(t, 5), &Manifest{}); err == nil {
			t.Errorf("%s: written", script)
		}
		if names, err := mem.List("sp"); err == nil || !vfs.IsNotExist(err) {
			t.Errorf("%s: left are %v, %v", script, names, err)
		}
	}
}

// TestUnfinished: what a crash leaves of a savepoint that was being written is none.
func TestUnfinished(t *testing.T) {
	want := describe(t, sample(t, 5))
	for n := range 12 {
		fs := &stopping{FS: vfs.NewMem(), left: n}
		if err := Write(context.Background(), fs, "sp", sample(t, 5), &Manifest{Job: Job{ID: "job"}}); err == nil {
			return // it needs no more calls than that
		}
		for seed := range int64(4) {
			clone := fs.then.CrashClone(vfs.CrashOptions{UnsyncedDataPercent: 50, Seed: seed})
			// It is whole if only names were not synced yet.
			if sp, err := Open(clone, "sp"); err == nil {
				if got := describe(t, sp.State); got != want {
					t.Errorf("after %d calls, seed %d:\n%s", n, seed, got)
				}
				sp.Close()
			}
		}
	}
	t.Fatal("a savepoint needs more calls than expected")
}

// stopping is a file system that keeps how it was when a number of names were changed.
type stopping struct {
	vfs.FS
	left int
	then *vfs.Mem
}

var errStopped = errors.New("stopped")

func (s *stopping) step() error {
	if s.left--; s.left < 0 {
		if s.then == nil {
			s.then = s.FS.(*vfs.Mem).CrashClone(vfs.CrashOptions{UnsyncedDataPercent: 100})
		}
		return errStopped
	}
	return nil
}

func (s *stopping) Create(name string) (vfs.File, error) {
	if err := s.step(); err != nil {
		return nil, err
	}
	return s.FS.Create(name)
}

func (s *stopping) Rename(old, new string) error {
	if err := s.step(); err != nil {
		return err
	}
	return s.FS.Rename(old, new)
}

func (s *stopping) SyncDir(dir string) error {
	if err := s.step(); err != nil {
		return err
	}
	return s.FS.SyncDir(dir)
}

// FuzzManifest: whatever stands in a manifest is read or refused, in one line.
func FuzzManifest(f *testing.F) {
	good, err := (&Manifest{Job: Job{ID: "job"}, Files: []File{{Name: "state-00001", Size: 3}}}).encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte("millrace-savepoint 2 x\n{}"))
	f.Add([]byte("millrace-savepoint 1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decode("sp", b)
		if (m == nil) == (err == nil) && err == nil {
			t.Fatal("neither a manifest nor an error")
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Fatalf("%q is not one line", err)
		}
	})
}

func TestNewerFormat(t *testing.T) {
	_, err := decode("sp", []byte("millrace-savepoint 2 who knows what\n"))
	if err == nil || !strings.Contains(err.Error(), "format 2") {
		t.Error(err)
	}
}
