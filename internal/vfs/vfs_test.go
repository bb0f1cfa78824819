package vfs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func content(t *testing.T, fs FS, name string) string {
	t.Helper()
	f, err := fs.Open(name)
	must(t, err)
	defer f.Close()
	size, err := f.Size()
	must(t, err)
	b := make([]byte, size)
	_, err = f.ReadAt(b, 0)
	if err != io.EOF {
		must(t, err)
	}
	return string(b)
}

func write(t *testing.T, fs FS, name, text string) File {
	t.Helper()
	f, err := fs.Create(name)
	must(t, err)
	_, err = f.WriteAt([]byte(text), 0)
	must(t, err)
	return f
}

// TestContract runs the same calls on each implementation.
func TestContract(t *testing.T) {
	faults, err := WithFaults(NewMem(), "")
	must(t, err)
	for name, fs := range map[string]FS{"os": OS, "mem": NewMem(), "faults": faults} {
		t.Run(name, func(t *testing.T) { contract(t, fs, t.TempDir()) })
	}
}

func contract(t *testing.T, fs FS, root string) {
	dir := filepath.Join(root, "a", "b")
	must(t, fs.MkdirAll(dir))
	must(t, fs.MkdirAll(dir))
	p := func(name string) string { return filepath.Join(dir, name) }

	f := write(t, fs, p("x"), "hello")
	must(t, f.Preallocate(0, 1<<16))
	if n, err := f.Size(); n != 5 || err != nil {
		t.Fatal(n, err)
	}
	_, err := f.WriteAt([]byte("!"), 7)
	must(t, err)
	if got := content(t, fs, p("x")); got != "hello\x00\x00!" {
		t.Fatalf("%q", got)
	}
	must(t, f.Truncate(2))
	must(t, f.Truncate(4))
	if got := content(t, fs, p("x")); got != "he\x00\x00" {
		t.Fatalf("%q", got)
	}
	b := make([]byte, 4)
	if n, err := f.ReadAt(b, 3); n != 1 || err != io.EOF {
		t.Fatal(n, err)
	}
	must(t, f.Sync())

	must(t, fs.Rename(p("x"), p("y")))
	must(t, fs.SyncDir(dir))
	if _, err := fs.Open(p("x")); !IsNotExist(err) {
		t.Fatal(err)
	}
	if _, err := fs.OpenReadWrite(p("x")); !IsNotExist(err) {
		t.Fatal(err)
	}
	if err := fs.Remove(p("x")); !IsNotExist(err) {
		t.Fatal(err)
	}
	if _, err := fs.Stat(p("x")); !IsNotExist(err) {
		t.Fatal(err)
	}
	if _, err := fs.List(p("nowhere")); !IsNotExist(err) {
		t.Fatal(err)
	}
	write(t, fs, p("a"), "1").Close()
	if names, err := fs.List(dir); err != nil || !slices.Equal(names, []string{"a", "y"}) {
		t.Fatal(names, err)
	}
	if info, err := fs.Stat(dir); err != nil || !info.Dir {
		t.Fatal(info, err)
	}
	if info, err := fs.Stat(p("y")); err != nil || info.Dir || info.Size != 4 {
		t.Fatal(info, err)
	}

	// A handle outlives its name.
	must(t, fs.Remove(p("y")))
	if n, err := f.ReadAt(b, 0); n != 4 || err != nil && err != io.EOF {
		t.Fatal(n, err)
	}
	must(t, f.Close())
	if _, err := f.ReadAt(b, 0); err == nil {
		t.Fatal("a closed file was read")
	}
	r, err := fs.Open(p("a"))
	must(t, err)
	if _, err := r.WriteAt(b, 0); err == nil {
		t.Fatal("a file opened for reading was written")
	}
	must(t, r.Close())

	v, err := fs.Volume(root)
	must(t, err)
	must(t, v.Sync())
	must(t, v.Close())
	lock, err := fs.Lock(p("lock"))
	must(t, err)
	if _, err := fs.Lock(p("lock")); !errors.Is(err, ErrLocked) {
		t.Fatal(err)
	}
	must(t, lock.Close())
	lock, err = fs.Lock(p("lock"))
	must(t, err)
	must(t, lock.Close())
	if n, err := fs.Free(root); n <= 0 || err != nil {
		t.Fatal(n, err)
	}
	must(t, fs.RemoveAll(filepath.Join(root, "a")))
	must(t, fs.RemoveAll(filepath.Join(root, "a")))
	if _, err := fs.Stat(dir); !IsNotExist(err) {
		t.Fatal(err)
	}
}

func TestCrashKeepsWhatWasSynced(t *testing.T) {
	for seed := range int64(200) {
		fs := NewMem()
		must(t, fs.MkdirAll("d"))
		must(t, fs.SyncDir(""))
		synced := strings.Repeat("s", 5000)
		f := write(t, fs, "d/f", synced)
		must(t, f.Sync())
		must(t, fs.SyncDir("d"))
		_, err := f.WriteAt(bytes.Repeat([]byte("n"), 2000), 4000)
		must(t, err)
		write(t, fs, "d/new", "x").Close()
		must(t, fs.Rename("d/new", "d/newer"))

		percent := rand.New(rand.NewSource(seed)).Intn(101)
		o := CrashOptions{Seed: seed, UnsyncedDataPercent: percent}
		c := fs.CrashClone(o)
		got := content(t, c, "d/f")
		if again := content(t, fs.CrashClone(o), "d/f"); again != got {
			t.Fatal("a crash cannot be repeated")
		}
		if len(got) < 5000 || len(got) > 6000 || got[:4000-4000%sectorSize] != synced[:4000-4000%sectorSize] {
			t.Fatalf("synced bytes are gone: %d bytes", len(got))
		}
		for s := 0; s < len(got); s += sectorSize {
			sector := got[s:min(s+sectorSize, len(got))]
			if strings.Contains(sector, "n") && s >= 4096 && strings.Contains(sector, "s") {
				t.Fatalf("the sector at %d is torn", s)
			}
		}
		names, err := c.List("d")
		must(t, err)
		if n := strings.Join(names, " "); n != "f" && n != "f new" && n != "f newer" {
			t.Fatalf("directory has %q", n)
		}
	}
}

// TestCrashEnds are the two ends: nothing unsynced survives, and all of it does.
func TestCrashEnds(t *testing.T) {
	fs := NewMem()
	f := write(t, fs, "f", "one")
	if names, _ := fs.CrashClone(CrashOptions{}).List(""); len(names) != 0 {
		t.Fatal("a name survives that was not synced")
	}
	must(t, fs.SyncDir(""))
	if got := content(t, fs.CrashClone(CrashOptions{}), "f"); got != "" {
		t.Fatalf("%q survives that was not synced", got)
	}
	must(t, f.Sync())
	must(t, f.Truncate(1))
	must(t, fs.Remove("f"))
	if got := content(t, fs.CrashClone(CrashOptions{}), "f"); got != "one" {
		t.Fatalf("%q", got)
	}
	if names, _ := fs.CrashClone(CrashOptions{UnsyncedDataPercent: 100}).List(""); len(names) != 0 {
		t.Fatal("a removal is undone")
	}
	v, _ := fs.Volume("")
	must(t, v.Sync())
	if names, _ := fs.CrashClone(CrashOptions{}).List(""); len(names) != 0 {
		t.Fatal("a synced removal is undone")
	}
}

func TestFaults(t *testing.T) {
	fs, err := WithFaults(NewMem(), `
		# the second write to a log, and then one more
		write *.log after=1 times=2 enospc
		sync  d/*.log times=1 eio
		write *.part short
		* locked eio
	`)
	must(t, err)
	must(t, fs.MkdirAll("d"))
	f, err := fs.Create("d/a.log")
	must(t, err)
	var got []string
	for range 4 {
		_, err := f.WriteAt([]byte("x"), 0)
		got = append(got, fmt.Sprint(errors.Is(err, syscall.ENOSPC)))
	}
	if s := strings.Join(got, " "); s != "false true true false" {
		t.Fatal(s)
	}
	if err := f.Sync(); !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	must(t, f.Sync())
	p, err := fs.Create("x.part")
	must(t, err)
	if n, err := p.WriteAt([]byte("123456"), 0); n != 3 || err == nil {
		t.Fatal(n, err)
	}
	if got := content(t, fs, "x.part"); got != "123" {
		t.Fatal(got)
	}
	if _, err := fs.Stat("locked"); !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	for _, bad := range []string{"write", "write * later=1 eio", "write * after=x eio", "write * boom", "write [ eio"} {
		if err := fs.Set(bad); err == nil {
			t.Errorf("script %q is accepted", bad)
		}
	}
}
